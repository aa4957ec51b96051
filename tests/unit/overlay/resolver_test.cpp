// Whom the resolver asks by each policy, and what it does with questions that are none.
#include "overlay/resolver.hpp"

#include <gtest/gtest.h>

#include "support/numbered_devices.hpp"
#include "support/test_environment.hpp"
#include "wire/limits.hpp"

namespace calbox::overlay {
namespace {

using wire::message_type;

class resolver_test : public testing::Test {
protected:
    struct others final : resolver_mediator {
        task<result<bytes>> request(device_id to, message_type type, bytes payload,
                                    duration) override {
            EXPECT_EQ(type, message_type::resolve);
            const auto what = codec::decode<wire::resolve>(payload);
            EXPECT_EQ(what->handler, "weather");
            asked.push_back(to);
            if (to == slow) {
                co_await sleep_for(*env, std::chrono::seconds(3));
            }
            const auto known = knows.find(to);
            if (known == knows.end()) {
                co_return fail(errc::unavailable, "it is away");
            }
            co_return codec::encode(wire::resolved{to_bytes(known->second)});
        }
        std::optional<device_id> lessor() const override { return holds_lease; }
        std::vector<device_id> some_members(std::size_t most) const override {
            auto some = members;
            some.resize(std::min(most, some.size()));
            return some;
        }
        std::optional<device_id> holds_lease = device(1);
        std::vector<device_id> members{device(1), device(2), device(3)};
        std::map<device_id, std::string> knows;
        std::vector<device_id> asked;
        device_id slow{};
        const environment* env = nullptr;
    };
    resolver_test() { peers.env = &world.env; }
    /// What came of asking; "" where nobody knows.
    std::string ask(resolver_policy policy) {
        resolver one(world.env, policy, peers);
        peers.asked.clear();
        std::string best;
        const auto answered = world.run(one.ask("weather", {}, [&](const auto& it) {
            best = std::max(best, std::string(as_text(it.body)));
            return !best.empty();
        }));
        if (!answered) {
            return "error " + std::string(to_string_of(answered.error().code));
        }
        std::ranges::sort(peers.asked);
        return best;
    }
    static std::string to_string_of(errc code) {
        return code == errc::offline       ? "offline"
               : code == errc::unavailable ? "unavailable"
                                           : "other";
    }
    test::test_environment world;
    others peers;
};

TEST_F(resolver_test, centralised_asks_the_rendezvous_alone) {
    peers.knows = {{device(1), "sun"}, {device(2), "rain"}};
    EXPECT_EQ(ask(resolver_policy::centralised), "sun");
    EXPECT_EQ(peers.asked, std::vector{device(1)});
    peers.knows.erase(device(1));
    EXPECT_EQ(ask(resolver_policy::centralised), "error unavailable");
    EXPECT_EQ(peers.asked, std::vector{device(1)});
    peers.holds_lease.reset();
    EXPECT_EQ(ask(resolver_policy::centralised), "error offline");
    EXPECT_TRUE(peers.asked.empty());
}

TEST_F(resolver_test, decentralised_asks_whoever_there_is_alike) {
    peers.knows = {{device(1), "rain"}, {device(2), "sun"}};
    EXPECT_EQ(ask(resolver_policy::decentralised), "sun");
    EXPECT_EQ(peers.asked, (std::vector{device(1), device(2), device(3)}));
    peers.holds_lease.reset();
    peers.members.assign(20, device(2));
    EXPECT_EQ(ask(resolver_policy::decentralised), "sun");
    EXPECT_EQ(peers.asked.size(), resolver::members_asked);
}

TEST_F(resolver_test, hybrid_asks_members_where_the_rendezvous_does_not_know) {
    peers.knows = {{device(1), "rain"}, {device(2), "sun"}};
    EXPECT_EQ(ask(resolver_policy::hybrid), "rain");
    EXPECT_EQ(peers.asked, std::vector{device(1)});
    peers.knows[device(1)] = "";
    EXPECT_EQ(ask(resolver_policy::hybrid), "sun");
    EXPECT_EQ(peers.asked, (std::vector{device(1), device(2), device(3)})) << "each once";
    peers.knows.erase(device(1));
    EXPECT_EQ(ask(resolver_policy::hybrid), "sun");
    peers.holds_lease.reset();
    peers.members = {device(2)};
    EXPECT_EQ(ask(resolver_policy::hybrid), "sun");
}

TEST_F(resolver_test, an_answer_is_heard_when_it_comes_and_not_after_who_is_slow) {
    peers.knows = {{device(2), "sun"}, {device(3), "rain"}};
    peers.slow = device(2);
    resolver one(world.env, resolver_policy::decentralised, peers);
    std::vector<std::pair<device_id, instant>> heard;
    const instant begun = world.env.time.now();
    EXPECT_TRUE(world.run(one.ask("weather", {}, [&](const resolver::answer& it) {
        heard.emplace_back(it.by, world.env.time.now());
        return true;
    })));
    using namespace std::chrono_literals;
    EXPECT_EQ(heard, (std::vector<std::pair<device_id, instant>>{{device(3), begun},
                                                                 {device(2), begun + 3s}}));
}

TEST_F(resolver_test, invalid_questions_are_dropped_and_counted) {
    resolver one(world.env, resolver_policy::hybrid, peers);
    one.handle("weather", [](const net::peer&, bytes body, std::uint32_t) -> task<result<bytes>> {
        if (body.empty()) {
            co_return fail(errc::malformed, "of which day?");
        }
        co_return to_bytes("sun");
    });
    net::peer from;
    const auto say = [&](bytes payload) {
        return world.run(one.on_resolve(from, std::move(payload)));
    };
    const auto good = say(codec::encode(wire::resolve{"weather", to_bytes("today"), 1}));
    ASSERT_TRUE(good);
    EXPECT_EQ(as_text(codec::decode<wire::resolved>(*good)->body), "sun");
    EXPECT_FALSE(say(to_bytes("?")));
    EXPECT_FALSE(say(codec::encode(wire::resolve{"tides", to_bytes("today"), 1})));
    EXPECT_FALSE(say(codec::encode(wire::resolve{std::string(100, 'w'), to_bytes("today"), 1})));
    EXPECT_FALSE(say(codec::encode(wire::resolve{"weather", to_bytes("today"), 4})));
    EXPECT_FALSE(
        say(codec::encode(wire::resolve{"weather", bytes(wire::limits::resolve_bytes + 1), 1})));
    EXPECT_FALSE(say(codec::encode(wire::resolve{"weather", {}, 1})));
    EXPECT_EQ(one.counted().invalid, 6u);
    EXPECT_EQ(one.counted().answered, 1u);
}

}  // namespace
}  // namespace calbox::overlay
