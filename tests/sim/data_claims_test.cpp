#include "lab/check/data_claims.hpp"

#include <array>

#include "sim/claims_fixture.hpp"

namespace calbox::lab::claims {
namespace {

using data_claims = claims_test;

TEST_F(data_claims, files_are_read_as_they_were_attached) {
    files check(people);
    const auto slides = id_of<digest>(1), newer = id_of<digest>(2), other = id_of<digest>(3);
    const auto root = id_of<file_root>(1);
    check.observe_attaching(event, "slides.pdf", slides);
    check.observe_attaching(event, "slides.pdf", newer);
    check.observe_read(bob, event, "slides.pdf", root, slides, at(1));
    check.observe_read(alice, event, "slides.pdf", root, slides, at(2));
    check.observe_read(alice, event, "slides.pdf", id_of<file_root>(2), newer, at(2));
    check.observe_read(alice, event, "slides (bob, 2026-05-03).pdf", id_of<file_root>(3), newer,
                       at(2));
    EXPECT_EQ(lines(check.violations()), none());
    check.observe_read(bob, event, "slides.pdf", root, other, at(3));
    check.observe_read(bob, event, "slides.pdf", root, newer, at(4));
    check.observe_read(bob, event, "map.pdf", root, slides, at(5));
    EXPECT_EQ(
        lines(check.violations()),
        (none{"3.000 s: files: alice/1.7: bob at phone: the bytes read of slides.pdf are none "
              "that were attached",
              "4.000 s: files: alice/1.7: bob at phone: the bytes read of slides.pdf are "
              "others than bob at phone read from the same root",
              "5.000 s: files: alice/1.7: bob at phone: the file map.pdf was read, and nobody "
              "ever attached one of that name"}));
}

TEST_F(data_claims, a_copy_has_the_files_of_another_event) {
    files check(people);
    const auto slides = id_of<digest>(1);
    const event_id copy{bob.who, event.seq + 1};
    check.observe_attaching(event, "slides.pdf", slides);
    check.observe_read(bob, copy, "slides.pdf", id_of<file_root>(1), slides, at(1));
    EXPECT_EQ(check.violations().size(), 1U);
    check.observe_copy(copy);
    check.observe_read(bob, copy, "slides.pdf", id_of<file_root>(1), slides, at(2));
    EXPECT_EQ(check.violations().size(), 1U);
    check.observe_read(bob, copy, "slides.pdf", id_of<file_root>(2), id_of<digest>(2), at(3));
    check.observe_read(bob, copy, "map.pdf", id_of<file_root>(3), slides, at(4));
    EXPECT_EQ(check.violations().size(), 3U);
}

class secrets : public claims_test {
protected:
    secrets() {
        text = check.marker(alice.who);
        check.belongs(text, event);
        check.allow(text, bob.who);
    }
    void on_device(const viewer& whose, const std::string& data, int when) {
        const std::array users{whose.who};
        check.observe_device(whose.where, users, as_bytes(data), at(when));
    }
    void on_wire(std::uint64_t direction, std::string_view data, int when) {
        check.observe_wire(direction, as_bytes(data), at(when));
    }
    secrecy check{people, 42};
    std::string text;
};

TEST_F(secrets, are_looked_for_on_whole_disks) {
    const auto search = [&](const viewer& whose, const std::string& data, int when) {
        const std::array users{whose.who};
        check.observe_disk(
            whose.where, users,
            [&](std::string_view what) { return data.find(what) != std::string::npos; }, at(when));
    };
    search(bob, "SUMMARY:" + text, 1);
    search(carol, "calmark-0123456789abcdef", 2);
    EXPECT_EQ(lines(check.violations()), none());
    search(carol, "SUMMARY:" + text, 3);
    search(carol, "SUMMARY:" + text, 4);
    EXPECT_EQ(check.violations().size(), 1u);
}

TEST_F(secrets, may_lie_with_those_who_take_part) {
    on_device(alice, "SUMMARY:" + text + "\r\n", 1);
    on_device(bob, text, 2);
    on_device(carol, "nothing to see, calmark-, calmark-0123456789abcdef", 3);
    on_wire(1, "ciphertext", 4);
    EXPECT_EQ(lines(check.violations()), none());
}

TEST_F(secrets, are_found_with_others) {
    on_device(carol, "x" + text, 1);
    on_device(carol, text, 2);  // said once of each device
    check.observe_device(id_of<device_id>(99), {}, as_bytes("calmark-" + text), at(3));
    const std::string unnamed = check.marker(bob.who);
    on_device(carol, unnamed, 4);
    EXPECT_EQ(lines(check.violations()),
              (none{"1.000 s: secrecy: alice/1.7: 0d000000: readable text of the event was found "
                    "there",
                    "3.000 s: secrecy: alice/1.7: 63000000: readable text of the event was found "
                    "there",
                    "4.000 s: secrecy: 0d000000: readable text that bob wrote was found there"}));
}

TEST_F(secrets, are_found_on_the_wire_in_pieces_of_any_size) {
    const std::string stream = "some bytes before " + text + " and after";
    for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
        secrecy fresh(people, 42);
        ASSERT_EQ(fresh.marker(alice.who), text);
        for (std::size_t i = 0; i < stream.size(); i += piece) {
            const std::string part = stream.substr(i, piece);
            fresh.observe_wire(7, as_bytes(part), at(1));
            fresh.observe_wire(8, as_bytes(std::string_view("other traffic between")), at(1));
        }
        ASSERT_EQ(
            lines(fresh.violations()),
            (none{"1.000 s: secrecy: the wire, direction 7: readable text that alice wrote was "
                  "found there"}))
            << piece;
    }
}

TEST_F(secrets, two_wires_are_not_one) {
    on_wire(1, text.substr(0, 12), 1);
    on_wire(2, text.substr(12), 1);
    check.forget_wire(1);
    on_wire(1, text.substr(12), 2);
    EXPECT_EQ(lines(check.violations()), none());
}

TEST_F(secrets, markers_differ_and_have_one_form) {
    std::set<std::string> seen{text};
    for (int i = 0; i < 1000; ++i) {
        const std::string one = check.marker(alice.who);
        EXPECT_EQ(one.size(), secrecy::marker_size);
        EXPECT_TRUE(seen.insert(one).second);
    }
    secrecy other(people, 43);
    EXPECT_TRUE(seen.insert(other.marker(alice.who)).second);
}

}  // namespace
}  // namespace calbox::lab::claims
