// The search in the local network alone: when it asks, who answers, and what an answer must be.
#include "overlay/lan_search.hpp"

#include <gtest/gtest.h>

#include "support/test_environment.hpp"

namespace calbox::overlay {
namespace {

using namespace std::chrono_literals;

network_id network(std::uint8_t n) {
    network_id id;
    id.value[0] = n;
    return id;
}

class lan_search_test : public testing::Test {
protected:
    /// What it asks first.
    bytes question(lan_search& of) {
        const auto all = of.on_time(true, now);
        EXPECT_EQ(all.size(), 1u);
        return std::get<lan_search::ask>(all.at(0)).data;
    }
    /// What it answers, within the time that an answer may take.
    std::optional<lan_search::answer> answer_of(lan_search& of) const {
        const auto all = of.on_time(false, now + lan_search::answer_within);
        EXPECT_LE(all.size(), 1u);
        return all.empty() ? std::nullopt : std::optional(std::get<lan_search::answer>(all[0]));
    }

    test::seeded_random entropy{5};
    instant now{1h};
    lan_search edge{entropy, network(1)}, rendezvous{entropy, network(1)},
        stranger{entropy, network(2)};
    wire::signed_advertisement said{bytes(700, 7), bytes(64, 9)};
};

TEST_F(lan_search_test, asks_often_at_first_then_rarely_and_not_when_it_has_what_it_wants) {
    std::vector<instant> asked;
    const instant begun = now;
    while (now < begun + 5min) {
        for (const auto& one : edge.on_time(true, now)) {
            EXPECT_EQ(std::get<lan_search::ask>(one).data.size(), lan_search::question_bytes);
            asked.push_back(now);
        }
        const instant next = edge.deadline(now);
        ASSERT_GT(next, now);
        now = next;
    }
    ASSERT_GE(asked.size(), 12u);
    const duration usual[] = {500ms, 1s, 2s, 4s, 30s, 30s, 30s};
    EXPECT_EQ(asked[0], begun);
    for (std::size_t i = 0; i < std::size(usual); ++i) {
        EXPECT_GE(asked[i + 1] - asked[i], usual[i] * 4 / 5) << i;
        EXPECT_LE(asked[i + 1] - asked[i], usual[i] * 6 / 5) << i;
    }
    EXPECT_TRUE(edge.on_time(false, now + 1h).empty());
    EXPECT_EQ(edge.on_time(true, now + 2h).size(), 1u) << "from the beginning";
}

TEST_F(lan_search_test, a_rendezvous_of_the_network_answers_and_never_with_more_than_it_got) {
    const bytes asked = question(edge);
    EXPECT_TRUE(edge.on_datagram("me:1", asked, said, now).empty());
    EXPECT_FALSE(answer_of(edge)) << "its own question";
    EXPECT_TRUE(stranger.on_datagram("edge:1", asked, said, now).empty());
    EXPECT_FALSE(answer_of(stranger)) << "of another network";
    EXPECT_TRUE(rendezvous.on_datagram("edge:1", asked, std::nullopt, now).empty());
    EXPECT_FALSE(answer_of(rendezvous)) << "no rendezvous";
    const wire::signed_advertisement large{bytes(1'190, 7), bytes(64, 9)};
    EXPECT_TRUE(rendezvous.on_datagram("edge:1", asked, large, now).empty());
    EXPECT_FALSE(answer_of(rendezvous)) << "nobody is flooded";

    EXPECT_TRUE(rendezvous.on_datagram("edge:1", asked, said, now).empty());
    const auto answer = answer_of(rendezvous);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->to, "edge:1");
    EXPECT_LE(answer->data.size(), asked.size());
    const auto found = edge.on_datagram("rendezvous:1", answer->data, {}, now);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(std::get<lan_search::found>(found[0]).said, said);
    // Who did not ask believes no answer; neither does who asked in another network.
    EXPECT_TRUE(rendezvous.on_datagram("evil:1", answer->data, {}, now).empty());
    (void)question(stranger);
    EXPECT_TRUE(stranger.on_datagram("evil:1", answer->data, {}, now).empty());
}

TEST_F(lan_search_test, a_flood_of_questions_and_noise_does_no_harm) {
    const bytes asked = question(edge);
    for (std::size_t i = 0; i < 10 * lan_search::answers_waiting_most; ++i) {
        (void)rendezvous.on_datagram("edge:1", asked, said, now);
    }
    EXPECT_EQ(rendezvous.on_time(false, now + 1s).size(), lan_search::answers_waiting_most);
    std::size_t found = 0;
    (void)rendezvous.on_datagram("edge:1", asked, said, now);
    const bytes good = answer_of(rendezvous)->data;
    for (int i = 0; i < 20'000; ++i) {
        bytes noise = entropy.below(2) == 0 ? good : asked;
        if (entropy.below(2) == 0) {
            noise.resize(static_cast<std::size_t>(entropy.below(noise.size())));
        } else {  // the nonce, or the tag
            noise[static_cast<std::size_t>(5 + entropy.below(51))] ^=
                static_cast<std::uint8_t>(1 + entropy.below(255));
        }
        found += edge.on_datagram("evil:1", noise, {}, now).size();
    }
    EXPECT_EQ(found, 0u);
}

}  // namespace
}  // namespace calbox::overlay
