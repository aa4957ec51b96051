// How a rendezvous grants leases and spreads presence: whom it admits, when a lease ends, whom a
// change concerns, how loads are exchanged, and how edges are moved by them. Sans-IO: inputs with
// the time in, answers and effects out; whom to admit and to move is the discovery strategy's.
// Owned by whoever carries its effects out; core thread only.
#pragma once

#include <map>
#include <set>
#include <variant>
#include <vector>

#include <boost/container/flat_map.hpp>

#include <calbox/discovery.hpp>

#include "overlay/address_book.hpp"
#include "overlay/circles.hpp"
#include "overlay/interests.hpp"
#include "overlay/membership.hpp"

namespace calbox::overlay {

class lessor {
public:
    struct settings {
        std::uint32_t edges_max = 10'000;
        duration heartbeat = std::chrono::seconds(10);
        std::uint32_t admit_rate = 200;   // new leases in a second
        std::uint32_t admit_burst = 100;  // and so many more at once
    };

    // Effects, to be carried out in their order. What is told of a device is what the address book
    // says of it then.
    struct tell {
        std::vector<device_id> to;
        std::vector<device_id> about;
        bool of_leases = false;  // of those here alone, wherever else a device has one
        bool circled = false;    // to rendezvous, by one in a circle; on_untold() where that fails
        /// That they have no lease from this rendezvous any more, wherever else.
        std::optional<device_id> ended_at = std::nullopt;
    };
    /// Another rendezvous gets all of this one's leases.
    struct tell_leases {
        device_id to;
    };
    struct ask_load {
        device_id whom;
    };
    /// May these edges come to you?
    struct ask_room {
        device_id whom;
        std::vector<device_id> edges;
    };
    /// `edge` is to lease from `to`, which has room for it.
    struct move {
        device_id edge, to;
    };
    /// This node's own edge hears it, too.
    struct heard {
        std::vector<device_id> about;
    };
    /// Of an informant; on_watched() is told what came of it.
    struct ask_watch {
        circles::question what;
    };
    using effect = std::variant<tell, tell_leases, ask_load, ask_room, move, heard, ask_watch>;
    using effects = std::vector<effect>;

    lessor(discovery::strategy& strategy, random& entropy, address_book& book, device_id self,
           settings with)
        : strategy_(strategy), entropy_(entropy), book_(book), self_(self), with_(with) {}

    effects start(instant now);
    void stop() noexcept;
    wire::offer on_probe() const noexcept { return {edges() + promised(), with_.edges_max}; }
    /// The same, and what a rendezvous that asks says of its own load.
    wire::offer on_probe(const device_id& from, const wire::probe& its, instant now);
    /// `who` is what the handshake proved, and where it says that it is.
    wire::lease_reply on_lease(wire::location who, instant now);
    /// Nothing when there is no lease of this device.
    std::optional<wire::heartbeat> on_heartbeat(const device_id& from, instant now);
    void on_leave(const device_id& from, const std::optional<device_id>& moved_to, instant now);
    /// An edge asked where these users are, so it wants to hear of them while its lease lasts.
    void on_interest(const device_id& from, const std::vector<user_id>& users);
    /// Another rendezvous tells of its leases.
    effects on_presence(const device_id& from, const wire::presence& what);
    /// What came of ask_load; nothing when there was no answer.
    effects on_load(const device_id& from, const std::optional<wire::offer>& what, instant now);
    /// Another rendezvous asks whether these edges may move here: how many of them, from the first.
    std::uint32_t on_room_asked(const std::vector<device_id>& edges, instant now);
    /// What came of ask_room: so many of them may.
    effects on_room(const ask_room& asked, std::uint32_t edges, instant now);
    /// The session has ended: so has the lease.
    effects on_peer_gone(const device_id& device, instant now);
    /// The rendezvous are too many to be asked all the time, and to be told everything: from now on
    /// this one keeps to its circle. `members`: the others.
    effects begin_circles(const std::vector<device_id>& members, circles::settings with,
                          instant now);
    /// The others say that this one came, or is gone.
    effects on_member(const device_id& device, member_fate what, instant now);
    /// Nobody says so any more: they are few.
    effects forget_members(instant now);
    /// Null while they are few.
    const circles* near() const noexcept { return near_ ? &*near_ : nullptr; }
    /// Before it can be said where these are, near()->answered() as much as is wanted now.
    effects want(const wire::locate& what, instant now);
    /// What came of ask_watch: queue_full is mostly no answer of the other one's.
    effects on_watched(const circles::question& asked, const result<wire::watch_reply>& reply,
                       instant now);
    /// Another rendezvous asks this one as its informant. Nothing while this one is in no circle.
    std::optional<wire::watch_reply> on_watch(const device_id& from, const wire::watch& what);
    void on_untold(const device_id& watcher);
    /// Other rendezvous that said their load within the last exchanges.
    std::vector<device_id> heard_of() const;
    /// This one stops soon: its edges are to go to `to`, and so is whoever comes.
    effects retire(const device_id& to, instant now);
    /// deadline() has passed.
    effects on_time(instant now);

