// Whole nodes behind NATs of all kinds: who gets a direct connection, who is told that nobody can
// dial him, and what a port of the router is worth.
#include <gtest/gtest.h>

#include <chrono>

#include "lab/world/cast.hpp"
#include "world_of_plugins.hpp"

namespace calbox::lab {
namespace {

using namespace std::chrono_literals;

constexpr std::array every_kind{nat_kind::full_cone, nat_kind::restricted,
                                nat_kind::port_restricted, nat_kind::symmetric};
constexpr std::array names{"full cone", "restricted", "port-restricted", "symmetric"};

/// A hub that everybody can dial, and Alice and Bob at A and B.
struct two_people {
    explicit two_people(const std::function<void(network&)>& wiring, node::node_settings of_a = {},
                        node::node_settings of_b = {})
        : in(settings(1)) {
        in.net.usual.latency = 20ms;
        for (const char* const host : {"A", "B"}) {
            in.net.add_host(host);
        }
        wiring(in.net);
        hub = &found_network(in, "hub", wire::role::rendezvous | wire::role::backup);
        a = &join_network(in, "A", wire::role::edge, *hub, std::move(of_a));
        b = &join_network(in, "B", wire::role::edge, *hub, std::move(of_b));
        alice.emplace(*a, "alice");
        bob.emplace(*b, "bob");
        alice->sign_up();
        bob->sign_up();
    }
    /// Alice invites Bob, who sees it: however it gets there.
    void share(const std::string& title) {
        const auto made = must(alice->create(title, {"bob"}), "create");
        in.wait_for(
            "bob sees " + title, [&] { return bob->title_of(made.id) == title; }, 10s);
    }
    /// How `from` reaches the device of `user`; empty without a session.
    static std::string way(device& from, const std::string& user) {
        for (const node::peer_view& one : from.api().info.peers()) {
            if (std::ranges::count(one.users, user) > 0) {
                return one.way;
            }
        }
        return {};
    }
    std::string both_ways() { return way(*a, "bob") + ", " + way(*b, "alice"); }

