#include "lab/check/world_watcher.hpp"

#include <algorithm>

#include "crypto/identity.hpp"
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

}  // namespace

bool leaves_unknown(errc code) noexcept {
    return code == errc::timed_out || code == errc::cancelled || code == errc::closed ||
           code == errc::internal;
}

world_watcher::world_watcher(world& in, std::ostream* log)
    : claims(watcher::decisions::in_time, in.with.seed),
      happened(log != nullptr ? trace(*log) : trace()),
      world_(in) {
    in.watching = this;
    in.net.tap = [this](const std::string& from, const std::string& to, byte_view data) {
        passed(from, to, data);
    };
}

world_watcher::~world_watcher() {
    world_.watching = nullptr;
    world_.net.tap = nullptr;
}

device_id world_watcher::id_of(const std::string& device) {
    const auto [known, fresh] = ids_.try_emplace(device);
    if (fresh) {
        known->second = named<device_id>("device", device);
        claims.people.call(known->second, device);
    }
    return known->second;
}

machine world_watcher::machine_of(const std::string& device) {
    const auto [known, fresh] = machines_.try_emplace(device);
    if (fresh) {
        const auto& all = world_.devices();
        const auto found =
            std::ranges::find(all, device, [](const auto& one) { return one->name(); });
        known->second.number = static_cast<std::uint32_t>(found - all.begin()) + 1;
    }
    return known->second;
}

viewer world_watcher::viewer_of(const std::string& device, const user_id& user) {
    return {user, id_of(device)};
}

/// Who has not been introduced to somebody yet is shown the beginning of an id in place of a name:
/// that is no other content, as long as it does not stay so.
version_of world_watcher::seen_version(const node::event_view& what) const {
    version_of seen = shown_version(what);
    const auto& others = what.content.participants;
    if (!claims.people.knows(what.organizer) ||
        !std::ranges::all_of(others,
                             [this](const auto& one) { return claims.people.knows(one); })) {
        seen.content = {};
    }
    return seen;
}

void world_watcher::knows(const person& who) {
    claims.people.call(who.id(), who.name());
    users_[who.at().name()].push_back(who.id());
}

void world_watcher::note(happening what, const std::string& device, std::string_view text,
                         std::uint64_t number) {
    happened.record(world_.now(), what, device.empty() ? machine{} : machine_of(device), text,
                    number);
}

void world_watcher::counts(const std::string& device, const std::string& counter,
                           std::uint64_t value) {
    note(happening::state, device, counter, value);
    claims.counters.observe(id_of(device.empty() ? "the network" : device), counter, value,
                            world_.now());
}

void world_watcher::passed(const std::string& from, const std::string& to, byte_view data) {
    const auto [known, fresh] = wires_.try_emplace({from, to});
    if (fresh) {
        known->second = {wires_.size(), from + " to " + to};
    }
    note(happening::message, from, known->second.text, hash_of(as_text(data)));
    claims.secrets.observe_wire(known->second.number, data, world_.now());
}

void world_watcher::writes(const std::string& marker, const event_id& into) {
    secrets_of_event& known = secrets_[into];
    if (known.markers.insert(marker).second) {
        claims.secrets.belongs(marker, into);
        for (const user_id& who : known.readers) {
            claims.secrets.allow(marker, who);
        }
    }
}

void world_watcher::takes_part(const event_id& event, const std::set<user_id>& people) {
    secrets_of_event& known = secrets_[event];
    for (const user_id& who : people) {
        if (known.readers.insert(who).second) {
            for (const std::string& marker : known.markers) {
                claims.secrets.allow(marker, who);
            }
        }
    }
}

void world_watcher::found_on_disk(const std::string& device, byte_view data) {
    claims.secrets.observe_device(id_of(device), users_[device], data, world_.now());
}

void world_watcher::search_disk(const device& of) {
    if (const disk* const drive = of.drive()) {
        const auto holds = [drive](std::string_view text) { return drive->contains(text); };
        claims.secrets.observe_disk(id_of(of.name()), users_[of.name()], holds, world_.now());
    }
}

