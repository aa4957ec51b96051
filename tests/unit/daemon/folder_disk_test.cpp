// The folder on a real disk: what is hostile there, and what happens at the last moment.
#include <fstream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "daemon/folder_disk_real.hpp"

namespace calbox::daemon {
namespace {

namespace fs = std::filesystem;

class folder_disk_test : public ::testing::Test {
protected:
    static fs::path fresh() {
        std::string name = "/tmp/folder-test-XXXXXX";
        return fs::path(::mkdtemp(name.data())) / "folder";
    }
    ~folder_disk_test() override { fs::remove_all(root.parent_path()); }
    void SetUp() override {
        ASSERT_TRUE(disk.open("", "0123"));
        const auto made = disk.make_directory("meeting", "a-1");
        ASSERT_TRUE(made) << made.error().message();
    }
    void write(const fs::path& path, const std::string& text) {
        std::ofstream(root / path) << text;
    }
    std::string read(const fs::path& path) {
        std::ifstream in(root / path);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    std::map<std::string, file_stamp> files() {
        const auto listed = disk.list(false);
        EXPECT_TRUE(listed);
        EXPECT_EQ(listed->size(), 1U);
        return listed && !listed->empty() ? listed->front().files
                                          : std::map<std::string, file_stamp>();
    }
    folder_action act(const std::string& name) {
        folder_action made;
        made.directory = "meeting";
        made.name = name;
        if (const auto all = files(); all.contains(name)) {
            made.as = all.at(name);
        }
        return made;
    }
    result<file_stamp> place(const folder_action& what, const std::string& text) {
        auto writer = disk.write(what, "1");
        EXPECT_TRUE(writer);
        EXPECT_TRUE((*writer)->write(bytes(text.begin(), text.end())));
        return (*writer)->finish();
    }

    fs::path root = fresh();
    folder_disk disk{fs::path(root)};
};

TEST_F(folder_disk_test, lists_files_and_neither_links_nor_what_is_not_marked) {
    write("meeting/a.txt", "a");
    fs::create_symlink("/etc/passwd", root / "meeting" / "link.txt");
    fs::create_directory(root / "meeting" / "inner");
    fs::create_directory(root / "of somebody");
    write("of somebody/b.txt", "b");
    fs::create_directory_symlink(root / "meeting", root / "again");
    const auto listed = disk.list(false);
    ASSERT_TRUE(listed);
    ASSERT_EQ(listed->size(), 1U);
    EXPECT_EQ(listed->front().event, "a-1");
    EXPECT_EQ(listed->front().files.size(), 1U);
    EXPECT_EQ(listed->front().files.count("a.txt"), 1U);
    // One that becomes a link after it was looked at is not followed either.
    auto what = act("a.txt");
    fs::remove(root / "meeting" / "a.txt");
    fs::create_symlink("/etc/passwd", root / "meeting" / "a.txt");
    EXPECT_FALSE(disk.read(what));
    EXPECT_FALSE(disk.remove(what));
    fs::rename(root / "meeting", root / "moved");
    fs::create_directory_symlink(root / "moved", root / "meeting");
    EXPECT_FALSE(disk.write(what, "1"));
}

TEST_F(folder_disk_test, places_a_file_wholly_and_never_over_another_one) {
    const auto fresh = act("a.txt");
    const auto placed = place(fresh, "one");
    ASSERT_TRUE(placed);
    EXPECT_EQ(files(), (std::map<std::string, file_stamp>{{"a.txt", *placed}}));
    EXPECT_EQ(place(fresh, "two").error().code, errc::already_exists);
    EXPECT_EQ(read("meeting/a.txt"), "one");
    const auto second = act("a.txt");
    EXPECT_TRUE(place(second, "two"));
    EXPECT_EQ(read("meeting/a.txt"), "two");
    // The person has saved it meanwhile.
    const auto stale = act("a.txt");
    write("meeting/a.txt", "the person's");
    EXPECT_EQ(place(stale, "three").error().code, errc::conflict);
    EXPECT_EQ(disk.remove(stale).error().code, errc::conflict);
    EXPECT_EQ(read("meeting/a.txt"), "the person's");
    {
        (void)*disk.write(act("b.txt"), "2");
    }  // given up
    EXPECT_EQ(std::distance(fs::directory_iterator(root / "meeting"), {}), 2);  // and the mark
}

TEST_F(folder_disk_test, what_is_open_for_writing_is_left_alone) {
    write("meeting/a.txt", "half");
    const auto what = act("a.txt");
    const int writer = ::open((root / "meeting" / "a.txt").c_str(), O_WRONLY);
    EXPECT_EQ(disk.read(what).error().code, errc::busy);
    EXPECT_EQ(place(what, "theirs").error().code, errc::busy);
    ::close(writer);
    EXPECT_TRUE(disk.read(what));
    EXPECT_EQ(read("meeting/a.txt"), "half");
}

TEST_F(folder_disk_test, a_file_that_changes_while_it_is_read_is_not_one) {
    write("meeting/a.txt", std::string(3000, 'x'));
    const auto reader = disk.read(act("a.txt"));
    ASSERT_TRUE(reader);
    ASSERT_TRUE((*reader)->next(1000));
    std::ofstream(root / "meeting" / "a.txt", std::ios::app) << "more";
    EXPECT_EQ((*reader)->next(1000).error().code, errc::conflict);
    const auto whole = disk.read(act("a.txt"));
    EXPECT_EQ((*whole)->next(5000)->size(), 3004U);
    EXPECT_TRUE((*whole)->next(5000)->empty());
}

TEST_F(folder_disk_test, another_folder_in_its_place_is_refused) {
    EXPECT_EQ(folder_disk(root).open("0123", "x").error().code, errc::already_exists);
    fs::rename(root, root.string() + ".old");
    EXPECT_FALSE(disk.list(false));
    EXPECT_FALSE(folder_disk(root).open("0123", "x")) << "it is not there";
    fs::create_directory(root);
    EXPECT_EQ(folder_disk(root).open("0123", "x").error().code, errc::conflict);
    EXPECT_TRUE(fs::is_empty(root));
}

TEST_F(folder_disk_test, directories_of_one_name_are_numbered_and_what_was_left_is_cleaned) {
    EXPECT_EQ(*disk.make_directory("meeting", "b-1"), "meeting (2)");
    EXPECT_EQ(*disk.move_directory("meeting (2)", "meeting"), "meeting (3)");
    fs::create_directory(root / ".calbox-part-directory");  // killed in between
    EXPECT_EQ(*disk.make_directory("x", "c-1"), "x");
    write("meeting/.calbox-part-9", "half");
    EXPECT_TRUE(disk.list(true));
    EXPECT_FALSE(fs::exists(root / "meeting" / ".calbox-part-9"));
}

}  // namespace
}  // namespace calbox::daemon
