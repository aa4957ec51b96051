// Series: what a change makes of one of their times, of those that follow and of all; and what
// overlaps.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "model/times.hpp"
#include "node/overlaps.hpp"
#include "node/series_edits.hpp"
#include "unit/node/choir_world.hpp"

namespace calbox {
namespace {

using model::local_time;
using test::choir_world;
using test::must;
using test::test_network;

local_time wall(const std::string& text) {
    bool day_only = false;
    return must(model::parse_local_time(text, day_only));
}

class series_edits : public ::testing::Test {
protected:
    series_edits() {
        model::initialise();
        choir.uid = "choir@calendarbox";
        choir.title = "Choir";
        choir.place = "Hall";
        choir.time = {wall("2026-05-04T20:00"), wall("2026-05-04T22:00"), "Europe/Berlin", false};
        choir.recurrence = "FREQ=WEEKLY;COUNT=6";
        choir.organizer = "alice";
    }
    /// "05-04 20:00 Choir" for each time until 2027.
    static std::vector<std::string> times(const model::event_content& of) {
        std::vector<std::string> all;
        const model::interval range{must(model::parse_utc("2026-01-01")),
                                    must(model::parse_utc("2027-01-01"))};
        for (const auto& one : model::expand(of, range).occurrences) {
            const std::string start = one.time.start.text();
            all.push_back(start.substr(5, 5) + " " + start.substr(11, 5) + " " +
                          model::content_at(of, one).title);
        }
        return all;
    }
    using texts = std::vector<std::string>;
    model::event_content choir;
};

TEST_F(series_edits, one_time_says_its_own) {
    node::event_draft change;
    change.times = {"2026-05-18T20:00:00", node::edit_scope::one};
    change.title = "Concert";
    change.start = "2026-05-19 19:00";
    auto made = must(node::apply_change(change, choir));
    EXPECT_EQ(times(made), (texts{"05-04 20:00 Choir", "05-11 20:00 Choir", "05-19 19:00 Concert",
                                  "05-25 20:00 Choir", "06-01 20:00 Choir", "06-08 20:00 Choir"}));
    // It stays as long, and is found by either time.
    EXPECT_EQ(must(model::find_occurrence(made, "2026-05-19")).time.end, wall("2026-05-19T21:00"));
    // The series has another title: that time keeps its own.
    node::event_draft all;
    all.title = "Singing";
    made = must(node::apply_change(all, made));
    EXPECT_EQ(times(made)[2], "05-19 19:00 Concert");
    EXPECT_EQ(times(made)[3], "05-25 20:00 Singing");
    // What says the same as the series is no change of its own any more.
    change.title = "Singing";
    change.start = "2026-05-18 20:00";
    made = must(node::apply_change(change, made));
    EXPECT_TRUE(made.changed.empty());

    change.participants = {{"bob"}};
    EXPECT_EQ(node::apply_change(change, choir).error().code, errc::invalid_argument);
    change.participants.reset();
    change.times.occurrence = "2026-05-19T20:00:00";
    EXPECT_EQ(node::apply_change(change, choir).error().code, errc::not_found);
    choir.recurrence.clear();
    EXPECT_EQ(node::apply_change(change, choir).error().code, errc::invalid_argument);
}

TEST_F(series_edits, categories_and_colour_are_of_all_times_or_of_one) {
    node::event_draft change;
    change.categories = {{" work ", "Art", "art"}};
    change.color = "Teal";
    auto made = must(node::apply_change(change, choir));
    EXPECT_EQ(made.categories, (texts{"Art", "work"}));
    EXPECT_EQ(made.color, "teal");
    node::event_draft moved;  // that time goes on saying what the series says of itself
    moved.times = {"2026-05-18T20:00:00", node::edit_scope::one};
    moved.start = "2026-05-19 19:00";
    made = must(node::apply_change(moved, made));
    EXPECT_EQ(made.changed.at(wall("2026-05-18T20:00"))->categories, made.categories);
    EXPECT_EQ(made.changed.at(wall("2026-05-18T20:00"))->color, "teal");
    change.times = {"2026-05-25T20:00:00", node::edit_scope::one};
    change.categories = texts{};
    change.color = "";
    made = must(node::apply_change(change, made));
    EXPECT_EQ(made.changed.at(wall("2026-05-25T20:00"))->color, "");
    EXPECT_EQ(made.color, "teal");
    change.times = {"2026-05-25T20:00:00", node::edit_scope::following};
    change.color = "gold";
    const auto split = must(node::split_at(change, made));
    ASSERT_TRUE(split);
    EXPECT_EQ(split->before.color, "teal");
    EXPECT_EQ(split->after.color, "gold");
    change.color = "blurple";
    EXPECT_EQ(node::apply_change(change, choir).error().code, errc::invalid_argument);
}

TEST_F(series_edits, all_move_by_as_much) {
    choir.changed[wall("2026-05-11T20:00")].reset();
    choir.recurrence = "FREQ=WEEKLY;COUNT=6;BYDAY=MO";
    node::event_draft change;
    change.times = {"2026-05-18", node::edit_scope::all};
    change.start = "2026-05-19 18:30";
    auto made = must(node::apply_change(change, choir));
    EXPECT_EQ(times(made), (texts{"05-05 18:30 Choir", "05-19 18:30 Choir", "05-26 18:30 Choir",
                                  "06-02 18:30 Choir", "06-09 18:30 Choir"}));
    EXPECT_EQ(made.time.end, wall("2026-05-05T20:30"));
    change.start.reset();
    change.end = "2026-05-18 23:00";
    made = must(node::apply_change(change, choir));
    EXPECT_EQ(made.time.start, choir.time.start);
    EXPECT_EQ(made.time.end, wall("2026-05-04T23:00"));
    // A start that the rule does not make would be a time besides.
    choir.changed.clear();
    choir.time.start = wall("2026-05-29T20:00");
    choir.time.end = wall("2026-05-29T22:00");
    choir.recurrence = "FREQ=MONTHLY;BYDAY=-1FR";
    node::event_draft moved;
    moved.start = "2026-05-28 20:00";
    const auto refused = node::apply_change(moved, choir);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message().find("every month on the last Friday"), std::string::npos);
    moved.recurrence = "FREQ=MONTHLY;BYDAY=-1TH";
    EXPECT_TRUE(node::apply_change(moved, choir));
}

TEST_F(series_edits, those_that_follow_are_another_event) {
    choir.changed[wall("2026-05-11T20:00")].reset();
    choir.changed[wall("2026-06-01T20:00")].reset();
    choir.added_times = {wall("2026-05-06T09:00"), wall("2026-06-10T09:00")};
    node::event_draft change;
    change.times = {"2026-05-18T20:00:00", node::edit_scope::following};
    change.start = "2026-05-18 19:00";
    change.title = "Small choir";
    auto made = must(node::split_at(change, choir));
    ASSERT_TRUE(made);
    EXPECT_EQ(times(made->before), (texts{"05-04 20:00 Choir", "05-06 09:00 Choir"}));
    EXPECT_EQ(times(made->after), (texts{"05-18 19:00 Small choir", "05-25 19:00 Small choir",
                                         "06-08 19:00 Small choir", "06-10 08:00 Small choir"}));
    EXPECT_EQ(made->after.related, std::vector<std::string>{"choir@calendarbox"});
    // Without COUNT the first one has an UNTIL, and the second the end that there was.
    choir.changed.clear();
    choir.added_times.clear();
    choir.recurrence = "FREQ=WEEKLY;UNTIL=20260525T180000Z";
    made = must(node::split_at(change, choir));
    EXPECT_EQ(made->before.recurrence, "FREQ=WEEKLY;UNTIL=20260518T175959Z");
    EXPECT_EQ(times(made->before), (texts{"05-04 20:00 Choir", "05-11 20:00 Choir"}));
    EXPECT_EQ(times(made->after).size(), 2u);
    // All that follow the first are all.
    change.times.occurrence = "2026-05-04";
    EXPECT_FALSE(must(node::split_at(change, choir)));
    EXPECT_EQ(must(node::apply_change(change, choir)).title, "Small choir");
}

TEST_F(series_edits, times_are_taken_out) {
    auto rest = must(node::without({"2026-05-18", node::edit_scope::one}, choir));
    EXPECT_EQ(times(*rest).size(), 5u);
    rest = must(node::without({"2026-05-11", node::edit_scope::following}, choir));
    EXPECT_EQ(times(*rest), texts{"05-04 20:00 Choir"});
    EXPECT_FALSE(must(node::without({"2026-05-04", node::edit_scope::one}, *rest)));
    EXPECT_FALSE(must(node::without({"2026-05-04", node::edit_scope::following}, choir)));
    EXPECT_EQ(node::without({"2026-05-05", node::edit_scope::one}, choir).error().code,
              errc::not_found);
    // From a time on that is none of its own, also where one has been taken out or changed.
    choir.changed[wall("2026-05-18T20:00")].reset();
    rest = must(node::until(wall("2026-05-18T20:00"), choir));
    EXPECT_EQ(times(*rest), (texts{"05-04 20:00 Choir", "05-11 20:00 Choir"}));
    EXPECT_EQ(must(node::until(wall("2026-05-12T20:00"), *rest)), *rest);
    choir.added_times = {wall("2026-07-01T20:00")};
    EXPECT_EQ(times(*must(node::until(wall("2026-06-09T00:00"), choir))).size(), 5u);
    EXPECT_FALSE(must(node::until(wall("2026-05-04T20:00"), choir)));
    choir.added_times.clear();
    choir.recurrence = "FREQ=WEEKLY;UNTIL=20260520T000000Z";
    EXPECT_EQ(must(node::until(wall("2026-06-01T20:00"), choir)), choir) << "it ends no later";
    choir.changed.clear();
    // Of whole days the last one is named.
    choir.time = {wall("2026-05-04"), wall("2026-05-05"), "UTC", true};
    choir.recurrence = "FREQ=DAILY";
    rest = must(node::without({"2026-05-07", node::edit_scope::following}, choir));
    EXPECT_EQ(rest->recurrence, "FREQ=DAILY;UNTIL=20260506");
    EXPECT_EQ(times(*rest).size(), 3u);
}

TEST_F(series_edits, files_of_one_time_go_with_it) {
    const auto file = [](const std::string& name, std::optional<std::string> time) {
        model::attachment made;
        made.name = name;
        made.root.value.fill(static_cast<std::uint8_t>(name.size()));
        made.of_time = time ? std::optional(wall(*time)) : std::nullopt;
        return made;
    };
    const auto files = [](const model::event_content& of) {
        texts all;
        for (const auto& one : of.files) {
            all.push_back(one.name + (one.of_time ? " " + one.of_time->text().substr(5, 11) : ""));
        }
        return all;
    };
    choir.files = {file("notes", std::nullopt), file("report", "2026-05-11T20:00"),
                   file("report", "2026-05-25T20:00")};
    EXPECT_EQ(must(model::parse_body(must(model::write_body(choir, {})))).files, choir.files);
    auto seen = choir;
    model::keep_files_of(seen, wall("2026-05-11T20:00"));
    EXPECT_EQ(files(seen), (texts{"notes", "report 05-11T20:00"}));
    node::event_draft change;
    change.times = {"2026-05-18", node::edit_scope::all};
    change.start = "2026-05-19 18:30";
    EXPECT_EQ(files(must(node::apply_change(change, choir))),
              (texts{"notes", "report 05-12T18:30", "report 05-26T18:30"}));
    change.times.scope = node::edit_scope::following;
    const auto split = must(node::split_at(change, choir));
    EXPECT_EQ(files(split->before), (texts{"notes", "report 05-11T20:00"}));
    EXPECT_EQ(files(split->after), (texts{"notes", "report 05-26T18:30"}));
    EXPECT_EQ(files(*must(node::without({"2026-05-11", node::edit_scope::one}, choir))),
              (texts{"notes", "report 05-25T20:00"}));
    node::event_draft once;
    once.recurrence = "";
    EXPECT_EQ(files(must(node::apply_change(once, choir))),
              (texts{"notes", "report", "report 05-25T20:00"}))
        << "nothing is lost with the times";
    choir.files.push_back(choir.files.back());
    EXPECT_FALSE(model::validate(choir)) << "two of one name at one time";
}

TEST(overlaps, a_sweep_finds_what_comparing_all_pairs_finds) {
    std::mt19937 random(7);
    for (int round = 0; round < 300; ++round) {
        std::vector<node::taken_time> times(random() % 40);
        for (auto& one : times) {
            const auto start = static_cast<std::int64_t>(random() % 30);
            one = {{{start}, {start + static_cast<std::int64_t>(random() % 6)}}, random() % 8};
        }
        using pair_of_times = std::array<std::int64_t, 6>;
        const auto pair_of = [](const node::taken_time& a, const node::taken_time& b) {
            const auto numbers = [](const node::taken_time& t) {
                return std::array{t.utc.start.ms, t.utc.end.ms, static_cast<std::int64_t>(t.owner)};
            };
            auto first = numbers(a), second = numbers(b);  // minmax() of what ends there dangles
            if (second < first) {
                std::swap(first, second);
            }
            return pair_of_times{first[0], first[1], first[2], second[0], second[1], second[2]};
        };
        std::multiset<pair_of_times> wanted, found;
        for (std::size_t i = 0; i < times.size(); ++i) {
            for (std::size_t j = i + 1; j < times.size(); ++j) {
                if (times[i].owner != times[j].owner && times[i].utc.overlaps(times[j].utc)) {
                    wanted.insert(pair_of(times[i], times[j]));
                }
            }
        }
        node::find_overlaps(times, [&](const auto& one, const auto& other) {
            EXPECT_LE(one.utc.start, other.utc.start);
            found.insert(pair_of(one, other));
        });
        ASSERT_EQ(found, wanted) << "round " << round;
    }
}

class series : public ::testing::TestWithParam<std::string> {};

TEST_P(series, lists_show_one_category) {
    choir_world in(GetParam());
    auto& calendar = in.alice.api().events;
    node::event_draft concert;
    concert.times = {"2026-05-11", node::edit_scope::one};
    concert.categories = {{"Concert"}};
    const auto one =
        must(in.net.run(calendar.modify(in.alice.me(), in.series, concert, std::nullopt)));
    EXPECT_EQ(one.content.categories, std::vector<std::string>{"Concert"});
    node::event_query query = choir_world::may_and_june();
    query.category = "concert";
    EXPECT_EQ(must(calendar.occurrences(in.alice.me(), query)).size(), 1U);
    EXPECT_TRUE(calendar.list(in.alice.me(), query).empty()) << "the series has none itself";
    node::event_draft all;
    all.categories = {{"Music"}};
    must(in.net.run(calendar.modify(in.alice.me(), in.series, all, std::nullopt)));
    query.category = "music";
    EXPECT_EQ(must(calendar.occurrences(in.alice.me(), query)).size(), 5U);
    EXPECT_EQ(calendar.list(in.alice.me(), query).size(), 1U);
    query.category = "musi";
    EXPECT_TRUE(calendar.list(in.alice.me(), query).empty()) << "a category has one name";
}

TEST_P(series, the_others_see_each_time_as_it_was_made) {
    choir_world in(GetParam());
    auto& bob = in.net.add_edge("bob", in.hub);
    bob.sign_in("bob");
    auto& calendar = in.alice.api().events;
    node::event_draft share;
    share.participants = {{"bob"}};
    must(in.net.run(calendar.modify(in.alice.me(), in.series, share, std::nullopt)));
    node::event_draft moved;
    moved.times = {"2026-05-11", node::edit_scope::one};
    moved.title = "Concert";
    moved.start = "2026-05-12 20:00";
    in.net.until([&] { return bob.api().events.show(bob.me(), in.series).has_value(); });
    const auto one =
        must(in.net.run(bob.api().events.modify(bob.me(), in.series, moved, std::nullopt)));
    EXPECT_EQ(one.content.title, "Concert");
    EXPECT_EQ(one.occurrence, wall("2026-05-11T20:00"));
    in.net.until([&] {
        return calendar.show_at(in.alice.me(), in.series, "2026-05-11")->content.title == "Concert";
    });
    must(in.net.run(calendar.take_out(in.alice.me(), in.series,
                                      {"2026-05-18", node::edit_scope::one}, std::nullopt)));
    node::event_draft later;
    later.times = {"2026-06-01", node::edit_scope::following};
    later.title = "Small choir";
    in.net.until(
        [&] { return !bob.api().events.show_at(bob.me(), in.series, "2026-05-18").has_value(); });
    EXPECT_EQ(
        in.net.run(bob.api().events.modify(bob.me(), in.series, later, std::nullopt)).error().code,
        errc::forbidden);
    const auto fresh =
        must(in.net.run(calendar.modify(in.alice.me(), in.series, later, std::nullopt)));
    EXPECT_NE(fresh.id, in.series);
    EXPECT_EQ(fresh.content.participants, std::vector<std::string>{"bob"});
    const std::vector<std::string> wanted{"05-04 Choir", "05-12 Concert", "05-25 Choir",
                                          "06-01 Small choir", "06-08 Small choir"};
    EXPECT_EQ(choir_world::seen_by(in.alice), wanted);
    in.net.until([&] { return choir_world::seen_by(bob) == wanted; });
    must(in.net.run(calendar.take_out(in.alice.me(), fresh.id,
                                      {"2026-06-01", node::edit_scope::following}, std::nullopt)));
    in.net.until([&] { return choir_world::seen_by(bob).size() == 3; });
    EXPECT_FALSE(calendar.show(in.alice.me(), fresh.id));
}

TEST_P(series, a_file_is_attached_to_one_time_or_to_all) {
    choir_world in(GetParam());
    auto& bob = in.net.add_edge("bob", in.hub);
    bob.sign_in("bob");
    node::event_draft share;
    share.participants = {{"bob"}};
    must(in.net.run(in.alice.api().events.modify(in.alice.me(), in.series, share, std::nullopt)));
    in.net.until([&] { return bob.api().events.show(bob.me(), in.series).has_value(); });
    const auto attach = [&](test_network::device& who, node::file_label label, char what) {
        test::bytes_source from(bytes(100, static_cast<std::uint8_t>(what)));
        return in.net.run(
            who.api().file.attach(who.me(), in.series, std::move(label), "", from, false));
    };
    must(attach(in.alice, {"report.pdf", "2026-05-11"}, 'a'));
    must(attach(bob, {"report.pdf", "2026-05-18T20:00"}, 'b'));
    must(attach(in.alice, "report.pdf", 'c'));
    EXPECT_EQ(attach(bob, {"report.pdf", "2026-05-11"}, 'd').error().code, errc::already_exists);
    EXPECT_EQ(attach(bob, {"report.pdf", "2026-05-12"}, 'd').error().code, errc::not_found);
    const auto read = [&](test_network::device& who, node::file_label label) {
        must(in.net.run(who.api().file.fetch(who.me(), in.series, label)));
        test::bytes_sink into;
        must(in.net.run(who.api().file.read(who.me(), in.series, label, 0, 0, into)));
        return static_cast<char>(into.all.at(0));
    };
    const auto files_at = [&](test_network::device& who, const std::string& day) {
        return must(who.api().events.show_at(who.me(), in.series, day)).content.files.size();
    };
    in.net.until(
        [&] { return files_at(bob, "2026-05-11") == 2 && files_at(in.alice, "2026-05-18") == 2; });
    EXPECT_EQ(files_at(bob, "2026-05-25"), 1U);
    EXPECT_EQ(must(bob.api().events.show(bob.me(), in.series)).content.files.size(), 3U);
    EXPECT_EQ(read(bob, {"report.pdf", "2026-05-11"}), 'a');
    EXPECT_EQ(read(in.alice, {"report.pdf", "2026-05-18"}), 'b');
    EXPECT_EQ(read(bob, "report.pdf"), 'c');
    must(
        in.net.run(bob.api().file.detach(bob.me(), in.series, {"report.pdf", "2026-05-11T20:00"})));
    EXPECT_EQ(files_at(bob, "2026-05-11"), 1U);
    EXPECT_EQ(in.net.run(bob.api().file.fetch(bob.me(), in.series, {"report.pdf", "2026-05-11"}))
                  .error()
                  .code,
              errc::not_found);
}

TEST_P(series, only_the_times_that_meet_overlap) {
    choir_world in(GetParam());
    auto& calendar = in.alice.api().events;
    node::event_draft draft;
    draft.title = "Dinner";
    draft.start = "2026-05-18 21:00";
    draft.end = "2026-05-18 23:00";
    const auto dinner = must(in.net.run(calendar.create(in.alice.me(), draft)));
    std::vector<std::size_t> overlaps;
    for (const auto& one : must(calendar.occurrences(in.alice.me(), choir_world::may_and_june()))) {
        overlaps.push_back(one.conflicts.size());
    }
    EXPECT_EQ(overlaps, (std::vector<std::size_t>{0, 0, 1, 1, 0, 0, 0}));
    EXPECT_EQ(must(calendar.show_at(in.alice.me(), in.series, "2026-05-18")).conflicts,
              std::vector{dinner.id_text});
    EXPECT_TRUE(must(calendar.show_at(in.alice.me(), in.series, "2026-05-11")).conflicts.empty());
    const auto pairs = calendar.conflicts(in.alice.me());
    ASSERT_EQ(pairs.size(), 1U);
    EXPECT_EQ(pairs.front().first.occurrence, wall("2026-05-18T20:00"));
    EXPECT_EQ(pairs.front().second.id, dinner.id);
    EXPECT_EQ(must(calendar.show(in.alice.me(), in.series)).next->id, wall("2026-05-04T20:00"));
    auto query = choir_world::may_and_june();
    query.to.reset();
    EXPECT_EQ(calendar.occurrences(in.alice.me(), query).error().code, errc::invalid_argument);
}

INSTANTIATE_TEST_SUITE_P(strategies, series, ::testing::ValuesIn(test::strategies()),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace calbox
