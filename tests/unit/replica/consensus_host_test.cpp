// The host of a strategy when its store fails, its strategy is wrong, or an answer is lost.
#include "replica/consensus_host.hpp"

#include <gtest/gtest.h>

#include "unit/replica/replica_bench.hpp"

namespace calbox::replica {
namespace {

using namespace std::chrono_literals;

class other_parts final : public consensus_mediator {
public:
    explicit other_parts(event_store& store) : store_(store) {}
    bool takes_part(const device_id&, const event_id&) const override { return true; }
    bool is_shared(const event_id&) const override { return true; }
    bool acceptable(const event_id&, byte_view) const override { return true; }
    void send(const device_id&, bytes body) override { sent.push_back(std::move(body)); }
    std::vector<consensus::inherit> inherited() const override { return {}; }
    task<event_store::guard> hold(event_id which) override {
        co_return co_await store_.lock(which);
    }
    result<void> store_decided(const consensus::decide& what, batch& writes) override {
        if (cannot_store) {
            return fail(errc::internal, "no such event");
        }
        writes.put(record_kind::envelope, event_key(what.event), what.value);
        return {};
    }
    void decided(const consensus::decide& what) override { told.push_back(what.value); }
    error explain(const event_id&, const consensus::refused& refusal) override {
        return refusal.why;
    }
    void doubtful(const event_id&, bool now) override { in_doubt = now; }
    void locks_lost(const error& why) override { no_locks = why.code; }
    std::vector<bytes> sent, told;
    bool in_doubt = false;
    std::optional<errc> no_locks;
    bool cannot_store = false;

private:
    event_store& store_;
};

class consensus_host_test : public testing::Test {
protected:
    result<consensus::committed> commit() {
        consensus::commit ask;
        ask.operation = {{1}};
        ask.value = {9};
        return in.run(host.commit(ask, {}));
    }
    void TearDown() override {
        host.request_stop();
        in.run(host.join());
    }

