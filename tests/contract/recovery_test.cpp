#include "contract/plugins.hpp"
#include "contract/recovery_world.hpp"

namespace calbox::contract {
namespace {

class recovery_suite : public testing::TestWithParam<std::string> {
protected:
    void SetUp() override {
        auto made = host().recovery(GetParam(), "");
        ASSERT_TRUE(made) << made.error().message();
        strategy_.emplace(std::move(*made));
    }
    recovery_world world(std::uint64_t seed = 1) { return recovery_world(**strategy_, seed); }
    static void give(holdings& to, std::uint32_t n, std::uint64_t version, std::size_t length = 200,
                     std::uint8_t writer = 0) {
        const auto [event, held] = envelope_of(n, version, length, writer);
        to[event] = held;
    }
    static void expect_same(const holdings& held, const holdings& wanted) {
        EXPECT_EQ(held.size(), wanted.size());
        for (const auto& [event, one] : wanted) {
            const auto found = held.find(event);
            ASSERT_NE(found, held.end()) << "an event is missing";
            EXPECT_EQ(found->second.order, one.order) << "not the newest version";
            EXPECT_EQ(found->second.encoded, one.encoded) << "other bytes than were stored";
        }
    }
    const device_id ann_ = device_of(1), bob_ = device_of(2), backup_ = device_of(3),
                    second_ = device_of(4);
    std::optional<plugins::loaded<recovery::strategy>> strategy_;
};

TEST_P(recovery_suite, alone_it_ends_at_once_and_is_caught_up) {
    auto w = world();
    give(w.mine, 1, 1);
    const auto end = w.run({}, {});
    EXPECT_TRUE(end.caught_up);
    EXPECT_TRUE(end.silent.empty());
    EXPECT_LT(w.took, std::chrono::seconds(1));
}

TEST_P(recovery_suite, an_empty_device_gets_everything_from_friends_or_from_backups) {
    for (const bool from_backup : {false, true}) {
        auto w = world();
        for (std::uint32_t n = 0; n < 300; ++n) {
            give(w.others[from_backup ? backup_ : ann_], n, 1 + n % 5);
        }
        const auto wanted = w.newest_of({from_backup ? backup_ : ann_});
        const auto end = from_backup ? w.run({}, {backup_}) : w.run({ann_}, {});
        EXPECT_TRUE(end.caught_up);
        EXPECT_GE(end.rounds, 1U);
        expect_same(w.mine, wanted);
    }
}

TEST_P(recovery_suite, the_newest_version_of_anybody_wins_and_what_is_held_stays) {
    auto w = world();
    for (std::uint32_t n = 0; n < 60; ++n) {
        give(w.mine, n, 3);
        give(w.others[ann_], n, n % 6);
        give(w.others[bob_], n, n % 4);
        give(w.others[backup_], n, n % 9);
    }
    give(w.mine, 100, 1);          // only here
    give(w.others[bob_], 101, 1);  // only there
    give(w.others[backup_], 102, 7);
    give(w.others[ann_], 103, 2, 200, 1);  // two of one version: their hashes decide
    give(w.others[bob_], 103, 2, 200, 2);
    const auto wanted = w.newest_of({ann_, bob_, backup_});
    EXPECT_TRUE(w.run({ann_, bob_}, {backup_}).caught_up);
    expect_same(w.mine, wanted);
}

TEST_P(recovery_suite, a_second_exchange_brings_nothing_new) {
    auto w = world();
    for (std::uint32_t n = 0; n < 40; ++n) {
        give(w.others[ann_], n, 2);
        give(w.others[backup_], n, 2);
    }
    w.run({ann_}, {backup_});
    const auto held = w.mine;
    const auto applied = w.applied;
    EXPECT_TRUE(w.run({ann_}, {backup_}).caught_up);
    EXPECT_EQ(w.applied, applied);
    expect_same(w.mine, held);
}

TEST_P(recovery_suite, whoever_is_silent_is_named_and_the_others_are_heard) {
    auto w = world();
    give(w.others[ann_], 1, 1);
    give(w.others[bob_], 2, 1);
    give(w.others[backup_], 3, 1);
    w.dead = {bob_};
    const auto wanted = w.newest_of({ann_, backup_});
    const auto end = w.run({ann_, bob_}, {backup_});
    EXPECT_FALSE(end.caught_up);
    EXPECT_EQ(end.silent, std::vector{bob_});
    expect_same(w.mine, wanted);
}

TEST_P(recovery_suite, with_everybody_silent_it_ends_all_the_same) {
    auto w = world();
    w.others[ann_];
    w.others[backup_];
    w.dead = {ann_, backup_};
    const auto end = w.run({ann_}, {backup_}, std::chrono::minutes(2));
    EXPECT_FALSE(end.caught_up);
    EXPECT_EQ(end.silent.size(), 2U);
}

TEST_P(recovery_suite, one_who_answers_with_nonsense_harms_only_himself) {
    for (std::uint64_t seed = 1; seed < 40; ++seed) {
        auto w = world(seed);
        give(w.others[ann_], 1, 4);
        give(w.others[backup_], 2, 1);
        w.others[bob_];
        w.others[second_];
        w.lying = {bob_, second_};
        const auto wanted = w.newest_of({ann_, backup_});
        w.run({ann_, bob_}, {backup_, second_});
        expect_same(w.mine, wanted);
    }
}

TEST_P(recovery_suite, order_and_repetition_of_messages_do_not_matter) {
    for (std::uint64_t seed = 1; seed < 20; ++seed) {
        auto w = world(seed);
        for (std::uint32_t n = 0; n < 30; ++n) {
            give(w.mine, n, 1 + n % 3);
            give(w.others[ann_], n, 1 + n % 4, 30'000);
            give(w.others[backup_], n + 10, 1 + n % 5, 30'000);
        }
        w.shuffled = true;
        w.repeated_percent = 40;
        const auto wanted = w.newest_of({ann_, backup_});
        EXPECT_TRUE(w.run({ann_}, {backup_}).caught_up);
        expect_same(w.mine, wanted);
    }
}

TEST_P(recovery_suite, a_loss_is_noticed_or_made_good) {
    for (std::uint64_t seed = 1; seed < 40; ++seed) {
        auto w = world(seed);
        for (std::uint32_t n = 0; n < 20; ++n) {
            give(w.others[ann_], n, 2, 60'000);
            give(w.others[backup_], n, 3, 60'000);
        }
        w.lost_percent = 20;
        const auto wanted = w.newest_of({ann_, backup_});
        if (w.run({ann_}, {backup_}).caught_up) {
            expect_same(w.mine, wanted);  // who says so must be right
        }
    }
}

TEST_P(recovery_suite, long_envelopes_travel_too) {
    auto w = world();
    for (std::uint32_t n = 0; n < 5; ++n) {
        give(w.others[ann_], n, 1, 880 * 1024);
        give(w.others[backup_], n + 5, 1, n * 100 * 1024);
    }
    const auto wanted = w.newest_of({ann_, backup_});
    EXPECT_TRUE(w.run({ann_}, {backup_}).caught_up);
    expect_same(w.mine, wanted);
}

TEST_P(recovery_suite, a_large_calendar_that_is_held_already_is_compared) {
    auto w = world();
    for (std::uint32_t n = 0; n < 12'000; ++n) {
        give(w.mine, n, 1, 10);
        give(w.others[backup_], n, 1 + (n % 4000 == 0 ? 1 : 0), 10);
    }
    const auto wanted = w.newest_of({backup_});
    EXPECT_TRUE(w.run({}, {backup_}).caught_up);
    expect_same(w.mine, wanted);
}

TEST_P(recovery_suite, a_responder_survives_any_bytes) {
    test::seeded_random chance(9);
    holdings held;
    give(held, 1, 1);
    for (int round = 0; round < 5000; ++round) {
        bytes data(chance.below(200));
        chance.fill(data);
        const auto answers = (*strategy_)->respond(data, holdings_view(held), {{}, chance});
        EXPECT_TRUE(answers || answers.error().code == errc::malformed ||
                    answers.error().code == errc::unsupported);
    }
}

TEST_P(recovery_suite, every_change_of_a_byte_of_a_question_is_answered_or_refused) {
    // The questions of a real exchange, each byte changed: no crash, and no answer beyond what is
    // shown.
    test::seeded_random chance(10);
    holdings held, mine;
    for (std::uint32_t n = 0; n < 5; ++n) {
        give(held, n, 2);
        give(mine, n, 1);
    }
    std::vector<recovery::effect> effects;
    const auto machine = (*strategy_)->initiate();
    machine->step(recovery::begin{{ann_}, {backup_}}, holdings_view(mine), {{}, chance}, effects);
    for (const auto& effect : effects) {
        const auto* const out = std::get_if<recovery::send>(&effect);
        for (std::size_t at = 0; out != nullptr && at < out->body.size(); ++at) {
            bytes changed = out->body;
            changed[at] = static_cast<std::uint8_t>(changed[at] ^ (1U << chance.below(8)));
            (void)(*strategy_)->respond(changed, holdings_view(held), {{}, chance});
            changed.resize(at);
            (void)(*strategy_)->respond(changed, holdings_view(held), {{}, chance});
        }
    }
}

TEST_P(recovery_suite, a_peer_that_is_lost_is_not_waited_for) {
    test::seeded_random chance(11);
    const holdings none;
    std::vector<recovery::effect> effects;
    const auto machine = (*strategy_)->initiate();
    const recovery::context where{instant{std::chrono::hours(1)}, chance};
    machine->step(recovery::begin{{ann_}, {}}, holdings_view(none), where, effects);
    effects.clear();
    machine->step(recovery::peer_lost{ann_}, holdings_view(none), where, effects);
    ASSERT_FALSE(effects.empty());
    const auto* const end = std::get_if<recovery::finished>(&effects.back());
    ASSERT_NE(end, nullptr);
    EXPECT_FALSE(end->caught_up);
    EXPECT_EQ(end->silent, std::vector{ann_});
}

INSTANTIATE_TEST_SUITE_P(plugin, recovery_suite, testing::ValuesIn(names()), name_of);

}  // namespace
}  // namespace calbox::contract
