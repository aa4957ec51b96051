// The simulated network itself: what a stream does when the path under it fails.
#include "lab/sim/network.hpp"

#include <gtest/gtest.h>

#include "support/test_environment.hpp"

#include "lab/sim/chance.hpp"

namespace calbox::lab {
namespace {

using namespace std::chrono_literals;

class sim_network : public testing::Test {
protected:
    sim_network() {
        for (const std::string name : {"a", "b", "c"}) {
            net.add_host(name);
            cards[name] = net.plug(name, world.env);
        }
    }
    /// Lets the world go on for so long, or until `ended`.
    void pass(duration time, const bool* ended = nullptr) {
        const instant end = line.now() + time;
        world.settle();
        while ((ended == nullptr || !*ended) && line.step(end)) {
            world.settle();
        }
        if (ended == nullptr) {
            line.pass_to(end);
        }
    }
    template <class T>
    std::optional<T> run(task<T> work, duration most = 10min) {
        // Kept by the handler, which may come long after this has given up waiting.
        const auto answer = std::make_shared<std::optional<T>>();
        const auto ended = std::make_shared<bool>(false);
        asio::co_spawn(world.context, std::move(work),
                       [answer, ended](std::exception_ptr problem, T value) {
                           if (!problem) {
                               answer->emplace(std::move(value));
                           }
                           *ended = true;
                       });
        pass(most, ended.get());
        return std::move(*answer);
    }
    using stream = std::unique_ptr<net::byte_stream>;
    struct pair {
        stream near, far;
    };
    pair connect(const std::string& from, const std::string& to) {
        auto door = cards[to]->listen(to + ":0");
        EXPECT_TRUE(door);
        stream far;
        bool accepted = false;
        asio::co_spawn(world.context, (*door)->accept(), [&](std::exception_ptr, auto made) {
            far = made ? std::move(*made) : nullptr;
            accepted = true;
        });
        auto near = run(cards[from]->dial((*door)->address()));
        EXPECT_TRUE(near && *near);
        pass(1min, &accepted);
        return {std::move(**near), std::move(far)};
    }
    static task<std::string> read_text(net::byte_stream& from) {
        bytes room(64);
        const auto got = co_await from.read_some(room);
        co_return got ? std::string(room.begin(), room.begin() + static_cast<long>(*got))
                      : "error: " + got.error().message();
    }
    static task<bool> write_text(net::byte_stream& to, std::string text) {
        const auto done = co_await to.write(to_bytes(text));
        co_return done.has_value();
    }

    test::test_environment world;
    time_line line;
    seeded chance{7};
    network net{line, chance};
    std::map<std::string, std::unique_ptr<line_card>> cards;
};

TEST_F(sim_network, a_stream_takes_the_latency_of_its_path) {
    net.way("a", "b").latency = 40ms;
    net.way("b", "a").latency = 60ms;
    const instant begun = line.now();
    auto both = connect("a", "b");
    EXPECT_EQ(line.now() - begun, 100ms);
    EXPECT_EQ(run(write_text(*both.near, "hello")), true);
    EXPECT_EQ(run(read_text(*both.far)), "hello");
    EXPECT_EQ(line.now() - begun, 140ms);
}

TEST_F(sim_network, loss_and_reordering_are_delay_and_nothing_else) {
    auto both = connect("a", "b");
    net.way("a", "b").lost_per_mille = 300;
    net.way("a", "b").reordered_per_mille = 300;
    net.way("a", "b").repeated_per_mille = 300;
    net.way("a", "b").jitter = 20ms;
    std::string sent, got;
    for (int i = 0; i < 200; ++i) {
        const std::string piece = std::to_string(i) + ",";
        sent += piece;
        EXPECT_EQ(run(write_text(*both.near, piece)), true);
    }
    const instant begun = line.now();
    while (got.size() < sent.size()) {
        const auto piece = run(read_text(*both.far));
        ASSERT_TRUE(piece && !piece->starts_with("error"));
        got += *piece;
    }
    EXPECT_EQ(got, sent);
    EXPECT_GT(line.now() - begun, 200ms);
}

TEST_F(sim_network, a_slow_path_is_shared_by_its_streams) {
    auto first = connect("a", "b");
    auto second = connect("a", "b");
    net.way("a", "b").bytes_per_second = 1'000;
    const instant begun = line.now();
    EXPECT_EQ(run(write_text(*first.near, std::string(940, 'x'))), true);
    EXPECT_EQ(run(write_text(*second.near, std::string(940, 'y'))), true);
    EXPECT_EQ(run(read_text(*second.far)), std::string(64, 'y'));
    EXPECT_EQ(line.now() - begun, 2s + net.usual.latency);
}

TEST_F(sim_network, what_is_written_into_a_partition_arrives_once_it_heals) {
    auto both = connect("a", "b");
    net.cut_one_way("a", "b");
    EXPECT_EQ(run(write_text(*both.near, "late")), true);
    EXPECT_EQ(run(write_text(*both.far, "on time")), true);
    EXPECT_EQ(run(read_text(*both.near)), "on time");  // the other direction is open
    pass(30s);
    net.heal();
    const instant healed = line.now();
    EXPECT_EQ(run(read_text(*both.far)), "late");
    EXPECT_LE(line.now() - healed, network::last_retry);
}

TEST_F(sim_network, a_stream_into_nothing_is_given_up_after_a_while) {
    auto both = connect("a", "b");
    net.silence("b", true);
    EXPECT_EQ(run(write_text(*both.near, "anybody?")), true);
    const auto answer = run(read_text(*both.near));
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer->starts_with("error"));
}

TEST_F(sim_network, a_killed_process_is_noticed_and_a_dead_host_is_not) {
    auto killed = connect("a", "b");
    auto dead = connect("a", "c");
    cards["b"]->pull(ending::process);
    cards["c"]->pull(ending::power);
    const auto noticed = run(read_text(*killed.near), 1s);
    ASSERT_TRUE(noticed);
    EXPECT_TRUE(noticed->starts_with("error"));
    EXPECT_FALSE(run(read_text(*dead.near), 1min));  // half-open: it waits
    // The host is back, and does not know the stream: the next write finds out.
    auto again = net.plug("c", world.env);
    EXPECT_EQ(run(write_text(*dead.near, "still there?")), true);
    pass(1s);
    EXPECT_EQ(run(write_text(*dead.near, "no")), false);
}

TEST_F(sim_network, dials_are_refused_answered_or_lost) {
    const auto refused = run(cards["a"]->dial("b:4444"));
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->error().code, errc::unavailable);
    net.silence("b", true);
    const instant begun = line.now();
    const auto lost = run(cards["a"]->dial("b:4444"));
    ASSERT_TRUE(lost);
    EXPECT_GE(line.now() - begun, network::gives_up);
}

