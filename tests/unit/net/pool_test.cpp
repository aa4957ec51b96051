// Two pools that dial each other: which session is kept, and what becomes of the messages of the
// other one.
#include "net/pool.hpp"

#include <gtest/gtest.h>

#include "crypto/certificates.hpp"
#include "net/framing.hpp"
#include "net/memory_transport.hpp"
#include "support/test_environment.hpp"

namespace calbox::net {
namespace {

using namespace asio::experimental::awaitable_operators;
using namespace std::chrono_literals;

/// Pipes straight into the other device's pool, as from a rendezvous; without one, to nobody.
class relay_stand_in final : public relay_dialler {
public:
    explicit relay_stand_in(const environment& env) : env_(env) {}
    task<result<std::unique_ptr<byte_stream>>> dial(device_id by, device_id) override {
        if (target == nullptr) {
            co_return fail(errc::unavailable, "no relays in this test");
        }
        auto [mine, its] = make_memory_streams(env_, "relayed pipe");
        target->accept_pipe(std::move(its), by);
        co_return std::move(mine);
    }
    pool* target = nullptr;

private:
    const environment& env_;
};

/// Punches into one another: each takes the end that the other one leaves.
class punching_network final : public transport {
public:
    explicit punching_network(const environment& env, transport& beneath)
        : env_(env), beneath_(beneath) {}
    task<result<std::unique_ptr<byte_stream>>> dial(std::string address) override {
        co_return co_await beneath_.dial(std::move(address));
    }
    result<std::unique_ptr<acceptor>> listen(const std::string& address) override {
        return beneath_.listen(address);
    }
    task<result<std::unique_ptr<byte_stream>>> punch(std::string own,
                                                     std::string address) override {
        asked.push_back(own + " to " + address);
        if (left_) {
            co_return std::move(left_);
        }
        auto [mine, its] = make_memory_streams(env_, "punched");
        left_ = std::move(its);
        co_return std::move(mine);
    }
    std::vector<std::string> asked;

private:
    const environment& env_;
    transport& beneath_;
    std::unique_ptr<byte_stream> left_;
};

/// Lets nobody through before the gate is open.
class gated_network final : public transport {
public:
    gated_network(const environment& env, transport& beneath) : gate(env), beneath_(beneath) {}
    task<result<std::unique_ptr<byte_stream>>> dial(std::string address) override {
        co_await gate.wait();
        co_return co_await beneath_.dial(std::move(address));
    }
    result<std::unique_ptr<acceptor>> listen(const std::string& address) override {
        return beneath_.listen(address);
    }
    event gate;

private:
    transport& beneath_;
};

/// One device: its pool, what it was sent, and whom it met.
class device final : public pool_mediator, public message_handler {
public:
    device(const environment& env, credentials who)
        : mine(std::move(who)), may_answer(env), relays(env), env_(env) {
        may_answer.set();
    }

    result<void> start(const std::string& address) {
        pool_settings with;
        with.listen = address;
        connections = make_pool(env_, mine, *this, *this, relays, with);
        return connections->start();
    }
    device_id id() const { return crypto::device_of(mine.device_key.public_key); }

    wire::hello hello() override {
        wire::hello said;
        said.network = mine.network;
        return said;
    }
    std::vector<author> verify_users(const device_id&, const std::vector<author>&) override {
        return {};
    }
    task<std::optional<wire::location>> find(device_id who) override {
        wire::location where;
        where.device = who;
        where.addresses = {other};
        where.relay = relay;
        co_return where;
    }
    void came(const peer&) override { ++met; }
    void went(const device_id&) override { ++left; }
    task<result<bytes>> on_request(const peer&, wire::message_type, bytes payload) override {
        ++asked;
        co_await may_answer.wait();
        co_return payload;
    }
    task<void> on_message(const peer&, wire::message_type, bytes payload) override {
        heard.emplace_back(as_text(payload));
        co_return;
    }

