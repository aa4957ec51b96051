// Exchanges over links that break, with peers that recover otherwise.
#include "replica/recovery_driver.hpp"

#include <gtest/gtest.h>

#include "support/numbered_devices.hpp"
#include "unit/replica/replica_bench.hpp"

namespace calbox::replica {
namespace {

using namespace std::chrono_literals;

class scripted_recovery final : public recovery::strategy {
public:
    using effects = std::vector<recovery::effect>;
    class exchange final : public recovery::initiator {
    public:
        explicit exchange(scripted_recovery& of) : of_(of) {}
        void step(const recovery::input& what, const recovery::view&, recovery::context,
                  effects& out) override {
            of_.seen.push_back(what);
            of_.answer(what, out);
        }

    private:
        scripted_recovery& of_;
    };
    std::unique_ptr<recovery::initiator> initiate() override {
        return std::make_unique<exchange>(*this);
    }
    result<std::vector<bytes>> respond(byte_view asked, const recovery::view&,
                                       recovery::context) override {
        if (asked.empty()) {
            return fail(errc::malformed, "nothing is asked");
        }
        return std::vector<bytes>(3, to_bytes(asked));
    }
    template <class Input>
    std::size_t count() const {
        return static_cast<std::size_t>(std::ranges::count_if(
            seen, [](const auto& one) { return std::holds_alternative<Input>(one); }));
    }
    std::vector<recovery::input> seen;
    std::function<void(const recovery::input&, effects&)> answer;
};

class links final : public recovery_mediator {
public:
    task<result<void>> send(device_id to, wire::recovery_message what) override {
        if (sent.size() >= sends_most) {
            co_return fail(errc::unavailable, "the link broke");
        }
        sent.emplace_back(to, std::move(what));
        co_return result<void>();
    }
    task<result<bool>> apply(device_id, bytes envelope) override {
        if (envelope.empty()) {
            co_return fail(errc::malformed, "no envelope");
        }
        co_return envelope[0] == 1;
    }
    std::vector<std::pair<device_id, wire::recovery_message>> sent;
    std::size_t sends_most = 100;
};

class recovery_exchanges : public testing::Test {
protected:
    void TearDown() override {
        driver.request_stop();
        in.run(driver.join());
    }
    void begin(recovery_peers with) {
        asio::co_spawn(in.context, driver.run(std::move(with)),
                       [this](std::exception_ptr, recovery_report how) { ends.push_back(how); });
        in.settle();
    }
    void answer(device_id from, bytes body) {
        in.run(driver.on_message(from, {}, false,
                                 {"scripted", true, by.sent.back().second.exchange, body, {}, {}}));
        in.settle();
    }

