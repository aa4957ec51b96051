// The folder of coming events: a script of what lies there and what the events say, and what is to
// be done.
#include "daemon/folder_plan.hpp"

#include <gtest/gtest.h>

#include "daemon/folder_memory.hpp"

namespace calbox::daemon {
namespace {

using kind = folder_action::kind;
using namespace std::chrono_literals;

file_root root_of(std::uint8_t number) {
    file_root root;
    root.value.fill(number);
    return root;
}

/// A folder that does what it is told, and people who put files into it.
class folder_plan_test : public ::testing::Test {
protected:
    folder_plan_test() { meeting(); }

    struct event {
        folder_event is;
        seen_directory directory;
        bool there = false;
    };

    event& meeting(const std::string& key = "a-1") {
        event& one = events[key];
        if (one.is.key.empty()) {
            one.is.key = key;
            one.is.name = "2026-05-03 DS meeting";
        }
        return one;
    }
    /// The person's, as if written just now.
    file_stamp write(event& at, const std::string& name, std::uint64_t size = 10) {
        return at.directory.files[name] = {++inode, size, ++changes};
    }
    void name(event& at, const std::string& label, std::uint8_t root, std::uint64_t size = 10) {
        for (auto& file : at.is.files) {
            if (file.label == label) {
                file = {label, root_of(root), size, file.root};
                return;
            }
        }
        at.is.files.push_back({label, root_of(root), size, std::nullopt});
    }

    std::vector<folder_action> look(duration later = 0s) {
        now = now + later;
        std::vector<seen_directory> there;
        std::vector<folder_event> coming;
        for (const auto& [key, one] : events) {
            coming.push_back(one.is);
            if (one.there) {
                there.push_back(one.directory);
            }
        }
        step = plan.look(there, coming, now);
        return step.actions;
    }
    /// As the disk and the services would.
    void perform(const folder_action& what) {
        event& at = events.at(what.event);
        auto& files = at.directory.files;
        folder_plan::result_of made;
        switch (what.what) {
            case kind::make_directory:
            case kind::move_directory:
                made.name = what.to;
                for (int number = 2; taken(made.name); ++number) {
                    made.name = what.to + " (" + std::to_string(number) + ")";
                }
                at.directory.name = made.name;
                at.directory.event = what.event;
                at.there = true;
                break;
            case kind::place:
                ASSERT_EQ(files.contains(what.name), what.as.has_value()) << what.name;
                made.as = write(at, what.name);
                break;
            case kind::attach:
            case kind::replace:
                made.name = what.label;
                made.root = root_of(next_root++);
                name(at, what.label, made.root.value[0], files.at(what.name).size);
                attached.push_back(what.label);
                break;
            case kind::move:
                ASSERT_FALSE(files.contains(what.to));
                files[what.to] = files.at(what.name);
                files.erase(what.name);
                break;
            case kind::remove:
                files.erase(what.name);
                break;
        }
        plan.done(what, made, now);
    }
    /// Until nothing is left to do; a second lies between two looks.
    void settle() {
        for (int i = 0; i < 20; ++i) {
            const auto actions = look(1s);
            if (actions.empty() && !step.look_again) {
                return;
            }
            for (const auto& one : actions) {
                perform(one);
            }
        }
        FAIL() << "it does not come to rest";
    }
    bool taken(const std::string& directory) const {
        return std::ranges::any_of(events, [&](const auto& one) {
            return one.second.there && one.second.directory.name == directory;
        });
    }
    static std::vector<std::string> names(const event& at) {
        std::vector<std::string> all;
        for (const auto& [name, as] : at.directory.files) {
            all.push_back(name);
        }
        return all;
    }

