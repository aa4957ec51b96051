// What an event may say.
#include <gtest/gtest.h>

#include <functional>

#include "model/event.hpp"
#include "unit/model/sample.hpp"

namespace calbox::model {
namespace {

class validate_test : public testing::Test {
protected:
    void SetUp() override { initialise(); }

    static error refusal(const std::function<void(event_content&)>& change) {
        event_content content = sample_content();
        change(content);
        const auto good = validate(content);
        EXPECT_FALSE(good);
        return good ? error(errc::ok) : good.error();
    }
    static bool accepts(const std::function<void(event_content&)>& change) {
        event_content content = sample_content();
        change(content);
        return validate(content).has_value();
    }
};

TEST_F(validate_test, texts) {
    EXPECT_EQ(refusal([](auto& c) { c.title = ""; }),
              error(errc::invalid_argument, "an event needs a title"));
    EXPECT_EQ(refusal([](auto& c) { c.title = "  "; }),
              error(errc::invalid_argument, "an event needs a title"));
    EXPECT_EQ(refusal([](auto& c) { c.title = std::string(256, 'x'); }),
              error(errc::too_large, "the title is too long: at most 255 bytes"));
    EXPECT_EQ(
        refusal([](auto& c) { c.title = "a\nb"; }),
        error(errc::invalid_argument, "the title must be one line without control characters"));
    EXPECT_EQ(refusal([](auto& c) { c.place = "a\x7f"; }).code, errc::invalid_argument);
    EXPECT_EQ(refusal([](auto& c) { c.place = "\xc2\x85"; }).code, errc::invalid_argument);
    EXPECT_EQ(refusal([](auto& c) { c.info = "a\r\nb"; }),
              error(errc::invalid_argument, "the info must not contain control characters"));
    EXPECT_EQ(refusal([](auto& c) { c.info = std::string(64 * 1024 + 1, 'x'); }).code,
              errc::too_large);
    for (const char* const bad :
         {"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "a\x80"}) {
        EXPECT_EQ(refusal([&](auto& c) { c.info = bad; }),
                  error(errc::invalid_argument, "the info is not text in UTF-8"));
    }
    EXPECT_TRUE(accepts([](auto& c) { c.title = std::string(255, 'x'); }));
    EXPECT_TRUE(accepts([](auto& c) { c.info = std::string(64 * 1024, '\n'); }));
    EXPECT_TRUE(accepts([](auto& c) { c.info = c.place = c.uid = c.organizer = ""; }));
}

TEST_F(validate_test, times) {
    EXPECT_TRUE(accepts([](auto& c) { c.time.end = c.time.start; }));
    EXPECT_EQ(refusal([](auto& c) { c.time.end.hour = 13; }),
              error(errc::invalid_argument, "an event cannot end before it starts"));
    EXPECT_EQ(
        refusal([](auto& c) { c.time.zone = "Mars/Base"; }),
        error(errc::invalid_argument, "no such time zone: \"Mars/Base\" (try Europe/Lisbon)"));
    EXPECT_EQ(refusal([](auto& c) { c.time.end = {2026, 6, 31}; }).code, errc::invalid_argument);
    EXPECT_EQ(refusal([](auto& c) { c.time.end = {10000, 1, 1}; }).code, errc::invalid_argument);
    EXPECT_TRUE(accepts([](auto& c) { c.time = {{2026, 5, 3}, {2026, 5, 4}, "UTC", true}; }));
    EXPECT_EQ(
        refusal([](auto& c) { c.time = {{2026, 5, 3}, {2026, 5, 3}, "UTC", true}; }).message(),
        "an all-day event cannot end before the day it starts");
    EXPECT_EQ(refusal([](auto& c) { c.time = {{2026, 5, 3, 1}, {2026, 5, 5}, "UTC", true}; }).code,
              errc::invalid_argument);
    EXPECT_EQ(refusal([](auto& c) { c.modified.ms = INT64_MAX; }).code, errc::invalid_argument);
}

TEST_F(validate_test, recurrences) {
    for (const char* const rule :
         {"", "FREQ=DAILY", "FREQ=WEEKLY;UNTIL=20270101T000000Z;BYDAY=MO",
          "FREQ=MONTHLY;BYDAY=-1FR;COUNT=10", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}) {
        EXPECT_TRUE(accepts([&](auto& c) { c.recurrence = rule; })) << rule;
    }
    for (const char* const rule :
         {"weekly", "WEEKLY", "FREQ=", "FREQ=SOMETIMES", "FREQ=DAILY\r\nX:1", "COUNT=3",
          "RRULE:FREQ=DAILY", "FREQ=DAILY COUNT=3"}) {
        EXPECT_EQ(refusal([&](auto& c) { c.recurrence = rule; }).code, errc::invalid_argument)
            << rule;
    }
    EXPECT_EQ(refusal([](auto& c) { c.recurrence = std::string(2000, 'A'); }).code,
              errc::too_large);
}

TEST_F(validate_test, people_and_files) {
    EXPECT_EQ(refusal([](auto& c) { c.participants.resize(10'001, "bob"); }).code, errc::too_large);
    EXPECT_EQ(refusal([](auto& c) { c.participants.push_back(""); }).code, errc::invalid_argument);
    EXPECT_EQ(refusal([](auto& c) { c.files.resize(1'001); }).code, errc::too_large);
    EXPECT_EQ(refusal([](auto& c) { c.files[1].name = c.files[0].name; }).message(),
              "the event has two files called \"report.pdf\": rename one");
    EXPECT_EQ(refusal([](auto& c) { c.files[0].name = "../x"; }).code, errc::invalid_argument);
    EXPECT_EQ(refusal([](auto& c) { c.files[0].media_type = ""; }).code, errc::invalid_argument);
    EXPECT_EQ(refusal([](auto& c) { c.files[0].size = (std::uint64_t{1} << 40) + 1; }).code,
              errc::too_large);
}

TEST(file_label, is_a_name_and_nothing_more) {
    for (const char* const name : {"a", "report.pdf", "...", ".hidden", "a b", "صورة.jpg", "😀",
                                   "a:b", "שלום\xE2\x80\x8F"}) {
        EXPECT_TRUE(is_file_label(name)) << name;
    }
    for (const char* const name : {"", ".", "..", "a/b", "a\\b", "/", "a\nb", "a\x7f", "\xc2\x80",
                                   "\xff", "\xe2\x80\xaegpj.exe", "\xe2\x81\xa6x"}) {
        EXPECT_FALSE(is_file_label(name)) << name;
    }
    EXPECT_FALSE(is_file_label(std::string_view("a\0b", 3)));
    EXPECT_TRUE(is_file_label(std::string(255, 'x')));
    EXPECT_FALSE(is_file_label(std::string(256, 'x')));
}

}  // namespace
}  // namespace calbox::model
