// The replicator over stores that fail, strategies that are wrong, and versions that were missed.
#include "replica/replicator.hpp"

#include <ranges>

#include <gtest/gtest.h>

#include "unit/replica/replica_bench.hpp"
#include "wire/limits.hpp"

namespace calbox::replica {
namespace {

using namespace std::chrono_literals;

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
                out.push_back(
                    consensus::done{asked->operation, consensus::granted{5, 30s, version}});
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

// Versions between
// -----------------------------------------------------------------------------------------------------------

class versions_between : public replicator_test {
protected:
    /// alice holds version 1 of hers, with bob; she missed 2, in which carol comes to take part.
    void SetUp() override {
        at_alice();
        first = sign(header_of(which, alice, 1, {bob.id}), alice, in.entropy);
        ASSERT_TRUE(in.run(replica->receive(first)));
        second = sign(header_of(which, alice, 2, {bob.id, carol.id}, order_of(first)), alice,
                      in.entropy);
        third = sign(header_of(which, carol, 3, {bob.id, carol.id}, order_of(second)), carol,
                     in.entropy);
        fourth = sign(header_of(which, carol, 4, {bob.id, carol.id}, order_of(third)), carol,
                      in.entropy);
    }
    errc take(const envelope& what, const device_id& from) {
        const auto held = in.run(replica->receive(what, from));
        return held ? errc::ok : held.error().code;
    }
    version_number held() const { return replica->events().find(which)->header.version; }
    envelope first, second, third, fourth;
};

TEST_F(versions_between, are_asked_for_where_their_author_may_have_come_meanwhile) {
    EXPECT_EQ(take(fourth, bob.on), errc::forbidden) << "nobody has them";
    EXPECT_EQ(take(fourth, {}), errc::forbidden);
    rest.earlier = {second, third};
    EXPECT_EQ(take(fourth, bob.on), errc::ok);
    EXPECT_EQ(held(), version_number(4));
    EXPECT_EQ(rest.asked_for_earlier, 2U);
    EXPECT_EQ(in.run(replica->earlier().kept(which))->size(), 3U) << "they are history now";
}

TEST_F(versions_between, are_not_asked_for_by_the_next_version_or_by_what_is_no_ones) {
    auto next = header_of(which, carol, 2, {bob.id, carol.id}, order_of(first));
    EXPECT_EQ(take(sign(next, carol, in.entropy), bob.on), errc::forbidden);
    EXPECT_EQ(rest.asked_for_earlier, 0U);
}

TEST_F(versions_between, prove_nothing_that_they_do_not_say) {
    // Whoever brings forged or other versions gets no further than with none.
    auto forged = second;
    forged.body.push_back(1);
    const auto by_carol =
        sign(header_of(which, carol, 2, {bob.id, carol.id}, order_of(first)), carol, in.entropy);
    event_id another = which;
    ++another.seq;
    const auto of_another =
        sign(header_of(another, alice, 2, {bob.id, carol.id}), alice, in.entropy);
    for (const envelope& one : {forged, by_carol, of_another, third}) {
        rest.earlier = {one};
        EXPECT_EQ(take(fourth, carol.on), errc::forbidden);
        EXPECT_EQ(held(), version_number(1));
    }
}

TEST_F(versions_between, are_given_to_those_who_took_part_in_them) {
    for (const envelope* const one : {&second, &third, &fourth}) {
        ASSERT_EQ(take(*one, {}), errc::ok);
    }
    const auto given = [&](std::vector<user_id> users, bool backup, const envelope& after) {
        const auto answer =
            in.run(replica->on_earlier(std::move(users), backup, {which, order_of(after)}));
        const auto reply = codec::decode<wire::earlier_reply>(*answer);
        std::vector<std::uint64_t> versions;
        for (const envelope& one : reply->versions) {
            versions.push_back(crypto::read_header(one)->version.value);
        }
        return versions;
    };
    EXPECT_EQ(given({bob.id}, false, first), (std::vector<std::uint64_t>{2, 3}));
    EXPECT_EQ(given({bob.id}, false, second), (std::vector<std::uint64_t>{3}));
    EXPECT_EQ(given({dave.id}, false, first), std::vector<std::uint64_t>());
    EXPECT_EQ(given({}, false, first), std::vector<std::uint64_t>());
    EXPECT_EQ(given({}, true, first), (std::vector<std::uint64_t>{2, 3}));
}

// Removals
// -----------------------------------------------------------------------------------------------------------

TEST_F(replicator_test, whoever_may_remove_and_missed_it_tells_those_who_are_gone) {
    for (const auto kind : {envelope_kind::put, envelope_kind::tombstone}) {
        end();
        store.held.clear();
        at_alice();
        const std::uint32_t rights =
            guest_right::standard | guest_right::invite | guest_right::remove;
        begin(rights);
        auto third = header_of(which, bob, 3, {bob.id, dave.id}, {{}, {}, digest{{1}}});
        third.kind = kind;
        third.guests_may = rights;
        ASSERT_TRUE(in.run(replica->receive(sign(third, bob, in.entropy))));
        in.settle();
        const auto told = told_carol();
        ASSERT_EQ(told.size(), 1U);
        EXPECT_EQ(told[0].kind, envelope_kind::removed_you);
        EXPECT_EQ(told[0].version, version_number(3));
        EXPECT_EQ(crypto::author_user(told[0].by), alice.id);
        EXPECT_EQ(told[0].participants, std::vector{bob.id}) << "and not who came after her";
        EXPECT_EQ(told[0].streams.at(0).first, carol.id);
    }
}

TEST_F(replicator_test, a_removal_that_was_not_missed_is_told_by_its_author_alone) {
    at_alice();
    const envelope one = begin(guest_right::standard | guest_right::invite);
    auto second = header_of(which, bob, 2, {bob.id}, order_of(one));
    second.guests_may |= guest_right::invite;
    ASSERT_TRUE(in.run(replica->receive(sign(second, bob, in.entropy))));
    in.settle();
    EXPECT_TRUE(told_carol().empty());
}

TEST_F(replicator_test, whoever_left_is_told_so_by_the_organizer_too) {
    at_alice();
    const envelope one = begin();
    ASSERT_TRUE(in.run(replica->receive(
        sign(header_of(which, carol, 2, {bob.id}, order_of(one)), carol, in.entropy))));
    in.settle();
    const auto told = told_carol();  // whose device may have crashed before it had that
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].kind, envelope_kind::removed_you);
    EXPECT_EQ(crypto::author_user(told[0].by), alice.id);
}

