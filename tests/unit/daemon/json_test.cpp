#include "daemon/json.hpp"

#include <gtest/gtest.h>

namespace calbox::daemon {
namespace {

std::string nested(std::size_t levels) {
    return std::string(levels, '[') + std::string(levels, ']');
}

TEST(parse_json, is_strict) {
    EXPECT_TRUE(parse_json("{\"a\":{\"b\":1},\"b\":[{\"a\":1},{\"a\":2}]}"));
    EXPECT_TRUE(parse_json(nested(32)));
    EXPECT_TRUE(parse_json("{\"a\":" + nested(31) + "}"));
    for (const std::string& wrong :
         {nested(33), "{\"a\":" + nested(32) + "}", std::string(500'000, '['), std::string("{"),
          std::string(), std::string("{} {}"), std::string("{\"a\":\"\xff\"}"),
          std::string("{'a':1}"), std::string("NaN"), std::string("{\"a\":1,\"a\":2}"),
          std::string("[{\"b\":{\"a\":1,\"a\":2}}]")}) {
        const auto read = parse_json(wrong);
        ASSERT_FALSE(read) << wrong.substr(0, 40);
        EXPECT_EQ(read.error().code, errc::malformed);
    }
    EXPECT_NE(parse_json(nested(33)).error().message().find("32 levels"), std::string::npos);
    EXPECT_NE(parse_json("{\"a\":1,\"a\":2}").error().message().find("\"a\" stands twice"),
              std::string::npos);
}

TEST(write_json, replaces_what_is_not_utf8) {
    EXPECT_EQ(write_json(json("a\xff")), "\"a\xef\xbf\xbd\"\n");
}

std::string refusal(const std::string& text) {
    const auto draft = read_draft(*parse_json(text));
    return draft ? "" : draft.error().message();
}

TEST(read_draft, names_the_key_that_is_wrong) {
    EXPECT_EQ(refusal("[]"), "the body must be a JSON object, as in {\"name\": \"bob\"}");
    EXPECT_EQ(refusal("null"), refusal("[]"));
    EXPECT_EQ(refusal("{\"title\":5}"), "title must be a text");
    EXPECT_EQ(refusal("{\"title\":null}"), "title must be a text");
    EXPECT_EQ(refusal("{\"all_day\":\"yes\"}"), "all_day must be true or false");
    EXPECT_EQ(refusal("{\"participants\":\"bob\"}"), "participants must be a list of texts");
    EXPECT_EQ(refusal("{\"participants\":[1]}"), "participants must be a list of texts");
    EXPECT_EQ(refusal("{\"guests_may\":[\"fly\"]}"),
              "guests_may: \"fly\" is none of modify, attach, invite, delete");
    EXPECT_TRUE(refusal("{\"titel\":\"x\"}")
                    .starts_with("unknown key \"titel\": there are title, info, place"));
}

TEST(read_draft, takes_what_is_there_and_nothing_else) {
    const auto draft = read_draft(*parse_json(
        R"({"title":"T","info":"","start":"2026-05-03","all_day":true,"participants":["bob","@team"],"guests_may":["delete","modify"],"categories":["b","a"],"color":"Teal"})"));
    ASSERT_TRUE(draft);
    EXPECT_EQ(draft->title, "T");
    EXPECT_EQ(draft->info, "");
    EXPECT_EQ(draft->all_day, true);
    EXPECT_EQ(draft->participants, (std::vector<std::string>{"bob", "@team"}));
    EXPECT_EQ(draft->guests_may, 9u);
    EXPECT_EQ(draft->categories, (std::vector<std::string>{"b", "a"}));
    EXPECT_EQ(draft->color, "Teal");
    EXPECT_FALSE(draft->place || draft->zone || draft->end || draft->recurrence);
}

TEST(to_json, tells_the_last_day_of_an_all_day_event) {
    node::event_view view;
    view.content.time.all_day = true;
    view.content.time.start = {2026, 2, 28, 0, 0, 0};
    view.content.time.end = {2026, 3, 1, 0, 0, 0};
    const auto made = to_json(view, {});
    EXPECT_EQ(made["start"], "2026-02-28");
    EXPECT_EQ(made["end"], "2026-02-28");
}

}  // namespace
}  // namespace calbox::daemon
