// What a store that calls itself durable must survive: a full disk, a second process, and kill -9
// at any moment.
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "contract/storage_suite.hpp"

namespace calbox::contract {
namespace {

class storage_faults : public storage_suite {
protected:
    void SetUp() override {
        storage_suite::SetUp();
        if (!durable()) {
            GTEST_SKIP() << GetParam() << " does not promise to be durable";
        }
    }
};

/// No file of this process may grow beyond `most` while it lives: the file system then says what a
/// full one says.
class full_disk {
public:
    explicit full_disk(rlim_t most) {
        ::signal(SIGXFSZ, SIG_IGN);
        ::getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit now{most, before_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &now);
    }
    ~full_disk() { ::setrlimit(RLIMIT_FSIZE, &before_); }
    full_disk(const full_disk&) = delete;
    full_disk& operator=(const full_disk&) = delete;

private:
    rlimit before_{};
};

TEST_P(storage_faults, a_full_disk_is_told_and_changes_nothing) {
    std::mt19937_64 engine(31);
    std::uint8_t written = 0;
    {
        const full_disk full(2'000'000);
        for (;; ++written) {
            batch writes;
            writes.put(record_kind::envelope, {written}, random_bytes(engine, 100'000));
            writes.put(record_kind::meta, {1}, {written});
            const auto done = records().apply(writes);
            if (!done) {
                EXPECT_EQ(to_string(done.error().code), "disk_full") << done.error().message();
                break;
            }
            ASSERT_LT(written, 100) << "the disk never became full";
        }
        ASSERT_GT(written, 2);
        EXPECT_EQ(scan(record_kind::envelope).size(), written)
            << "still readable, and nothing of the failed batch";
    }
    batch writes;
    writes.put(record_kind::envelope, {written}, {1});
    ASSERT_TRUE(records().apply(writes)) << "there is room again";
    reopen();
    EXPECT_EQ(scan(record_kind::envelope).size(), written + 1U);
    EXPECT_EQ(*records().get(record_kind::meta, bytes{1}),
              bytes{static_cast<std::uint8_t>(written - 1)});
    EXPECT_TRUE(store_->check()->sound);
}

TEST_P(storage_faults, a_full_disk_stops_a_file_and_not_the_store) {
    const full_disk full(100'000);
    ASSERT_TRUE(blobs().open_part(root_of(1)));
    const bytes piece(60'000, 7);
    ASSERT_TRUE(blobs().write_part(root_of(1), 0, piece));
    const auto done = blobs().write_part(root_of(1), 60'000, piece);
    ASSERT_FALSE(done);
    EXPECT_EQ(to_string(done.error().code), "disk_full") << done.error().message();
    ASSERT_TRUE(blobs().open_part(root_of(2)));
    ASSERT_TRUE(blobs().write_part(root_of(2), 0, piece));
    EXPECT_TRUE(blobs().finish(root_of(2)));
}

TEST_P(storage_faults, another_process_is_refused) {
    const pid_t child = ::fork();
    if (child == 0) {
        const auto second = (*strategy_)->open(directory_);
        ::_exit(!second && second.error().code == errc::busy ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "the child was not told busy";
}

/// Writes numbered batches and files until it is killed, and tells each number once it is
/// acknowledged.
[[noreturn]] void write_until_killed(storage::store& store, std::uint64_t next, int out) {
    for (;; ++next) {
        const bytes number =
            to_bytes(std::string_view(reinterpret_cast<const char*>(&next), sizeof next));
        batch writes;
        writes.put(record_kind::meta, {}, number);
        writes.put(record_kind::envelope, number, bytes(1 + next % 3000, 3));
        for (std::uint64_t i = 0; i < 3; ++i) {  // small files come with the batch
            writes.put_blob(root_of(1'000'000 + next * 3 + i), bytes(1 + next % 20'000, 5));
        }
        const file_root root = root_of(next);
        const bool done =
            store.blobs().open_part(root) && store.blobs().write_part(root, 0, number) &&
            (next % 8 != 0 || store.blobs().finish(root)) && store.records().apply(writes);
        if (!done || ::write(out, &next, sizeof next) != ssize_t{sizeof next}) {
            ::_exit(1);
        }
    }
}

TEST_P(storage_faults, killed_at_any_moment_loses_nothing_acknowledged) {
    std::mt19937_64 engine(41);
    std::uint64_t acknowledged = 0;
    // On a busy machine a child may be killed before it has written anything: then there are more.
    for (int round = 0; round < 25 || (acknowledged <= 25 && round < 500); ++round) {
        store_.reset();
        int ends[2];
        ASSERT_EQ(::pipe(ends), 0);
        const std::uint64_t next = acknowledged + 1;
        const pid_t child = ::fork();
        if (child == 0) {
            ::close(ends[0]);
            auto opened = (*strategy_)->open(directory_);
            if (!opened) {
                ::_exit(2);
            }
            write_until_killed(**opened, next, ends[1]);
        }
        ::close(ends[1]);
        std::this_thread::sleep_for(std::chrono::microseconds(5'000 + engine() % 40'000));
        ::kill(child, SIGKILL);
        std::uint64_t told = 0;
        while (::read(ends[0], &told, sizeof told) == ssize_t{sizeof told}) {
            acknowledged = told;
        }
        ::close(ends[0]);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << WEXITSTATUS(status);

        open();
        std::uint64_t last = 0;
        const auto stored = get(record_kind::meta, "");
        if (stored) {
            std::memcpy(&last, stored->data(), sizeof last);
        }
        ASSERT_GE(last, acknowledged) << "an acknowledged batch is lost";
        ASSERT_LE(last, acknowledged + 1) << "more than was written";
        ASSERT_EQ(scan(record_kind::envelope).size(), last) << "half a batch";
        for (std::uint64_t n = 8; n <= acknowledged; n += 8) {
            ASSERT_EQ(blobs().length(root_of(n))->value_or(0), sizeof n) << "file " << n;
        }
        for (std::uint64_t n = 1; n <= last + 2; ++n) {
            const std::uint64_t size = n <= last ? 1 + n % 20'000 : 0;
            for (std::uint64_t i = 0; i < 3; ++i) {
                const auto length = blobs().length(root_of(1'000'000 + n * 3 + i));
                ASSERT_EQ(length->value_or(0), size) << "small file of batch " << n;
            }
        }
        acknowledged = last;
    }
    EXPECT_GT(acknowledged, 25U) << "the children wrote next to nothing";
    EXPECT_TRUE(store_->check()->sound);
}

INSTANTIATE_TEST_SUITE_P(plugin, storage_faults, testing::ValuesIn(names()), name_of);

}  // namespace
}  // namespace calbox::contract
