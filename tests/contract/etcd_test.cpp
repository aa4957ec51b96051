// The strategy `etcd`, asking over HTTP as in the daemon: the same script against three members of
// a real etcd and against the model of it that the other tests and the lab use; and what a real
// cluster does when members die.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/environment_real.hpp"
#include "contract/consensus_suite.hpp"
#include "lab/sim/etcd_server.hpp"
#include "net/http_client.hpp"
#include "net/memory_transport.hpp"
#include "net/tcp_real.hpp"
#include "support/etcd_cluster.hpp"

namespace calbox::contract {
namespace {

using namespace std::chrono_literals;

/// An etcd, and the world that it is asked in.
class engine {
public:
    virtual ~engine() = default;
    virtual const environment& env() = 0;
    /// Lets something happen; false when two minutes have passed.
    virtual bool turn() = 0;
    virtual std::vector<std::string> endpoints() const = 0;
};

class modelled final : public engine {
public:
    modelled() {
        for (const auto& server : servers_) {
            if (!server->start(names_[started_++])) {
                throw std::runtime_error("the model does not listen");
            }
        }
    }
    ~modelled() override {
        world_.run([](modelled& all) -> task<void> {
            for (const auto& server : all.servers_) {
                server->request_stop();
                co_await server->join();
            }
        }(*this));
    }
    const environment& env() override { return env_; }
    bool turn() override {
        world_.advance(5ms);
        return world_.time.now() < end_;
    }
    std::vector<std::string> endpoints() const override {
        return {"http://one:2379", "http://two:2379"};
    }

private:
    test::test_environment world_;
    net::memory_transport transport_{world_.env};
    environment env_{world_.context.get_executor(),
                     world_.time,
                     world_.timers,
                     world_.entropy,
                     transport_,
                     world_.disk,
                     world_.compute,
                     world_.log};
    lab::etcd_model model_;
    const std::vector<std::string> names_{"one:2379", "two:2379"};
    std::size_t started_ = 0;
    std::array<std::unique_ptr<lab::etcd_server>, 2> servers_{
        std::make_unique<lab::etcd_server>(env_, model_),
        std::make_unique<lab::etcd_server>(env_, model_)};
    instant end_ = world_.time.now() + 2min;
};

class real final : public engine {
public:
    const environment& env() override { return env_; }
    bool turn() override {
        world_.context().restart();
        world_.context().run_one_for(50ms);
        return env_.time.now() < end_;
    }
    std::vector<std::string> endpoints() const override {
        return {cluster.url(0), cluster.url(1), cluster.url(2)};
    }
    test::etcd_cluster cluster;

private:
    real_environment world_{real_settings{log_level::error}};
    net::tcp_transport transport_{world_.context().get_executor()};
    const environment& env_ = world_.use(transport_);
    instant end_ = env_.time.now() + 2min;
};

/// One device: performs the strategy's effects as the host does, without a disk.
class device {
public:
    device(engine& in, std::uint8_t number, const std::string& settings)
        : in_(in), client_(in.env()), tasks_(in.env(), "device") {
        self_.value[0] = number;
        nlohmann::json with = nlohmann::json::parse(settings);
        with["endpoints"] = in.endpoints();
        auto made = host().consensus("etcd", with.dump());
        if (!made) {
            throw std::runtime_error(made.error().message());
        }
        strategy_.emplace(std::move(*made));
        step(consensus::restored{});
    }
    ~device() {
        std::shared_ptr<bool> ended = std::make_shared<bool>(false);
        tasks_.request_stop();
        asio::co_spawn(in_.env().executor, tasks_.join(),
                       [ended](std::exception_ptr) { *ended = true; });
        while (!*ended && in_.turn()) {
        }
        for (const auto& [tag, timer] : timers_) {
            in_.env().timers.cancel(timer);
        }
    }

