// What the strategy `etcd` makes of answers that are late, lost, refused or no answers of etcd at
// all. The strategy alone, one question after the other; what is not said otherwise the model
// answers.
#include <deque>

#include <nlohmann/json.hpp>

#include "contract/consensus_suite.hpp"

namespace calbox::contract {
namespace {

using namespace std::chrono_literals;

device_id device(std::uint8_t number) {
    device_id id;
    id.value[0] = number;
    return id;
}

class etcd_answers : public testing::Test {
protected:
    etcd_answers() { restart(); }

    void restart() {
        auto made = host().consensus("etcd", R"({"endpoints":["http://one:1","http://two:2"]})");
        strategy_.emplace(std::move(made.value()));
        asked_.clear();
        timers_.clear();
        step(consensus::restored{{records_.begin(), records_.end()}, incarnation(1)});
    }
    void step(const consensus::input& what) {
        std::vector<consensus::effect> effects;
        (*strategy_)->step(what, {device(1), now_, {0}, chance_, everything_goes_}, effects);
        for (auto& one : effects) {
            if (auto* const question = std::get_if<consensus::http_request>(&one)) {
                asked_.push_back(std::move(*question));
            } else if (const auto* const timer = std::get_if<consensus::set_timer>(&one)) {
                timers_[timer->tag] = now_ + timer->after;
            } else if (auto* const end = std::get_if<consensus::done>(&one)) {
                outcomes_[end->operation] = std::move(*end);
            } else if (const auto* const made = std::get_if<consensus::decide>(&one)) {
                decided_.push_back(made->value);
            } else if (const auto* const record = std::get_if<consensus::persist>(&one)) {
                records_.erase(record->key);
                if (record->value) {
                    records_[record->key] = *record->value;
                }
            } else if (std::holds_alternative<consensus::send>(one)) {
                ++sent_;
            } else if (std::holds_alternative<consensus::left>(one)) {
                ++left_;
            }
        }
    }
    consensus::http_request next_question() {
        auto question = std::move(asked_.front());
        asked_.pop_front();
        return question;
    }
    void answer(int status, std::string_view body) {
        const auto tag = next_question().tag;
        step(consensus::http_response{tag, status, to_bytes(body)});
    }
    lab::etcd_model::answer of_model(const consensus::http_request& question) {
        return model_.post(now_, std::string_view(question.url).substr(question.url.find("/v3")),
                           as_text(question.body));
    }
    /// etcd does what it is asked, and its answer is lost.
    void lose_answer() {
        const auto question = next_question();
        of_model(question);
        step(consensus::http_response{question.tag, 0, to_bytes("the line broke")});
    }
    void by_model() {
        const auto question = next_question();
        const auto came = of_model(question);
        step(consensus::http_response{question.tag, came.status, to_bytes(came.body)});
    }
    void all_by_model() {
        while (!asked_.empty()) {
            by_model();
        }
    }
    void pass(duration time) {
        now_ = now_ + time;
        for (auto due = timers_.begin(); due != timers_.end();) {
            if (due->second > now_) {
                ++due;
                continue;
            }
            const auto tag = due->first;
            timers_.erase(due);
            step(consensus::timer{tag});
            due = timers_.begin();
        }
    }

    operation_id next() {
        operation_id id;
        id.value[0] = ++last_;
        return id;
    }
    operation_id acquire(std::uint64_t current, consensus::intent why = consensus::intent::modify) {
        const auto id = next();
        step(
            consensus::acquire{id, event_, why, {}, version_number(current), generation_number(1)});
        return id;
    }
    void commit(const operation_id& id, consensus::token held, std::uint64_t expect) {
        consensus::group members;
        members.devices = {device(1), device(2)};
        step(
            consensus::commit{id, event_, held, version_number(expect), to_bytes("text"), members});
    }
    consensus::token token_of(const operation_id& id) const {
        return std::get<granted>(outcomes_.at(id).outcome).held;
    }
    const error* refusal_of(const operation_id& id) const {
        const auto found = outcomes_.find(id);
        const auto* const no =
            found == outcomes_.end() ? nullptr : std::get_if<refused>(&found->second.outcome);
        return no == nullptr ? nullptr : &no->why;
    }
    errc code_of(const operation_id& id) const {
        const error* const why = refusal_of(id);
        return why == nullptr ? errc::ok : why->code;
    }
    bool says(const operation_id& id, std::string_view words) const {
        const error* const why = refusal_of(id);
        return why != nullptr && why->message().find(words) != std::string::npos;
    }
    /// Makes the next version of the event.
    void edit(std::uint64_t current) {
        const auto id =
            acquire(current, current == 0 ? consensus::intent::create : consensus::intent::modify);
        all_by_model();
        commit(id, token_of(id), current);
        all_by_model();
        ASSERT_TRUE(std::holds_alternative<committed>(outcomes_.at(id).outcome));
    }

    const event_id event_ = event_of(1);
    std::optional<plugins::loaded<consensus::strategy>> strategy_;
    lenient everything_goes_;
    test::seeded_random chance_{1};
    lab::etcd_model model_;
    instant now_{std::chrono::hours(1)};
    std::deque<consensus::http_request> asked_;
    std::map<std::uint64_t, instant> timers_;
    std::map<operation_id, consensus::done> outcomes_;
    std::map<bytes, bytes> records_;
    std::vector<bytes> decided_;
    std::size_t sent_ = 0, left_ = 0;
    std::uint8_t last_ = 0;
};

// Locks
// -----------------------------------------------------------------------------------------------------------

TEST_F(etcd_answers, a_refusal_of_a_lease_is_told_with_its_number) {
    const auto id = acquire(0, consensus::intent::create);
    answer(403, R"({"message":"etcdserver: permission denied"})");
    EXPECT_EQ(code_of(id), errc::unavailable);
    EXPECT_TRUE(says(id, "403: etcdserver: permission denied"));
}

TEST_F(etcd_answers, a_lease_whose_answer_was_lost_is_the_one_that_is_there) {
    const auto id = acquire(0, consensus::intent::create);
    lose_answer();
    ASSERT_EQ(asked_.size(), 1U);
    EXPECT_TRUE(asked_[0].url.starts_with("http://two:2/"));
    all_by_model();
    EXPECT_NE(token_of(id), 0U);
    EXPECT_EQ(model_.leases(), 1U);
}

TEST_F(etcd_answers, a_lock_whose_answer_was_lost_is_held) {
    const auto id = acquire(0, consensus::intent::create);
    by_model();
    lose_answer();
    all_by_model();
    EXPECT_NE(token_of(id), 0U);
}

TEST_F(etcd_answers, what_comes_when_the_lease_has_ended_is_no_lock) {
    const auto slow = acquire(0, consensus::intent::create);
    now_ = now_ + 25s;  // of 30, on a clock that may run differently
    by_model();
    by_model();
    EXPECT_TRUE(says(slow, "too late"));
    all_by_model();
    EXPECT_EQ(model_.leases(), 0U) << "and it is given back";
    const auto lost = acquire(0, consensus::intent::create);
    by_model();
    now_ = now_ + 31s;
    by_model();
    EXPECT_EQ(code_of(lost), errc::unavailable);
    EXPECT_TRUE(says(lost, "too late"));
}

TEST_F(etcd_answers, without_any_answer_a_lock_is_given_up) {
    const auto id = acquire(0, consensus::intent::create);
    for (int times = 0; times < 50 && refusal_of(id) == nullptr; ++times) {
        ASSERT_FALSE(asked_.empty());
        now_ = now_ + 1s;
        answer(times % 2 == 0 ? 503 : 0, "nobody leads");
        pass(200ms);
    }
    EXPECT_EQ(code_of(id), errc::unavailable);
    EXPECT_TRUE(says(id, "nobody leads"));
    const auto known = nlohmann::json::parse(
        (*strategy_)->explain(event_, {device(1), now_, {0}, chance_, everything_goes_}));
    EXPECT_EQ(known.at("answers"), false);
    EXPECT_NE(known.at("trouble").get<std::string>().find("nobody leads"), std::string::npos);
}

TEST_F(etcd_answers, the_cause_is_told_though_the_deadline_cuts_the_last_question_short) {
    const auto id = acquire(0, consensus::intent::create);
    while (refusal_of(id) == nullptr) {
        ASSERT_FALSE(asked_.empty());
        const duration most = asked_[0].most;
        const bool last = most < 1s;
        now_ = now_ + (last ? most : 700ms);
        answer(0, last ? "timed_out" : "hostname mismatch");
        pass(200ms);
    }
    EXPECT_TRUE(says(id, "hostname mismatch")) << refusal_of(id)->message();
}

TEST_F(etcd_answers, a_renewal_that_is_refused_or_late_is_none) {
    edit(0);
    const auto id = acquire(1);
    all_by_model();
    const auto held = token_of(id);
    const auto renew = [&] {
        const auto one = next();
        step(consensus::renew{one, event_, held});
        return one;
    };
    const auto no = renew();
    answer(400, "no");
    EXPECT_EQ(code_of(no), errc::unavailable);
    const auto late = renew();
    now_ = now_ + 25s;
    by_model();
    EXPECT_TRUE(says(late, "too late"));
    const auto silent = renew();
    for (int times = 0; times < 20 && refusal_of(silent) == nullptr; ++times) {
        now_ = now_ + 1s;
        answer(0, "nothing");
        pass(200ms);
    }
    EXPECT_TRUE(says(silent, "etcd cannot be asked"));
    const auto released = renew();
    step(consensus::release{id, event_, held});
    by_model();  // of the renewal, for a lock that is given back meanwhile
    EXPECT_EQ(code_of(released), errc::conflict);
    all_by_model();
    EXPECT_EQ(model_.leases(), 0U);
}

TEST_F(etcd_answers, what_comes_from_another_strategy_is_brought_once_whatever_is_lost) {
    const auto tell = [this](std::uint32_t generation, std::uint64_t version) {
        consensus::inherit what;
        what.operation = next();
        what.event = event_;
        what.generation = generation_number(generation);
        what.version = version_number(version);
        what.value = to_bytes("of another");
        step(what);
    };
    tell(1, 5);
    EXPECT_TRUE(asked_.empty()) << "nobody wants it yet";
    const auto first = acquire(5);
    by_model();     // the lease
    by_model();     // the lock, of an event that etcd does not know
    lose_answer();  // the event
    all_by_model();
    const auto held = token_of(first);
    EXPECT_GE(held, consensus::first_token(version_number(5), network_epoch(1)));
    commit(first, held, 5);
    all_by_model();
    ASSERT_TRUE(std::holds_alternative<committed>(outcomes_.at(first).outcome));
    const auto second = acquire(6);
    all_by_model();
    EXPECT_GT(token_of(second), held);
    step(consensus::release{second, event_, token_of(second)});
    all_by_model();

    tell(1, 5);  // as at a restart: nothing goes back
    const auto third = acquire(6);
    all_by_model();
    EXPECT_EQ(std::get<granted>(outcomes_.at(third).outcome).version, version_number(6));
    step(consensus::release{third, event_, token_of(third)});
    all_by_model();

    tell(2, 6);  // a line that was taken over is the later one
    const auto fourth = acquire(6);
    by_model();
    by_model();  // the lock
    answer(503, R"({"message":"etcdserver: no leader"})");
    all_by_model();
    EXPECT_EQ(std::get<granted>(outcomes_.at(fourth).outcome).version, version_number(6));
    commit(fourth, token_of(fourth), 6);
    all_by_model();
    EXPECT_TRUE(std::holds_alternative<committed>(outcomes_.at(fourth).outcome));

    tell(3, 7);
    const auto fifth = acquire(7);
    by_model();
    by_model();
    answer(400, R"({"message":"etcdserver: request is too large"})");
    EXPECT_EQ(code_of(fifth), errc::too_large);
    all_by_model();
    tell(3, 7);
    const auto sixth = acquire(7);
    all_by_model();
    EXPECT_EQ(code_of(sixth), errc::ok) << "the lock was given back";
}

TEST_F(etcd_answers, it_takes_nothing_over_and_leaves_at_once) {
    const auto id = acquire(1, consensus::intent::take_over);
    EXPECT_EQ(code_of(id), errc::unsupported);
    step(consensus::leaving{1s});
    EXPECT_EQ(left_, 1U);
    EXPECT_TRUE(asked_.empty());
}

// Answers that are not etcd's
// -----------------------------------------------------------------------------------------------------------

TEST_F(etcd_answers, what_is_not_etcd_is_asked_no_more_than_a_member_that_is_down) {
    edit(0);
    const auto id = next();
    step(consensus::read{id, event_, {}});
    for (const char* const nonsense : {"<html>", "[]", "{}", R"({"header":7})"}) {
        if (asked_.empty()) {
            pass(200ms);
        }
        ASSERT_EQ(asked_.size(), 1U) << nonsense;
        answer(200, nonsense);
    }
    pass(200ms);
    all_by_model();
    EXPECT_EQ(std::get<current>(outcomes_.at(id).outcome).version, version_number(1));
}

TEST_F(etcd_answers, what_another_program_wrote_is_no_event) {
    edit(0);
    const auto read = [&](std::string_view value) {
        const auto id = next();
        step(consensus::read{id, event_, {}});
        const auto question = next_question();
        auto came = nlohmann::json::parse(of_model(question).body);
        came["responses"][0]["response_range"]["kvs"][0]["value"] = value;
        step(consensus::http_response{question.tag, 200, to_bytes(came.dump())});
        return code_of(id);
    };
    EXPECT_EQ(read("AAAA"), errc::malformed);
    EXPECT_EQ(read("no base64"), errc::malformed);
    EXPECT_EQ(read("===="), errc::malformed);
    EXPECT_EQ(read("A\x01=="), errc::malformed);
    const auto id = next();
    step(consensus::fate{id, event_, next(), version_number(1), {}});
    answer(400, "no");
    EXPECT_EQ(code_of(id), errc::timed_out);
}

// Edits
// -----------------------------------------------------------------------------------------------------------

TEST_F(etcd_answers, an_edit_that_is_refused_at_once_did_not_happen) {
    edit(0);
    const auto id = acquire(1);
    all_by_model();
    sent_ = 0;
    commit(id, token_of(id), 1);
    EXPECT_EQ(records_.size(), 1U);
    EXPECT_EQ(sent_, 1U);
    answer(400, R"({"message":"etcdserver: request is too large"})");
    EXPECT_EQ(code_of(id), errc::too_large);
    EXPECT_TRUE(records_.empty());
    EXPECT_EQ(sent_, 2U) << "and it is over";
    all_by_model();
    EXPECT_EQ(model_.leases(), 0U);
}

TEST_F(etcd_answers,
       an_edit_of_which_an_earlier_try_may_have_happened_is_unknown_until_it_is_settled) {
    edit(0);
    const auto id = acquire(1);
    all_by_model();
    decided_.clear();
    commit(id, token_of(id), 1);
    lose_answer();
    answer(400, "no");
    EXPECT_EQ(code_of(id), errc::timed_out);
    EXPECT_EQ(records_.size(), 1U);
    pass(5s);
    answer(400, "no");  // it cannot be settled yet
    EXPECT_EQ(records_.size(), 1U);
    pass(5s);
    all_by_model();
    EXPECT_TRUE(records_.empty());
    EXPECT_EQ(decided_.size(), 1U);
}

TEST_F(etcd_answers, what_a_device_was_about_to_do_when_it_died_is_settled_at_its_start) {
    edit(0);
    const auto id = acquire(1);
    all_by_model();
    commit(id, token_of(id), 1);
    ASSERT_EQ(records_.size(), 1U);
    records_[{'x'}] = {1};  // of another version of this program
    restart();              // before etcd was asked
    by_model();
    EXPECT_EQ(records_.size(), 2U) << "the lock is there, so that it may still happen";
    for (int times = 0; times < 7; ++times) {
        pass(5s);
        all_by_model();
    }
    EXPECT_EQ(records_.size(), 1U) << "the lock has ended, and with it the edit";
    pass(1min);
    EXPECT_TRUE(asked_.empty());
}

TEST_F(etcd_answers, the_fate_of_an_edit_is_known_for_sixteen_versions) {
    edit(0);
    const auto id = acquire(1);
    all_by_model();
    commit(id, token_of(id), 1);
    all_by_model();
    const auto fate = [&] {
        const auto one = next();
        step(consensus::fate{one, event_, id, version_number(1), {}});
        all_by_model();
        return code_of(one);
    };
    for (std::uint64_t version = 2; version < 17; ++version) {
        edit(version);
    }
    EXPECT_EQ(fate(), errc::ok);
    edit(17);
    EXPECT_EQ(fate(), errc::timed_out);
}

// Notices
// -----------------------------------------------------------------------------------------------------------

class etcd_notices : public etcd_answers {
protected:
    /// What device 2 sends when it begins or ends this edit.
    void notice(const operation_id& of, bool over, std::uint8_t from = 2) {
        step(consensus::message{device(from),
                                codec::encode(message{event_, of, version_number(1), over})});
    }
    struct message {
        event_id event;
        operation_id operation;
        version_number expect;
        bool over = false;
        static constexpr auto fields =
            std::tuple(codec::field<1>(&message::event), codec::field<2>(&message::operation),
                       codec::field<3>(&message::expect), codec::field<4>(&message::over));
    };
};

TEST_F(etcd_notices, whoever_is_not_heard_of_again_is_asked_for) {
    edit(0);
    const auto theirs = next();
    notice(theirs, false);
    notice(theirs, false);
    EXPECT_TRUE(asked_.empty());
    pass(2s);
    ASSERT_EQ(asked_.size(), 1U);
    all_by_model();
    pass(1min);
    EXPECT_TRUE(asked_.empty()) << "it did not happen, and cannot";
}

TEST_F(etcd_notices, whoever_says_that_it_is_over_is_not) {
    edit(0);
    const auto theirs = next();
    notice(theirs, false);
    notice(theirs, true);
    notice(next(), true);  // of which nothing is known
    notice(next(), false, 1);
    step(consensus::message{device(2), {1, 2, 3}});
    pass(1min);
    EXPECT_TRUE(asked_.empty());
}

TEST_F(etcd_notices, what_says_that_it_is_over_while_etcd_is_asked_ends_it) {
    edit(0);
    const auto theirs = next();
    notice(theirs, false);
    pass(2s);
    notice(theirs, true);
    all_by_model();
    pass(1min);
    EXPECT_TRUE(asked_.empty());
}

TEST_F(etcd_notices, an_edit_that_may_still_happen_is_asked_for_three_times) {
    edit(0);
    const auto mine = acquire(1);
    all_by_model();
    ASSERT_NE(token_of(mine), 0U);
    notice(mine, false);  // whose lock is there
    std::size_t times = 0;
    for (int seconds = 0; seconds < 25; ++seconds) {
        pass(1s);
        times += asked_.size();
        all_by_model();
    }
    EXPECT_EQ(times, 3U);
}

TEST_F(etcd_notices, without_an_answer_it_is_given_up) {
    edit(0);
    notice(next(), false);
    pass(2s);
    answer(400, "no");
    EXPECT_TRUE(asked_.empty());
    notice(next(), false);
    for (int seconds = 0; seconds < 60; ++seconds) {
        pass(1s);
        while (!asked_.empty()) {
            answer(0, "nothing");
        }
    }
    EXPECT_TRUE(timers_.empty());
}

}  // namespace
}  // namespace calbox::contract
