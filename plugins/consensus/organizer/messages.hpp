// What a device asks the organizer's device, and what that answers (docs/wire.md, "Consensus:
// organizer"). Values.
#pragma once

#include <optional>
#include <vector>

#include <calbox/codec.hpp>
#include <calbox/consensus.hpp>

namespace calbox::consensus {

enum class request_kind : std::uint8_t {
    acquire = 1,
    renew = 2,
    commit = 3,
    release = 4,
    read = 5,
    fate = 6,
};

struct request {
    request_kind kind = request_kind::acquire;
    operation_id operation;
    event_id event;
    version_number known;   // acquire, read: what the asker holds
    token held = 0;         // renew, commit, release
    version_number expect;  // commit, fate
    operation_id of;        // fate
    bytes body;             // commit

    static constexpr auto fields =
        std::tuple(codec::field<1>(&request::kind), codec::field<2>(&request::operation),
                   codec::field<3>(&request::event), codec::field<4>(&request::known),
                   codec::field<5>(&request::held), codec::field<6>(&request::expect),
                   codec::field<7>(&request::of), codec::field<8>(&request::body));
};

/// `code` ok: granted, committed or current, by the kind of the request.
struct reply {
    request_kind kind = request_kind::acquire;
    operation_id operation;
    event_id event;
    errc code = errc::ok;
    token held = 0;
    std::uint64_t lease_ms = 0;
    version_number version;
    device_id holder;
    timestamp since;
    operation_id by;            // the edit that made `body`
    std::optional<bytes> body;  // the current version, where the asker's is older

    static constexpr auto fields =
        std::tuple(codec::field<1>(&reply::kind), codec::field<2>(&reply::operation),
                   codec::field<3>(&reply::event), codec::field<4>(&reply::code),
                   codec::field<5>(&reply::held), codec::field<6>(&reply::lease_ms),
                   codec::field<7>(&reply::version), codec::field<8>(&reply::holder),
                   codec::field<9>(&reply::since), codec::field<10>(&reply::by),
                   codec::field<11>(&reply::body));
};

/// A request or a reply.
struct question_or_reply {
    std::optional<request> asked;
    std::optional<reply> answer;
    static constexpr auto fields = std::tuple(codec::field<1>(&question_or_reply::asked),
                                              codec::field<2>(&question_or_reply::answer));
};

}  // namespace calbox::consensus
