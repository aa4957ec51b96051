// How rendezvous of one's own network are found in the local network: who looks asks everybody, and
// rendezvous answer with their signed advertisements. A question names the network by a hash with a
// nonce, so that only its members can tell which one is meant; an answer is never longer than the
// question, and comes to one who asked only. Sans-IO: datagrams and the time in, effects out.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <calbox/environment.hpp>

#include "wire/messages.hpp"

namespace calbox::overlay {

/// A datagram of the search, question and answer alike.
struct lan_message {
    std::uint32_t version = 1;
    bytes nonce;  // 16 bytes, the asker's
    digest tag;   // SHA-256 of "calbox lan question 1" or "... answer 1", the network and the nonce
    std::optional<wire::signed_advertisement> said;  // in an answer
    bytes padding;                                   // in a question
    static constexpr auto fields =
        std::tuple(codec::field<1>(&lan_message::version), codec::field<2>(&lan_message::nonce),
                   codec::field<3>(&lan_message::tag), codec::field<4>(&lan_message::said),
                   codec::field<5>(&lan_message::padding));
};

class lan_search {
public:
    /// To everybody in the local network.
    struct ask {
        bytes data;
    };
    struct answer {
        std::string to;
        bytes data;
    };
    /// Somebody answered; what he says is not judged yet.
    struct found {
        wire::signed_advertisement said;
    };
    using effect = std::variant<ask, answer, found>;
    using effects = std::vector<effect>;

    lan_search(random& entropy, network_id network) : entropy_(entropy), network_(network) {}

    /// `looking`: this device has no rendezvous, or a makeshift one. Asks at once when that begins,
    /// then 0.5, 1.5, 3.5 and 7.5 s later (a fifth more or less), then every 30 s.
    effects on_time(bool looking, instant now);
    /// `mine`: what this device says of itself, while it is a rendezvous.
    effects on_datagram(const std::string& from, byte_view data,
                        const std::optional<wire::signed_advertisement>& mine, instant now);
    instant deadline(instant now) const noexcept;

    static constexpr std::size_t question_bytes = 1'200;  // fits into any link's packet
    static constexpr duration look_every = std::chrono::seconds(1);
    static constexpr duration ask_every = std::chrono::seconds(30);
    static constexpr duration answer_within = std::chrono::milliseconds(120);
    static constexpr std::size_t answers_waiting_most = 32;
    static constexpr std::size_t nonces_kept = 8;

private:
    struct waiting {
        instant at;
        answer what;
    };
    digest tag_of(std::string_view purpose, byte_view nonce) const;
    duration around(duration d);

    random& entropy_;
    network_id network_;
    bool looking_ = false;
    std::size_t asked_ = 0;  // since it began to look
    std::optional<instant> ask_at_;
    std::deque<bytes> nonces_;  // newest last
    std::vector<waiting> answers_;
};

}  // namespace calbox::overlay