TEST_F(replicator_test, who_has_signed_out_here_hears_that_he_was_removed) {
    rest.here = {{bob.id, &bob}};
    at_alice();
    const envelope first = begin();
    rest.here.clear();
    auto header = header_of(which, alice, 2, {carol.id}, order_of(first));
    header.kind = envelope_kind::removed_you;
    header.streams = {{bob.id, stream_number(0)}};
    const envelope notice = sign(header, alice, in.entropy);
    header.streams = {{dave.id, stream_number(0)}};
    const envelope of_a_stranger = sign(header, alice, in.entropy);
    EXPECT_FALSE(in.run(replica->receive(of_a_stranger)));
    EXPECT_TRUE(in.run(replica->receive(notice)));
    EXPECT_EQ(replica->events().find(which)->header.kind, envelope_kind::removed_you);
}

TEST_F(replicator_test, what_a_device_completes_for_who_has_signed_out_it_owes_to_the_others) {
    at_alice();
    const envelope first = begin();
    rest.here.clear();
    const envelope second =
        sign(header_of(which, bob, 2, {bob.id, carol.id}, order_of(first)), bob, in.entropy);
    completes = false;
    hear(codec::encode(second));
    EXPECT_EQ(replica->events().find(which)->order, order_of(first))
        << "whoever completed it brings it to those who take part";
    completes = true;
    hear(codec::encode(second));
    EXPECT_EQ(replica->events().find(which)->order, order_of(second));
    EXPECT_EQ(told_carol().size(), 1U);
}

TEST_F(replicator_test, whoever_never_took_part_can_drop_no_event_of_who_has_signed_out) {
    rest.here = {{bob.id, &bob}};
    at_alice();
    const envelope first = begin();
    rest.here.clear();
    auto header = header_of(which, dave, 2, {carol.id}, order_of(first));
    header.kind = envelope_kind::removed_you;
    header.streams = {{bob.id, stream_number(0)}};
    EXPECT_FALSE(in.run(replica->receive(sign(header, dave, in.entropy))));
    rest.here = {{carol.id, &carol}};  // who takes part, and is not whom it names
    header = header_of(which, alice, 2, {carol.id}, order_of(first));
    header.kind = envelope_kind::removed_you;
    header.streams = {{bob.id, stream_number(0)}};
    EXPECT_FALSE(in.run(replica->receive(sign(header, alice, in.entropy))));
    EXPECT_EQ(replica->events().find(which)->header.kind, envelope_kind::put);
}

TEST_F(replicator_test, a_notice_never_stands_where_somebody_wrote_himself_that_he_left) {
    at_alice();
    auto header = header_of(which, bob, 1, {alice.id, carol.id});
    header.event.organizer = bob.id;
    const event_id his = header.event;
    ASSERT_TRUE(in.run(replica->receive(sign(header, bob, in.entropy))));
    auto leaves = by_alice({carol.id});
    leaves.event = his;
    ASSERT_TRUE(in.run(replica->commit(leaves)));
    header.version = version_number(9);  // later than hers, however their hashes compare
    header.participants = {carol.id};
    header.kind = envelope_kind::removed_you;
    header.streams = {{alice.id, stream_number(0)}};
    EXPECT_EQ(in.run(replica->receive(sign(header, bob, in.entropy))).error().code,
              errc::forbidden);
    EXPECT_EQ(replica->events().find(his)->header.kind, envelope_kind::put)
        << "which carol may still be owed";
}

