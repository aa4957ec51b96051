// The edges' half of a large world: what edge_service does around the bootstrap machine.
#include <cmath>

#include "lab/policy/world_parts.hpp"

namespace calbox::lab::policy {

using overlay::bootstrap;

namespace {
constexpr duration request_time = std::chrono::seconds(5);  // as edge_service's

double in_seconds(duration d) { return std::chrono::duration<double>(d).count(); }
}  // namespace

void world::on_arrival() {
    std::uint32_t slot = static_cast<std::uint32_t>(edges_.size());
    if (free_slots_.empty()) {
        edges_.emplace_back();
    } else {
        slot = free_slots_.back();
        free_slots_.pop_back();
    }
    edge& one = edges_[slot];
    one.serial = ++last_serial_;
    one.where = any_place(places_);
    one.arrived = now_;
    one.armed = {};
    one.lost_at.reset();
    one.had_lease = false;
    one.moved_at.reset();
    slots_.resize(last_serial_ + 1);
    slots_[one.serial] = slot;
    one.machine.emplace(strategy_for(one.own), edge_chance_);
    ++present_;
    if (with_.session > duration{}) {
        const double u = 1 - static_cast<double>(arrivals_.below(1u << 30)) / (1u << 30);
        const auto ms = std::chrono::milliseconds(
            static_cast<std::int64_t>(-std::log(u) * in_seconds(with_.session) * 1000));
        event leaving;
        leaving.what = kind::departure;
        leaving.edge = slot;
        leaving.serial = one.serial;
        push(ms, leaving);
    }
    for (std::uint32_t known = 0; known < with_.known;) {
        const auto any = static_cast<std::uint32_t>(arrivals_.below(rendezvous_.size()));
        (void)one.machine->add(town_->rendezvous(any), false, now_);
        known = static_cast<std::uint32_t>(one.machine->candidates());
    }
    carry_out(slot, one.machine->start(now_));
}

void world::on_departure(const event& what) {
    edge& one = edges_[what.edge];
    if (staying_ || !one.machine || one.serial != what.serial) {
        return;
    }
    const bootstrap::effects last = one.machine->stop();
    if (!arrivals_.happens(with_.vanish_per_mille)) {
        carry_out(what.edge, last);
    }
    one.machine.reset();
    one.own.reset();
    --present_;
    free_slots_.push_back(what.edge);
    if (replacing_) {
        push({}, {});
    }
}

void world::arm_edge(std::uint32_t slot) {
    edge& one = edges_[slot];
    const auto at = one.machine->deadline();
    if (!at || (one.armed != instant{} && one.armed <= *at)) {
        return;  // the earlier event looks again
    }
    one.armed = *at;
    event timer;
    timer.what = kind::edge_time;
    timer.edge = slot;
    timer.serial = one.serial;
    push(std::max(*at - now_, duration{}), timer);
}

void world::on_edge_time(const event& what) {
    edge& one = edges_[what.edge];
    if (!one.machine || one.serial != what.serial || one.armed != now_) {
        return;
    }
    one.armed = {};
    carry_out(what.edge, one.machine->on_time(now_));
}

void world::ask(std::uint32_t slot, const device_id& whom, message about, duration limit,
                std::uint32_t number) {
    edge& one = edges_[slot];
    event asking;
    asking.what = kind::asked;
    asking.about = about;
    asking.edge = slot;
    asking.serial = one.serial;
    asking.rendezvous = number_of(whom);
    asking.life = one.session_life;
    asking.number = number;
    asking.sent = now_.since_start.count();
    asking.limit_ms = static_cast<std::uint32_t>(limit / std::chrono::milliseconds(1));
    const duration way = travel(one.where, rendezvous_[asking.rendezvous].where, with_.wraps);
    asking.travel_us = static_cast<std::uint32_t>(way / std::chrono::microseconds(1));
    ++tally_.edge_messages;
    if (lost_on_the_way()) {
        no_answer(asking);
        return;
    }
    // Only one that is alone is asked for a lease without a probe before.
    const bool dials =
        about == message::probe || (about == message::lease && one.machine->candidates() == 1);
    push(dials ? way * (2 * with_.dial_round_trips + 1) : way, asking);
}

void world::carry_out(std::uint32_t slot, const bootstrap::effects& all) {
    edge& one = edges_[slot];
    for (const bootstrap::effect& effect : all) {
        if (const auto* const probing = std::get_if<bootstrap::probe>(&effect)) {
            ask(slot, probing->to, message::probe, request_time);
        } else if (const auto* const leasing = std::get_if<bootstrap::ask_lease>(&effect)) {
            ask(slot, leasing->from, message::lease, request_time);
        } else if (const auto* const beating = std::get_if<bootstrap::beat>(&effect)) {
            ask(slot, beating->to, message::heartbeat, beating->limit);
        } else if (const auto* const leaving = std::get_if<bootstrap::leave>(&effect)) {
            const auto& to = leaving->moved_to;
            ask(slot, leaving->from, message::leave, duration{}, to ? number_of(*to) + 1 : 0);
        } else if (std::get_if<bootstrap::moved>(&effect) != nullptr) {
            ++tally_.moves;
            tally_.moved_again +=
                one.moved_at && now_ - *one.moved_at < std::chrono::hours(1) ? 1 : 0;
            one.moved_at = now_;
        } else if (std::get_if<bootstrap::connected>(&effect) != nullptr) {
            if (!std::exchange(one.had_lease, true)) {
                tally_.first_lease_s.push_back(in_seconds(now_ - one.arrived));
            }
            if (one.lost_at) {
                tally_.failover_s.push_back(in_seconds(now_ - *one.lost_at));
                one.lost_at.reset();
            }
        } else if (const auto* const lost = std::get_if<bootstrap::lost>(&effect)) {
            note_lost(one, number_of(lost->from));
        }
    }
    arm_edge(slot);
}

/// The fail-over counts from the end of the rendezvous, which the edge notices later.
void world::note_lost(edge& who, std::uint32_t rendezvous) {
    if (who.lost_at) {
        return;
    }
    const meeting_point& at = rendezvous_[rendezvous];
    if (at.machine && at.life == who.session_life) {
        ++tally_.false_losses;
    } else {
        who.lost_at = at.ended;
    }
}

void world::on_answered(const event& what) {
    edge& one = edges_[what.edge];
    const bool there = one.machine && one.serial == what.serial;
    const bool good = what.answer == reply::good;
    if (what.about == message::lease || what.about == message::renewal) {
        on_lease_reply(what);
        return;
    }
    if (!there) {
        return;
    }
    const device_id& from = town_->rendezvous(what.rendezvous);
    if (what.about == message::probe) {
        const duration round_trip = now_.since_start - duration(what.sent);
        carry_out(what.edge,
                  good ? one.machine->on_offer(from, {what.number, room_of(what.rendezvous)},
                                               round_trip, now_)
                       : one.machine->on_no_offer(from, now_));
    } else if (what.answer == reply::forgotten) {
        ask(what.edge, from, message::renewal, request_time);
    } else {
        if (good) {
            one.machine->on_spread(from, std::chrono::milliseconds(what.number));
        }
        carry_out(what.edge, one.machine->on_beat(from, good, now_));
    }
}

void world::on_move(const event& what) {
    edge& one = edges_[what.edge];
    if (one.machine && one.serial == what.serial) {
        carry_out(what.edge, one.machine->on_move(town_->rendezvous(what.rendezvous),
                                                  town_->rendezvous(what.number), now_));
    }
}

void world::on_lease_reply(const event& what) {
    edge& one = edges_[what.edge];
    const bool good = what.answer == reply::good;
    const wire::lease_reply said =
        good ? std::exchange(replies_[what.number], {}) : wire::lease_reply();
    if (good) {
        free_replies_.push_back(what.number);
    }
    if (!one.machine || one.serial != what.serial) {
        if (good) {  // its session ended with it
            event closing = what;
            closing.what = kind::asked;
            closing.about = message::leave;
            push(std::chrono::microseconds(what.travel_us), closing);
        }
        return;
    }
    const device_id& from = town_->rendezvous(what.rendezvous);
    if (!good) {
        carry_out(what.edge, one.machine->on_no_lease(from, now_));
    } else {
        tally_.refused += said.what != wire::lease_reply::verdict::grant ? 1 : 0;
        for (const wire::location& other : said.rendezvous) {
            carry_out(what.edge, one.machine->add(other.device, false, now_));
        }
        bootstrap::effects all = one.machine->on_lease(from, said, now_);
        // What it says to the rendezvous before goes over that one's session.
        carry_out(what.edge, all);
        if (one.machine->lessor() == from) {
            one.session_life = what.life;
        }
    }
    if (what.about == message::renewal) {
        carry_out(what.edge, one.machine->on_beat(from, true, now_));
    }
}

void world::on_reset(const event& what) {
    edge& one = edges_[what.edge];
    if (!one.machine || one.serial != what.serial || one.session_life != what.life) {
        return;
    }
    carry_out(what.edge, one.machine->on_peer_gone(town_->rendezvous(what.rendezvous), now_));
}

}  // namespace calbox::lab::policy
