// Files of other calendars: taken apart, and put together.
#include "model/calendar_file.hpp"

#include <gtest/gtest.h>

#include "model/event.hpp"

namespace calbox::model {
namespace {

const std::string zone_text =
    "BEGIN:VTIMEZONE\r\nTZID:Europe/Lisbon\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\n"
    "TZOFFSETFROM:+0000\r\nTZOFFSETTO:+0000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n";

std::string event_text(const std::string& uid, const std::string& more) {
    return "BEGIN:VEVENT\r\nUID:" + uid + "\r\nDTSTAMP:20260501T100000Z\r\n" + more +
           "END:VEVENT\r\n";
}
std::string calendar(const std::string& inside) {
    return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\n" + inside +
           "END:VCALENDAR\r\n";
}
std::string lisbon(const char* name, const char* time) {
    return std::string(name) + ";TZID=Europe/Lisbon:" + time + "\r\n";
}

class calendar_file_test : public testing::Test {
protected:
    calendar_file_test() { initialise(); }
};

TEST_F(calendar_file_test, events_of_one_uid_belong_together_and_have_their_zones) {
    const std::string weekly = lisbon("DTSTART", "20260504T140000") +
                               lisbon("DTEND", "20260504T150000") + "RRULE:FREQ=WEEKLY\r\n";
    const std::string moved = "RECURRENCE-ID;TZID=Europe/Lisbon:20260511T140000\r\n" +
                              lisbon("DTSTART", "20260512T100000") + "SUMMARY:Moved\r\n";
    const auto parts = split_calendar(
        calendar(event_text("b", moved) + zone_text +
                 event_text("a", "DTSTART:20260504T100000Z\r\nSUMMARY:One\r\nX-MOOD:good\r\n") +
                 "BEGIN:VTODO\r\nUID:t\r\nEND:VTODO\r\n" +
                 event_text("b", weekly + "SUMMARY:Weekly\r\n")),
        "UTC");
    ASSERT_TRUE(parts) << parts.error().message();
    ASSERT_EQ(parts->size(), 2U);
    EXPECT_EQ(parts->at(0).uid, "b");
    EXPECT_EQ(parts->at(0).title, "Weekly");
    const auto series = parse_body(*parts->at(0).body);
    ASSERT_TRUE(series) << series.error().message();
    EXPECT_EQ(series->recurrence, "FREQ=WEEKLY");
    ASSERT_EQ(series->changed.size(), 1U);
    EXPECT_EQ(series->changed.begin()->second->title, "Moved");
    EXPECT_NE(as_text(*parts->at(0).body).find("BEGIN:VTIMEZONE"), std::string_view::npos);
    EXPECT_NE(as_text(*parts->at(1).body).find("X-MOOD:good"), std::string_view::npos);
    EXPECT_EQ(as_text(*parts->at(1).body).find("VTIMEZONE"), std::string_view::npos);
}

TEST_F(calendar_file_test, a_time_of_no_zone_is_the_readers) {
    const std::string floating = "DTSTART:20260504T100000\r\nDTEND:20260504T110000\r\n";
    for (const char* const zone : {"Europe/Lisbon", "UTC"}) {
        const auto parts = split_calendar(calendar(event_text("a", floating)), zone);
        ASSERT_TRUE(parts);
        const auto content = parse_body(*parts->at(0).body);
        ASSERT_TRUE(content) << content.error().message();
        EXPECT_EQ(content->time.zone, zone);
        EXPECT_EQ(content->time.start.hour, 10);
    }
    const auto days = split_calendar(calendar(event_text("a", "DTSTART;VALUE=DATE:20260504\r\n")),
                                     "Europe/Lisbon");
    EXPECT_TRUE(parse_body(*days->at(0).body)->time.all_day);
}

TEST_F(calendar_file_test, what_is_no_calendar_is_refused_and_one_bad_event_is_only_itself) {
    for (const std::string& bad :
         {std::string(), std::string("hello"), std::string("BEGIN:VEVENT\r\nEND:VEVENT\r\n"),
          std::string("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VCALENDAR\r\n"),
          std::string("BEGIN:VCALENDAR\r\n"), calendar("") + "more"}) {
        const auto parts = split_calendar(bad, "UTC");
        ASSERT_FALSE(parts) << bad;
        EXPECT_EQ(parts.error().code, errc::malformed);
    }
    EXPECT_EQ(split_calendar(std::string(calendar_file_bytes + 1, ' '), "UTC").error().code,
              errc::too_large);
    EXPECT_TRUE(split_calendar("\xEF\xBB\xBF" + calendar(""), "UTC")->empty());
    const auto parts = split_calendar(calendar(event_text("a", "this is no line\r\n") +
                                               event_text("b", "DTSTART:20260504T100000Z\r\n") +
                                               event_text("", "") + event_text("", "")),
                                      "UTC");
    ASSERT_TRUE(parts);
    ASSERT_EQ(parts->size(), 4U) << "those without a UID are each for themselves";
    EXPECT_FALSE(parts->at(0).body);
    EXPECT_TRUE(parts->at(1).body);
}

TEST_F(calendar_file_test, lines_may_end_and_be_folded_as_they_like) {
    std::string text =
        calendar(event_text("a", "DTSTART:20260504T100000Z\r\nSUMMARY:Long\r\n er\r\n"));
    std::erase(text, '\r');
    const auto parts = split_calendar(text, "UTC");
    ASSERT_TRUE(parts);
    EXPECT_EQ(parse_body(*parts->at(0).body)->title, "Longer");
}

TEST_F(calendar_file_test, what_is_put_together_comes_apart_as_it_was) {
    event_content content;
    content.uid = "one@calendarbox";
    content.title = "Review; with, commas";
    content.time = {{2026, 5, 4, 14}, {2026, 5, 4, 15}, "Europe/Lisbon", false};
    content.organizer = "alice";
    content.participants = {"bob"};
    attachment file;
    file.name = "plan.pdf";
    file.size = 3;
    file.key = bytes(32, 1);
    content.files = {file};
    const bytes first = *write_body(content, {});
    content.uid = "two@calendarbox";
    const bytes second = *write_body(content, first);
    const auto whole = join_calendars({first, second}, true);
    ASSERT_TRUE(whole);
    EXPECT_EQ(whole->find("BEGIN:VTIMEZONE"), whole->rfind("BEGIN:VTIMEZONE")) << "each zone once";
    const auto parts = split_calendar(*whole, "UTC");
    ASSERT_TRUE(parts);
    ASSERT_EQ(parts->size(), 2U);
    EXPECT_EQ(parse_body(*parts->at(0).body), parse_body(first));
    EXPECT_EQ(parse_body(*parts->at(1).body), parse_body(second));
    const auto without = join_calendars({first}, false);
    EXPECT_EQ(without->find("calbox://file/"), std::string::npos);
    EXPECT_EQ(join_calendars({}, true)->find("VEVENT"), std::string::npos);
    EXPECT_FALSE(join_calendars({bytes{1}}, true));
}

}  // namespace
}  // namespace calbox::model