    operation_id next() {
        operation_id id = self_of_operation();
        id.value[8] = ++operations_;
        return id;
    }
    consensus::done outcome_of(const operation_id& id, const consensus::input& what) {
        outcomes_.erase(id);
        step(what);
        while (!outcomes_.contains(id)) {
            if (!in_.turn()) {
                throw std::runtime_error("no answer within two minutes");
            }
        }
        return outcomes_.at(id);
    }
    consensus::done acquire(const operation_id& id, const event_id& event, std::uint64_t current,
                            consensus::intent why = consensus::intent::modify) {
        return outcome_of(
            id,
            consensus::acquire{id, event, why, {}, version_number(current), generation_number(1)});
    }
    consensus::done commit(const operation_id& id, const event_id& event, consensus::token held,
                           std::uint64_t expect, bytes value) {
        return outcome_of(id, consensus::commit{id, event, held, version_number(expect),
                                                std::move(value), consensus::group()});
    }
    consensus::done renew(const event_id& event, consensus::token held) {
        const auto id = next();
        return outcome_of(id, consensus::renew{id, event, held});
    }
    consensus::done read(const event_id& event) {
        const auto id = next();
        return outcome_of(id, consensus::read{id, event, {}});
    }
    void inherit(const event_id& event, std::uint32_t generation, std::uint64_t version,
                 std::string_view value) {
        consensus::inherit what;
        what.operation = next();
        what.event = event;
        what.generation = generation_number(generation);
        what.version = version_number(version);
        what.value = to_bytes(value);
        step(what);
    }
    consensus::done fate(const operation_id& of, const event_id& event, std::uint64_t expect) {
        const auto id = next();
        return outcome_of(id, consensus::fate{id, event, of, version_number(expect), {}});
    }
    /// Returns when etcd has been told.
    void release(const operation_id& of, const event_id& event, consensus::token held) {
        step(consensus::release{of, event, held});
        while (tasks_.running() > 0 && in_.turn()) {
        }
    }
    std::vector<bytes> decided;

private:
    operation_id self_of_operation() const {
        operation_id id;
        id.value[0] = self_.value[0];
        return id;
    }
    void step(const consensus::input& what) {
        const environment& env = in_.env();
        std::vector<consensus::effect> effects;
        (*strategy_)
            ->step(what, {self_, env.time.now(), env.time.wall(), env.entropy, lenient_}, effects);
        for (auto& effect : effects) {
            if (auto* const asked = std::get_if<consensus::http_request>(&effect)) {
                tasks_.spawn("request", ask(std::move(*asked)));
            } else if (const auto* const timer = std::get_if<consensus::set_timer>(&effect)) {
                timers_[timer->tag] =
                    env.timers.schedule(env.time.now() + timer->after, [this, tag = timer->tag] {
                        timers_.erase(tag);
                        step(consensus::timer{tag});
                    });
            } else if (const auto* const end = std::get_if<consensus::done>(&effect)) {
                EXPECT_TRUE(outcomes_.emplace(end->operation, *end).second) << "answered twice";
            } else if (const auto* const made = std::get_if<consensus::decide>(&effect)) {
                decided.push_back(made->value);
            }
        }
    }
    task<void> ask(consensus::http_request what) {
        const auto answer = co_await client_.ask(
            {std::move(what.method), std::move(what.url), std::move(what.body)}, what.most);
        step(consensus::http_response{what.tag, answer ? answer->status : 0,
                                      answer ? answer->body : to_bytes(answer.error().message())});
    }