    test::test_environment in;
    test::faulty_store store;
    database db{in.env, store};
    event_store events{in.env, db};
    scripted_recovery strategy;
    links by;
    recovery_strategies known{{{"scripted", &strategy}}, "scripted"};
    event_set all{events, false, [] { return std::vector<user_id>(); }};
    recovery_driver driver{in.env, all, known, by};
    std::vector<recovery_report> ends;
};

TEST_F(recovery_exchanges, what_comes_is_counted_by_who_sent_it) {
    strategy.answer = [](const recovery::input& what, scripted_recovery::effects& out) {
        if (std::holds_alternative<recovery::begin>(what)) {
            out.push_back(recovery::send{device(1), {1, 2}});
        } else if (const auto* const came = std::get_if<recovery::message>(&what)) {
            out.push_back(recovery::apply{came->from, came->body});
            if (came->from == device(2)) {
                out.push_back(recovery::finished{true, 1, 2, {device(3)}});
            }
        }
    };
    begin({{{device(1), {}}}, {device(2)}, {}});
    answer(device(1), {1, 0, 0});
    answer(device(1), {2});  // held already
    answer(device(1), {});   // refused
    answer(device(9), {1});  // was not asked
    ASSERT_TRUE(ends.empty());
    answer(device(2), {1});
    ASSERT_EQ(ends.size(), 1U);
    EXPECT_FALSE(ends[0].caught_up) << "somebody was silent, whatever the strategy makes of it";
    EXPECT_EQ(ends[0].applied, 3U);
    EXPECT_EQ(ends[0].duplicates, 1U);
    EXPECT_EQ(ends[0].rounds, 2U);
    EXPECT_EQ(ends[0].silent, std::vector{device(3)});
    EXPECT_EQ(ends[0].friends.at(device(1)).envelopes, 3U);
    EXPECT_EQ(ends[0].friends.at(device(1)).bytes, 4U);
    EXPECT_EQ(ends[0].backups.at(device(2)).bytes, 1U);
    EXPECT_EQ(ends[0].bytes_sent, 2U);
    EXPECT_EQ(ends[0].bytes_received, 6U);
    EXPECT_EQ(driver.totals().exchanges, 1U);
    EXPECT_EQ(driver.totals().backups.envelopes, 1U);
    EXPECT_EQ(driver.last().applied, 3U);
    // An answer that comes when it is over changes nothing.
    answer(device(1), {1});
    EXPECT_EQ(driver.last().applied, 3U);
    EXPECT_EQ(strategy.count<recovery::message>(), 5U);
}

TEST_F(recovery_exchanges, a_second_exchange_waits_for_the_first) {
    strategy.answer = [](const recovery::input& what, scripted_recovery::effects& out) {
        if (std::holds_alternative<recovery::begin>(what)) {
            out.push_back(recovery::set_timer{1, 5s});
            out.push_back(recovery::set_timer{1, 10s});  // moves it
            out.push_back(recovery::set_timer{2, 20s});  // ends with the exchange
        } else if (std::holds_alternative<recovery::timer>(what)) {
            out.push_back(recovery::finished{});
        }
    };
    begin({});
    begin({});
    EXPECT_EQ(strategy.count<recovery::begin>(), 1U);
    in.advance(9s);
    EXPECT_TRUE(ends.empty());
    in.advance(1s);
    EXPECT_EQ(ends.size(), 1U);
    EXPECT_EQ(strategy.count<recovery::begin>(), 2U);
    in.advance(10s);
    EXPECT_EQ(ends.size(), 2U);
    EXPECT_EQ(strategy.count<recovery::timer>(), 2U);
    in.advance(1min);
    EXPECT_EQ(strategy.count<recovery::timer>(), 2U);
}

TEST_F(recovery_exchanges, whoever_cannot_be_sent_to_is_lost) {
    by.sends_most = 0;
    strategy.answer = [](const recovery::input& what, scripted_recovery::effects& out) {
        if (std::holds_alternative<recovery::begin>(what)) {
            out.push_back(recovery::send{device(1), {1}});
        } else if (const auto* const gone = std::get_if<recovery::peer_lost>(&what)) {
            out.push_back(recovery::finished{false, 0, 1, {gone->device}});
        }
    };
    begin({{{device(1), {}}}, {}, {}});
    ASSERT_EQ(ends.size(), 1U);
    EXPECT_FALSE(ends[0].caught_up);
    EXPECT_EQ(ends[0].silent, std::vector{device(1)});
    driver.on_peer_lost(device(1));  // nobody is asked any more
    EXPECT_EQ(strategy.count<recovery::peer_lost>(), 1U);
}

TEST_F(recovery_exchanges, it_answers_its_own_strategy_as_far_as_the_link_goes) {
    by.sends_most = 2;
    in.run(driver.on_message(device(1), {}, true, {"scripted", false, 7, {5}, {}, {}}));
    ASSERT_EQ(by.sent.size(), 2U);
    EXPECT_TRUE(by.sent[0].second.answer);
    EXPECT_EQ(by.sent[0].second.exchange, 7U);
    by.sends_most = 100;
    in.run(driver.on_message(device(1), {}, true, {"another", false, 7, {5}, {}, {}}));
    in.run(driver.on_message(device(1), {}, true, {"scripted", false, 7, {}, {}, {}}));
    ASSERT_EQ(by.sent.size(), 3U);
    EXPECT_EQ(by.sent[2].second.refused, true) << "a strategy that is not here";
    EXPECT_EQ(by.sent[2].second.strategy, "another");
}

TEST_F(recovery_exchanges, an_exchange_that_is_cut_off_leaves_no_timer) {
    strategy.answer = [](const recovery::input&, scripted_recovery::effects& out) {
        out.push_back(recovery::set_timer{1, 5s});
    };
    {
        recovery_driver another(in.env, all, known, by);
        const auto run = [&]() -> task<void> { (void)co_await another.run({}); };
        task_scope caller(in.env, "caller");
        caller.spawn("run", run());
        in.settle();
        EXPECT_FALSE(in.timers.empty());
        another.request_stop();
        caller.request_stop();
        in.run(caller.join());
        in.run(another.join());
    }
    EXPECT_TRUE(in.timers.empty());
}

}  // namespace
}  // namespace calbox::replica
