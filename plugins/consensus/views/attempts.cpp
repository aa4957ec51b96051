// One attempt after another to do the first job of an event: ask for promises (or only for what is
// accepted), propose, count; again after a random wait when others were quicker.
#include <algorithm>
#include <utility>

#include <calbox/mutant.hpp>

#include "views.hpp"

namespace calbox::consensus {
namespace {

constexpr duration back_off_first = std::chrono::milliseconds(20);
constexpr unsigned back_off_doublings = 6;
constexpr std::uint64_t ballots_ahead = 8;
constexpr std::uint64_t counters_at_once = 1024;  // reserved by one write

}  // namespace

/// Can these sets still have a quorum when nobody of `refusals` will say yes?
bool views::still_possible(const view& who, const voices& refusals) {
    const auto possible = [&](const member_set& set) {
        voices left;
        for (const member& one : set.members) {
            if (!refusals.contains(one.device)) {
                left[one.device] = one.life;
            }
        }
        return set.has_quorum(left);
    };
    return possible(who.now) && (!who.next || possible(*who.next));
}

ballot views::next_ballot(std::uint64_t above, const context& where, effects_type& effects) {
    counter_ = std::max(counter_, above) + 1;
    if (counter_ >= counter_reserved_) {
        counter_reserved_ = counter_ + counters_at_once;
        effects.push_back(
            persist{to_bytes("counter"), codec::encode(number<void>(counter_reserved_))});
    }
    return {counter_, where.self, votes_.life()};
}

void views::arm(const event_id& event, duration after, effects_type& effects) {
    desk& at = desks_[event];
    timers_.erase(at.timer);
    at.timer = ++last_timer_;
    timers_[at.timer] = event;
    effects.push_back(set_timer{at.timer, after});
}

void views::begin(const event_id& event, const context& where, effects_type& effects) {
    desk& at = desks_[event];
    at.last_used = where.now;
    if (at.at != phase::idle || at.jobs.empty()) {
        return;
    }
    const job& next = at.jobs.front();
    const vote* const mine = votes_.find(event);
    if (at.leading && mine != nullptr && at.leading->next < mine->promised) {
        at.leading.reset();  // others have been here since
    }
    const bool founds = next.kind == job_kind::acquire &&
                        (next.why == intent::create || next.why == intent::take_over);
    if (founds) {
        found(event, where, effects);
    } else if (next.kind == job_kind::commit && at.founded &&
               at.founded->operation == next.operation) {
        commit_foundation(event, where, effects);
    } else if (next.kind == job_kind::read || next.kind == job_kind::settle) {
        check(event, where, effects);
    } else if (at.leading && !is_about_voters(next.kind)) {
        work(event, value(at.leading->what), false, where, effects);
    } else {
        prepare(event, where, effects);
    }
}

void views::ask(const event_id& event, const device_id& whom, bool counts, const context& where,
                effects_type& effects) {
    desk& at = desks_[event];
    at.asked[whom] = counts;
    peer_message question;
    question.event = event;
    question.at = at.mine;
    question.votes = counts;
    question.life = votes_.life();
    question.kind =
        at.at == phase::preparing ? message_kind::ask_for_ok : message_kind::check_update;
    if (const job& mine = at.jobs.front(); mine.kind == job_kind::acquire && !mine.insists) {
        question.lock_of_generation = mine.generation.value;
    }
    if (whom != where.self) {
        members_.asked(whom, where.now);
        effects.push_back(send{whom, codec::encode(question)});
    } else if (at.at == phase::preparing) {
        at.answers[whom] = votes_.prepare(event, where.self, question, lapses(), where, effects);
    } else {
        at.answers[whom] = votes_.state(event, question, where);
    }
}

/// Those who voted when this was last known here, and others who may know better.
void views::ask_around(const event_id& event, const context& where, effects_type& effects) {
    desk& at = desks_[event];
    at.asked.clear();
    at.answers.clear();
    at.refusals.clear();
    at.leading.reset();
    const vote* const mine = votes_.find(event);
    if (mine != nullptr && mine->held) {
        at.hint = mine->held->what.voters;
    }
    if (at.hint) {
        for (const member& one : view(*at.hint).everybody()) {
            ask(event, one.device, true, where, effects);
        }
    }
    if (!at.jobs.front().members.devices.empty()) {
        for (const device_id& device : members_.candidates(at.jobs.front().members, where.self)) {
            if (!at.asked.contains(device)) {
                ask(event, device, false, where, effects);
            }
        }
    }
    arm(event, with_.resend, effects);
}

void views::prepare(const event_id& event, const context& where, effects_type& effects) {
    desk& at = desks_[event];
    std::uint64_t above = 0;
    if (const vote* const mine = votes_.find(event)) {
        above = mine->promised.counter;
    }
    at.at = phase::preparing;
    at.in_time = true;
    // Whoever was late catches up with those who went on meanwhile.
    const std::uint64_t ahead =
        at.attempts == 0 ? 0 : ballots_ahead << std::min(at.attempts, back_off_doublings);
    at.mine = next_ballot(std::max(above, counter_) + ahead, where, effects);
    ask_around(event, where, effects);
    judge_promises(event, where, effects);
}

void views::check(const event_id& event, const context& where, effects_type& effects) {
    desk& at = desks_[event];
    if (mutant("views.local_read_is_fresh") && at.jobs.front().kind == job_kind::read) {
        const vote* const mine = votes_.find(event);
        const bool known = mine != nullptr && mine->held && mine->chosen;
        finish(event,
               done{at.jobs.front().operation,
                    current{known ? mine->held->what.version : version_number()}},
               where, effects);
        return;
    }
    at.at = phase::checking;
    at.mine = next_ballot(0, where, effects);
    ask_around(event, where, effects);
    judge_states(event, where, effects);
}

void views::found(const event_id& event, const context& where, effects_type& effects) {
    desk& at = desks_[event];
    at.at = phase::founding;
    at.mine = next_ballot(0, where, effects);
    ask_around(event, where, effects);
    arm(event, with_.found_within, effects);
    judge_foundation(event, true, where, effects);
}

void views::heard(const event_id& event, const device_id& from, const peer_message& what,
                  const context& where, effects_type& effects) {
    const auto found = desks_.find(event);
    if (found == desks_.end() || found->second.mine != what.at) {
        return;
    }
    desk& at = found->second;
    counter_ = std::max(counter_, what.promised.counter);
    votes_.note_age(event, what, where);
    if (what.kind == message_kind::updated) {
        if (at.at == phase::accepting && at.proposed.voters.contains(from)) {
            (what.ok ? at.acked : at.refusals)[from] = what.life;
            judge_acceptances(event, where, effects);
        }
        return;
    }
    const bool expected = what.kind == message_kind::respond_ok
                              ? at.at == phase::preparing
                              : at.at == phase::checking || at.at == phase::founding;
    const auto asked = at.asked.find(from);
    if (!expected || asked == at.asked.end() ||
        (at.at == phase::preparing && asked->second && !what.votes)) {
        return;
    }
    at.answers[from] = what;
    if (!what.ok) {
        at.refusals[from] = what.life;
    }
    if (at.at == phase::preparing) {
        judge_promises(event, where, effects);
    } else if (at.at == phase::checking) {
        judge_states(event, where, effects);
    } else {
        judge_foundation(event, true, where, effects);
    }
}

std::optional<accepted_value> views::best_of(const desk& at) const {
    std::optional<accepted_value> best;
    for (const auto& [device, answer] : at.answers) {
        if (answer.ok && answer.held && (!best || best->before(*answer.held))) {
            best = answer.held;
        }
    }
    return best;
}

/// Asks the voters of the newest value that was seen, until nobody new turns up.
std::optional<accepted_value> views::best_with_its_voters(const event_id& event,
                                                          const context& where,
                                                          effects_type& effects) {
    desk& at = desks_[event];
    while (true) {
        auto best = best_of(at);
        if (!best) {
            return best;
        }
        bool asked_more = false;
        for (const member& one : best->what.voters.everybody()) {
            const auto asked = at.asked.find(one.device);
            if (asked == at.asked.end() || !asked->second) {
                ask(event, one.device, true, where, effects);
                asked_more = asked_more || one.device == where.self;
            }
        }
        if (!asked_more) {
            at.hint = best->what.voters;
            return best;
        }
    }
}

bool views::is_quorum(const view& of, const voices& who, const context& where) const {
    if (mutant("views.whoever_is_online")) {
        view online = of;
        const auto away = [&](const member& one) {
            return one.device != where.self && !members_.is_connected(one.device);
        };
        std::erase_if(online.now.members, away);
        if (online.next) {
            std::erase_if(online.next->members, away);
        }
        return online.has_quorum(who);
    }
    return of.has_quorum(who);
}

void views::judge_promises(const event_id& event, const context& where, effects_type& effects) {
    const auto best = best_with_its_voters(event, where, effects);
    if (meets_a_lock(event, where, effects)) {
        return;
    }
    desk& at = desks_[event];
    if (!best && at.answers.size() == at.asked.size()) {
        if (at.refusals.empty()) {
            nobody_knows(event, where, effects);
        } else {  // whoever has a value has promised it to somebody else
            try_again(event, where, effects);
        }
        return;
    }
    if (!best) {
        return;
    }
    if (at.mine < best->at) {
        counter_ = std::max(counter_, best->at.counter);
        try_again(event, where, effects);
        return;
    }
    voices promised;
    for (const auto& [device, answer] : at.answers) {
        if (answer.ok && answer.votes) {
            promised[device] = answer.life;
        }
    }
    const job& mine = at.jobs.front();
    if (mine.kind == job_kind::acquire && best->what.when.generation < mine.generation &&
        at.answers.size() < at.asked.size()) {
        return;  // the host knows of a take-over; somebody else here will
    }
    if (is_about_voters(mine.kind) && at.in_time && at.answers.size() < at.asked.size()) {
        return;
    }
    if (is_quorum(best->what.voters, promised, where)) {
        work(event, best->what, true, where, effects);
    } else if (!still_possible(best->what.voters, at.refusals)) {
        try_again(event, where, effects);
    }
}

/// A read without promises: done when a quorum shows the same, or knows it to be decided.
void views::judge_states(const event_id& event, const context& where, effects_type& effects) {
    const auto best = best_with_its_voters(event, where, effects);
    desk& at = desks_[event];
    if (!best) {
        if (at.answers.size() == at.asked.size()) {
            nobody_knows(event, where, effects);
        }
        return;
    }
    voices answered, same;
    bool known = false;
    bool complete = true;
    for (const member& one : best->what.voters.everybody()) {
        const auto found = at.answers.find(one.device);
        if (found == at.answers.end()) {
            complete = false;
            continue;
        }
        answered[one.device] = found->second.life;
        if (found->second.held && found->second.held->at == best->at) {
            same[one.device] = found->second.life;
            known = known || found->second.chosen;
        }
    }
    const view& voters = best->what.voters;
    if (is_quorum(voters, same, where) || (known && is_quorum(voters, answered, where))) {
        votes_.learn(event, *best, where, effects);
        deliver(event, best->what, !known, effects);
        settling_.erase(event);
        std::optional<done> answer;
        if (at.jobs.front().kind == job_kind::read) {
            answer = done{at.jobs.front().operation, current{best->what.version}};
        }
        finish(event, std::move(answer), where, effects);
    } else if (complete) {
        prepare(event, where, effects);
    }
}

void views::propose(const event_id& event, const ballot& number_of, value what,
                    const context& where, effects_type& effects) {
    desk& at = desks_[event];
    at.at = phase::accepting;
    at.mine = number_of;
    at.proposed = std::move(what);
    at.after = next_ballot(number_of.counter, where, effects);
    at.acked.clear();
    at.refusals.clear();
    at.leading.reset();
    at.sent = where.now;
    send_updates(event, where, effects);
    judge_acceptances(event, where, effects);
}

void views::send_updates(const event_id& event, const context& where, effects_type& effects) {
    desk& at = desks_[event];
    peer_message out;
    out.kind = message_kind::update;
    out.event = event;
    out.at = at.mine;
    out.promised = at.after;
    out.held = accepted_value{at.mine, at.proposed};
    out.life = votes_.life();
    std::optional<bytes> encoded;
    for (const member& one : at.proposed.voters.everybody()) {
        if (at.acked.contains(one.device) || at.refusals.contains(one.device)) {
            continue;
        }
        if (one.device == where.self) {
            const bool ok = votes_.accept(event, out, where, effects).ok;
            (ok ? at.acked : at.refusals)[where.self] = votes_.life();
            continue;
        }
        if (!encoded) {
            encoded = codec::encode(out);
        }
        members_.asked(one.device, where.now);
        effects.push_back(send{one.device, *encoded});
    }
    arm(event, with_.resend, effects);
}

void views::judge_acceptances(const event_id& event, const context& where, effects_type& effects) {
    desk& at = desks_[event];
    const bool early = mutant("views.decides_before_quorum") && !at.acked.empty();
    if (early || is_quorum(at.proposed.voters, at.acked, where)) {
        chosen(event, where, effects);
    } else if (!still_possible(at.proposed.voters, at.refusals)) {
        try_again(event, where, effects);
    }
}

void views::chosen(const event_id& event, const context& where, effects_type& effects) {
    desk& at = desks_[event];
    timers_.erase(at.timer);
    at.timer = 0;
    at.leading = lead{at.after, at.proposed};
    at.hint = at.proposed.voters;
    votes_.notify(event, at.mine, effects);
    settling_.erase(event);
    peer_message news;
    news.kind = message_kind::notify;
    news.event = event;
    news.at = at.mine;
    news.life = votes_.life();
    const bytes encoded = codec::encode(news);
    for (const member& one : at.proposed.voters.everybody()) {
        if (one.device != where.self) {
            effects.push_back(send{one.device, encoded});
        }
    }
    const bool known = std::ranges::any_of(at.answers, [&](const auto& answer) {
        return answer.second.chosen && answer.second.held &&
               answer.second.held->what.when == at.proposed.when &&
               answer.second.held->what.version == at.proposed.version;
    });
    deliver(event, at.proposed, !known, effects);
    done_with(event, value(at.proposed), where, effects);
}

/// Once for each version, but in a line that a later one has ended: there it is for the host to see
/// what was left out.
void views::deliver(const event_id& event, const value& what, bool spread, effects_type& effects) {
    const std::pair now(what.when, what.version);
    const auto found = delivered_.find(event);
    const bool ended = found != delivered_.end() && now.first < found->second.first;
    if (found == delivered_.end() || ended || found->second < now) {
        if (!ended) {
            delivered_[event] = now;
        }
        effects.push_back(decide{what.written_by(), event, what.body, spread});
    }
}

void views::try_again(const event_id& event, const context& where, effects_type& effects) {
    desk& at = desks_[event];
    at.at = phase::waiting;
    at.leading.reset();
    const auto longest = back_off_first * (1U << std::min(at.attempts, back_off_doublings));
    ++at.attempts;
    arm(event, duration(where.entropy.below(static_cast<std::uint64_t>(longest.count()))), effects);
}

void views::waited(const event_id& event, const context& where, effects_type& effects) {
    desk& at = desks_[event];
    if (at.at == phase::idle) {
        return;
    }
    if (at.at == phase::founding) {
        judge_foundation(event, false, where, effects);
    } else if (where.now >= at.jobs.front().deadline) {
        give_up(event, where, effects);
    } else if (at.at == phase::waiting) {
        at.at = phase::idle;
        begin(event, where, effects);
    } else if (at.at == phase::checking) {
        prepare(event, where, effects);
    } else if (!at.refusals.empty()) {
        try_again(event, where, effects);  // somebody was quicker; the silent ones will not help
    } else if (at.at == phase::accepting) {
        send_updates(event, where, effects);
        judge_acceptances(event, where, effects);
    } else {
        const auto asked = at.asked;
        for (const auto& [device, counts] : asked) {
            if (!at.answers.contains(device)) {
                ask(event, device, counts, where, effects);
            }
        }
        arm(event, with_.resend, effects);
        if (std::exchange(at.in_time, false)) {
            judge_promises(event, where, effects);
        }
    }
}

}  // namespace calbox::consensus
