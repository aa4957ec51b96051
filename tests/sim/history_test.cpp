#include "lab/check/history.hpp"

#include <sstream>

#include <gtest/gtest.h>

#include "sim/histories.hpp"

namespace calbox::lab {
namespace {

result<history> read_with(const std::string& text, const history_limits& limits = {}) {
    std::istringstream from(text);
    return read_history(from, limits);
}

/// The sentence with which `text` is refused.
std::string refused(const std::string& text, const history_limits& limits = {}) {
    const auto got = read_with(text, limits);
    return got ? "read" : got.error().detail;
}

const std::string good =
    R"({"client":1,"call":10,"ret":20,"op":"cas","key":"alice/7","expect":3,"value":"h",)"
    R"("res":"ok","version":4})";

TEST(history, every_field_is_read) {
    const auto got = read_with("# a comment\n\n" + good + "\r\n" +
                               R"({"client":"bob","call":-5,"op":"cas","key":"k","value":null,)"
                               R"("res":"unknown","expect":null,"ret":null,"version":null})");
    ASSERT_TRUE(got) << got.error().detail;
    ASSERT_EQ(got->size(), 2U);
    const operation& first = (*got)[0];
    EXPECT_EQ(first.client, "1");
    EXPECT_EQ(first.call, 10);
    EXPECT_EQ(first.ret, 20);
    EXPECT_EQ(first.op, operation_kind::cas);
    EXPECT_EQ(first.key, "alice/7");
    EXPECT_EQ(first.expect, 3U);
    EXPECT_EQ(first.value, "h");
    EXPECT_EQ(first.res, operation_result::ok);
    EXPECT_EQ(first.version, 4U);
    const operation& second = (*got)[1];
    EXPECT_EQ(second.client, "bob");
    EXPECT_EQ(second.call, -5);
    EXPECT_TRUE(second.gone);
    EXPECT_FALSE(second.ret || second.expect || second.value || second.version);
    EXPECT_EQ(second.res, operation_result::unknown);
}

TEST(history, what_is_written_is_read_again) {
    std::mt19937_64 chance(3);
    random_history maker;
    maker.operations = 2'000;
    maker.keys = 7;
    maker.blind = true;
    history what = maker.make(chance);
    what[0].client = "na\"me\n\u00e9";
    std::ostringstream to;
    write_history(to, what);
    const auto again = read_with(to.str());
    ASSERT_TRUE(again) << again.error().detail;
    EXPECT_EQ(*again, what);
    EXPECT_EQ(to_line(read_with(good)->front()),
              R"({"client":"1","call":10,"ret":20,"op":"cas","key":"alice/7","expect":3,)"
              R"("value":"h","res":"ok","version":4})");
}

TEST(history, what_is_not_utf8_is_still_written) {
    operation what;
    what.client = "bob";
    what.key = "k";
    what.value = "\xff";
    what.version = 1;
    what.ret = 0;
    EXPECT_EQ(read_with(to_line(what))->front().value, "\ufffd");
}

TEST(history, garbage_is_refused_with_its_line) {
    const auto changed = [](const std::string& from, const std::string& to) {
        std::string line = good;
        line.replace(line.find(from), from.size(), to);
        return refused(good + "\n\n" + line + "\n");
    };
    EXPECT_EQ(refused("hello\n"), "line 1: not a JSON object");
    EXPECT_EQ(refused("[1,2]\n"), "line 1: not a JSON object");
    EXPECT_EQ(refused(good + good), "line 1: not a JSON object");
    EXPECT_EQ(changed("cas", "write"), R"(line 3: op cannot be "write")");
    EXPECT_EQ(changed(R"("cas")", "{}"), "line 3: op cannot be an object");
    EXPECT_EQ(changed(R"("ok")", R"("OK")"), R"(line 3: res cannot be "OK")");
    EXPECT_EQ(changed("10", "1.5"), "line 3: call cannot be 1.5");
    EXPECT_EQ(changed("10", "18446744073709551615"), "line 3: call cannot be 18446744073709551615");
    EXPECT_EQ(changed(":3", ":-3"), "line 3: expect cannot be -3");
    EXPECT_EQ(changed(":4", ":9223372036854775807"),
              "line 3: version cannot be 9223372036854775807");
    EXPECT_EQ(changed("version", "verison"), R"(line 3: there is no field "verison")");
    EXPECT_EQ(changed(R"("key":"alice/7",)", ""), "line 3: key is missing");
    EXPECT_EQ(changed(R"("client":1)", R"("client":"")"), R"(line 3: client cannot be "")");
    EXPECT_EQ(changed(R"("value":"h")", R"("value":7)"), "line 3: value cannot be 7");
    EXPECT_EQ(changed("\"h\"", "\"\xff\""), "line 3: not a JSON object");
    EXPECT_EQ(changed("\"h\"", "\"" + std::string(100, 'x') + "\""), "read");
    EXPECT_EQ(changed("\"op\"", "\"" + std::string(100, 'x') + "\"").size(),
              std::string("line 3: there is no field ").size() + 63);
}

TEST(history, nonsense_is_refused) {
    const auto one = [](const std::string& fields) {
        return refused(R"({"client":1,"call":10,"key":"k",)" + fields + "}");
    };
    EXPECT_EQ(one(R"("op":"read","res":"ok","version":1)"),
              "line 1: an operation that was answered tells when, as ret");
    EXPECT_EQ(one(R"("op":"read","res":"ok","version":1,"ret":9)"),
              "line 1: the answer came before the call");
    EXPECT_EQ(one(R"("op":"read","res":"ok","value":"a","ret":11)"),
              "line 1: a read that found something tells its version");
    EXPECT_EQ(one(R"("op":"read","res":"ok","value":"a","version":0,"ret":11)"),
              "line 1: version 0 means that nothing was there yet: it has no value");
    EXPECT_EQ(one(R"("op":"read","res":"conflict","ret":11)"), "line 1: a read has no conflict");
    EXPECT_EQ(one(R"("op":"read","expect":1,"res":"ok","version":1,"ret":11)"),
              "line 1: a read expects no version");
    EXPECT_EQ(one(R"("op":"create","value":null,"res":"ok","version":1,"ret":11)"),
              "line 1: a create writes a value, not null");
    EXPECT_EQ(one(R"("op":"create","expect":2,"res":"ok","version":1,"ret":11)"),
              "line 1: a create expects no version, or 0");
    EXPECT_EQ(one(R"("op":"cas","expect":0,"res":"fail","ret":11)"),
              "line 1: a cas expects version 1 or more: only create makes the first");
    EXPECT_EQ(one(R"("op":"cas","res":"conflict","ret":11)"),
              "line 1: a cas that expected no version cannot meet another");
    EXPECT_EQ(one(R"("op":"cas","expect":1,"res":"ok","ret":11)"),
              "line 1: a write that is ok has made a version, from 1");
}

TEST(history, is_bounded) {
    history_limits limits;
    limits.line = good.size();
    limits.operations = 2;
    EXPECT_EQ(read_with(good + "\n" + good, limits)->size(), 2U);
    EXPECT_EQ(refused(good + "\n" + good + "\n" + good + "\n", limits),
              "line 3: more than 2 operations");
    limits.line -= 2;
    EXPECT_EQ(refused(good + "\n", limits), "line 1: longer than 102 bytes");
    // Nested as deep as a line allows: refused, and nothing falls over.
    const std::string deep = R"({"value":)" + std::string(30'000, '[') + std::string(30'000, ']');
    EXPECT_EQ(refused(deep + "}"), "line 1: value cannot be an array");
    EXPECT_EQ(refused(std::string(1'000'000, '[')), "line 1: longer than 65536 bytes");
}

}  // namespace
}  // namespace calbox::lab
