// Batches that wait together, and a store that fails.
#include "replica/database.hpp"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include "support/faulty_store.hpp"
#include "support/test_environment.hpp"

namespace calbox::replica {
namespace {

batch one_row(std::uint8_t key) {
    batch writes;
    writes.put(record_kind::journal, {key}, {1});
    return writes;
}

TEST(database_test, batches_that_wait_together_commit_together) {
    test::test_environment in;
    test::faulty_store store;
    database db(in.env, store);
    std::vector<std::optional<result<void>>> ends(5);
    for (std::uint8_t i = 0; i < ends.size(); ++i) {
        asio::co_spawn(in.context, db.apply(one_row(i)),
                       [&ends, i](std::exception_ptr, result<void> how) { ends[i] = how; });
    }
    in.settle();
    for (const auto& end : ends) {
        EXPECT_TRUE(end && *end);
    }
    EXPECT_EQ(store.held.size(), 5U);
    EXPECT_EQ(store.applied, 2U);  // the first, and the four that came meanwhile
}

TEST(database_test, a_batch_that_cannot_be_written_does_not_take_its_neighbours_with_it) {
    test::test_environment in;
    test::faulty_store store;
    store.refuses = [](const batch& writes) {
        return std::ranges::any_of(writes.writes, [](const auto& one) { return one.key[0] == 2; });
    };
    database db(in.env, store);
    std::vector<std::optional<result<void>>> ends(4);
    for (std::uint8_t i = 0; i < ends.size(); ++i) {
        asio::co_spawn(in.context, db.apply(one_row(i)),
                       [&ends, i](std::exception_ptr, result<void> how) { ends[i] = how; });
    }
    in.settle();
    for (std::uint8_t i = 0; i < ends.size(); ++i) {
        ASSERT_TRUE(ends[i]);
        EXPECT_EQ(ends[i]->has_value(), i != 2) << int{i};
    }
    EXPECT_EQ(store.held.size(), 3U);
}

TEST(database_test, says_when_it_cannot_read) {
    test::test_environment in;
    test::faulty_store store;
    database db(in.env, store);
    ASSERT_TRUE(in.run(db.apply(one_row(1))));
    EXPECT_TRUE(in.run(db.check())->sound);
    store.unreadable = true;
    EXPECT_EQ(in.run(db.get(record_kind::journal, {1})).error().code, errc::io_failed);
    EXPECT_EQ(in.run(db.scan(record_kind::journal)).error().code, errc::io_failed);
}

// A daemon that ends cancels whoever waits, and what was begun goes on: it must not find the
// database gone when it is done.
TEST(database_test, rests_when_all_that_was_begun_is_written_though_nobody_waits_for_it) {
    test::test_environment in;
    test::faulty_store store;
    database db(in.env, store);
    asio::cancellation_signal giving_up[2];
    for (std::uint8_t i = 0; i < 2; ++i) {
        asio::co_spawn(in.context, db.apply(one_row(i)),
                       asio::bind_cancellation_slot(giving_up[i].slot(),
                                                    [](std::exception_ptr, result<void>) {}));
    }
    while (store.applied == 0) {
        ASSERT_EQ(in.context.run_one(), 1U);
    }
    in.context.run_one();  // the second batch waits for the first
    for (asio::cancellation_signal& one : giving_up) {
        one.emit(asio::cancellation_type::all);
    }
    EXPECT_EQ(store.held.size(), 1U);
    in.run(db.rest());
    EXPECT_EQ(store.held.size(), 2U);
    in.context.restart();
    EXPECT_EQ(in.context.poll(), 0U);
}

}  // namespace
}  // namespace calbox::replica
