// What a strategy with the trait `difference` promises beyond the contract: it fetches what is
// lacking, each event once, in two questions one after the other, for about the bytes of what was
// missed.
#include <gtest/gtest.h>

#include "contract/plugins.hpp"
#include "contract/recovery_world.hpp"

namespace calbox::contract {
namespace {

std::vector<std::string> names_of_difference() {
    std::vector<std::string> all;
    for (const std::string& name : names()) {
        if (has_trait("recovery", name, "difference")) {
            all.push_back(name);
        }
    }
    return all;
}

class recovery_difference : public testing::TestWithParam<std::string> {
protected:
    void SetUp() override {
        auto made = host().recovery(GetParam(), "");
        ASSERT_TRUE(made) << made.error().message();
        strategy_.emplace(std::move(*made));
    }
    recovery_world world(std::uint64_t seed = 1) { return recovery_world(**strategy_, seed); }
    bool sublinear() const { return has_trait("recovery", GetParam(), "sublinear"); }
    /// Asks friends by the numbers of streams.
    bool numbered() const { return has_trait("recovery", GetParam(), "numbered"); }
    static void give(holdings& to, std::uint32_t n, std::uint64_t version,
                     std::size_t length = 300) {
        const auto [event, held] = envelope_of(n, version, length);
        to[event] = held;
    }
    /// Ann, Bob and the backup hold `all` events; this device lacks every `all / missing`-th.
    recovery_world missing_some(std::uint32_t all, std::uint32_t missing) {
        auto w = world(missing + 1);
        const std::uint32_t step = missing == 0 ? all + 1 : all / missing;
        holdings everything;
        for (std::uint32_t n = 0; n < all; ++n) {
            give(everything, n, 1 + n % 3);
        }
        std::uint32_t n = 0;
        for (const auto& one : everything) {
            if (++n % step != 0) {
                w.mine.insert(one);
            }
        }
        for (const auto& device : {ann_, bob_, backup_}) {
            w.others[device] = everything;
        }
        return w;
    }
    static void expect_same(const holdings& held, const holdings& wanted) {
        ASSERT_EQ(held.size(), wanted.size());
        for (const auto& [event, one] : wanted) {
            ASSERT_EQ(held.at(event).encoded, one.encoded);
        }
    }
    const device_id ann_ = device_of(1), bob_ = device_of(2), backup_ = device_of(3),
                    second_ = device_of(4);
    std::optional<plugins::loaded<recovery::strategy>> strategy_;
};

TEST_P(recovery_difference, bytes_and_rounds_for_any_number_missing) {
    constexpr std::uint32_t all = 10'000;
    for (const std::uint32_t missing : {0U, 1U, 10U, 100U, 1'000U, 10'000U}) {
        if (test::sanitized && missing == 1'000) {
            break;
        }
        auto w = missing_some(all, missing);
        const auto wanted = w.newest_of({ann_, bob_, backup_});
        const auto end = w.run({ann_, bob_}, {backup_});
        expect_same(w.mine, wanted);
        EXPECT_TRUE(end.caught_up);
        EXPECT_EQ(end.duplicates, 0U);
        EXPECT_EQ(w.stale, 0U);
        EXPECT_EQ(w.applied, missing);
        EXPECT_EQ(w.envelopes_from[backup_], 0U) << "friends had everything";
        EXPECT_LE(end.rounds, 2U) << missing;
        // Beside the envelopes: a list costs 12 bytes an event and peer; a sketch of each friend
        // about 14 bytes for each of 1.4 to 3 symbols an event that is missing; a request 8 bytes,
        // and what an envelope is 16.
        const std::uint64_t spent = w.bytes_asked + w.bytes_answered - w.applied_bytes;
        const std::uint64_t lists = 3 * 12 * all + 50 * missing + 1'000;
        const std::uint64_t sketches = 2 * 14 * 3 * missing + 30 * missing + 2'500;
        // By numbers each hole costs some bytes at each friend, and an envelope five for its place.
        const std::uint64_t numbers = 2 * (10 * 7 + 60) + 17 * missing + 500;
        EXPECT_LE(spent, numbered()    ? numbers
                         : sublinear() ? std::min(lists, sketches)
                                       : lists)
            << missing;
        RecordProperty("bytes_beside_the_envelopes_" + std::to_string(missing),
                       std::to_string(spent));
    }
}

TEST_P(recovery_difference, nothing_missing_costs_next_to_nothing) {
    if (!sublinear()) {
        GTEST_SKIP() << "a list is as long as the calendar";
    }
    auto w = missing_some(10'000, 0);
    EXPECT_EQ(w.run({ann_}, {}).rounds, 1U);
    EXPECT_LE(w.bytes_asked, numbered() ? 128U : 64U);  // seven streams
    EXPECT_LE(w.bytes_answered, 64U);
}

TEST_P(recovery_difference, changes_and_deletions_come_once_each) {
    // A deletion is a version like any other here: the newest envelope of its event.
    auto w = world();
    for (std::uint32_t n = 0; n < 2'000; ++n) {
        give(w.mine, n, 1);
        for (const auto& device : {ann_, bob_, backup_}) {
            give(w.others[device], n, n % 20 == 0 ? 2 : 1);
        }
    }
    const auto wanted = w.newest_of({ann_, bob_, backup_});
    const auto end = w.run({ann_, bob_}, {backup_});
    expect_same(w.mine, wanted);
    EXPECT_EQ(w.applied, 100U);
    EXPECT_EQ(end.duplicates, 0U);
    EXPECT_EQ(w.envelopes_from[backup_], 0U);
}

TEST_P(recovery_difference, what_is_older_elsewhere_is_not_fetched) {
    auto w = world();
    for (std::uint32_t n = 0; n < 500; ++n) {
        give(w.mine, n, n % 10 == 0 ? 3 : 1);
        give(w.others[ann_], n, n % 50 == 7 ? 2 : 1);
    }
    const auto wanted = w.newest_of({ann_});
    const auto end = w.run({ann_}, {});
    expect_same(w.mine, wanted);
    EXPECT_EQ(end.duplicates, 0U);
    EXPECT_EQ(w.applied, 10U);
    EXPECT_EQ(w.stale, 0U);
}

TEST_P(recovery_difference, the_work_is_shared_among_those_who_have_it) {
    auto w = missing_some(3'000, 1'000);
    w.run({ann_, bob_}, {backup_});
    EXPECT_EQ(w.envelopes_from[ann_] + w.envelopes_from[bob_], 1'000U);
    EXPECT_GE(w.envelopes_from[ann_], 400U);
    EXPECT_GE(w.envelopes_from[bob_], 400U);
}

TEST_P(recovery_difference, backups_share_the_rest_and_make_good_for_each_other) {
    for (const bool alike : {true, false}) {
        auto w = missing_some(2'000, 500);
        w.others[second_] = w.others[backup_];
        if (!alike) {  // each lacks what the other one has
            std::erase_if(w.others[backup_],
                          [](const auto& one) { return one.first.seq % 7 == 1; });
            std::erase_if(w.others[second_],
                          [](const auto& one) { return one.first.seq % 7 == 2; });
        }
        const auto wanted = w.newest_of({backup_, second_});
        const auto end = w.run({}, {backup_, second_});
        expect_same(w.mine, wanted);
        EXPECT_EQ(end.duplicates, 0U);
        EXPECT_EQ(w.stale, 0U);
        // Where both sides have what the other lacks, their counts do not tell how long a sketch
        // must be, and more of it is asked for.
        EXPECT_LE(end.rounds, alike ? 2U : sublinear() ? 6U : 3U);
        EXPECT_GE(w.envelopes_from[backup_], 100U);
        EXPECT_GE(w.envelopes_from[second_], 100U);
    }
}

TEST_P(recovery_difference, the_backup_gives_only_what_no_friend_has) {
    auto w = missing_some(2'000, 500);
    std::erase_if(w.others[ann_], [](const auto& one) { return one.first.seq % 10 == 0; });
    std::erase_if(w.others[bob_], [](const auto& one) { return one.first.seq % 5 == 0; });
    const auto wanted = w.newest_of({backup_});
    std::uint64_t nobody_else = 0;
    for (const auto& [event, held] : w.others[backup_]) {
        nobody_else += !w.mine.contains(event) && !w.others[ann_].contains(event) &&
                               !w.others[bob_].contains(event)
                           ? 1
                           : 0;
    }
    const auto end = w.run({ann_, bob_}, {backup_});
    expect_same(w.mine, wanted);
    EXPECT_EQ(end.duplicates, 0U);
    EXPECT_EQ(w.envelopes_from[backup_], nobody_else);
    EXPECT_LE(end.rounds, sublinear() ? 4U : 2U);  // friends lack what is held here
}

TEST_P(recovery_difference, a_peer_lost_at_any_message_is_made_good_by_the_others) {
    for (unsigned after = 0; after < 8; ++after) {
        auto w = missing_some(3'000, 1'500);
        const auto wanted = w.newest_of({ann_, bob_, backup_});
        w.breaks_after[ann_] = after;
        const auto end = w.run({ann_, bob_}, {backup_});
        expect_same(w.mine, wanted);
        EXPECT_EQ(end.duplicates, 0U);
        EXPECT_EQ(end.silent.empty(), end.caught_up);
    }
}

TEST_P(recovery_difference, who_promises_what_he_does_not_have_delays_and_withholds_nothing) {
    auto w = missing_some(1'000, 200);
    const auto wanted = w.newest_of({bob_, backup_});
    holdings boasts;
    for (std::uint32_t n = 0; n < 1'000; ++n) {
        const auto [event, held] = envelope_of(n, 1 + n % 3, 1);
        boasts[event] = {held.order, bytes{1, 2, 3}};
        boasts[event].order.version = boasts[event].order.version.next();
    }
    w.others[ann_] = boasts;
    w.run({ann_, bob_}, {backup_});
    expect_same(w.mine, wanted);
}

TEST_P(recovery_difference, messages_changed_on_their_way_harm_only_what_they_said) {
    for (std::uint64_t seed = 1; seed <= seeds(60); ++seed) {
        auto w = world(seed);
        for (std::uint32_t n = 0; n < 300; ++n) {
            give(w.mine, n, 1, 20);
            give(w.others[ann_], n, n % 5 == 0 ? 2 : 1, 20);
            give(w.others[bob_], n + 50, 1, 20);
            give(w.others[backup_], n + 20, 2, 20);
        }
        w.changed_percent = 50;
        const auto before = w.mine;
        w.run({ann_, bob_}, {backup_});
        for (const auto& [event, held] : before) {
            EXPECT_GE(w.mine.at(event).order, held.order);
        }
    }
}

TEST_P(recovery_difference, nobody_is_told_of_what_he_does_not_share) {
    // Ann shares the even events, Bob the odd ones; what each is told must not depend on the rest.
    const auto asked_of_ann = [&](std::uint32_t odd_events) {
        auto w = world(3);
        w.shares = [&](const device_id& device, const event_id& event) {
            return device == backup_ || (event.seq % 2 == 0) == (device == ann_);
        };
        for (std::uint32_t n = 0; n < 400; ++n) {
            const bool shared_with_ann = envelope_of(n, 1).first.seq % 2 == 0;
            if (shared_with_ann || n < odd_events) {
                give(w.mine, n, 1);
            }
            give(w.others[ann_], n, n % 40 == 0 ? 2 : 1);
        }
        w.run({ann_}, {});
        return w.bytes_asked;
    };
    if (!numbered()) {
        EXPECT_EQ(asked_of_ann(0), asked_of_ann(400));
    }
    auto w = world(4);
    w.shares = [&](const device_id& device, const event_id& event) {
        return device == backup_ || (event.seq % 2 == 0) == (device == ann_);
    };
    for (std::uint32_t n = 0; n < 400; ++n) {
        give(w.mine, n, 1);
        for (const auto& device : {ann_, bob_, backup_}) {
            give(w.others[device], n, n % 3 == 0 ? 2 : 1);
        }
    }
    const auto wanted = w.newest_of({ann_, bob_, backup_});
    const auto end = w.run({ann_, bob_}, {backup_});
    expect_same(w.mine, wanted);
    EXPECT_EQ(end.duplicates, 0U);
    EXPECT_EQ(w.envelopes_from[backup_], 0U);
}

TEST_P(recovery_difference, nobody_is_told_of_streams_of_authors_whom_he_does_not_share) {
    // Ann shares what organizer 1 makes, and nothing of the others.
    const auto asked_of_ann = [&](bool others) {
        auto w = world(3);
        w.shares = [&](const device_id&, const event_id& event) {
            return event.organizer.value[0] == 1;
        };
        for (std::uint32_t n = 0; n < 400; ++n) {
            const bool shared = envelope_of(n, 1).first.organizer.value[0] == 1;
            if (shared || others) {
                give(w.mine, n, 1);
            }
            give(w.others[ann_], n, n % 40 == 0 ? 2 : 1);
        }
        w.run({ann_}, {});
        return w.bytes_asked;
    };
    EXPECT_EQ(asked_of_ann(false), asked_of_ann(true));
}

TEST_P(recovery_difference, numbers_that_say_too_much_are_found_out) {
    // As after damage to a disk: the numbers came, and the events are not there.
    auto w = missing_some(2'000, 0);
    const auto wanted = w.newest_of({ann_, bob_, backup_});
    w.run({ann_, bob_}, {backup_});
    std::erase_if(w.mine, [](const auto& one) { return one.first.seq % 50 == 3; });
    EXPECT_TRUE(w.run({ann_, bob_}, {backup_}).caught_up);
    expect_same(w.mine, wanted);
    std::erase_if(w.mine, [](const auto& one) { return one.first.seq % 50 == 5; });
    EXPECT_TRUE(w.run({}, {backup_}).caught_up);
    expect_same(w.mine, wanted);
}

TEST_P(recovery_difference, numbers_of_versions_that_were_never_seen_cost_one_stale_copy_each) {
    auto w = world();
    w.saw_all = false;
    for (std::uint32_t n = 0; n < 500; ++n) {
        give(w.others[ann_], n, 1);
        give(w.mine, n, n % 10 == 0 ? 3 : 1);
    }
    const auto held = w.mine;
    w.run({ann_}, {});
    expect_same(w.mine, held);
    EXPECT_LE(w.stale, numbered() ? 50U : 0U);
    w.stale = 0;
    w.run({ann_}, {});
    EXPECT_EQ(w.stale, 0U);
}

TEST_P(recovery_difference, a_question_about_little_is_not_answered_with_much) {
    // Whatever number a question names, the answer is bounded by what is held, or by a sketch's
    // limit of 131,072 symbols.
    test::seeded_random chance(5);
    holdings few, mine;
    give(few, 1, 1);
    for (std::uint32_t n = 0; n < 30; ++n) {
        give(mine, n, 1);
    }
    std::vector<recovery::effect> effects;
    const auto machine = (*strategy_)->initiate();
    machine->step(recovery::begin{{ann_}, {backup_}}, holdings_view(mine), {{}, chance}, effects);
    for (const auto& effect : effects) {
        const auto* const out = std::get_if<recovery::send>(&effect);
        for (std::size_t at = 0; out != nullptr && at < out->body.size(); ++at) {
            for (const std::uint8_t value : {0x00, 0x1b, 0x7f, 0xff}) {
                bytes changed = out->body;
                changed[at] = value;
                auto answers = (*strategy_)->respond(changed, holdings_view(few), {{}, chance});
                std::size_t size = 0;
                for (const bytes& body : answers.value_or(std::vector<bytes>())) {
                    size += body.size();
                }
                EXPECT_LE(size, 20'000U);
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(plugin, recovery_difference, testing::ValuesIn(names_of_difference()),
                         name_of);

}  // namespace
}  // namespace calbox::contract
