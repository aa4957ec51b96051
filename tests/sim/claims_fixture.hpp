// People, devices and versions for the tests of claims.
#pragma once

#include <gtest/gtest.h>

#include "lab/check/claims.hpp"

namespace calbox::lab::claims {

/// An id that begins with this byte.
template <class Id>
Id id_of(std::uint8_t number) {
    Id made;
    made.value[0] = number;
    return made;
}

class claims_test : public testing::Test {
protected:
    claims_test() {
        people.call(alice.who, "alice");
        people.call(bob.who, "bob");
        people.call(alice.where, "laptop");
        people.call(bob.where, "phone");
    }
    /// A version of alice's event 1.7 with a content, a letter.
    version_of version(std::uint64_t number, char content = 'a', std::uint64_t generation = 1) {
        return {event, generation_number(generation), version_number(number),
                id_of<digest>(static_cast<std::uint8_t>(content))};
    }
    static instant at(int seconds) { return {std::chrono::seconds(seconds)}; }
    /// Each violation as a line.
    static std::vector<std::string> lines(const std::vector<violation>& all) {
        std::vector<std::string> made;
        for (const violation& one : all) {
            made.push_back(to_line(one));
        }
        return made;
    }
    using none = std::vector<std::string>;

    const viewer alice{id_of<user_id>(1), id_of<device_id>(11)};
    const viewer bob{id_of<user_id>(2), id_of<device_id>(12)};
    const viewer carol{id_of<user_id>(3), id_of<device_id>(13)};  // whom nobody gave a name
    const event_id event{alice.who, event_id::make_seq(device_number(1), 7)};
    const event_id other_event{alice.who, event_id::make_seq(device_number(1), 8)};
    names people;
};

}  // namespace calbox::lab::claims
