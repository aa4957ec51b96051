// Reminders: whose they are, where they are, and that each is told once on a device.
#include <gtest/gtest.h>

#include <algorithm>

#include "model/times.hpp"
#include "support/test_network.hpp"

namespace calbox {
namespace {

using namespace std::chrono_literals;
using test::must;
using test::test_network;

timestamp at(const std::string& text) { return must(model::parse_utc(text)); }

class reminders : public ::testing::TestWithParam<std::string> {
protected:
    reminders()
        : net(1, GetParam()),
          hub(at_twenty_past_nine().add_hub()),
          alice(net.add_edge("alice", hub)) {
        alice.sign_in("alice");
    }
    test_network& at_twenty_past_nine() {
        net.world.time.base_ms += at("2026-05-03T09:20:00Z").ms - net.world.time.wall().ms;
        return net;
    }
    /// At 10:00, 11:00 and 12:00 of that day.
    event_id tea() {
        node::event_draft draft;
        draft.title = "Tea";
        draft.start = "2026-05-03 10:00";
        draft.end = "2026-05-03 10:20";
        draft.recurrence = "FREQ=HOURLY;COUNT=3";
        return must(net.run(alice.api().events.create(alice.me(), draft))).id;
    }
    void set(test_network::device& who, event_id which, node::reminder_times to) {
        must(net.run(who.api().reminding.set(who.me(), which, std::move(to))));
    }
    static std::vector<std::string> texts(const std::vector<node::reminder_view>& views) {
        std::vector<std::string> all;
        for (const auto& one : views) {
            all.push_back(model::utc_text(one.at).substr(11, 5) + " " + one.title + " " +
                          model::utc_text(one.of.utc.start).substr(11, 5));
        }
        return all;
    }
    std::vector<std::string> due(test_network::device& who) {
        const model::interval day{at("2026-05-03"), at("2026-05-04")};
        return texts(must(who.api().reminding.due(who.me(), day)));
    }
    std::vector<std::string> take(test_network::device& who) {
        return texts(must(net.run(who.api().reminding.take(who.me()))));
    }
    void pass_until(const std::string& clock) {
        const auto wanted = at("2026-05-03T" + clock + ":30Z");
        net.world.advance(std::chrono::milliseconds(wanted.ms - net.world.time.wall().ms));
    }
    using lines = std::vector<std::string>;

    test_network net;
    test_network::device& hub;
    test_network::device& alice;
};

TEST_P(reminders, are_ones_own_on_all_ones_devices) {
    const event_id which = tea();
    auto& bob = net.add_edge("bob", hub);
    bob.sign_in("bob");
    node::event_draft share;
    share.participants = {{"bob"}};
    share.guests_may = 0;
    must(net.run(alice.api().events.modify(alice.me(), which, share, std::nullopt)));
    net.until([&] { return bob.api().events.show(bob.me(), which).has_value(); });
    const auto version = bob.api().events.show(bob.me(), which)->version;
    set(bob, which, {{60, 10, 10}, {at("2026-05-03T10:30:00Z")}});
    const lines wanted{"09:00 Tea 10:00", "09:50 Tea 10:00", "10:00 Tea 11:00", "10:30 Tea 11:00",
                       "10:50 Tea 11:00", "11:00 Tea 12:00", "11:50 Tea 12:00"};
    EXPECT_EQ(due(bob), wanted);
    EXPECT_TRUE(due(alice).empty());
    EXPECT_EQ(must(alice.api().events.show(alice.me(), which)).version, version);
    auto& phone = net.add_edge("phone", hub);
    phone.sign_in("bob", false);
    net.until([&] { return due(phone) == wanted; });
    set(phone, which, {{5}, {}});
    net.until([&] { return due(bob).size() == 3; });
    EXPECT_EQ(must(bob.api().reminding.show(bob.me(), which)), (node::reminder_times{{5}, {}}));
    set(bob, which, {});
    net.until([&] { return due(phone).empty(); });
    const auto refused = [&](node::reminder_times to) {
        return net.run(bob.api().reminding.set(bob.me(), which, std::move(to))).error().code;
    };
    EXPECT_EQ(refused({{1, 2, 3, 4, 5, 6}, {}}), errc::invalid_argument);
    EXPECT_EQ(refused({{1, 2, 3, 4, 5}, {at("2026-05-03")}}), errc::invalid_argument);
    EXPECT_EQ(refused({{50'000}, {}}), errc::invalid_argument);
    must(net.run(alice.api().events.remove(alice.me(), which, std::nullopt)));
    net.until([&] { return !bob.api().reminding.show(bob.me(), which).has_value(); });
}

TEST_P(reminders, are_told_once_on_each_device_at_each_time) {
    const event_id which = tea();
    auto& phone = net.add_edge("phone", hub);
    phone.sign_in("alice", false);
    net.until([&] { return phone.api().events.show(phone.me(), which).has_value(); });
    const auto before = alice.api().changes.last_number();
    set(alice, which, {{10}, {}});
    net.until([&] { return due(phone).size() == 3; });
    pass_until("09:49");
    EXPECT_TRUE(take(alice).empty() && take(phone).empty());
    pass_until("09:50");
    const auto news = must(net.run(alice.api().changes.next(alice.me(), before)));
    const auto told = std::ranges::count(news, std::string("reminder"), &node::change::what);
    EXPECT_EQ(told, 1);
    EXPECT_EQ(news.back().text, "\"Tea\" begins in 10 minutes");
    EXPECT_EQ(take(alice), lines{"09:50 Tea 10:00"});
    EXPECT_EQ(take(alice), lines{}) << "another page of the same device";

    net.stop(alice);  // it was shown; and nobody has taken that of the phone yet
    net.stop(phone);
    net.start(alice);
    net.start(phone);
    pass_until("10:10");
    EXPECT_EQ(take(alice), lines{});
    EXPECT_EQ(take(phone), lines{"09:50 Tea 10:00"});

    net.stop(phone);  // it misses the next one
    pass_until("10:55");
    EXPECT_EQ(take(alice), lines{"10:50 Tea 11:00"});
    net.start(phone);
    auto& tablet = net.add_edge("tablet", hub);
    tablet.sign_in("alice", false);
    net.until([&] { return due(tablet).size() == 3; });
    pass_until("10:58");
    EXPECT_EQ(take(phone), lines{"10:50 Tea 11:00"});
    EXPECT_EQ(take(phone), lines{});
    EXPECT_EQ(take(tablet), lines{}) << "what was due before he signed in there";
    pass_until("11:50");
    for (auto* const each : {&alice, &phone, &tablet}) {
        EXPECT_EQ(take(*each), lines{"11:50 Tea 12:00"}) << each->called;
    }
}

TEST_P(reminders,
       follow_an_event_that_moves_and_are_never_told_of_what_was_over_when_they_were_set) {
    const event_id which = tea();
    set(alice, which, {{60, 30}, {at("2026-05-03T09:24:00Z")}});
    pass_until("09:28");
    EXPECT_EQ(take(alice), lines{"09:24 Tea 10:00"}) << "an hour before was over";
    node::event_draft change;
    change.times = {"", node::edit_scope::all};
    change.start = "2026-05-03 09:55";
    must(net.run(alice.api().events.modify(alice.me(), which, change, std::nullopt)));
    pass_until("09:29");
    EXPECT_EQ(take(alice), lines{"09:25 Tea 09:55"}) << "it begins in less than half an hour now";
}

INSTANTIATE_TEST_SUITE_P(strategies, reminders, ::testing::ValuesIn(test::strategies()),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace calbox
