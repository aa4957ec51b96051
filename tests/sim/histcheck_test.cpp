#include "lab/check/histcheck.hpp"

#include <chrono>
#include <cstdlib>
#include <map>
#include <random>
#include <sstream>

#include <gtest/gtest.h>

#include "sim/histories.hpp"

namespace calbox::lab {
namespace {

history read(const std::string& text) {
    std::istringstream from(text);
    auto got = read_history(from);
    EXPECT_TRUE(got) << (got ? "" : got.error().detail);
    return got.value_or(history());
}

/// The sentence of the only contradiction; empty when there is none.
std::string judge(const std::string& text) {
    const history what = read(text);
    const auto judged = check_history(what);
    EXPECT_TRUE(judged) << (judged ? "" : judged.error().detail);
    EXPECT_EQ(judged->legal(), every_order::legal(what)) << "the two judges disagree";
    return judged->legal() ? "" : judged->contradictions.front().sentence;
}

/// A line of a history: who, when, what, and the rest of the fields.
std::string line(const std::string& client, int call, int ret, const std::string& op,
                 const std::string& rest) {
    return R"({"client":")" + client + R"(","call":)" + std::to_string(call) + R"(,"ret":)" +
           std::to_string(ret) + R"(,"op":")" + op + R"(","key":"alice/1.7",)" + rest + "}\n";
}

const std::string born = line("alice", 0, 1, "create", R"("value":"a","res":"ok","version":1)");

std::string modified(const std::string& client, int call, int ret, int expect) {
    return line(client, call, ret, "cas",
                R"("value":")" + client + std::to_string(call) + R"(","res":"ok","expect":)" +
                    std::to_string(expect) + R"(,"version":)" + std::to_string(expect + 1));
}

std::string returned(const std::string& client, int call, int ret, int version) {
    return line(client, call, ret, "read", R"("res":"ok","version":)" + std::to_string(version));
}

TEST(histcheck, right_histories_pass) {
    EXPECT_EQ(
        judge(born + modified("bob", 2, 5, 1) + modified("carol", 4, 9, 2) +
              returned("dave", 3, 8, 1) + returned("erin", 4, 8, 3) + returned("dave", 10, 11, 3)),
        "");
    // A refusal that tells what it met, one that does not, and one that says nothing.
    EXPECT_EQ(
        judge(born + modified("bob", 2, 5, 1) +
              line("carol", 3, 9, "cas", R"("expect":1,"value":"c","res":"conflict","version":2)") +
              line("dave", 3, 9, "cas", R"("expect":1,"value":"d","res":"conflict")") +
              line("erin", 3, 9, "cas", R"("expect":1,"value":"e","res":"fail")") +
              line("frank", 3, 9, "create", R"("value":"f","res":"conflict")")),
        "");
    // Deleted; before that and after that nothing is there.
    EXPECT_EQ(
        judge(line("bob", 0, 0, "read", R"("value":null,"res":"ok")") + born +
              line("carol", 2, 3, "cas", R"("expect":1,"value":null,"res":"ok","version":2)") +
              line("bob", 4, 5, "read", R"("value":null,"res":"ok")") +
              line("dave", 4, 5, "read", R"("value":null,"res":"ok","version":2)")),
        "");
}

TEST(histcheck, a_stale_read_is_found) {
    EXPECT_EQ(judge(born + modified("bob", 2, 4, 1) + modified("bob", 5, 8, 2) +
                    modified("carol", 10, 15, 3) + returned("bob", 20, 22, 3)),
              "alice/1.7: bob's read at 20 returned version 3, though version 4 was acknowledged "
              "to carol at 15");
    // What one reader saw, a later one may not miss, though the writer got no answer yet.
    EXPECT_EQ(judge(born + modified("bob", 2, 30, 1) + returned("carol", 5, 10, 2) +
                    returned("dave", 12, 14, 1)),
              "alice/1.7: dave's read at 12 returned version 1, though version 2 was returned to "
              "carol at 10");
    EXPECT_EQ(
        judge(born + returned("carol", 5, 10, 2) + modified("bob", 12, 30, 1)),
        "alice/1.7: bob's modify at 12 made version 2, though version 2 was returned to carol "
        "at 10");
}

TEST(histcheck, a_lost_update_is_found) {
    EXPECT_EQ(
        judge(born + modified("bob", 2, 8, 1) + modified("carol", 3, 9, 1)),
        "alice/1.7: version 2 was acknowledged to bob at 8, and version 2 was acknowledged to "
        "carol at 9: both cannot have made it");
    EXPECT_EQ(judge(born + modified("bob", 2, 4, 1) +
                    line("carol", 3, 9, "cas", R"("expect":1,"value":"c","res":"ok","version":3)")),
              "alice/1.7: version 3 was acknowledged to carol at 9, though carol's modify can only "
              "have made version 2");
    EXPECT_EQ(judge(line("alice", 0, 5, "create", R"("value":"a","res":"ok","version":1)") +
                    line("bob", 0, 6, "create", R"("value":"b","res":"ok","version":1)")),
              "alice/1.7: version 1 was acknowledged to alice at 5, and version 1 was acknowledged "
              "to bob at 6: both cannot have made it");
}

TEST(histcheck, different_content_of_one_version_is_found) {
    EXPECT_EQ(
        judge(born + line("bob", 2, 3, "read", R"("value":"a","res":"ok","version":1)") +
              line("carol", 2, 4, "read", R"("value":"z","res":"ok","version":1)")),
        "alice/1.7: version 1 was returned to carol at 4, with other content than when version "
        "1 was returned to bob at 3");
    EXPECT_EQ(
        judge(born + line("carol", 2, 4, "read", R"("value":"z","res":"ok","version":1)")),
        "alice/1.7: version 1 was returned to carol at 4, with other content than when version "
        "1 was acknowledged to alice at 1");
}

TEST(histcheck, an_edit_that_was_refused_and_applied_is_found) {
    const std::string refused = line("bob", 2, 4, "cas", R"("expect":1,"value":"b","res":"fail")");
    EXPECT_EQ(judge(born + refused +
                    line("carol", 5, 6, "read", R"("value":"b","res":"ok","version":2)")),
              "alice/1.7: version 2 was returned to carol at 6, though nobody can have made it: "
              "bob's modify, which would have, was refused at 4");
    EXPECT_EQ(judge(born + refused + modified("carol", 5, 6, 2)),
              "alice/1.7: version 3 was acknowledged to carol at 6, though nobody made version 2: "
              "bob's modify, which would have, was refused at 4");
}

TEST(histcheck, a_wrong_refusal_is_found) {
    EXPECT_EQ(judge(born + line("bob", 2, 4, "cas", R"("expect":1,"value":"b","res":"conflict")")),
              "alice/1.7: bob's modify at 2 of version 1 was refused before there was a newer one, "
              "though version 1 was acknowledged to alice at 1");
    EXPECT_EQ(
        judge(born +
              line("bob", 2, 4, "cas", R"("expect":1,"value":"b","res":"conflict","version":1)")),
        "alice/1.7: bob's modify at 2 was refused because of version 1, though that is what it "
        "expected");
    EXPECT_EQ(judge(line("bob", 2, 4, "create", R"("value":"b","res":"conflict")")),
              "alice/1.7: bob's create was refused at 4 as of what exists, though nobody ever "
              "created it");
}

TEST(histcheck, refusals_that_need_each_other_are_weighed_together) {
    // Carol's needs version 2 to come at 10 or later, because 3 came only at 15; then Dave's had
    // nothing newer to fail on.
    EXPECT_EQ(
        judge(born + modified("bob", 2, 20, 1) + modified("erin", 15, 25, 2) +
              line("carol", 10, 12, "cas", R"("expect":2,"value":"c","res":"conflict")") +
              line("dave", 5, 8, "cas", R"("expect":1,"value":"d","res":"conflict")")),
        "alice/1.7: dave's modify at 5 of version 1 was refused before there was a newer one, "
        "though version 1 was acknowledged to alice at 1");
}

TEST(histcheck, a_deletion_that_does_not_last_is_found) {
    const std::string deleted =
        line("bob", 2, 4, "cas", R"("expect":1,"value":null,"res":"ok","version":2)");
    EXPECT_EQ(judge(born + deleted + modified("carol", 5, 6, 2)),
              "alice/1.7: version 3 was acknowledged to carol at 6, though the deletion, version 2 "
              "was acknowledged to bob at 4");
    EXPECT_EQ(judge(born + deleted + returned("carol", 5, 6, 1)),
              "alice/1.7: carol's read at 5 returned version 1, though the deletion, version 2 was "
              "acknowledged to bob at 4");
    EXPECT_EQ(judge(born + line("carol", 5, 6, "read", R"("value":null,"res":"ok")") +
                    line("bob", 7, 9, "cas", R"("expect":1,"value":null,"res":"ok","version":2)")),
              "alice/1.7: carol's read at 5 found nothing before the event was deleted, though "
              "version 1 was acknowledged to alice at 1");
}

TEST(histcheck, an_unknown_edit_may_have_happened_or_not) {
    const std::string unknown =
        line("bob", 2, 4, "cas", R"("expect":1,"value":"b","res":"unknown")");
    EXPECT_EQ(judge(born + unknown + returned("carol", 50, 60, 1)), "");
    EXPECT_EQ(judge(born + unknown + returned("carol", 50, 60, 1) + returned("carol", 61, 62, 2)),
              "");
    EXPECT_EQ(judge(born + unknown + modified("carol", 50, 60, 2)), "");
    EXPECT_EQ(judge(born + unknown +
                    line("carol", 5, 6, "cas", R"("expect":1,"value":"c","res":"conflict")")),
              "");
    EXPECT_EQ(judge(born + unknown + returned("carol", 0, 1, 2)),
              "alice/1.7: bob's modify at 2 is the first that can have made version 2, though "
              "version 2 was returned to carol at 1");
    EXPECT_EQ(judge(born + unknown + returned("carol", 5, 6, 2) + returned("carol", 7, 8, 1)),
              "alice/1.7: carol's read at 7 returned version 1, though version 2 was returned to "
              "carol at 6");
    EXPECT_EQ(judge(born + unknown + modified("carol", 5, 6, 1) + returned("dave", 7, 8, 3)),
              "alice/1.7: version 3 was returned to dave at 8, though nobody can have made it");
}

TEST(histcheck, an_edit_that_expected_no_version_fits_where_a_writer_is_missing) {
    const std::string attached = line("bob", 2, 4, "cas", R"("value":"b","res":"unknown")");
    EXPECT_EQ(judge(born + modified("carol", 5, 6, 1) + attached +
                    line("dave", 7, 8, "read", R"("value":"b","res":"ok","version":3)")),
              "");
    EXPECT_EQ(judge(born + modified("carol", 5, 6, 1) + attached +
                    line("dave", 7, 8, "read", R"("value":"d","res":"ok","version":3)")),
              "alice/1.7: version 3 was returned to dave at 8, though nobody can have made it");
    EXPECT_EQ(judge(born + attached + returned("dave", 7, 8, 3)),
              "alice/1.7: version 3 was returned to dave at 8, though nobody can have made it");
}

TEST(histcheck, a_deletion_that_expected_no_version_made_no_other_one) {
    const std::string changed = line("bob", 2, 4, "cas", R"("value":"b","res":"unknown")");
    const std::string deleted = line("carol", 2, 4, "cas", R"("value":null,"res":"unknown")");
    EXPECT_EQ(judge(born + changed + deleted +
                    line("dave", 7, 8, "read", R"("value":"b","res":"ok","version":3)")),
              "alice/1.7: version 3 was returned to dave at 8, though nobody can have made it");
    EXPECT_EQ(judge(born + changed + deleted +
                    line("dave", 7, 8, "read", R"("value":null,"res":"ok","version":3)")),
              "");
    EXPECT_EQ(judge(born + deleted +
                    line("dave", 7, 8, "read", R"("value":null,"res":"ok","version":2)")),
              "");
}

TEST(histcheck, huge_versions_cost_nothing) {
    EXPECT_NE(
        judge(born + line("bob", 2, 3, "read", R"("res":"ok","version":9000000000000000000)")),
        "");
    EXPECT_NE(judge(born +
                    line("bob", 2, 3, "cas", R"("expect":1,"value":null,"res":"ok","version":2)") +
                    line("bob", 5, 6, "read", R"("res":"ok","version":9000000000000000000)")),
              "");
    EXPECT_EQ(judge(born + line("bob", 2, 3, "cas",
                                 R"("expect":9000000000000000000,"value":"b","res":"conflict")")),
              "");
}

TEST(histcheck, events_are_judged_apart) {
    history what = read(born + returned("bob", 5, 6, 2));
    for (operation& one : read(born + modified("bob", 2, 3, 1))) {
        one.key = "alice/1.8";
        one.client += "2";
        what.push_back(one);
    }
    const auto judged = check_history(what);
    ASSERT_TRUE(judged);
    EXPECT_EQ(judged->events, 2U);
    EXPECT_EQ(judged->operations, 4U);
    ASSERT_EQ(judged->contradictions.size(), 1U);
    EXPECT_EQ(judged->contradictions[0].key, "alice/1.7");
    EXPECT_EQ(judged->contradictions[0].operations, (std::vector<std::size_t>{1}));
}

TEST(histcheck, a_history_that_makes_no_sense_is_not_judged) {
    const auto wrong = [](const std::string& text) {
        const auto judged = check_history(read(text));
        return judged ? std::string("judged") : judged.error().detail;
    };
    EXPECT_EQ(wrong(born + returned("bob", 5, 9, 1) + returned("bob", 8, 10, 1)),
              "operation 3: client bob asks before operation 2 was answered");
    EXPECT_EQ(
        wrong(born + line("bob", 2, 4, "cas", R"("expect":1,"value":"b","res":"unknown")") +
              returned("bob", 8, 10, 1)),
        "operation 3: client bob goes on after the unknown result of operation 2: a new client "
        "must");
}

// What every random history of a right register may be turned into.
// ------------------------------------------------------------------------------------------------

using rng = std::mt19937_64;

operation* some(history& what, rng& chance, const std::function<bool(const operation&)>& wanted) {
    std::vector<operation*> fit;
    for (operation& one : what) {
        if (wanted(one)) {
            fit.push_back(&one);
        }
    }
    return fit.empty() ? nullptr : fit[chance() % fit.size()];
}

bool acknowledged(const operation& what) {
    return what.op != operation_kind::read && what.res == operation_result::ok;
}

/// Each lies once, where it finds something to lie about.
const std::map<std::string, std::function<void(history&, rng&)>> lies{
    {"none", [](history&, rng&) {}},
    {"lost update",
     [](history& what, rng& chance) {
         operation* one = some(what, chance, acknowledged);
         operation* other = some(what, chance, [](const operation& of) {
             return of.op == operation_kind::cas && of.res == operation_result::conflict;
         });
         if (one != nullptr && other != nullptr && one->op == operation_kind::cas && one->expect) {
             other->res = operation_result::ok;
             other->expect = one->expect;
             other->version = *one->expect + 1;
         }
     }},
    {"stale read",
     [](history& what, rng& chance) {
         operation* one = some(what, chance, [](const operation& of) {
             return of.op == operation_kind::read && of.version.value_or(0) > 0;
         });
         if (one != nullptr) {
             --*one->version;
             one->gone = *one->version == 0;
             one->value.reset();
         }
     }},
    {"duplicate version",
     [](history& what, rng& chance) {
         operation* one = some(what, chance, acknowledged);
         if (one != nullptr && *one->version > 1) {
             --*one->version;
             if (one->expect) {
                 --*one->expect;
                 one->expect = std::max<std::uint64_t>(*one->expect, 1);
             }
         }
     }},
    {"applied but refused",
     [](history& what, rng& chance) {
         if (operation* one = some(what, chance, acknowledged)) {
             one->res = operation_result::fail;
             one->version.reset();
         }
     }},
    {"refused for nothing",
     [](history& what, rng& chance) {
         operation* one = some(what, chance, acknowledged);
         if (one != nullptr && (one->expect || one->op == operation_kind::create)) {
             one->res = operation_result::conflict;
             one->version.reset();
         }
     }},
    {"unknown that was told",
     [](history& what, rng& chance) {
         operation* one = some(what, chance, [](const operation& of) {
             return of.res == operation_result::unknown && of.op == operation_kind::cas &&
                    of.expect;
         });
         if (one != nullptr) {
             one->res = operation_result::ok;
             one->version = *one->expect + 1;
         }
     }},
    {"resurrected",
     [](history& what, rng& chance) {
         operation* one = some(what, chance, [](const operation& of) {
             return of.op == operation_kind::read && of.gone && of.version.value_or(0) > 0;
         });
         if (one != nullptr) {
             one->gone = false;
             one->value = "a";
             *one->version -= chance() % 2;
         }
     }},
    {"other content",
     [](history& what, rng& chance) {
         if (operation* one =
                 some(what, chance, [](const operation& of) { return of.value.has_value(); })) {
             one->value = "z";
         }
     }},
    {"other times",
     [](history& what, rng& chance) {
         if (operation* one = some(what, chance, [](const operation& of) {
                 return of.res != operation_result::unknown;
             })) {
             one->client = "99";
             one->call = static_cast<std::int64_t>(chance() % 30);
             one->ret = one->call + static_cast<std::int64_t>(chance() % 6);
         }
     }},
    {"anything",
     [](history& what, rng& chance) {
         for (operation& one : what) {
             if (one.version && chance() % 3 == 0) {
                 one.version = 1 + chance() % 4;
             }
             if (one.expect && chance() % 3 == 0) {
                 one.expect = 1 + chance() % 4;
             }
             if (one.op == operation_kind::read && one.version.value_or(0) > 0 &&
                 chance() % 4 == 0) {
                 one.gone = chance() % 2 == 0;
                 one.value = one.gone ? std::nullopt : std::optional<std::string>("b");
             }
         }
     }},
};

std::string text_of(const history& what) {
    std::ostringstream to;
    write_history(to, what);
    return to.str();
}

TEST(histcheck, agrees_with_a_judge_that_tries_every_order) {
    // A release tries more, and others.
    const bool release = std::getenv("CALBOX_CHECK_RELEASE") != nullptr;
    rng chance(release ? 20260504 : 20260503);
    std::size_t legal = 0, illegal = 0;
    for (const auto& [name, lie] : lies) {
        std::size_t found = 0;
        for (int round = 0; round < (release ? 100'000 : 6'000); ++round) {
            random_history maker;
            maker.operations = 2 + chance() % 6;
            maker.clients = 2 + chance() % 3;
            maker.unknown_percent = chance() % 2 == 0 ? 15 : 50;
            maker.delete_percent = chance() % 2 == 0 ? 8 : 40;
            maker.untold_percent = chance() % 2 == 0 ? 20 : 80;
            maker.spread = chance() % 2 == 0 ? 8 : 2;
            history what = maker.make(chance);
            if (name == "none") {
                ASSERT_TRUE(well_formed(what)) << well_formed(what).error().detail << text_of(what);
            }
            lie(what, chance);
            const auto judged = check_history(what);
            if (!judged) {
                continue;  // the lie made nonsense of it
            }
            ASSERT_EQ(judged->legal(), every_order::legal(what))
                << name << "\n"
                << text_of(what)
                << (judged->legal() ? "" : judged->contradictions.front().sentence);
            judged->legal() ? ++legal : ++illegal;
            found += judged->legal() ? 0 : 1;
        }
        if (name == "none") {
            EXPECT_EQ(found, 0U) << "a right register was called wrong";
        } else {
            EXPECT_GT(found, 100U) << name;
        }
    }
    std::printf("%zu legal and %zu illegal histories judged alike\n", legal, illegal);
    EXPECT_GT(legal, 10'000U);
    EXPECT_GT(illegal, 10'000U);
}

TEST(histcheck, writes_that_expect_no_version_never_make_it_unjust) {
    rng chance(7);
    std::size_t illegal = 0, missed = 0;
    for (const auto& [name, lie] : lies) {
        for (int round = 0; round < 2'000; ++round) {
            random_history maker;
            maker.blind = true;
            maker.unknown_percent = 30;
            history what = maker.make(chance);
            lie(what, chance);
            const auto judged = check_history(what);
            if (!judged) {
                continue;
            }
            const bool right = every_order::legal(what);
            ASSERT_TRUE(judged->legal() || !right)
                << name << "\n"
                << text_of(what) << judged->contradictions.front().sentence;
            illegal += right ? 0 : 1;
            missed += judged->legal() && !right ? 1 : 0;
        }
    }
    std::printf("%zu illegal histories, %zu of them not noticed\n", illegal, missed);
    EXPECT_GT(illegal, 2'000U);
    EXPECT_LT(missed * 50, illegal);
}

// How fast
// ------------------------------------------------------------------------------------------------

double seconds_to_judge(const char* name, const history& what) {
    const auto begin = std::chrono::steady_clock::now();
    const auto judged = check_history(what);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    EXPECT_TRUE(judged) << (judged ? "" : judged.error().detail);
    EXPECT_TRUE(judged && judged->legal());
    std::printf("%s: %zu operations in %.3f s\n", name, what.size(), took.count());
    return took.count();
}

TEST(histcheck, is_fast) {
    rng chance(1);
    random_history many;
    many.operations = 100'000;
    many.clients = 50;
    many.keys = 200;
    many.unknown_percent = 10;
    many.delete_percent = 0;
    const double on_many =
        seconds_to_judge("200 events, 50 clients, 10 % unknown", many.make(chance));
    random_history hot = many;
    hot.keys = 1;
    const double on_one =
        seconds_to_judge("one hot event, 50 clients, 10 % unknown", hot.make(chance));
    EXPECT_LT(on_many, 5.0);  // sanitizers and busy machines are slow
    EXPECT_LT(on_one, 5.0);
}

}  // namespace
}  // namespace calbox::lab
