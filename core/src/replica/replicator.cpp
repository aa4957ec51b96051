#include "replica/replicator.hpp"

#include <algorithm>

#include <calbox/mutant.hpp>

#include "crypto/envelopes.hpp"

namespace calbox::replica {

replica_mediator::~replica_mediator() = default;

/// What the strategy of one epoch asks of the replicator.
class replicator::voting final : public consensus_mediator {
public:
    voting(replicator& owner, network_epoch epoch) : owner_(owner), epoch_(epoch) {}

    void send(const device_id& to, bytes body) override {
        owner_.mediator_.send(to, wire::message_type::consensus,
                              codec::encode(wire::consensus_message{std::move(body), epoch_}));
    }
    std::vector<consensus::inherit> inherited() const override {
        std::vector<consensus::inherit> all;
        for (const auto& [id, held] : owner_.store_.all()) {
            if (held.header.moved && held.header.next_in == epoch_) {
                all.push_back(replicator::inherited(held));
            }
        }
        return all;
    }
    task<event_store::guard> hold(event_id which) override { return owner_.store_.lock(which); }
    result<void> store_decided(const consensus::decide& what, batch& writes) override {
        return owner_.store_decided(what, writes);
    }
    error explain(const event_id& which, const consensus::refused& refusal) override {
        return owner_.explain(which, refusal);
    }
    void doubtful(const event_id& which, bool now) override {
        if (now) {
            owner_.doubtful_.insert(which);
        } else {
            owner_.doubtful_.erase(which);
            const auto mine = owner_.in_doubt_.find(which);
            // Of a line that has ended what is told may be said of the other one.
            if (mine != owner_.in_doubt_.end() &&
                owner_.line_of(which) == mine->second.header.generation) {
                owner_.in_doubt_.erase(mine);
            }
        }
    }
    void locks_lost(const error& why) override {
        if (owner_.locks_lost) {
            owner_.locks_lost(epoch_, why);
        }
    }
    bool takes_part(const device_id& device, const event_id& event) const override {
        const held_event* const held = owner_.store_.find(event);
        return held == nullptr || device == owner_.with_.self ||
               std::ranges::binary_search(owner_.recipients_of(held->header), device);
    }
    bool is_shared(const event_id& event) const override {
        const held_event* const held = owner_.store_.find(event);
        return held != nullptr && owner_.group_of(held->header).devices.size() > 1;
    }
    bool acceptable(const event_id& event, byte_view value) const override {
        auto what = codec::decode<envelope>(value);
        const auto next = what ? verify(std::move(*what)) : fail(what.error());
        const auto by = next ? crypto::author_user(next->header.by) : std::nullopt;
        const held_event* const held = owner_.store_.find(event);
        // Whoever has missed that the event is decided about elsewhere now is not helped to change
        // it.
        const bool gone = held != nullptr && held->header.next_in > epoch_ && next &&
                          held->header.generation >= next->header.generation &&
                          held->order != next->order;
        // Whoever leaves an event signs a version without himself.
        return by && !gone && next->header.event == event && next->header.next_in >= epoch_ &&
               (next->header.involves(*by) || (held != nullptr && held->header.involves(*by)));
    }
    bool is_last(byte_view value) const override {
        const auto what = codec::decode<envelope>(value);
        const auto header = what ? crypto::read_header(*what) : fail(what.error());
        return header && header->next_in > epoch_;
    }
    void decided(const consensus::decide& what) override { owner_.decided(what); }

private:
    replicator& owner_;
    network_epoch epoch_;
};

/// The other rooms that the replicator drives talk back to it here.
class replicator::effects final : public outbox_mediator, public recovery_mediator {
public:
    explicit effects(replicator& owner) : owner_(owner) {}

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
    task<result<bool>> apply(device_id from, bytes encoded_envelope) override {
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
        const auto held = co_await owner_.receive(std::move(*what), from);
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
      earlier_(env, db, store_, with_.keeping),
      effects_(std::make_unique<effects>(*this)),
      epochs_(env, db,
              {with_.self, with_.strategy_of,
               [this](network_epoch epoch) { return std::make_unique<voting>(*this, epoch); }}),
      outbox_(env, db, store_, *effects_),
      recovered_(store_, with_.is_backup, [this] { return mediator_.local_users(); }),
      recovery_(env, recovered_, with_.recovery, *effects_) {
    store_.numbers().ours = [this](const user_id& user) { return mediator_.is_local(user); };
    store_.is_backups = with_.is_backup;
}

replicator::~replicator() = default;

task<result<void>> replicator::start() {
    auto loaded = co_await store_.load();
    if (!loaded) {
        co_return loaded;
    }
    for (const auto& [id, held] : store_.all()) {
        if (!held.header.left.empty() && !with_.is_backup) {
            other_lines_.insert(id);  // when this ended it may not have been done with them
        }
    }
    const auto history = co_await db_.scan(record_kind::history);
    if (!history) {
        co_return fail(history.error());
    }
    for (const auto& [key, value] : *history) {
        if (auto read = load_left_out(key, value); !read) {
            co_return read;
        }
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
    co_return co_await outbox_.load();
}

void replicator::request_stop() noexcept {
    recovery_.request_stop();
    outbox_.request_stop();
    epochs_.request_stop();
}

task<void> replicator::join() {
    co_await recovery_.join();
    co_await outbox_.join();
    co_await epochs_.join();
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
    std::erase_if(devices, [this](const device_id& one) { return mediator_.is_lost(one); });
    return devices;
}

void replicator::publish(verified_envelope next) {
    std::optional<envelope_header> before;
    if (const held_event* const held = store_.find(next.header.event)) {
        before = held->header;
    }
    const envelope_header now = next.header;
    store_.publish(std::move(next));
    lacking_.erase(now.event);
    doubtful_.erase(now.event);
    if (before ? before->generation != now.generation : !now.left.empty()) {
        other_lines_.insert(now.event);
    } else {
        in_doubt_.erase(now.event);
    }
    if (now.moved) {
        epochs_.inherit(now.next_in, inherited(*store_.find(now.event)));
    }
    mediator_.changed(before, now);
}

/// Of two users of one device the one who was removed last: the other's notice says that he takes
/// part.
std::optional<envelope> replicator::newest_notice(const event_id& which,
                                                  const device_id& device) const {
    const envelope* newest = nullptr;
    envelope_header its;
    const auto place = [](const envelope_header& of) {
        return std::pair(of.generation, of.version);
    };
    for (auto at = removals_.lower_bound({which, user_id()});
         at != removals_.end() && at->first.first == which; ++at) {
        if (std::ranges::count(mediator_.devices_of(at->first.second), device) == 0) {
            continue;
        }
        const auto header = crypto::read_header(at->second);
        if (header && (newest == nullptr || place(*header) > place(its))) {
            newest = &at->second;
            its = *header;
        }
    }
    return newest == nullptr ? std::nullopt : std::optional(*newest);
}

void replicator::write_owed(batch& writes, const std::vector<device_id>& devices,
                            const event_id& which, const envelope_order& order) {
    mediator_.write_known(writes, devices);
    outbox::write_to(writes, devices, which, order);
}

task<result<envelope_order>> replicator::deliver(device_id to, event_id which) {
    const held_event* const held = store_.find(which);
    if (held == nullptr) {
        co_return fail(errc::not_found, "the event is gone");
    }
    envelope what;
    const auto current = recipients_of(held->header);
    if (std::ranges::binary_search(current, to)) {
        if (held->header.kind == envelope_kind::removed_you) {
            co_return fail(errc::not_found,
                           "what is left here of the event is that somebody was removed");
        }
        auto decoded = codec::decode<envelope>(held->encoded);
        if (!decoded) {
            co_return fail(errc::internal, decoded.error().message());
        }
        what = std::move(*decoded);
    } else {
        auto notice = newest_notice(which, to);
        if (!notice) {
            co_return fail(errc::not_found, "this device takes no part in the event any more");
        }
        what = std::move(*notice);
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

std::vector<device_id> replicator::owed(const event_id& which) const {
    std::vector<device_id> devices = outbox_.owed(which);
    if (unsure) {
        const auto more = unsure(which);
        devices.insert(devices.end(), more.begin(), more.end());
    }
    std::ranges::sort(devices);
    devices.erase(std::unique(devices.begin(), devices.end()), devices.end());
    return devices;
}

bool replicator::involves_us(const envelope_header& header) const {
    const auto for_us = [&](const user_id& user) { return mediator_.is_local(user); };
    const bool takes_part =
        for_us(header.event.organizer) || std::ranges::any_of(header.participants, for_us);
    if (header.kind != envelope_kind::removed_you) {
        return takes_part;
    }
    // A notice has the number of a version and is none: it is for whom it names, and never stands
    // where somebody has the version itself. The organizer's stands also where nothing is held yet,
    // since a version from before may still be on its way by others.
    // Nor where he has written himself that he left.
    const held_event* const held = store_.find(header.event);
    if (held == nullptr && crypto::author_user(header.by) != header.event.organizer) {
        return false;
    }
    // Who has signed out here hears of it, too: his events stay, and nobody would tell him again.
    const bool left_behind = held != nullptr && !with_.is_backup &&
                             !for_us(header.event.organizer) &&
                             std::ranges::none_of(held->header.participants, for_us);
    const auto tells = [&](const user_id& user) {
        const bool involved = held != nullptr && held->header.involves(user);
        return (left_behind && involved) ||
               (for_us(user) &&
                (held == nullptr || involved || held->header.kind == envelope_kind::removed_you));
    };
    return !takes_part &&
           std::ranges::any_of(header.streams, [&](const auto& one) { return tells(one.first); });
}

/// What is for this device and signed by whom it names; whether it may follow is another question.
task<result<verified_envelope>> replicator::accept(envelope what) {
    auto next = verify(std::move(what));
    if (!next) {
        co_return fail(std::move(next.error()));
    }
    const envelope_header& header = next->header;
    const bool ours = involves_us(header);
    const bool for_backup = with_.is_backup && header.kind != envelope_kind::removed_you;
    if (!for_backup && !ours) {
        co_return fail(errc::forbidden, "nobody on this device takes part in this event");
    }
    if (ours) {
        std::vector<user_id> involved = header.participants;
        involved.push_back(header.event.organizer);
        co_await mediator_.meet(std::move(involved));
    }
    co_return std::move(*next);
}

task<result<envelope_order>> replicator::receive(envelope what, device_id from) {
    auto next = co_await accept(std::move(what));
    if (!next) {
        co_return fail(std::move(next.error()));
    }
    auto held = co_await take(*next);
    const bool may_follow_another = !held && held.error().code == errc::forbidden &&
                                    !from.is_zero() && skips_versions(next->header);
    if (may_follow_another) {
        co_await take_earlier(next->header, from);
        held = co_await take(*next);
    }
    co_return std::move(held);
}

void replicator::tell_removals_again(const device_id& device) {
    for (const auto& [removal, notice] : removals_) {
        const auto& [which, user] = removal;
        const held_event* const held = store_.find(which);
        if (held != nullptr && std::ranges::count(mediator_.devices_of(user), device) != 0 &&
            !std::ranges::binary_search(recipients_of(held->header), device)) {
            outbox_.owe({device}, which);
        }
    }
}

task<result<envelope_order>> replicator::take(verified_envelope next) {
    const envelope_header& header = next.header;
    const auto guard = co_await store_.lock(header.event);
    if (header.kind == envelope_kind::removed_you && committing_.contains(header.event)) {
        // It may be this device's own change that says so, which has more to say: whom else it
        // removes, and at which other devices.
        co_return fail(errc::unavailable, "a change of the event is being decided here");
    }
    if (const held_event* const held = store_.find(header.event); held && !store_.is_newer(next)) {
        store_.pass_over(next);
        const envelope_order order = held->order;
        if (is_of_an_ended_line(header)) {
            // This device died before it knew of its own edit.
            batch writes;
            store_.write_earlier(writes, header.event, next.order, codec::encode(next.what));
            if (auto stored = co_await db_.apply(std::move(writes)); !stored) {
                co_return fail(std::move(stored.error()));
            }
            look_over_later(header.event);
        }
        co_return order;
    }
    if (auto allowed = store_.permitted(next); !allowed) {
        co_return fail(std::move(allowed.error()));
    }
    batch writes;
    const auto removed = write_removals(writes, header);
    if (!removed) {
        co_return fail(removed.error());
    }
    store_.write_to(writes, next);
    write_owed(writes, *removed, header.event, next.order);
    if (!mutant("replicator.acknowledges_unstored")) {
        auto stored = co_await db_.apply(std::move(writes));
        if (!stored) {
            co_return fail(std::move(stored.error()));
        }
    }
    const envelope_order order = next.order;
    const event_id event = header.event;
    publish(std::move(next));
    outbox_.owe(*removed, event);
    co_return order;
}

task<result<bytes>> replicator::on_update(device_id from, wire::update what) {
    if (mutant("replicator.loses_updates")) {
        const auto lost = verify(std::move(what.what));
        co_return codec::encode(wire::update_reply{lost ? lost->order : envelope_order()});
    }
    const auto held = co_await receive(std::move(what.what), from);
    if (!held) {
        co_return fail(held.error());
    }
    co_return codec::encode(wire::update_reply{*held});
}

void replicator::on_consensus(const device_id& from, wire::consensus_message what) {
    epochs_.on_message(what.epoch, from, std::move(what.body));
}

task<void> replicator::on_recovery(device_id from, std::vector<user_id> users, bool is_backup,
                                   wire::recovery_message what) {
    co_await recovery_.on_message(from, std::move(users), is_backup, std::move(what));
}

void replicator::on_peer(const device_id& device, bool up) {
    epochs_.on_peer(device, up);
    if (up) {
        std::erase_if(lacking_, [&](const auto& one) {
            return std::ranges::count(one.second.missing, device) > 0;
        });
        outbox_.wake(device);
    } else {
        recovery_.on_peer_lost(device);
    }
}

task<recovery_report> replicator::catch_up(recovery_peers with) {
    co_return co_await recovery_.run(std::move(with));
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
    const crypto::identity* const me = mediator_.identity_of(as);
    if (me == nullptr) {
        return fail(errc::unauthorised, "this user is not signed in on this device");
    }
    const auto what = codec::decode<envelope>(held.encoded);
    const auto key = what ? crypto::open_event_key(*what, as, me->box) : fail(what.error());
    if (!key) {
        return fail(key.error());
    }
    return crypto::open_body(*what, held.header, key->view());
}

}  // namespace calbox::replica