TEST_F(replicator_test,
       who_leaves_tells_her_other_device_though_the_notice_overtakes_the_decision) {
    at_alice();
    auto header = header_of(which, bob, 1, {alice.id, carol.id});
    header.event.organizer = bob.id;
    const event_id his = header.event;
    ASSERT_TRUE(in.run(replica->receive(sign(header, bob, in.entropy))));
    rest.elsewhere[alice.id] = dave.on;
    std::optional<consensus::commit> asked;
    strategy.answer = [&](const consensus::input& what, scripted_strategy::effects& out) {
        if (const auto* const edit = std::get_if<consensus::commit>(&what)) {
            asked = *edit;
        } else if (std::holds_alternative<consensus::message>(what)) {
            out.push_back(consensus::decide{asked->operation, his, asked->value, false});
            out.push_back(consensus::done{asked->operation,
                                          consensus::committed{asked->expect.next(), {}, {}}});
        } else {
            play(what, out);
        }
    };
    auto leaves = by_alice({carol.id});
    leaves.event = his;
    task_scope tasks(in.env, "edits");
    std::optional<result<event_id>> left;
    tasks.spawn("leave", [](replicator& at, change what, auto& to) -> task<void> {
        to = co_await at.commit(std::move(what));
    }(*replica, leaves, left));
    in.settle();
    ASSERT_TRUE(asked) << (left ? left->error().message() : "waits");
    header.version = version_number(2);
    header.participants = {carol.id};
    header.kind = envelope_kind::removed_you;
    header.streams = {{alice.id, stream_number(0)}};
    const envelope told = sign(header, bob, in.entropy);
    EXPECT_EQ(in.run(replica->receive(told)).error().code, errc::unavailable)
        << "whoever tells it tries again";
    rest.delivered.clear();
    hear({1});
    ASSERT_TRUE(left && *left);
    EXPECT_EQ(replica->events().find(his)->header.kind, envelope_kind::put);
    EXPECT_EQ(
        std::ranges::count(rest.delivered, dave.on, [](const auto& one) { return one.first; }), 1);
    EXPECT_EQ(in.run(replica->receive(told)).error().code, errc::forbidden);
}

TEST_F(replicator_test, who_may_not_remove_tells_nobody) {
    for (const std::uint32_t rights : {0U, guest_right::invite}) {
        end();
        store.held.clear();
        at_alice();
        auto header = header_of(which, bob, 1, {alice.id, carol.id});
        header.event.organizer = bob.id;
        header.guests_may |= rights;
        ASSERT_TRUE(in.run(replica->receive(sign(header, bob, in.entropy))));
        rest.delivered.clear();
        header.version = version_number(3);
        header.participants = {alice.id};
        header.previous = digest{{1}};
        ASSERT_TRUE(in.run(replica->receive(sign(header, bob, in.entropy))));
        in.settle();
        EXPECT_EQ(told_carol().size(), rights == 0 ? 0U : 1U);
    }
}

TEST_F(replicator_test, a_notice_that_was_not_delivered_is_after_a_restart) {
    at_alice();
    begin();
    rest.reply.reset();
    auto edit = by_alice({bob.id});
    edit.event = which;
    ASSERT_TRUE(in.run(replica->commit(edit)));
    in.settle();
    end();
    rest.delivered.clear();
    rest.reply = codec::encode(wire::update_reply{});
    at_alice();
    in.settle();
    const auto told = told_carol();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].kind, envelope_kind::removed_you);
    EXPECT_TRUE(replica->owed().empty());
}

TEST_F(replicator_test, whoever_was_removed_does_not_pass_on_the_notice_that_says_so) {
    rest.here = {{bob.id, &bob}};
    at_alice();
    const envelope first = begin();
    rest.reply.reset();
    completes = true;
    hear(codec::encode(
        sign(header_of(which, alice, 2, {bob.id, carol.id}, order_of(first)), alice, in.entropy)));
    ASSERT_FALSE(replica->owed().empty());
    auto header = header_of(which, alice, 3, {carol.id});
    header.kind = envelope_kind::removed_you;
    header.streams = {{bob.id, stream_number(0)}};
    ASSERT_TRUE(in.run(replica->receive(sign(header, alice, in.entropy))));
    rest.delivered.clear();
    rest.reply = codec::encode(wire::update_reply{});
    replica->on_reachable(carol.on);
    in.settle();
    EXPECT_TRUE(told_carol().empty()) << "it is for him alone";
}

TEST_F(replicator_test, whoever_is_removed_still_tells_whom_he_removed) {
    at_alice();
    auto header = header_of(which, bob, 1, {alice.id, carol.id});
    header.event.organizer = bob.id;
    header.guests_may |= guest_right::invite;
    const event_id his = header.event;
    ASSERT_TRUE(in.run(replica->receive(sign(header, bob, in.entropy))));
    rest.reply.reset();
    auto edit = by_alice({alice.id});
    edit.event = his;
    edit.guests_may = header.guests_may;
    ASSERT_TRUE(in.run(replica->commit(edit)));
    header.version = version_number(3);
    header.participants = {};
    header.kind = envelope_kind::removed_you;
    header.streams = {{alice.id, stream_number(0)}};
    ASSERT_TRUE(in.run(replica->receive(sign(header, bob, in.entropy))));
    ASSERT_EQ(replica->events().find(his)->header.kind, envelope_kind::removed_you);
    rest.delivered.clear();
    rest.reply = codec::encode(wire::update_reply{});
    replica->on_reachable(carol.on);
    in.settle();
    ASSERT_EQ(told_carol().size(), 1U);
    EXPECT_EQ(told_carol()[0].kind, envelope_kind::removed_you);
    EXPECT_EQ(told_carol()[0].version, version_number(2)) << "which alice wrote for her";
}

