// What is known of the backups' copies of events.
#include "node/event_copies.hpp"

#include <gtest/gtest.h>

#include "unit/replica/replica_bench.hpp"
#include "wire/limits.hpp"

namespace calbox::node {
namespace {

device_id backup_of(std::uint8_t number) { return *device_id::from_bytes(bytes(32, number)); }

struct asked_backup final : files_mediator {
    std::vector<device_id> backups() const override { return {backup_of(1)}; }
    std::vector<device_id> connected() const override { return {}; }
    bool is_reachable(const device_id&) const override { return true; }
    task<result<bytes>> ask(device_id, wire::message_type, bytes payload) override {
        ++questions;
        if (const auto now = std::exchange(meanwhile, nullptr)) {
            now();
        }
        if (failure) {
            co_return fail(*failure);
        }
        wire::holds_reply reply;
        const auto what = *codec::decode<wire::holds>(payload);
        if (what.event && held.contains(*what.event)) {
            reply.order = held.at(*what.event);
        }
        if (what.events && knows_lists) {
            largest = std::max(largest, what.events->size());
            reply.events.emplace();
            for (const event_id& one : *what.events) {
                if (held.contains(one)) {
                    reply.events->push_back({one, held.at(one)});
                }
            }
        }
        co_return codec::encode(reply);
    }
    void send(const device_id&, wire::message_type, bytes) override {}
    task<std::vector<device_id>> holders_of(file_root) override {
        co_return std::vector<device_id>();
    }
    std::map<event_id, envelope_order> held;
    std::optional<error> failure;
    std::function<void()> meanwhile;  // happens while the first question is on its way
    bool knows_lists = true;
    int questions = 0;
    std::size_t largest = 0;  // events in one
};

class event_copies_test : public testing::Test {
protected:
    event_copies_test() { start(); }
    ~event_copies_test() override { stop(); }
    void start() {
        copies.emplace(in.env, db, events, net);
        copies->give = [this](device_id, std::vector<event_id> which) {
            given.insert(given.end(), which.begin(), which.end());
            return done();
        };
        EXPECT_TRUE(in.run(copies->load()));
    }
    void stop() {
        copies->request_stop();
        in.run(copies->join());
    }
    static task<result<void>> done() { co_return result<void>(); }
    envelope_order hold(std::uint32_t n) {
        const auto one = *replica::verify(
            replica::sign(replica::header_of(id(n), alice, 1, {}), alice, in.entropy));
        events.publish(one);
        return one.order;
    }
    event_id id(std::uint32_t n) const {
        return {alice.id, event_id::make_seq(device_number(1), n)};
    }
    bool unsure(std::uint32_t n) const { return !copies->unsure(id(n)).empty(); }

