#include "lab/policy/members.hpp"

#include <algorithm>

#include "lab/policy/scenario_run.hpp"

namespace calbox::lab::policy {

using overlay::membership;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t around = 12 + 22;  // frame, and TLS record

}  // namespace

members::members(settings with)
    : with_(with),
      chance_(with.seed, "members"),
      places_(with.seed, "places"),
      loss_(with.seed, "loss"),
      faults_(with.seed, "faults"),
      nodes_(with.count) {
    for (node& one : nodes_) {
        one.where = any_place(places_);
    }
}

device_id members::id_of(std::uint32_t number) const { return made_up_id(with_.seed, number, 1); }

void members::come(std::uint32_t count, duration d) {
    for (const std::uint32_t until = came_ + count; came_ < until; ++came_) {
        event arrival;
        arrival.to = came_;
        heap_.push(now_ + (came_ == 0 ? duration{} : faults_.between({}, d)), arrival);
    }
}

void members::run_for(duration d) {
    const instant until = now_ + d;
    while (!heap_.empty() && heap_.next() <= until) {
        now_ = heap_.next();
        happen(heap_.pop());
    }
    now_ = until;
}

void members::happen(event what) {
    ++events_;
    for (const std::uint64_t value :
         {static_cast<std::uint64_t>(now_.since_start.count()),
          std::uint64_t{what.from} << 32 | what.to, std::uint64_t{what.about} << 32 | what.origin,
          static_cast<std::uint64_t>(what.what) << 32 | what.said.size()}) {
        add_to(trace_, value);
    }
    node& at = nodes_[what.to];
    if (what.what == kind::arrival) {
        return arrive(what.to);
    }
    if (!at.machine) {
        return;
    }
    if (at.stalled_until > now_) {
        heap_.push(at.stalled_until, what);
        if (what.what == kind::timer) {
            at.armed = at.stalled_until;
        }
        return;
    }
    if (what.what == kind::timer) {
        if (at.armed == now_) {
            at.armed = {};
            if (at.near) {
                ask(what.to, at.near->on_time(now_));
            }
            carry_out(what.to, at.machine->on_time(now_));
        }
        return;
    }
    const device_id from = id_of(what.from);
    if (what.what == kind::answer) {
        carry_out(what.to, at.machine->on_answer(from, id_of(what.about), true, what.said, now_));
        if (what.origin != what.to) {
            send({kind::answer, what.to, what.origin, what.about, what.origin,
                  at.machine->news_for(id_of(what.origin))});
        }
        return;
    }
    carry_out(what.to, at.machine->on_asked(from, what.said, now_));
    const bool itself = what.about == what.to;
    const std::uint32_t next = itself ? what.from : what.about;
    send(
        {itself ? kind::answer : kind::question, what.to, next, what.about, what.origin,
         itself ? at.machine->answer_for(from, what.compared) : at.machine->news_for(id_of(next))});
}

void members::arrive(std::uint32_t number) {
    node& fresh = nodes_[number];
    std::vector<std::uint32_t> there;
    for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
        if (nodes_[i].machine) {
            there.push_back(i);
        }
    }
    fresh.machine.emplace(chance_, id_of(number),
                          static_cast<std::uint64_t>(now_.since_start / 1ms), with_.times);
    if (with_.in_circles) {
        fresh.near.emplace(chance_, id_of(number), nobody_, overlay::circles::settings());
    }
    if (!there.empty()) {
        const std::uint32_t contact = there[static_cast<std::size_t>(faults_.below(there.size()))];
        carry_out(number, fresh.machine->add(id_of(contact), now_));
        for (const device_id& one : nodes_[contact].machine->alive()) {
            if (with_.told_per_cent == 100 || faults_.happens(with_.told_per_cent * 10)) {
                carry_out(number, fresh.machine->add(one, now_));
            }
        }
    }
    carry_out(number, fresh.machine->start(now_));
}

