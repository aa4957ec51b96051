// What `views` promises beyond the contract: who votes follows who is there, a device that stops
// hands over, one that lost its store is voted in again, and an event is taken over when its voters
// are gone.
#include <nlohmann/json.hpp>

#include "../../plugins/consensus/views/register.hpp"
#include "contract/consensus_storm.hpp"
#include "contract/consensus_suite.hpp"

namespace calbox::contract {
namespace {

using namespace std::chrono_literals;

class views_suite : public testing::Test {
protected:
    static consensus_world world(std::size_t devices, std::uint64_t seed = 1) {
        return {"views", devices, seed, quick_settings("views")};
    }
    template <class Outcome>
    static std::optional<Outcome> as(const std::optional<consensus::done>& what) {
        const auto* const found = what ? std::get_if<Outcome>(&what->outcome) : nullptr;
        return found != nullptr ? std::optional(*found) : std::nullopt;
    }
    std::set<std::string> voters(consensus_world& w, std::size_t seen_by) const {
        const auto text =
            nlohmann::json::parse(w.at(seen_by).explain(event_, w.where(seen_by)), nullptr, false);
        std::set<std::string> all;
        for (const auto& one : text.value("voters", nlohmann::json::array())) {
            all.insert(one.get<std::string>().substr(0, 2));
        }
        return all;
    }
    /// Of version 1, while its voters are out of reach: the operation, which is done.
    operation_id take_over(consensus_world& w, std::size_t who) const {
        const auto op =
            w.acquire(who, event_, version_number(1), consensus::intent::take_over,
                      taken_over(generation_number(1), consensus_world::device_of(who)));
        const auto grant = as<granted>(w.outcome_of(op));
        EXPECT_TRUE(grant);
        if (grant) {
            w.commit(who, op, event_, grant->held, grant->version, value_of(version_number(2), op));
            EXPECT_TRUE(as<committed>(w.outcome_of(op)));
        }
        return op;
    }
    static bool is_decided(const consensus_world& w, std::size_t at, const operation_id& what) {
        return std::ranges::any_of(w.decisions, [&](const auto& one) {
            return one.device == at && one.operation == what;
        });
    }
    void expect_sound(const consensus_world& w) const {
        const auto wrong = w.history.judge(promised_);
        EXPECT_TRUE(wrong.empty()) << wrong.front();
    }
    const event_id event_ = event_of(1);
    const consensus::traits promised_{true, true, true, true, false, false};
};

/// Every set of up to five members, every two quorums of it.
TEST_F(views_suite, quorums_of_a_set_meet_and_neighbours_need_the_joint_step) {
    const auto device = [](std::size_t i) { return consensus_world::device_of(i); };
    const auto set_of = [&](unsigned bits, std::size_t tie) {
        consensus::member_set all;
        for (std::size_t i = 0; i < 5; ++i) {
            if ((bits >> i & 1) != 0) {
                all.members.push_back({device(i), incarnation(1), false});
            }
        }
        all.tie = device(tie);
        return all;
    };
    const auto voices_of = [&](unsigned bits) {
        consensus::voices all;
        for (std::size_t i = 0; i < 5; ++i) {
            if ((bits >> i & 1) != 0) {
                all[device(i)] = incarnation(1);
            }
        }
        return all;
    };
    std::size_t apart = 0;
    for (unsigned one = 1; one < 32; ++one) {
        for (unsigned other = 1; other < 32; ++other) {
            const auto before = set_of(one, 0), after = set_of(other, 1);
            for (unsigned a = 0; a < 32; ++a) {
                for (unsigned b = 0; b < 32; ++b) {
                    if ((a & b) != 0) {
                        continue;
                    }
                    const auto left = voices_of(a), right = voices_of(b);
                    EXPECT_FALSE(before.has_quorum(left) && before.has_quorum(right));
                    consensus::view joint;
                    joint.now = before;
                    joint.next = after;
                    EXPECT_FALSE(joint.has_quorum(left) && before.has_quorum(right));
                    EXPECT_FALSE(joint.has_quorum(left) && after.has_quorum(right));
                    apart += before.has_quorum(left) && after.has_quorum(right) ? 1 : 0;
                }
            }
        }
    }
    EXPECT_GT(apart, 0U) << "then the joint step would not be needed";
}

TEST_F(views_suite, a_device_that_stops_hands_over) {
    auto w = world(2);
    w.make(event_);
    w.leave(0);
    w.run_for(2s);
    EXPECT_TRUE(w.has_left(0));
    w.crash(0);
    EXPECT_TRUE(w.edit(1, event_)) << "the organizer's device is off, and was asked to hand over";
    w.restart(0);
    w.run_for(5s);
    EXPECT_EQ(w.shown(0, event_), version_number(2));
    EXPECT_TRUE(w.edit(0, event_, version_number(2)));
    expect_sound(w);
}

TEST_F(views_suite, a_device_that_stops_hands_over_to_those_who_answer) {
    auto w = world(3);
    w.make(event_);
    w.crash(2);
    w.leave(0);
    w.run_for(2s);
    EXPECT_TRUE(w.has_left(0));
    w.crash(0);
    EXPECT_TRUE(w.edit(1, event_)) << "one of three, and the only one who is left";
    expect_sound(w);
}

TEST_F(views_suite, a_device_that_stops_hands_over_all_its_events) {
    auto w = world(3);
    constexpr std::uint32_t count = 8;
    for (std::uint32_t seq = 1; seq <= count; ++seq) {
        w.make(event_of(seq));
    }
    w.crash(2);
    w.leave(0);
    w.run_for(2s);
    EXPECT_TRUE(w.has_left(0));
    w.crash(0);
    for (std::uint32_t seq = 1; seq <= count; ++seq) {
        EXPECT_TRUE(w.edit(1, event_of(seq))) << seq;
    }
    expect_sound(w);
}

TEST_F(views_suite, a_device_that_was_killed_is_missed_by_name) {
    auto w = world(2);
    w.make(event_);
    w.crash(0);
    const auto no = as<refused>(w.outcome_of(w.acquire(1, event_)));
    ASSERT_TRUE(no);
    EXPECT_EQ(no->why.code, errc::unavailable);
    EXPECT_EQ(no->missing, std::vector{consensus_world::device_of(0)});
    EXPECT_EQ(no->needed, 1U);
}

TEST_F(views_suite, who_votes_follows_who_is_there) {
    auto w = world(4);
    w.make(event_);
    EXPECT_EQ(voters(w, 0).size(), 4U);
    w.crash(3);
    for (int times = 0; times < 6; ++times) {
        EXPECT_TRUE(w.edit(1, event_, w.shown(1, event_)));
        w.run_for(1s);
    }
    EXPECT_EQ(voters(w, 0), (std::set<std::string>{"01", "02", "03"}));
    w.crash(2);
    for (int times = 0; times < 6; ++times) {
        EXPECT_TRUE(w.edit(1, event_, w.shown(1, event_)));
        w.run_for(1s);
    }
    EXPECT_EQ(voters(w, 0), (std::set<std::string>{"01", "02"}));
    w.crash(1);
    EXPECT_TRUE(w.edit(0, event_, w.shown(0, event_))) << "it has the last word of two";
    for (std::size_t i = 1; i < 4; ++i) {
        w.restart(i);
    }
    for (int times = 0; times < 4; ++times) {
        w.run_for(1s);
        EXPECT_TRUE(w.edit(3, event_, w.shown(3, event_)));
    }
    EXPECT_EQ(voters(w, 0).size(), 4U) << "and whoever is back is voted in";
    expect_sound(w);
}

TEST_F(views_suite, who_does_not_vote_is_told_of_others_and_not_that_nobody_votes) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        auto w = world(10, seed);  // three more than vote
        w.make(event_);
        w.run_for(5s);
        std::vector<operation_id> asked;
        for (std::size_t i = 0; i < w.size(); ++i) {
            asked.push_back(w.acquire(i, event_));
        }
        std::size_t given = 0;
        for (const operation_id& one : asked) {
            const auto outcome = w.outcome_of(one);
            const auto no = as<refused>(outcome);
            EXPECT_TRUE(!no || no->why.code == errc::busy) << seed << ": " << no->why.message();
            given += as<consensus::granted>(outcome) ? 1 : 0;
        }
        EXPECT_EQ(given, 1U) << seed;
    }
}

