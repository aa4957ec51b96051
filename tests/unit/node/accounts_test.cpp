// Accounts over whole nodes: several devices of one person, and another password.
#include <gtest/gtest.h>

#include "support/test_network.hpp"

namespace calbox {
namespace {

using test::must;
using test::test_network;

constexpr auto first_password = "a long password of alice";
constexpr auto second_password = "tundra quilt 7 harbour";

TEST(accounts, devices_that_sign_in_at_the_same_moment_get_numbers_of_their_own) {
    test_network net;
    auto& hub = net.add_hub();
    net.add_edge("desk", hub).sign_in("alice");
    std::vector<std::shared_ptr<std::optional<result<node::account_view>>>> coming;
    std::vector<test_network::device*> devices;
    for (const char* name : {"phone", "tablet", "laptop"}) {
        devices.push_back(&net.add_edge(name, hub));
    }
    for (auto* const one : devices) {
        coming.push_back(net.begin(one->api().account.sign_in("alice", first_password, false)));
    }
    net.until(
        [&] { return std::ranges::all_of(coming, [](auto& one) { return one->has_value(); }); });
    std::set<std::uint64_t> numbers{1};
    for (const auto& one : coming) {
        numbers.insert(must(**one).device.value);
    }
    EXPECT_EQ(numbers, (std::set<std::uint64_t>{1, 2, 3, 4}));
}

TEST(accounts, another_password_is_the_one_from_then_on) {
    test_network net;
    auto& hub = net.add_hub();
    auto& desk = net.add_edge("desk", hub);
    auto& phone = net.add_edge("phone", hub);
    auto& tablet = net.add_edge("tablet", hub);
    desk.sign_in("alice");
    must(net.run(phone.api().account.sign_in("alice", first_password, false)));
    const auto change = [&](std::string old, std::string fresh) {
        return net.run(desk.api().account.change_password(desk.me(), old, fresh));
    };
    EXPECT_EQ(change("not her password", second_password).error().code, errc::unauthorised);
    EXPECT_EQ(change(first_password, "password123").error().code, errc::invalid_argument);
    EXPECT_EQ(change(first_password, "alice alice").error().code, errc::invalid_argument);
    const auto sign_in = [&](const char* password) {
        return net.run(tablet.api().account.sign_in("alice", password, false));
    };
    EXPECT_EQ(sign_in(second_password).error().code, errc::unauthorised)
        << "nothing has changed so far";
    must(change(first_password, second_password));
    EXPECT_EQ(sign_in(first_password).error().code, errc::unauthorised);
    EXPECT_EQ(must(sign_in(second_password)).id, desk.me()) << "the same keys";
    EXPECT_EQ(change(first_password, second_password).error().code, errc::unauthorised);
    // The registry and the devices that were signed in before know it after a restart, too.
    for (auto* const one : {&hub, &phone}) {
        net.stop(*one);
        net.start(*one);
    }
    net.until([&] { return phone.api().info.status().state == "connected"; });
    EXPECT_EQ(phone.api().account.signed_in().size(), 1U);
    EXPECT_EQ(sign_in(first_password).error().code, errc::unauthorised);
    must(sign_in(second_password));
    must(change(second_password, first_password));
    must(sign_in(first_password));
}

TEST(accounts, whoever_is_signed_out_twice_at_the_same_moment_is_signed_out_once) {
    test_network net;
    auto& desk = net.add_edge("desk", net.add_hub());
    desk.sign_in("alice");
    const user_id alice = desk.me();
    const auto before = must(net.run(desk.api().changes.next(alice, 0)));
    const auto one = net.begin(desk.api().account.sign_out(alice));
    const auto other = net.begin(desk.api().account.sign_out(alice));
    net.until([&] { return one->has_value() && other->has_value(); });
    must(**one);
    must(**other);
    EXPECT_TRUE(desk.api().account.signed_in().empty());
    const auto told = must(net.run(desk.api().changes.next(alice, before.back().number)));
    EXPECT_EQ(std::ranges::count(told, "signed_out", &node::change::what), 1);
}

TEST(accounts, a_password_can_be_guessed_by_nobody_who_changes_it) {
    test_network net;
    auto& hub = net.add_hub();
    auto& desk = net.add_edge("desk", hub);
    desk.sign_in("alice");
    error last;
    for (int i = 0; i < 10; ++i) {
        last = net.run(desk.api().account.change_password(desk.me(), "guess " + std::to_string(i),
                                                          second_password))
                   .error();
    }
    EXPECT_EQ(last.code, errc::queue_full) << last.message();
}

}  // namespace
}  // namespace calbox
