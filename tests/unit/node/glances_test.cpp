// Which events take place when, without opening them, is right for every range, and known again
// after a restart by whoever may read them.
#include "node/glances.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/test_network.hpp"
#include "unit/replica/replica_bench.hpp"

namespace calbox::node {
namespace {

class glances_test : public testing::Test {
protected:
    glances_test() : anna_(crypto::identity::generate(in.entropy)) {}
    ~glances_test() override {
        tasks_.request_stop();
        in.run(tasks_.join());
    }
    glances made(bool signed_in = true) {
        return {in.env, db_,
                [this, signed_in](const user_id& user) {
                    return signed_in && user == anna_.id() ? &anna_ : nullptr;
                },
                tasks_};
    }
    event_id event(std::uint32_t n) const {
        return {anna_.id(), event_id::make_seq(device_number(1), n)};
    }
    glance at(std::int64_t start, std::int64_t length) {
        glance one;
        in.entropy.fill(one.version.value);
        one.by = anna_.id();
        one.utc = {{start}, {start + length}};
        one.uid = uid_mark(std::to_string(start));
        return one;
    }
    std::size_t taken(glances& from, std::uint32_t most) const {
        std::size_t found = 0;
        for (std::uint32_t n = 1; n <= most; ++n) {
            found += from.take_saved(event(n)) ? 1 : 0;
        }
        return found;
    }

    test::test_environment in;
    test::faulty_store disk_;
    replica::database db_{in.env, disk_};
    crypto::identity anna_;
    task_scope tasks_{in.env, "test"};
};

TEST_F(glances_test, those_that_meet_are_all_found_and_few_others) {
    constexpr std::int64_t hour = 3'600'000;
    const auto below = [&](std::int64_t most) {
        return static_cast<std::int64_t>(in.entropy.below(static_cast<std::uint64_t>(most)));
    };
    for (int world = 0; world < 50; ++world) {
        glances all = made();
        std::map<event_id, glance> each;
        for (std::uint32_t n = 1; n <= 60; ++n) {
            glance one = at(below(400) * hour, n % 9 == 0 ? below(600) * hour : below(4) * hour);
            one.series = n % 20 == 0;
            all.put(event(n), one, true);
            each.insert_or_assign(event(n), one);
        }
        const auto listed = all.meeting();
        const std::set<event_id> found(listed.begin(), listed.end());
        EXPECT_EQ(found.size(), listed.size());
        for (const auto& [which, one] : each) {
            const bool meets = std::ranges::any_of(each, [&](const auto& other) {
                return other.first != which && !other.second.series &&
                       other.second.utc.start <= one.utc.end &&
                       one.utc.start <= other.second.utc.end;
            });
            EXPECT_EQ(found.contains(which), one.series || meets) << "world " << world;
        }
    }
}

TEST_F(glances_test, a_range_has_what_looking_at_each_would_find) {
    constexpr std::int64_t day = 86'400'000;
    glances all = made();
    std::map<event_id, glance> each;
    const auto below = [&](std::int64_t most) {
        return static_cast<std::int64_t>(in.entropy.below(static_cast<std::uint64_t>(most)));
    };
    for (std::uint32_t n = 1; n <= 400; ++n) {
        // Some take moments, others weeks; some are moved, and some removed.
        glance one = at(below(200 * day), n % 7 == 0 ? below(40 * day) : below(9 * day));
        one.series = n % 50 == 0;
        const event_id which = event(1 + static_cast<std::uint32_t>(below(300)));
        all.put(which, one, true);
        each.insert_or_assign(which, one);
        if (n % 11 == 0) {
            all.erase(which);
            each.erase(which);
        }
    }
    for (int asked = 0; asked < 200; ++asked) {
        std::optional<timestamp> from, to;
        if (asked % 5 != 0) {
            from = timestamp{below(220 * day) - 10 * day};
        }
        if (asked % 7 != 0) {
            to = timestamp{from.value_or(timestamp()).ms + below(60 * day)};
        }
        std::vector<event_id> expected;
        for (const auto& [which, one] : each) {
            if (one.series || ((!from || one.utc.end >= *from) && (!to || one.utc.start < *to))) {
                expected.push_back(which);
            }
        }
        std::vector<event_id> found = all.between(from, to);
        std::ranges::sort(found);
        EXPECT_EQ(found, expected);
    }
}

TEST_F(glances_test, are_there_after_a_restart_for_their_reader_alone) {
    const auto many = static_cast<std::uint32_t>(2 * glances::kept_together + 10);
    glances before = made();
    std::vector<glance> put;
    for (std::uint32_t n = 1; n <= many; ++n) {
        put.push_back(at(n, 5));
        put.back().has_files = n % 2 == 0;
        before.put(event(n), put.back(), false);
    }
    in.advance(std::chrono::milliseconds(1));

    glances after = made();
    ASSERT_TRUE(in.run(after.load()));
    const auto one = after.take_saved(event(7));
    ASSERT_TRUE(one);
    EXPECT_EQ(one->version, put[6].version);
    EXPECT_EQ(one->utc.start.ms, 7);
    EXPECT_EQ(one->utc.end.ms, 12);
    EXPECT_EQ(one->uid, put[6].uid);
    EXPECT_FALSE(one->has_files);
    EXPECT_FALSE(one->checked);
    EXPECT_TRUE(after.take_saved(event(8))->has_files);
    EXPECT_FALSE(after.take_saved(event(7))) << "each is given once";
    // Those that did not fill a record are opened anew.
    EXPECT_GE(taken(after, many), many - glances::kept_together - 2);

    glances signed_out = made(false);
    ASSERT_TRUE(in.run(signed_out.load()));
    EXPECT_EQ(taken(signed_out, many), 0U);

    after.forget_all();
    in.advance(std::chrono::milliseconds(1));
    glances forgotten = made();
    ASSERT_TRUE(in.run(forgotten.load()));
    EXPECT_EQ(taken(forgotten, many), 0U);
}

TEST_F(glances_test, old_ones_do_not_pile_up_on_the_disk) {
    glances all = made();
    for (int round = 0; round < 40; ++round) {
        for (std::uint32_t n = 1; n <= glances::kept_together; ++n) {
            all.put(event(n), at(n, 5), false);
        }
        in.advance(std::chrono::milliseconds(1));
    }
    const auto rows = in.run(db_.scan(replica::record_kind::meta));
    ASSERT_TRUE(rows);
    EXPECT_LE(rows->size(), 10U);
    glances after = made();
    ASSERT_TRUE(in.run(after.load()));
    EXPECT_EQ(taken(after, glances::kept_together), glances::kept_together);
}

}  // namespace
}  // namespace calbox::node