    credentials mine;
    std::string other;  // where the other device listens
    std::optional<device_id> relay;
    std::unique_ptr<pool> connections;
    std::vector<std::string> heard;
    int met = 0, left = 0, asked = 0;
    event may_answer;
    relay_stand_in relays;

private:
    const environment& env_;
};

class pool_test : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(crypto::initialise().has_value());
        ca_ = crypto::signing_key::generate(world.entropy);
        certificate_ = *crypto::make_ca_certificate(ca_, world.time.wall(), world.entropy);
        credentials one = member(), two = member();
        // Of two sessions that cross, the one that the smaller device dialled is kept.
        if (crypto::device_of(two.device_key.public_key) <
            crypto::device_of(one.device_key.public_key)) {
            std::swap(one, two);
        }
        smaller.emplace(env, std::move(one));
        larger.emplace(env, std::move(two));
        ASSERT_TRUE(smaller->start("smaller:1"));
        ASSERT_TRUE(larger->start("larger:1"));
        smaller->other = "larger:1";
        larger->other = "smaller:1";
    }
    void TearDown() override {
        for (device* const one : {&*smaller, &*larger}) {
            end(*one);
        }
    }
    void end(device& one) {
        auto ending = [](pool& which) -> task<void> {
            which.request_stop();
            co_await which.join();
        };
        world.run(ending(*one.connections));
    }
    credentials member() {
        credentials mine;
        mine.device_key = crypto::signing_key::generate(world.entropy);
        mine.certificate =
            *crypto::make_device_certificate(ca_, certificate_, mine.device_key.public_key,
                                             wire::role::edge, world.time.wall(), world.entropy);
        mine.ca_certificate = certificate_;
        mine.network = crypto::network_of_ca(certificate_);
        return mine;
    }
    static credentials copy_of(const credentials& who) {
        return {*crypto::signing_key::from_seed(who.device_key.seed.view()), who.certificate,
                who.ca_certificate, who.network};
    }
    environment env_with(transport& other) {
        return {world.context.get_executor(),
                world.time,
                world.timers,
                world.entropy,
                other,
                world.disk,
                world.compute,
                world.log};
    }
    static task<result<void>> tell(device& from, device_id to, std::string text) {
        co_return co_await from.connections->send(to, wire::message_type::consensus,
                                                  to_bytes(text));
    }

    test::test_environment world;
    memory_transport network{world.env};
    environment env{world.context.get_executor(),
                    world.time,
                    world.timers,
                    world.entropy,
                    network,
                    world.disk,
                    world.compute,
                    world.log};
    std::optional<device> smaller, larger;

private:
    crypto::signing_key ca_;
    bytes certificate_;
};

TEST_F(pool_test, dials_that_cross_lose_no_message) {
    auto both = [](device& one, device& two) -> task<bool> {
        const auto [first, second] =
            co_await (tell(one, two.id(), "from one") && tell(two, one.id(), "from two"));
        co_return first.has_value() && second.has_value();
    };
    EXPECT_TRUE(world.run(both(*smaller, *larger)));
    world.settle();
    EXPECT_EQ(larger->heard, std::vector<std::string>{"from one"});
    EXPECT_EQ(smaller->heard, std::vector<std::string>{"from two"});
    world.advance(10s);
    for (const auto& [one, two] :
         {std::pair(&*smaller, &*larger), std::pair(&*larger, &*smaller)}) {
        EXPECT_EQ(one->connections->peers().size(), 1u);
        EXPECT_NE(one->connections->open_to(two->id()), nullptr);
        EXPECT_EQ(one->left, 0);
    }
}

TEST_F(pool_test, an_answer_on_the_way_survives_a_dial_that_crosses) {
    gated_network slow(env, network);
    environment slow_env = env_with(slow);
    device dialling(slow_env, copy_of(smaller->mine));
    ASSERT_TRUE(dialling.start("dialling:1"));
    dialling.other = "larger:1";
    larger->other = "dialling:1";
    dialling.may_answer.reset();
    // The larger one is connected and waits for an answer when the dial of the other comes through.
    auto opening = [](const environment& in, gated_network& way, device& answering) -> task<void> {
        co_await sleep_for(in, 100ms);
        way.gate.set();
        co_await sleep_for(in, 100ms);
        answering.may_answer.set();
    };
    auto crossing = [](device& one, device& two) -> task<result<bytes>> {
        auto [dialled, answer] = co_await (
            one.connections->connect(two.id()) &&
            two.connections->request(one.id(), wire::message_type::ping, to_bytes("question")));
        co_return std::move(answer);
    };
    task_scope gates(env, "gates");
    gates.spawn("open", opening(env, slow, dialling));
    const auto answer = world.run(crossing(dialling, *larger));
    ASSERT_TRUE(answer) << answer.error().message();
    EXPECT_EQ(as_text(*answer), "question");
    EXPECT_EQ(dialling.asked, 1);
    EXPECT_EQ(dialling.met, 2) << "the dials did not cross";
    EXPECT_EQ(dialling.left, 0);
    world.run(gates.join());
    end(dialling);
}

