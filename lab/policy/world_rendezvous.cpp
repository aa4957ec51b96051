// The rendezvous' half of a large world: what rendezvous_service does around the lessor, and the
// way of answers.
#include "lab/policy/world_parts.hpp"

namespace calbox::lab::policy {

using overlay::lessor;

namespace {
constexpr duration between_time = std::chrono::seconds(5);  // as rendezvous_service's
}

void world::start(std::uint32_t rendezvous) {
    meeting_point& one = rendezvous_[rendezvous];
    one.refuses = false;
    one.armed = {};
    one.stalled_until = {};
    ++one.life;
    one.machine.emplace(strategy_for(one.own), rendezvous_chance_, *town_,
                        town_->rendezvous(rendezvous),
                        lessor::settings{room_of(rendezvous), with_.heartbeat, with_.admit_rate,
                                         (with_.admit_rate + 1) / 2});
    if (with_.opened_most > 0) {
        one.opens.emplace(town_->rendezvous(rendezvous), now_, overlay::opener::settings());
        event look;
        look.what = kind::look;
        look.rendezvous = rendezvous;
        look.life = one.life;
        push(one.opens->with().look_every, look);
    }
    carry_out_at(rendezvous, one.machine->start(now_));
}

/// As node's keep_enough_rendezvous; what is asked for comes after a while, as long as there is
/// any.
void world::on_look(const event& what) {
    meeting_point& one = rendezvous_[what.rendezvous];
    if (!one.machine || one.life != what.life) {
        return;
    }
    const bool advised = one.machine->advised() == discovery::advice::open_rendezvous;
    const std::uint32_t wanted = one.opens->look(one.machine->loads(now_), advised, now_);
    const std::uint32_t more = std::min(wanted, with_.opened_most - asked_for_);
    asked_for_ += more;
    for (std::uint32_t i = 0; i < more; ++i) {
        event opened;
        opened.what = kind::opened;
        push(with_.opens_after, opened);
    }
    push(one.opens->with().look_every, what);
}

/// All rendezvous hear of it at once, and edges from them.
void world::open_another() {
    town_->add_rendezvous();
    rendezvous_.emplace_back().where = any_place(places_);
    start(rendezvous() - 1);
}

/// A question of one rendezvous to another.
world::event world::between(std::uint32_t from, const device_id& to, message about) {
    const meeting_point& one = rendezvous_[from];
    event question;
    question.what = kind::asked;
    question.about = about;
    question.edge = from;
    question.serial = one.life;
    question.rendezvous = number_of(to);
    question.sent = now_.since_start.count();
    question.limit_ms = static_cast<std::uint32_t>(between_time / std::chrono::milliseconds(1));
    const duration way = travel(one.where, rendezvous_[question.rendezvous].where, with_.wraps);
    question.travel_us = static_cast<std::uint32_t>(way / std::chrono::microseconds(1));
    ++tally_.rendezvous_messages;
    return question;
}

void world::arm_rendezvous(std::uint32_t rendezvous) {
    meeting_point& one = rendezvous_[rendezvous];
    const auto at = one.machine->deadline();
    if (!at || (one.armed != instant{} && one.armed <= *at)) {
        return;
    }
    one.armed = *at;
    event timer;
    timer.what = kind::rendezvous_time;
    timer.rendezvous = rendezvous;
    timer.life = one.life;
    push(std::max(*at - now_, duration{}), timer);
}

void world::on_rendezvous_time(const event& what) {
    meeting_point& one = rendezvous_[what.rendezvous];
    if (!one.machine || one.life != what.life || one.armed != now_) {
        return;
    }
    if (one.stalled_until > now_) {
        one.armed = one.stalled_until;
        push(one.stalled_until - now_, what);
        return;
    }
    one.armed = {};
    carry_out_at(what.rendezvous, one.machine->on_time(now_));
}

void world::carry_out_at(std::uint32_t rendezvous, const lessor::effects& all) {
    meeting_point& one = rendezvous_[rendezvous];
    for (const lessor::effect& effect : all) {
        if (const auto* const asking = std::get_if<lessor::ask_load>(&effect)) {
            event load = between(rendezvous, asking->whom, message::load);
            load.number = one.machine->on_probe().edges;
            push(std::chrono::microseconds(load.travel_us), load);
        } else if (const auto* const moving = std::get_if<lessor::ask_room>(&effect)) {
            event question = between(rendezvous, moving->whom, message::room);
            question.number = static_cast<std::uint32_t>(rooms_.size());
            rooms_.push_back(*moving);
            push(std::chrono::microseconds(question.travel_us), question);
        } else if (const auto* const goes = std::get_if<lessor::move>(&effect)) {
            event telling;
            telling.what = kind::move;
            telling.serial = number_of(goes->edge);
            telling.edge = slots_.at(telling.serial);
            telling.rendezvous = rendezvous;
            telling.number = number_of(goes->to);
            ++tally_.edge_messages;
            push(travel(one.where, edges_[telling.edge].where, with_.wraps), telling);
        } else if (std::get_if<lessor::tell_leases>(&effect) != nullptr) {
            ++tally_.rendezvous_messages;
        } else if (const auto* const telling = std::get_if<lessor::tell>(&effect)) {
            const bool to_edges = telling->to.front().value[27] == wire::role::edge;
            (to_edges ? tally_.presence_to_edges : tally_.rendezvous_messages) +=
                telling->to.size();
        }
    }
    arm_rendezvous(rendezvous);
}

void world::answer(event what, reply how, std::uint32_t number) {
    what.what = kind::answered;
    what.answer = how;
    what.number = number;
    ++(what.about == message::load || what.about == message::room ? tally_.rendezvous_messages
                                                                  : tally_.edge_messages);
    const duration way = std::chrono::microseconds(what.travel_us);
    const instant deadline =
        instant{duration(what.sent)} + std::chrono::milliseconds(what.limit_ms);
    if (lost_on_the_way() || now_ + way > deadline) {
        if (how == reply::good &&
            (what.about == message::lease || what.about == message::renewal)) {
            replies_[number] = {};
            free_replies_.push_back(number);
        }
        no_answer(what);
        return;
    }
    push(way, what);
}

/// Whoever asked hears nothing until the limit of the request.
void world::no_answer(event what) {
    if (what.about == message::leave) {
        return;
    }
    what.what = kind::answered;
    what.answer = reply::nothing;
    what.number = what.about == message::room ? what.number : 0;
    const instant deadline =
        instant{duration(what.sent)} + std::chrono::milliseconds(what.limit_ms);
    push(std::max(deadline - now_, duration{}), what);
}

void world::on_asked(const event& what) {
    meeting_point& at = rendezvous_[what.rendezvous];
    const bool in_session = what.about == message::heartbeat || what.about == message::renewal ||
                            what.about == message::leave;
    if (at.machine && at.stalled_until > now_) {
        push(at.stalled_until - now_, what);
        return;
    }
    if (at.refuses || (at.machine && in_session && what.life != at.life)) {
        // Its machine says that there is no such connection.
        event refusal = what;
        refusal.what = in_session ? kind::reset : kind::answered;
        if (what.about != message::leave) {
            push(std::chrono::microseconds(what.travel_us), refusal);
        }
        return;
    }
    if (!at.machine) {
        no_answer(what);
        return;
    }
    if (what.about == message::load) {
        const device_id& asks = town_->rendezvous(what.edge);
        const wire::probe its{what.number, room_of(what.edge)};
        answer(what, reply::good, at.machine->on_probe(asks, its, now_).edges);
        return;
    }
    if (what.about == message::room) {
        std::vector<device_id>& edges = rooms_[what.number].edges;
        edges.resize(at.machine->on_room_asked(edges, now_));
        answer(what, reply::good, what.number);
        return;
    }
    const device_id from = town_->edge(what.serial);
    if (what.about == message::probe || what.about == message::lease) {
        const std::int64_t second = now_.since_start / std::chrono::seconds(1);
        at.in_second = std::exchange(at.second, second) == second ? at.in_second + 1 : 1;
        at.most_in_second = std::max(at.most_in_second, at.in_second);
    }
    switch (what.about) {
        case message::probe:
            return answer(what, reply::good, at.machine->on_probe().edges);
        case message::heartbeat:
            if (const auto said = at.machine->on_heartbeat(from, now_)) {
                return answer(what, reply::good, said->failover_spread_ms);
            }
            return answer(what, reply::forgotten, 0);
        case message::leave:
            at.machine->on_leave(
                from,
                what.number == 0 ? std::nullopt : std::optional(town_->rendezvous(what.number - 1)),
                now_);
            return arm_rendezvous(what.rendezvous);
        default:
            break;
    }
    const edge& asking = edges_[what.edge];
    if (!asking.machine || asking.serial != what.serial) {
        return;  // it closed the session before this was read
    }
    std::uint32_t kept = static_cast<std::uint32_t>(replies_.size());
    if (free_replies_.empty()) {
        replies_.emplace_back();
    } else {
        kept = free_replies_.back();
        free_replies_.pop_back();
    }
    replies_[kept] = at.machine->on_lease({from, wire::role::edge, {}, {}, true, {}}, now_);
    arm_rendezvous(what.rendezvous);
    event granted = what;
    granted.life = at.life;
    answer(granted, reply::good, kept);
}

void world::on_load_answered(const event& what) {
    meeting_point& one = rendezvous_[what.edge];
    if (!one.machine || one.life != what.serial) {
        return;
    }
    const auto said = what.answer == reply::good
                          ? std::optional(wire::offer{what.number, room_of(what.rendezvous)})
                          : std::nullopt;
    carry_out_at(what.edge, one.machine->on_load(town_->rendezvous(what.rendezvous), said, now_));
}

void world::on_room_answered(const event& what) {
    const lessor::ask_room said = std::exchange(rooms_[what.number], {});
    meeting_point& one = rendezvous_[what.edge];
    if (!one.machine || one.life != what.serial) {
        return;
    }
    const bool good = what.answer == reply::good;
    const auto may = static_cast<std::uint32_t>(good ? said.edges.size() : 0);
    carry_out_at(what.edge, one.machine->on_room(said, may, now_));
}

void world::on_gone(const event& what) {
    if (meeting_point& one = rendezvous_[what.rendezvous]; one.machine) {
        one.machine->on_peer_gone(town_->rendezvous(what.edge), now_);
        arm_rendezvous(what.rendezvous);
    }
}

}  // namespace calbox::lab::policy
