// A series that is split is two halves, of which there is never one alone, nor a time twice:
// wherever the device ends, its user signs out, or the network is down, and whatever others do
// meanwhile.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/task_scope.hpp"
#include "node/series_splits.hpp"
#include "unit/node/choir_world.hpp"

namespace calbox {
namespace {

using namespace std::chrono_literals;
using test::choir_world;
using test::must;
using test::test_network;

/// Of the choir's times from June on.
node::event_draft small_choir() {
    node::event_draft later;
    later.times = {"2026-06-01", node::edit_scope::following};
    later.title = "Small choir";
    return later;
}

/// How many events there are, one or two, after a split that was interrupted at that moment.
std::size_t events_of_whole_split(choir_world& in, int moment) {
    const std::vector<std::string> neither{"05-04 Choir", "05-11 Choir", "05-18 Choir",
                                           "05-25 Choir", "06-01 Choir", "06-08 Choir"};
    const std::vector<std::string> both{"05-04 Choir", "05-11 Choir",       "05-18 Choir",
                                        "05-25 Choir", "06-01 Small choir", "06-08 Small choir"};
    const auto seen = choir_world::seen_by(in.alice);
    const std::size_t events = in.alice.api().events.list(in.alice.me(), {}).size();
    EXPECT_TRUE((seen == neither && events == 1) || (seen == both && events == 2))
        << "ended after " << moment << " turns: " << ::testing::PrintToString(seen);
    return events;
}

/// Her daemon ends at one moment after the other.
TEST(series_over_restarts, is_split_wholly_or_not_at_all_whenever_the_device_ends) {
    std::set<std::size_t> outcomes;
    for (int moment = 0; moment < 24; ++moment) {
        choir_world in("organizer");
        {
            task_scope asked(in.net.env, "asked");
            asked.spawn("split",
                        [](node::calendar& at, user_id as, event_id which,
                           node::event_draft change) -> task<void> {
                            co_await at.modify(as, which, std::move(change), std::nullopt);
                        }(in.alice.api().events, in.alice.me(), in.series, small_choir()));
            in.net.world.settle_at_most(moment);
            asked.request_stop();
            in.net.run(asked.join());
        }
        in.net.stop(in.alice);
        in.net.start(in.alice);
        in.net.until([&] { return in.alice.api().info.status().caught_up; });
        in.net.world.advance(1min);  // and longer than the lock of an edit that was interrupted
        outcomes.insert(events_of_whole_split(in, moment));
    }
    EXPECT_EQ(outcomes, (std::set<std::size_t>{1, 2}));
}

/// She signs out at one moment after the other, and in again.
TEST(series_over_restarts, is_split_wholly_or_not_at_all_whenever_she_signs_out) {
    std::set<std::size_t> outcomes;
    for (int moment = 0; moment < 24; ++moment) {
        choir_world in("organizer");
        const user_id alice = in.alice.me();
        const auto split = in.net.begin(
            in.alice.api().events.modify(alice, in.series, small_choir(), std::nullopt));
        in.net.world.settle_at_most(moment);
        must(in.net.run(in.alice.api().account.sign_out(alice)));
        in.net.until([&] { return split->has_value(); });
        must(
            in.net.run(in.alice.api().account.sign_in("alice", "a long password of alice", false)));
        in.net.until([&] { return in.alice.api().info.status().caught_up; });
        in.net.world.advance(1min);
        outcomes.insert(events_of_whole_split(in, moment));
    }
    EXPECT_EQ(outcomes, (std::set<std::size_t>{1, 2}));
}

/// Alice has a second device, and her splits end at one moment after the other.
struct split_elsewhere : choir_world {
    explicit split_elsewhere(const std::vector<std::string>& guests)
        : choir_world("views"), other(net.add_edge("other", hub)), bob(net.add_edge("bob", hub)) {
        bob.sign_in("bob");
        other.sign_in("alice", false);
        if (!guests.empty()) {
            node::event_draft share;
            share.participants = guests;
            must(net.run(alice.api().events.modify(alice.me(), series, share, std::nullopt)));
        }
        net.until([&] { return seen_by(other).size() == 6; });
        for (test_network::device* const by : {&other, &bob, &alice}) {  // all vote from then on
            if (by == &bob && guests.empty()) {
                continue;
            }
            node::event_draft change;
            change.place = by->called;
            net.until([&] {
                return net.run(by->api().events.modify(by->me(), series, change, std::nullopt))
                    .has_value();
            });
            net.world.advance(10s);
        }
    }
    /// What she sees on her other device then.
    std::vector<std::string> interrupted_after(int turns, node::event_draft change) {
        auto split = net.begin(
            alice.api().events.modify(alice.me(), series, std::move(change), std::nullopt));
        net.world.settle_at_most(turns);
        net.stop(alice);
        net.world.advance(1min);
        return seen_by(other);
    }
    std::vector<std::string> after_she_is_back() {
        net.start(alice);
        net.until([&] { return alice.api().info.status().caught_up; });
        net.world.advance(1min);
        EXPECT_EQ(seen_by(alice), seen_by(other));
        return seen_by(other);
    }
    template <class Change>
    void on_the_other(Change change) {
        net.until([&] { return net.run(change(other.api().events)).has_value(); });
    }
    test_network::device& other;
    test_network::device& bob;
};

const std::vector<std::string> uncut_and_new{"05-04 Choir", "05-11 Choir",      "05-18 Choir",
                                             "05-25 Choir", "06-01 Choir",      "06-01 Small choir",
                                             "06-08 Choir", "06-08 Small choir"};

TEST(series_over_restarts, is_not_cut_for_an_event_that_was_deleted_meanwhile) {
    int met = 0;
    for (int moment = 0; moment < 100 && met < 3; moment += 4) {
        split_elsewhere in({});
        node::event_draft change = small_choir();
        change.participants = {{"bob"}};
        if (in.interrupted_after(moment, std::move(change)) != uncut_and_new) {
            continue;
        }
        ++met;
        in.on_the_other([&](node::calendar& at) {
            const auto all = at.list(in.other.me(), {});
            const auto made =
                std::ranges::find_if(all, [&](const auto& one) { return one.id != in.series; });
            return at.remove(in.other.me(), made->id, std::nullopt);
        });
        const auto seen = in.after_she_is_back();
        EXPECT_EQ(seen.size(), 6U) << moment << ": " << ::testing::PrintToString(seen);
    }
    EXPECT_EQ(met, 3);
}

TEST(series_over_restarts, is_cut_where_the_later_times_are_by_then) {
    struct {
        node::chosen_times taken_out;
        std::optional<std::string> moved_to;  // its first time
        std::vector<std::string> wanted;
    } const cases[] = {
        {{"2026-06-01", node::edit_scope::one},
         {},
         {"05-04 Choir", "05-11 Choir", "05-18 Choir", "05-25 Choir", "06-01 Small choir",
          "06-08 Small choir"}},
        {{},
         "2026-05-03 19:00",
         {"05-03 Choir", "05-10 Choir", "05-17 Choir", "05-24 Choir", "06-01 Small choir",
          "06-08 Small choir"}},
        {{},
         "2026-05-05 21:00",
         {"05-05 Choir", "05-12 Choir", "05-19 Choir", "05-26 Choir", "06-01 Small choir",
          "06-08 Small choir"}},
    };
    int moment = 0;
    for (const auto& one : cases) {
        std::optional<split_elsewhere> in;
        for (; moment < 100; moment += 4) {
            in.emplace(std::vector<std::string>{"bob"});
            if (in->interrupted_after(moment, small_choir()) == uncut_and_new) {
                break;
            }
        }
        ASSERT_LT(moment, 100);
        in->on_the_other([&](node::calendar& at) -> task<result<void>> {
            if (!one.moved_to) {
                co_return co_await at.take_out(in->other.me(), in->series, one.taken_out,
                                               std::nullopt);
            }
            node::event_draft change;
            change.start = one.moved_to;
            const auto moved = co_await at.modify(in->other.me(), in->series, change, std::nullopt);
            co_return moved ? result<void>() : fail(moved.error());
        });
        EXPECT_EQ(in->after_she_is_back(), one.wanted) << moment;
    }
}

/// The network is down from one moment after the other on, for a while; she tries again as soon as
/// it is there, and until it is done.
TEST(series_over_restarts, split_again_while_the_first_is_in_doubt_is_split_once) {
    std::set<errc> first_answers;
    for (int moment = 20; moment < 60; moment += 5) {
        split_elsewhere in({"bob"});
        const auto split = [&] {
            return in.alice.api().events.modify(in.alice.me(), in.series, small_choir(),
                                                std::nullopt);
        };
        const auto first = in.net.begin(split());
        in.net.world.settle_at_most(moment);
        in.net.transport.go_down();
        in.net.until([&] { return first->has_value(); }, 5min);
        first_answers.insert(**first ? errc::ok : (*first)->error().code);
        in.net.world.advance(10min);
        const auto complaints = std::ranges::count(in.net.world.log.lines, "splits",
                                                   &test::recording_logger::line::area);
        EXPECT_LT(complaints, 4) << "of what is not possible, once";
        in.net.transport.come_up();
        in.net.until([&] {
            const auto again = in.net.run(split());
            return again || again.error().code != errc::offline;
        });
        in.net.world.advance(2min);
        if (in.alice.api().events.list(in.alice.me(), {}).size() == 1) {
            in.net.until([&] { return in.net.run(split()).has_value(); });
        }
        EXPECT_EQ(events_of_whole_split(in, moment), 2U);
    }
    EXPECT_TRUE(first_answers.contains(errc::timed_out));
}

/// What it was to make shows when the series has been split once more: an event that is brought
/// back stands for one whose commit was decided late.
TEST(series_over_restarts, nothing_stays_of_a_split_that_was_tried_again) {
    choir_world in("organizer");
    node::event_draft late;
    late.title = "Late choir";
    late.start = "2026-06-01 20:00";
    late.recurrence = "FREQ=WEEKLY;COUNT=2";
    const auto made = must(in.net.run(in.alice.api().events.create(in.alice.me(), late)));
    must(in.net.run(in.alice.api().events.remove(in.alice.me(), made.id, std::nullopt)));
    in.net.stop(in.alice);
    {
        const auto disk = must(in.alice.storing->open(in.alice.directory));
        storage::batch writes;
        writes.put(storage::record_kind::meta, to_bytes("split " + made.content.uid),
                   codec::encode(node::series_splits::note{
                       in.series, "2026-06-01T20:00:00", {}, "2026-05-04T20:00:00", false}));
        must(disk->records().apply(writes));
    }
    in.net.start(in.alice);
    in.net.until([&] { return in.alice.api().info.status().state == "connected"; });
    must(in.net.run(
        in.alice.api().events.modify(in.alice.me(), in.series, small_choir(), std::nullopt)));
    must(in.net.run(
        in.alice.api().past.restore(in.alice.me(), made.id, std::nullopt, std::nullopt)));
    in.net.world.advance(1min);
    EXPECT_EQ(events_of_whole_split(in, 0), 2U);
}

}  // namespace
}  // namespace calbox