void members::send(event what) {
    ++messages_;
    bytes_ +=
        around +
        (what.what == kind::question
             ? codec::encode(wire::members{id_of(what.about), what.said, what.compared}).size()
             : codec::encode(wire::members_reply{true, what.said}).size());
    if (!loss_.happens(with_.lost_per_mille)) {
        const duration way = travel(nodes_[what.from].where, nodes_[what.to].where, true);
        heap_.push(now_ + way, what);
    }
}

void members::carry_out(std::uint32_t number, const membership::effects& all) {
    node& one = nodes_[number];
    for (const membership::effect& effect : all) {
        if (const auto* const asking = std::get_if<membership::ask>(&effect)) {
            send({kind::question, number, number_of(asking->to), number_of(asking->about), number,
                  asking->said, asking->compared});
        } else if (const auto* const came = std::get_if<membership::came>(&effect)) {
            if (one.near) {
                ask(number, one.near->on_member(came->device, true, now_));
            }
        } else if (const auto* const gone = std::get_if<membership::went>(&effect)) {
            if (one.near) {
                ask(number, one.near->on_member(gone->device, false, now_));
            }
            if (nodes_[number_of(gone->device)].machine) {
                ++false_deaths_;
            } else if (++one.gone_known == crashed_) {
                one.knew_all = now_;
            }
        }
    }
    keep_near(number);
    arm(number);
}

void members::ask(std::uint32_t number, overlay::circles::questions some) {
    node& one = nodes_[number];
    while (!some.empty()) {
        const overlay::circles::question next = std::move(some.back());
        some.pop_back();
        const std::uint32_t other = number_of(next.to);
        overlay::circles::questions more;
        if (auto& asked = nodes_[other].near) {
            const wire::watch_reply reply{asked->on_watch(id_of(number), next.what), {}, false};
            keep_near(other);
            more = one.near->on_answer(next, reply, now_);
        } else {
            more = one.near->on_silence(next, now_);
        }
        some.insert(some.end(), more.begin(), more.end());
    }
}

void members::keep_near(std::uint32_t number) {
    node& one = nodes_[number];
    if (one.near && one.near->version() != one.near_version) {
        one.near_version = one.near->version();
        one.machine->keep_to(one.near->neighbours());
    }
}

void members::arm(std::uint32_t number) {
    node& one = nodes_[number];
    const auto at = one.machine->deadline();
    if (at && (one.armed == instant{} || one.armed > *at)) {
        one.armed = std::max(*at, now_);
        event timer;
        timer.what = kind::timer;
        timer.to = number;
        heap_.push(one.armed, timer);
    }
}

void members::crash(std::uint32_t count) {
    std::vector<std::uint32_t> all;
    for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
        if (nodes_[i].machine) {
            all.push_back(i);
        }
        nodes_[i].gone_known = 0;
        nodes_[i].knew_all.reset();
    }
    crashed_ = std::min<std::uint32_t>(count, static_cast<std::uint32_t>(all.size()));
    for (std::uint32_t i = 0; i < crashed_; ++i) {
        std::swap(all[i], all[i + static_cast<std::size_t>(faults_.below(all.size() - i))]);
        nodes_[all[i]].machine.reset();
        nodes_[all[i]].near.reset();
    }
    crashed_at_ = now_;
}

void members::stall(std::uint32_t which, duration d) { nodes_.at(which).stalled_until = now_ + d; }

std::vector<double> members::knew_after_s() const {
    std::vector<double> all;
    for (const node& one : nodes_) {
        if (one.machine && one.knew_all) {
            all.push_back(std::chrono::duration<double>(*one.knew_all - crashed_at_).count());
        }
    }
    return all;
}

std::uint32_t members::running() const noexcept {
    return static_cast<std::uint32_t>(
        std::ranges::count_if(nodes_, [](const node& one) { return one.machine.has_value(); }));
}