/// Asked by the third device, as one that wants a lock or does not.
TEST_F(views_suite, a_voter_promises_nothing_to_who_waits_for_a_live_lock) {
    auto w = world(3);
    w.make(event_);
    const auto op = w.acquire(1, event_);
    const auto grant = as<granted>(w.outcome_of(op));
    ASSERT_TRUE(grant);
    std::uint64_t counter = 1'000'000;
    const auto is_promised = [&](std::uint64_t lock_of_generation) {
        consensus::peer_message ask;
        ask.event = event_;
        ask.at = {++counter, consensus_world::device_of(2), incarnation(1)};
        ask.life = incarnation(1);
        ask.lock_of_generation = lock_of_generation;
        std::vector<consensus::effect> effects;
        w.at(0).step(consensus::message{consensus_world::device_of(2), codec::encode(ask)},
                     w.where(0), effects);
        bool written = false, promised = false;
        for (const auto& one : effects) {
            written = written || std::holds_alternative<consensus::persist>(one);
            if (const auto* const back = std::get_if<consensus::send>(&one)) {
                promised = codec::decode<consensus::peer_message>(back->body)->ok;
            }
        }
        EXPECT_EQ(promised, written) << "what is promised is written down, and nothing else";
        return promised;
    };
    EXPECT_FALSE(is_promised(1)) << "it would only stop whoever edits";
    EXPECT_TRUE(is_promised(0)) << "whoever wants no lock may have reason to hurry";
    EXPECT_TRUE(is_promised(2)) << "the lock is of a line that is over";
    w.run_for(grant->lease * 2);
    EXPECT_TRUE(is_promised(1)) << "it has lapsed";
}

