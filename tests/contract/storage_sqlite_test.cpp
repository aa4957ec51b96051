// What is special to the sqlite plugin: versions of its layout, and damage.
#include <SQLiteCpp/SQLiteCpp.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "contract/storage_suite.hpp"

namespace calbox::contract {
namespace {

class storage_sqlite : public storage_suite {
protected:
    std::string path() const { return directory_ + "/calbox.db"; }
    void change(const std::string& statement) {
        SQLite::Database database(path(), SQLite::OPEN_READWRITE);
        database.exec(statement);
    }
    bytes contents(const std::string& file) const {
        std::ifstream in(file, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
};

TEST_P(storage_sqlite, a_newer_layout_is_refused_and_not_touched) {
    put(record_kind::meta, "a", "1");
    store_.reset();
    change("PRAGMA user_version = 99");
    const bytes before = contents(path());
    const auto opened = (*strategy_)->open(directory_);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, errc::unsupported);
    EXPECT_NE(opened.error().message().find("layout 99"), std::string::npos)
        << opened.error().message();
    EXPECT_TRUE(contents(path()) == before);
    change("PRAGMA user_version = 1");
    open();
    EXPECT_TRUE(get(record_kind::meta, "a"));
}

TEST_P(storage_sqlite, an_older_layout_is_copied_and_migrated) {
    put(record_kind::meta, "a", "1");
    store_.reset();
    change("DROP TABLE overlay");
    change("PRAGMA user_version = 0");
    open();
    EXPECT_TRUE(get(record_kind::meta, "a"));
    put(record_kind::overlay, "b", "2");
    store_.reset();
    SQLite::Database copy(path() + ".v0", SQLite::OPEN_READONLY);
    EXPECT_EQ(copy.execAndGet("SELECT count(*) FROM meta").getInt(), 1);
    EXPECT_FALSE(copy.tableExists("overlay"));
    struct stat about{};
    ASSERT_EQ(::stat((path() + ".v0").c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777, 0600U);
    SQLite::Database now(path(), SQLite::OPEN_READONLY);
    EXPECT_EQ(now.execAndGet("PRAGMA user_version").getInt(), 2);
}

TEST_P(storage_sqlite, a_store_from_before_there_were_small_files_as_rows_goes_on) {
    put(record_kind::meta, "a", "1");
    const bytes data(3'000, 7);
    ASSERT_TRUE(blobs().open_part(root_of(1)));
    ASSERT_TRUE(blobs().write_part(root_of(1), 0, data));
    ASSERT_TRUE(blobs().finish(root_of(1)));
    store_.reset();
    change("DROP TABLE blob");
    change("PRAGMA user_version = 1");
    open();
    EXPECT_TRUE(get(record_kind::meta, "a"));
    EXPECT_TRUE(*blobs().read(root_of(1), 0, data.size()) == data) << "as the file that it is";
    batch writes;
    writes.put_blob(root_of(2), data);
    ASSERT_TRUE(records().apply(writes));
    EXPECT_EQ(store_->measure()->blobs, 2U);
    EXPECT_EQ(store_->measure()->layout, 2U);
    EXPECT_TRUE(std::filesystem::exists(path() + ".v1"));
    store_.reset();
    SQLite::Database now(path(), SQLite::OPEN_READONLY);
    EXPECT_EQ(now.execAndGet("SELECT count(*) FROM blob").getInt(), 1);
}

TEST_P(storage_sqlite, files_are_for_their_owner_only) {
    const mode_t before = ::umask(0);
    store_.reset();
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directory(directory_);
    open();
    put(record_kind::meta, "a", "1");
    ASSERT_TRUE(blobs().open_part(root_of(1)));
    ASSERT_TRUE(blobs().finish(root_of(1)));
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_)) {
        struct stat about{};
        ASSERT_EQ(::stat(entry.path().c_str(), &about), 0);
        EXPECT_EQ(about.st_mode & 0777, entry.is_directory() ? 0700U : 0600U) << entry.path();
    }
    ::umask(before);
}

TEST_P(storage_sqlite, damage_is_seen_after_a_kill) {
    store_.reset();
    const pid_t child = ::fork();
    if (child == 0) {
        auto opened = (*strategy_)->open(directory_);
        for (std::uint8_t i = 0; opened && i < 200; ++i) {
            batch writes;
            writes.put(record_kind::envelope, {i}, bytes(2000, i));
            (void)(*opened)->records().apply(writes);
        }
        ::raise(SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    // The log is moved into the database, the database is damaged, and what is left of the log says
    // "killed".
    const bytes log = contents(path() + "-wal");
    ASSERT_FALSE(log.empty());
    {
        change("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    {
        std::fstream database(path(), std::ios::binary | std::ios::in | std::ios::out);
        database.seekp(4096 * 20);
        database << std::string(4096 * 10, 'x');
    }
    std::ofstream(path() + "-wal", std::ios::binary) << "not a log";
    const auto opened = (*strategy_)->open(directory_);
    ASSERT_FALSE(opened);
    EXPECT_EQ(to_string(opened.error().code), "malformed") << opened.error().message();
}

/// Where the row goes on is lost, so that SQLite can neither read nor remove nor replace it.
TEST_P(storage_sqlite, a_damaged_row_of_a_small_file_takes_nothing_with_it) {
    put(record_kind::meta, "a", "1");
    batch writes;
    for (const std::uint8_t n : {1, 2}) {
        writes.put_blob(root_of(n), bytes(60'000, n));
    }
    ASSERT_TRUE(records().apply(writes));
    store_.reset();
    {
        const bytes all = contents(path());
        constexpr std::size_t page = 8192;
        std::size_t at = 0;
        while (at < all.size() &&
               !std::all_of(all.begin() + static_cast<std::ptrdiff_t>(at + 4),
                            all.begin() + static_cast<std::ptrdiff_t>(at + page),
                            [](std::uint8_t one) { return one == 1; })) {
            at += page;
        }
        ASSERT_LT(at, all.size());
        std::fstream database(path(), std::ios::binary | std::ios::in | std::ios::out);
        database.seekp(static_cast<std::streamoff>(at));
        database << "\x7f\x7f\x7f\x7f";
    }
    std::ofstream(path() + "-wal", std::ios::binary) << "not a log";
    open();  // as after a kill
    EXPECT_TRUE(get(record_kind::meta, "a"));
    ASSERT_FALSE(blobs().read(root_of(1), 0, 60'000));
    EXPECT_FALSE(store_->check()->sound);
    ASSERT_TRUE(blobs().set_aside(root_of(1), {{0, 60'000}}));
    const bytes again(60'000, 7);
    batch new_one;
    new_one.put_blob(root_of(1), again);
    new_one.put(record_kind::file, {1}, {1});
    for (int round = 0; round < 3; ++round) {
        EXPECT_EQ(*blobs().length(root_of(1)), std::nullopt);
        EXPECT_EQ(blobs().read(root_of(1), 0, 1).error().code, errc::not_found);
        reopen();
        const auto done = records().apply(new_one);
        ASSERT_TRUE(done) << done.error().message();
        reopen();
        EXPECT_TRUE(blobs().read(root_of(1), 0, again.size()) == again);
        EXPECT_TRUE(blobs().read(root_of(2), 0, 60'000) == bytes(60'000, 2));
        EXPECT_EQ(store_->measure()->blobs, 2U);
        const auto gone =
            round == 0 ? blobs().set_aside(root_of(1), {}) : blobs().remove(root_of(1));
        ASSERT_TRUE(gone) << gone.error().message();
    }
    // As a file that comes in parts, too.
    ASSERT_TRUE(blobs().open_part(root_of(1)));
    ASSERT_TRUE(blobs().write_part(root_of(1), 0, again));
    ASSERT_TRUE(blobs().finish(root_of(1)));
    EXPECT_TRUE(blobs().read(root_of(1), 0, again.size()) == again);
}

/// The file could not be removed when it became a row.
TEST_P(storage_sqlite, a_damaged_file_does_not_take_the_row_behind_it) {
    const bytes data(3'000, 7);
    batch writes;
    writes.put_blob(root_of(1), data);
    ASSERT_TRUE(records().apply(writes));
    const std::string folder = directory_ + "/files/" + root_of(1).hex().substr(0, 2);
    std::filesystem::create_directories(folder);
    std::ofstream(folder + "/" + root_of(1).hex(), std::ios::binary) << std::string(3'000, 'x');
    ASSERT_FALSE(blobs().read(root_of(1), 0, data.size()) == data) << "the file comes first";
    ASSERT_TRUE(blobs().set_aside(root_of(1), {{0, 3'000}}));
    EXPECT_TRUE(blobs().read(root_of(1), 0, data.size()) == data);
}

TEST_P(storage_sqlite, a_file_that_is_no_database_is_refused) {
    store_.reset();
    std::ofstream(path(), std::ios::binary | std::ios::trunc) << std::string(10'000, 'x');
    const auto opened = (*strategy_)->open(directory_);
    ASSERT_FALSE(opened);
    EXPECT_EQ(to_string(opened.error().code), "malformed") << opened.error().message();
}

TEST_P(storage_sqlite, a_copy_of_an_open_store_is_whole_and_has_what_came_meanwhile) {
    std::mt19937_64 engine(5);
    for (std::uint8_t i = 0; i < 200; ++i) {
        batch writes;
        writes.put(record_kind::envelope, {i}, random_bytes(engine, 20'000));
        ASSERT_TRUE(records().apply(writes));
    }
    const std::string copy = directory_ + "/copy.db";
    EXPECT_EQ(store_->back_up("copy.db").error().code, errc::invalid_argument);
    EXPECT_EQ(store_->back_up(path()).error().code, errc::already_exists);
    EXPECT_EQ(store_->back_up(directory_ + "/nowhere/copy.db").error().code, errc::not_found);
    auto made = store_->back_up(copy);
    ASSERT_TRUE(made) << made.error().message();
    int steps = 0;
    while (true) {
        const auto all = (*made)->copy();
        ASSERT_TRUE(all) << all.error().message();
        if (*all) {
            break;
        }
        put(record_kind::meta, "meanwhile", std::to_string(++steps));
        EXPECT_FALSE(std::filesystem::exists(copy)) << "half a copy has its final name";
    }
    EXPECT_GT(steps, 1);
    ASSERT_TRUE((*made)->finish());
    made->reset();
    put(record_kind::meta, "meanwhile", "later");
    EXPECT_FALSE(std::filesystem::exists(copy + ".part"));
    EXPECT_FALSE(std::filesystem::exists(copy + "-wal"));
    struct stat about{};
    ASSERT_EQ(::stat(copy.c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777, 0600U);
    {
        SQLite::Database opened(copy, SQLite::OPEN_READONLY);
        EXPECT_EQ(opened.execAndGet("PRAGMA integrity_check").getString(), "ok");
        EXPECT_EQ(opened.execAndGet("PRAGMA user_version").getInt(), 2);
        EXPECT_EQ(opened.execAndGet("SELECT count(*) FROM envelope").getInt(), 200);
        EXPECT_EQ(opened.execAndGet("SELECT value FROM meta WHERE key = x'6d65616e7768696c65'")
                      .getString(),
                  std::to_string(steps));
    }
    // A store can be begun with it.
    const std::string other = directory_ + "/other";
    std::filesystem::create_directory(other);
    std::filesystem::copy_file(copy, other + "/calbox.db");
    const auto begun = (*strategy_)->open(other);
    ASSERT_TRUE(begun) << begun.error().message();
    EXPECT_TRUE((*begun)->check()->sound);
}

TEST_P(storage_sqlite, a_copy_that_is_given_up_leaves_nothing_and_replaces_nothing) {
    put(record_kind::meta, "a", "1");
    const std::string copy = directory_ + "/copy.db";
    {
        const auto made = store_->back_up(copy);
        ASSERT_TRUE(made);
        EXPECT_TRUE(std::filesystem::exists(copy + ".part"));
        EXPECT_EQ(store_->back_up(copy).error().code, errc::already_exists);
        EXPECT_EQ((*made)->finish().error().code, errc::invalid_argument);
    }
    EXPECT_FALSE(std::filesystem::exists(copy + ".part"));
    auto made = store_->back_up(copy);
    ASSERT_TRUE(made);
    EXPECT_TRUE(*(*made)->copy());
    std::ofstream(copy) << "somebody else's";
    EXPECT_EQ((*made)->finish().error().code, errc::already_exists);
    made->reset();
    EXPECT_EQ(as_text(contents(copy)), "somebody else's");
    EXPECT_FALSE(std::filesystem::exists(copy + ".part"));
}

INSTANTIATE_TEST_SUITE_P(plugin, storage_sqlite, testing::Values("sqlite"), name_of);

}  // namespace
}  // namespace calbox::contract