/// Who can be reached from outside, after having talked to whom: RFC 3489, section 5.
struct nat_case {
    nat_kind kind;
    bool from_stranger, from_other_port, from_partner;
};
class sim_nat : public sim_network, public testing::WithParamInterface<nat_case> {};

TEST_P(sim_nat, lets_in_what_its_kind_lets_in) {
    net.put_behind("a", "box", GetParam().kind);
    auto door = cards["a"]->listen("a:7000");
    ASSERT_TRUE(door);
    // Nobody reaches the inside address, and before anything was sent nobody gets in at all.
    EXPECT_FALSE(run(cards["b"]->dial("a:7000"), 30s));
    // a's daemon talks to b:5000 from the port that it listens on.
    auto met = cards["b"]->listen("b:5000");
    ASSERT_TRUE(met);
    ASSERT_TRUE(run(cards["a"]->dial_from(7000, "b:5000")).value());
    const std::string outside = cards["a"]->outside_of("a:7000", "b:5000");
    const auto gets_in = [&](const std::string& from, std::uint16_t port) {
        const auto made = run(cards[from]->dial_from(port, outside), 10s);
        return made && made->has_value();
    };
    EXPECT_EQ(gets_in("c", 6000), GetParam().from_stranger);
    EXPECT_EQ(gets_in("b", 6000), GetParam().from_other_port);
    EXPECT_EQ(gets_in("b", 5000), GetParam().from_partner);
    // A symmetric one shows another address to everybody else.
    EXPECT_EQ(cards["a"]->outside_of("a:7000", "c:5000") == outside,
              GetParam().kind != nat_kind::symmetric);
}
INSTANTIATE_TEST_SUITE_P(kinds, sim_nat,
                         testing::Values(nat_case{nat_kind::full_cone, true, true, true},
                                         nat_case{nat_kind::restricted, false, true, true},
                                         nat_case{nat_kind::port_restricted, false, false, true},
                                         nat_case{nat_kind::symmetric, false, false, true}));

TEST_F(sim_network, a_box_that_starts_again_cuts_what_went_through_it_and_tells_nobody) {
    net.add_host("inside");
    cards["inside"] = net.plug("inside", world.env);
    net.put_behind("a", "box", nat_kind::full_cone);
    net.put_behind("inside", "box", nat_kind::full_cone);
    auto through = connect("a", "b");
    auto within = connect("a", "inside");
    const std::string before = cards["a"]->outside_of("a:7000", "b:5000");
    net.reboot("box");
    EXPECT_NE(cards["a"]->outside_of("a:7000", "b:5000"), before);
    EXPECT_EQ(run(write_text(*through.near, "lost")), true);
    EXPECT_EQ(run(write_text(*through.far, "lost, too")), true);
    EXPECT_EQ(run(write_text(*within.near, "here")), true);
    EXPECT_EQ(run(read_text(*within.far)), "here");
    EXPECT_FALSE(run(read_text(*through.far), 10s));
    EXPECT_FALSE(run(read_text(*through.near), 10s));
    pass(network::gives_up);
    EXPECT_FALSE(run(write_text(*through.near, "x")).value());
}

TEST_F(sim_network, two_who_dial_each_other_through_nats_meet_unless_both_are_symmetric) {
    for (const bool symmetric : {false, true}) {
        const std::string one = symmetric ? "s1" : "p1", two = symmetric ? "s2" : "p2";
        for (const std::string& name : {one, two}) {
            net.add_host(name);
            net.put_behind(name, "box of " + name,
                           symmetric ? nat_kind::symmetric : nat_kind::port_restricted);
            cards[name] = net.plug(name, world.env);
        }
        // Each has learnt from a third party how the other is seen.
        const std::string seen_one = cards[one]->outside_of(one + ":7000", "c:1");
        const std::string seen_two = cards[two]->outside_of(two + ":7000", "c:1");
        std::optional<bool> other;
        asio::co_spawn(world.context, cards[two]->dial_from(7000, seen_one),
                       [&](std::exception_ptr, auto made) { other = made.has_value(); });
        const auto mine = run(cards[one]->dial_from(7000, seen_two), 20s);
        pass(1s);
        EXPECT_EQ(mine && mine->has_value(), !symmetric);
        EXPECT_EQ(other.value_or(false), !symmetric);
    }
}

}  // namespace
}  // namespace calbox::lab