TEST_F(replicator_test, of_two_removed_users_of_one_device_the_notice_of_the_last_is_sent) {
    at_alice();
    begin();
    rest.reply.reset();
    rest.elsewhere = {{bob.id, carol.on}};
    for (const auto& left : {std::vector{bob.id}, std::vector<user_id>()}) {
        auto edit = by_alice(left);
        edit.event = which;
        ASSERT_TRUE(in.run(replica->commit(edit)));
        in.settle();
    }
    rest.delivered.clear();
    rest.reply = codec::encode(wire::update_reply{});
    replica->on_reachable(carol.on);
    in.settle();
    const auto told = told_carol();
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].kind, envelope_kind::removed_you);
    EXPECT_EQ(told[0].version, version_number(3));
}

TEST_F(replicator_test, whose_device_holds_something_else_is_told_again_that_he_was_removed) {
    at_alice();
    begin();
    auto edit = by_alice({bob.id});
    edit.event = which;
    ASSERT_TRUE(in.run(replica->commit(edit)));
    in.settle();
    ASSERT_EQ(told_carol().size(), 1U);
    rest.delivered.clear();
    for (const device_id& other : {carol.on, bob.on, dave.on, device_id()}) {
        replica->tell_removals_again(other);
        in.settle();
    }
    EXPECT_EQ(rest.delivered.size(), 1U);
    ASSERT_EQ(told_carol().size(), 1U);
    EXPECT_EQ(told_carol()[0].kind, envelope_kind::removed_you);
}

TEST_F(replicator_test, a_notice_that_comes_before_the_event_keeps_it_away) {
    rest.here = {{carol.id, &carol}};
    at_alice();
    const auto notice = [&](const person& by) {
        auto header = header_of(which, by, 2, {bob.id});
        header.kind = envelope_kind::removed_you;
        header.streams = {{carol.id, stream_number(0)}};
        return sign(std::move(header), by, in.entropy);
    };
    EXPECT_EQ(in.run(replica->receive(notice(bob))).error().code, errc::forbidden)
        << "of an event that is not known only the organizer's counts";
    ASSERT_TRUE(in.run(replica->receive(notice(alice))));
    const auto first = sign(header_of(which, alice, 1, {bob.id, carol.id}), alice, in.entropy);
    EXPECT_EQ(in.run(replica->receive(first))->version, version_number(2));
    EXPECT_EQ(replica->events().find(which)->header.kind, envelope_kind::removed_you);
    const auto again = sign(header_of(which, alice, 3, {bob.id, carol.id}), alice, in.entropy);
    ASSERT_TRUE(in.run(replica->receive(again))) << "she is invited again";
    EXPECT_EQ(replica->events().find(which)->header.kind, envelope_kind::put);
    for (const bool to_backup : {false, true}) {
        const auto answer =
            in.run(replica->on_earlier({bob.id}, to_backup, {which, order_of(first)}));
        EXPECT_TRUE(codec::decode<wire::earlier_reply>(*answer)->versions.empty())
            << "what is kept of the notice is no version";
    }
}

// Stores
// -----------------------------------------------------------------------------------------------------------

TEST_F(replicator_test, a_store_that_cannot_be_read_stops_the_start) {
    at_alice(false);
    store.unreadable = true;
    EXPECT_EQ(in.run(replica->start()).error().code, errc::io_failed);
    store.unreadable = false;
    const bytes key = left_out_key(which, {});
    store.held[{record_kind::history, key}] = {1};
    EXPECT_FALSE(in.run(replica->start()));
    // A notice that is damaged is one that nobody gets, and no reason to stay down.
    store.held.clear();
    store.held[{record_kind::history, removal_key(which, carol.id)}] = {1};
    EXPECT_TRUE(in.run(replica->start()));
}

TEST_F(replicator_test, what_was_written_is_known_though_the_peer_has_hung_up) {
    at_alice();
    const envelope one = begin();
    const auto second =
        sign(header_of(which, bob, 2, {bob.id, carol.id}, order_of(one)), bob, in.entropy);
    task_scope session(in.env, "session");
    session.spawn("request", [](replicator& at, wire::update what) -> task<void> {
        (void)co_await at.on_update({}, std::move(what));
    }(*replica, wire::update{second}));
    session.request_stop();
    in.run(session.join());
    in.settle();
    EXPECT_EQ(replica->events().find(which)->order, order_of(second));
    EXPECT_EQ(rest.shown.back().version, version_number(2));
    EXPECT_TRUE(in.run(replica->receive(second))) << "the event can be changed";
}

TEST_F(replicator_test, what_cannot_be_written_is_neither_shown_nor_acknowledged) {
    at_alice();
    const envelope one = begin();
    rest.shown.clear();
    store.refuses = [](const batch&) { return true; };
    const auto second =
        sign(header_of(which, bob, 2, {bob.id, carol.id}, order_of(one)), bob, in.entropy);
    EXPECT_EQ(in.run(replica->receive(second)).error().code, errc::io_failed);
    EXPECT_EQ(replica->events().find(which)->header.version, version_number(1));
    EXPECT_TRUE(rest.shown.empty());
    store.refuses = nullptr;
    EXPECT_EQ(in.run(replica->receive(second))->version, version_number(2));
}

