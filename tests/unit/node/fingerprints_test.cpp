// What was lost while both sides were online is found without a restart, and nobody asks in vain
// again and again.
#include "node/fingerprints.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include <calbox/mutant.hpp>

#include "support/test_network.hpp"
#include "unit/replica/replica_bench.hpp"

namespace calbox::node {
namespace {

using replica::person;

net::peer as_peer(const person& who) {
    net::peer one;
    one.device = who.on;
    one.member = true;
    one.user_ids = {who.id};
    return one;
}

/// Two devices with a session, and what they say over it.
class fingerprints_test : public testing::Test {
protected:
    struct side {
        side(fingerprints_test& all, const person& who, const person& other)
            : store(all.in.env, all.db),
              prints(all.in.env, store,
                     {false, [&other] { return std::vector{as_peer(other)}; },
                      [&who] { return std::vector{who.id}; },
                      [this, &all, &who](const device_id&, wire::recovery_message what) {
                          sent.push_back(codec::encode(what).size());
                          all.wire_.emplace_back(&who, std::move(what));
                      },
                      [this](const device_id&) { ++asked; }}) {
            store.changing = [this](const replica::held_event* before,
                                    const replica::held_event* next) {
                prints.changing(before, next);
            };
        }
        replica::event_store store;
        fingerprints prints;
        std::vector<std::size_t> sent;
        std::size_t asked = 0;
    };
    fingerprints_test() {
        tasks_.spawn("hers", hers.prints.keep_comparing());
        tasks_.spawn("his", his.prints.keep_comparing());
    }
    ~fingerprints_test() override {
        tasks_.request_stop();
        in.run(tasks_.join());
    }
    void pass(duration time) {
        const instant end = in.time.now() + time;
        while (in.time.now() < end) {
            in.advance(std::chrono::seconds(1));
            for (auto& [from, what] : std::exchange(wire_, {})) {
                in.run((from == &alice ? his : hers).prints.on_message(as_peer(*from), what));
            }
        }
    }
    envelope event(std::uint32_t n, const person& by, std::vector<user_id> guests) {
        const event_id id{by.id, event_id::make_seq(device_number(1), n)};
        return replica::sign(replica::header_of(id, by, 1, std::move(guests)), by, in.entropy);
    }
    static void hold(side& where, const envelope& what) {
        where.store.publish(*replica::verify(what));
    }

    test::test_environment in;
    test::faulty_store disk;
    replica::database db{in.env, disk};
    const person alice{in.entropy}, bob{in.entropy}, eve{in.entropy};
    std::vector<std::pair<const person*, wire::recovery_message>> wire_;
    side hers{*this, alice, bob}, his{*this, bob, alice};
    task_scope tasks_{in.env, "test"};
};

TEST_F(fingerprints_test, who_agrees_says_so_once_in_ten_minutes) {
    const envelope both = event(1, alice, {bob.id});
    hold(hers, both);
    hold(his, both);
    hold(hers, event(2, alice, {}));     // hers alone
    hold(his, event(3, bob, {eve.id}));  // not shared with her
    pass(std::chrono::hours(1));
    EXPECT_EQ(hers.asked + his.asked, 0U);
    EXPECT_LE(hers.sent.size(), 14U);  // a question and an answer in each ten minutes
    EXPECT_GE(hers.sent.size(), 10U);
    EXPECT_LE(std::ranges::max(hers.sent), 48U);
    RecordProperty("bytes_in_an_hour",
                   std::to_string(std::accumulate(hers.sent.begin(), hers.sent.end(), 0UL)));
}

TEST_F(fingerprints_test, a_loss_is_noticed_within_a_minute) {
    const envelope first = event(1, alice, {bob.id});
    hold(hers, first);
    hold(his, first);
    pass(std::chrono::minutes(1));
    hold(hers, event(2, alice, {bob.id}));  // and nobody tells him
    pass(std::chrono::seconds(60));
    EXPECT_EQ(his.asked, 1U);
}

TEST_F(fingerprints_test, what_is_on_its_way_is_no_loss) {
    for (std::uint32_t n = 1; n < 10; ++n) {
        const envelope next = event(n, alice, {bob.id});
        hold(hers, next);
        pass(std::chrono::seconds(14));
        hold(his, next);
        pass(std::chrono::seconds(60));
    }
    EXPECT_EQ(hers.asked + his.asked, 0U);
}

TEST_F(fingerprints_test, what_stays_different_is_asked_for_more_and_more_rarely) {
    hold(hers, event(1, alice, {bob.id}));
    pass(std::chrono::hours(6));
    EXPECT_GE(his.asked, 5U);
    EXPECT_LE(his.asked, 10U);  // after 5, 10, 20, 40 minutes, and then every hour
}

TEST_F(fingerprints_test, an_older_program_is_asked_once) {
    wire::recovery_message refusal{std::string(fingerprints::name), true, 0, {}, true, {}};
    in.run(hers.prints.on_message(as_peer(bob), refusal));
    hold(hers, event(1, alice, {bob.id}));
    pass(std::chrono::hours(1));
    // What he asks is answered; she asks nothing.
    EXPECT_EQ(hers.sent.size(), his.sent.size());
    EXPECT_EQ(hers.asked, 0U);
}

TEST(fingerprints_of_nodes, find_an_update_that_was_acknowledged_and_lost) {
    if (!has_mutants()) {
        GTEST_SKIP() << "this libcalbox loses nothing: node.fingerprints_find_a_loss runs it with "
                        "the one that can";
    }
    test::test_network net{5, "naive"};
    auto& hub = net.add_hub();
    auto& alice = net.add_edge("alice", hub);
    auto& bob = net.add_edge("bob", hub);
    alice.sign_in("alice");
    bob.sign_in("bob");
    event_draft draft;
    draft.title = "lunch";
    draft.start = "2026-06-01 12:00";
    draft.end = "2026-06-01 13:00";
    draft.participants = std::vector<std::string>{"bob"};
    const auto bobs = [&] { return bob.api().events.list(bob.me(), {}).size(); };
    test::must(net.run(alice.api().events.create(alice.me(), draft)));
    net.until([&] { return bobs() == 1; });
    set_mutant("replicator.loses_updates");
    draft.title = "dinner";
    test::must(net.run(alice.api().events.create(alice.me(), draft)));
    net.world.advance(std::chrono::seconds(5));
    clear_mutants();
    EXPECT_EQ(bobs(), 1U);
    net.until([&] { return bobs() == 2; }, std::chrono::seconds(60));
}

}  // namespace
}  // namespace calbox::node
