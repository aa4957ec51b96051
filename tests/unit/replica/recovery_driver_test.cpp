// Two devices' drivers that know different strategies.
#include "replica/recovery_driver.hpp"

#include <gtest/gtest.h>

#include "support/faulty_store.hpp"
#include "support/numbered_devices.hpp"
#include "support/test_environment.hpp"

namespace calbox::replica {
namespace {

/// Asks everybody one question, takes each answer for an envelope, and ends.
class asking final : public recovery::initiator {
public:
    explicit asking(bytes question) : question_(std::move(question)) {}
    void step(const recovery::input& what, const recovery::view&, recovery::context,
              std::vector<recovery::effect>& effects) override {
        if (const auto* const begin = std::get_if<recovery::begin>(&what)) {
            open_ = begin->friends;
            open_.insert(open_.end(), begin->backups.begin(), begin->backups.end());
            for (const device_id& one : open_) {
                effects.push_back(recovery::send{one, question_});
            }
        } else if (const auto* const got = std::get_if<recovery::message>(&what)) {
            effects.push_back(recovery::apply{got->from, got->body});
            std::erase(open_, got->from);
        } else if (const auto* const lost = std::get_if<recovery::peer_lost>(&what)) {
            std::erase(open_, lost->device);
            end_.silent.push_back(lost->device);
        }
        if (open_.empty()) {
            end_.rounds = 1;
            end_.caught_up = end_.silent.empty();
            effects.push_back(end_);
        }
    }

private:
    bytes question_;
    std::vector<device_id> open_;
    recovery::finished end_;
};

class one_question final : public recovery::strategy {
public:
    explicit one_question(std::uint8_t mark) : mark_(mark) {}
    std::unique_ptr<recovery::initiator> initiate() override {
        return std::make_unique<asking>(bytes{mark_});
    }
    result<std::vector<bytes>> respond(byte_view asked, const recovery::view&,
                                       recovery::context) override {
        if (asked.size() != 1 || asked[0] != mark_) {
            return fail(errc::malformed, "another strategy's question");
        }
        return std::vector<bytes>{bytes(10, mark_)};
    }

private:
    std::uint8_t mark_;
};

/// Carries messages between drivers, and takes every envelope for news.
class wire_between final : public recovery_mediator {
public:
    explicit wire_between(device_id self) : self_(self) {}
    task<result<void>> send(device_id to, wire::recovery_message what) override {
        sent.push_back(what);
        if (const auto found = others.find(to); found != others.end()) {
            co_await found->second->on_message(self_, {}, true, std::move(what));
        }
        co_return result<void>();
    }
    task<result<bool>> apply(device_id, bytes encoded) override {
        applied.push_back(std::move(encoded));
        co_return true;
    }
    std::map<device_id, recovery_driver*> others;
    std::vector<wire::recovery_message> sent;
    std::vector<bytes> applied;

private:
    device_id self_;
};

class recovery_driver_test : public testing::Test {
protected:
    recovery_driver_test() {
        ours_.others = {{device(2), &old_}, {device(3), &new_}};
        of_old_.others = {{device(1), &asks_}};
        of_new_.others = {{device(1), &asks_}};
    }
    void TearDown() override {
        for (recovery_driver* const one : {&asks_, &old_, &new_}) {
            one->request_stop();
            in_.run(one->join());
        }
    }
    recovery_report run() {
        recovery_peers with;
        with.friends[device(2)];
        with.backups.push_back(device(3));
        return in_.run(asks_.run(with));
    }

    test::test_environment in_;
    test::faulty_store store_;
    database db_{in_.env, store_};
    event_store events_{in_.env, db_};
    event_set set_{events_, false, [] { return std::vector<user_id>(); }};
    one_question naive_{1}, better_{2};
    wire_between ours_{device(1)}, of_old_{device(2)}, of_new_{device(3)};
    recovery_driver asks_{
        in_.env, set_, {{{"naive", &naive_}, {"better", &better_}}, "better"}, ours_};
    recovery_driver old_{in_.env, set_, {{{"naive", &naive_}}, "naive"}, of_old_};
    recovery_driver new_{
        in_.env, set_, {{{"naive", &naive_}, {"better", &better_}}, "naive"}, of_new_};
};

TEST_F(recovery_driver_test, who_does_not_know_the_strategy_says_so_and_is_asked_by_naive) {
    const auto report = run();
    ASSERT_EQ(of_old_.sent.size(), 2U);
    EXPECT_TRUE(of_old_.sent[0].refused.value_or(false));
    EXPECT_EQ(of_old_.sent[0].strategy, "better");
    EXPECT_EQ(of_old_.sent[1].strategy, "naive");
    ASSERT_EQ(of_new_.sent.size(), 1U) << "whoever knows it is not asked twice";
    EXPECT_EQ(of_new_.sent[0].strategy, "better");
    EXPECT_TRUE(report.caught_up);
    EXPECT_TRUE(report.silent.empty());
    EXPECT_EQ(report.strategy, "better");
    EXPECT_EQ(report.refused, std::vector{device(2)});
    EXPECT_EQ(ours_.applied, (std::vector{bytes(10, 2), bytes(10, 1)}));
}

TEST_F(recovery_driver_test, counts_what_was_sent_what_came_and_what_was_news) {
    const auto report = run();
    EXPECT_EQ(report.applied, 2U);
    EXPECT_EQ(report.lower_bound, 20U);
    EXPECT_EQ(report.bytes_sent, 3U);
    EXPECT_EQ(report.bytes_received, 20U);
    EXPECT_EQ(report.rounds, 2U);
    EXPECT_EQ(report.friends.at(device(2)).envelopes, 1U);
    EXPECT_EQ(report.backups.at(device(3)).bytes, 10U);
    EXPECT_EQ(asks_.totals().exchanges, 1U);
}

TEST_F(recovery_driver_test, another_strategy_holds_from_the_next_exchange_on) {
    ASSERT_TRUE(asks_.use("naive"));
    const auto report = run();
    EXPECT_EQ(report.strategy, "naive");
    EXPECT_TRUE(report.refused.empty());
    EXPECT_EQ(ours_.applied, (std::vector{bytes(10, 1), bytes(10, 1)}));
    const auto none = asks_.use("guess");
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, errc::not_found);
    EXPECT_NE(none.error().message().find("better, naive"), std::string::npos);
    EXPECT_EQ(asks_.strategies().chosen, "naive");
}

}  // namespace
}  // namespace calbox::replica