TEST_F(pool_test, the_first_request_goes_out_before_the_other_side_has_said_hello) {
    const credentials third = member();
    auto door = network.listen("third:1");
    ASSERT_TRUE(door);
    smaller->other = "third:1";
    // Answers by hand, and only when it has both.
    auto answering = [](const environment& in, acceptor& at, const credentials& mine,
                        std::vector<std::uint8_t>& heard_types) -> task<void> {
        auto stream = co_await at.accept();
        auto channel = co_await secure_server(in, std::move(*stream), mine);
        frame_reader reader;
        message_frame last;
        while (heard_types.size() < 2) {
            const auto data = co_await (*channel)->read();
            if (!data || !reader.feed(*data)) {
                co_return;
            }
            while (auto message = reader.next()) {
                heard_types.push_back(message->type);
                last = std::move(*message);
            }
        }
        wire::hello said;
        said.network = mine.network;
        bytes out;
        write_frames(out, static_cast<std::uint8_t>(wire::message_type::hello), 0, 0,
                     codec::encode(said));
        write_frames(out, last.type, frame_flag::reply, last.stream, to_bytes("answer"));
        (void)co_await (*channel)->write(out);
        (void)co_await (*channel)->read();  // until the other side ends it
    };
    std::vector<std::uint8_t> types;
    task_scope answers(env, "answers");
    answers.spawn("third", answering(env, **door, third, types));
    const device_id whom = crypto::device_of(third.device_key.public_key);
    const auto answer = world.run(smaller->connections->request_first(
        whom, wire::message_type::lease, to_bytes("question"), 5s));
    ASSERT_TRUE(answer) << answer.error().message();
    EXPECT_EQ(as_text(*answer), "answer");
    EXPECT_EQ(types, (std::vector{static_cast<std::uint8_t>(wire::message_type::hello),
                                  static_cast<std::uint8_t>(wire::message_type::lease)}));
    EXPECT_NE(smaller->connections->open_to(whom), nullptr);
    smaller->connections->disconnect(whom);
    world.run(answers.join());
}

TEST_F(pool_test, a_first_request_is_answered_once_over_a_new_session_and_over_an_old_one) {
    for (const char* const text : {"new", "old"}) {
        const auto answer = world.run(smaller->connections->request_first(
            larger->id(), wire::message_type::probe, to_bytes(text), 5s));
        ASSERT_TRUE(answer) << answer.error().message();
        EXPECT_EQ(as_text(*answer), text);
    }
    EXPECT_EQ(larger->asked, 2);
    EXPECT_EQ(larger->met, 1);
    // Somebody else had begun to dial.
    smaller->connections->disconnect(larger->id());
    world.settle();
    auto joining = [](device& one, const device_id& to) -> task<result<bytes>> {
        auto [dialled, answer] = co_await (
            one.connections->connect(to) &&
            one.connections->request_first(to, wire::message_type::probe, to_bytes("joined"), 5s));
        co_return std::move(answer);
    };
    const auto joined = world.run(joining(*smaller, larger->id()));
    ASSERT_TRUE(joined) << joined.error().message();
    EXPECT_EQ(as_text(*joined), "joined");
    EXPECT_EQ(larger->asked, 3);
    EXPECT_EQ(larger->met, 2);
    smaller->other = "nowhere:1";
    smaller->connections->disconnect(larger->id());
    world.settle();
    EXPECT_FALSE(world.run(smaller->connections->request_first(
        larger->id(), wire::message_type::probe, to_bytes("gone"), 5s)));
}

TEST_F(pool_test, a_later_dial_replaces_a_session_that_the_other_side_has_lost) {
    EXPECT_TRUE(world.run(tell(*smaller, larger->id(), "before")));
    world.advance(3s);
    // The larger device again, as it is after it lost its end: here the old one stays open, and so
    // nothing tells the smaller one.
    device again(env, copy_of(larger->mine));
    ASSERT_TRUE(again.start("again:1"));
    again.other = "smaller:1";
    EXPECT_TRUE(world.run(tell(again, smaller->id(), "after")));
    world.settle();
    EXPECT_EQ(smaller->heard, std::vector<std::string>{"after"});
    EXPECT_TRUE(smaller->connections->send_open(larger->id(), wire::message_type::consensus,
                                                to_bytes("here")));
    world.settle();
    EXPECT_EQ(again.heard, std::vector<std::string>{"here"});
    EXPECT_EQ(larger->heard, std::vector<std::string>{"before"});
    EXPECT_EQ(smaller->met, 2);
    EXPECT_EQ(smaller->left, 1) << "who came again has gone before";
    end(again);
}

