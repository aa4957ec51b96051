// What changed between two versions of an event.
#include <gtest/gtest.h>

#include <calbox/envelope.hpp>

#include "model/difference.hpp"

namespace calbox::model {
namespace {

using changes = std::vector<field_change>;

changes between(const event_content& before, const event_content& after) {
    return difference({before, guest_right::standard}, {after, guest_right::standard});
}

event_content meeting() {
    event_content made;
    made.uid = "1@calendarbox";
    made.title = "Meeting";
    made.time = {{2026, 5, 3, 14, 0, 0}, {2026, 5, 3, 15, 0, 0}, "Europe/Lisbon", false};
    made.participants = {"bob"};
    return made;
}

attachment file(std::string name, std::uint8_t root) {
    attachment made;
    made.name = std::move(name);
    made.size = 12;
    made.root.value.fill(root);
    return made;
}

TEST(difference_test, nothing_when_only_the_times_of_writing_differ) {
    event_content after = meeting();
    after.modified = {1'000};
    after.created = {5};
    EXPECT_EQ(between(meeting(), after), changes());
}

TEST(difference_test, names_every_field_with_both_values) {
    event_content after = meeting();
    after.title = "Review";
    after.time = {{2026, 5, 4, 14, 0, 0}, {2026, 5, 4, 16, 0, 0}, "UTC", false};
    after.place = "Room 3";
    after.info = "bring slides";
    after.recurrence = "FREQ=DAILY";
    after.participants = {"bob", "carol"};
    after.declined = {"dave"};
    const changes wanted{{"title", "Meeting", "Review"},
                         {"start", "2026-05-03T14:00:00", "2026-05-04T14:00:00"},
                         {"end", "2026-05-03T15:00:00", "2026-05-04T16:00:00"},
                         {"zone", "Europe/Lisbon", "UTC"},
                         {"place", "", "Room 3"},
                         {"info", "", "bring slides"},
                         {"recurrence", "", "FREQ=DAILY"},
                         {"participants", "bob", "bob, carol"},
                         {"declined", "", "dave"},
                         {"guests_may", "modify, attach", "modify, delete"}};
    EXPECT_EQ(difference({meeting(), guest_right::standard},
                         {after, guest_right::modify | guest_right::remove}),
              wanted);
}

TEST(difference_test, whole_days_end_with_their_last_day) {
    event_content after = meeting();
    after.time = {{2026, 5, 3}, {2026, 5, 5}, "Europe/Lisbon", true};
    EXPECT_EQ(between(meeting(), after), (changes{{"start", "2026-05-03T14:00:00", "2026-05-03"},
                                                  {"end", "2026-05-03T15:00:00", "2026-05-04"}}));
}

TEST(difference_test, a_file_of_the_same_name_and_size_is_told_by_its_root) {
    event_content before = meeting(), after = meeting();
    before.files = {file("a.txt", 0xaa), file("b.txt", 0xbb), file("same.txt", 1)};
    after.files = {file("b.txt", 0xcc), file("c.txt", 0xdd), file("same.txt", 1)};
    EXPECT_EQ(between(before, after),
              (changes{{"files", "a.txt (12 bytes, aaaaaaaa)", ""},
                       {"files", "b.txt (12 bytes, bbbbbbbb)", "b.txt (12 bytes, cccccccc)"},
                       {"files", "", "c.txt (12 bytes, dddddddd)"}}));
}

TEST(difference_test, long_texts_are_cut_between_characters) {
    event_content after = meeting();
    after.info = "x";
    for (std::size_t i = 0; i < difference_text_bytes; ++i) {
        after.info += "\u00e9";
    }
    const auto found = between(meeting(), after);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].after, after.info.substr(0, difference_text_bytes - 1) + "\u2026");
}

}  // namespace
}  // namespace calbox::model
