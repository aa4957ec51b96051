// Three-way merge of what two people made of one event, and names for files beside each other.
#include "model/merge.hpp"

#include <gtest/gtest.h>

#include <calbox/envelope.hpp>

namespace calbox::model {
namespace {

using words = std::vector<std::string_view>;

attachment file_of(const std::string& name, std::uint8_t root, const std::string& by = "bob") {
    attachment file;
    file.name = name;
    file.root.value.fill(root);
    file.added_by = by;
    file.added = {1'777'816'800'000};  // 2026-05-03
    return file;
}

struct merge_test : ::testing::Test {
    merge_test() {
        base.content.title = "lecture";
        base.content.place = "Room 1";
        base.content.time.start = {2026, 5, 3, 14, 0, 0};
        base.content.time.end = {2026, 5, 3, 15, 0, 0};
        base.content.participants = {"bob", "carol"};
        base.content.files = {file_of("plan.pdf", 1)};
        base.guests_may = guest_right::standard;
        mine = theirs = base;
    }
    std::vector<std::string> files_of(const merged_text& of) const {
        std::vector<std::string> all;
        for (const attachment& file : of.text.content.files) {
            all.push_back(file.name + " " + std::to_string(file.root.value[0]));
        }
        return all;
    }
    version_text base, mine, theirs;
};

TEST_F(merge_test, different_fields_fit_together_whatever_they_are) {
    mine.content.title = "seminar";
    mine.guests_may = guest_right::modify;
    theirs.content.place = "Room 2";
    theirs.content.info = "bring a pen";
    theirs.content.recurrence = "FREQ=WEEKLY";
    theirs.content.time.zone = "Europe/Lisbon";
    theirs.content.modified = {77};
    const auto made = merge(base, mine, theirs);
    EXPECT_TRUE(made.fits());
    EXPECT_EQ(made.mine, (words{"title", "guests_may"}));
    EXPECT_EQ(made.theirs, (words{"time", "place", "info", "recurrence"}));
    version_text wanted = theirs;
    wanted.content.title = "seminar";
    wanted.guests_may = guest_right::modify;
    EXPECT_EQ(made.text, wanted);
}

TEST_F(merge_test, one_field_changed_by_both_does_not_fit) {
    mine.content.title = "mine";
    theirs.content.title = "theirs";
    mine.content.time.start.hour = 13;  // start and end are one thing
    theirs.content.time.end.hour = 16;
    mine.content.info = "only mine";
    const auto made = merge(base, mine, theirs);
    EXPECT_FALSE(made.fits());
    EXPECT_EQ(made.both, (words{"title", "time"}));
    EXPECT_EQ(made.text.content.title, "theirs");
    EXPECT_EQ(made.text.content.time, theirs.content.time);
    EXPECT_EQ(made.text.content.info, "only mine");
}

TEST_F(merge_test, the_same_change_twice_fits) {
    mine.content.title = theirs.content.title = "agreed";
    const auto made = merge(base, mine, theirs);
    EXPECT_TRUE(made.fits());
    EXPECT_EQ(made.mine, words{"title"});
    EXPECT_EQ(made.theirs, words{"title"});
    EXPECT_EQ(made.text.content.title, "agreed");
}

TEST_F(merge_test, nothing_changed_is_theirs) {
    theirs.content.title = "theirs";
    EXPECT_EQ(merge(base, mine, theirs).text, theirs);
    EXPECT_EQ(merge(base, theirs, base).text, theirs);
    EXPECT_TRUE(merge(base, base, base).mine.empty());
}

TEST_F(merge_test, people_are_a_set) {
    mine.content.participants = {"bob", "dave", "erin"};  // without carol
    theirs.content.participants = {"carol", "erin"};      // without bob
    const auto made = merge(base, mine, theirs);
    EXPECT_TRUE(made.fits());
    EXPECT_EQ(made.text.content.participants, (std::vector<std::string>{"erin", "dave"}));
}

TEST_F(merge_test, answers_stay_with_whoever_takes_part) {
    base.content.answers = {{"bob", participation::tentative}};
    mine = theirs = base;
    theirs.content.answers["carol"] = participation::accepted;
    mine.content.answers["bob"] = participation::accepted;
    auto made = merge(base, mine, theirs);
    EXPECT_EQ(made.text.content.answers,
              (std::map<std::string, participation>{{"bob", participation::accepted},
                                                    {"carol", participation::accepted}}));
    mine.content.participants = {"bob"};
    theirs.content.answers["bob"] = participation::declined;  // of two answers the committed one
    made = merge(base, mine, theirs);
    EXPECT_EQ(made.text.content.answers,
              (std::map<std::string, participation>{{"bob", participation::declined}}));
}

TEST_F(merge_test, files_are_a_set) {
    base.content.files = {file_of("plan.pdf", 1), file_of("old", 2), file_of("older", 3)};
    mine = theirs = base;
    mine.content.files = {file_of("plan.pdf", 1), file_of("old", 2), file_of("my", 4)};
    theirs.content.files = {file_of("plan.pdf", 9), file_of("older", 3), file_of("their", 5)};
    const auto made = merge(base, mine, theirs);
    EXPECT_TRUE(made.fits());
    EXPECT_EQ(files_of(made), (std::vector<std::string>{"plan.pdf 9", "their 5", "my 4"}));
}

TEST_F(merge_test, a_name_is_one_files_of_each_time_of_a_series) {
    const auto at = [](attachment file, int day) {
        file.of_time = local_time{2026, 5, day, 14, 0, 0};
        return file;
    };
    mine.content.files.push_back(at(file_of("plan.pdf", 7), 3));
    theirs.content.files = {at(file_of("plan.pdf", 9), 10)};
    const auto made = merge(base, mine, theirs);
    EXPECT_TRUE(made.fits());
    EXPECT_EQ(files_of(made), (std::vector<std::string>{"plan.pdf 9", "plan.pdf 7"}))
        << "that of all times was taken off";
}

TEST_F(merge_test, a_file_changed_by_both_is_kept_twice) {
    mine.content.files = {file_of("plan.pdf", 7, "alice"), file_of("new", 8)};
    theirs.content.files = {file_of("plan.pdf", 9), file_of("new", 10)};
    auto made = merge(base, mine, theirs);
    EXPECT_TRUE(made.fits());
    EXPECT_EQ(files_of(made),
              (std::vector<std::string>{"plan.pdf 9", "new 10", "plan (alice, 2026-05-03).pdf 7",
                                        "new (bob, 2026-05-03) 8"}));
    mine.content.files = theirs.content.files;  // the same file twice is one
    made = merge(base, mine, theirs);
    EXPECT_EQ(files_of(made), (std::vector<std::string>{"plan.pdf 9", "new 10"}));
}

TEST_F(merge_test, a_file_changed_by_one_survives_being_taken_off_by_the_other) {
    mine.content.files = {file_of("plan.pdf", 7)};
    theirs.content.files = {};
    EXPECT_EQ(files_of(merge(base, mine, theirs)), std::vector<std::string>{"plan.pdf 7"});
    EXPECT_EQ(files_of(merge(base, theirs, mine)), std::vector<std::string>{"plan.pdf 7"});
}

TEST(kept_beside, is_always_a_free_label) {
    const timestamp day{1'777'816'800'000};
    const auto free = [](const std::string&) { return false; };
    EXPECT_EQ(kept_beside("plan.pdf", "bob", day, free), "plan (bob, 2026-05-03).pdf");
    EXPECT_EQ(kept_beside("plan", "bob", day, free), "plan (bob, 2026-05-03)");
    EXPECT_EQ(kept_beside(".profile", "bob", day, free), ".profile (bob, 2026-05-03)");
    EXPECT_EQ(kept_beside("plan.pdf", "b/ob", day, free), "plan (2026-05-03).pdf");
    EXPECT_EQ(kept_beside("plan.pdf", "", day, free), "plan (2026-05-03).pdf");
    int asked = 0;
    EXPECT_EQ(kept_beside("plan.pdf", "bob", day, [&](const std::string&) { return ++asked < 3; }),
              "plan (bob, 2026-05-03 3).pdf");
    std::string long_name;
    while (long_name.size() < 251) {
        long_name += "\u00e4";
    }
    for (const std::string& name : {long_name + ".pdf", long_name, "." + long_name,
                                    std::string(255, 'x'), "x." + std::string(250, 'y')}) {
        const std::string label = kept_beside(name, std::string(200, 'b'), day, free);
        EXPECT_TRUE(is_file_label(label)) << label;
        EXPECT_NE(label, name);
    }
    EXPECT_TRUE(kept_beside(long_name + ".pdf", "bob", day, free).ends_with(".pdf"));
}

TEST_F(merge_test, single_times_of_a_series_are_a_set) {
    const local_time first{2026, 5, 4, 14, 0, 0}, second{2026, 5, 11, 14, 0, 0};
    version_text base, mine, theirs;
    base.content.recurrence = mine.content.recurrence = theirs.content.recurrence = "FREQ=WEEKLY";
    mine.content.changed[first].reset();
    theirs.content.changed[second] = changed_occurrence{"Moved", "", "", {}};
    merged_text made = merge(base, mine, theirs);
    EXPECT_TRUE(made.fits());
    EXPECT_EQ(made.text.content.changed.size(), 2U);
    theirs.content.changed[first] = changed_occurrence{"Moved", "", "", {}};
    made = merge(base, mine, theirs);
    EXPECT_EQ(made.both, std::vector<std::string_view>{"occurrences"});
    EXPECT_TRUE(made.text.content.changed.at(first));
}

}  // namespace
}  // namespace calbox::model