    test::test_environment in;
    test::faulty_store store;
    database db{in.env, store};
    event_store events{in.env, db};
    other_parts rest{events};
    scripted_strategy strategy;
    consensus_host host{in.env, db, strategy, rest, device_id()};
};

TEST_F(consensus_host_test, nobody_is_told_what_was_not_written_and_the_strategy_begins_again) {
    ASSERT_TRUE(in.run(host.start()));
    std::size_t failures = 1;
    store.refuses = [&](const batch&) { return failures > 0 && failures-- > 0; };
    strategy.answer = [](const consensus::input& what, scripted_strategy::effects& out) {
        if (const auto* const asked = std::get_if<consensus::acquire>(&what)) {
            out.push_back(consensus::persist{{1}, bytes{2}});
            out.push_back(consensus::send{device_id(), {3}});
            out.push_back(consensus::set_timer{7, 1h});
            out.push_back(consensus::done{asked->operation, consensus::granted{5, 30s, {}}});
        }
    };
    consensus::acquire ask;
    ask.operation = {{1}};
    EXPECT_EQ(in.run(host.acquire(ask)).error().code, errc::io_failed);
    in.settle();
    EXPECT_TRUE(rest.sent.empty());
    EXPECT_TRUE(in.timers.empty());
    EXPECT_EQ(strategy.count<consensus::restored>(), 2U);
    EXPECT_EQ(rest.no_locks, errc::io_failed);
    EXPECT_EQ(in.run(host.acquire(ask))->held, 5U);
    EXPECT_EQ(rest.sent.size(), 1U);
    EXPECT_EQ(store.held.size(), 1U);
}

TEST_F(consensus_host_test, while_the_store_cannot_even_be_read_operations_are_refused) {
    ASSERT_TRUE(in.run(host.start()));
    store.refuses = [](const batch&) { return true; };
    strategy.answer = [](const consensus::input& what, scripted_strategy::effects& out) {
        if (std::holds_alternative<consensus::peer_change>(what)) {
            out.push_back(consensus::persist{{1}, bytes{2}});
        }
    };
    store.unreadable = true;
    host.on_peer(device_id(), true);
    in.settle();
    EXPECT_EQ(in.run(host.acquire({}), false).error().code, errc::io_failed);
    host.on_message(device_id(), {1});  // not heard
    EXPECT_EQ(strategy.seen.size(), 2U);
    host.on_peer(device_id(), false);
    strategy.answer = nullptr;
    store.refuses = nullptr;
    store.unreadable = false;
    in.advance(5s);
    EXPECT_EQ(strategy.count<consensus::restored>(), 2U);
    ASSERT_EQ(strategy.seen.size(), 4U);
    EXPECT_FALSE(std::get<consensus::peer_change>(strategy.seen.back()).up) << "it is told then";
    store.unreadable = true;
    EXPECT_FALSE(in.run(host.start()));
}

TEST_F(consensus_host_test, what_is_decided_is_told_once_it_is_stored) {
    ASSERT_TRUE(in.run(host.start()));
    strategy.answer = [](const consensus::input& what, scripted_strategy::effects& out) {
        if (const auto* const message = std::get_if<consensus::message>(&what)) {
            out.push_back(consensus::decide{{}, {}, message->body});
        }
    };
    // The second and the third are of the same event: each has a batch of its own.
    for (const std::uint8_t content : {1, 2, 3}) {
        host.on_message(device_id(), {content});
    }
    in.settle();
    EXPECT_EQ(rest.told, (std::vector<bytes>{{1}, {2}, {3}}));
    EXPECT_EQ(store.applied, 3U);
    rest.cannot_store = true;
    host.on_message(device_id(), {4});
    in.settle();
    EXPECT_EQ(rest.told.size(), 3U);
    EXPECT_EQ(strategy.count<consensus::restored>(), 2U);
}

TEST_F(consensus_host_test, the_fate_of_an_edit_whose_answer_was_lost_is_asked_for) {
    ASSERT_TRUE(in.run(host.start()));
    std::optional<errc> fate;
    strategy.answer = [&](const consensus::input& what, scripted_strategy::effects& out) {
        if (const auto* const asked = std::get_if<consensus::commit>(&what)) {
            out.push_back(refusal(asked->operation, errc::timed_out));
        } else if (const auto* const lost = std::get_if<consensus::fate>(&what)) {
            if (fate) {
                out.push_back(refusal(lost->operation, *fate));
            } else {
                consensus::committed happened;
                happened.version = lost->expect.next();
                out.push_back(consensus::done{lost->operation, std::move(happened)});
            }
        }
    };
    EXPECT_EQ(commit()->version, version_number(1));
    fate = errc::conflict;  // it did not happen
    EXPECT_EQ(commit().error().code, errc::unavailable);
    fate = errc::timed_out;
    EXPECT_EQ(commit().error().code, errc::timed_out);
    EXPECT_TRUE(rest.in_doubt);
    in.advance(std::chrono::minutes(5));
    EXPECT_TRUE(rest.in_doubt) << "nobody knows yet";
    fate = errc::conflict;
    in.advance(std::chrono::minutes(1));
    EXPECT_FALSE(rest.in_doubt) << "it is asked again without being told to";
    EXPECT_TRUE(in.timers.empty());
}

TEST_F(consensus_host_test, an_edit_on_a_full_disk_of_which_nobody_heard_was_not_made) {
    ASSERT_TRUE(in.run(host.start()));
    std::size_t failures = 1;
    store.refuses = [&](const batch&) { return failures > 0 && failures-- > 0; };
    store.full = true;
    strategy.answer = [&](const consensus::input& what, scripted_strategy::effects& out) {
        if (std::holds_alternative<consensus::commit>(what)) {
            out.push_back(consensus::persist{{1}, std::nullopt});
            out.push_back(consensus::send{device_id(), {3}});
        } else if (const auto* const lost = std::get_if<consensus::fate>(&what)) {
            out.push_back(refusal(lost->operation, errc::conflict));
        }
    };
    EXPECT_EQ(commit().error().code, errc::disk_full);
    EXPECT_EQ(strategy.count<consensus::fate>(), 0U);
    EXPECT_FALSE(rest.in_doubt);
    EXPECT_TRUE(rest.sent.empty());
    // What an error broke off may be on the disk.
    in.advance(10s);
    failures = 1;
    store.full = false;
    EXPECT_EQ(commit().error().code, errc::timed_out);
    in.advance(1min);
    EXPECT_EQ(strategy.count<consensus::fate>(), 1U);
    EXPECT_FALSE(rest.in_doubt);
}

TEST_F(consensus_host_test, a_lock_that_could_not_be_written_is_refused_whoever_heard_of_it) {
    ASSERT_TRUE(in.run(host.start()));
    std::size_t failures = 0;
    store.refuses = [&](const batch&) { return failures > 0 && failures-- > 0; };
    strategy.answer = [&](const consensus::input& what, scripted_strategy::effects& out) {
        if (std::holds_alternative<consensus::acquire>(what)) {
            out.push_back(consensus::send{device_id(), {3}});
            out.push_back(consensus::set_timer{7, 1s});
        } else if (std::holds_alternative<consensus::timer>(what)) {
            failures = 1;
            out.push_back(consensus::persist{{2}, std::nullopt});
        }
    };
    consensus::acquire ask;
    ask.operation = {{1}};
    EXPECT_EQ(in.run(host.acquire(ask)).error().code, errc::io_failed);
    EXPECT_EQ(rest.sent.size(), 1U);
}

TEST_F(consensus_host_test, where_nothing_can_be_written_it_begins_again_at_its_leisure) {
    ASSERT_TRUE(in.run(host.start()));
    store.refuses = [](const batch&) { return true; };
    strategy.answer = [](const consensus::input& what, scripted_strategy::effects& out) {
        if (std::holds_alternative<consensus::peer_change>(what) ||
            std::holds_alternative<consensus::restored>(what)) {
            out.push_back(consensus::persist{{1}, bytes{2}});
        }
    };
    in.settle();
    host.on_peer(device_id(), true);
    in.advance(20s);
    EXPECT_LE(strategy.count<consensus::restored>(), 7U);
    EXPECT_GE(strategy.count<consensus::restored>(), 4U);
    EXPECT_EQ(in.log.lines.size(), 1U) << "told once";
}

TEST_F(consensus_host_test, an_edit_that_could_not_be_written_here_may_have_happened_elsewhere) {
    ASSERT_TRUE(in.run(host.start()));
    std::size_t failures = 0;
    store.refuses = [&](const batch&) { return failures > 0 && failures-- > 0; };
    bool happened = true;
    strategy.answer = [&](const consensus::input& what, scripted_strategy::effects& out) {
        if (std::holds_alternative<consensus::commit>(what)) {
            out.push_back(consensus::persist{{1}, std::nullopt});
            out.push_back(consensus::send{device_id(), {3}});
            out.push_back(consensus::set_timer{7, 1s});
        } else if (std::holds_alternative<consensus::timer>(what)) {
            failures = 1;
            out.push_back(consensus::persist{{2}, std::nullopt});
        } else if (const auto* const lost = std::get_if<consensus::fate>(&what)) {
            out.push_back(happened ? consensus::done{lost->operation, consensus::committed()}
                                   : refusal(lost->operation, errc::conflict));
        }
    };
    for (const bool it_did : {true, false}) {
        happened = it_did;
        // Until it has begun again nothing can be asked, and the fate stays unknown.
        EXPECT_EQ(commit().error().code, errc::timed_out);
        EXPECT_TRUE(rest.in_doubt);
        in.advance(1min);
        EXPECT_FALSE(rest.in_doubt);
        EXPECT_TRUE(in.timers.empty());
    }
}

TEST_F(consensus_host_test, answers_that_fit_no_question_are_errors_and_end_nothing) {
    ASSERT_TRUE(in.run(host.start()));
    strategy.answer = [](const consensus::input& what, scripted_strategy::effects& out) {
        std::visit(
            [&](const auto& one) {
                if constexpr (requires {
                                  one.operation;
                                  one.event;
                              }) {
                    out.push_back(consensus::done{one.operation, consensus::current()});
                    out.push_back(consensus::done{one.operation, consensus::current()});
                }
            },
            what);
        if (std::holds_alternative<consensus::message>(what)) {
            out.push_back(consensus::http_request{4, "POST", "http://127.0.0.1:1/", {}, 1s});
            out.push_back(consensus::left{});
        }
    };
    EXPECT_EQ(in.run(host.acquire({})).error().code, errc::internal);
    EXPECT_EQ(commit().error().code, errc::internal);
    EXPECT_EQ(in.run(host.renew({})).error().code, errc::internal);
    host.release({});
    // A strategy that declares no engine may not ask for one.
    host.on_message(device_id(), {1});
    in.settle();
    const auto* const told = std::get_if<consensus::http_response>(&strategy.seen.back());
    ASSERT_NE(told, nullptr);
    EXPECT_EQ(told->status, 0);
    EXPECT_EQ(told->tag, 4U);
    EXPECT_EQ(in.log.lines.back().level, log_level::error);
    EXPECT_EQ(host.explain({}), "{}");
}

TEST_F(consensus_host_test, refusals_are_told_and_leaving_ends_in_time) {
    ASSERT_TRUE(in.run(host.start()));
    strategy.answer = [](const consensus::input& what, scripted_strategy::effects& out) {
        if (const auto* const asked = std::get_if<consensus::acquire>(&what)) {
            out.push_back(refusal(asked->operation, errc::busy));
        } else if (const auto* const more = std::get_if<consensus::renew>(&what)) {
            if (more->held == 0) {
                out.push_back(refusal(more->operation, errc::conflict));
            } else {
                out.push_back(consensus::done{more->operation, consensus::granted{1, 3s, {}}});
            }
        } else if (const auto* const last = std::get_if<consensus::leaving>(&what)) {
            if (last->most > 5s) {
                out.push_back(consensus::left{});
            }
        }
    };
    EXPECT_EQ(in.run(host.acquire({})).error().code, errc::busy);
    EXPECT_EQ(in.run(host.renew({})).error().code, errc::conflict);
    consensus::renew held;
    held.held = 1;
    EXPECT_EQ(in.run(host.renew(held)), duration(3s));
    const instant begun = in.time.now();
    in.run(host.leave(10s));
    EXPECT_EQ(in.time.now(), begun);
    in.run(host.leave(2s));
    EXPECT_EQ(in.time.now() - begun, 2s);
}

TEST_F(consensus_host_test, a_timer_that_is_set_again_moves) {
    ASSERT_TRUE(in.run(host.start()));
    strategy.answer = [](const consensus::input& what, scripted_strategy::effects& out) {
        if (std::holds_alternative<consensus::message>(what)) {
            out.push_back(consensus::set_timer{1, 10s});
        }
    };
    host.on_message(device_id(), {});
    in.advance(6s);
    host.on_message(device_id(), {});
    in.advance(6s);
    EXPECT_TRUE(std::holds_alternative<consensus::message>(strategy.seen.back()));
    in.advance(4s);
    EXPECT_TRUE(std::holds_alternative<consensus::timer>(strategy.seen.back()));
}

}  // namespace
}  // namespace calbox::replica
