// What people type for times, and tables with characters of all widths.
#include <gtest/gtest.h>

#include "ctl/output.hpp"
#include "ctl/rules.hpp"
#include "ctl/times.hpp"

namespace calbox::ctl {
namespace {

const wall tuesday = *read_wire("2026-11-24T09:15:00");

TEST(typed_times, points) {
    const std::pair<const char*, const char*> cases[] = {
        {"tomorrow 14:00", "2026-11-25T14:00:00"},
        {"today 9am", "2026-11-24T09:00:00"},
        {"friday 9:30", "2026-11-27T09:30:00"},
        {"tue 10:00", "2026-11-24T10:00:00"},
        {"mon noon", "2026-11-30T12:00:00"},
        {"2:15pm tomorrow", "2026-11-25T14:15:00"},
        {"2026-05-03T14:00", "2026-05-03T14:00:00"},
        {"2026-05-03 14:00:00", "2026-05-03T14:00:00"},
        {"12am", "2026-11-24T00:00:00"},
        {"now", "2026-11-24T09:15:00"},
        {"Tomorrow  MIDNIGHT", "2026-11-25T00:00:00"},
    };
    for (const auto& [typed, expected] : cases) {
        bool day_only = true;
        const auto read = parse_point(typed, tuesday, day_only);
        ASSERT_TRUE(read.has_value()) << typed;
        EXPECT_EQ(wire_time(*read), expected) << typed;
        EXPECT_FALSE(day_only) << typed;
    }
    bool day_only = false;
    EXPECT_EQ(wire_day(*parse_point("sunday", tuesday, day_only)), "2026-11-29");
    EXPECT_TRUE(day_only);
    EXPECT_EQ(wire_day(*parse_point("yesterday", tuesday, day_only)), "2026-11-23");
}

TEST(typed_rules, say_how_an_event_repeats) {
    const zone berlin{"Europe/Berlin", "Europe/Berlin"};
    const std::pair<const char*, const char*> cases[] = {
        {"weekly", "FREQ=WEEKLY"},
        {"every week", "FREQ=WEEKLY"},
        {"every 2 weeks on mon,wed until 2026-12-31",
         "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;UNTIL=20261231T225959Z"},
        {"every 2 weeks on Monday and Wednesday, until 2026-12-31",
         "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;UNTIL=20261231T225959Z"},
        {"monthly on the last friday", "FREQ=MONTHLY;BYDAY=-1FR"},
        {"every month on the 2nd last Friday", "FREQ=MONTHLY;BYDAY=-2FR"},
        {"monthly on the first mon and third mon", "FREQ=MONTHLY;BYDAY=1MO,3MO"},
        {"monthly on the 15th", "FREQ=MONTHLY;BYMONTHDAY=15"},
        {"every month on the 1st and 15th of the month", "FREQ=MONTHLY;BYMONTHDAY=1,15"},
        {"monthly on the last day of the month", "FREQ=MONTHLY;BYMONTHDAY=-1"},
        {"monthly on day 3", "FREQ=MONTHLY;BYMONTHDAY=3"},
        {"daily 10 times", "FREQ=DAILY;COUNT=10"},
        {"Daily, for 10 times", "FREQ=DAILY;COUNT=10"},
        {"every other day twice", "FREQ=DAILY;INTERVAL=2;COUNT=2"},
        {"every second year", "FREQ=YEARLY;INTERVAL=2"},
        {"every weekday", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"},
        {"every tuesday and thu until sunday", "FREQ=WEEKLY;BYDAY=TU,TH;UNTIL=20261129T225959Z"},
        {"yearly in may on the 2nd sunday", "FREQ=YEARLY;BYMONTH=5;BYDAY=2SU"},
        {"hourly 3 times", "FREQ=HOURLY;COUNT=3"},
        {"RRULE:FREQ=WEEKLY;COUNT=3", "FREQ=WEEKLY;COUNT=3"},
        {"FREQ=WEEKLY;COUNT=3", "FREQ=WEEKLY;COUNT=3"},
        {"never", ""},
        {"", ""},
    };
    for (const auto& [typed, expected] : cases) {
        const auto rule = parse_rule(typed, tuesday, false, berlin);
        ASSERT_TRUE(rule.has_value()) << typed << ": " << rule.error().detail;
        EXPECT_EQ(*rule, expected) << typed;
    }
    EXPECT_EQ(*parse_rule("daily until friday", tuesday, true, berlin),
              "FREQ=DAILY;UNTIL=20261127");
    const std::pair<const char*, const char*> wrong[] = {
        {"sometimes", "\"sometimes\""},
        {"every", "missing at its end"},
        {"every 2 moons", "\"moons\""},
        {"weekly on", "missing at its end"},
        {"weekly on mon bla", "\"bla\""},
        {"weekly until whenever", "\"whenever\""},
        {"weekly until 2026-12-31 14:00", "not understood"},
        {"weekly 0 times", "\"0\""},
        {"daily 3 times 4 times", "\"4\""},
        {"monthly on friday", "which one of the month"},
    };
    for (const auto& [typed, why] : wrong) {
        const auto rule = parse_rule(typed, tuesday, false, berlin);
        ASSERT_FALSE(rule.has_value()) << typed << ": " << *rule;
        EXPECT_NE(rule.error().detail.find(why), std::string::npos) << rule.error().detail;
        EXPECT_NE(rule.error().detail.find("for example"), std::string::npos);
    }
}

TEST(typed_times, spans) {
    const std::tuple<const char*, const char*, const char*> cases[] = {
        {"tomorrow 14:00+60m", "2026-11-25T14:00:00", "2026-11-25T15:00:00"},
        {"tomorrow 14:00 + 1h30m", "2026-11-25T14:00:00", "2026-11-25T15:30:00"},
        {"2026-05-03 14:00 - 15:30", "2026-05-03T14:00:00", "2026-05-03T15:30:00"},
        {"2026-05-03 14:00-15:30", "2026-05-03T14:00:00", "2026-05-03T15:30:00"},
        {"friday 22:00 - 1:00", "2026-11-27T22:00:00", "2026-11-28T01:00:00"},
        {"friday 22:00 - 10:00", "2026-11-27T22:00:00", "2026-11-28T10:00:00"},
        {"today 14:00 to tomorrow 9:00", "2026-11-24T14:00:00", "2026-11-25T09:00:00"},
    };
    for (const auto& [typed, start, end] : cases) {
        const auto read = parse_span(typed, tuesday);
        ASSERT_TRUE(read.has_value()) << typed << ": " << read.error().detail;
        EXPECT_EQ(wire_time(read->start), start) << typed;
        EXPECT_EQ(wire_time(*read->end), end) << typed;
        EXPECT_FALSE(read->all_day) << typed;
    }
    const auto holidays = parse_span("2026-08-03 - 2026-08-14", tuesday);
    ASSERT_TRUE(holidays.has_value());
    EXPECT_TRUE(holidays->all_day);
    EXPECT_EQ(wire_day(*holidays->end), "2026-08-14");
    EXPECT_EQ(wire_day(*parse_span("2026-08-03+3d", tuesday)->end), "2026-08-05");
}

TEST(typed_times, refused) {
    for (const char* const typed : {"",
                                    " ",
                                    "whenever",
                                    "31 February",
                                    "2031-02-30",
                                    "2031-02-29 10:00",
                                    "2031-13-01",
                                    "25:00",
                                    "10:60",
                                    "10",
                                    "13pm",
                                    "0am",
                                    "10:00 11:00",
                                    "today tomorrow",
                                    "2031-08-01 10:00+",
                                    "2031-08-01 10:00+-5m",
                                    "2031-08-01 10:00+5",
                                    "2031-08-01 10:00+0m",
                                    "2031-08-01+90m",
                                    "2031-08-02 - 2031-08-01",
                                    "2031-08-01 10:00 - 2031-08-02",
                                    "2031-08-01 14:00 - 13:00",
                                    "2031-08-01 14:00 - 2:01",
                                    "99999-01-01 10:00",
                                    "2031-08-01 10:00+99999999999999d"}) {
        EXPECT_FALSE(parse_span(typed, tuesday).has_value()) << typed;
    }
}

TEST(tables, columns_line_up_whatever_the_characters) {
    EXPECT_EQ(aligned({"ID", "TITLE"}, {{"a/1", "x"}, {"bob/1.12", "y"}}, 80),
              "ID        TITLE\na/1       x\nbob/1.12  y\n");
    EXPECT_EQ(aligned({"A", "B"}, {{"日本", "x"}, {"e\u0301", "y"}}, 80),
              "A     B\n日本  x\ne\u0301     y\n");
}

TEST(tables, too_wide_a_column_gives_way) {
    EXPECT_EQ(aligned({"ID", "TITLE"}, {{"a/1", "a very long title of an event"}}, 20),
              "ID   TITLE\na/1  a very long ti\u2026\n");
}

}  // namespace
}  // namespace calbox::ctl
