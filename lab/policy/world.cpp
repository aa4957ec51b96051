#include "lab/policy/world.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "lab/policy/world_parts.hpp"

namespace calbox::lab::policy {

result<std::unique_ptr<world>> world::make(plugins::plugin_host& host, choice which,
                                           settings with) {
    auto common = host.discovery(which.name, which.settings);
    if (!common) {
        return fail(std::move(common.error()));
    }
    with.known = std::min(with.known, with.rendezvous);
    return std::unique_ptr<world>(new world(host, std::move(which), with, std::move(*common)));
}

world::world(plugins::plugin_host& host, choice which, settings with, strategy_instance common)
    : host_(host),
      which_(std::move(which)),
      with_(with),
      common_(std::move(common)),
      arrivals_(with.seed, "arrivals"),
      places_(with.seed, "places"),
      edge_chance_(with.seed, "edges"),
      rendezvous_chance_(with.seed, "rendezvous"),
      loss_(with.seed, "loss"),
      faults_(with.seed, "faults"),
      town_(std::make_unique<town>(with.seed, with.rendezvous)),
      rendezvous_(with.rendezvous) {
    for (std::uint32_t i = 0; i < with_.rendezvous; ++i) {
        rendezvous_[i].where = any_place(places_);
        start(i);
    }
}

world::~world() = default;

discovery::strategy& world::strategy_for(std::unique_ptr<strategy_instance>& own) {
    if (which_.shared) {
        return *common_;
    }
    auto made = host_.discovery(which_.name, which_.settings);
    if (!made) {
        throw std::runtime_error("a strategy that could be loaded before cannot be now: " +
                                 made.error().message());
    }
    own = std::make_unique<strategy_instance>(std::move(*made));
    return **own;
}

void world::push(duration after, const event& what) { heap_.push(now_ + after, what); }

void world::run_for(duration d) {
    const instant until = now_ + d;
    while (!heap_.empty() && heap_.next() <= until) {
        now_ = heap_.next();
        happen(heap_.pop());
    }
    now_ = until;
}

void world::happen(const event& what) {
    ++tally_.events;
    const auto mix = [this](std::uint64_t value) { add_to(trace_, value); };
    mix(static_cast<std::uint64_t>(now_.since_start.count()));
    mix(std::uint64_t{what.edge} << 32 | what.serial);
    mix(std::uint64_t{what.rendezvous} << 32 | what.number);
    mix(static_cast<std::uint64_t>(what.what) << 16 | static_cast<std::uint64_t>(what.about) << 8 |
        static_cast<std::uint64_t>(what.answer));
    switch (what.what) {
        case kind::arrival:
            return on_arrival();
        case kind::departure:
            return on_departure(what);
        case kind::edge_time:
            return on_edge_time(what);
        case kind::rendezvous_time:
            return on_rendezvous_time(what);
        case kind::asked:
            return on_asked(what);
        case kind::answered:
            return what.about == message::load   ? on_load_answered(what)
                   : what.about == message::room ? on_room_answered(what)
                                                 : on_answered(what);
        case kind::reset:
            return on_reset(what);
        case kind::gone:
            return on_gone(what);
        case kind::move:
            return on_move(what);
        case kind::look:
            return on_look(what);
        case kind::opened:
            return open_another();
    }
}

void world::arrive(std::uint32_t count, duration d) {
    for (std::uint32_t i = 0; i < count; ++i) {
        push(arrivals_.between({}, d), {});
    }
}

std::vector<std::uint32_t> world::pick(std::uint32_t count) {
    std::vector<std::uint32_t> running;
    for (std::uint32_t i = 0; i < rendezvous_.size(); ++i) {
        if (rendezvous_[i].machine) {
            running.push_back(i);
        }
    }
    for (std::size_t i = 0; i < running.size(); ++i) {
        std::swap(running[i],
                  running[i + static_cast<std::size_t>(faults_.below(running.size() - i))]);
    }
    running.resize(std::min<std::size_t>(running.size(), count));
    std::ranges::sort(running);
    return running;
}

void world::crash(const std::vector<std::uint32_t>& which) {
    for (const std::uint32_t i : which) {
        rendezvous_.at(i).machine.reset();
        rendezvous_[i].refuses = false;
        rendezvous_[i].ended = now_;
    }
    lose_lessors(which, false);
}

void world::kill(const std::vector<std::uint32_t>& which) {
    for (const std::uint32_t i : which) {
        rendezvous_.at(i).machine.reset();
        rendezvous_[i].refuses = true;
        rendezvous_[i].ended = now_;
        for (std::uint32_t other = 0; other < rendezvous_.size(); ++other) {
            if (rendezvous_[other].machine) {
                event reset;
                reset.what = kind::gone;
                reset.edge = i;
                reset.rendezvous = other;
                push(travel(rendezvous_[i].where, rendezvous_[other].where, with_.wraps), reset);
            }
        }
    }
    lose_lessors(which, true);
}

/// From now on their edges are failing over, though only resets tell them so.
void world::lose_lessors(const std::vector<std::uint32_t>& which, bool with_resets) {
    std::vector<bool> ended(rendezvous_.size());
    for (const std::uint32_t i : which) {
        ended[i] = true;
    }
    for (std::uint32_t slot = 0; slot < edges_.size(); ++slot) {
        edge& one = edges_[slot];
        const auto lessor = one.machine ? one.machine->lessor() : std::nullopt;
        const std::uint32_t at = lessor ? number_of(*lessor) : 0;
        if (!lessor || !ended[at]) {
            continue;
        }
        note_lost(one, at);
        if (with_resets) {
            event reset;
            reset.what = kind::reset;
            reset.edge = slot;
            reset.serial = one.serial;
            reset.rendezvous = at;
            reset.life = one.session_life;
            push(travel(rendezvous_[at].where, one.where, with_.wraps), reset);
        }
    }
}

void world::bring_back(const std::vector<std::uint32_t>& which) {
    for (const std::uint32_t i : which) {
        if (!rendezvous_.at(i).machine) {
            start(i);
        }
    }
}

void world::stall(std::uint32_t which, duration d) {
    rendezvous_.at(which).stalled_until = now_ + d;
}

std::uint32_t world::rendezvous() const noexcept {
    return static_cast<std::uint32_t>(rendezvous_.size());
}

std::uint32_t world::leased() const {
    return static_cast<std::uint32_t>(std::ranges::count_if(
        edges_, [](const edge& one) { return one.machine && one.machine->lessor(); }));
}

std::uint32_t world::failing_over() const {
    return static_cast<std::uint32_t>(
        std::ranges::count_if(edges_, [](const edge& one) { return one.machine && one.lost_at; }));
}

std::vector<std::uint32_t> world::loads() const {
    std::vector<std::uint32_t> all;
    for (const meeting_point& one : rendezvous_) {
        if (one.machine) {
            all.push_back(one.machine->edges());
        }
    }
    return all;
}

std::vector<std::uint32_t> world::loads(const std::vector<std::uint32_t>& which) const {
    std::vector<std::uint32_t> all;
    for (const std::uint32_t i : which) {
        if (rendezvous_.at(i).machine) {
            all.push_back(rendezvous_[i].machine->edges());
        }
    }
    return all;
}

std::uint32_t world::room_of(std::uint32_t rendezvous) const noexcept {
    const std::uint32_t usual = with_.edges_max;
    return !with_.uneven ? usual : (rendezvous % 4 == 0 ? usual * 5 / 2 : usual / 2);
}

std::vector<std::uint32_t> world::utilisations() const {
    std::vector<std::uint32_t> all;
    for (std::uint32_t i = 0; i < rendezvous_.size(); ++i) {
        if (rendezvous_[i].machine) {
            const std::uint64_t edges = rendezvous_[i].machine->edges();
            all.push_back(static_cast<std::uint32_t>(edges * 1'000'000 / room_of(i)));
        }
    }
    return all;
}

std::uint32_t world::busiest_second() {
    std::uint32_t most = 0;
    for (meeting_point& one : rendezvous_) {
        most = std::max(most, std::exchange(one.most_in_second, 0));
    }
    return most;
}

}  // namespace calbox::lab::policy