void world_watcher::shown(const std::string& device, const user_id& user,
                          const node::event_view& what) {
    const version_of seen = seen_version(what);
    note(happening::shown, device,
         claims.people.of(what.id) + " v" + std::to_string(what.version.value) + " " +
             what.content.title,
         hash_of(seen.content.hex()));
    if (what.content.title.starts_with(secrecy::prefix)) {
        writes(what.content.title, what.id);
    }
    kept_copy(what);
    rest_of_a_series(what);
    claims.branches.observe_shown(seen, what.content.title);
    claims.series.observe_shown(what.id, what.content);
    claims.shown(viewer_of(device, user), seen, world_.now());
}

/// Nobody asked for it by itself, and the history has to know that somebody may have done it.
void world_watcher::note_unasked(operation_kind what, const event_id& which, bool gone) {
    operation made;
    made.client = "device." + std::to_string(++asked_);
    made.call = world_.now().since_start.count();
    made.op = what;
    made.key = claims.people.of(which);
    made.gone = gone;
    made.res = operation_result::unknown;
    claims.note(std::move(made));
}

void world_watcher::kept_copy(const node::event_view& seen) {
    constexpr std::string_view words = " (conflict copy of ";
    const auto remark = seen.content.title.rfind(words);
    if (remark != std::string::npos && made_by_devices_.insert(seen.id).second) {
        note_unasked(operation_kind::create, seen.id);
        claims.attached.observe_copy(seen.id);
        claims.series.observe_undone(seen.id);  // it may be what a split had left of a series
        const auto of = seen.content.title.substr(remark + words.size());
        claims.branches.observe_copy(of.substr(0, of.find(',')),
                                     seen.content.title.substr(0, remark));
    }
}

/// A split made it, which is undone where the series cannot be cut.
void world_watcher::rest_of_a_series(const node::event_view& seen) {
    if (!seen.content.related.empty() && made_by_devices_.insert(seen.id).second) {
        note_unasked(operation_kind::create, seen.id);
        note_unasked(operation_kind::cas, seen.id, true);
        claims.attached.observe_copy(seen.id);
    }
}

void world_watcher::vanished(const std::string& device, const user_id& user, const event_id& what) {
    note(happening::shown, device, claims.people.of(what) + " is gone");
    claims.gone(viewer_of(device, user), what);
}

void world_watcher::asked(const std::string& device, const event_id& event,
                          const operation_id& operation) {
    note(happening::state, device, "asks for " + claims.people.of(event));
    claims.held.observe_asked(event, operation);
    asked_at_.try_emplace(operation, world_.now());
}

void world_watcher::granted(const std::string& device, const event_id& event,
                            const operation_id& operation, const consensus::granted& what,
                            byte_view once_stored) {
    const grant given{event, operation, what, hash_of(as_text(once_stored))};
    if (once_stored.empty() || is_on_disk(device, once_stored)) {
        give(device, given);
    } else {
        grants_[device].push_back(given);
    }
}

void world_watcher::give(const std::string& device, const grant& what) {
    note(happening::state, device, "was granted " + claims.people.of(what.event), what.what.held);
    const device_id holder = id_of(device);
    const device_clock& clock = world_.find(device).time;
    const instant until = clock.in_world(clock.now() + what.what.lease);
    claims.held.observe_renewed(what.event, what.operation, until);
    claims.held.observe_granted(what.event, what.operation, holder, what.what.held, until,
                                world_.now());
}

void world_watcher::released(const std::string& device, const event_id& event,
                             const operation_id& operation) {
    note(happening::state, device, "has done with " + claims.people.of(event));
    std::erase_if(grants_[device],
                  [&](const grant& given) { return given.operation == operation; });
    claims.held.observe_ended(event, operation);
}

