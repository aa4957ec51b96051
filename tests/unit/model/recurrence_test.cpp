// When series take place: the examples of RFC 5545, clocks that change, single times that differ,
// and rules that somebody wrote to do harm. Random rules are in oracle/recurrence_oracle.py.
#include <gtest/gtest.h>

#include <random>

#include "model/recurrence.hpp"
#include "model/rule_walk.hpp"
#include "unit/model/sample.hpp"

namespace calbox::model {
namespace {

local_time wall(const std::string& text) {
    bool day_only = false;
    const auto read = parse_local_time(text, day_only);
    EXPECT_TRUE(read) << text;
    return read.value_or(local_time());
}

timestamp utc(const std::string& text) { return parse_utc(text).value_or(timestamp()); }

event_content series_at(const std::string& start, const std::string& rule,
                        const std::string& zone = "America/New_York") {
    event_content content;
    content.title = "Series";
    content.time = {wall(start), wall(start), zone, false};
    content.time.end = from_wall_seconds(wall_seconds(content.time.start) + 3600);
    content.recurrence = rule;
    return content;
}

const interval all_of_it{utc("1990-01-01"), utc("2020-01-01")};

std::string joined(const expansion& of, bool with_time = false) {
    std::string text;
    int month = 0;
    for (const occurrence& one : of.occurrences) {
        const local_time& at = one.id;
        if (!text.empty()) {
            text += ' ';
        }
        if (month != at.year * 12 + at.month) {
            month = at.year * 12 + at.month;
            text += at.date_text().substr(0, 7) + ": ";
        }
        text += std::to_string(at.day) + (with_time ? "T" + at.text().substr(11, 5) : "");
    }
    return text;
}

class recurrence_test : public testing::Test {
protected:
    void SetUp() override { initialise(); }

