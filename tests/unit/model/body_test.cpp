// Bodies: what is written is read back, what is foreign is kept, what is hostile is refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "model/characters.hpp"
#include "model/event.hpp"
#include "support/seeds.hpp"
#include "unit/model/sample.hpp"

namespace calbox::model {
namespace {

std::string text_of(const result<bytes>& body) {
    EXPECT_TRUE(body) << (body ? "" : body.error().message());
    return body ? std::string(as_text(*body)) : "";
}

/// Without folds, to look for lines in.
std::string unfolded(std::string text) {
    for (std::size_t at = 0; (at = text.find("\r\n ", at)) != std::string::npos;) {
        text.erase(at, 3);
    }
    return text;
}

bool has_line(const std::string& text, const std::string& line) {
    return ("\r\n" + unfolded(text)).find("\r\n" + line + "\r\n") != std::string::npos;
}

std::string event_text(const std::string& lines) {
    return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//other//EN\r\nBEGIN:VEVENT\r\nUID:1\r\n" +
           lines + "END:VEVENT\r\nEND:VCALENDAR\r\n";
}

class body_test : public testing::Test {
protected:
    void SetUp() override { initialise(); }

    static void expect_round_trip(const event_content& content) {
        ASSERT_TRUE(validate(content)) << validate(content).error().message();
        const auto body = write_body(content, {});
        ASSERT_TRUE(body) << body.error().message();
        const auto back = parse_body(*body);
        ASSERT_TRUE(back) << back.error().message() << "\n" << as_text(*body);
        EXPECT_EQ(*back, content) << as_text(*body);
        EXPECT_EQ(write_body(content, {}), body);
        EXPECT_EQ(write_body(content, *body), body);  // nothing is kept twice
    }
    static void expect_malformed(const std::string& text) {
        const auto read = parse_body(as_bytes(text));
        ASSERT_FALSE(read) << text.substr(0, 300);
        EXPECT_EQ(read.error().code, errc::malformed);
        EXPECT_FALSE(read.error().detail.empty());
    }
};

TEST_F(body_test, comes_back) { expect_round_trip(sample_content()); }

TEST_F(body_test, single_times_of_a_series_come_back) {
    event_content content = sample_content();
    content.added_times = {{2026, 5, 9, 14, 0, 0}, {2026, 5, 10, 9, 0, 0}};
    content.related = {"earlier@calendarbox"};
    content.changed[{2026, 5, 18, 14, 0, 0}].reset();
    changed_occurrence moved{"Party; moved", "why\n", "Room 2", content.time};
    moved.time = {{2026, 6, 1, 9, 0, 0}, {2026, 6, 1, 10, 0, 0}, "America/New_York", false};
    content.changed[{2026, 5, 20, 14, 0, 0}] = moved;
    expect_round_trip(content);
    const std::string text = text_of(write_body(content, {}));
    EXPECT_TRUE(has_line(text, "EXDATE;TZID=Europe/Berlin:20260518T140000"));
    EXPECT_TRUE(has_line(text, "RDATE;TZID=Europe/Berlin:20260509T140000,20260510T090000"));
    EXPECT_TRUE(has_line(text, "RECURRENCE-ID;TZID=Europe/Berlin:20260520T140000"));
    EXPECT_TRUE(has_line(text, "RELATED-TO;RELTYPE=SIBLING:earlier@calendarbox"));
    EXPECT_TRUE(has_line(text, "TZID:America/New_York"));
    content.time = {{2026, 5, 3, 0, 0, 0}, {2026, 5, 4, 0, 0, 0}, "UTC", true};
    content.changed.clear();
    content.changed[{2026, 5, 18, 0, 0, 0}].reset();
    content.added_times = {{2026, 5, 9, 0, 0, 0}};
    expect_round_trip(content);
}

TEST_F(body_test, keeps_what_is_foreign_in_a_single_time) {
    const std::string foreign = event_text(
        "SUMMARY:a\r\nDTSTART:20260503T100000Z\r\nRRULE:FREQ=DAILY;COUNT=9\r\n"
        "EXDATE;X-WHY=1:20260504T100000Z\r\nRDATE;VALUE=PERIOD:20260601T100000Z/PT3H\r\n"
        "END:VEVENT\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY:b\r\n"
        "DTSTART:20260505T110000Z\r\nRECURRENCE-ID;X-P=1:20260505T100000Z\r\n"
        "CATEGORIES:A\r\nATTENDEE:mailto:x@example.org\r\n");
    auto content = parse_body(as_bytes(foreign));
    ASSERT_TRUE(content) << content.error().message();
    EXPECT_EQ(content->changed.size(), 2U);
    EXPECT_EQ(content->added_times, (std::vector<local_time>{{2026, 6, 1, 10, 0, 0}}));
    content->info = "new";
    std::string text = text_of(write_body(*content, as_bytes(foreign)));
    for (const char* const line :
         {"EXDATE;X-WHY=1:20260504T100000Z", "RDATE;VALUE=PERIOD:20260601T100000Z/PT3H",
          "RECURRENCE-ID;X-P=1:20260505T100000Z", "CATEGORIES:A"}) {
        EXPECT_TRUE(has_line(text, line)) << line << "\n" << text;
    }
    content->changed.at({2026, 5, 5, 10, 0, 0})->place = "Room";
    text = text_of(write_body(*content, as_bytes(foreign)));
    for (const char* const line : {"RECURRENCE-ID;X-P=1:20260505T100000Z", "CATEGORIES:A",
                                   "ATTENDEE:mailto:x@example.org", "LOCATION:Room"}) {
        EXPECT_TRUE(has_line(text, line)) << line << "\n" << text;
    }
    expect_malformed(
        event_text("SUMMARY:a\r\nRECURRENCE-ID:20260505T100000Z\r\n"
                   "DTSTART:20260503T100000Z\r\n"));
    expect_malformed(
        event_text("DTSTART:20260503T100000Z\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\n"
                   "UID:2\r\nDTSTART:20260503T100000Z\r\n"
                   "RECURRENCE-ID:20260505T100000Z\r\n"));
}

TEST_F(body_test, comes_back_with_little_in_it) {
    event_content content;
    content.title = "x";
    content.time.start = content.time.end = {2026, 5, 3, 14, 0, 0};
    expect_round_trip(content);
}

TEST_F(body_test, comes_back_in_every_kind_of_time) {
    event_content content = sample_content();
    for (const char* const zone :
         {"UTC", "Etc/UTC", "Europe/Berlin", "US/Eastern", "Asia/Gaza", "Africa/Casablanca"}) {
        content.time = {{2026, 12, 31, 23, 59, 59}, {2027, 1, 1, 0, 0, 0}, zone, false};
        expect_round_trip(content);
        content.time.end = content.time.start;
        expect_round_trip(content);
        content.time = {{2026, 2, 28}, {2026, 3, 1}, zone, true};
        expect_round_trip(content);
    }
    content.time = {{1, 1, 1}, {9999, 12, 31, 23, 59, 59}, "Europe/Berlin", false};
    expect_round_trip(content);
    content.created = {-62'135'596'800'000};
    content.modified = {-1};
    expect_round_trip(content);
}

TEST_F(body_test, comes_back_with_random_text) {
    std::mt19937 random(7);
    const std::vector<std::string> pieces = {
        "a", "B ", "\\", ";", ",", ":", "\"", "^",     "^n", "%41", "\\n",
        "é", "😀", "م",  "=", "'", " ", "ZZ", "BEGIN", "#",  "]]>", "e\xCC\x81"};
    const auto text = [&](std::size_t limit, bool lines) {
        std::string made;
        const std::size_t size = random() % (limit - 8);
        while (made.size() < size) {
            made += lines && random() % 9 == 0 ? "\n" : pieces[random() % pieces.size()];
        }
        return made;
    };
    for (std::uint64_t round = 0; round < test::seeds(300); ++round) {
        event_content content = sample_content();
        content.title = "t" + text(250, false);
        content.info = text(2000, true);
        content.place = text(255, false);
        content.uid = text(255, false);
        for (attachment& file : content.files) {
            file.name = "f" + text(240, false) + std::to_string(&file - content.files.data());
            std::ranges::replace(file.name, '\\', '_');
            file.media_type = "a/" + text(200, false);
            file.key = bytes(random() % 65, static_cast<std::uint8_t>(random()));
            file.added_by = text(40, false);
            file.added.ms = static_cast<std::int64_t>(random());
        }
        expect_round_trip(content);
    }
}

TEST_F(body_test, writes_icalendar) {
    const std::string text = text_of(write_body(sample_content(), {}));
    EXPECT_TRUE(text.starts_with("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:"));
    EXPECT_TRUE(has_line(text, "DTSTAMP:20260503T031319Z"));
    EXPECT_TRUE(has_line(text, "CREATED;X-CALBOX-MS=007:20260503T025640Z"));
    EXPECT_TRUE(has_line(text, "LAST-MODIFIED:20260503T031319Z"));
    EXPECT_TRUE(has_line(text, "DTSTART;TZID=Europe/Berlin:20260503T140000"));
    EXPECT_TRUE(has_line(text, "DTEND;TZID=Europe/Berlin:20260503T153000"));
    EXPECT_TRUE(has_line(text, "RRULE:INTERVAL=2;FREQ=WEEKLY;BYDAY=MO,WE"));
    EXPECT_TRUE(has_line(text, "ORGANIZER:calbox:alice"));
    EXPECT_TRUE(has_line(text, "ATTENDEE:calbox:carol_2"));
    EXPECT_TRUE(has_line(
        text, "ATTACH;FMTTYPE=application/pdf;SIZE=123457;FILENAME=report.pdf;MANAGED-ID=" +
                  sample_content().files[0].root.hex().substr(0, 32) +
                  ";X-CALBOX-KEY=ZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWVlZWU;X-CALBOX-ADDED-BY=bob;"
                  "X-CALBOX-ADDED=20260503T030937Z.250:calbox://file/" +
                  sample_content().files[0].root.hex()));
    std::size_t begin = 0;
    while (begin < text.size()) {
        const std::size_t end = text.find("\r\n", begin);
        ASSERT_NE(end, std::string::npos);
        EXPECT_LE(end - begin, 75U);
        EXPECT_TRUE(is_utf8(std::string_view(text).substr(begin, end - begin)));
        begin = end + 2;
    }

    event_content content = sample_content();
    content.time.zone = "UTC";
    const std::string utc = text_of(write_body(content, {}));
    EXPECT_TRUE(has_line(utc, "DTSTART:20260503T140000Z"));
    EXPECT_EQ(utc.find("VTIMEZONE"), std::string::npos);
    content.time = {{2026, 5, 3}, {2026, 5, 4}, "Europe/Berlin", true};
    const std::string all_day = text_of(write_body(content, {}));
    EXPECT_TRUE(has_line(all_day, "DTSTART;VALUE=DATE;X-CALBOX-ZONE=Europe/Berlin:20260503"));
    EXPECT_EQ(all_day.find("VTIMEZONE"), std::string::npos);
}

TEST_F(body_test, writes_the_zone_that_it_names) {
    const std::string text = text_of(write_body(sample_content(), {}));
    EXPECT_NE(text.find("BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\n"
                        "BEGIN:STANDARD\r\nDTSTART:20260101T000000\r\nTZOFFSETFROM:+"
                        "0100\r\nTZOFFSETTO:+0100\r\n"
                        "TZNAME:CET\r\nEND:STANDARD\r\n"
                        "BEGIN:DAYLIGHT\r\nDTSTART:20260329T020000\r\nTZOFFSETFROM:+"
                        "0100\r\nTZOFFSETTO:+0200\r\n"
                        "TZNAME:CEST\r\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\r\nEND:DAYLIGHT\r\n"
                        "BEGIN:STANDARD\r\nDTSTART:20261025T030000\r\nTZOFFSETFROM:+"
                        "0200\r\nTZOFFSETTO:+0100\r\n"
                        "TZNAME:CET\r\nRRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\nEND:STANDARD\r\n"
                        "END:VTIMEZONE\r\n"),
              std::string::npos)
        << text;
    event_content content = sample_content();
    content.recurrence.clear();
    EXPECT_EQ(text_of(write_body(content, {})).find("RRULE"), std::string::npos);
    content.time.zone = "America/Nuuk";  // changes on the Saturday before: "the last Sunday, -1:00"
    content.recurrence = "FREQ=DAILY";
    EXPECT_NE(text_of(write_body(content, {}))
                  .find("RRULE:FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=-8,-7,-6,-5,-4,-3,-2;BYDAY=SA\r\n"),
              std::string::npos);
    for (const char* const zone : {"America/Nuuk", "Pacific/Chatham", "America/Santiago"}) {
        content.time.zone = zone;  // rules from the first year on, not every change up to 2037
        EXPECT_LT(text_of(write_body(content, {})).size(), 3'000U) << zone;
    }
}

TEST_F(body_test, who_declined_is_no_participant_and_stays_named) {
    event_content content = sample_content();
    content.participants = {"bob"};
    content.declined = {"carol_2"};
    const std::string text = text_of(write_body(content, {}));
    EXPECT_TRUE(has_line(text, "ATTENDEE:calbox:bob")) << text;
    EXPECT_TRUE(has_line(text, "ATTENDEE;PARTSTAT=DECLINED:calbox:carol_2")) << text;
    auto read = parse_body(as_bytes(text));
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_EQ(*read, content);
    // Asked again, he takes part again; and an answer that is taken back stands no longer.
    std::swap(read->participants, read->declined);
    const std::string other = text_of(write_body(*read, as_bytes(text)));
    EXPECT_TRUE(has_line(other, "ATTENDEE;PARTSTAT=DECLINED:calbox:bob")) << other;
    EXPECT_TRUE(has_line(other, "ATTENDEE:calbox:carol_2")) << other;
    content.declined = {""};
    EXPECT_FALSE(write_body(content, {}));
}

TEST_F(body_test, answers_are_participation_states) {
    event_content content = sample_content();
    content.participants = {"bob", "carol_2", "d.a-ve"};
    content.answers = {{"bob", participation::accepted}, {"carol_2", participation::tentative}};
    const std::string text = text_of(write_body(content, {}));
    EXPECT_TRUE(has_line(text, "ATTENDEE;PARTSTAT=ACCEPTED:calbox:bob")) << text;
    EXPECT_TRUE(has_line(text, "ATTENDEE;PARTSTAT=TENTATIVE:calbox:carol_2")) << text;
    EXPECT_TRUE(has_line(text, "ATTENDEE:calbox:d.a-ve")) << text;
    auto read = parse_body(as_bytes(text));
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_EQ(*read, content);
    // Others write them in any case, and words of their own, which stay until there is an answer.
    std::string foreign = text;
    const auto replace = [&](const std::string& what, const std::string& with) {
        foreign.replace(foreign.find(what), what.size(), with);
    };
    replace("PARTSTAT=ACCEPTED", "PARTSTAT=accepted");
    replace("PARTSTAT=TENTATIVE", "PARTSTAT=DELEGATED");
    read = parse_body(as_bytes(foreign));
    ASSERT_TRUE(read) << read.error().message();
    EXPECT_EQ(read->answers.size(), 1u);
    EXPECT_EQ(read->answers.at("bob"), participation::accepted);
    read->answers.clear();
    std::string other = text_of(write_body(*read, as_bytes(foreign)));
    EXPECT_TRUE(has_line(other, "ATTENDEE:calbox:bob")) << other;
    EXPECT_TRUE(has_line(other, "ATTENDEE;PARTSTAT=DELEGATED:calbox:carol_2")) << other;
    read->answers["carol_2"] = participation::declined;
    other = text_of(write_body(*read, as_bytes(foreign)));
    EXPECT_TRUE(has_line(other, "ATTENDEE;PARTSTAT=DECLINED:calbox:carol_2")) << other;
    for (const char* word : {"", "accept", "ACCEPTED ", "needs-action"}) {
        EXPECT_FALSE(participation_of(word)) << word;
    }
}

TEST_F(body_test, keeps_what_is_foreign) {
    const std::string foreign = event_text(
        "X-WEIRD;X-P=\"a;b:c\":any\\, "
        "thing\\;\r\nCATEGORIES:A,B\r\nGEO:1.5;2.5\r\nSEQUENCE:7\r\nNEW-IANA:1\r\n"
        "SUMMARY;LANGUAGE=de:alt\r\nDTSTART;X-KEEP=1;TZID=Europe/"
        "Berlin:20260503T100000\r\nDURATION:PT1H30M\r\n"
        "ORGANIZER;CN=Al:mailto:al@example.org\r\nATTENDEE;PARTSTAT=ACCEPTED;CN=\"B, "
        "ob\":calbox:bob\r\n"
        "ATTENDEE;CN=Ext:mailto:ext@example.org\r\nATTACH:https://example.org/x.pdf\r\n"
        "EXDATE;TZID=Custom:20260510T100000\r\nX-LIC-ERROR:No value\r\n"
        "BEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT15M\r\nX-IN-ALARM:1\r\nEND:VALARM\r\n");
    std::string whole = foreign;
    whole.insert(whole.find("BEGIN:VEVENT"),
                 "METHOD:PUBLISH\r\nBEGIN:VTIMEZONE\r\nTZID:Custom\r\nEND:VTIMEZONE\r\n"
                 "BEGIN:VTIMEZONE\r\nTZID:Unused\r\nEND:VTIMEZONE\r\n");
    auto content = parse_body(as_bytes(whole));
    ASSERT_TRUE(content) << content.error().message();
    EXPECT_EQ(content->title, "alt");
    EXPECT_EQ(content->organizer, "");
    EXPECT_EQ(content->participants, std::vector<std::string>{"bob"});
    EXPECT_EQ(content->time.end.text(), "2026-05-03T11:30:00");
    EXPECT_TRUE(content->files.empty());
    content->title = "neu";
    content->organizer = "alice";
    content->files = {sample_file("a.pdf", 1)};
    const std::string text = text_of(write_body(*content, as_bytes(whole)));
    for (const char* const line :
         {"X-WEIRD;X-P=\"a;b:c\":any\\, thing\\;", "CATEGORIES:A,B", "GEO:1.5;2.5", "SEQUENCE:7",
          "NEW-IANA:1", "SUMMARY;LANGUAGE=de:neu",
          "DTSTART;TZID=Europe/Berlin;X-KEEP=1:20260503T100000",
          "DTEND;TZID=Europe/Berlin:20260503T113000", "ORGANIZER:calbox:alice",
          "ATTENDEE;PARTSTAT=ACCEPTED;CN=\"B, ob\":calbox:bob",
          "ATTENDEE;CN=Ext:mailto:ext@example.org", "ATTACH:https://example.org/x.pdf",
          "EXDATE;TZID=Custom:20260510T100000", "TRIGGER:-PT15M", "X-IN-ALARM:1", "METHOD:PUBLISH",
          "TZID:Custom", "TZID:Europe/Berlin"}) {
        EXPECT_TRUE(has_line(text, line)) << line << "\n" << text;
    }
    for (const char* const gone :
         {"DURATION", "SUMMARY:alt", "Unused", "mailto:al@", "X-LIC-ERROR", "//other//"}) {
        EXPECT_EQ(text.find(gone), std::string::npos) << gone;
    }
    EXPECT_EQ(text_of(write_body(*content, as_bytes(text))), text);
    content->files.clear();
    content->participants.clear();
    const std::string less = text_of(write_body(*content, as_bytes(text)));
    EXPECT_EQ(less.find("calbox://"), std::string::npos);
    EXPECT_EQ(less.find("calbox:bob"), std::string::npos);
    EXPECT_TRUE(has_line(less, "ATTACH:https://example.org/x.pdf"));
}

TEST_F(body_test, keeps_foreign_parameters_of_a_file) {
    std::string text = text_of(write_body(sample_content(), {}));
    const std::size_t at = text.find("ATTACH;") + 7;
    text.insert(at, "X-OTHER=1;");
    event_content content = *parse_body(as_bytes(text));
    content.files[0].size = 9;
    EXPECT_NE(unfolded(text_of(write_body(content, as_bytes(text))))
                  .find(";X-OTHER=1:calbox://file/0101"),
              std::string::npos);
}

TEST_F(body_test, reads_what_others_write) {
    const auto time = [](const std::string& lines) {
        const auto content = parse_body(as_bytes(event_text(lines)));
        EXPECT_TRUE(content) << lines << content.error().message();
        return content ? content->time : when{};
    };
    EXPECT_EQ(time("DTSTART:20260503T100000Z\r\n").end.text(), "2026-05-03T10:00:00");
    EXPECT_EQ(time("DTSTART;VALUE=DATE:20260503\r\n").end.date_text(), "2026-05-04");
    EXPECT_EQ(time("DTSTART;VALUE=DATE:20260503\r\nDTEND;VALUE=DATE:20260503\r\n").end.date_text(),
              "2026-05-04");
    EXPECT_EQ(time("DTSTART;VALUE=DATE:20260503\r\nDURATION:P1W\r\n").end.date_text(),
              "2026-05-10");
    // Days are days of the calendar, hours are hours of the clock.
    EXPECT_EQ(time("DTSTART;TZID=Europe/Berlin:20260328T120000\r\nDURATION:P1D\r\n").end.text(),
              "2026-03-29T12:00:00");
    EXPECT_EQ(time("DTSTART;TZID=Europe/Berlin:20260328T120000\r\nDURATION:PT24H\r\n").end.text(),
              "2026-03-29T13:00:00");
    EXPECT_EQ(time("DTSTART;TZID=Europe/Berlin:20260503T100000\r\nDTEND;TZID=\"Europe/"
                   "Lisbon\":20260503T100000\r\n")
                  .end.text(),
              "2026-05-03T11:00:00");
    const auto folded =
        parse_body(as_bytes(event_text("dtstart:20260503\n T100000Z\nSummary:a\n  b\n\tc\\N\n\n")));
    ASSERT_TRUE(folded);
    EXPECT_EQ(folded->title, "a bc\n");
}

TEST_F(body_test, refuses_what_it_cannot_read) {
    const std::string start = "DTSTART:20260503T100000Z\r\n";
    ASSERT_TRUE(parse_body(as_bytes(event_text(start))));
    for (const std::string& lines :
         {std::string(),
          std::string("DTSTART:20260503T100000\r\n"),
          std::string("DTSTART:20260230T100000Z\r\n"),
          std::string("DTSTART:today\r\n"),
          std::string("DTSTART;TZID=../../etc/passwd:20260503T100000\r\n"),
          std::string("DTSTART;TZID=:20260503T100000\r\n"),
          start + "DTEND:20260502T100000Z\r\n",
          start + "DTEND;VALUE=DATE:20260504\r\n",
          start + "DURATION:-PT1H\r\n",
          start + "DURATION:P99999999W\r\n",
          start + "DURATION:soon\r\n",
          start + "DURATION:PT2147483647H\r\n",
          start + "CREATED:yesterday\r\n",
          start + "CREATED;X-CALBOX-MS=12345:20260503T100000Z\r\n",
          start + "no colon\r\n",
          start + ":no name\r\n",
          start + "A;B:1\r\n",
          start + "A;=1:1\r\n",
          start + "A;B=\"1:1\r\n",
          start + "SUMMARY:\xff\r\n",
          start + std::string("SUMMARY:a\0b\r\n", 13),
          start + "SUMMARY:a\x01\r\n",
          start + "SUMMARY:a\rb\r\n",
          start + "BEGIN:VALARM\r\n",
          start + "END:VALARM\r\n",
          start + "END:VEVENT\r\nBEGIN:VEVENT\r\n" + start}) {
        expect_malformed(event_text(lines));
    }
    expect_malformed("");
    expect_malformed("BEGIN:VEVENT\r\n" + start + "END:VEVENT\r\n");
    expect_malformed("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n");
    expect_malformed(event_text(start) + event_text(start));
    std::string deep = event_text(start);
    for (int i = 0; i < 100; ++i) {
        deep = "BEGIN:A\r\n" + deep + "END:A\r\n";
    }
    expect_malformed(deep);
    expect_malformed(event_text(start + "X-LONG:" + std::string(1024 * 1024, 'x') + "\r\n"));
    std::string many;
    for (int i = 0; i < 10'000; ++i) {
        many += "X-A:1\r\n";
    }
    expect_malformed(event_text(start + many));
}

TEST_F(body_test, refuses_files_that_are_more_than_labels) {
    const auto with = [](const std::string& parameters, const std::string& root) {
        return event_text("DTSTART:20260503T100000Z\r\nATTACH;" + parameters + ":calbox://file/" +
                          root + "\r\n");
    };
    const std::string root(64, 'a');
    ASSERT_TRUE(parse_body(as_bytes(with("SIZE=1;FILENAME=a.txt", root))));
    expect_malformed(with("SIZE=1;FILENAME=..%2Fa.txt", root));
    expect_malformed(with("SIZE=1;FILENAME=..", root));
    expect_malformed(with("SIZE=1;FILENAME=a%00", root));
    expect_malformed(with("SIZE=1;FILENAME=a%FF", root));
    expect_malformed(with("SIZE=1;FILENAME=a%2", root));
    expect_malformed(with("SIZE=1;FILENAME=%E2%80%AEgpj.exe", root));
    expect_malformed(with("SIZE=1", root));
    expect_malformed(with("SIZE=-1;FILENAME=a", root));
    expect_malformed(with("SIZE=99999999999999999999;FILENAME=a", root));
    expect_malformed(with("FILENAME=a", root));
    expect_malformed(with("SIZE=1;FILENAME=a;X-CALBOX-KEY=!!", root));
    expect_malformed(with("SIZE=1;FILENAME=a;X-CALBOX-ADDED=0", root));
    expect_malformed(with("SIZE=1;FILENAME=a;X-CALBOX-REPLACES=00", root));
    expect_malformed(with("SIZE=1;FILENAME=a", "../../etc/passwd"));
}

TEST_F(body_test, refuses_to_write_what_it_could_not_read) {
    event_content content = sample_content();
    content.participants.clear();
    for (int i = 0; i < 10'000; ++i) {
        content.participants.push_back("user" + std::to_string(i));
    }
    ASSERT_TRUE(validate(content));
    const auto body = write_body(content, {});
    ASSERT_FALSE(body);
    EXPECT_EQ(body.error().code, errc::too_large);
    content.participants.resize(9'000);
    expect_round_trip(content);

    content.title.clear();
    EXPECT_EQ(write_body(content, {}).error().code, errc::invalid_argument);
    EXPECT_EQ(write_body(sample_content(), as_bytes("junk")).error().code, errc::malformed);
}

TEST_F(body_test, survives_any_bytes) {
    const bytes good = *write_body(sample_content(), {});
    const std::vector<std::string> lines = {
        "\r\n",           "\r\n ", ":", ";",  "=", "\"",          "BEGIN:VEVENT\r\n",
        "END:VEVENT\r\n", "^",     "%", "\\", "T", "99999999999", "-"};
    std::mt19937 random(42);
    std::uint64_t read = 0;
    for (std::uint64_t round = 0; round < test::seeds(5'000); ++round) {
        bytes body = good;
        const int changes = 1 + static_cast<int>(random() % 4);
        for (int i = 0; i < changes && !body.empty(); ++i) {
            const auto at = static_cast<std::ptrdiff_t>(random() % body.size());
            const auto end = at + static_cast<std::ptrdiff_t>(
                                      random() % 40 % (body.size() - static_cast<std::size_t>(at)));
            const std::string& piece = lines[random() % lines.size()];
            switch (random() % 5) {
                case 0:
                    body[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(random());
                    break;
                case 1:
                    body[static_cast<std::size_t>(at)] ^=
                        static_cast<std::uint8_t>(1U << random() % 7);
                    break;
                case 2:
                    body.erase(body.begin() + at, body.begin() + end);
                    break;
                case 3:
                    body.insert(body.begin() + at, piece.begin(), piece.end());
                    break;
                default:
                    body.resize(static_cast<std::size_t>(at));
                    break;
            }
        }
        const auto content = parse_body(body);
        if (!content) {
            EXPECT_EQ(content.error().code, errc::malformed);
            continue;
        }
        ++read;
        const auto valid = validate(*content);
        const auto again = write_body(*content, body);
        EXPECT_EQ(valid.has_value(), again.has_value());
        if (again) {
            EXPECT_EQ(parse_body(*again), content);
        }
    }
    EXPECT_GT(read, test::seeds(500));
    EXPECT_LT(read, test::seeds(4'500));
}

}  // namespace
}  // namespace calbox::model