    std::optional<instant> deadline() const noexcept;
    std::uint32_t edges() const noexcept { return static_cast<std::uint32_t>(leases_.size()); }
    bool holds(const device_id& device) const noexcept { return leases_.contains(device); }
    std::vector<device_id> leases() const;
    const interests& wanted() const noexcept { return wanted_; }
    /// This one's, and those that were heard of; by device.
    std::vector<discovery::load> loads(instant now) const;
    /// How long its edges are to wait at most, when it is lost.
    duration failover_spread() const noexcept;
    /// What the strategy said after the last exchange.
    discovery::advice advised() const noexcept { return advised_; }
    std::uint64_t moved_away() const noexcept { return moved_away_; }

    static constexpr std::uint32_t missed_beats = 3;
    static constexpr duration presence_delay =
        std::chrono::milliseconds(50);  // changes of a crowd go out together
    static constexpr duration exchange_every = std::chrono::seconds(60);
    /// So long after a rendezvous was lost, what it had said of its leases is over, where it does
    /// not say it again: its edges have gone elsewhere, and it itself would have told all it has.
    static constexpr duration hearsay_kept = exchange_every * 3 / 2;
    static constexpr std::size_t exchanged_with = 64;  // of more, chance takes so many each time
    static constexpr duration meet_again = std::chrono::seconds(10);
    static constexpr std::size_t lost_asked = 2;  // of those who are said to be gone
    /// In circles, beside one's own: so many of the informants, and of all.
    static constexpr std::size_t informants_asked = 14, others_asked = 2;
    /// Where an edge went is told by its new rendezvous first.
    static constexpr duration left_delay = std::chrono::seconds(2);
    static constexpr std::size_t located_most = 2'000;  // in one answer; more are left out
    static constexpr std::size_t located_bytes_most = 512 * 1024;
    /// Of one question, users and devices; others are known or not.
    static constexpr std::size_t users_wanted = 2'000, devices_wanted = 500;
    static constexpr std::size_t backups_most = 4'000;
    static constexpr std::size_t doubly_said_most = 50'000;  // edges of which several circles speak
    static constexpr std::size_t asked_at_once = 8;
    static constexpr std::size_t gone_most = 4'000;
    static constexpr std::size_t told = 32;  // rendezvous, and backups, in one grant
    static constexpr duration plan_after = std::chrono::seconds(10);  // answers are there by then
    static constexpr std::size_t moved_at_once = 10;                  // each second
    static constexpr std::size_t room_asked_most = 500;               // in one question
    static constexpr duration room_kept = std::chrono::seconds(30);
    static constexpr duration moves_again = std::chrono::hours(1);  // who came by a move

private:
    discovery::load my_load(instant now) const {
        return {self_, edges() + promised(), with_.edges_max, now};
    }
    /// Who was told that there is room, and has not come yet.
    std::uint32_t promised() const noexcept { return static_cast<std::uint32_t>(coming_.size()); }
    std::vector<discovery::load> other_loads() const;
    std::optional<duration> over_the_rate(const device_id& device, instant now);
    std::vector<device_id> all_rendezvous() const;
    std::vector<device_id> other_rendezvous() const;
    void in_doubt(const device_id& rendezvous, instant now);
    bool is_back(const device_id& rendezvous, instant now);
    bool has_slept(const device_id& rendezvous) const;
    /// A circle, and in this one's own the rendezvous.
    using claimant = std::pair<std::size_t, device_id>;
    claimant claimant_of(const device_id& rendezvous) const;
    void keep_claim(const wire::location& what);
    bool drop_claim(const device_id& edge, const device_id& rendezvous);
    bool rely_on_claim(const device_id& edge);
    void rely_on_claims_of(const device_id& rendezvous, effects& all);
    void take_over(const wire::location& what, const std::optional<wire::location>& before);
    std::vector<device_id> claimed_at(const device_id& rendezvous) const;
    void drop_claim_of_circle(const device_id& edge, const device_id& rendezvous);
    std::optional<wire::location> said_in_circle(const wire::location& believed) const;
    void tell_ended(const std::vector<device_id>& about, const device_id& rendezvous,
                    effects& all) const;
    std::vector<device_id> some(std::vector<device_id> all, std::size_t most);
    void note_backup(const wire::location& what, const device_id& from);
    /// A backup leases from many: where one of its leases ended, the word of another rendezvous
    /// counts. False when there is none.
    bool rely_on_another(const device_id& backup);
    std::vector<wire::location> places(const std::vector<device_id>& devices) const;
    wire::lease_reply grant(instant now);
    void name_loads(wire::lease_reply& in, instant now) const;
    void changed(const device_id& device, instant now);
    void end(const device_id& device, instant now);
    void sweep(instant now);
    void forget_hearsay(instant now, effects& all);
    void begin_exchange(instant now);
    void ask_more(effects& all);
    void plan_moves(instant now, effects& all);
    std::vector<device_id> movable(std::size_t most, std::set<device_id>& taken, instant now);
    void move_some(instant now, effects& all);
    void hear(const std::vector<device_id>& news, effects& all) const;
    void spread(const std::vector<device_id>& about, effects& all) const;
    std::vector<device_id> told_of_leases() const;
    std::vector<device_id> asked_for_load();
    bool may_say(const device_id& from, const wire::location& what) const;
    bool contradicts(const wire::location& what, const std::optional<wire::location>& before) const;
    bool in_circle_of(const device_id& rendezvous, const wire::location& what) const;
    void hear_whom_it_tells(const device_id& from, const wire::presence& what, effects& all);
    void note_silence(const circles::question& asked, const wire::watch_reply& reply, effects& all);
    void tell_watching(const std::vector<device_id>& about, bool own, effects& all) const;
    void ask_watches(circles::questions some, effects& all) const;
    void meet(const device_id& mate, instant now, effects& all);
    void note_here(const device_id& rendezvous);

