// The lists that recovery compares: whatever changes, a kept list says what one says that is made
// anew, and what is kept is bounded.
#include "replica/shown_lists.hpp"

#include <gtest/gtest.h>

#include "unit/replica/replica_bench.hpp"

namespace calbox::replica {
namespace {

using choice = shown_lists::choice;

class shown_lists_test : public testing::Test {
protected:
    event_id event(std::uint32_t n) const {
        return {alice.id, event_id::make_seq(device_number(1), n)};
    }
    /// A version by alice that nobody has signed.
    void put(std::uint32_t n, std::uint64_t version, std::vector<user_id> guests,
             envelope_kind kind = envelope_kind::put) {
        verified_envelope next;
        next.header = header_of(event(n), alice, version, std::move(guests));
        next.header.kind = kind;
        for (const user_id& guest : next.header.participants) {
            next.header.streams.emplace_back(guest, stream_number(++numbers_));
        }
        next.order = {next.header.generation, next.header.version, {}};
        in.entropy.fill(next.order.hash.value);
        next.what.header = codec::encode(next.header);
        events.publish(std::move(next));
    }
    void expect_as_anew(const choice& what) {
        const auto kept = events.list(what);
        shown_lists none;
        const auto anew = none.of(what, events.all(), events.numbers());
        ASSERT_EQ(kept->events.size(), anew->events.size());
        for (std::size_t i = 0; i < kept->events.size(); ++i) {
            const recovery::listed &one = kept->events[i], &other = anew->events[i];
            ASSERT_EQ(one.event, other.event);
            ASSERT_EQ(one.order, other.order);
            ASSERT_EQ(one.number, other.number);
            if (one.number > 0) {
                ASSERT_EQ(kept->streams.at(one.stream), anew->streams.at(other.stream));
            }
        }
    }

    test::test_environment in;
    test::faulty_store store;
    database db{in.env, store};
    event_store events{in.env, db};
    const person alice{in.entropy}, bob{in.entropy}, eve{in.entropy};
    const choice of_bob{std::vector{bob.id}, std::nullopt, true};

private:
    std::uint64_t numbers_ = 0;
};

TEST_F(shown_lists_test, whatever_changes_a_kept_list_says_what_a_new_one_says) {
    const std::vector<choice> all{{},
                                  of_bob,
                                  {std::vector{eve.id}, std::nullopt, true},
                                  {std::vector{alice.id}, std::vector{bob.id, eve.id}},
                                  {std::nullopt, std::vector{eve.id}}};
    constexpr std::uint32_t most = 200;
    for (std::uint32_t n = 0; n < most; ++n) {
        put(n, 1, {bob.id});
    }
    for (int round = 0; round < 300; ++round) {
        for (std::uint64_t changes = in.entropy.below(12); changes > 0; --changes) {
            const auto n = static_cast<std::uint32_t>(in.entropy.below(most + 100));
            const held_event* const held = events.find(event(n));
            const std::uint64_t next = held == nullptr ? 1 : held->header.version.value + 1;
            std::vector<user_id> guests;
            for (const user_id& one : {bob.id, eve.id}) {
                if (in.entropy.below(2) == 0) {
                    guests.push_back(one);
                }
            }
            if (in.entropy.below(10) == 0) {
                events.lose(event(n));
            } else {
                put(n, next, guests,
                    in.entropy.below(10) == 0 ? envelope_kind::removed_you : envelope_kind::put);
            }
        }
        for (const choice& what : all) {
            ASSERT_NO_FATAL_FAILURE(expect_as_anew(what)) << round;
        }
    }
    EXPECT_EQ(events.lists().made(), all.size()) << "each was made once, and brought up to date";
}

TEST_F(shown_lists_test, a_list_has_another_state_when_something_on_it_changes_and_only_then) {
    put(1, 1, {bob.id});
    const auto state = [&] { return events.list(of_bob)->state; };
    const auto first = state();
    EXPECT_NE(first, 0U);
    put(2, 1, {eve.id});
    EXPECT_EQ(state(), first) << "bob has no part in it";
    put(1, 2, {bob.id});
    const auto second = state();
    EXPECT_NE(second, first);
    put(1, 3, {eve.id});
    EXPECT_NE(state(), second);
    EXPECT_TRUE(events.list(of_bob)->events.empty());
    EXPECT_NE(events.list({})->state, state()) << "no two lists have one";
}

TEST_F(shown_lists_test, whoever_still_looks_at_a_list_sees_it_as_it_was) {
    for (std::uint32_t n = 0; n < 50; ++n) {
        put(n, 1, {bob.id});
    }
    const auto before = events.list(of_bob);
    put(7, 2, {bob.id});
    put(60, 1, {bob.id});
    const auto after = events.list(of_bob);
    EXPECT_EQ(before->events.size(), 50U);
    EXPECT_EQ(before->events[7].order.version, version_number(1));
    EXPECT_EQ(after->events.size(), 51U);
    EXPECT_EQ(after->events[7].order.version, version_number(2));
}

TEST_F(shown_lists_test, more_changes_than_are_remembered_make_it_anew) {
    for (std::uint32_t n = 0; n < 10; ++n) {
        put(n, 1, {bob.id});
    }
    (void)events.list(of_bob);
    for (std::size_t i = 0; i <= shown_lists::changes_kept; ++i) {
        put(static_cast<std::uint32_t>(i % 10), 2 + i, {bob.id});
    }
    expect_as_anew(of_bob);
    EXPECT_EQ(events.lists().made(), 2U);
}

TEST_F(shown_lists_test, what_is_kept_is_bounded) {
    for (std::uint32_t n = 0; n < 1'000; ++n) {
        put(n, 1, {bob.id});
    }
    const auto user = [](std::size_t n) {
        user_id one;
        one.value[0] = static_cast<std::uint8_t>(n);
        one.value[1] = static_cast<std::uint8_t>(n >> 8);
        return one;
    };
    for (std::size_t n = 0; n < 2 * shown_lists::lists_most; ++n) {
        (void)events.list({std::vector{user(n)}, std::nullopt});
    }
    EXPECT_EQ(events.lists().size(), shown_lists::lists_most);
    // Each has all that is bob's: some eight of them are kept.
    for (std::size_t n = 0; n < 100; ++n) {
        EXPECT_EQ(events.list({std::vector{bob.id, user(n)}, std::nullopt})->events.size(), 1'000U);
    }
    EXPECT_LE(events.lists().entries(), 4'096 + 4 * events.all().size());
    expect_as_anew({std::vector{bob.id, user(1)}, std::nullopt});
}

}  // namespace
}  // namespace calbox::replica