namespace {

/// Of a version of an event in a calendar: nothing for whatever else an envelope may hold.
std::optional<envelope_header> version_in(byte_view encoded) {
    const auto sealed = codec::decode<envelope>(encoded);
    auto header = sealed ? codec::decode<envelope_header>(sealed->header)
                         : result<envelope_header>(fail(sealed.error()));
    const bool told =
        header && header->type == event_kind::calendar &&
        (header->kind == envelope_kind::put || header->kind == envelope_kind::tombstone);
    return told ? std::optional(std::move(*header)) : std::nullopt;
}

}  // namespace

/// What is decided once more is not written once more, nor is what is older than what is held.
bool world_watcher::is_on_disk(const std::string& device, byte_view decided) const {
    const auto header = version_in(decided);
    const auto newest = header ? newest_.find({device, header->event}) : newest_.end();
    return newest != newest_.end() && newest->second >= sealed_version(*header).place();
}

void world_watcher::decided(const std::string& device, const consensus::decide& what) {
    note(happening::decided, device, claims.people.of(what.event), hash_of(as_text(what.value)));
    if (const auto header = version_in(what.value)) {
        claims.decided(sealed_version(*header), world_.now());
        if (header->moved && header->moved->only_that) {
            moved(*header);
        }
    }
}

/// A device brought the event into another epoch, unasked by anybody. The history has to know that
/// somebody made that version.
void world_watcher::moved(const envelope_header& by) {
    const auto asked = asked_at_.find(by.operation);
    if (asked == asked_at_.end()) {
        return;  // it is in the history already
    }
    operation made;
    made.client = "move." + std::to_string(++asked_);
    made.call = asked->second.since_start.count();
    made.op = operation_kind::cas;
    made.key = claims.people.of(by.event);
    made.expect = by.version.value - 1;
    made.res = operation_result::unknown;
    claims.note(made);
    asked_at_.erase(asked);
}

void world_watcher::stored(const std::string& device, const storage::batch& writes) {
    std::uint64_t all = 0;
    for (const auto& one : writes.writes) {
        all = all * 31 + hash_of(as_text(one.key));
        if (!one.value) {
            continue;
        }
        const std::uint64_t value = hash_of(as_text(*one.value));
        all = all * 31 + value;
        std::erase_if(grants_[device], [&](const grant& given) {
            const bool now = given.waits_for == value;
            if (now) {
                give(device, given);
            }
            return now;
        });
        const auto header =
            one.kind == storage::record_kind::envelope ? version_in(*one.value) : std::nullopt;
        if (header) {
            takes_part(header->event, people_of(*header));
            auto& newest = newest_[{device, header->event}];
            newest = std::max(newest, sealed_version(*header).place());
            if (const auto author = crypto::author_user(header->by)) {
                claims.branches.observe_version(*header, *author);
            }
            claims.stored(sealed_version(*header), header->kind == envelope_kind::tombstone,
                          people_of(*header), id_of(device));
        }
    }
    for (const auto& one : writes.writes) {  // with what the envelopes among them say
        if (one.value) {
            found_on_disk(device, *one.value);
        }
    }
    note(happening::disk, device, std::to_string(writes.writes.size()) + " records", all);
}

void world_watcher::stored_file(const std::string& device, byte_view piece) {
    note(happening::disk, device, "a piece of a file", hash_of(as_text(piece)));
    found_on_disk(device, piece);
}

void world_watcher::ended(const std::string& device) {
    note(happening::state, device, "ended");
    grants_.erase(device);  // nobody heard of them
    claims.held.observe_died(id_of(device));
}

world_watcher::ticket world_watcher::asks(const person& who, operation_kind op) {
    ticket made;
    // People do several things at a time, and a client does not.
    made.asked.client = who.name() + "." + std::to_string(++asked_);
    made.asked.call = world_.now().since_start.count();
    made.asked.op = op;
    made.id = named<operation_id>("asked", std::to_string(asked_));
    made.author = viewer_of(who.at().name(), who.id());
    note(happening::call, who.at().name(), made.asked.client + " asks");
    claims.begun(made.id, made.author, world_.now());
    return made;
}

}  // namespace calbox::lab::claims
