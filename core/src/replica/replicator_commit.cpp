// The way of an edit: may it be made, who decides it, sealing, and what storing a decision takes.
#include <algorithm>

#include <calbox/mutant.hpp>

#include "crypto/envelopes.hpp"
#include "replica/replicator.hpp"

namespace calbox::replica {

result<void> replicator::may(const change& what, const held_event* held) const {
    if (!what.event) {
        return {};
    }
    const auto follows = what.brings_back ? envelope_kind::tombstone : envelope_kind::put;
    if (held == nullptr || !held->header.involves(what.as) || held->header.kind != follows) {
        return fail(errc::not_found,
                    what.brings_back ? "there is no such deleted event" : "there is no such event");
    }
    if (what.line && *what.line != held->header.generation) {
        return taken_over_meanwhile();
    }
    if (what.expect && *what.expect != held->header.version) {
        return fail(errc::conflict, "the event has changed since: it is at version " +
                                        std::to_string(held->header.version.value) + " now");
    }
    return {};
}

task<result<event_id>> replicator::commit(change what) {
    const held_event* held = what.event ? store_.find(*what.event) : nullptr;
    if (auto allowed = may(what, held); !allowed) {
        co_return fail(std::move(allowed.error()));
    }
    const auto me = mediator_.author_of(what.as);
    if (!me) {
        co_return fail(errc::unauthorised, "this user is not signed in on this device");
    }
    if (what.event) {
        lacking_.erase(*what.event);
    }
    if (what.held) {
        const auto ended = co_await commit_held(what);
        if (ended) {
            co_return *ended;
        }
        what.line = what.held->generation;
        what.held.reset();
        co_return co_await commit(std::move(what));
    }
    const network_epoch in = epoch_of(held);
    if (!what.event && !what.reserved) {
        auto ready = co_await store_.begin_numbers(what.as, me->number, in);
        if (!ready) {
            co_return fail(std::move(ready.error()));
        }
    }
    const event_id id =
        what.event ? *what.event
        : what.reserved
            ? *what.reserved
            : event_id{what.as, event_id::make_seq(me->number, store_.next_n(what.as, me->number))};
    envelope_header shape;
    shape.event = id;
    shape.participants = what.participants;
    const auto voters = voters_of(in);
    if (!voters) {
        co_return fail(voters.error());
    }
    consensus::acquire ask;
    env_.entropy.fill(ask.operation.value);
    ask.event = id;
    ask.why = what.takes_over                         ? consensus::intent::take_over
              : !held                                 ? consensus::intent::create
              : what.kind == envelope_kind::tombstone ? consensus::intent::remove
                                                      : consensus::intent::modify;
    ask.members = group_of(held ? held->header : shape);
    ask.current = held ? held->header.version : version_number(0);
    const generation_number line = line_of(id);
    ask.generation = what.takes_over ? taken_over(line, with_.self) : line;
    const bool shared = !what.participants.empty() || (held && !held->header.participants.empty());
    if (auto online = online_for(held ? held->header : shape, shared, in); !online) {
        co_return fail(std::move(online.error()));
    }
    const operation_id operation = ask.operation;
    const auto granted = co_await (*voters)->acquire(std::move(ask));
    if (!granted && granted.error().code == errc::already_exists && !what.event && !what.reserved) {
        // A number that was given before a crash, and not seen here since.
        co_return co_await commit(std::move(what));
    }
    if (!granted) {
        co_return fail(granted.error());
    }
    doubtful_.erase(id);  // whatever is found now is what every earlier edit has come to
    auto outcome = co_await decide(std::move(what), id, {operation, *granted, line, in});
    if (!outcome && outcome.error().code != errc::timed_out) {
        (*voters)->release({operation, id, granted->held});
    }
    co_return outcome;
}

result<void> replicator::online_for(const envelope_header& header, bool shared,
                                    network_epoch in) const {
    if (shared && !promised(in).edits_offline && !mediator_.is_online(recipients_of(header))) {
        return fail(errc::offline,
                    "this device is offline: shared events can be read, and changed once it is "
                    "connected again");
    }
    return {};
}

/// Nothing when the lock was lost: then nothing has happened, and the edit needs another one.
task<std::optional<result<event_id>>> replicator::commit_held(change what) {
    const held_lock held = *what.held;
    const consensus::granted grant{held.token, held.lease, held.version};
    auto outcome = co_await decide(std::move(what), held.event,
                                   {held.operation, grant, held.generation, held.in});
    const bool lost =
        !outcome && (outcome.error().code == errc::conflict || outcome.error().code == errc::busy);
    if (lost) {
        unlock(held);
        co_return std::nullopt;
    }
    co_return std::optional(std::move(outcome));
}

task<result<held_lock>> replicator::lock(user_id as, event_id which) {
    change shape;
    shape.as = as;
    shape.event = which;
    if (auto allowed = may(shape, store_.find(which)); !allowed) {
        co_return fail(std::move(allowed.error()));
    }
    // An editor is no reason to stay with a strategy that the network has left.
    if (auto moved = co_await move(as, which); !moved) {
        co_return fail(std::move(moved.error()));
    }
    const held_event* const held = store_.find(which);
    if (auto allowed = may(shape, held); !allowed) {
        co_return fail(std::move(allowed.error()));
    }
    held_lock mine;
    mine.event = which;
    mine.in = epoch_of(held);
    const auto voters = voters_of(mine.in);
    if (!voters) {
        co_return fail(voters.error());
    }
    if (!(*voters)->declared().mutual_exclusion) {
        co_return fail(errc::unsupported,
                       "this network's consensus strategy promises no locks: an edit is tried when "
                       "it is saved");
    }
    const envelope_header& header = held->header;
    if (auto online = online_for(header, !header.participants.empty(), mine.in); !online) {
        co_return fail(std::move(online.error()));
    }
    consensus::acquire ask;
    env_.entropy.fill(ask.operation.value);
    ask.event = which;
    ask.members = group_of(header);
    ask.current = header.version;
    ask.generation = header.generation;
    mine.operation = ask.operation;
    mine.generation = ask.generation;
    lacking_.erase(which);
    const auto granted = co_await (*voters)->acquire(std::move(ask));
    if (!granted) {
        co_return fail(granted.error());
    }
    mine.token = granted->held;
    mine.version = granted->version;
    mine.lease = granted->lease;
    const held_event* const now = store_.find(which);
    if (now == nullptr || now->header.version != mine.version ||
        now->header.generation != mine.generation || now->header.next_in != mine.in) {
        unlock(mine);
        co_return fail(errc::conflict, "the event has changed since: it is at version " +
                                           std::to_string(mine.version.value) +
                                           " now, which is on its way to this device");
    }
    co_return mine;
}

task<result<duration>> replicator::renew(held_lock what) {
    if (what.in < with_.epoch()) {
        co_return fail(errc::conflict,
                       "the network goes over to another consensus strategy: the lock is not "
                       "renewed");
    }
    const auto voters = voters_of(what.in);
    if (!voters) {
        co_return fail(voters.error());
    }
    consensus::renew ask;
    env_.entropy.fill(ask.operation.value);
    ask.event = what.event;
    ask.held = what.token;
    co_return co_await (*voters)->renew(ask);
}

void replicator::unlock(const held_lock& what) {
    if (const auto voters = epochs_.find(what.in)) {
        (*voters)->release({what.operation, what.event, what.token});
    }
}

namespace {

/// Names the event for as long as this lives.
class committing {
public:
    committing(std::multiset<event_id>& all, const event_id& which)
        : all_(all), mine_(all.insert(which)) {}
    ~committing() { all_.erase(mine_); }
    committing(const committing&) = delete;
    committing& operator=(const committing&) = delete;

private:
    std::multiset<event_id>& all_;
    std::multiset<event_id>::iterator mine_;
};

}  // namespace

task<result<event_id>> replicator::decide(change what, event_id id, right with) {
    const operation_id operation = with.operation;
    const consensus::granted& grant = with.given;
    const auto voters = epochs_.find(with.in);
    if (!voters) {
        co_return fail(voters.error());
    }
    // Versions of two lines have the same numbers; and what comes after a version is decided in the
    // epoch that it names, and nowhere else.
    const auto here = [&] {
        const held_event* const held = store_.find(id);
        return held
                   ? std::tuple(held->header.generation, held->header.version, held->header.next_in)
                   : std::tuple(with.line, version_number(0), with.in);
    };
    const auto changed = [&]() -> tl::unexpected<error> {
        if (std::get<0>(here()) != with.line) {
            return taken_over_meanwhile();
        }
        return fail(errc::conflict,
                    "the event has changed since: it is at version " +
                        std::to_string(std::max(grant.version, std::get<1>(here())).value) +
                        " now");
    };
    const std::tuple expected(with.line, grant.version, with.in);
    if (here() != expected) {
        co_return changed();
    }
    if (auto allowed = may(what, store_.find(id)); !allowed) {
        co_return fail(std::move(allowed.error()));
    }
    auto sealed = co_await seal(std::move(what), id, operation, with.in);
    if (!sealed) {
        co_return fail(std::move(sealed.error()));
    }
    if (here() != expected) {
        co_return changed();
    }
    if (auto allowed = store_.permitted(*sealed); !allowed) {
        co_return fail(std::move(allowed.error()));
    }
    const auto members = group_of(sealed->header);
    const envelope_header made = sealed->header;
    const envelope_order order = sealed->order;
    consensus::commit ask{operation, id, grant.held, grant.version, codec::encode(sealed->what),
                          members};
    const committing mine(committing_, id);
    const auto done = co_await (*voters)->commit(std::move(ask), members);
    if (!done) {
        if (done.error().code == errc::timed_out) {
            leave_in_doubt(std::move(*sealed));
        }
        co_return fail(done.error());
    }
    if (is_left_out(id, made, order)) {
        co_return fail(errc::conflict,
                       "the event was taken over by somebody else meanwhile: this change is kept "
                       "as an event of your own");
    }
    co_return id;
}

consensus::group replicator::group_of(const envelope_header& header) const {
    consensus::group members;
    members.backups = mediator_.backups();
    std::ranges::sort(members.backups);
    std::vector<user_id> everyone = header.participants;
    everyone.push_back(header.event.organizer);
    members.devices.push_back(with_.self);
    for (const user_id& user : everyone) {
        const auto his = mediator_.devices_of(user);
        members.devices.insert(members.devices.end(), his.begin(), his.end());
    }
    const auto lost = [this](const device_id& one) { return mediator_.is_lost(one); };
    std::erase_if(members.devices, lost);
    std::erase_if(members.backups, lost);
    std::ranges::sort(members.devices);
    members.devices.erase(std::unique(members.devices.begin(), members.devices.end()),
                          members.devices.end());
    members.organizer_device = mediator_.organizer_device(header.event);
    if (members.devices.size() == 1) {
        members.backups.clear();  // what is this device's alone needs nobody else's word
    }
    return members;
}

task<result<verified_envelope>> replicator::seal(change what, event_id id, operation_id operation,
                                                 network_epoch in) {
    std::vector<user_id> everyone = what.participants;
    everyone.push_back(id.organizer);
    std::vector<std::pair<user_id, bytes>> keys;
    for (const user_id& user : everyone) {
        auto key = co_await mediator_.box_key_of(user);
        if (!key) {
            co_return fail(std::move(key.error()));
        }
        keys.emplace_back(user, std::move(*key));
    }
    const auto by = mediator_.author_of(what.as);
    if (!by) {
        co_return fail(errc::unauthorised, "the user has signed out on this device meanwhile");
    }
    envelope_header header;
    header.kind = what.kind;
    header.type = what.type;
    header.event = id;
    header.by = *by;
    header.written = env_.time.wall();
    header.participants = what.participants;
    header.guests_may = what.guests_may;
    header.operation = operation;
    header.next_in = in;
    bytes key(32);
    env_.entropy.fill(key);
    if (const held_event* const held = store_.find(id)) {
        header.generation = held->header.generation;
        header.left = held->header.left;
        if (what.takes_over) {
            header.generation = taken_over(header.generation, with_.self);
            header.left.push_back(held->order);
        }
        header.version = held->header.version.next();
        header.previous = held->order.hash;
        header.epoch = held->header.epoch;
        if (auto entered = enter_epoch(header, *held); !entered) {
            co_return fail(std::move(entered.error()));
        }
        if (header.moved) {
            header.moved->only_that = what.only_moves;
        }
        // Whoever has left must not read on: the rest get a new key (design decision 8).
        const bool somebody_left =
            !std::ranges::includes(what.participants, held->header.participants);
        // A tombstone has no key to go on with.
        if (somebody_left || held->header.kind != envelope_kind::put) {
            header.epoch = header.epoch.next();
        } else {
            const auto same = key_of(*held, what.as);
            if (!same) {
                co_return fail(same.error());
            }
            key = to_bytes(same->view());
        }
    }
    header.streams = store_.numbers().reserve(with_.self, header.by.life, everyone);
    auto sealed = crypto::seal_envelope(std::move(header), keys, key, what.body, with_.device_key,
                                        env_.entropy);
    crypto::secret_bytes wiped(std::move(key));
    if (!sealed) {
        co_return fail(std::move(sealed.error()));
    }
    co_return verify(std::move(*sealed));
}

result<envelope> replicator::removal_notice(envelope_header header, const user_id& removed) const {
    header.kind = envelope_kind::removed_you;
    header.streams = {{removed, stream_number(0)}};
    header.moved.reset();  // it is no version to begin with
    return crypto::seal_envelope(std::move(header), {}, bytes(32), {}, with_.device_key,
                                 env_.entropy);
}

result<void> replicator::store_decided(const consensus::decide& what, batch& writes) {
    deciding_.erase(what.event);
    auto read = codec::decode<envelope>(what.value);
    auto next = read ? verify(std::move(*read)) : fail(read.error());
    if (!next || next->header.event != what.event) {
        env_.log.write(log_level::warn, "consensus",
                       "what was decided is no version of its event, and is not kept");
        return {};
    }
    decision mine{std::move(*next), {}};
    const envelope_header& header = mine.what->header;
    const bool by_this_device = crypto::device_of(header.by.device_key) == with_.self;
    if (!store_.is_newer(*mine.what)) {
        // Decided in a line that somebody has ended meanwhile.
        if (is_of_an_ended_line(header)) {
            store_.write_earlier(writes, what.event, mine.what->order, what.value);
            mine.what.reset();
            deciding_.insert_or_assign(what.event, std::move(mine));
        }
        return {};
    }
    // What this device completed it owes to the others, also where whoever takes part in it has
    // signed out here, or is left out by it.
    const bool owes = what.spread && store_.find(what.event) != nullptr;
    if (!with_.is_backup && !by_this_device && !owes && !involves_us(header)) {
        return {};
    }
    if (what.spread) {
        mine.recipients = recipients_of(header);
    }
    auto removed = write_removals(writes, header);
    if (!removed) {
        return fail(std::move(removed.error()));
    }
    mine.recipients.insert(mine.recipients.end(), removed->begin(), removed->end());
    std::erase(mine.recipients, with_.self);
    store_.write_to(writes, *mine.what);
    if (by_this_device) {
        store_.numbers().write_given(writes, header);
    }
    write_owed(writes, mine.recipients, what.event, mine.what->order);
    deciding_.insert_or_assign(what.event, std::move(mine));
    return {};
}

namespace {

/// Somebody signed in here who may remove others from an event with this header.
std::optional<author> may_remove(const replica_mediator& here, const envelope_header& header) {
    auto organizer = here.author_of(header.event.organizer);
    if (organizer || (header.guests_may & guest_right::invite) == 0) {
        return organizer;
    }
    for (const user_id& guest : header.participants) {
        if (auto found = here.author_of(guest)) {
            return found;
        }
    }
    return std::nullopt;
}

}  // namespace

/// Whom `next` removes is told so by the device that wrote it; who left also by the organizer's,
/// since a crash may have hidden from his own what it wrote; and where versions before it were
/// missed, by whoever is here and may remove, since one of those may be this device's own, which a
/// crash hid from it. Returns the devices of the removed.
result<std::vector<device_id>> replicator::write_removals(batch& writes,
                                                          const envelope_header& next) {
    std::vector<device_id> told;
    const auto gone = removed_by(next);
    if (gone.empty() || mutant("replicator.no_removal_notice")) {
        return told;
    }
    envelope_header shape = next;
    if (crypto::device_of(next.by.device_key) != with_.self) {
        const held_event& held = *store_.find(next.event);
        const auto author = crypto::author_user(next.by);
        const bool left = author && std::ranges::count(gone, *author) != 0;
        const bool missed = next.previous != held.order.hash;
        auto teller = missed ? may_remove(mediator_, held.header)
                      : left ? mediator_.author_of(next.event.organizer)
                             : std::nullopt;
        if (!teller) {
            return told;
        }
        // He learns nothing of who came after him.
        shape.by = std::move(*teller);
        shape.guests_may = held.header.guests_may;
        std::erase_if(shape.participants,
                      [&](const user_id& one) { return !held.header.involves(one); });
    }
    for (const user_id& user : gone) {
        auto notice = removal_notice(shape, user);
        if (!notice) {
            return fail(std::move(notice.error()));
        }
        writes.put(record_kind::history, removal_key(next.event, user), codec::encode(*notice));
        removals_[{next.event, user}] = std::move(*notice);
        const auto devices = mediator_.devices_of(user);
        told.insert(told.end(), devices.begin(), devices.end());
    }
    return told;
}

/// The users who take part in what is held, and not in `next`.
std::vector<user_id> replicator::removed_by(const envelope_header& next) const {
    std::vector<user_id> gone;
    const held_event* const held = store_.find(next.event);
    if (held != nullptr && next.kind != envelope_kind::removed_you) {
        std::ranges::set_difference(held->header.participants, next.participants,
                                    std::back_inserter(gone));
    }
    return gone;
}

void replicator::decided(const consensus::decide& what) {
    const auto found = deciding_.find(what.event);
    if (found == deciding_.end()) {
        return;
    }
    decision mine = std::move(found->second);
    deciding_.erase(found);
    if (mine.what) {
        publish(std::move(*mine.what));
        outbox_.owe(mine.recipients, what.event);
    } else {
        look_over_later(what.event);
    }
}

}  // namespace calbox::replica