TEST_F(views_suite, whoever_comes_back_is_voted_in_without_an_edit) {
    auto w = world(2);
    w.make(event_);
    w.leave(0);
    w.run_for(2s);
    w.crash(0);
    EXPECT_EQ(voters(w, 1), (std::set<std::string>{"02"}));
    w.restart(0);
    w.run_for(5s);
    EXPECT_EQ(voters(w, 1), (std::set<std::string>{"01", "02"}));
    expect_sound(w);
}

TEST_F(views_suite, whoever_creates_alone_votes_alone_until_others_come) {
    auto w = world(3);
    w.split({0});
    EXPECT_TRUE(w.edit(0, event_, version_number(0), consensus::intent::create));
    EXPECT_EQ(voters(w, 0), (std::set<std::string>{"01"}));
    w.split({});
    w.run_for(3s);
    EXPECT_TRUE(w.edit(1, event_));
    EXPECT_TRUE(w.edit(2, event_, version_number(2)));
    EXPECT_EQ(voters(w, 0).size(), 3U);
    expect_sound(w);
}

TEST_F(views_suite, a_lost_store_does_not_vote_until_it_is_voted_in) {
    auto w = world(3);
    w.make(event_);
    EXPECT_TRUE(w.edit(1, event_));
    w.run_for(2s);
    w.crash(1);
    w.restart(1, false);
    w.crash(0);
    EXPECT_FALSE(w.edit(2, event_, version_number(2))) << "one of three, and one who forgot";
    w.restart(0);
    w.run_for(8s);
    for (int times = 0; times < 3; ++times) {
        EXPECT_TRUE(w.edit(2, event_, w.shown(2, event_)));
        w.run_for(1s);
    }
    w.crash(0);
    EXPECT_TRUE(w.edit(1, event_, w.shown(1, event_))) << "two of three, both with their stores";
    expect_sound(w);
}

TEST_F(views_suite, a_voter_killed_before_it_heard_the_decision_asks_the_others_when_it_is_back) {
    int unheard = 0;
    for (std::size_t nth = 1; nth <= 8; ++nth) {
        auto w = world(3);
        w.crash_before_effect(2, nth);
        ASSERT_TRUE(w.edit(0, event_, version_number(0), consensus::intent::create));
        w.run_for(200ms);
        if (w.is_up(2)) {
            break;  // it has done all that this took
        }
        w.crash_before_effect(2, 0);
        ASSERT_TRUE(w.edit(0, event_));
        w.run_for(1s);
        w.crash(0);  // so that what it owes does not come
        w.restart(2);
        const auto vote = nlohmann::json::parse(w.at(2).explain(event_, w.where(2)));
        if (!vote.value("decided", true)) {
            ++unheard;
            w.run_for(3s);
            EXPECT_EQ(w.shown(2, event_), version_number(2)) << nth;
        }
        expect_sound(w);
    }
    EXPECT_GT(unheard, 0);
}