    discovery::strategy& strategy_;
    random& entropy_;
    address_book& book_;
    device_id self_;
    settings with_;
    // Flat, because each heartbeat looks one up: a tree of thousands is a cache miss at every step.
    boost::container::flat_map<device_id, instant> leases_;  // until
    boost::container::flat_map<device_id, discovery::load> loads_;
    struct doubt {
        instant since;
        std::set<device_id> said_again;
        bool slept = false;  // it came back long after it was given up
    };
    std::map<device_id, doubt> doubts_;  // of what a rendezvous that was lost had said
    std::set<device_id> gone_;           // rendezvous, as the other ones say
    std::map<device_id, std::set<device_id>> also_at_;  // backups, and who tells of their leases
    interests wanted_;
    std::optional<circles> near_;
    std::uint64_t questions_ = 0;       // asked in circles before these
    std::map<device_id, instant> met_;  // mates that were asked beside the exchange
    std::set<device_id> noted_;         // rendezvous that are online because others know them
    // What others say of edges beside the word that counts, and have not taken back: one claim of
    // each other circle, and of each mate.
    std::map<device_id, std::map<claimant, wire::location>> claims_;
    std::set<device_id> changed_;
    std::set<device_id> left_;  // for a rendezvous of another circle
    std::vector<device_id> to_ask_;
    std::set<device_id> asking_;
    boost::container::flat_map<device_id, instant> coming_;   // until: by a move, not here yet
    boost::container::flat_map<device_id, instant> came_at_;  // of leases that came by a move
    std::vector<move> to_move_;                               // last first
    std::optional<device_id> retired_to_;
    std::int64_t admissible_ = 0;  // leases now, in millionths: a token bucket
    std::optional<instant> admitted_at_;
    discovery::advice advised_ = discovery::advice::none;
    std::uint64_t moved_away_ = 0;
    std::optional<instant> announce_at_, sweep_at_, exchange_at_, plan_at_, move_at_, left_at_;
};

}  // namespace calbox::overlay
