// Files that take their place when they are whole, on file systems of every kind. What those can do
// is decided by the functions below, which stand in this program for the C library's.
#include "ctl/arriving_file.hpp"

#include <cerrno>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fake_daemon.hpp"

namespace {

struct file_system {
    bool has_noreplace = true, has_links = true;
    int sync_fails_at = -1;           // the how many-th of the calls fails
    std::vector<std::string> synced;  // the names of what was made durable
} disk;

}  // namespace

extern "C" int link(const char* from, const char* to) noexcept {
    if (!disk.has_links) {
        errno = EPERM;
        return -1;
    }
    return static_cast<int>(::syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0));
}

extern "C" int renameat2(int from_in, const char* from, int to_in, const char* to,
                         unsigned flags) noexcept {
    if (!disk.has_noreplace) {
        errno = EINVAL;
        return -1;
    }
    return static_cast<int>(::syscall(SYS_renameat2, from_in, from, to_in, to, flags));
}

extern "C" int fsync(int fd) {
    char name[4096];
    const auto place = "/proc/self/fd/" + std::to_string(fd);
    const auto size = ::readlink(place.c_str(), name, sizeof(name));
    disk.synced.emplace_back(name, size > 0 ? static_cast<std::size_t>(size) : 0);
    if (static_cast<int>(disk.synced.size()) == disk.sync_fails_at) {
        errno = EIO;
        return -1;
    }
    return static_cast<int>(::syscall(SYS_fsync, fd));
}

namespace calbox::ctl {
namespace {

struct arriving : ::testing::Test {
    arriving() { disk = file_system(); }
    ~arriving() override { disk = file_system(); }

    arriving_file come(const std::string& name, const std::string& bytes) const {
        auto made = arriving_file::make(here / name);
        EXPECT_TRUE(made && made->write(bytes));
        return std::move(*made);
    }
    std::vector<arriving_file> several(int count) const {
        std::vector<arriving_file> all;
        for (int i = 0; i < count; ++i) {
            all.push_back(come(std::to_string(i), "new"));
        }
        return all;
    }
    testing::folder here;
};

TEST_F(arriving, never_replaces_what_it_is_not_told_to) {
    for (const auto& [noreplace, links] : {std::pair(true, true), {false, true}, {false, false}}) {
        disk.has_noreplace = noreplace;
        disk.has_links = links;
        here.write("a", "old");
        auto refused = come("a", "new").finish(false);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, "already_exists");
        EXPECT_EQ(here.read("a"), "old");
        std::filesystem::create_symlink("/nonexistent/x", here / "link");
        EXPECT_FALSE(come("link", "new").finish(false)) << "a link that leads nowhere is something";
        EXPECT_TRUE(come("a", "new").finish(true));
        EXPECT_EQ(here.read("a"), "new");
        EXPECT_TRUE(come("b", "new").finish(false));
        EXPECT_EQ(here.read("b"), "new");
        EXPECT_EQ(here.names(), (std::vector<std::string>{"a", "b", "link"}));
        std::filesystem::remove(here / "b");
        std::filesystem::remove(here / "link");
    }
}

TEST_F(arriving, the_second_of_one_name_is_refused) {
    disk.has_noreplace = disk.has_links = false;
    std::vector<arriving_file> all;
    all.push_back(come("a", "first"));
    all.push_back(come("a", "second"));
    const auto done = arriving_file::finish_all(all, false);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, "already_exists");
    EXPECT_TRUE(all[0].is_finished());
    EXPECT_FALSE(all[1].is_finished());
    EXPECT_EQ(here.read("a"), "first");
}

TEST_F(arriving, its_name_is_durable_too) {
    const std::string folder = std::filesystem::canonical(here.path()).string();
    EXPECT_TRUE(come("a", "new").finish(false));
    ASSERT_EQ(disk.synced.size(), 2U);
    EXPECT_EQ(disk.synced.back(), folder);
    for (const int count : {1, 20}) {
        disk.synced.clear();
        auto all = several(count);
        EXPECT_TRUE(arriving_file::finish_all(all, true));
        ASSERT_EQ(disk.synced.size(), static_cast<std::size_t>(count) + 1);
        EXPECT_EQ(disk.synced.back(), folder) << "once, after all names";
    }
}

TEST_F(arriving, a_disk_that_fails_is_told_of) {
    for (const int count : {3, 20}) {
        disk.synced.clear();
        disk.sync_fails_at = 3;
        {
            auto all = several(count);
            const auto done = arriving_file::finish_all(all, true);
            ASSERT_FALSE(done);
            EXPECT_EQ(done.error().code, "io_failed");
            EXPECT_TRUE(all[1].is_finished());
            EXPECT_FALSE(all[2].is_finished());
            EXPECT_EQ(disk.synced.size(), 4U) << "the names of the first two are durable";
        }
        EXPECT_EQ(here.names(), (std::vector<std::string>{"0", "1"}));
    }
    disk.synced.clear();
    disk.sync_fails_at = 2;
    EXPECT_FALSE(come("a", "new").finish(true)) << "that of the folder";
}

}  // namespace
}  // namespace calbox::ctl