TEST_F(pool_test, what_waits_goes_through_the_relay_while_a_direct_dial_takes_long) {
    gated_network slow(env, network);
    environment slow_env = env_with(slow);
    device dialling(slow_env, copy_of(smaller->mine));
    ASSERT_TRUE(dialling.start("dialling:1"));
    dialling.other = "larger:1";
    dialling.relay = device_id();
    dialling.relays.target = larger->connections.get();
    EXPECT_TRUE(world.run(tell(dialling, larger->id(), "by relay")));
    world.settle();
    EXPECT_EQ(larger->heard, std::vector<std::string>{"by relay"});
    ASSERT_NE(dialling.connections->open_to(larger->id()), nullptr);
    EXPECT_TRUE(dialling.connections->open_to(larger->id())->relayed);
    // The dial gets through: its session takes over, and what was asked on the other is answered.
    larger->may_answer.reset();
    task_scope asking(env, "asking");
    std::optional<result<bytes>> answer;
    asking.spawn(
        "ask", [](device& from, device_id to, std::optional<result<bytes>>& into) -> task<void> {
            into = co_await from.connections->request(to, wire::message_type::ping, to_bytes("?"));
        }(dialling, larger->id(), answer));
    world.settle();
    slow.gate.set();
    world.settle();
    for (const auto& [one, two] :
         {std::pair(&dialling, &*larger), std::pair(&*larger, &dialling)}) {
        ASSERT_NE(one->connections->open_to(two->id()), nullptr);
        EXPECT_FALSE(one->connections->open_to(two->id())->relayed);
        EXPECT_EQ(one->left, 0);
    }
    larger->may_answer.set();
    world.settle();
    ASSERT_TRUE(answer && *answer);
    EXPECT_EQ(as_text(**answer), "?");
    world.advance(10s);
    EXPECT_TRUE(world.run(tell(dialling, larger->id(), "directly")));
    world.settle();
    EXPECT_EQ(larger->heard, (std::vector<std::string>{"by relay", "directly"}));
    EXPECT_EQ(dialling.left + larger->left, 0);
    world.run(asking.join());
    end(dialling);
}

TEST_F(pool_test, a_punched_session_takes_over_and_a_failed_punch_harms_nothing) {
    smaller->other = larger->other = "nobody:1";
    smaller->relay = device_id();
    smaller->relays.target = larger->connections.get();
    EXPECT_TRUE(world.run(tell(*smaller, larger->id(), "one")));
    // This network cannot punch.
    EXPECT_FALSE(world.run(smaller->connections->punch(larger->id(), "s:1", "l:1", true)));
    EXPECT_TRUE(world.run(tell(*smaller, larger->id(), "two")));
    world.settle();
    EXPECT_EQ(larger->heard, (std::vector<std::string>{"one", "two"}));

    punching_network holes(env, network);
    environment holed = env_with(holes);
    device one(holed, copy_of(smaller->mine)), two(holed, copy_of(larger->mine));
    ASSERT_TRUE(one.start("one:1"));
    ASSERT_TRUE(two.start("two:1"));
    one.other = two.other = "nobody:1";
    one.relay = device_id();
    one.relays.target = two.connections.get();
    EXPECT_TRUE(world.run(tell(one, two.id(), "relayed")));
    auto both = [](device& first, device& second) -> task<bool> {
        const auto [mine, its] =
            co_await (first.connections->punch(second.id(), "a:1", "b:1", true) &&
                      second.connections->punch(first.id(), "b:1", "a:1", false));
        co_return mine.has_value() && its.has_value();
    };
    EXPECT_TRUE(world.run(both(one, two)));
    EXPECT_EQ(holes.asked, (std::vector<std::string>{"a:1 to b:1", "b:1 to a:1"}));
    EXPECT_TRUE(world.run(tell(one, two.id(), "punched")));
    world.advance(10s);
    EXPECT_EQ(two.heard, (std::vector<std::string>{"relayed", "punched"}));
    for (const auto& [mine, its] : {std::pair(&one, &two), std::pair(&two, &one)}) {
        const peer* const now = mine->connections->open_to(its->id());
        ASSERT_NE(now, nullptr);
        EXPECT_TRUE(now->punched && !now->relayed);
        EXPECT_EQ(mine->left, 0);
    }
    // Without a relayed session there is nothing to replace.
    EXPECT_FALSE(world.run(one.connections->punch(two.id(), "a:1", "b:1", true)));
    end(one);
    end(two);
}

}  // namespace
}  // namespace calbox::net