    using texts = std::vector<std::string>;
    std::map<std::string, event> events;
    folder_plan plan{{}};
    folder_plan::step step;
    instant now{1h};
    std::uint64_t inode = 0;
    std::int64_t changes = 0;
    std::uint8_t next_root = 100;
    texts attached;
};

TEST_F(folder_plan_test, brings_the_files_of_an_event_and_then_rests) {
    name(meeting(), "slides.pdf", 1);
    name(meeting(), "notes.txt", 2);
    settle();
    EXPECT_EQ(meeting().directory.name, "2026-05-03 DS meeting");
    EXPECT_EQ(names(meeting()), (texts{"notes.txt", "slides.pdf"}));
    EXPECT_TRUE(attached.empty());
    EXPECT_EQ(plan.files_of("a-1").front().state, "here");
}

TEST_F(folder_plan_test, attaches_what_is_dropped_once_it_stays_as_it_is) {
    settle();
    write(meeting(), "photo.jpg");
    EXPECT_TRUE(look().empty());
    EXPECT_EQ(step.look_again, 1s);
    write(meeting(), "photo.jpg", 20);  // more of it has come
    EXPECT_TRUE(look(900ms).empty());
    EXPECT_TRUE(look(900ms).empty());
    const auto actions = look(100ms);
    ASSERT_EQ(actions.size(), 1U);
    EXPECT_EQ(actions.front().what, kind::attach);
    EXPECT_TRUE(look(1s).empty()) << "it is attached twice";
    perform(actions.front());
    settle();
    EXPECT_EQ(attached, (texts{"photo.jpg"}));
}

TEST_F(folder_plan_test, attaches_nothing_twice_over_a_restart_or_when_the_memory_is_lost) {
    settle();
    write(meeting(), "photo.jpg");
    settle();
    // What is remembered comes back as it was.
    const folder_memory before{"/folder", "id", "user", plan.book()};
    const auto read = read_folder_memory(write_folder_memory(before));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->book, plan.book());
    plan = folder_plan(read->book);
    EXPECT_TRUE(look(5s).empty());
    // Nothing is remembered: it is seen whether they are the same before anything is attached.
    plan = folder_plan({});
    EXPECT_TRUE(look(5s).empty());
    const auto actions = look(1s);
    ASSERT_EQ(actions.size(), 1U);
    EXPECT_EQ(actions.front().what, kind::attach);
    EXPECT_EQ(actions.front().unless, meeting().is.files.front().root);
    plan.done(actions.front(), {{}, "photo.jpg", meeting().is.files.front().root}, now);
    settle();
    EXPECT_EQ(attached, (texts{"photo.jpg"}));
    EXPECT_EQ(names(meeting()), (texts{"photo.jpg"}));
}

TEST_F(folder_plan_test, what_is_changed_becomes_a_new_version_and_theirs_comes) {
    name(meeting(), "plan.txt", 1);
    settle();
    write(meeting(), "plan.txt", 11);
    look(1s);
    const auto actions = look(1s);
    ASSERT_EQ(actions.size(), 1U);
    EXPECT_EQ(actions.front().what, kind::replace);
    EXPECT_EQ(actions.front().root, root_of(1)) << "it replaces another one than was seen";
    perform(actions.front());
    settle();
    EXPECT_EQ(attached, (texts{"plan.txt"}));
    // And the other way round: in the place of the one that is there, and of no other.
    const auto was = meeting().directory.files["plan.txt"];
    name(meeting(), "plan.txt", 5);
    const auto more = look(1s);
    ASSERT_EQ(more.size(), 1U);
    EXPECT_EQ(more.front().what, kind::place);
    EXPECT_EQ(more.front().as, was);
    EXPECT_EQ(more.front().name, "plan.txt");
}

TEST_F(folder_plan_test, both_are_kept_where_two_change_one_file) {
    name(meeting(), "plan.txt", 1);
    settle();
    write(meeting(), "plan.txt");
    look(1s);
    const auto actions = look(1s);
    ASSERT_EQ(actions.size(), 1U);
    // Somebody was faster: the service says under which name it has kept this one.
    name(meeting(), "plan.txt", 7);
    name(meeting(), "plan (bob).txt", 8);
    plan.done(actions.front(), {{}, "plan (bob).txt", root_of(8)}, now);
    settle();
    EXPECT_EQ(names(meeting()), (texts{"plan (bob).txt", "plan.txt"}));
    EXPECT_EQ(plan.book().at("a-1").files.at("plan.txt").root, root_of(7));
    EXPECT_EQ(plan.book().at("a-1").files.at("plan (bob).txt").root, root_of(8));
    EXPECT_TRUE(attached.empty());
}

TEST_F(folder_plan_test, a_file_of_the_same_name_that_the_person_has_stays_beside) {
    settle();
    write(meeting(), "notes.txt", 77);
    name(meeting(), "notes.txt", 1);
    look(1s);
    const auto actions = look(1s);
    ASSERT_EQ(actions.size(), 1U);
    EXPECT_EQ(actions.front().what, kind::attach);
    EXPECT_FALSE(actions.front().unless) << "of another size it cannot be the same";
    name(meeting(), "notes (bob).txt", 2, 77);
    plan.done(actions.front(), {{}, "notes (bob).txt", root_of(2)}, now);
    settle();
    EXPECT_EQ(names(meeting()), (texts{"notes (bob).txt", "notes.txt"}));
    EXPECT_EQ(meeting().directory.files["notes (bob).txt"].size, 77U);
    // Where it may not be attached theirs comes beside it.
    name(meeting(), "more.txt", 3);
    write(meeting(), "more.txt", 5);
    look(1s);
    const auto refused = look(1s);
    ASSERT_EQ(refused.size(), 1U);
    plan.failed(refused.front(), "you may not", now);
    for (const auto& one : look(1s)) {
        perform(one);
    }
    EXPECT_TRUE(meeting().directory.files.contains("more (2).txt"));
    EXPECT_EQ(meeting().directory.files["more.txt"].size, 5U);
}

TEST_F(folder_plan_test, what_the_person_removes_is_removed_for_nobody_and_stays_away) {
    name(meeting(), "big.iso", 1);
    settle();
    meeting().directory.files.clear();
    settle();
    EXPECT_TRUE(names(meeting()).empty());
    EXPECT_EQ(meeting().is.files.size(), 1U);
    EXPECT_EQ(plan.files_of("a-1").front().state, "removed");
    name(meeting(), "big.iso", 2);  // another version is another matter
    settle();
    EXPECT_EQ(names(meeting()), (texts{"big.iso"}));
    // The same for a whole directory.
    events["a-1"].there = false;
    meeting().directory.files.clear();
    settle();
    EXPECT_FALSE(meeting().there);
    name(meeting(), "new.txt", 3);
    settle();
    EXPECT_EQ(names(meeting()), (texts{"new.txt"}));
}

TEST_F(folder_plan_test, what_others_take_off_goes_unless_it_was_changed) {
    name(meeting(), "a.txt", 1);
    name(meeting(), "b.txt", 2);
    settle();
    write(meeting(), "b.txt", 99);
    meeting().is.files.clear();
    settle();
    EXPECT_EQ(names(meeting()), (texts{"b.txt"}));
    EXPECT_EQ(attached, (texts{"b.txt"}));
}

TEST_F(folder_plan_test, what_was_attached_just_now_is_not_taken_for_one_that_was_taken_off) {
    settle();
    write(meeting(), "a.txt");
    look(1s);
    const auto actions = look(1s);
    ASSERT_EQ(actions.size(), 1U);
    plan.done(actions.front(), {{}, "a.txt", root_of(1)}, now);
    EXPECT_TRUE(look(5s).empty()) << "the event does not say so yet";
    name(meeting(), "a.txt", 1);
    settle();
    EXPECT_EQ(names(meeting()), (texts{"a.txt"}));
}

TEST_F(folder_plan_test, names_that_the_person_gives_stay) {
    name(meeting(), "a.txt", 1);
    settle();
    auto& files = meeting().directory.files;
    files["mine.txt"] = files["a.txt"];
    files.erase("a.txt");
    meeting().directory.name = "My meeting";
    settle();
    EXPECT_EQ(names(meeting()), (texts{"mine.txt"}));
    EXPECT_EQ(meeting().directory.name, "My meeting");
    name(meeting(), "a.txt", 2);
    meeting().is.name = "2026-05-04 DS meeting";
    settle();
    EXPECT_EQ(names(meeting()), (texts{"mine.txt"}));
    EXPECT_EQ(plan.book().at("a-1").files.at("mine.txt").root, root_of(2));
    EXPECT_TRUE(attached.empty());
}

TEST_F(folder_plan_test, a_directory_follows_its_event_and_two_of_one_name_stay_apart) {
    name(meeting("a-1"), "a.txt", 1);
    name(meeting("b-1"), "b.txt", 2);
    settle();
    EXPECT_EQ(meeting("a-1").directory.name, "2026-05-03 DS meeting");
    EXPECT_EQ(meeting("b-1").directory.name, "2026-05-03 DS meeting (2)");
    EXPECT_EQ(names(meeting("b-1")), (texts{"b.txt"}));
    meeting("a-1").is.name = "2026-05-10 DS meeting";
    settle();
    EXPECT_EQ(meeting("a-1").directory.name, "2026-05-10 DS meeting");
    EXPECT_EQ(names(meeting("a-1")), (texts{"a.txt"}));
    EXPECT_TRUE(attached.empty());
}

TEST_F(folder_plan_test, what_is_no_event_s_and_what_programs_leave_is_left_alone) {
    settle();
    for (const char* const passing :
         {".hidden", "a.txt~", ".a.txt.swp", "#a.txt#", "~$a.docx", "a.part", "x.crdownload"}) {
        write(meeting(), passing);
    }
    write(meeting(), "line\nbreak");
    settle();
    EXPECT_TRUE(attached.empty());
    ASSERT_EQ(plan.files_of("a-1").size(), 1U);
    EXPECT_EQ(plan.files_of("a-1").front().state, "failed");
    // An editor that moves the file away, and writes a new one.
    name(meeting(), "a.txt", 1);
    meeting().directory.files.clear();
    settle();
    auto& files = meeting().directory.files;
    files["a.txt~"] = files["a.txt"];
    write(meeting(), "a.txt", 12);
    settle();
    EXPECT_EQ(attached, (texts{"a.txt"}));
    EXPECT_EQ(meeting().is.files.size(), 1U);
}

TEST_F(folder_plan_test, names_that_some_disks_take_for_the_same_stay_apart) {
    name(meeting(), "Plan.txt", 1);
    name(meeting(), "plan.txt", 2);
    name(meeting(), ".bashrc", 3);
    settle();
    EXPECT_EQ(names(meeting()), (texts{"Plan.txt", "_.bashrc", "plan (2).txt"}));
    write(meeting(), "_.bashrc", 44);
    settle();
    EXPECT_EQ(attached, (texts{".bashrc"}));
}

TEST_F(folder_plan_test, what_fails_is_tried_again_later_and_later_or_when_something_is_new) {
    name(meeting(), "a.txt", 1);
    for (const auto& one : look()) {
        perform(one);
    }
    std::vector<duration> pauses;
    for (int i = 0; i < 3; ++i) {
        const auto actions = look();
        ASSERT_EQ(actions.size(), 1U);
        plan.failed(actions.front(), "nobody has it", now);
        EXPECT_TRUE(look().empty());
        ASSERT_TRUE(step.look_again);
        pauses.push_back(*step.look_again);
        now = now + *step.look_again;
    }
    EXPECT_EQ(pauses, (std::vector<duration>{5s, 10s, 20s}));
    const auto actions = look();
    ASSERT_EQ(actions.size(), 1U);
    plan.failed(actions.front(), "nobody has it", now);
    EXPECT_EQ(plan.files_of("a-1").size(), 1U);
    name(meeting(), "a.txt", 2);
    EXPECT_EQ(look().size(), 1U);
}

TEST_F(folder_plan_test, so_many_at_once_and_no_more) {
    for (std::uint8_t number = 1; number <= 20; ++number) {
        name(meeting(), "in" + std::to_string(number), number);
    }
    for (const auto& one : look()) {
        perform(one);
    }
    const auto first = look();
    EXPECT_EQ(first.size(), 4U);
    EXPECT_TRUE(look(5s).empty());
    perform(first.front());
    EXPECT_EQ(look().size(), 1U);
}

TEST(folder_names, are_safe_whatever_an_event_is_called) {
    EXPECT_EQ(directory_name("2026-05-03", "DS meeting"), "2026-05-03 DS meeting");
    EXPECT_EQ(directory_name("2026-05-03", "../../etc/passwd"), "2026-05-03 .._.._etc_passwd");
    EXPECT_EQ(directory_name("2026-05-03", "a\nb\x7f"), "2026-05-03 a_b_");
    EXPECT_EQ(directory_name("2026-05-03", ""), "2026-05-03");
    const auto cut = directory_name("2026-05-03", std::string(400, 'x') + "\u00e9");
    EXPECT_EQ(cut.size(), 120U);
    std::string umlauts;
    for (int i = 0; i < 100; ++i) {
        umlauts += "\u00fc";
    }
    EXPECT_EQ(directory_name("2026-05-03", umlauts).size(), 119U);  // no half of one
    EXPECT_EQ(directory_name("2026-05-03", "\u202egnp.exe"), "2026-05-03");
    EXPECT_EQ(name_in_folder("..."), "_...");
    EXPECT_EQ(name_in_folder("." + std::string(254, 'a')).size(), 255U);
}

TEST(folder_memory, what_is_none_is_nothing) {
    for (const char* const text :
         {"", "{", "[]", "{\"path\":1}", "{\"path\":\"\",\"id\":\"\",\"user\":\"\"}",
          "{\"path\":\"\",\"id\":\"\",\"user\":\"\",\"directories\":{\"a\":{\"name\":\"x\"}}}"}) {
        EXPECT_FALSE(read_folder_memory(text)) << text;
    }
}

}  // namespace
}  // namespace calbox::daemon
