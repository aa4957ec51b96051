// Categories and colours: which there may be, how iCalendar writes them, and what becomes of them
// in versions that meet and in single times of a series.
#include "model/categories.hpp"

#include <gtest/gtest.h>

#include "model/difference.hpp"
#include "model/merge.hpp"
#include "model/recurrence.hpp"
#include "unit/model/sample.hpp"

namespace calbox::model {
namespace {

using names = std::vector<std::string>;

class categories_test : public testing::Test {
protected:
    categories_test() { initialise(); }

    static std::string ical(const std::string& lines) {
        return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//other//EN\r\nBEGIN:VEVENT\r\nUID:1\r\n"
               "SUMMARY:a\r\nDTSTART:20260503T100000Z\r\n" +
               lines + "END:VEVENT\r\nEND:VCALENDAR\r\n";
    }
    static event_content read(const std::string& text) {
        const auto content = parse_body(as_bytes(text));
        EXPECT_TRUE(content) << (content ? "" : content.error().message());
        return content ? *content : event_content();
    }
    static std::string written(const event_content& content, const std::string& before = {}) {
        const auto body = write_body(content, as_bytes(before));
        EXPECT_TRUE(body) << (body ? "" : body.error().message());
        return body ? std::string(as_text(*body)) : std::string();
    }
    static bool has_line(const std::string& text, const std::string& line) {
        return text.find("\r\n" + line + "\r\n") != std::string::npos;
    }
    static error refusal(names categories, const std::string& color = {}) {
        event_content content = sample_content();
        content.categories = std::move(categories);
        content.color = color;
        const auto good = validate(content);
        return good ? error(errc::ok) : good.error();
    }
};

TEST_F(categories_test, are_a_set_whatever_their_case) {
    EXPECT_EQ(category_set({" work ", "Choir", "WORK", "art", "choir"}),
              (names{"art", "Choir", "work"}));
    EXPECT_EQ(category_set({}), names{});
    EXPECT_TRUE(is_same_category("Work", "wORK"));
    EXPECT_FALSE(is_same_category("Work", "Works"));
    EXPECT_FALSE(is_same_category("\xc3\x84rger", "\xc3\xa4rger")) << "of A to Z alone";
}

TEST_F(categories_test, a_colour_is_one_of_the_names_of_css) {
    for (const char* const good : {"aliceblue", "gray", "grey", "tomato", "yellowgreen"}) {
        EXPECT_TRUE(is_color(good)) << good;
    }
    for (const char* const bad :
         {"", " ", "Teal", "tea", "rebeccapurple", "#ff0000", "teal tomato", "teal;", "none"}) {
        EXPECT_FALSE(is_color(bad)) << bad;
    }
    EXPECT_EQ(color_name("SlateBlue"), "slateblue");
}

TEST_F(categories_test, an_event_without_them_has_the_bytes_that_it_had) {
    const std::string plain = written(sample_content());
    EXPECT_EQ(plain.find("CATEGORIES"), std::string::npos);
    EXPECT_EQ(plain.find("COLOR"), std::string::npos);
    event_content content = sample_content();
    content.categories = {"Work"};
    content.color = "teal";
    event_content without = read(written(content));
    without.categories.clear();
    without.color.clear();
    EXPECT_EQ(written(without, written(content)), plain);
}

TEST_F(categories_test, come_back_as_they_were_written) {
    event_content content = sample_content();
    content.categories = {"a; b\\c", "Choir \xf0\x9f\x98\x80", "work"};
    content.color = "slateblue";
    changed_occurrence party{"Party", "", "", content.time, {"fun"}, "gold"};
    content.changed[{2026, 5, 20, 14, 0, 0}] = party;
    const std::string text = written(content);
    EXPECT_TRUE(has_line(text, "CATEGORIES:a\\; b\\\\c,Choir \xf0\x9f\x98\x80,work")) << text;
    EXPECT_TRUE(has_line(text, "COLOR:slateblue"));
    EXPECT_TRUE(has_line(text, "CATEGORIES:fun"));
    EXPECT_EQ(read(text), content);
    EXPECT_EQ(written(read(text), text), text);
}

TEST_F(categories_test, of_other_programs_stay_to_the_letter_until_they_are_changed) {
    const std::string lines =
        "CATEGORIES;LANGUAGE=en:Work\\, too, work ,,b\r\n"
        "CATEGORIES:\\n,B,C\r\nCOLOR;X-P=1:Tomato\r\n";
    event_content content = read(ical(lines));
    EXPECT_EQ(content.categories, (names{"b", "C", "too", "Work"}));
    EXPECT_EQ(content.color, "tomato");
    content.title = "another";
    std::string text = written(content, ical(lines));
    EXPECT_NE(text.find(lines), std::string::npos) << text;
    content.categories = {"C"};
    content.color = "teal";
    text = written(content, ical(lines));
    EXPECT_TRUE(has_line(text, "CATEGORIES:C")) << "of one language none knows: " << text;
    EXPECT_TRUE(has_line(text, "COLOR;X-P=1:teal"));
    EXPECT_EQ(text.find("Work"), std::string::npos);
    EXPECT_EQ(read(text), content) << "none is there twice";
    const std::string one = ical("CATEGORIES;LANGUAGE=en:Work\r\n");
    content = read(one);
    content.categories = {"C"};
    EXPECT_TRUE(has_line(written(content, one), "CATEGORIES;LANGUAGE=en:C"));
    // A colour that is none of the names is nobody's, and is left to who can read it.
    content = read(ical("COLOR:#ff0000\r\n"));
    EXPECT_EQ(content.color, "");
    EXPECT_TRUE(has_line(written(content, ical("COLOR:#ff0000\r\n")), "COLOR:#ff0000"));
}

TEST_F(categories_test, more_than_an_event_may_have_are_passed_over_and_kept) {
    std::string list;
    for (int i = 0; i < 60'000; ++i) {
        list += std::to_string(i) + ",";
    }
    const std::string text = ical("CATEGORIES:" + std::string(65, 'x') + "," + list + "\r\n");
    event_content content = read(text);
    EXPECT_EQ(content.categories.size(), 16U);
    EXPECT_TRUE(validate(content));
    content.title = "another";
    EXPECT_GT(written(content, text).size(), list.size());
}

TEST_F(categories_test, what_people_may_name) {
    EXPECT_EQ(refusal({"Work", std::string(64, 'x')}, "teal").code, errc::ok);
    EXPECT_EQ(refusal({std::string(65, 'x')}),
              error(errc::too_large, "the name of a category is too long: at most 64 bytes"));
    EXPECT_EQ(refusal({""}), error(errc::invalid_argument, "a category needs a name"));
    EXPECT_EQ(refusal({"a,b"}).code, errc::invalid_argument);
    EXPECT_EQ(refusal({"a\nb"}).code, errc::invalid_argument);
    EXPECT_EQ(refusal({"\xff"}).code, errc::invalid_argument);
    EXPECT_EQ(refusal({"\xd7\xa9\xe2\x80\x8f"}).code, errc::ok) << "a mark that Hebrew needs";
    for (const char* const turned : {"x\xe2\x80\xae", "a\xe2\x81\xa6"}) {
        EXPECT_EQ(refusal({turned}).code, errc::invalid_argument);
        const std::string both = std::string("CATEGORIES:") + turned + ",b\r\n";
        EXPECT_EQ(read(ical(both)).categories, names{"b"});
    }
    names many;
    for (char c = 'a'; c < 'a' + 17; ++c) {
        many.emplace_back(1, c);
    }
    EXPECT_EQ(refusal(many), error(errc::too_large, "an event has at most 16 categories"));
    const error unknown = refusal({}, "blurple");
    EXPECT_EQ(unknown.code, errc::invalid_argument);
    EXPECT_TRUE(unknown.detail.starts_with("no such colour: \"blurple\" (name one of CSS"));
    event_content content = sample_content();
    content.changed[{2026, 5, 20, 14, 0, 0}] =
        changed_occurrence{"Party", "", "", content.time, {}, "#fff"};
    EXPECT_FALSE(validate(content)) << "of one time, too";
}

TEST_F(categories_test, of_two_versions_both_are_there) {
    version_text base, mine, theirs;
    base.content = sample_content();
    base.content.categories = {"art", "work"};
    mine = theirs = base;
    mine.content.categories = {"art", "Urgent", "work"};
    theirs.content.categories = {"art", "urgent"};
    theirs.content.color = "teal";
    auto made = merge(base, mine, theirs);
    EXPECT_TRUE(made.fits());
    EXPECT_EQ(made.text.content.categories, (names{"art", "urgent"}));
    EXPECT_EQ(made.text.content.color, "teal");
    EXPECT_EQ(made.mine, std::vector<std::string_view>{"categories"});
    EXPECT_EQ(made.theirs, (std::vector<std::string_view>{"categories", "color"}));
    mine.content.color = "gold";
    made = merge(base, mine, theirs);
    EXPECT_EQ(made.both, std::vector<std::string_view>{"color"});
}

TEST_F(categories_test, a_name_in_other_letters_is_the_same_where_versions_meet) {
    const auto merged = [](names was, names my, names their) {
        version_text base, mine, theirs;
        base.content = mine.content = theirs.content = sample_content();
        base.content.categories = std::move(was);
        mine.content.categories = std::move(my);
        theirs.content.categories = std::move(their);
        return merge(base, mine, theirs).text.content.categories;
    };
    EXPECT_EQ(merged({"work"}, {}, {"Work"}), names{}) << "I took it off";
    EXPECT_EQ(merged({"work"}, {"Work"}, {}), names{}) << "they took it off";
    EXPECT_EQ(merged({"work"}, {"Work"}, {"work"}), names{"Work"});
    EXPECT_EQ(merged({"work"}, {"work"}, {"Work"}), names{"Work"});
    EXPECT_EQ(merged({"work"}, {"Work"}, {"WORK"}), names{"WORK"});
    EXPECT_EQ(merged({}, {"Work", "art"}, {"work"}), (names{"art", "work"}));
}

TEST_F(categories_test, more_than_an_event_may_have_are_changed_by_both) {
    version_text base, mine, theirs;
    base.content = sample_content();
    mine = theirs = base;
    for (char c = 'a'; c < 'a' + 9; ++c) {
        mine.content.categories.push_back("my " + std::string(1, c));
        theirs.content.categories.push_back("their " + std::string(1, c));
    }
    const auto made = merge(base, mine, theirs);
    EXPECT_EQ(made.both, std::vector<std::string_view>{"categories"});
    EXPECT_EQ(made.text.content.categories, theirs.content.categories);
    EXPECT_TRUE(validate(made.text.content));
    mine.content.categories.resize(7);
    EXPECT_TRUE(merge(base, mine, theirs).fits()) << "sixteen there may be";
}

TEST_F(categories_test, history_says_what_changed) {
    event_content before = sample_content(), after = before;
    before.categories = {"art"};
    after.categories = {"art", "work"};
    after.color = "teal";
    EXPECT_EQ(
        difference({before, 0}, {after, 0}),
        (std::vector<field_change>{{"categories", "art", "art, work"}, {"color", "", "teal"}}));
    const local_time id{2026, 5, 20, 14, 0, 0};
    event_content one = after;
    one.changed[id] = changed_occurrence{one.title, one.info, one.place, one.time, {"fun"}, "gold"};
    auto changes = difference({after, 0}, {one, 0});
    ASSERT_EQ(changes.size(), 1U);
    EXPECT_TRUE(changes[0].after.ends_with(", fun, gold")) << changes[0].after;
    const std::string times = changes[0].after.substr(0, changes[0].after.find(", fun"));
    one.changed[id] = changed_occurrence{one.title, std::string(2'000, 'x'), "", one.time, {}, ""};
    changes = difference({after, 0}, {one, 0});
    ASSERT_EQ(changes.size(), 1U);
    EXPECT_TRUE(changes[0].after.starts_with(times + ", no place, no categories, no colour, xxx"))
        << changes[0].after;
}

TEST_F(categories_test, a_time_of_a_series_follows_where_it_has_none_of_its_own) {
    event_content before = sample_content();
    before.categories = {"work"};
    before.color = "teal";
    const local_time same{2026, 5, 20, 14, 0, 0}, own{2026, 6, 1, 14, 0, 0};
    before.changed[same] = changed_occurrence{"Party", "", "", before.time, {"work"}, "teal"};
    before.changed[own] = changed_occurrence{"Trip", "", "", before.time, {"fun"}, "gold"};
    event_content now = before;
    now.categories = {"art"};
    now.color = "navy";
    carry_over(before, now);
    EXPECT_EQ(now.changed.at(same)->categories, names{"art"});
    EXPECT_EQ(now.changed.at(same)->color, "navy");
    EXPECT_EQ(now.changed.at(own)->categories, names{"fun"});
    EXPECT_EQ(now.changed.at(own)->color, "gold");
    const event_content there = content_at(now, {own, now.time, {}, true});
    EXPECT_EQ(there.categories, names{"fun"});
    EXPECT_EQ(there.color, "gold");
}

}  // namespace
}  // namespace calbox::model