TEST_F(views_suite, an_event_without_its_voters_can_be_taken_over) {
    auto w = world(3);
    w.split({0});
    ASSERT_TRUE(w.edit(0, event_, version_number(0), consensus::intent::create));
    w.split({});
    w.run_for(3s);
    const auto second_line = taken_over(generation_number(1), consensus_world::device_of(1));
    const auto early = as<refused>(w.outcome_of(
        w.acquire(1, event_, version_number(1), consensus::intent::take_over, second_line)));
    ASSERT_TRUE(early) << "it can be changed as usual";
    EXPECT_EQ(early->why.code, errc::conflict);
    w.crash(0);
    EXPECT_FALSE(w.edit(1, event_)) << "only the creator votes";
    const auto op =
        w.acquire(1, event_, version_number(1), consensus::intent::take_over, second_line);
    const auto grant = as<granted>(w.outcome_of(op));
    ASSERT_TRUE(grant);
    w.commit(1, op, event_, grant->held, grant->version, value_of(version_number(2), op));
    ASSERT_TRUE(as<committed>(w.outcome_of(op)));
    w.restart(0);
    w.run_for(3s);
    const auto old = as<refused>(w.outcome_of(w.acquire(0, event_)));
    ASSERT_FALSE(old && old->why.code != errc::conflict);
    w.run_for(10s);
    const auto next =
        w.acquire(0, event_, version_number(2), consensus::intent::modify, second_line);
    EXPECT_TRUE(as<granted>(w.outcome_of(next))) << "in the line that won";
    const auto again = w.acquire(2, event_, version_number(1), consensus::intent::take_over,
                                 taken_over(generation_number(1), consensus_world::device_of(2)));
    const auto late = as<refused>(w.outcome_of(again));
    ASSERT_TRUE(late) << "that generation was taken";
    EXPECT_EQ(late->why.code, errc::conflict);
}

TEST_F(views_suite, what_nobody_had_decided_did_not_happen_in_the_line_of_a_take_over) {
    auto w = world(5);
    w.make(event_);
    const auto lost = w.acquire(1, event_);
    const auto before = as<granted>(w.outcome_of(lost));
    ASSERT_TRUE(before);
    for (const std::size_t voter : {0U, 3U, 4U}) {
        w.crash(voter);
    }
    w.commit(1, lost, event_, before->held, before->version, value_of(version_number(2), lost));
    const auto doubt = as<refused>(w.outcome_of(lost));
    ASSERT_TRUE(doubt);
    EXPECT_EQ(doubt->why.code, errc::timed_out) << "1 and 2 have accepted it";
    take_over(w, 2);
    w.run_for(3s);
    const auto fate = as<refused>(w.outcome_of(w.fate(1, event_, lost, version_number(1))));
    ASSERT_TRUE(fate) << "version 2 is another one's";
    EXPECT_EQ(fate->why.code, errc::conflict);
}

TEST_F(views_suite, what_is_committed_in_a_line_that_has_ended_is_decided_where_it_was_made) {
    auto w = world(5);
    w.make(event_);
    const auto lost = w.acquire(1, event_);
    const auto before = as<granted>(w.outcome_of(lost));
    ASSERT_TRUE(before);
    w.split({1, 2});
    w.commit(1, lost, event_, before->held, before->version, value_of(version_number(2), lost));
    const auto op = take_over(w, 2);
    w.run_for(100ms);
    ASSERT_TRUE(is_decided(w, 1, op)) << "it votes in that line";
    w.split({2});
    ASSERT_TRUE(as<committed>(w.outcome_of(lost))) << "by 0, 3 and 4, who know no other line";
    EXPECT_TRUE(is_decided(w, 1, lost)) << "so that its host keeps what the take-over left out";
}

TEST_F(views_suite, two_who_take_over_at_once_end_in_one_line) {
    auto w = world(3);
    w.split({0});
    ASSERT_TRUE(w.edit(0, event_, version_number(0), consensus::intent::create));
    w.split({});
    w.run_for(3s);
    w.crash(0);
    w.split({1});
    for (const std::size_t who : {1U, 2U}) {
        take_over(w, who);
    }
    w.split({});
    w.run_for(3s);
    const auto line = std::max(taken_over(generation_number(1), consensus_world::device_of(1)),
                               taken_over(generation_number(1), consensus_world::device_of(2)));
    std::set<std::string> seen;
    for (const std::size_t who : {1U, 2U}) {
        std::optional<version_number> version;
        for (int tries = 0; tries < 5 && !version; ++tries) {
            const auto op =
                w.acquire(who, event_, version_number(2), consensus::intent::modify, line);
            if (const auto grant = as<granted>(w.outcome_of(op))) {
                w.commit(who, op, event_, grant->held, grant->version,
                         value_of(grant->version.next(), op));
                if (const auto end = as<committed>(w.outcome_of(op))) {
                    version = end->version;
                }
            }
            w.run_for(3s);
        }
        ASSERT_TRUE(version);
    }
    for (const std::size_t who : {1U, 2U}) {
        const auto now = as<current>(w.outcome_of(w.read(who, event_)));
        ASSERT_TRUE(now);
        seen.insert(std::to_string(now->version.value));
    }
    EXPECT_EQ(seen.size(), 1U) << "one line";
}

}  // namespace
}  // namespace calbox::contract
