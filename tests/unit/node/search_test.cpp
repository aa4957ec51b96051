// Finding events: what is typed as an expression, the index, and whole nodes.
#include "node/search_index.hpp"

#include <gtest/gtest.h>

#include "support/test_network.hpp"

namespace calbox::node {
namespace {

using test::must;

TEST(search_expression, nothing_that_is_typed_is_an_operator) {
    const auto of = [](const char* typed) { return search_expression(typed).value_or("-"); };
    EXPECT_EQ(of("budget"), "\"budget\" *");
    EXPECT_EQ(of("  budget\treview "), "\"budget\" * AND \"review\" *");
    EXPECT_EQ(of("\"room 3\" anna"), "\"room 3\" AND \"anna\" *");
    EXPECT_EQ(of("\"room 3"), "\"room 3\" *") << "still being typed";
    EXPECT_EQ(of("a\"b c\"d"), "\"a\" * AND \"b c\" AND \"d\" *");
    EXPECT_EQ(of("title:x OR (y)"), "\"title:x\" * AND \"OR\" * AND \"(y)\" *");
    for (const char* const none : {"", " ", "***", "\"\"", "- : ()", "\" \""}) {
        EXPECT_EQ(of(none), "-") << none;
    }
}

class search_index_test : public testing::Test {
protected:
    static event_id id(std::uint64_t n) { return {user_id(), n}; }
    void put(std::uint64_t n, indexed_text text) { index.apply({{id(n), std::move(text)}}); }
    std::vector<std::uint64_t> find(const std::string& typed, std::size_t most = 100) {
        const auto expression = search_expression(typed);
        std::vector<std::uint64_t> found;
        for (const auto& hit :
             expression ? index.find(*expression, most, [](const event_id&) { return true; })
                        : std::vector<search_index::hit>()) {
            found.push_back(hit.event.seq);
        }
        return found;
    }
    using numbers = std::vector<std::uint64_t>;

    search_index index;
};

TEST_F(search_index_test, finds_words_in_every_field_by_their_beginnings) {
    put(1, {"Budget review", "with numbers", "Room 3", "alice\nbob", "plan.pdf"});
    put(3, {"Trip", "", "", "", "", "Family\nSummer"});
    EXPECT_EQ(find("famil"), numbers{3}) << "a category";
    put(2, {"Lunch", "the budget is small", "Café Müller", "carol", ""});
    EXPECT_EQ(find("budget"), (numbers{1, 2})) << "a title says more";
    EXPECT_EQ(find("bud"), (numbers{1, 2}));
    EXPECT_EQ(find("udget"), numbers{});
    EXPECT_EQ(find("BUDGET numbers"), numbers{1});
    EXPECT_EQ(find("cafe muller"), numbers{2});
    EXPECT_EQ(find("carol"), numbers{2});
    EXPECT_EQ(find("plan.pdf"), numbers{1});
    EXPECT_EQ(find("\"room 3\""), numbers{1});
    EXPECT_EQ(find("\"3 room\""), numbers{});
    EXPECT_EQ(find("budget", 1), numbers{1});
}

TEST_F(search_index_test, survives_whatever_is_typed) {
    put(1, {"Say \"hi\" AND go", "NEAR(a b) -x {y} ^z", "", "", ""});
    for (const char* const typed :
         {"AND", "NEAR(", "\"", "\"\"\"", "a*b", "title:", "{", "^z", "-x", "'; DROP TABLE words",
          "hi\"", "\xff\xfe", "* *", "(", "a AND", "\xc3"}) {
        EXPECT_NO_THROW(find(typed)) << typed;
    }
    EXPECT_EQ(find("AND"), numbers{1});
    EXPECT_EQ(find("NEAR(a"), numbers{1});
    EXPECT_EQ(find("'; DROP TABLE words"), numbers{});
    EXPECT_EQ(find("hi"), numbers{1});
}

TEST_F(search_index_test, shows_where_the_words_stand) {
    put(1, {"Budget review", "all about the\x01 budget of May", "", "", ""});
    const auto hits =
        index.find(*search_expression("budg"), 10, [](const event_id&) { return true; });
    ASSERT_EQ(hits.size(), 1U);
    ASSERT_EQ(hits[0].matches.size(), 2U);
    EXPECT_EQ(hits[0].matches[0].field, "title");
    ASSERT_EQ(hits[0].matches[0].parts.size(), 2U);
    EXPECT_EQ(hits[0].matches[0].parts[0].text, "Budget");
    EXPECT_TRUE(hits[0].matches[0].parts[0].hit);
    EXPECT_EQ(hits[0].matches[0].parts[1].text, " review");
    EXPECT_EQ(hits[0].matches[1].field, "info");
    EXPECT_EQ(hits[0].matches[1].parts[0].text, "all about the  ") << "no mark of somebody else's";
}

TEST_F(search_index_test, what_is_changed_erased_or_hidden_is_not_found) {
    put(1, {"Budget", "", "", "", ""});
    put(1, {"Lunch", "", "", "", ""});
    put(2, {"Lunch", "", "", "", ""});
    EXPECT_EQ(find("budget"), numbers{});
    EXPECT_EQ(find("lunch").size(), 2U);
    const auto some = index.find("\"lunch\"", 10, [](const event_id& one) { return one.seq == 2; });
    ASSERT_EQ(some.size(), 1U);
    index.apply({{id(2), std::nullopt}, {id(7), std::nullopt}});
    EXPECT_EQ(find("lunch"), numbers{1});
    index.clear();
    EXPECT_EQ(find("lunch"), numbers{});
}

class search_test : public testing::Test {
protected:
    search_test() {
        alice = &net.add_edge("alice", hub);
        alice->sign_in("alice");
        bob = &net.add_edge("bob", hub);
        bob->sign_in("bob");
    }
    event_view add(test::test_network::device& by, const std::string& title,
                   std::vector<std::string> guests = {}) {
        event_draft what;
        what.title = title;
        what.start = "2026-05-04 14:00";
        what.participants = std::move(guests);
        return must(net.run(by.api().events.create(by.me(), std::move(what))));
    }
    std::vector<std::string> find(test::test_network::device& by, const user_id& as,
                                  const std::string& words) {
        std::vector<std::string> titles;
        for (const auto& one : must(net.run(by.api().search.find(as, words, 50)))) {
            titles.push_back(one.content.title);
        }
        std::ranges::sort(titles);
        return titles;
    }
    using texts = std::vector<std::string>;

