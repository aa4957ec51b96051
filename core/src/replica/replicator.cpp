#include "replica/replicator.hpp"

#include <algorithm>

#include "crypto/envelopes.hpp"

namespace calbox::replica {

replica_mediator::~replica_mediator() = default;

/// The three rooms that the replicator drives talk back to it here.
class replicator::effects final : public consensus_mediator,
                                  public outbox_mediator,
                                  public recovery_mediator {
public:
    explicit effects(replicator& owner) : owner_(owner) {}

    void send(const device_id& to, bytes body) override {
        owner_.mediator_.send(to, wire::message_type::consensus,
                              codec::encode(wire::consensus_message{std::move(body)}));
    }
    result<void> store_decided(const consensus::decide& what, batch& writes) override {
        return owner_.store_decided(what, writes);
    }
    void decided(const consensus::decide& what) override { owner_.decided(what); }
    task<result<envelope_order>> deliver(device_id to, event_id which) override {
        return owner_.deliver(to, which);
    }
    void delivered(const device_id&, const event_id& which) override {
        if (const held_event* const held = owner_.store_.find(which)) {
            owner_.mediator_.changed(held->header, held->header);
        }
    }
    task<result<void>> send(device_id to, wire::recovery_message what) override {
        owner_.mediator_.send(to, wire::message_type::recovery, codec::encode(what));
        co_return result<void>();
    }
    task<result<bool>> apply(device_id, bytes encoded_envelope) override {
        auto what = codec::decode<envelope>(encoded_envelope);
        if (!what) {
            co_return fail(std::move(what.error()));
        }
        const digest hash = crypto::envelope_hash(*what);
        const auto header = crypto::read_header(*what);
        if (!header) {
            co_return fail(header.error());
        }
        const held_event* const before = owner_.store_.find(header->event);
        const bool news = before == nullptr || before->order.hash != hash;
        const auto held = co_await owner_.receive(std::move(*what));
        if (!held) {
            co_return fail(held.error());
        }
        co_return news && held->hash == hash;
    }

private:
    replicator& owner_;
};

replicator::replicator(const environment& env, database& db, parts with, replica_mediator& mediator)
    : env_(env),
      db_(db),
      with_(std::move(with)),
      mediator_(mediator),
      store_(env, db),
      effects_(std::make_unique<effects>(*this)),
      consensus_(env, db, with_.consensus, *effects_, with_.self),
      outbox_(env, db, store_, *effects_),
      recovery_(env, store_, with_.recovery, with_.recovery_name, *effects_) {}

replicator::~replicator() = default;

static bytes removal_key(const event_id& which, const user_id& user) {
    bytes key = event_key(which);
    key.insert(key.end(), user.value.begin(), user.value.end());
    return key;
}

task<result<void>> replicator::start() {
    auto loaded = co_await store_.load();
    if (!loaded) {
        co_return loaded;
    }
    const auto history = co_await db_.scan(record_kind::history);
    if (!history) {
        co_return fail(history.error());
    }
    for (const auto& [key, value] : *history) {
        // Keys of removal notices are <event, user>; those of earlier versions are longer.
        if (key.size() == 2 * user_id::size + 8) {
            const auto notice = codec::decode<envelope>(value);
            const auto header = notice ? crypto::read_header(*notice) : fail(notice.error());
            if (header) {
                const auto user = *user_id::from_bytes(byte_view(key).last(user_id::size));
                removals_[{header->event, user}] = *notice;
            }
        }
    }
    auto voting = co_await consensus_.start();
    if (!voting) {
        co_return voting;
    }
    co_return co_await outbox_.load();
}

void replicator::request_stop() noexcept {
    recovery_.request_stop();
    outbox_.request_stop();
    consensus_.request_stop();
}

task<void> replicator::join() {
    co_await recovery_.join();
    co_await outbox_.join();
    co_await consensus_.join();
}

std::vector<device_id> replicator::recipients_of(const envelope_header& header) const {
    std::vector<device_id> devices = mediator_.backups();
    const auto add = [&](const user_id& user) {
        const auto his = mediator_.devices_of(user);
        devices.insert(devices.end(), his.begin(), his.end());
    };
    add(header.event.organizer);
    std::ranges::for_each(header.participants, add);
    std::ranges::sort(devices);
    devices.erase(std::unique(devices.begin(), devices.end()), devices.end());
    std::erase(devices, with_.self);
    return devices;
}

result<void> replicator::may(const change& what, const held_event* held) const {
    if (!what.event) {
        return {};
    }
    if (held == nullptr || !held->header.involves(what.as) ||
        held->header.kind != envelope_kind::put) {
        return fail(errc::not_found, "there is no such event");
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
    const event_id id =
        what.event
            ? *what.event
            : event_id{what.as, event_id::make_seq(me->number, store_.next_n(what.as, me->number))};
    envelope_header shape;
    shape.event = id;
    shape.participants = what.participants;
    consensus::acquire ask;
    env_.entropy.fill(ask.operation.value);
    ask.event = id;
    ask.why = !held                                   ? consensus::intent::create
              : what.kind == envelope_kind::tombstone ? consensus::intent::remove
                                                      : consensus::intent::modify;
    ask.members.devices = recipients_of(held ? held->header : shape);
    ask.members.backups = mediator_.backups();
    ask.members.organizer_device = with_.self;
    ask.current = held ? held->header.version : version_number(0);
    const bool shared = !what.participants.empty() || (held && !held->header.participants.empty());
    if (shared && !with_.consensus.declared().edits_offline &&
        !mediator_.is_online(ask.members.devices)) {
        co_return fail(errc::offline,
                       "this device is offline: shared events can be read, and changed once it is "
                       "connected again");
    }
    const operation_id operation = ask.operation;
    const auto granted = co_await consensus_.acquire(std::move(ask));
    if (!granted) {
        co_return fail(granted.error());
    }
    auto outcome = co_await decide(std::move(what), id, operation, granted->held);
    if (!outcome) {
        consensus_.release({operation, id, granted->held});
    }
    co_return outcome;
}

task<result<event_id>> replicator::decide(change what, event_id id, operation_id operation,
                                          consensus::token held) {
    const auto guard = co_await store_.lock(id);
    if (auto allowed = may(what, store_.find(id)); !allowed) {
        co_return fail(std::move(allowed.error()));
    }
    const auto before = store_.find(id);
    pending next;
    if (before != nullptr) {
        std::ranges::set_difference(before->header.participants, what.participants,
                                    std::back_inserter(next.removed));
        if (what.kind != envelope_kind::put) {
            next.removed.clear();
        }
    }
    auto sealed = co_await seal(std::move(what), id, operation);
    if (!sealed) {
        co_return fail(std::move(sealed.error()));
    }
    if (auto allowed = store_.permitted(*sealed); !allowed) {
        co_return fail(std::move(allowed.error()));
    }
    next.what = std::move(*sealed);
    next.recipients = recipients_of(next.what.header);
    for (const user_id& gone : next.removed) {
        const auto devices = mediator_.devices_of(gone);
        next.recipients.insert(next.recipients.end(), devices.begin(), devices.end());
    }
    std::erase(next.recipients, with_.self);
    consensus::commit ask{operation, id, held, version_number(next.what.header.version.value - 1),
                          codec::encode(next.what.what)};
    pending_[operation] = std::move(next);
    const auto done = co_await consensus_.commit(std::move(ask));
    pending_.erase(operation);
    if (!done) {
        co_return fail(done.error());
    }
    co_return id;
}

task<result<verified_envelope>> replicator::seal(change what, event_id id, operation_id operation) {
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
    envelope_header header;
    header.kind = what.kind;
    header.type = what.type;
    header.event = id;
    header.by = *mediator_.author_of(what.as);
    header.written = env_.time.wall();
    header.participants = what.participants;
    header.guests_may = what.guests_may;
    header.operation = operation;
    bytes key(32);
    env_.entropy.fill(key);
    if (const held_event* const held = store_.find(id)) {
        header.generation = held->header.generation;
        header.version = held->header.version.next();
        header.previous = held->order.hash;
        header.epoch = held->header.epoch;
        // Whoever has left must not read on: the rest get a new key (design decision 8).
        const bool somebody_left =
            !std::ranges::includes(what.participants, held->header.participants);
        if (somebody_left) {
            header.epoch = header.epoch.next();
        } else {
            const auto same = key_of(*held, what.as);
            if (!same) {
                co_return fail(same.error());
            }
            key = to_bytes(same->view());
        }
    }
    header.streams = store_.reserve_streams(with_.self, header.by.life, everyone);
    auto sealed = crypto::seal_envelope(std::move(header), keys, key, what.body, with_.device_key,
                                        env_.entropy);
    crypto::secret_bytes wiped(std::move(key));
    if (!sealed) {
        co_return fail(std::move(sealed.error()));
    }
    co_return verify(std::move(*sealed));
}

result<envelope> replicator::removal_notice(const pending& of, const user_id& removed) const {
    envelope_header header = of.what.header;
    header.kind = envelope_kind::removed_you;
    header.streams = {{removed, stream_number(0)}};
    return crypto::seal_envelope(std::move(header), {}, bytes(32), {}, with_.device_key,
                                 env_.entropy);
}

result<void> replicator::store_decided(const consensus::decide& what, batch& writes) {
    const auto mine = pending_.find(what.operation);
    if (mine == pending_.end()) {
        return fail(errc::internal, "a decision that nobody here asked for");
    }
    const pending& next = mine->second;
    store_.write_to(writes, next.what);
    store_.write_streams(writes, next.what.header);
    outbox::write_to(writes, next.recipients, what.event, next.what.order);
    for (const user_id& gone : next.removed) {
        auto notice = removal_notice(next, gone);
        if (!notice) {
            return fail(std::move(notice.error()));
        }
        writes.put(record_kind::history, removal_key(what.event, gone), codec::encode(*notice));
        removals_[{what.event, gone}] = std::move(*notice);
    }
    return {};
}

void replicator::decided(const consensus::decide& what) {
    const auto mine = pending_.find(what.operation);
    if (mine == pending_.end()) {
        return;
    }
    const auto recipients = mine->second.recipients;
    publish(mine->second.what);
    outbox_.owe(recipients, what.event);
}

void replicator::publish(verified_envelope next) {
    std::optional<envelope_header> before;
    if (const held_event* const held = store_.find(next.header.event)) {
        before = held->header;
    }
    const envelope_header now = next.header;
    store_.publish(std::move(next));
    mediator_.changed(before, now);
}

task<result<envelope_order>> replicator::deliver(device_id to, event_id which) {
    const held_event* const held = store_.find(which);
    if (held == nullptr) {
        co_return fail(errc::not_found, "the event is gone");
    }
    envelope what;
    const auto current = recipients_of(held->header);
    if (std::ranges::binary_search(current, to)) {
        auto decoded = codec::decode<envelope>(held->encoded);
        if (!decoded) {
            co_return fail(errc::internal, decoded.error().message());
        }
        what = std::move(*decoded);
    } else {
        const auto notice = std::ranges::find_if(removals_, [&](const auto& entry) {
            return entry.first.first == which &&
                   std::ranges::count(mediator_.devices_of(entry.first.second), to) > 0;
        });
        if (notice == removals_.end()) {
            co_return fail(errc::not_found, "this device takes no part in the event any more");
        }
        what = notice->second;
    }
    auto payload = codec::encode(wire::update{std::move(what)});
    const auto answer =
        co_await mediator_.request(to, wire::message_type::update, std::move(payload));
    if (!answer) {
        co_return fail(answer.error());
    }
    const auto reply = codec::decode<wire::update_reply>(*answer);
    if (!reply) {
        co_return fail(errc::closed, reply.error().message());
    }
    co_return reply->held;
}

task<result<envelope_order>> replicator::receive(envelope what) {
    auto next = verify(std::move(what));
    if (!next) {
        co_return fail(std::move(next.error()));
    }
    const envelope_header& header = next->header;
    const auto for_us = [&](const user_id& user) { return mediator_.is_local(user); };
    const bool involves_us =
        for_us(header.event.organizer) || std::ranges::any_of(header.participants, for_us) ||
        (header.kind == envelope_kind::removed_you && store_.find(header.event) != nullptr &&
         std::ranges::any_of(header.streams, [&](const auto& s) { return for_us(s.first); }));
    if (!with_.is_backup && !involves_us) {
        co_return fail(errc::forbidden, "nobody on this device takes part in this event");
    }
    if (involves_us) {
        std::vector<user_id> involved = header.participants;
        involved.push_back(header.event.organizer);
        co_await mediator_.meet(std::move(involved));
    }
    const auto guard = co_await store_.lock(header.event);
    if (const held_event* const held = store_.find(header.event); held && !store_.is_newer(*next)) {
        co_return held->order;
    }
    if (auto allowed = store_.permitted(*next); !allowed) {
        co_return fail(std::move(allowed.error()));
    }
    batch writes;
    store_.write_to(writes, *next);
    auto stored = co_await db_.apply(std::move(writes));
    if (!stored) {
        co_return fail(std::move(stored.error()));
    }
    const envelope_order order = next->order;
    publish(std::move(*next));
    co_return order;
}

task<result<bytes>> replicator::on_update(wire::update what) {
    const auto held = co_await receive(std::move(what.what));
    if (!held) {
        co_return fail(held.error());
    }
    co_return codec::encode(wire::update_reply{*held});
}

void replicator::on_consensus(const device_id& from, bytes body) {
    consensus_.on_message(from, std::move(body));
}

task<void> replicator::on_recovery(device_id from, std::vector<user_id> users, bool is_backup,
                                   wire::recovery_message what) {
    co_await recovery_.on_message(from, std::move(users), is_backup, std::move(what));
}

void replicator::on_peer(const device_id& device, bool up) {
    consensus_.on_peer(device, up);
    if (up) {
        outbox_.wake(device);
    } else {
        recovery_.on_peer_lost(device);
    }
}

task<recovery_report> replicator::catch_up(std::vector<device_id> friends,
                                           std::vector<device_id> backups) {
    co_return co_await recovery_.run({std::move(friends), std::move(backups)});
}

result<crypto::secret_bytes> replicator::key_of(const held_event& held, const user_id& as) const {
    const crypto::identity* const me = mediator_.identity_of(as);
    if (me == nullptr) {
        return fail(errc::unauthorised, "this user is not signed in on this device");
    }
    const auto what = codec::decode<envelope>(held.encoded);
    if (!what) {
        return fail(what.error());
    }
    return crypto::open_event_key(*what, as, me->box);
}

result<bytes> replicator::body_of(const held_event& held, const user_id& as) const {
    const auto key = key_of(held, as);
    if (!key) {
        return fail(key.error());
    }
    const auto what = codec::decode<envelope>(held.encoded);
    if (!what) {
        return fail(what.error());
    }
    return crypto::open_body(*what, held.header, key->view());
}

}  // namespace calbox::replica
