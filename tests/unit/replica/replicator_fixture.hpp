// What tests of the replicator share: alice's replicator, with a strategy, a recovery and others
// that do what a test says, and a store that fails when it is told to.
#pragma once

#include <ranges>

#include <gtest/gtest.h>

#include "replica/replicator.hpp"
#include "unit/replica/replica_bench.hpp"

namespace calbox::replica {

class mediator final : public replica_mediator {
public:
    std::map<user_id, const person*> known, here;
    std::map<user_id, device_id> elsewhere;  // on another device than his own
    std::vector<device_id> backing;
    std::vector<std::pair<device_id, envelope>> delivered;
    std::vector<std::pair<wire::message_type, device_id>> sent;
    std::vector<envelope_header> shown;
    std::optional<bytes> reply = codec::encode(wire::update_reply{});
    std::vector<envelope> earlier;  // what others have of the versions that are missing here
    std::size_t asked_for_earlier = 0;
    bool online = true;

    task<result<bytes>> box_key_of(user_id user) override {
        if (!known.contains(user)) {
            co_return fail(errc::not_found, "nobody knows this user");
        }
        co_return known[user]->keys.box.public_key;
    }
    task<void> meet(std::vector<user_id>) override { co_return; }
    std::vector<device_id> devices_of(const user_id& user) const override {
        if (const auto other = elsewhere.find(user); other != elsewhere.end()) {
            return {other->second};
        }
        const auto found = known.find(user);
        return found == known.end() ? std::vector<device_id>() : std::vector{found->second->on};
    }
    bool is_lost(const device_id&) const override { return false; }
    void write_known(batch& writes, const std::vector<device_id>& devices) override {
        for (const device_id& device : devices) {
            writes.put(record_kind::overlay, to_bytes(device.view()), {});
        }
    }
    std::vector<device_id> backups() const override { return backing; }
    device_id organizer_device(const event_id&) const override { return {}; }
    std::string label_of(const device_id& device) const override {
        return device.hex().substr(0, 4);
    }
    std::string id_text(const event_id& which) const override { return which.seq_text(); }
    std::string who_edits(const event_id&, const device_id& holder, timestamp) const override {
        return label_of(holder) + " edits it";
    }
    const crypto::identity* identity_of(const user_id& user) const override {
        const auto found = here.find(user);
        return found == here.end() ? nullptr : &found->second->keys;
    }
    std::optional<author> author_of(const user_id& user) const override {
        const auto found = here.find(user);
        return found == here.end() ? std::nullopt : std::optional(found->second->by);
    }
    bool is_local(const user_id& user) const override { return here.contains(user); }
    std::vector<user_id> local_users() const override {
        const auto users = here | std::views::keys;
        return {users.begin(), users.end()};
    }
    bool is_online(const std::vector<device_id>&) const override { return online; }
    task<result<bytes>> request(device_id to, wire::message_type type, bytes payload) override {
        if (type == wire::message_type::earlier) {
            ++asked_for_earlier;
            const auto after = codec::decode<wire::earlier>(payload)->after;
            wire::earlier_reply later;
            for (const envelope& one : earlier) {
                if (crypto::read_header(one)->version > after.version) {
                    later.versions.push_back(one);
                }
            }
            co_return codec::encode(later);
        }
        delivered.emplace_back(to, codec::decode<wire::update>(payload)->what);
        if (!reply) {
            co_return fail(errc::unavailable, "nobody answers");
        }
        co_return *reply;
    }
    void send(const device_id& to, wire::message_type type, bytes) override {
        sent.emplace_back(type, to);
    }
    void changed(const std::optional<envelope_header>&, const envelope_header& now) override {
        shown.push_back(now);
    }
};

/// Asks its friends, and hands on what a test gives it.
class recovery_by_script final : public recovery::strategy {
public:
    class exchange final : public recovery::initiator {
    public:
        explicit exchange(recovery_by_script& of) : of_(of) {}
        void step(const recovery::input& what, const recovery::view&, recovery::context,
                  std::vector<recovery::effect>& effects) override {
            if (std::holds_alternative<recovery::begin>(what)) {
                for (const bytes& one : of_.found) {
                    effects.push_back(recovery::apply{{}, one});
                }
                effects.push_back(recovery::finished{true, 0, 1, {}});
            }
        }

