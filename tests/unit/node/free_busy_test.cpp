// When others are busy: what is told, to whom, and what is said when it is not known.
#include "node/free_busy_service.hpp"

#include <gtest/gtest.h>

#include "support/test_network.hpp"
#include "wire/limits.hpp"

namespace calbox::node {
namespace {

using test::must;
using test::test_network;

timestamp hour(std::int64_t of_day) { return {1'777'766'400'000 + of_day * 3'600'000}; }
user_id person(std::uint8_t n) { return *user_id::from_bytes(bytes(20, n)); }

/// A service of bob's device, whose friend alice is, among others that are not real.
class free_busy_service_test : public ::testing::Test {
protected:
    free_busy_service_test() {
        with.named = [](std::vector<std::string>) -> task<result<std::vector<user_id>>> {
            co_return std::vector{person(2)};
        };
        with.name_of = [](const user_id& who) {
            return std::string(who == person(1) ? "alice" : "bob");
        };
        with.is_here = [](const user_id& who) { return who == person(2); };
        with.befriended = [](user_id one, user_id other) -> task<bool> {
            co_return (one == person(1) && other == person(2)) ||
                (one == person(2) && other == person(1));
        };
        with.events_of = [this](const user_id&, const model::interval&) {
            std::vector<const opened_event*> all;
            for (const auto& one : events) {
                all.push_back(&one);
            }
            return all;
        };
        with.present = [this](const user_id&) { return devices; };
        with.request = [this](device_id to, bytes) { return answer(to); };
        with.caught_up = [this] { return caught_up; };
    }
    task<result<bytes>> answer(device_id to) {
        const auto found = answers.find(to);
        if (found == answers.end()) {
            co_return fail(errc::timed_out);
        }
        co_return found->second;
    }
    void takes(std::int64_t from, std::int64_t to) {
        opened_event one;
        one.content.title = "a secret";
        one.utc = {hour(from), hour(to)};
        events.push_back(std::move(one));
    }
    using hours = std::vector<std::pair<std::int64_t, std::int64_t>>;
    static std::int64_t hour_of(timestamp at) { return (at.ms - hour(0).ms) / 3'600'000; }
    result<wire::free_busy_reply> ask_bob(const wire::free_busy& what,
                                          std::vector<user_id> users = {person(1)}) {
        return world.run(free_busy_service(world.env, with).on_ask(std::move(users), what));
    }
    hours told(std::int64_t from, std::int64_t to) {
        hours all;
        for (const auto& one : must(ask_bob({person(2), person(1), hour(from), hour(to)})).busy) {
            all.emplace_back(hour_of(one.start), hour_of(one.end));
        }
        return all;
    }
    /// As alice's device does.
    busy_view ask(std::int64_t from, std::int64_t to) {
        with.is_here = [](const user_id&) { return false; };
        return must(world.run(
            free_busy_service(world.env, with).ask(person(1), "bob", {hour(from), hour(to)})));
    }
    static device_id device(std::uint8_t n) { return *device_id::from_bytes(bytes(32, n)); }