    engine& in_;
    device_id self_;
    lenient lenient_;
    std::optional<plugins::loaded<consensus::strategy>> strategy_;
    net::http_client client_;
    task_scope tasks_;
    std::map<std::uint64_t, timer_queue::id> timers_;
    std::map<operation_id, consensus::done> outcomes_;
    std::uint8_t operations_ = 0;
};

std::string text_of(const consensus::done& what) {
    if (const auto* const grant = std::get_if<granted>(&what.outcome)) {
        return fmt::format("granted at version {}, for a while: {}", grant->version.value,
                           grant->lease > duration());
    }
    if (const auto* const end = std::get_if<committed>(&what.outcome)) {
        return fmt::format("committed {}", end->version.value);
    }
    if (const auto* const now = std::get_if<current>(&what.outcome)) {
        return fmt::format("version {}", now->version.value);
    }
    const auto& no = std::get<refused>(what.outcome);
    return fmt::format("{}: {}{}", to_string(no.why.code), no.why.message(),
                       no.holder.is_zero() ? "" : fmt::format(" ({})", no.holder.value[0]));
}

consensus::token token_of(const consensus::done& what) {
    const auto* const grant = std::get_if<granted>(&what.outcome);
    return grant != nullptr ? grant->held : 0;
}

/// All that the strategy does with etcd; the words must be the same whatever answers.
std::vector<std::string> play(engine& with) {
    constexpr auto settings =
        R"({"prefix":"play/","lock_ttl_s":2,"answer_ms":5000,"give_up_ms":20000})";
    device a(with, 1, settings), b(with, 2, settings);
    const event_id event = event_of(1), large = event_of(2), other = event_of(3);
    std::vector<std::string> said;
    const auto note = [&](consensus::done what) {
        said.push_back(text_of(what));
        return token_of(what);
    };
    note(a.read(event));
    note(a.acquire(a.next(), event, 1));  // nobody has made it

    const auto first = a.next();
    const auto made = note(a.acquire(first, event, 0, consensus::intent::create));
    note(a.commit(first, event, made, 0, to_bytes("one")));
    note(b.read(event));
    note(b.acquire(b.next(), event, 0, consensus::intent::create));

    const auto second = b.next();
    const auto taken = note(b.acquire(second, event, 1));
    note(a.acquire(a.next(), event, 1));
    note(b.renew(event, taken));
    note(b.commit(second, event, taken + 1, 1, to_bytes("forged")));
    note(b.commit(second, event, taken, 1, to_bytes("two")));
    note(b.commit(second, event, taken, 1, to_bytes("two")));
    note(b.renew(event, taken));
    note(a.fate(second, event, 1));
    note(a.fate(first, event, 0));

    const auto third = a.next();
    const auto behind = note(a.acquire(third, event, 1));  // and is told of version 2
    note(a.fate(third, event, 2));
    note(a.commit(third, event, behind, 2, to_bytes("never")));
    const auto fourth = a.next();
    const auto idle = note(a.acquire(fourth, event, 2));
    a.release(fourth, event, idle);
    const auto fifth = b.next();
    const auto lapsing = note(b.acquire(fifth, event, 2));  // and then is not heard of
    auto late = a.next();
    auto outcome = a.acquire(late, event, 2);
    note(outcome);
    while (std::holds_alternative<refused>(outcome.outcome)) {
        late = a.next();
        outcome = a.acquire(late, event, 2);
    }
    note(outcome);
    note(b.renew(event, lapsing));
    note(b.commit(fifth, event, lapsing, 2, to_bytes("too late")));
    note(a.commit(late, event, token_of(outcome), 2, to_bytes("three")));
    note(b.acquire(b.next(), event, 4));

    const auto sixth = a.next();
    const auto big = note(a.acquire(sixth, large, 0, consensus::intent::create));
    note(a.commit(sixth, large, big, 0, bytes((1 << 20) + 1)));
    bytes body(300'000);
    for (std::size_t i = 0; i < body.size(); ++i) {
        body[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
    }
    note(a.commit(sixth, large, big, 0, body));
    note(b.read(large));
    said.push_back(b.decided.empty() || b.decided.back() != body ? "damaged" : "whole");

    // The network comes back to etcd, which still holds what it held of this event before.
    a.inherit(event, 1, 5, "of another");
    note(a.read(event));
    note(b.acquire(b.next(), event, 5));
    b.inherit(event, 1, 5, "of another");
    const auto seventh = b.next();
    const auto old = note(b.acquire(seventh, event, 5));
    note(b.commit(seventh, event, old, 5, to_bytes("six")));
    const auto eighth = b.next();
    a.inherit(other, 1, 2, "never seen here");
    note(a.read(other));
    note(b.acquire(eighth, other, 2));
    const auto ninth = a.next();
    const auto fresh = note(a.acquire(ninth, other, 2));
    note(a.commit(ninth, other, fresh, 2, to_bytes("three of other")));
    note(b.read(other));
    for (const bytes& one : a.decided) {
        said.push_back("a was told " + (one.size() < 20 ? std::string(as_text(one)) : "more"));
    }
    return said;
}

const std::vector<std::string>& words() {
    static const std::vector<std::string> all{
        "version 0",
        "not_found: etcd does not know this event, and neither how it came from another strategy: "
        "try again when this device has caught up",
        "granted at version 0, for a while: true",
        "committed 1",
        "version 1",
        "already_exists: an event of this number exists already",
        "granted at version 1, for a while: true",
        "busy: somebody else is editing the event (2)",
        "granted at version 1, for a while: true",
        "conflict: this is not the lock on the event",
        "committed 2",
        "committed 2",
        "conflict: the lock on the event is not held any more",
        "committed 2",
        "committed 1",
        "granted at version 2, for a while: true",
        "conflict: the edit did not happen, and never will",
        "busy: the lock on the event was lost before it was changed",
        "granted at version 2, for a while: true",
        "granted at version 2, for a while: true",
        "busy: somebody else is editing the event (2)",
        "granted at version 2, for a while: true",
        "conflict: the lock on the event was lost: its time has ended",
        "busy: the lock on the event was lost before it was changed",
        "committed 3",
        "conflict: etcd holds version 3 of this event, which is older than version 4 here: was it "
        "restored from an older copy?",
        "granted at version 0, for a while: true",
        "too_large: the event is larger than etcd takes (1 MiB)",
        "committed 1",
        "version 1",
        "whole",
        "version 5",
        "conflict: etcd holds version 3 of this event, which is older than version 5 here: was it "
        "restored from an older copy?",
        "granted at version 5, for a while: true",
        "committed 6",
        "version 2",
        "not_found: etcd does not know this event, and neither how it came from another strategy: "
        "try again when this device has caught up",
        "granted at version 2, for a while: true",
        "committed 3",
        "version 3",
        "a was told one",
        "a was told two",
        "a was told three",
        "a was told more",
        "a was told three of other",
    };
    return all;
}

/// With a line for each, which shows where they differ.
std::string lines_of(const std::vector<std::string>& said) {
    return fmt::format("{}", fmt::join(said, "\n"));
}

TEST(etcd, an_endpoint_is_http_a_host_and_a_port) {
    for (const char* const bad :
         {R"(["httpx://one:2379"])", R"(["one:2379"])", R"(["http://:2379"])", R"(["https://one"])",
          R"(["http://one:"])", R"(["http://one:port"])", R"(["http://one:123456"])",
          R"(["http://one:1/v3"])", "[7]", "[]"}) {
        const auto made = host().consensus("etcd", fmt::format(R"({{"endpoints":{}}})", bad));
        ASSERT_FALSE(made) << bad;
        EXPECT_NE(made.error().message().find("endpoint"), std::string::npos)
            << made.error().message();
    }
    EXPECT_TRUE(host().consensus("etcd", R"({"endpoints":["http://one:1/","https://two:2"]})"));
}

TEST(etcd, the_model_answers_as_expected) {
    modelled all;
    EXPECT_EQ(lines_of(play(all)), lines_of(words()));
}

TEST(etcd, a_real_cluster_answers_as_the_model_does) {
    real all;
    EXPECT_EQ(lines_of(play(all)), lines_of(words())) << all.cluster.log_end(0);
}

TEST(etcd, one_member_of_three_is_not_missed) {
    real all;
    device a(all, 1, R"({"answer_ms":2000,"give_up_ms":20000})");
    for (std::uint64_t version = 0; version < 3; ++version) {
        const auto edit = a.next();
        const auto why = version == 0 ? consensus::intent::create : consensus::intent::modify;
        const auto grant = a.acquire(edit, event_of(1), version, why);
        ASSERT_NE(token_of(grant), 0U) << text_of(grant);
        all.cluster.kill(version == 0 ? 0 : 2);  // while it holds the lock
        EXPECT_EQ(text_of(a.commit(edit, event_of(1), token_of(grant), version, to_bytes("x"))),
                  fmt::format("committed {}", version + 1));
        if (version == 0) {
            all.cluster.start(0);
            device later(all, 2, R"({"answer_ms":2000,"give_up_ms":20000})");
            EXPECT_EQ(text_of(later.read(event_of(1))), "version 1");
        }
    }
}

TEST(etcd, what_became_of_an_edit_is_found_out_when_most_members_are_back) {
    real all;
    device a(all, 1, R"({"answer_ms":300,"give_up_ms":1500})");
    device patient(all, 2, R"({"answer_ms":2000,"give_up_ms":20000})");
    ASSERT_EQ(text_of(patient.read(event_of(1))), "version 0");
    const auto first = a.next();
    const auto grant = a.acquire(first, event_of(1), 0, consensus::intent::create);
    ASSERT_NE(token_of(grant), 0U) << text_of(grant);
    all.cluster.kill(0);
    all.cluster.kill(1);
    const auto unknown = a.commit(first, event_of(1), token_of(grant), 0, to_bytes("x"));
    ASSERT_TRUE(std::holds_alternative<refused>(unknown.outcome));
    EXPECT_EQ(std::get<refused>(unknown.outcome).why.code, errc::timed_out) << text_of(unknown);
    const auto no = a.acquire(a.next(), event_of(2), 0, consensus::intent::create);
    ASSERT_TRUE(std::holds_alternative<refused>(no.outcome));
    EXPECT_EQ(std::get<refused>(no.outcome).why.code, errc::unavailable) << text_of(no);
    all.cluster.start(0);
    all.cluster.start(1);
    const auto fate = patient.fate(first, event_of(1), 0);
    const bool happened = std::holds_alternative<committed>(fate.outcome);
    EXPECT_TRUE(happened || text_of(fate).starts_with("conflict: ")) << text_of(fate);
    EXPECT_EQ(text_of(patient.read(event_of(1))), happened ? "version 1" : "version 0");
    EXPECT_EQ(
        text_of(a.commit(first, event_of(1), token_of(grant), 0, to_bytes("x"))),
        happened ? "committed 1" : "busy: the lock on the event was lost before it was changed")
        << "and it stays so";
}

}  // namespace
}  // namespace calbox::contract
