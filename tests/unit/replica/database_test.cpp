// Batches on their way to a store.
#include <gtest/gtest.h>

#include <stdexcept>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include "replica/database.hpp"
#include "support/test_environment.hpp"

namespace calbox::replica {
namespace {

/// Remembers which batches came.
class noting_store final : public storage::store, public storage::record_store {
public:
    std::vector<std::size_t> batches;

    record_store& records() noexcept override { return *this; }
    storage::blob_store& blobs() noexcept override { std::terminate(); }
    result<storage::check_report> check() override { return storage::check_report{true, ""}; }
    result<std::optional<bytes>> get(record_kind, byte_view) override {
        return std::optional<bytes>();
    }
    result<void> scan(record_kind, byte_view, byte_view,
                      const std::function<bool(byte_view, byte_view)>&) override {
        return {};
    }
    result<void> apply(const batch& writes) override {
        batches.push_back(writes.writes.size());
        return {};
    }
};

class database_test : public testing::Test {
protected:
    /// Somebody who wants a record written, and stops waiting for it when `gives_up` says so.
    void write(std::uint8_t key) {
        batch one;
        one.put(record_kind::meta, {key}, {});
        asio::co_spawn(
            on.context,
            [](database& db, batch what) -> task<void> {
                (void)co_await db.apply(std::move(what));
            }(db, std::move(one)),
            asio::bind_cancellation_slot(gives_up.slot(), [](std::exception_ptr) {}));
        on.context.restart();
        on.context.run_one();
    }

    test::test_environment on;
    noting_store disk;
    database db{on.env, disk};
    asio::cancellation_signal gives_up;
};

TEST_F(database_test, batches_that_wait_together_are_one_transaction) {
    write(1);
    write(2);
    write(3);
    on.settle();
    EXPECT_EQ(disk.batches, (std::vector<std::size_t>{1, 2}));
}

// A daemon that ends cancels whoever waits, and what was begun goes on: it must not find the
// database gone when it is done.
TEST_F(database_test, rests_when_all_that_was_begun_is_written_though_nobody_waits_for_it) {
    write(1);
    write(2);
    gives_up.emit(asio::cancellation_type::all);
    EXPECT_EQ(disk.batches, (std::vector<std::size_t>{1}));
    on.run(db.rest());
    EXPECT_EQ(disk.batches, (std::vector<std::size_t>{1, 1}));
    on.context.restart();
    EXPECT_EQ(on.context.poll(), 0U);
}

}  // namespace
}  // namespace calbox::replica