double members::least_complete() const {
    const double others = running() - 1;
    double least = 1;
    for (const node& one : nodes_) {
        if (one.machine) {
            const auto known = one.machine->alive();
            const auto right = std::ranges::count_if(known, [this](const device_id& device) {
                return nodes_[number_of(device)].machine.has_value();
            });
            least = std::min(least, static_cast<double>(right) / others);
        }
    }
    return least;
}

double members::kept_to() const {
    double sum = 0;
    for (const node& one : nodes_) {
        sum += one.near ? static_cast<double>(one.near->neighbours().size()) : 0;
    }
    return sum / running() / (running() - 1);
}

namespace {

/// A tenth comes while the others run, and each newcomer is told of half of them.
void newcomers(run& now, members& in, std::uint32_t count) {
    in.come(count, 60s);
    in.run_for(60s);
    const instant last_came = in.now();
    while (in.least_complete() < 1 && in.now() - last_came < 10min) {
        in.run_for(1s);
    }
    now.note("views_complete_after", std::chrono::duration<double>(in.now() - last_came).count(),
             "s", goal{"G20", {}, 120, every});
}

result<report> watch_and_crash(const trial& with, bool in_circles) {
    run now(in_circles ? "membership-circles" : "membership", with);
    members::settings made_as{with.seed, with.rendezvous, 20, in_circles};
    made_as.told_per_cent = in_circles ? 50 : 100;
    members in(made_as);
    const instant begun = in.now();
    const auto per_second = [&](std::uint64_t count, duration d) {
        return static_cast<double>(count) / in.running() / std::chrono::duration<double>(d).count();
    };
    const auto cost = [&](const std::string& when, duration d, const auto& what) {
        const std::uint64_t messages = in.messages(), bytes = in.bytes_sent();
        const instant from = in.now();
        what();
        in.run_for(std::max(from + d - in.now(), duration{}));
        const duration took = in.now() - from;
        now.note("messages_" + when, per_second(in.messages() - messages, took),
                 "per member and second", goal{"G18", {}, 12, every});
        now.note("bytes_" + when, per_second(in.bytes_sent() - bytes, took),
                 "per member and second", goal{"G18", {}, 10'000, every});
    };
    const std::uint32_t late = in_circles ? std::max(1u, with.rendezvous / 10) : 0;
    in.come(with.rendezvous - late, 60s);
    in.run_for(5min);
    now.note("view_least_complete_5min", in.least_complete(), "of those that run",
             goal{"G20", 1, {}, every});
    cost("quiet", 1min, [] {});
    if (in_circles) {
        cost("while_some_come", 1min, [&] { newcomers(now, in, late); });
        now.note("kept_to", in.kept_to(), "of the others, by each");
    }
    // Some are too busy to answer for a while, and nobody is to be given up for it.
    for (std::uint32_t i = 0; i < with.rendezvous; i += 10) {
        in.stall(i, 5s);
    }
    in.run_for(1min);
    in.crash(std::max(1u, with.rendezvous / 10));
    cost("after_crash", 1min, [] {});
    const auto known = in.knew_after_s();
    const double most = with.rendezvous > 100 ? 20 : 15;
    now.note("crash_known_p50", quantile(known, 0.5), "s");
    now.note("crash_known_p99", quantile(known, 0.99), "s", goal{"G19", {}, most, every});
    now.note("crash_known_max", quantile(known, 1), "s");
    now.note("do_not_know_of_the_crash",
             static_cast<double>(in.running()) - static_cast<double>(known.size()), "",
             goal{"G19", {}, 0, every});
    in.run_for(10min);
    now.note("false_deaths", static_cast<double>(in.false_deaths()), "", goal{"G19", {}, 0, every});
    now.note("view_least_complete_at_end", in.least_complete(), "of those that run",
             goal{"G20", 1, {}, every});
    return now.ended(in.now() - begun, in.events(), in.trace());
}

}  // namespace

result<report> membership_crash(const trial& with) { return watch_and_crash(with, false); }

result<report> membership_in_circles(const trial& with) { return watch_and_crash(with, true); }

}  // namespace calbox::lab::policy
