#include "lab/check/world_watcher.hpp"

#include <algorithm>

#include "crypto/primitives.hpp"

namespace calbox::lab::claims {

namespace {

/// Ids of the checkers' own, for what the world calls by a name or a number.
template <class Id>
Id named(std::string_view kind, std::string_view name) {
    const digest hash = crypto::sha256({as_bytes(kind), as_bytes(name)});
    Id made;
    std::copy_n(hash.value.begin(), Id::size, made.value.begin());
    return made;
}

operation_id holding(const std::string& device, consensus::token held) {
    return named<operation_id>("held", device + " " + std::to_string(held));
}

/// Whether the operation may still happen, or has, after this answer.
bool leaves_unknown(errc code) {
    return code == errc::timed_out || code == errc::cancelled || code == errc::closed;
}

}  // namespace

world_watcher::world_watcher(world& in)
    : claims(watcher::decisions::in_time, in.with.seed), world_(in) {
    in.watching = this;
    in.net.tap = [this](const std::string& from, const std::string& to, byte_view data) {
        const auto wire = wires_.try_emplace(std::pair(from, to), wires_.size()).first->second;
        claims.secrets.observe_wire(wire, data, world_.now());
    };
}

world_watcher::~world_watcher() {
    world_.watching = nullptr;
    world_.net.tap = nullptr;
}

viewer world_watcher::viewer_of(const std::string& device, const user_id& user) {
    const viewer made{user, named<device_id>("device", device)};
    claims.people.call(made.where, device);
    return made;
}

void world_watcher::knows(const person& who) { claims.people.call(who.id(), who.name()); }

void world_watcher::shown(const std::string& device, const user_id& user,
                          const node::event_view& what) {
    claims.shown(viewer_of(device, user), shown_version(what), world_.now());
}

void world_watcher::vanished(const std::string& device, const user_id& user, const event_id& what) {
    claims.gone(viewer_of(device, user), what);
}

void world_watcher::granted(const std::string& device, const event_id& event,
                            const consensus::granted& what) {
    const device_id holder = viewer_of(device, {}).where;
    const instant until =
        world_.find(device).time.in_world(world_.find(device).time.now() + what.lease);
    claims.held.observe_granted(event, holding(device, what.held), holder, what.held, until,
                                world_.now());
}

void world_watcher::released(const std::string& device, const event_id& event,
                             consensus::token held) {
    claims.held.observe_ended(event, holding(device, held));
}

void world_watcher::decided(const std::string&, const consensus::decide& what) {
    const auto sealed = codec::decode<envelope>(what.value);
    const auto header = sealed ? codec::decode<envelope_header>(sealed->header)
                               : result<envelope_header>(fail(sealed.error()));
    if (!header || header->type != event_kind::calendar) {
        return;
    }
    const bool deleted = header->kind == envelope_kind::tombstone;
    if (deleted || header->kind == envelope_kind::put) {
        claims.decided(sealed_version(*header), deleted, people_of(*header), world_.now());
    }
}

void world_watcher::ended(const std::string&) {}

world_watcher::ticket world_watcher::asks(const person& who, operation_kind op) {
    ticket made;
    const std::uint64_t lives = unknowns_[who.name()];
    made.asked.client = who.name() + (lives == 0 ? "" : "#" + std::to_string(lives + 1));
    made.asked.call = world_.now().since_start.count();
    made.asked.op = op;
    made.id = named<operation_id>("asked", std::to_string(++asked_));
    made.author = viewer_of(who.at().name(), who.id());
    claims.begun(made.id, made.author, world_.now());
    return made;
}

world_watcher::ticket world_watcher::creates(const person& who) {
    return asks(who, operation_kind::create);
}

world_watcher::ticket world_watcher::changes(const person& who, const node::event_view& seen) {
    ticket made = asks(who, operation_kind::cas);
    made.would_make = version_of{seen.id, seen.generation, seen.version.next(), {}};
    made.asked.key = seen.id_text;
    made.asked.expect = seen.version.value;
    return made;
}

world_watcher::ticket world_watcher::removes(const person& who, const node::event_view& seen) {
    ticket made = changes(who, seen);
    made.asked.gone = true;
    return made;
}

void world_watcher::unknown(ticket& what) {
    what.asked.res = operation_result::unknown;
    ++unknowns_[claims.people.of(what.author.who)];
    if (what.would_make) {
        claims.note(what.asked);
        claims.unknown(what.id, *what.would_make, world_.now());
    } else {
        claims.unknown_creation(what.id, what.author.who, world_.now());
    }
    claims.fates.observe_abandoned(what.id);  // its client is no more
}

/// Notes what did not happen, or may have. False where it did.
bool world_watcher::unanswered(ticket& what, const error* why) {
    what.asked.ret = world_.now().since_start.count();
    if (why == nullptr) {
        return false;
    }
    if (leaves_unknown(why->code)) {
        unknown(what);
        return true;
    }
    const bool conflict = why->code == errc::conflict;
    what.asked.res = conflict ? operation_result::conflict : operation_result::fail;
    if (what.would_make) {
        claims.note(what.asked);
    }
    claims.refused(what.id, world_.now());
    return true;
}

void world_watcher::answered(ticket what, const answer<node::event_view>& how) {
    const error lost(errc::closed);
    if (unanswered(what, !how ? &lost : (*how ? nullptr : &how->error()))) {
        return;
    }
    const node::event_view& made = **how;
    const version_of version = shown_version(made);
    what.asked.key = made.id_text;
    what.asked.version = made.version.value;
    what.asked.value = version.content.hex().substr(0, 16);
    claims.note(what.asked);
    // Who takes part was told by the decision.
    claims.acknowledged(what.id, version, false, {}, what.author, world_.now());
    claims.shown(what.author, version, world_.now());
}

void world_watcher::answered(ticket what, const answer<void>& how) {
    const error lost(errc::closed);
    if (unanswered(what, !how ? &lost : (*how ? nullptr : &how->error()))) {
        return;
    }
    what.asked.version = *what.asked.expect + 1;
    claims.note(what.asked);
    claims.acknowledged(what.id, *what.would_make, true, {}, what.author, world_.now());
}

void world_watcher::end(const std::vector<const person*>& everyone) {
    for (const person* who : everyone) {
        if (who->up()) {
            claims.ended(viewer_of(who->at().name(), who->id()), who->sees_all(), world_.now());
        }
    }
}

}  // namespace calbox::lab::claims