TEST_F(replicator_test, damage_is_set_aside_and_mended_as_soon_as_the_disk_lets_it) {
    at_alice();
    const envelope one = begin();
    ASSERT_TRUE(in.run(replica->receive(
        sign(header_of(which, bob, 2, {bob.id, carol.id}, order_of(one)), bob, in.entropy))));
    for (const record_kind kind : {record_kind::envelope, record_kind::history}) {
        const auto look = [&] { return in.run(replica->look(kind, {})); };
        EXPECT_TRUE(look()->damaged.empty());
        const auto row = store.held.lower_bound({kind, {}});
        ASSERT_EQ(row->first.first, kind);
        row->second[row->second.size() / 2] ^= 1;
        store.unreadable = true;
        EXPECT_EQ(look().error().code, errc::io_failed);
        store.unreadable = false;
        store.refuses = [](const batch&) { return true; };
        EXPECT_EQ(look().error().code, errc::io_failed);
        store.refuses = nullptr;
        const auto seen = look();
        ASSERT_EQ(seen->damaged.size(), 1U);
        EXPECT_EQ(seen->damaged.front().event, which);
        // What is current is in memory; of an earlier version nobody here has another copy.
        EXPECT_EQ(seen->damaged.front().healed, kind == record_kind::envelope);
        EXPECT_TRUE(look()->damaged.empty());
    }
    store.held[{record_kind::history, removal_key(which, carol.id)}] = {1};
    EXPECT_EQ(in.run(replica->look(record_kind::history, {}))->damaged.size(), 1U);
}

TEST_F(replicator_test, out_of_an_archive_comes_what_is_newer_and_may_be) {
    at_alice();
    const envelope one = begin();
    const envelope two =
        sign(header_of(which, bob, 2, {bob.id, carol.id}, order_of(one)), bob, in.entropy);
    const auto restore = [&](const envelope& current, bool refuse = false) {
        std::vector<restored_event> all;
        all.push_back({*verify(current), {}});
        return in.run(replica->restore(
            std::move(all), [&](batch writes, std::function<void()> stored) -> task<result<void>> {
                if (refuse) {
                    co_return fail(errc::io_failed);
                }
                auto done = co_await db.apply(std::move(writes));
                if (done) {
                    stored();
                }
                co_return done;
            }));
    };
    const auto version = [&] { return replica->events().find(which)->header.version; };
    EXPECT_EQ(restore(two, true).error().code, errc::io_failed);
    EXPECT_EQ(version(), version_number(1));
    EXPECT_TRUE(restore(two));
    EXPECT_EQ(version(), version_number(2));
    EXPECT_TRUE(restore(one)) << "it is older, and nothing happens";
    EXPECT_EQ(version(), version_number(2));
    const auto forged =
        sign(header_of(which, dave, 3, {bob.id, carol.id}, order_of(two)), dave, in.entropy);
    EXPECT_EQ(restore(forged).error().code, errc::forbidden);
    EXPECT_EQ(version(), version_number(2));
    replica->begin_anew(bob.id);  // whose events are not here
}

TEST_F(replicator_test, what_is_owed_of_an_event_that_is_gone_is_given_up) {
    batch writes;
    const event_id gone{alice.id, event_id::make_seq(device_number(1), 9)};
    outbox::write_to(writes, {bob.on}, gone, {});
    ASSERT_TRUE(in.run(db.apply(std::move(writes))));
    at_alice();
    in.settle();
    EXPECT_TRUE(rest.delivered.empty());
    EXPECT_EQ(replica->outbox_size(), 0U);
}

TEST_F(replicator_test, what_is_owed_is_written_with_what_is_known_of_to_whom) {
    at_alice();
    rest.backing = {bob.on};
    std::size_t with_it = 0;
    store.refuses = [&](const batch& writes) {
        const auto holds = [&](record_kind kind) {
            return std::ranges::any_of(writes.writes,
                                       [kind](const auto& one) { return one.kind == kind; });
        };
        with_it += holds(record_kind::outbox) && holds(record_kind::overlay) ? 1 : 0;
        return false;
    };
    ASSERT_TRUE(in.run(replica->commit(by_alice({}))));
    EXPECT_EQ(with_it, 1U);
}

TEST_F(replicator_test, what_is_owed_to_a_backup_that_is_none_any_more_is_given_up) {
    at_alice();
    rest.backing = {bob.on};
    rest.reply.reset();
    ASSERT_TRUE(in.run(replica->commit(by_alice({}))));
    in.settle();
    rest.backing.clear();
    rest.delivered.clear();
    replica->on_reachable(bob.on);
    in.settle();
    EXPECT_TRUE(rest.delivered.empty());
    EXPECT_EQ(replica->outbox_size(), 0U);
}

TEST_F(replicator_test, an_answer_that_cannot_be_read_acknowledges_nothing) {
    at_alice();
    rest.reply = bytes{1};
    ASSERT_TRUE(in.run(replica->commit(by_alice({bob.id}))));
    in.settle();
    EXPECT_EQ(replica->owed(which), std::vector{bob.on});
    rest.reply = codec::encode(wire::update_reply{});
    in.advance(outbox::retry);
    EXPECT_EQ(replica->outbox_size(), 0U);
}

// What comes from others
// -----------------------------------------------------------------------------------------------------------

TEST_F(replicator_test, what_is_not_signed_or_not_for_us_is_refused) {
    at_alice();
    envelope one = sign(header_of(which, alice, 1, {bob.id}), alice, in.entropy);
    one.signature[0] ^= 1;
    EXPECT_EQ(in.run(replica->on_update(bob.on, {one})).error().code, errc::mismatch);
    const event_id theirs{bob.id, 1ULL << 32 | 1};
    const auto strange = sign(header_of(theirs, bob, 1, {carol.id}), bob, in.entropy);
    EXPECT_EQ(in.run(replica->on_update(bob.on, {strange})).error().code, errc::forbidden);
    const auto forged = sign(header_of(which, bob, 1, {bob.id}), bob, in.entropy);
    EXPECT_EQ(in.run(replica->on_update(bob.on, {forged})).error().code, errc::forbidden);
    EXPECT_EQ(replica->events().find(which), nullptr);
}

