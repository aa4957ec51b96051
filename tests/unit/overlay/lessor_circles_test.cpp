// The lessor in its circle: whom it tells of what, whose word it takes, and what it makes of an
// informant's silence.
#include <array>

#include "unit/overlay/lessor_fixture.hpp"

namespace calbox::overlay {
namespace {

class lessor_circles_test : public lessor_test {
protected:
    /// With the default of 32 circles: the n-th rendezvous of that one.
    static device_id in_circle(std::uint8_t circle, std::uint8_t n) {
        device_id id;
        id.value[0] = n;
        id.value[7] = circle;
        return id;
    }
    static const inline device_id mate = in_circle(0, 200), far = in_circle(1, 201),
                                  far_too = in_circle(1, 202), farther = in_circle(2, 203);
    void SetUp() override {
        for (const device_id& one : {mate, far, far_too, farther}) {
            book.known[one] = {one, wire::role::rendezvous, {}, one, true, {}};
        }
    }
    /// In circle 0.
    lessor circled() {
        return {strategy, entropy, book, in_circle(0, 199), {10, 10s, 1'000'000, 1'000'000}};
    }
    lessor::effects begin(lessor& machine) {
        (void)machine.start(now);
        return machine.begin_circles({mate, far, far_too, farther}, {}, now);
    }
    static std::vector<circles::question> asked(const lessor::effects& all) {
        std::vector<circles::question> found;
        for (const auto& one : only<lessor::ask_watch>(all)) {
            found.push_back(one.what);
        }
        return found;
    }
    /// What follows within a second.
    lessor::effects soon(lessor& machine) {
        lessor::effects all;
        for (const instant end = now + 1s; machine.deadline() && *machine.deadline() <= end;) {
            now = *machine.deadline();
            const auto some = machine.on_time(now);
            all.insert(all.end(), some.begin(), some.end());
        }
        return all;
    }
    static wire::location at(unsigned n, const device_id& rendezvous, bool online) {
        return {device(n), wire::role::edge, {}, rendezvous, online, {user(n)}};
    }
};

TEST_F(lessor_circles_test, tells_its_circle_of_its_leases_and_others_what_they_asked_for) {
    lessor machine = circled();
    (void)begin(machine);
    ASSERT_TRUE(machine.on_watch(far, {{user(1)}, {}, true, false}));
    (void)machine.on_lease(edge(1, {user(1)}), now);
    EXPECT_EQ(told(soon(machine)), (std::map<device_id, std::size_t>{{mate, 1}, {far, 1}}));
    (void)machine.on_lease(edge(2, {user(2)}), now);
    EXPECT_EQ(told(soon(machine)), (std::map<device_id, std::size_t>{{mate, 1}}));
    EXPECT_EQ(told(machine.on_presence(mate, {{at(1, mate, true)}})),
              (std::map<device_id, std::size_t>()))
        << "its own lease is its own word";
    (void)machine.on_leave(device(1), {}, now);
    EXPECT_EQ(told(soon(machine)), (std::map<device_id, std::size_t>{{mate, 1}, {far, 1}}));
    EXPECT_EQ(told(machine.on_presence(mate, {{at(1, mate, true)}})),
              (std::map<device_id, std::size_t>{{far, 1}}))
        << "the informant tells of its whole circle";
}

TEST_F(lessor_circles_test, asks_one_of_each_other_circle_and_takes_its_word_for_that_circle) {
    lessor machine = circled();
    const auto first = asked(begin(machine));
    ASSERT_EQ(first.size(), 2U);
    for (const auto& one : first) {
        (void)machine.on_watched(one, std::array<wire::locate_reply, 1>().data(), now);
    }
    (void)machine.on_lease(edge(1, {user(1)}), now);
    machine.on_interest(device(1), {user(7)});
    const auto wanted = asked(machine.want({{user(7)}, {}, 0}, now));
    ASSERT_EQ(wanted.size(), 2U);
    EXPECT_TRUE(machine.want({{user(7)}, {}, 0}, now).empty()) << "it is told of him";
    // The informant of circle 1 names another one's lease, there and in a circle not its own.
    const device_id informant =
        first[0].to == far || first[0].to == far_too ? first[0].to : first[1].to;
    const device_id its_mate = informant == far ? far_too : far;
    wire::locate_reply reply{{at(7, its_mate, true), at(8, farther, true)}};
    const auto news = machine.on_watched({informant, wanted[0].what}, &reply, now);
    EXPECT_EQ(told(news), (std::map<device_id, std::size_t>{{device(1), 1}}));
    EXPECT_TRUE(book.known[device(7)].online);
    EXPECT_FALSE(book.known.contains(device(8))) << "what it says of circle 2 does not count";
    (void)machine.on_presence(mate, {{at(9, its_mate, true)}});
    EXPECT_FALSE(book.known.contains(device(9))) << "nor what a mate says of circle 1";
}

TEST_F(lessor_circles_test,
       the_next_informant_is_asked_everything_and_whom_it_does_not_name_is_gone) {
    lessor machine = circled();
    std::optional<device_id> informant;
    for (const auto& one : asked(begin(machine))) {
        informant = one.to == farther ? informant : one.to;
    }
    ASSERT_TRUE(informant);
    const device_id other_one = *informant == far ? far_too : far;
    (void)machine.on_lease(edge(1, {user(1)}), now);
    machine.on_interest(device(1), {user(7), user(8)});
    (void)machine.want({{user(7), user(8)}, {}, 0}, now);
    (void)machine.on_presence(*informant, {{at(7, other_one, true), at(8, other_one, true)}});
    EXPECT_TRUE(book.known[device(8)].online);
    const auto next = asked(machine.on_member(*informant, member_fate::gone, now));
    ASSERT_EQ(next.size(), 1U);
    EXPECT_EQ(next[0].to, other_one);
    EXPECT_TRUE(next[0].what.anew);
    EXPECT_EQ(next[0].what.users, (std::vector{user(7), user(8)}));
    wire::locate_reply reply{{at(7, other_one, true)}};
    EXPECT_EQ(told(machine.on_watched(next[0], &reply, now)),
              (std::map<device_id, std::size_t>{{device(1), 1}}));
    EXPECT_TRUE(book.known[device(7)].online);
    EXPECT_FALSE(book.known[device(8)].online);
}

TEST_F(lessor_circles_test, whoever_has_a_new_lease_is_not_put_back_to_the_rendezvous_that_died) {
    lessor machine = circled();
    (void)begin(machine);
    (void)machine.on_presence(far, {{at(7, far_too, true)}});
    (void)machine.on_presence(farther, {{at(7, farther, true)}});
    EXPECT_EQ(book.known[device(7)].relay, farther);
    (void)machine.on_member(far_too, member_fate::gone, now);
    (void)machine.on_presence(far, {{at(7, far_too, true)}});
    EXPECT_EQ(book.known[device(7)].relay, farther);
    (void)machine.on_presence(far, {{at(7, far_too, false)}});
    EXPECT_TRUE(book.known[device(7)].online) << "it went from there, and is elsewhere";
}

TEST_F(lessor_circles_test, an_edge_that_moves_to_another_circle_is_told_to_have_left_this_one) {
    lessor machine = circled();
    (void)begin(machine);
    ASSERT_TRUE(machine.on_watch(far, {{user(1)}, {}, true, false}));
    (void)machine.on_lease(edge(1, {user(1)}), now);
    (void)soon(machine);
    machine.on_leave(device(1), farther, now);
    EXPECT_TRUE(told(soon(machine)).empty()) << "the other one tells of it first";
    now = now + 1s;
    const auto after = only<lessor::tell>(soon(machine));
    ASSERT_EQ(after.size(), 2U);
    for (const lessor::tell& one : after) {
        EXPECT_TRUE(one.of_leases);
        EXPECT_EQ(one.about, std::vector{device(1)});
    }
    (void)machine.on_lease(edge(2, {user(2)}), now);
    (void)soon(machine);
    machine.on_leave(device(2), mate, now);
    now = now + 2s;
    EXPECT_TRUE(told(soon(machine)).empty()) << "within the circle the other one tells everybody";
}

TEST_F(lessor_circles_test, when_they_are_few_again_everybody_is_told_everything) {
    lessor machine = circled();
    for (const auto& one : only<lessor::ask_load>(begin(machine))) {
        (void)machine.on_load(one.whom, wire::offer{1, 10}, now);
    }
    for (const device_id& one : {mate, far, far_too, farther}) {
        (void)machine.on_load(one, wire::offer{1, 10}, now);
    }
    (void)machine.on_member(farther, member_fate::gone, now);
    machine.forget_members(now);
    EXPECT_EQ(machine.near(), nullptr);
    EXPECT_EQ(machine.deadline(), now) << "the loads are exchanged at once, and leases with them";
    std::set<device_id> whom;
    const auto add = [&](const lessor::effects& all) {
        for (const auto& one : only<lessor::ask_load>(all)) {
            whom.insert(one.whom);
        }
    };
    add(machine.on_time(now));
    for (const device_id& one : std::set(whom)) {
        const auto answered = machine.on_load(one, wire::offer{1, 10}, now);
        EXPECT_EQ(only<lessor::tell_leases>(answered).size(), 1U);
        add(answered);
    }
    EXPECT_EQ(whom, (std::set{mate, far, far_too, farther}));
    EXPECT_FALSE(machine.on_watch(far, {}));
    (void)machine.on_lease(edge(1, {user(1)}), now);
    EXPECT_EQ(told(soon(machine)).size(), 4U);
}

TEST_F(lessor_circles_test, loads_are_asked_of_the_circle_of_informants_and_of_some_others) {
    lessor machine = circled();
    (void)machine.start(now);
    std::vector<device_id> many;
    for (std::uint8_t circle = 0; circle < 32; ++circle) {
        for (std::uint8_t n = 1; n <= 8; ++n) {
            many.push_back(in_circle(circle, n));
            book.known[many.back()] = {many.back(), wire::role::rendezvous, {}, {}, true, {}};
        }
    }
    std::set<device_id> whom;
    auto all = machine.begin_circles(many, {}, now);
    for (const instant end = now + 2min; now < end;) {
        for (const auto& one : only<lessor::ask_load>(all)) {
            whom.insert(one.whom);
            const auto more = machine.on_load(one.whom, wire::offer{1, 10}, now);
            for (const auto& next : only<lessor::ask_load>(more)) {
                whom.insert(next.whom);
                (void)machine.on_load(next.whom, wire::offer{1, 10}, now);
            }
        }
        now = now + 1s;
        all = machine.on_time(now);
    }
    EXPECT_GE(whom.size(), 8U);
    EXPECT_LE(whom.size(), 3U * (8 + lessor::informants_asked + lessor::others_asked))
        << "of 256, in two or three exchanges";
}

}  // namespace
}  // namespace calbox::overlay