    /// The first times of a rule.
    static std::string first(std::size_t most, const std::string& start, const std::string& rule,
                             bool with_time = false) {
        return joined(expand(series_at(start, rule), all_of_it, {50'000, most}), with_time);
    }
    static std::string all(const std::string& start, const std::string& rule) {
        const auto made = expand(series_at(start, rule), all_of_it);
        EXPECT_TRUE(made.complete) << rule;
        return joined(made);
    }
    static std::size_t number(const std::string& start, const std::string& rule) {
        return expand(series_at(start, rule), all_of_it).occurrences.size();
    }
};

TEST_F(recurrence_test, examples_of_days_and_weeks) {
    const std::string start = "1997-09-02T09:00";
    EXPECT_EQ(all(start, "FREQ=DAILY;COUNT=10"), "1997-09: 2 3 4 5 6 7 8 9 10 11");
    EXPECT_EQ(number(start, "FREQ=DAILY;UNTIL=19971224T000000Z"), 113U);
    EXPECT_EQ(first(4, start, "FREQ=DAILY;INTERVAL=2"), "1997-09: 2 4 6 8");
    EXPECT_EQ(all(start, "FREQ=DAILY;INTERVAL=10;COUNT=5"), "1997-09: 2 12 22 1997-10: 2 12");
    EXPECT_EQ(number("1998-01-01T09:00",
                     "FREQ=YEARLY;UNTIL=20000131T140000Z;BYMONTH=1;BYDAY=SU,MO,TU,WE,TH,FR,SA"),
              93U);
    EXPECT_EQ(number("1998-01-01T09:00", "FREQ=DAILY;UNTIL=20000131T140000Z;BYMONTH=1"), 93U);
    EXPECT_EQ(all(start, "FREQ=WEEKLY;COUNT=10"),
              "1997-09: 2 9 16 23 30 1997-10: 7 14 21 28 1997-11: 4");
    EXPECT_EQ(number(start, "FREQ=WEEKLY;UNTIL=19971224T000000Z"), 17U);
    EXPECT_EQ(first(5, start, "FREQ=WEEKLY;INTERVAL=2;WKST=SU"), "1997-09: 2 16 30 1997-10: 14 28");
    EXPECT_EQ(all(start, "FREQ=WEEKLY;UNTIL=19971007T000000Z;WKST=SU;BYDAY=TU,TH"),
              "1997-09: 2 4 9 11 16 18 23 25 30 1997-10: 2");
    EXPECT_EQ(all("1997-09-01T09:00",
                  "FREQ=WEEKLY;INTERVAL=2;UNTIL=19971224T000000Z;WKST=SU;BYDAY=MO,WE,FR"),
              "1997-09: 1 3 5 15 17 19 29 1997-10: 1 3 13 15 17 27 29 31 "
              "1997-11: 10 12 14 24 26 28 1997-12: 8 10 12 22");
    EXPECT_EQ(all(start, "FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH"),
              "1997-09: 2 4 16 18 30 1997-10: 2 14 16");
    EXPECT_EQ(all("1997-08-05T09:00", "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO"),
              "1997-08: 5 10 19 24");
    EXPECT_EQ(all("1997-08-05T09:00", "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU"),
              "1997-08: 5 17 19 31");
}

TEST_F(recurrence_test, examples_of_months) {
    EXPECT_EQ(all("1997-09-05T09:00", "FREQ=MONTHLY;COUNT=10;BYDAY=1FR"),
              "1997-09: 5 1997-10: 3 1997-11: 7 1997-12: 5 1998-01: 2 1998-02: 6 1998-03: 6 "
              "1998-04: 3 1998-05: 1 1998-06: 5");
    EXPECT_EQ(all("1997-09-07T09:00", "FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU"),
              "1997-09: 7 28 1997-11: 2 30 1998-01: 4 25 1998-03: 1 29 1998-05: 3 31");
    EXPECT_EQ(all("1997-09-22T09:00", "FREQ=MONTHLY;COUNT=6;BYDAY=-2MO"),
              "1997-09: 22 1997-10: 20 1997-11: 17 1997-12: 22 1998-01: 19 1998-02: 16");
    EXPECT_EQ(first(6, "1997-09-28T09:00", "FREQ=MONTHLY;BYMONTHDAY=-3"),
              "1997-09: 28 1997-10: 29 1997-11: 28 1997-12: 29 1998-01: 29 1998-02: 26");
    EXPECT_EQ(all("1997-09-02T09:00", "FREQ=MONTHLY;COUNT=5;BYMONTHDAY=2,15"),
              "1997-09: 2 15 1997-10: 2 15 1997-11: 2");
    EXPECT_EQ(all("1997-09-30T09:00", "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1"),
              "1997-09: 30 1997-10: 1 31 1997-11: 1 30 1997-12: 1 31 1998-01: 1 31 1998-02: 1");
    EXPECT_EQ(
        all("1997-09-10T09:00", "FREQ=MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11,12,13,14,15"),
        "1997-09: 10 11 12 13 14 15 1999-03: 10 11 12 13");
    EXPECT_EQ(first(9, "1997-09-02T09:00", "FREQ=MONTHLY;INTERVAL=2;BYDAY=TU"),
              "1997-09: 2 9 16 23 30 1997-11: 4 11 18 25");
    EXPECT_EQ(first(5, "1997-09-13T09:00", "FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13"),
              "1997-09: 13 1997-10: 11 1997-11: 8 1997-12: 13 1998-01: 10");
    EXPECT_EQ(all("1997-09-04T09:00", "FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3"),
              "1997-09: 4 1997-10: 7 1997-11: 6");
    EXPECT_EQ(first(5, "1997-09-29T09:00", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2"),
              "1997-09: 29 1997-10: 30 1997-11: 27 1997-12: 30 1998-01: 29");
    EXPECT_EQ(all("2007-01-15T09:00", "FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5"),
              "2007-01: 15 30 2007-02: 15 2007-03: 15 30");
    event_content friday = series_at("1997-09-02T09:00", "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13");
    friday.changed[wall("1997-09-02T09:00")].reset();
    EXPECT_EQ(joined(expand(friday, {utc("1997-01-01"), utc("2001-01-01")})),
              "1998-02: 13 1998-03: 13 1998-11: 13 1999-08: 13 2000-10: 13");
}

TEST_F(recurrence_test, examples_of_years) {
    EXPECT_EQ(all("1997-06-10T09:00", "FREQ=YEARLY;COUNT=4;BYMONTH=6,7"),
              "1997-06: 10 1997-07: 10 1998-06: 10 1998-07: 10");
    EXPECT_EQ(all("1997-03-10T09:00", "FREQ=YEARLY;INTERVAL=2;COUNT=5;BYMONTH=1,2,3"),
              "1997-03: 10 1999-01: 10 1999-02: 10 1999-03: 10 2001-01: 10");
    EXPECT_EQ(all("1997-01-01T09:00", "FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200"),
              "1997-01: 1 1997-04: 10 1997-07: 19 2000-01: 1 2000-04: 9 2000-07: 18 2003-01: 1 "
              "2003-04: 10 2003-07: 19 2006-01: 1");
    EXPECT_EQ(first(3, "1997-05-19T09:00", "FREQ=YEARLY;BYDAY=20MO"),
              "1997-05: 19 1998-05: 18 1999-05: 17");
    EXPECT_EQ(first(3, "1997-05-12T09:00", "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO"),
              "1997-05: 12 1998-05: 11 1999-05: 17");
    EXPECT_EQ(first(7, "1997-03-13T09:00", "FREQ=YEARLY;BYMONTH=3;BYDAY=TH"),
              "1997-03: 13 20 27 1998-03: 5 12 19 26");
    EXPECT_EQ(first(14, "1997-06-05T09:00", "FREQ=YEARLY;BYDAY=TH;BYMONTH=6,7,8"),
              "1997-06: 5 12 19 26 1997-07: 3 10 17 24 31 1997-08: 7 14 21 28 1998-06: 4");
    EXPECT_EQ(first(3, "1996-11-05T09:00",
                    "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8"),
              "1996-11: 5 2000-11: 7 2004-11: 2");
}

TEST_F(recurrence_test, examples_within_a_day) {
    const std::string start = "1997-09-02T09:00";
    EXPECT_EQ(first(9, start, "FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T210000Z", true),
              "1997-09: 2T09:00 2T12:00 2T15:00");  // with the erratum 3883
    EXPECT_EQ(first(9, start, "FREQ=MINUTELY;INTERVAL=15;COUNT=3", true),
              "1997-09: 2T09:00 2T09:15 2T09:30");
    EXPECT_EQ(first(9, start, "FREQ=MINUTELY;INTERVAL=90;COUNT=4", true),
              "1997-09: 2T09:00 2T10:30 2T12:00 2T13:30");
    EXPECT_EQ(first(60, start, "FREQ=DAILY;BYHOUR=9,10,11,12,13,14,15,16;BYMINUTE=0,20,40", true),
              first(60, start, "FREQ=MINUTELY;INTERVAL=20;BYHOUR=9,10,11,12,13,14,15,16", true));
    EXPECT_EQ(first(2, start, "FREQ=SECONDLY;BYHOUR=9;BYMINUTE=0;BYSECOND=0", true),
              "1997-09: 2T09:00 3T09:00");
}

TEST_F(recurrence_test, clocks_that_change) {
    const auto times = [](const event_content& content) {
        std::string text;
        for (const auto& one :
             expand(content, {utc("2026-01-01"), utc("2027-01-01")}).occurrences) {
            text += one.time.start.text().substr(5, 11) + "=" +
                    utc_text(one.utc.start).substr(5, 11) + "+" +
                    std::to_string((one.utc.end.ms - one.utc.start.ms) / 60'000) + " ";
        }
        return text;
    };
    // 02:30 does not exist on March 29: it is 03:30.
    EXPECT_EQ(times(series_at("2026-03-28T02:30", "FREQ=DAILY;COUNT=3", "Europe/Berlin")),
              "03-28T02:30=03-28T01:30+60 03-29T02:30=03-29T01:30+60 03-30T02:30=03-30T00:30+60 ");
    // It is there twice on October 25: the first counts, and an hour is an hour.
    EXPECT_EQ(times(series_at("2026-10-24T02:30", "FREQ=DAILY;COUNT=3", "Europe/Berlin")),
              "10-24T02:30=10-24T00:30+60 10-25T02:30=10-25T00:30+60 10-26T02:30=10-26T01:30+60 ");
    // 02:30 and 03:30 are one moment.
    EXPECT_EQ(times(series_at("2026-03-29T01:30", "FREQ=HOURLY;COUNT=3", "Europe/Berlin")),
              "03-29T01:30=03-29T00:30+60 03-29T02:30=03-29T01:30+60 03-29T04:30=03-29T02:30+60 ");
    event_content night = series_at("2026-03-27T22:00", "FREQ=DAILY;COUNT=3", "Europe/Berlin");
    night.time.end = wall("2026-03-28T06:00");
    EXPECT_EQ(
        times(night),
        "03-27T22:00=03-27T21:00+480 03-28T22:00=03-28T21:00+480 03-29T22:00=03-29T20:00+480 ");
    // UNTIL in UTC is compared with the moment, a date with the day.
    EXPECT_EQ(
        times(series_at("2026-05-01T23:30", "FREQ=DAILY;UNTIL=20260502T213000Z", "Europe/Berlin")),
        "05-01T23:30=05-01T21:30+60 05-02T23:30=05-02T21:30+60 ");
    EXPECT_EQ(times(series_at("2026-05-01T23:30", "FREQ=DAILY;UNTIL=20260502", "Europe/Berlin")),
              "05-01T23:30=05-01T21:30+60 05-02T23:30=05-02T21:30+60 ");
}

TEST_F(recurrence_test, the_start_is_the_first_whatever_the_rule_says) {
    EXPECT_EQ(all("1997-09-02T09:00", "FREQ=WEEKLY;BYDAY=MO;COUNT=3"), "1997-09: 2 8 15");
    EXPECT_EQ(all("1997-09-02T09:00", "FREQ=NONSENSE"), "1997-09: 2");
    EXPECT_EQ(all("1997-09-02T09:00", "FREQ=DAILY;UNTIL=19960101"), "1997-09: 2");
}

TEST_F(recurrence_test, a_range_late_in_a_long_series) {
    for (const char* const rule :
         {"FREQ=DAILY;INTERVAL=3", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SA;WKST=SU",
          "FREQ=MONTHLY;INTERVAL=5;BYMONTHDAY=-1,2", "FREQ=YEARLY;INTERVAL=3;BYDAY=-1TU",
          "FREQ=HOURLY;INTERVAL=7", "FREQ=MINUTELY;INTERVAL=1441",
          "FREQ=SECONDLY;INTERVAL=90001"}) {
        const auto content = series_at("1997-09-02T09:00", rule);
        const interval late{utc("2015-03-20"), utc("2016-06-20T12:00:00Z")};
        std::vector<occurrence> expected;
        for (const auto& one : expand(content, all_of_it, {10'000'000, 1'000'000}).occurrences) {
            if (one.utc.end > late.start && one.utc.start < late.end) {
                expected.push_back(one);
            }
        }
        const auto made = expand(content, late);
        EXPECT_TRUE(made.complete) << rule;
        EXPECT_FALSE(expected.empty()) << rule;
        EXPECT_EQ(joined(made, true), joined({expected, true}, true)) << rule;
    }
}

TEST_F(recurrence_test, single_times) {
    event_content content = series_at("2026-05-04T14:00", "FREQ=WEEKLY;COUNT=4", "Europe/Lisbon");
    content.added_times = {wall("2026-05-06T10:00"), wall("2026-05-11T14:00")};
    content.changed[wall("2026-05-18T14:00")].reset();
    changed_occurrence moved{"Moved", "", "Room 2", content.time};
    moved.time.start = wall("2026-06-30T16:00");
    moved.time.end = wall("2026-06-30T18:00");
    content.changed[wall("2026-05-25T14:00")] = moved;
    EXPECT_EQ(joined(expand(content, {utc("2026-01-01"), utc("2027-01-01")}), true),
              "2026-05: 4T14:00 6T10:00 11T14:00 25T14:00");
    // A range has what takes place in it, wherever the rule would have put it.
    EXPECT_EQ(joined(expand(content, {utc("2026-05-25"), utc("2026-05-26")})), "");
    const auto late = expand(content, {utc("2026-06-30"), utc("2026-07-01")});
    ASSERT_EQ(late.occurrences.size(), 1U);
    EXPECT_EQ(late.occurrences[0].id, wall("2026-05-25T14:00"));
    EXPECT_EQ(content_at(content, late.occurrences[0]).title, "Moved");

    EXPECT_EQ(find_occurrence(content, "2026-05-11")->id, wall("2026-05-11T14:00"));
    EXPECT_EQ(find_occurrence(content, "2026-05-25T14:00:00")->time, moved.time);
    EXPECT_EQ(find_occurrence(content, "2026-05-18").error().code, errc::not_found);
    EXPECT_EQ(find_occurrence(content, "2026-05-12").error().code, errc::not_found);
    EXPECT_EQ(find_occurrence(content, "someday").error().code, errc::invalid_argument);
    content.added_times.push_back(wall("2026-05-11T18:00"));
    EXPECT_EQ(find_occurrence(content, "2026-05-11").error().code, errc::invalid_argument);
    EXPECT_EQ(*count_before(content, wall("2026-05-18T14:00")), 2);
}

TEST_F(recurrence_test, single_times_follow_the_series) {
    event_content before = series_at("2026-05-04T14:00", "FREQ=WEEKLY;COUNT=4", "Europe/Lisbon");
    before.changed[wall("2026-05-11T14:00")].reset();
    changed_occurrence moved{"Series", "", "Room 2", before.time};
    moved.time.start = wall("2026-05-19T10:00");
    moved.time.end = wall("2026-05-19T11:00");
    before.changed[wall("2026-05-18T14:00")] = moved;
    changed_occurrence named{"Party", "", "", before.time};
    named.time = find_occurrence(before, "2026-05-25")->time;
    before.changed[wall("2026-05-25T14:00")] = named;

    event_content now = before;
    now.title = "Choir";
    now.time.start = wall("2026-05-05T15:00");
    now.time.end = wall("2026-05-05T17:00");
    carry_over(before, now);
    ASSERT_EQ(now.changed.size(), 3U);
    EXPECT_FALSE(now.changed.at(wall("2026-05-12T15:00")));
    EXPECT_EQ(now.changed.at(wall("2026-05-19T15:00"))->title, "Choir");
    EXPECT_EQ(now.changed.at(wall("2026-05-19T15:00"))->time,
              moved.time);  // it was moved by itself
    EXPECT_EQ(now.changed.at(wall("2026-05-26T15:00"))->title, "Party");
    EXPECT_EQ(now.changed.at(wall("2026-05-26T15:00"))->time.end, wall("2026-05-26T17:00"));

    event_content monday = before;
    monday.recurrence = "FREQ=WEEKLY;BYDAY=MO,FR";
    now = monday;
    now.time.start = wall("2026-05-05T01:00");
    now.time.end = wall("2026-05-05T02:00");
    carry_over(monday, now);
    EXPECT_EQ(now.recurrence, "FREQ=WEEKLY;BYDAY=TU,SA");

    // Its end, too: the last time is not lost, and the end of a day stays one.
    for (const auto& [until, later] :
         {std::pair("20260525T120000Z", "20260526T130000Z"),
          std::pair("20260525T225959Z", "20260526T225959Z"), std::pair("20260525", "20260526")}) {
        monday = before;
        monday.recurrence = std::string("FREQ=WEEKLY;UNTIL=") + until;
        now = monday;
        now.time.start = from_wall_seconds(wall_seconds(before.time.start) + 25 * 3600);
        now.time.end = from_wall_seconds(wall_seconds(before.time.end) + 25 * 3600);
        carry_over(monday, now);
        EXPECT_EQ(now.recurrence, std::string("FREQ=WEEKLY;UNTIL=") + later);
    }

    now = before;
    now.recurrence = "FREQ=WEEKLY;INTERVAL=2";  // not on the 11th, nor on the 25th
    carry_over(before, now);
    EXPECT_EQ(now.changed.size(), 1U);
    now = before;
    now.recurrence.clear();
    carry_over(before, now);
    EXPECT_TRUE(now.changed.empty());
}

TEST_F(recurrence_test, other_ends_and_days) {
    EXPECT_EQ(with_end("FREQ=DAILY;COUNT=5;INTERVAL=2", {}, "20260101"),
              "FREQ=DAILY;INTERVAL=2;UNTIL=20260101");
    EXPECT_EQ(with_end("UNTIL=20260101;FREQ=DAILY", 3, {}), "FREQ=DAILY;COUNT=3");
    EXPECT_EQ(with_weekdays_moved("FREQ=WEEKLY;BYDAY=MO,SU;COUNT=2", 1),
              "FREQ=WEEKLY;BYDAY=MO,TU;COUNT=2");
    EXPECT_EQ(with_weekdays_moved("FREQ=WEEKLY;BYDAY=MO", -1), "FREQ=WEEKLY;BYDAY=SU");
    EXPECT_EQ(with_weekdays_moved("FREQ=MONTHLY;BYDAY=1MO", 1), "FREQ=MONTHLY;BYDAY=1MO");
}

TEST_F(recurrence_test, words) {
    const auto words = [](const char* rule) {
        return words_of(*parse_recurrence_rule(rule), "Europe/Lisbon");
    };
    EXPECT_EQ(words("FREQ=DAILY"), "every day");
    EXPECT_EQ(words("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;UNTIL=20261231T235959Z"),
              "every 2 weeks on Monday and Wednesday, until 2026-12-31");
    EXPECT_EQ(words("FREQ=MONTHLY;BYDAY=-1FR;COUNT=10"),
              "every month on the last Friday, 10 times");
    EXPECT_EQ(words("FREQ=YEARLY;BYMONTH=2,11;BYMONTHDAY=22,-2"),
              "every year on the 2nd last and 22nd of the month in February and November");
}

TEST_F(recurrence_test, rules_that_are_none) {
    for (const char* const rule : {"",
                                   "FREQ",
                                   "FREQ=",
                                   "FREQ=WEEKLY;",
                                   "FREQ=FORTNIGHTLY",
                                   "COUNT=2",
                                   "FREQ=DAILY;COUNT=0",
                                   "FREQ=DAILY;COUNT=-1",
                                   "FREQ=DAILY;INTERVAL=0",
                                   "FREQ=DAILY;INTERVAL=99999999999999999999",
                                   "FREQ=DAILY;COUNT=1;UNTIL=20260101",
                                   "FREQ=DAILY;FREQ=DAILY",
                                   "FREQ=DAILY;BYDAY=1MO",
                                   "FREQ=WEEKLY;BYMONTHDAY=1",
                                   "FREQ=MONTHLY;BYWEEKNO=1",
                                   "FREQ=YEARLY;BYWEEKNO=1;BYDAY=1MO",
                                   "FREQ=MONTHLY;BYYEARDAY=1",
                                   "FREQ=MONTHLY;BYMONTHDAY=0",
                                   "FREQ=MONTHLY;BYMONTHDAY=32",
                                   "FREQ=DAILY;BYHOUR=24",
                                   "FREQ=DAILY;BYHOUR=1,",
                                   "FREQ=DAILY;BYHOUR=+-1",
                                   "FREQ=DAILY;BYSETPOS=1",
                                   "FREQ=YEARLY;BYDAY=54MO",
                                   "FREQ=YEARLY;BYDAY=0MO",
                                   "FREQ=WEEKLY;BYDAY=MX",
                                   "FREQ=DAILY;UNTIL=20260230",
                                   "FREQ=DAILY;X-SKIP=1",
                                   "DAILY"}) {
        const auto read = parse_recurrence_rule(rule);
        ASSERT_FALSE(read) << rule;
        EXPECT_EQ(read.error().code, errc::invalid_argument) << rule;
    }
    EXPECT_TRUE(parse_recurrence_rule("freq=monthly;byday=mo,+1tu"));
}

TEST_F(recurrence_test, rules_that_do_harm_end) {
    std::string all_positions = "FREQ=YEARLY;BYSECOND=0", numbers;
    for (int n = 1; n < 60; ++n) {
        numbers += "," + std::to_string(n);
    }
    all_positions += numbers + ";BYMINUTE=0" + numbers + ";BYHOUR=0,1,2,3,4,5,6,7;BYYEARDAY=1,2,3";
    for (const std::string& rule :
         {std::string("FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30"),
          std::string("FREQ=SECONDLY;BYYEARDAY=366;BYMONTH=1"),
          std::string("FREQ=SECONDLY;INTERVAL=60;BYSECOND=1"),
          std::string("FREQ=MINUTELY;INTERVAL=60;BYMINUTE=1;COUNT=1000000000"),
          std::string("FREQ=SECONDLY;COUNT=1000000000"), std::string("FREQ=SECONDLY"),
          std::string("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"),
          std::string("FREQ=YEARLY;INTERVAL=1000000000"),
          std::string("FREQ=WEEKLY;INTERVAL=1000000000;COUNT=1000000000"),
          std::string("FREQ=MONTHLY;INTERVAL=12;BYMONTH=1"),
          std::string("FREQ=HOURLY;BYMINUTE=0" + numbers + ";BYSECOND=0" + numbers +
                      ";BYSETPOS=366"),
          all_positions, all_positions + ";BYSETPOS=-366,366;COUNT=100000"}) {
        const auto content = series_at("1970-05-02T09:00:05", rule);
        const auto made = expand(content, {utc("2026-01-01"), utc("9999-12-31")});
        EXPECT_LE(made.occurrences.size(), expansion_limits().occurrences) << rule;
        find_occurrence(content, "2026-05-02");
        count_before(content, wall("9999-12-31"));
    }
    // What costs nothing is still found at once.
    EXPECT_EQ(expand(series_at("1970-05-02T09:00", "FREQ=SECONDLY"),
                     {utc("2026-05-02"), utc("2026-05-03")}, {50'000, 3})
                  .occurrences.size(),
              3U);
    EXPECT_EQ(count_before(series_at("1970-05-02T09:00", "FREQ=SECONDLY"), wall("2026-05-02"))
                  .error()
                  .code,
              errc::too_large);
}

TEST_F(recurrence_test, random_texts_are_read_or_refused) {
    const std::vector<std::string> words = {"FREQ=",     "YEARLY",    "MONTHLY",
                                            "WEEKLY",    "DAILY",     "HOURLY",
                                            "SECONDLY",  ";",         ";",
                                            ";",         "COUNT=",    "UNTIL=",
                                            "INTERVAL=", "BYDAY=",    "BYMONTH=",
                                            "1",         "-1",        ",",
                                            "=",         "MO",        "-5SU",
                                            "53",        "366",       "WKST=",
                                            "BYSETPOS=", "BYHOUR=",   "20260501T000000Z",
                                            "20260501",  "BYWEEKNO=", "BYYEARDAY=",
                                            "\xff",      " "};
    std::mt19937 random(20261128);
    int read = 0;
    for (int round = 0; round < 20'000; ++round) {
        std::string text = round % 2 == 0 ? "FREQ=" + words[1 + random() % 6] + ";" : "";
        for (std::uint32_t n = random() % 9; n > 0; --n) {
            text += words[random() % words.size()];
        }
        while (text.ends_with(';')) {
            text.pop_back();
        }
        const auto rule = parse_recurrence_rule(text);
        if (!rule) {
            EXPECT_FALSE(rule.error().detail.empty()) << text;
            continue;
        }
        ++read;
        words_of(*rule, "UTC");
        EXPECT_TRUE(parse_recurrence_rule(with_end(text, 2, {}))) << text;
        expand(series_at("2026-02-28T23:59:59", text), {utc("2026-03-01"), utc("2027-03-01")},
               {500, 50});
    }
    EXPECT_GT(read, 500);
}

}  // namespace
}  // namespace calbox::model