TEST_F(replicator_test, of_what_was_recovered_only_what_is_sound_counts) {
    at_alice();
    const auto one = sign(header_of(which, alice, 1, {bob.id}), alice, in.entropy);
    auto damaged = one;
    damaged.body[0] ^= 1;
    auto unsigned_one = sign(header_of(which, alice, 2, {bob.id}), alice, in.entropy);
    unsigned_one.signature[0] ^= 1;
    recovery.found = {{1},
                      codec::encode(damaged),
                      codec::encode(unsigned_one),
                      codec::encode(one),
                      codec::encode(one)};
    const auto report = in.run(replica->catch_up({{{bob.on, {bob.id}}}, {}, {alice.id}}));
    EXPECT_TRUE(report.caught_up);
    EXPECT_EQ(report.applied, 1U);
    EXPECT_EQ(replica->events().find(which)->order, order_of(one));
    EXPECT_EQ(
        std::ranges::count(in.log.lines, log_level::warn, &test::recording_logger::line::level), 3);
}

TEST_F(replicator_test, what_was_decided_is_kept_where_it_is_a_version_for_us) {
    at_alice();
    const envelope one = begin();
    hear({1});
    EXPECT_EQ(in.log.lines.back().level, log_level::warn);
    const event_id another{alice.id, which.seq + 1};
    hear(codec::encode(sign(header_of(another, alice, 1, {}), alice, in.entropy)));
    EXPECT_EQ(replica->events().all().size(), 1U) << "a value of another event";
    hear(codec::encode(one));
    EXPECT_EQ(replica->events().find(which)->order, order_of(one));
    const auto second =
        sign(header_of(which, bob, 2, {bob.id, carol.id}, order_of(one)), bob, in.entropy);
    hear(codec::encode(second));
    EXPECT_EQ(replica->events().find(which)->order, order_of(second));
    EXPECT_EQ(rest.shown.back().version, version_number(2));
}

// Edits
// -----------------------------------------------------------------------------------------------------------

TEST_F(replicator_test, an_edit_that_cannot_be_made_says_why) {
    at_alice();
    EXPECT_TRUE(in.run(replica->commit(by_alice({bob.id}))));
    change edit = by_alice({bob.id});
    edit.event = which;
    const auto ends_with = [&](const change& what) {
        const auto done = in.run(replica->commit(what));
        return done ? errc::ok : done.error().code;
    };
    change unknown = edit;
    unknown.event = event_id{bob.id, 77};
    EXPECT_EQ(ends_with(unknown), errc::not_found);
    change upon_nothing = edit;
    upon_nothing.brings_back = true;
    EXPECT_EQ(ends_with(upon_nothing), errc::not_found);
    change outdated = edit;
    outdated.expect = version_number(7);
    EXPECT_EQ(ends_with(outdated), errc::conflict);
    change as_bob = edit;
    as_bob.as = bob.id;
    EXPECT_EQ(ends_with(as_bob), errc::unauthorised);
    rest.online = false;
    EXPECT_EQ(ends_with(edit), errc::offline);
    rest.online = true;
    granted = version_number(5);
    EXPECT_EQ(ends_with(edit), errc::conflict) << "the version that was granted is not here yet";
    granted.reset();
    EXPECT_EQ(strategy.count<consensus::release>(), 1U);
    rest.known.erase(bob.id);
    EXPECT_EQ(ends_with(edit), errc::not_found) << "nothing can be sealed for bob";
    EXPECT_EQ(strategy.count<consensus::release>(), 2U) << "and the lock is free again";
    EXPECT_EQ(replica->events().find(which)->header.version, version_number(1));
}

TEST_F(replicator_test, whom_an_edit_waits_for_is_told_by_name) {
    at_alice();
    begin();
    change edit = by_alice({bob.id, carol.id});
    edit.event = which;
    no.emplace();
    no->why = error(errc::busy, "somebody edits it");
    no->holder = bob.on;
    EXPECT_EQ(in.run(replica->commit(edit)).error().detail, rest.label_of(bob.on) + " edits it");
    no->why = error(errc::unavailable, "no quorum");
    no->missing = {bob.on, carol.on};
    no->needed = 1;
    for (const bool takes_over : {false, true}) {
        strategy.traits.takes_over = takes_over;
        const auto refused = in.run(replica->commit(edit)).error();
        EXPECT_NE(refused.detail.find(rest.label_of(bob.on) + ", " + rest.label_of(carol.on)),
                  std::string::npos);
        EXPECT_EQ(refused.detail.find("events takeover") != std::string::npos, takes_over);
    }
    ASSERT_NE(replica->lacks_quorum(which), nullptr);
    EXPECT_EQ(replica->lacks_quorum(which)->needed, 1U);
    replica->on_peer(dave.on, true);
    EXPECT_NE(replica->lacks_quorum(which), nullptr);
    replica->on_peer(bob.on, true);
    EXPECT_EQ(replica->lacks_quorum(which), nullptr);
}