    test::test_network net;
    test::test_network::device& hub = net.add_hub();
    test::test_network::device *alice, *bob;
};

TEST_F(search_test, follows_what_happens_to_the_events) {
    const auto review = add(*alice, "Budget review", {"bob"});
    EXPECT_EQ(find(*alice, alice->me(), "budget"), texts{"Budget review"});
    net.until([&] { return find(*bob, bob->me(), "budget") == texts{"Budget review"}; });
    EXPECT_EQ(find(*bob, bob->me(), "alice"), texts{"Budget review"}) << "its organizer";
    add(*bob, "Budget of his own");
    EXPECT_EQ(find(*bob, bob->me(), "budg").size(), 2U);
    EXPECT_EQ(find(*alice, alice->me(), "budg").size(), 1U);
    event_draft change;
    change.title = "Retro";
    must(net.run(alice->api().events.modify(alice->me(), review.id, change, std::nullopt)));
    EXPECT_EQ(find(*alice, alice->me(), "budget"), texts{});
    EXPECT_EQ(find(*alice, alice->me(), "retro"), texts{"Retro"});
    net.until([&] { return find(*bob, bob->me(), "retro") == texts{"Retro"}; });
    test::bytes_source from(bytes(10, 1));
    must(net.run(alice->api().file.attach(alice->me(), review.id, "slides.pdf", "", from,
                                          attach_terms(false))));
    EXPECT_EQ(find(*alice, alice->me(), "slides"), texts{"Retro"});
    must(net.run(alice->api().events.remove(alice->me(), review.id, std::nullopt)));
    EXPECT_EQ(find(*alice, alice->me(), "retro"), texts{});
    net.until([&] { return find(*bob, bob->me(), "retro") == texts{}; });
}

TEST_F(search_test, each_finds_his_own_on_a_device_that_they_share) {
    add(*alice, "Budget of Alice");
    EXPECT_EQ(find(*alice, alice->me(), "budget"), texts{"Budget of Alice"});
    const auto carol = alice->sign_in("carol");
    EXPECT_EQ(find(*alice, carol, "budget"), texts{});
    event_draft what;
    what.title = "Budget of Carol";
    what.start = "2026-05-04 14:00";
    must(net.run(alice->api().events.create(carol, what)));
    EXPECT_EQ(find(*alice, carol, "budget"), texts{"Budget of Carol"});
    EXPECT_EQ(find(*alice, alice->me(), "budget"), texts{"Budget of Alice"});
    must(net.run(alice->api().account.sign_out(carol)));
    EXPECT_EQ(find(*alice, carol, "budget"), texts{});
    EXPECT_EQ(find(*alice, alice->me(), "budget"), texts{"Budget of Alice"});
    EXPECT_EQ(net.run(alice->api().search.find(alice->me(), "-", 9)).error().code,
              errc::invalid_argument);
    EXPECT_EQ(
        net.run(alice->api().search.find(alice->me(), std::string(1'001, 'x'), 9)).error().code,
        errc::invalid_argument);
}

}  // namespace
}  // namespace calbox::node