    world in;
    device *hub = nullptr, *a = nullptr, *b = nullptr;
    std::optional<person> alice, bob;
};

/// RFC 5128, 3.4, with a listener on the port that is punched from: all but symmetric ones with
/// those that let in nobody but the very address that they have sent to.
bool can_meet(nat_kind one, nat_kind other) {
    const auto strict = [](nat_kind kind) {
        return kind == nat_kind::symmetric || kind == nat_kind::port_restricted;
    };
    return !(one == nat_kind::symmetric && strict(other)) &&
           !(other == nat_kind::symmetric && strict(one));
}

class sim_nats : public testing::TestWithParam<std::tuple<std::size_t, std::size_t>> {};

TEST_P(sim_nats, punch_where_theory_says_so_and_relay_everywhere) {
    const auto [one, other] = GetParam();
    two_people all([&](network& net) {
        net.put_behind("A", "box of A", every_kind[one]);
        net.put_behind("B", "box of B", every_kind[other]);
    });
    all.share("first");  // nobody waits for a hole
    all.in.pass(30s);
    const std::string wanted = can_meet(every_kind[one], every_kind[other]) ? "punched" : "relayed";
    EXPECT_EQ(all.both_ways(), wanted + ", " + wanted) << names[one] << " and " << names[other];
    all.share("second");
    const auto on_the_hub = all.in.net.carried("A", "hub");
    must(all.alice->attach(must(all.alice->create("with a file", {"bob"}), "create").id, "a",
                           bytes(1000)),
         "attach");
    EXPECT_GT(all.in.net.carried("A", "hub"), on_the_hub) << "to the backup";
    EXPECT_EQ(all.in.errors(), std::vector<std::string>{});
}
INSTANTIATE_TEST_SUITE_P(kinds, sim_nats,
                         testing::Combine(testing::Range<std::size_t>(0, 4),
                                          testing::Range<std::size_t>(0, 4)));

class sim_reach : public testing::Test {
protected:
    static node::node_settings asking() {
        node::node_settings with;
        with.tests_reachability = true;
        return with;
    }
    static std::string reachable(device& of) { return of.api().overlay.show_overlay().reachable; }
};

TEST_F(sim_reach, who_cannot_be_dialled_is_told_so_and_stays_relayed) {
    two_people all(
        [](network& net) {
            net.put_behind("A", "box of A", nat_kind::symmetric);
            net.put_behind("B", "box of B", nat_kind::symmetric);
        },
        asking());
    EXPECT_EQ(reachable(*all.a), "unknown");
    all.in.wait_for(
        "A knows", [&] { return reachable(*all.a) == "no"; }, 2min);
    all.share("lunch");
    all.in.pass(10min);
    EXPECT_EQ(reachable(*all.a), "no");
    EXPECT_EQ(all.both_ways(), "relayed, relayed");
    const auto found = all.a->run(all.a->api().info.doctor());
    EXPECT_TRUE(std::ranges::any_of(*found, [](const node::finding& one) {
        return one.what == "reachable" && !one.good && !one.advice.empty();
    }));
}

TEST_F(sim_reach, who_can_be_dialled_is_told_so) {
    two_people all([](network&) {}, asking());
    all.in.wait_for(
        "A knows", [&] { return reachable(*all.a) == "yes"; }, 2min);
    all.share("lunch");
    EXPECT_EQ(all.hub->api().info.status().edges, 2u) << "the hub itself is no peer of its own";
    all.in.wait_for("each knows the other", [&] { return all.both_ways() == "direct, direct"; });
}

/// A router of the simulated network, as port mapping finds it; silent when there is none.
class simulated_router final : public net::port_mapper {
public:
    task<result<mapping>> map(std::uint16_t port, duration lasts) override {
        ++asked;
        if (behind == nullptr) {
            co_return fail(errc::unavailable, "nobody answers");
        }
        if (outside.empty()) {
            outside = behind->forward("A:" + std::to_string(port));
        }
        co_return mapping{outside, lasts, "a fake"};
    }
    task<result<void>> unmap() override {
        behind->forward_no_more(outside);
        outside.clear();
        co_return result<void>();
    }
    network* behind = nullptr;
    std::string outside;
    int asked = 0;
};

TEST_F(sim_reach, a_port_of_the_router_is_told_to_others_renewed_and_given_back) {
    simulated_router router;
    auto with = asking();
    with.mapper = &router;
    two_people all(
        [&](network& net) {
            router.behind = &net;
            net.put_behind("A", "box of A", nat_kind::symmetric);
            net.put_behind("B", "box of B", nat_kind::symmetric);
        },
        with);
    const auto told = all.a->api().info.status().addresses;
    ASSERT_FALSE(router.outside.empty());
    EXPECT_EQ(told.back(), router.outside);
    all.in.wait_for(
        "A knows", [&] { return reachable(*all.a) == "yes"; }, 2min);
    all.share("lunch");
    all.in.wait_for("a direct connection", [&] { return all.both_ways() == "direct, direct"; });
    EXPECT_EQ(router.asked, 1);
    all.in.pass(61min);
    EXPECT_EQ(router.asked, 2);
    all.a->stop();
    EXPECT_TRUE(router.outside.empty()) << "given back";
}

TEST_F(sim_reach, a_router_that_does_not_answer_is_asked_again_ever_more_rarely) {
    simulated_router router;
    auto with = asking();
    with.mapper = &router;
    two_people all([](network&) {}, with);
    all.in.pass(16min);
    EXPECT_EQ(router.asked, 5);  // at once, and after 1, 3, 7 and 15 minutes
    EXPECT_EQ(all.a->api().info.status().addresses.size(), 1u);
    all.share("lunch");
}

}  // namespace
}  // namespace calbox::lab