TEST_F(replicator_test, a_lock_is_of_the_version_that_is_here) {
    at_alice();
    begin();
    EXPECT_EQ(in.run(replica->lock(alice.id, {alice.id, 99})).error().code, errc::not_found);
    EXPECT_EQ(in.run(replica->lock(alice.id, which))->token, 5U);
    granted = version_number(4);
    EXPECT_EQ(in.run(replica->lock(alice.id, which)).error().code, errc::conflict);
    EXPECT_EQ(strategy.count<consensus::release>(), 1U);
    rest.online = false;
    EXPECT_EQ(in.run(replica->lock(alice.id, which)).error().code, errc::offline);
    strategy.traits.mutual_exclusion = false;
    EXPECT_EQ(in.run(replica->lock(alice.id, which)).error().code, errc::unsupported);
}

TEST_F(replicator_test, a_take_over_needs_a_strategy_that_knows_it_an_event_and_a_reader) {
    at_alice();
    EXPECT_EQ(in.run(replica->take_over(alice.id, which)).error().code, errc::unsupported);
    strategy.traits.takes_over = true;
    EXPECT_EQ(in.run(replica->take_over(alice.id, which)).error().code, errc::not_found);
    // Sealed for bob alone.
    ASSERT_TRUE(
        in.run(replica->receive(sign(header_of(which, alice, 1, {bob.id}), alice, in.entropy))));
    auto unread = header_of(which, bob, 2, {bob.id});
    ASSERT_TRUE(in.run(replica->receive(sign(unread, bob, in.entropy))));
    EXPECT_EQ(in.run(replica->take_over(alice.id, which)).error().code, errc::forbidden);
    auto often = header_of(which, alice, 3, {bob.id});
    often.left.resize(wire::limits::takeovers);
    ASSERT_TRUE(in.run(replica->receive(sign(often, alice, in.entropy))));
    EXPECT_EQ(in.run(replica->take_over(alice.id, which)).error().code, errc::too_large);
}

TEST_F(replicator_test, a_version_is_expected_in_the_line_in_which_it_was_read) {
    at_alice();
    begin();
    EXPECT_EQ(replica->line_of(which), generation_number(1));
    auto edit = by_alice({bob.id, carol.id});
    edit.event = which;
    edit.expect = version_number(1);
    edit.line = replica->line_of(which);
    auto other = header_of(which, alice, 1, {bob.id, carol.id});
    other.generation = generation_number(2);
    ASSERT_TRUE(in.run(replica->receive(sign(other, alice, in.entropy))));
    EXPECT_EQ(in.run(replica->commit(edit)).error().code, errc::conflict)
        << "the other line has a first version, too";
    held_lock of_the_first;
    of_the_first.event = which;
    of_the_first.version = version_number(1);
    of_the_first.generation = generation_number(1);
    of_the_first.in = network_epoch(1);
    edit.line = replica->line_of(which);
    edit.held = of_the_first;
    EXPECT_EQ(in.run(replica->commit(edit)).error().code, errc::conflict)
        << "the lock was taken before the other line came";
    edit.held.reset();
    EXPECT_TRUE(in.run(replica->commit(edit)));
}

// Lines of versions
// -----------------------------------------------------------------------------------------------------------

/// alice holds version 1 of hers, with bob and carol.
class lines_of_versions : public replicator_test {
protected:
    void SetUp() override {
        at_alice();
        first_ = begin(guest_right::standard | guest_right::remove);
    }
    /// The next version of what `made_from` is of, by `by`; in another line, where one is named.
    envelope next(const envelope& made_from, const person& by, std::uint64_t line = 0,
                  const std::function<void(envelope_header&)>& change = {}) {
        const auto before = verify(made_from)->header;
        auto made =
            header_of(which, by, before.version.value + 1, {bob.id, carol.id}, order_of(made_from));
        made.generation = before.generation;
        made.left = before.left;
        made.guests_may = before.guests_may;
        if (line != 0) {
            made.generation = generation_number(line);
            made.left.push_back(order_of(made_from));
        }
        if (change) {
            change(made);
        }
        return sign(std::move(made), by, in.entropy);
    }
    void hold(const envelope& what) {
        ASSERT_TRUE(in.run(replica->receive(what)));
        ASSERT_EQ(replica->events().find(which)->order, order_of(what));
    }
    /// The versions that alice is to keep, of those that have come until now.
    std::vector<version_number> kept() {
        EXPECT_TRUE(in.run(replica->look_over_lines()));
        std::vector<version_number> all;
        while (auto one = replica->next_left_out([](const user_id&) { return true; })) {
            all.push_back(verify(*one->lost)->header.version);
            EXPECT_TRUE(in.run(replica->kept_left_out(one->copy)));
        }
        return all;
    }
    /// Alice changes the event, and nobody can say what comes of that.
    void edit_in_doubt() {
        consensus::refused doubt;
        doubt.why = error(errc::timed_out, "too few answer");
        strategy.answer = [this, doubt](const consensus::input& what,
                                        scripted_strategy::effects& out) {
            if (const auto* const edit = std::get_if<consensus::commit>(&what)) {
                out.push_back(consensus::done{edit->operation, doubt});
            } else if (const auto* const asked = std::get_if<consensus::fate>(&what)) {
                out.push_back(consensus::done{asked->operation, doubt});
            } else {
                play(what, out);
            }
        };
        auto edit = by_alice({bob.id, carol.id});
        edit.event = which;
        const auto told = in.run(replica->commit(edit));
        ASSERT_FALSE(told);
        EXPECT_EQ(told.error().code, errc::timed_out) << told.error().message();
    }
    using versions = std::vector<version_number>;

