// The simulated network: hosts with names, paths between them, and TCP-like streams over those
// paths. A path delays, loses, repeats and reorders packets, is slow, or passes nothing in one or
// both directions. A stream hides repetition and order as TCP does, and turns loss into delay; what
// a program can notice is left: it waits, its dial is refused or never answered, its stream is
// reset, or the other end is gone without a word (half-open). Hosts may stand behind a NAT of one
// of four kinds (RFC 4787 calls them by mapping and filtering; the names here are the older ones of
// RFC 3489). Everything is decided by the world's time line and one random source. One thread.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lab/sim/virtual_time.hpp"
#include "net/stream.hpp"

namespace calbox::lab {

/// What the way from one host to another does to packets.
struct path {
    duration latency = std::chrono::milliseconds(1);
    duration jitter{};                   // up to so much more, evenly
    unsigned lost_per_mille = 0;         // sent again after a time-out that doubles
    unsigned repeated_per_mille = 0;     // costs bandwidth; the stream drops the second copy
    unsigned reordered_per_mille = 0;    // overtaken by what was sent within `latency` after it
    std::uint64_t bytes_per_second = 0;  // 0: as fast as one likes
    bool open = true;                    // closed: nothing passes, and nobody is told
};

enum class nat_kind { full_cone, restricted, port_restricted, symmetric };

/// How a host's daemon ended: its kernel resets what was open, or nobody is left to.
enum class ending { process, power };

class line_card;

class network {
public:
    network(time_line& line, random& chance) : line_(line), chance_(chance) {}
    ~network();
    network(const network&) = delete;
    network& operator=(const network&) = delete;

    /// A host with that name; its daemon listens on "name:port". Once for each name.
    void add_host(const std::string& name);
    /// From now on `host` reaches others through the NAT box called `box`, and they reach it only
    /// as the kind of NAT allows. Hosts of one box reach each other.
    void put_behind(const std::string& host, const std::string& box, nat_kind kind);

    /// The box knows no longer who has talked to whom: nothing passes any more on the streams
    /// through it, and nobody is told. What was forwarded still is.
    void reboot(const std::string& box);

    /// The box lets everybody in to `inside` ("host:port") from now on, as port mapping asks for;
    /// the outside address.
    std::string forward(const std::string& inside);
    void forward_no_more(const std::string& outside);

    /// The way between two hosts, in one direction; starts as a copy of `usual`.
    path& way(const std::string& from, const std::string& to);
    path usual;
    /// Hosts of different sides do not hear each other; whoever is on no side hears everybody.
    void split(const std::vector<std::set<std::string>>& sides);
    void cut_one_way(const std::string& from, const std::string& to) { way(from, to).open = false; }
    /// All paths pass again; their other qualities stay.
    void heal();
    /// The host's link is down in both directions (a cable is out); nobody is told.
    void silence(const std::string& host, bool silent);
    bool passes(const std::string& from, const std::string& to) const;

    /// A transport for one life of a daemon on `host`: until pull() or its destruction.
    std::unique_ptr<line_card> plug(const std::string& host, const environment& env);

    /// Bytes of streams that have arrived so far.
    std::uint64_t carried(const std::string& from, const std::string& to) const;
    /// Told of every piece of a stream that arrives; for traces and checks.
    std::function<void(const std::string& from, const std::string& to, byte_view data)> tap;
    /// Told of every piece as it is sent, whatever becomes of it; while its sender runs.
    std::function<void(const std::string& from, const std::string& to)> sending;
    /// How many ends of streams are in use, but for these hosts' ends of what a box has cut.
    std::size_t open_streams(const std::set<std::string>& but_of = {}) const;

    /// How long a stream tries before it gives up, when nothing comes back.
    static constexpr duration gives_up = std::chrono::minutes(2);
    static constexpr duration first_retry = std::chrono::milliseconds(200);
    static constexpr duration last_retry = std::chrono::seconds(8);
    static constexpr std::size_t window = 256 * 1024;

    struct connection;

private:
    friend class line_card;
    struct host {
        bool silent = false;
        bool powered = true;
        std::string box;            // the NAT in front of it, or empty
        line_card* card = nullptr;  // of the daemon that runs now
        std::uint16_t next_port = 32'768;
    };
    struct mapping {
        std::string inside, only_to;  // addresses; only_to for symmetric ones
        std::set<std::string> told;   // addresses outside that it has sent to
        bool forwarded = false;
    };
    struct box {
        nat_kind kind = nat_kind::full_cone;
        std::uint16_t next_port = 40'000;
        std::map<std::string, mapping> mappings;  // by outside address
    };

    struct link {
        std::optional<path> own;    // else as usual
        instant free_at{};          // when what was sent before has left
        std::uint64_t carried = 0;  // bytes
    };

    const path& look(const std::string& from, const std::string& to) const;
    /// How long so many bytes take now, with all that can happen to them on the way.
    duration transit(const std::string& from, const std::string& to, std::size_t size);
    /// The address that others see when `inside` sends to `to`, which may make a mapping.
    std::string seen_as(const std::string& host, const std::string& inside, const std::string& to);
    /// The inside address behind `outside`, when a packet from `source` gets through.
    std::optional<std::string> inside_of(const std::string& outside,
                                         const std::string& source) const;
    void send(const std::shared_ptr<connection>& on, int end, bytes data, bool last);
    void arrive(const std::shared_ptr<connection>& on, int end);
    /// Tells the end that its stream is reset, after the time that this takes, if it gets through.
    void send_reset(const std::shared_ptr<connection>& on, int end);

    time_line& line_;
    random& chance_;
    std::map<std::string, host> hosts_;
    std::map<std::string, box> boxes_;
    std::map<std::pair<std::string, std::string>, link> links_;
    std::vector<std::set<std::string>> sides_;
    std::vector<std::weak_ptr<connection>> connections_;
};

/// One daemon's way to the network. Outlives nothing that was made with it: streams and acceptors
/// may be destroyed later, and are closed then.
class line_card final : public net::transport {
public:
    line_card(network& net, std::string host, const environment& env);
    ~line_card() override;

    task<result<std::unique_ptr<net::byte_stream>>> dial(std::string address) override;
    /// From a port of one's own choice, as hole punching does: where both sides dial each other's
    /// outside addresses, the two attempts become one stream (RFC 9293, simultaneous open).
    task<result<std::unique_ptr<net::byte_stream>>> dial_from(std::uint16_t port,
                                                              std::string address);
    result<std::unique_ptr<net::acceptor>> listen(const std::string& address) override;
    task<result<std::unique_ptr<net::byte_stream>>> punch(std::string own,
                                                          std::string address) override;
    /// What the others of `inside` (an own "host:port") would see as its sender, were it to dial
    /// `to`.
    std::string outside_of(const std::string& inside, const std::string& to);
    /// The daemon has ended: from now on nothing passes through this card.
    void pull(ending how) noexcept;

    struct door;
    struct attempt;

private:
    friend class network;
    enum class answer { none, refused, connected };
    answer knock(attempt& who);
    std::unique_ptr<net::byte_stream> stream_of(const std::shared_ptr<network::connection>& made,
                                                int end);
    void connect(attempt& from, line_card& to, const std::string& inside);

    network& net_;
    std::string host_;
    const environment& env_;
    bool pulled_ = false;
    std::map<std::string, std::weak_ptr<door>> doors_;
    std::vector<std::weak_ptr<attempt>> attempts_;
    std::vector<std::weak_ptr<network::connection>> mine_;
};

}  // namespace calbox::lab
