#include "ctl/text.hpp"

#include <gtest/gtest.h>

#include "ctl/client.hpp"
#include "ctl/event_text.hpp"
#include "ctl/times.hpp"
#include "fake_daemon.hpp"

namespace calbox::ctl {
namespace {

using testing::event_of;

TEST(clean, takes_what_drives_a_terminal_out_of_others_texts) {
    EXPECT_EQ(clean("\033[31mred\033[0m"), "[31mred[0m");
    EXPECT_EQ(clean("a\nb\tc\rd\x7f"), "a b cd");
    EXPECT_EQ(clean("\u009b2J\u202egnp.exe\u2066x\u200f"), "2Jgnp.exex");
    EXPECT_EQ(clean("Grüße 日本 🙂"), "Grüße 日本 🙂");
    EXPECT_EQ(clean("\xff\xc3(\xe2\x82"), "\uFFFD\uFFFD(\uFFFD\uFFFD");
    EXPECT_EQ(clean(std::string("\xed\xa0\x80", 3)), "\uFFFD\uFFFD\uFFFD") << "a surrogate";
    EXPECT_EQ(clean("\xc0\x9b[2J").find('\033'), std::string::npos) << "an overlong form";
    EXPECT_EQ(clean_lines("a\nb\033"), "a\nb");
}

TEST(file_name, of_a_label_stays_in_its_directory) {
    EXPECT_EQ(file_name_of("slides.pdf"), "slides.pdf");
    EXPECT_EQ(file_name_of("../../etc/passwd"), "_._.._etc_passwd");
    EXPECT_EQ(file_name_of("/etc/passwd"), "_etc_passwd");
    EXPECT_EQ(file_name_of(".bashrc"), "_bashrc");
    EXPECT_EQ(file_name_of(".."), "_.");
    EXPECT_EQ(file_name_of("-rf"), "_rf");
    EXPECT_EQ(file_name_of("~root"), "_root");
    EXPECT_EQ(file_name_of(""), "file");
    EXPECT_EQ(file_name_of("\n"), "file");
    EXPECT_EQ(file_name_of("\u202egnp.exe"), "gnp.exe");
    EXPECT_EQ(file_name_of(std::string("a\0b", 3)), "ab");
    const auto name = file_name_of(std::string(252, 'n') + "üü.pdf");
    EXPECT_LE(name.size(), 255U);
    EXPECT_TRUE(name.ends_with("n.pdf")) << name;
    EXPECT_EQ(clean(name), name) << "half a character";
}

TEST(texts, of_numbers_and_lists) {
    EXPECT_EQ(byte_text(999), "999 B");
    EXPECT_EQ(byte_text(1000), "1.0 kB");
    EXPECT_EQ(byte_text(999'999), "1.0 MB");
    EXPECT_EQ(byte_text(3'400'000'000), "3.4 GB");
    EXPECT_EQ(duration_text(59), "59 s");
    EXPECT_EQ(duration_text(3 * 86400 + 4 * 3600 + 59), "3 d 4 h");
    EXPECT_EQ(split_lists({"a, b,,", "@c"}), (std::vector<std::string>{"a", "b", "@c"}));
    EXPECT_EQ(encode_segment("a b/ü?&"), "a%20b%2F%C3%BC%3F%26");
}

TEST(texts, of_answers_are_read_without_trust) {
    const json odd{{"title", 5},   {"size", "7"},    {"files", "x"},
                   {"all_day", 1}, {"negative", -1}, {"huge", 1e300}};
    EXPECT_EQ(text_of(odd, "title"), "");
    EXPECT_EQ(number_of(odd, "size"), 0U);
    EXPECT_EQ(number_of(odd, "negative"), 0U);
    EXPECT_EQ(number_of(odd, "huge"), 0U);
    EXPECT_TRUE(list_of(odd, "files").empty());
    EXPECT_FALSE(truth_of(odd, "all_day"));
    EXPECT_EQ(text_of(json::array(), "title"), "");
    EXPECT_EQ(text_of(json(), "title"), "");
}

TEST(event_stream, joins_lines_and_pieces) {
    std::vector<std::pair<std::string, std::string>> seen;
    event_stream stream([&](const std::string& id, const std::string& data) -> answer<void> {
        seen.emplace_back(id, data);
        return {};
    });
    for (const char* piece : {": hello\n\nid: 7\nda", "ta: {\"a\":1}\n", "\n", "data:x\r",
                              "\ndata: y\r\n\r\n", "event: z\n\n"}) {
        ASSERT_TRUE(stream.feed(piece));
    }
    ASSERT_EQ(seen.size(), 2U);
    EXPECT_EQ(seen[0], std::pair(std::string("7"), std::string("{\"a\":1}")));
    EXPECT_EQ(seen[1], std::pair(std::string("7"), std::string("x\ny")));
}

// Times
// ---------------------------------------------------------------------------------------------

const zone utc{"UTC0", "UTC"};
const zone new_york{"America/New_York", "America/New_York"};

TEST(times, are_shown_in_the_persons_zone) {
    const auto event = event_of("alice/1.7", "DS meeting");
    EXPECT_EQ(when_text(event, utc), "Tue 2026-11-24 14:00 - 15:00");
    EXPECT_EQ(when_text(event, new_york), "Tue 2026-11-24 09:00 - 10:00");
    EXPECT_EQ(when_text(event, {"Asia/Kathmandu", "Asia/Kathmandu"}),
              "Tue 2026-11-24 19:45 - 20:45");
    EXPECT_EQ(moment_text("2026-07-01T12:00:00Z", new_york), "Wed 2026-07-01 08:00")
        << "in summer time";
    EXPECT_EQ(moment_text("\033[2J", utc), "[2J");

    auto night = event;
    night["end_utc"] = "2026-11-25T02:30:00Z";
    EXPECT_EQ(when_text(night, utc), "Tue 2026-11-24 14:00 - Wed 2026-11-25 02:30");
}

TEST(times, of_whole_days_are_the_same_everywhere) {
    json days{{"all_day", true}, {"start", "2026-11-24"}, {"end", "2026-11-24"}};
    EXPECT_EQ(when_text(days, new_york), "Tue 2026-11-24 all day");
    days["end"] = "2026-11-26";
    EXPECT_EQ(when_text(days, new_york), "Tue 2026-11-24 - Thu 2026-11-26");
}

TEST(times, cross_zones_and_back) {
    const auto reading = read_wire("2026-07-01T09:00:00").value();
    const auto at = moment_of(reading, new_york);
    EXPECT_EQ(wire_moment(at), "2026-07-01T13:00:00Z");
    EXPECT_EQ(wall_at(at, new_york), reading);
    EXPECT_FALSE(read_wire("2026-07-01T09:00:00 and more"));
    EXPECT_FALSE(read_wire(""));
    EXPECT_EQ(read_wire("2026-07-01T13:00:00.250Z"), read_wire("2026-07-01T13:00:00Z"));
}

TEST(times, the_persons_zone_is_found) {
    std::istringstream in;
    std::ostringstream out;
    std::string tz;
    const surroundings world{.in = in,
                             .out = out,
                             .err = out,
                             .variable = [&](const std::string&) { return std::optional(tz); },
                             .now = [] { return std::int64_t{0}; }};
    for (const auto& [set, name] : std::vector<std::pair<std::string, std::string>>{
             {"Europe/Lisbon", "Europe/Lisbon"},
             {":Europe/Lisbon", "Europe/Lisbon"},
             {"", "UTC"},
             {"UTC", "UTC"},
             {"/usr/share/zoneinfo/Asia/Tokyo", "Asia/Tokyo"},
             {"CET-1CEST", ""},
             {"../../etc/passwd", ""}}) {
        tz = set;
        EXPECT_EQ(user_zone(world).name, name) << set;
    }
    EXPECT_FALSE(named_zone("Mars/Olympus"));
    EXPECT_FALSE(named_zone("../zoneinfo/UTC"));
    EXPECT_TRUE(named_zone("Europe/Lisbon"));
}

// Events as text
// ------------------------------------------------------------------------------------

std::string shown(const json& event, const zone& mine) {
    std::istringstream in;
    std::ostringstream text;
    const surroundings world{
        .in = in,
        .out = text,
        .err = text,
        .variable = [](const std::string&) { return std::optional<std::string>(); },
        .now = [] { return std::int64_t{0}; }};
    output out(world, {});
    show_event(out, event, mine);
    return text.str();
}

TEST(event_text, golden) {
    auto event = event_of("alice/1.7", "DS \033[2Jmeeting");
    event["files"] = {{{"name", "slides.pdf"},
                       {"size", 3'400'000},
                       {"held", "fetching"},
                       {"fetched", 1'700'000}}};
    event["conflicts"] = {"alice/1.9"};
    event["state"] = "locked";
    event["locked_by"] = "bob";
    event["lock"] = {{"by", "bob"},
                     {"device", 2},
                     {"since", "2026-11-24T14:02:00Z"},
                     {"until", "2026-11-24T14:02:37Z"},
                     {"here", false}};
    EXPECT_EQ(shown(event, new_york), R"(DS [2Jmeeting
id             alice/1.7
when           Tue 2026-11-24 09:00 - 10:00
there          2026-11-24T14:00:00 - 2026-11-24T15:00:00 in Europe/Lisbon
place          Room 2
organizer      alice
with           bob, carol
guests may     modify, attach
state          bob is editing since 09:02, on device 2
overlaps       alice/1.9
version        1-3, written by alice on Mon 2026-11-23 04:30
stored on      1 of 1 backups and 1 device (backup ab12cd34)
file           slides.pdf, 3.4 MB, fetching, 50 %

Bring the slides
)");
}

TEST(event_text, says_how_an_event_stands_in_the_words_of_every_view) {
    auto event = event_of("alice/1.7", "DS meeting");
    EXPECT_NE(shown(event, utc).find("state          v3, saved on 2 of 2\n"), std::string::npos);
    event["owed"] = {"carol"};
    EXPECT_NE(shown(event, utc).find("state          v3, saved on 2 of 3 (carol owed)\n"),
              std::string::npos);
    event["stored_on"] = {"backup ab12", "bob", "bob"};
    event["owed"] = {"backup cd34"};
    // A user may have such a name; he is a device.
    event["stored_on"] = {"backup ab12", "bob", "backupper"};
    EXPECT_NE(shown(event, utc).find("1 of 2 backups and 3 devices (backup ab12, bob, backupper)"),
              std::string::npos)
        << shown(event, utc);
    event["stored_on"] = {"backup ab12", "bob", "bob"};
    event["files"] = {{{"name", "a.txt"},
                       {"size", 1},
                       {"held", "here"},
                       {"stored_on", {"this device", "backup ab12", "bob"}},
                       {"owed", {"backup cd34"}}},
                      {{"name", "b.txt"},
                       {"size", 1},
                       {"held", "elsewhere"},
                       {"stored_on", {"backup ab12"}},
                       {"owed", json::array()}},
                      {{"name", "c.txt"},
                       {"size", 1},
                       {"held", "here"},
                       {"stored_on", {"this device"}},
                       {"owed", json::array()}}};
    EXPECT_NE(shown(event, utc)
                  .find("stored on      1 of 2 backups and 3 devices (backup ab12, bob, "
                        "bob)\n"),
              std::string::npos)
        << shown(event, utc);
    for (const std::string copies : {"here, on 1 of 2 backups and 2 devices",
                                     "elsewhere, on 1 of 1 backups", "here, on 1 device"}) {
        EXPECT_NE(shown(event, utc).find(copies + "\n"), std::string::npos) << copies;
    }
    event["state"] = "behind";
    EXPECT_NE(shown(event, utc).find("state          catching up\n"), std::string::npos);
}

TEST(event_text, of_nothing_is_no_crash) {
    for (const json& odd : {json(), json::object(), json::array(), json(5)}) {
        EXPECT_FALSE(shown(odd, utc).empty());
        EXPECT_FALSE(event_form(odd).empty());
    }
    EXPECT_EQ(event_rows(json::array({5, "x", json::object()}), utc).size(), 3U);
}

TEST(event_form, unchanged_changes_nothing) {
    const auto event = event_of("alice/1.7", "DS meeting");
    const auto form = event_form(event);
    EXPECT_NE(form.find("start: 2026-11-24 14:00\n"), std::string::npos) << form;
    const auto changes = form_changes(event, form, testing::noon);
    ASSERT_TRUE(changes);
    EXPECT_EQ(*changes, json::object());
}

TEST(event_form, changes_become_a_draft) {
    auto event = event_of("alice/1.7", "DS meeting");
    event["categories"] = {"art", "work"};
    event["color"] = "teal";
    auto form = event_form(event);
    const auto replace = [&](const std::string& from, const std::string& to) {
        const auto at = form.find(from);
        ASSERT_NE(at, std::string::npos) << from;
        form.replace(at, from.size(), to);
    };
    replace("title: DS meeting", "title: DS lecture");
    replace("end: 2026-11-24 15:00", "end: 2026-11-24 16:30");
    replace("with: bob, carol", "with: carol");
    replace("categories: art, work", "categories: work,late");
    replace("colour: teal", "colour: ");
    replace("Bring the slides", "Bring the slides\n\ntwo: paragraphs");
    const auto changes = form_changes(event, form, testing::noon);
    ASSERT_TRUE(changes) << changes.error().detail;
    EXPECT_EQ(*changes, (json{{"title", "DS lecture"},
                              {"end", "2026-11-24T16:30:00"},
                              {"participants", {"carol"}},
                              {"categories", {"work", "late"}},
                              {"color", ""},
                              {"info", "Bring the slides\n\ntwo: paragraphs"}}));
    replace("zone: ", "planet: ");
    EXPECT_FALSE(form_changes(event, form, testing::noon));
}

}  // namespace
}  // namespace calbox::ctl