    test::test_environment in;
    test::faulty_store store;
    replica::database db{in.env, store};
    replica::event_store events{in.env, db};
    const replica::person alice{in.entropy};
    asked_backup net;
    std::vector<event_id> given;
    std::optional<event_copies> copies;
};

TEST_F(event_copies_test, a_backup_has_what_it_says_and_later_what_it_is_not_owed) {
    net.held[id(1)] = hold(1);
    const auto second = hold(2);
    EXPECT_TRUE(unsure(1)) << "nobody has asked it";
    copies->on_peer(backup_of(2));
    in.settle();
    EXPECT_EQ(net.questions, 0) << "it is no backup";
    copies->on_peer(backup_of(1));
    in.settle();
    EXPECT_FALSE(unsure(1));
    EXPECT_TRUE(unsure(2));
    net.held[id(2)] = second;
    in.advance(std::chrono::seconds(6));
    EXPECT_FALSE(unsure(2));
    hold(3);
    EXPECT_FALSE(unsure(3)) << "it is owed to it, or there";
    // That is remembered.
    stop();
    start();
    EXPECT_FALSE(unsure(1));
    EXPECT_TRUE(given.empty());
}

TEST_F(event_copies_test, an_older_version_is_not_this_one_and_silence_is_no_answer) {
    auto older = hold(1);
    older.version = version_number(0);
    net.held[id(1)] = older;
    net.failure = error(errc::closed, "it is gone");
    copies->on_peer(backup_of(1));
    in.settle();
    EXPECT_TRUE(unsure(1));
    net.failure.reset();
    copies->on_peer(backup_of(1));
    in.settle();
    EXPECT_TRUE(unsure(1));
    EXPECT_EQ(net.questions, 2);
}

TEST_F(event_copies_test, many_are_asked_for_in_one_question) {
    constexpr auto most = static_cast<std::uint32_t>(wire::limits::events_per_question);
    for (std::uint32_t n = 1; n <= most + 1; ++n) {
        net.held[id(n)] = hold(n);
    }
    copies->on_peer(backup_of(1));
    in.settle();
    EXPECT_EQ(net.questions, 2);
    EXPECT_EQ(net.largest, most);
    EXPECT_FALSE(unsure(1) || unsure(most) || unsure(most + 1));
    copies->on_peer(backup_of(1));
    in.settle();
    EXPECT_EQ(net.questions, 2) << "a session that breaks is no reason to count again";
}

TEST_F(event_copies_test, an_older_program_is_asked_for_one_at_a_time) {
    net.knows_lists = false;
    net.held[id(1)] = hold(1);
    hold(2);
    copies->on_peer(backup_of(1));
    in.settle();
    EXPECT_EQ(net.questions, 3);
    EXPECT_FALSE(unsure(1));
    EXPECT_TRUE(unsure(2));
}

TEST_F(event_copies_test, what_a_backup_has_lost_is_given_to_it_again) {
    net.held[id(1)] = hold(1);
    const auto second = net.held[id(2)] = hold(2);
    copies->on_peer(backup_of(1));
    in.settle();
    EXPECT_EQ(copies->lacking(), 0U);
    net.held.erase(id(2));
    in.advance(std::chrono::minutes(2));
    copies->on_peer(backup_of(1));
    in.settle();
    EXPECT_TRUE(unsure(2)) << "the count is down";
    EXPECT_FALSE(unsure(1));
    EXPECT_EQ(copies->lacking(), 1U);
    EXPECT_TRUE(given.empty()) << "it may be on its way";
    in.advance(std::chrono::seconds(6));
    EXPECT_EQ(given, std::vector<event_id>{id(2)});
    EXPECT_TRUE(unsure(2)) << "until it has said so";
    net.held[id(2)] = second;
    in.advance(std::chrono::seconds(60));
    EXPECT_FALSE(unsure(2));
    EXPECT_EQ(copies->lacking(), 0U);
    EXPECT_EQ(copies->given(), 1U);
    EXPECT_EQ(given.size(), 1U);
}

TEST_F(event_copies_test, what_came_by_another_way_is_on_no_backup_until_it_says_so) {
    copies->on_peer(backup_of(1));
    in.settle();
    net.held[id(1)] = hold(1);
    copies->recount();
    EXPECT_TRUE(unsure(1));
    copies->on_peer(backup_of(1));
    in.settle();
    EXPECT_FALSE(unsure(1));
    EXPECT_EQ(copies->lacking(), 0U);
}

TEST_F(event_copies_test, what_came_while_a_backup_was_asked_is_asked_for_next) {
    net.held[id(1)] = hold(1);
    envelope_order second;
    net.meanwhile = [&] {
        second = hold(2);
        copies->recount();
    };
    copies->on_peer(backup_of(1));
    in.settle();
    EXPECT_FALSE(unsure(1));
    EXPECT_TRUE(unsure(2));
    net.held[id(2)] = second;
    in.advance(std::chrono::seconds(6));
    EXPECT_FALSE(unsure(2));
}

TEST_F(event_copies_test, a_new_backup_fills_itself_and_is_given_what_does_not_come) {
    net.held[id(1)] = hold(1);
    hold(2);
    copies->on_peer(backup_of(1));
    in.advance(std::chrono::seconds(50));
    EXPECT_TRUE(given.empty());
    in.advance(std::chrono::seconds(20));
    EXPECT_EQ(given, std::vector<event_id>{id(2)});
}

TEST_F(event_copies_test, one_that_cannot_be_asked_is_believed_to_have_what_it_is_not_owed) {
    hold(1);
    net.failure = error(errc::unsupported, "no such question");
    copies->on_peer(backup_of(1));
    in.settle();
    EXPECT_FALSE(unsure(1));
}

}  // namespace
}  // namespace calbox::node
