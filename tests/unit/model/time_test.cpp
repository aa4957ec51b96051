// Wall times, zones and UTC.
#include <gtest/gtest.h>

#include "model/event.hpp"
#include "support/seeds.hpp"

namespace calbox::model {
namespace {

class time_test : public testing::Test {
protected:
    void SetUp() override { initialise(); }

    static local_time wall(std::string_view text) {
        bool date_only = false;
        const auto at = parse_local_time(text, date_only);
        EXPECT_TRUE(at) << text;
        return at.value_or(local_time{});
    }
    static std::string utc(std::string_view text, const std::string& zone) {
        const auto at = to_utc(wall(text), zone);
        return at ? utc_text(*at) : at.error().message();
    }
    static std::string local(std::string_view text, const std::string& zone) {
        const auto at = parse_utc(text);
        EXPECT_TRUE(at) << text;
        return at ? to_local(*at, zone).text() : "";
    }
    static std::string refusal(std::string_view text) {
        bool date_only = false;
        const auto at = parse_local_time(text, date_only);
        EXPECT_FALSE(at) << text;
        if (at) {
            return "";
        }
        EXPECT_EQ(at.error().code, errc::invalid_argument) << text;
        return at.error().message();
    }
};

TEST_F(time_test, reads_times_and_dates) {
    bool date_only = false;
    EXPECT_EQ(parse_local_time("2026-05-03T14:00", date_only)->text(), "2026-05-03T14:00:00");
    EXPECT_FALSE(date_only);
    EXPECT_EQ(parse_local_time("2026-05-03 14:00:07", date_only)->text(), "2026-05-03T14:00:07");
    EXPECT_FALSE(date_only);
    EXPECT_EQ(parse_local_time("2028-02-29", date_only)->date_text(), "2028-02-29");
    EXPECT_TRUE(date_only);
    EXPECT_EQ(wall("0001-01-01").text(), "0001-01-01T00:00:00");
    EXPECT_LT(wall("2026-05-03T14:00"), wall("2026-05-03T14:00:01"));
}

TEST_F(time_test, refuses_what_is_not_a_time) {
    for (const char* const text :
         {"", "tomorrow", "2026-5-3", "2026-05-03T", "2026-05-03T14", "2026-05-03T14:0",
          "2026-05-03T14:00:", "2026-05-03T14:00:00.5", "2026-05-03  14:00",
          "2026-05-03T14:00+01:00", "-026-05-03", "20260503", "2026-05-03T14:00 ", "2026/05/03"}) {
        EXPECT_TRUE(refusal(text).starts_with("not a time: ")) << text;
    }
    EXPECT_EQ(refusal("2026-02-29"), "there is no such day: 2026-02-29");
    EXPECT_EQ(refusal("2026-04-31T10:00"), "there is no such day: 2026-04-31");
    EXPECT_EQ(refusal("0000-01-01"), "there is no such day: 0000-01-01");
    EXPECT_EQ(refusal("2026-13-01"), "there is no such day: 2026-13-01");
    EXPECT_EQ(refusal("2026-05-03T24:00"), "there is no such time of day: 24:00:00");
    EXPECT_EQ(refusal("2026-05-03T23:59:60"), "there is no such time of day: 23:59:60");
    EXPECT_NE(refusal("2026-05-03T14:00Z").find("leave out the Z"), std::string::npos);
}

TEST_F(time_test, knows_zones_and_nothing_else) {
    for (const char* const name :
         {"UTC", "Etc/UTC", "Europe/Lisbon", "America/Argentina/Buenos_Aires", "US/Eastern",
          "Asia/Calcutta", "Etc/GMT+5", "America/Port-au-Prince", "EST5EDT"}) {
        EXPECT_TRUE(is_zone(name)) << name;
    }
    for (const char* const name : {"",
                                   " ",
                                   "Europe",
                                   "europe/lisbon",
                                   "Europe/Lisbon ",
                                   "Europe/Lisbon\n",
                                   "/Europe/Lisbon",
                                   "Europe//Lisbon",
                                   "Europe/../Europe/Lisbon",
                                   "../zoneinfo/Europe/Lisbon",
                                   "/etc/passwd",
                                   "../../../etc/passwd",
                                   "posix/UTC",
                                   "right/UTC",
                                   "tzdata.zi",
                                   "zone.tab",
                                   "leapseconds",
                                   "localtime",
                                   "posixrules",
                                   "Z",
                                   "CET-1CEST",
                                   "."}) {
        EXPECT_FALSE(is_zone(name)) << name;
    }
    EXPECT_FALSE(is_zone(std::string("Europe/Lisbon\0", 14)));
    EXPECT_EQ(to_utc(wall("2026-05-03"), "Mars/Base").error().code, errc::invalid_argument);
}

TEST_F(time_test, converts_both_ways) {
    EXPECT_EQ(utc("2026-05-03T14:00", "UTC"), "2026-05-03T14:00:00Z");
    EXPECT_EQ(utc("2026-05-03T14:00", "Europe/Lisbon"), "2026-05-03T13:00:00Z");
    EXPECT_EQ(utc("2026-01-03T14:00", "Europe/Lisbon"), "2026-01-03T14:00:00Z");
    EXPECT_EQ(utc("2026-05-03T14:00", "Asia/Kathmandu"), "2026-05-03T08:15:00Z");
    EXPECT_EQ(local("2026-05-03T13:00:00Z", "America/New_York"), "2026-05-03T09:00:00");
    EXPECT_EQ(local("1969-12-31T23:59:59Z", "Europe/Berlin"), "1970-01-01T00:59:59");
    EXPECT_EQ(to_local({-1}, "UTC").text(), "1969-12-31T23:59:59");
}

TEST_F(time_test, moves_skipped_times_forward) {
    EXPECT_EQ(utc("2026-03-29T01:59:59", "Europe/Berlin"), "2026-03-29T00:59:59Z");
    EXPECT_EQ(utc("2026-03-29T02:00", "Europe/Berlin"), "2026-03-29T01:00:00Z");
    EXPECT_EQ(utc("2026-03-29T02:30", "Europe/Berlin"), "2026-03-29T01:30:00Z");
    EXPECT_EQ(utc("2026-03-29T03:00", "Europe/Berlin"), "2026-03-29T01:00:00Z");
    EXPECT_EQ(utc("2026-03-08T02:30", "America/New_York"), "2026-03-08T07:30:00Z");
    EXPECT_EQ(utc("2026-03-08T03:30", "America/New_York"), "2026-03-08T07:30:00Z");
    EXPECT_EQ(utc("2026-09-27T02:30", "Pacific/Auckland"), "2026-09-26T14:30:00Z");
    EXPECT_EQ(utc("2026-09-27T03:30", "Pacific/Auckland"), "2026-09-26T14:30:00Z");
    // A whole day was skipped here.
    EXPECT_EQ(utc("2011-12-30T12:00", "Pacific/Apia"), "2011-12-30T22:00:00Z");
    EXPECT_EQ(utc("2011-12-31T12:00", "Pacific/Apia"), "2011-12-30T22:00:00Z");
}

TEST_F(time_test, takes_the_first_of_two_equal_times) {
    EXPECT_EQ(utc("2026-10-25T01:59:59", "Europe/Berlin"), "2026-10-24T23:59:59Z");
    EXPECT_EQ(utc("2026-10-25T02:00", "Europe/Berlin"), "2026-10-25T00:00:00Z");
    EXPECT_EQ(utc("2026-10-25T02:59:59", "Europe/Berlin"), "2026-10-25T00:59:59Z");
    EXPECT_EQ(utc("2026-10-25T03:00", "Europe/Berlin"), "2026-10-25T02:00:00Z");
    EXPECT_EQ(local("2026-10-25T00:30:00Z", "Europe/Berlin"), "2026-10-25T02:30:00");
    EXPECT_EQ(local("2026-10-25T01:30:00Z", "Europe/Berlin"), "2026-10-25T02:30:00");
    EXPECT_EQ(utc("2026-11-01T01:30", "America/New_York"), "2026-11-01T05:30:00Z");
    EXPECT_EQ(utc("2026-11-01T02:00", "America/New_York"), "2026-11-01T07:00:00Z");
    EXPECT_EQ(utc("2026-04-05T02:30", "Pacific/Auckland"), "2026-04-04T13:30:00Z");
    EXPECT_EQ(utc("2026-04-05T03:00", "Pacific/Auckland"), "2026-04-04T15:00:00Z");
}

TEST_F(time_test, knows_the_past_and_the_far_future) {
    EXPECT_EQ(utc("1974-01-10T12:00", "America/New_York"),
              "1974-01-10T16:00:00Z");  // the energy crisis
    EXPECT_EQ(utc("2013-03-30T12:00", "Asia/Jerusalem"), "2013-03-30T09:00:00Z");
    EXPECT_EQ(utc("1890-01-01T12:00", "Europe/Berlin"), "1890-01-01T11:06:32Z");
    EXPECT_EQ(utc("0001-01-01T00:53:28", "Europe/Berlin"), "0001-01-01T00:00:00Z");
    EXPECT_EQ(utc("2090-07-01T12:00", "Europe/Berlin"), "2090-07-01T10:00:00Z");
    EXPECT_EQ(utc("2090-12-01T12:00", "Europe/Berlin"), "2090-12-01T11:00:00Z");
    EXPECT_EQ(utc("2090-12-31T12:00", "Pacific/Auckland"), "2090-12-30T23:00:00Z");
    EXPECT_EQ(utc("2090-01-01T00:30", "Pacific/Auckland"), "2089-12-31T11:30:00Z");
    EXPECT_EQ(utc("2090-03-26T02:30", "Europe/Berlin"), "2090-03-26T01:30:00Z");  // skipped
    EXPECT_EQ(utc("2090-10-29T02:30", "Europe/Berlin"), "2090-10-29T00:30:00Z");  // comes twice
    EXPECT_EQ(utc("2090-07-01T12:00", "Asia/Tokyo"), "2090-07-01T03:00:00Z");
    EXPECT_EQ(utc("9999-12-31T23:59:59", "UTC"), "9999-12-31T23:59:59Z");
}

TEST_F(time_test, every_hour_of_a_year_comes_back) {
    constexpr std::int64_t of_2026 = 1'767'225'600, of_2090 = 3'786'912'000;
    for (const char* const zone :
         {"Europe/Berlin", "America/New_York", "Pacific/Auckland", "Australia/Lord_Howe",
          "America/Nuuk", "Africa/Casablanca", "Asia/Gaza"}) {
        for (const std::int64_t year : {of_2026, of_2090}) {
            // Far ahead, where a rule goes on, with sanitizers in one zone alone.
            if (test::sanitized && year == of_2090 && zone != std::string_view("Europe/Berlin")) {
                continue;
            }
            for (std::int64_t hour = 0; hour < 366 * 24; ++hour) {
                const timestamp at{(year + hour * 3600) * 1000};
                const local_time there = to_local(at, zone);
                const auto back = to_utc(there, zone);
                ASSERT_TRUE(back);
                // What comes twice is the first; never something else.
                ASSERT_LE(*back, at) << zone << " " << there.text();
                ASSERT_EQ(to_local(*back, zone), there) << zone;
            }
        }
    }
}

TEST_F(time_test, survives_any_number) {
    for (const std::int64_t ms :
         {INT64_MIN, INT64_MIN + 1, INT64_MAX, std::int64_t{-62'135'596'800'001}}) {
        for (const char* const zone : {"UTC", "Europe/Berlin", "Pacific/Apia", "no zone"}) {
            EXPECT_FALSE(to_local({ms}, zone).text().empty());
        }
    }
    EXPECT_EQ(utc_text({INT64_MAX}), "9999-12-31T23:59:59Z");
    EXPECT_FALSE(to_utc({2026, 2, 30}, "UTC"));
    EXPECT_FALSE(to_utc({INT32_MAX, INT32_MIN, -1, 99, -99, 99}, "UTC"));
}

TEST_F(time_test, reads_utc) {
    EXPECT_EQ(parse_utc("1970-01-01T00:00:01Z")->ms, 1000);
    EXPECT_EQ(parse_utc("1970-01-02")->ms, 86'400'000);
    EXPECT_EQ(utc_text({1234}), "1970-01-01T00:00:01Z");
    for (const char* const text :
         {"", "Z", "1970-01-01T00:00:01", "1970-01-01Z", "1970-01-01T00:00:01ZZ", "now"}) {
        const auto at = parse_utc(text);
        ASSERT_FALSE(at) << text;
        EXPECT_EQ(at.error().code, errc::invalid_argument);
    }
}

TEST_F(time_test, intervals) {
    const auto of = [](std::string_view from, std::string_view to) {
        const auto both = interval_of({wall(from), wall(to), "UTC", false});
        EXPECT_TRUE(both);
        return both.value_or(interval{});
    };
    const interval morning = of("2026-05-03T09:00", "2026-05-03T12:00");
    EXPECT_TRUE(morning.overlaps(of("2026-05-03T11:59:59", "2026-05-03T14:00")));
    EXPECT_FALSE(morning.overlaps(of("2026-05-03T12:00", "2026-05-03T14:00")));
    EXPECT_TRUE(morning.overlaps(of("2026-05-03T10:00", "2026-05-03T10:00")));
    EXPECT_TRUE(of("2026-05-03T10:00", "2026-05-03T10:00").overlaps(morning));
    EXPECT_FALSE(morning.overlaps(of("2026-05-03T09:00", "2026-05-03T09:00")));
    EXPECT_FALSE(morning.overlaps(of("2026-05-03T12:00", "2026-05-03T12:00")));

    const auto day = interval_of({wall("2026-03-29"), wall("2026-03-30"), "Europe/Berlin", true});
    ASSERT_TRUE(day);
    EXPECT_EQ(day->end.ms - day->start.ms, 23 * 3'600'000);  // the clock went forward
    const auto night =
        interval_of({wall("2026-03-29T02:30"), wall("2026-03-29T03:00"), "Europe/Berlin", false});
    ASSERT_TRUE(night);
    EXPECT_EQ(night->start, night->end);
    EXPECT_FALSE(interval_of({wall("2026-05-03"), wall("2026-05-04"), "nowhere", true}));
}

}  // namespace
}  // namespace calbox::model