    test::test_environment world{1};
    free_busy_service::parts with;
    std::vector<opened_event> events;
    std::vector<device_id> devices;
    std::map<device_id, bytes> answers;
    bool caught_up = true;
};

TEST_F(free_busy_service_test, tells_times_joined_and_cut_to_the_range_and_nothing_else) {
    takes(8, 10);
    takes(9, 11);
    takes(11, 12);
    takes(14, 15);
    takes(16, 16);  // takes no time
    takes(20, 30);
    EXPECT_EQ(told(0, 24), (hours{{8, 12}, {14, 15}, {20, 24}}));
    EXPECT_EQ(told(9, 10), (hours{{9, 10}}));
    EXPECT_EQ(told(12, 14), hours{});
    events[3].content.answers["bob"] = model::participation::declined;
    EXPECT_EQ(told(13, 18), hours{});
    const auto reply = must(ask_bob({person(2), person(1), hour(0), hour(24)}));
    const auto sent = codec::encode(reply);
    EXPECT_EQ(std::string(as_text(sent)).find("secret"), std::string::npos);
}

TEST_F(free_busy_service_test, tells_accepted_friends_alone_and_not_when_told_not_to) {
    takes(8, 10);
    const wire::free_busy what{person(2), person(1), hour(0), hour(24)};
    EXPECT_TRUE(ask_bob(what));
    const auto refused = [&](const wire::free_busy& asked, std::vector<user_id> users) {
        return ask_bob(asked, std::move(users)).error().code == errc::forbidden;
    };
    EXPECT_TRUE(refused({person(2), person(3), hour(0), hour(24)}, {person(3)})) << "a stranger";
    EXPECT_TRUE(refused(what, {person(3)})) << "somebody in the name of a friend";
    EXPECT_TRUE(refused({person(1), person(2), hour(0), hour(24)}, {person(2)}))
        << "not of this device";
    with.tells = false;
    EXPECT_TRUE(refused(what, {person(1)}));
    with.tells = true;
    caught_up = false;
    EXPECT_EQ(ask_bob(what).error().code, errc::not_caught_up);
}

TEST_F(free_busy_service_test, bounds_what_is_asked_and_what_is_told) {
    const auto code = [&](std::int64_t from, std::int64_t to) {
        return ask_bob({person(2), person(1), hour(from), hour(to)}).error().code;
    };
    EXPECT_EQ(code(5, 5), errc::invalid_argument);
    EXPECT_EQ(code(0, 24 * 62 + 1), errc::too_large);
    for (std::int64_t n = 0; n <= static_cast<std::int64_t>(wire::limits::busy_times); ++n) {
        opened_event one;
        one.utc = {{hour(0).ms + n * 60'000}, {hour(0).ms + n * 60'000 + 1}};
        events.push_back(std::move(one));
    }
    EXPECT_EQ(code(0, 24), errc::too_large);
    EXPECT_EQ(told(0, 1).size(), 60U);
}

TEST_F(free_busy_service_test, whom_nobody_can_ask_is_not_known) {
    auto view = ask(0, 24);
    EXPECT_FALSE(view.known);
    EXPECT_EQ(view.why, "no device of bob can be reached");
    devices = {device(1), device(2)};
    view = ask(0, 24);
    EXPECT_FALSE(view.known);
    EXPECT_EQ(view.why, "no device of bob has answered");
    answers[device(1)] = to_bytes("no such thing");
    EXPECT_FALSE(ask(0, 24).known);
    // The other device answers, with more than it was asked for and in disorder.
    answers[device(2)] = codec::encode(wire::free_busy_reply{
        {{hour(2), hour(5)}, {hour(4), hour(6)}, {hour(1), hour(2)}, {hour(20), hour(200)}}});
    view = ask(3, 24);
    ASSERT_TRUE(view.known);
    ASSERT_EQ(view.busy.size(), 3U);
    EXPECT_EQ(hour_of(view.busy[0].start), 3);
    EXPECT_EQ(hour_of(view.busy[1].start), 5);
    EXPECT_EQ(hour_of(view.busy[2].end), 24);
}

TEST(free_busy_world, friends_tell_each_other_and_others_are_not_known) {
    test_network net;
    auto& hub = net.add_hub();
    auto& alice = net.add_edge("alice", hub);
    auto& bob = net.add_edge("bob", hub);
    auto& carol = net.add_edge("carol", hub);
    alice.sign_in("alice");
    bob.sign_in("bob");
    carol.sign_in("carol");
    event_draft draft;
    draft.title = "Dentist";
    draft.start = "2026-05-04 10:00";
    draft.end = "2026-05-04 11:00";
    draft.recurrence = "FREQ=DAILY";
    must(net.run(bob.api().events.create(bob.me(), draft)));
    const model::interval two_days{must(model::parse_utc("2026-05-04")),
                                   must(model::parse_utc("2026-05-06"))};
    const auto ask = [&](test_network::device& who) {
        return must(net.run(who.api().busy.ask(who.me(), "bob", two_days)));
    };
    EXPECT_EQ(ask(alice).why, "bob is no friend of yours");
    must(net.run(alice.api().contact.ask(alice.me(), "bob")));
    net.until([&] { return !net.run(bob.api().contact.friends(bob.me())).empty(); });
    EXPECT_FALSE(ask(alice).known) << "he has not accepted";
    must(net.run(bob.api().contact.accept(bob.me(), "alice")));
    net.until(
        [&] { return net.run(alice.api().contact.friends(alice.me()))[0].state == "friend"; });
    const auto view = ask(alice);
    ASSERT_TRUE(view.known) << view.why;
    ASSERT_EQ(view.busy.size(), 2U);
    EXPECT_EQ(model::utc_text(view.busy[1].start), "2026-05-05T10:00:00Z");
    EXPECT_EQ(model::utc_text(view.busy[1].end), "2026-05-05T11:00:00Z");
    EXPECT_FALSE(ask(carol).known);
    EXPECT_EQ(ask(bob).busy.size(), 2U) << "his own";
    const auto back = must(net.run(bob.api().busy.ask(bob.me(), "alice", two_days)));
    EXPECT_TRUE(back.known && back.busy.empty()) << back.why;
    net.stop(bob);
    const auto gone = ask(alice);
    EXPECT_FALSE(gone.known);
    EXPECT_TRUE(gone.busy.empty());
}

}  // namespace
}  // namespace calbox::node