    private:
        recovery_by_script& of_;
    };
    std::unique_ptr<recovery::initiator> initiate() override {
        return std::make_unique<exchange>(*this);
    }
    result<std::vector<bytes>> respond(byte_view, const recovery::view&,
                                       recovery::context) override {
        return std::vector<bytes>{{1}, {2}};
    }
    std::vector<bytes> found;
};

class replicator_test : public testing::Test {
protected:
    replicator_test() {
        for (const person* one : {&alice, &bob, &carol, &dave}) {
            rest.known[one->id] = one;
        }
        rest.here[alice.id] = &alice;
        strategy.traits.mutual_exclusion = true;
        strategy.answer = [this](const consensus::input& what, scripted_strategy::effects& out) {
            play(what, out);
        };
    }
    /// Grants everything, and decides everything.
    void play(const consensus::input& what, scripted_strategy::effects& out) {
        if (const auto* const asked = std::get_if<consensus::acquire>(&what)) {
            if (no) {
                consensus::refused why = *no;
                out.push_back(consensus::done{asked->operation, std::move(why)});
            } else {
                const auto version = granted.value_or(asked->current);
                out.push_back(consensus::done{
                    asked->operation, consensus::granted{5, std::chrono::seconds(30), version}});
            }
        } else if (const auto* const edit = std::get_if<consensus::commit>(&what)) {
            out.push_back(consensus::decide{edit->operation, edit->event, edit->value, true});
            out.push_back(consensus::done{edit->operation,
                                          consensus::committed{edit->expect.next(), {}, {}}});
        } else if (const auto* const message = std::get_if<consensus::message>(&what)) {
            out.push_back(consensus::decide{{}, which, message->body, completes});
        }
    }
    /// Outlives the replicator, as the fixture does.
    result<std::shared_ptr<consensus::strategy>> voting() {
        return std::shared_ptr<consensus::strategy>(std::shared_ptr<void>(), &strategy);
    }
    void hear(bytes of_the_strategy) {
        replica->on_consensus(bob.on, {std::move(of_the_strategy), network_epoch(1)});
        in.settle();
    }
    replicator& at_alice(bool start = true) {
        replica.emplace(
            in.env, db,
            replicator::parts{alice.device,
                              alice.on,
                              false,
                              [this](network_epoch) { return voting(); },
                              [] { return network_epoch(1); },
                              recovery_strategies{{{"scripted", &recovery}}, "scripted"},
                              {}},
            rest);
        if (start) {
            EXPECT_TRUE(in.run(replica->start()));
            EXPECT_TRUE(in.run(replica->open_epochs(network_epoch(1))));
        }
        return *replica;
    }
    void end() {
        if (replica) {
            replica->request_stop();
            in.run(replica->join());
            replica.reset();
        }
    }
    void TearDown() override { end(); }

    /// Alice holds version 1 with bob and carol.
    envelope begin(std::uint32_t guests_may = guest_right::standard) {
        auto header = header_of(which, alice, 1, {bob.id, carol.id});
        header.guests_may = guests_may;
        envelope one = sign(std::move(header), alice, in.entropy);
        EXPECT_TRUE(in.run(replica->receive(one)));
        rest.delivered.clear();
        return one;
    }
    /// What carol's device was sent.
    std::vector<envelope_header> told_carol() const {
        std::vector<envelope_header> all;
        for (const auto& [to, what] : rest.delivered) {
            if (to == carol.on) {
                all.push_back(verify(what)->header);
            }
        }
        return all;
    }
    change by_alice(std::vector<user_id> participants) {
        change what;
        what.as = alice.id;
        what.participants = std::move(participants);
        std::ranges::sort(what.participants);
        what.body = to_bytes("a meeting");
        return what;
    }

    test::test_environment in;
    test::faulty_store store;
    database db{in.env, store};
    const person alice{in.entropy}, bob{in.entropy}, carol{in.entropy}, dave{in.entropy};
    const event_id which{alice.id, event_id::make_seq(device_number(1), 1)};
    mediator rest;
    scripted_strategy strategy;
    recovery_by_script recovery;
    std::optional<consensus::refused> no;
    bool completes = true;  // itself what it hears to be decided
    std::optional<version_number> granted;
    std::optional<replicator> replica;
};

}  // namespace calbox::replica