    envelope first_;
};

TEST_F(lines_of_versions, what_a_line_was_begun_with_is_kept_when_it_loses_and_only_once) {
    const auto mine = next(first_, alice);
    hold(mine);
    hold(next(mine, bob, 2));
    EXPECT_EQ(kept(), versions());
    const auto wins = next(first_, carol, 3);
    hold(wins);
    EXPECT_EQ(kept(), versions{version_number(2)});
    hold(next(wins, carol, 4));
    end();
    at_alice();
    EXPECT_EQ(kept(), versions());
}

TEST_F(lines_of_versions, what_somebody_else_has_made_another_edit_of_is_his_to_keep) {
    const auto mine = next(first_, alice);
    hold(mine);
    hold(next(mine, bob));
    hold(next(first_, carol, 2));
    EXPECT_EQ(kept(), versions());
}

TEST_F(lines_of_versions, what_nobody_else_would_keep_is_the_authors_to_keep) {
    const std::function<void(envelope_header&)> leaves = [&](envelope_header& made) {
        made.participants = {carol.id};
    };
    const std::function<void(envelope_header&)> deletes = [](envelope_header& made) {
        made.kind = envelope_kind::tombstone;
    };
    const std::function<void(envelope_header&)> moves = [](envelope_header& made) {
        made.moved = handover{{}, true};
    };
    std::uint64_t line = 1;
    envelope last = first_;
    for (const auto& change : {leaves, deletes, moves}) {
        const auto mine = next(last, alice);
        hold(mine);
        hold(next(mine, bob, 0, change));
        const auto wins = next(last, carol, ++line);
        hold(wins);
        EXPECT_EQ(kept(), versions{verify(mine)->header.version}) << line;
        last = wins;
    }
}

TEST_F(lines_of_versions, an_edit_of_this_devices_that_comes_after_its_line_has_ended_is_kept) {
    const auto mine = next(first_, alice);
    hold(next(first_, carol, 2));
    EXPECT_EQ(kept(), versions());
    ASSERT_TRUE(in.run(replica->receive(mine)));
    EXPECT_EQ(kept(), versions{version_number(2)});
    ASSERT_TRUE(in.run(replica->receive(mine)));
    EXPECT_EQ(kept(), versions());
}

TEST_F(lines_of_versions, an_edit_that_comes_when_another_line_was_begun_with_it_is_kept_later) {
    const auto mine = next(first_, alice);
    hold(next(mine, bob, 2));
    ASSERT_TRUE(in.run(replica->receive(mine)));
    EXPECT_EQ(kept(), versions());
    hold(next(first_, carol, 3));
    EXPECT_EQ(kept(), versions{version_number(2)});
}

TEST_F(lines_of_versions, an_edit_in_doubt_is_kept_where_its_line_has_ended) {
    for (const bool goes_on : {true, false}) {
        edit_in_doubt();
        if (goes_on) {  // and says what has come of it
            first_ = next(first_, bob);
            hold(first_);
        }
        first_ = next(first_, alice, goes_on ? 2 : 3);
        hold(first_);
        EXPECT_EQ(kept().size(), goes_on ? 0U : 1U);
    }
}

TEST_F(lines_of_versions, an_edit_in_doubt_is_not_forgotten_for_another_one_that_is_kept) {
    hold(next(first_, alice));
    hold(next(first_, alice, 2));
    edit_in_doubt();
    EXPECT_EQ(kept(), versions{version_number(2)});
    hold(next(first_, bob, 3));
    EXPECT_EQ(std::ranges::count(kept(), version_number(3)), 1);
}

TEST_F(lines_of_versions, what_cannot_be_read_now_is_not_forgotten) {
    const auto mine = next(first_, alice);
    hold(mine);
    hold(next(first_, carol, 2));
    store.unreadable = true;
    EXPECT_FALSE(in.run(replica->look_over_lines()));
    store.unreadable = false;
    EXPECT_EQ(kept(), versions{version_number(2)}) << "nothing is forgotten";
}

TEST_F(lines_of_versions, an_edit_that_the_disk_has_damaged_is_kept_once_it_is_healed) {
    const auto mine = next(first_, alice);
    hold(mine);
    auto& row = store.held[{record_kind::history, history_key(which, order_of(mine))}];
    hold(next(first_, carol, 2));
    const bytes good = row;
    auto broken = mine;
    broken.body.push_back(0);
    row = codec::encode(broken);
    EXPECT_EQ(kept(), versions());
    row = good;
    end();
    at_alice();
    EXPECT_EQ(kept(), versions{version_number(2)});
}

TEST_F(replicator_test, an_answer_for_others_goes_by_the_strategy_of_recovery) {
    at_alice();
    wire::recovery_message ask{"scripted", false, 1, {}, {}, {}};
    in.run(replica->on_recovery(bob.on, {bob.id}, false, ask));
    EXPECT_EQ(rest.sent.size(), 2U);
    ask.strategy = "another";
    in.run(replica->on_recovery(bob.on, {bob.id}, false, ask));
    EXPECT_EQ(rest.sent.size(), 3U) << "that it has no such strategy";
    EXPECT_EQ(replica->explain_lock(which), "{}");
}

}  // namespace
}  // namespace calbox::replica
