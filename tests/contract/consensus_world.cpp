#include "contract/consensus_world.hpp"

namespace calbox::contract {

consensus_world::consensus_world(std::string plugin, std::size_t devices, std::uint64_t seed)
    : plugin_(std::move(plugin)), chance_(seed), weather_(seed + 1), nodes_(devices) {
    for (std::size_t i = 0; i < devices; ++i) {
        start(i);
    }
    for (std::size_t i = 0; i < devices; ++i) {
        for (std::size_t j = 0; j < devices; ++j) {
            if (i != j) {
                step(i, consensus::peer_change{device_of(j), true});
            }
        }
    }
}

device_id consensus_world::device_of(std::size_t index) {
    device_id id;
    id.value[0] = static_cast<std::uint8_t>(index + 1);
    return id;
}

consensus::group consensus_world::everybody() const {
    consensus::group all;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        all.devices.push_back(device_of(i));
    }
    all.organizer_device = device_of(0);
    return all;
}

std::int64_t consensus_world::wall_of(instant at) {
    return 1'777'800'000'000 +
           std::chrono::duration_cast<std::chrono::milliseconds>(at.since_start).count();
}

operation_id consensus_world::next_operation() {
    operation_id id;
    ++last_operation_;
    for (std::size_t i = 0; i < 8; ++i) {
        id.value[i] = static_cast<std::uint8_t>(last_operation_ >> (8 * i));
    }
    return id;
}

operation_id consensus_world::acquire(std::size_t device, const event_id& event,
                                      version_number current, consensus::intent why) {
    const auto id = next_operation();
    step(device, consensus::acquire{id, event, why, everybody(), current, {}});
    return id;
}
operation_id consensus_world::renew(std::size_t device, const event_id& event,
                                    consensus::token held) {
    const auto id = next_operation();
    step(device, consensus::renew{id, event, held});
    return id;
}
void consensus_world::commit(std::size_t device, operation_id of, const event_id& event,
                             consensus::token held, version_number expect, bytes value) {
    outcomes.erase(of);
    step(device, consensus::commit{of, event, held, expect, std::move(value), {}});
}
void consensus_world::release(std::size_t device, operation_id of, const event_id& event,
                              consensus::token held) {
    step(device, consensus::release{of, event, held});
}

void consensus_world::start(std::size_t device) {
    node& one = nodes_[device];
    auto made = host().consensus(plugin_, "");
    ASSERT_TRUE(made) << made.error().message();
    one.strategy.emplace(std::move(*made));
    one.up = true;
    step(device, consensus::restored{{one.persisted.begin(), one.persisted.end()}, {}});
}

void consensus_world::crash(std::size_t device) {
    nodes_[device].up = false;
    nodes_[device].timers.clear();
    nodes_[device].strategy.reset();
    std::erase_if(wire_, [&](const packet& one) { return one.to == device; });
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        step(i, consensus::peer_change{device_of(device), false});
    }
}

void consensus_world::restart(std::size_t device) {
    start(device);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (i != device && nodes_[i].up && reaches(i, device)) {
            step(device, consensus::peer_change{device_of(i), true});
            step(i, consensus::peer_change{device_of(device), true});
        }
    }
}

void consensus_world::split(std::set<std::size_t> side) {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        for (std::size_t j = 0; j < nodes_.size(); ++j) {
            const bool before = reaches(i, j);
            const bool after = side.contains(i) == side.contains(j);
            if (i != j && nodes_[j].up && before != after) {
                step(i, consensus::peer_change{device_of(j), after});
            }
        }
    }
    side_ = std::move(side);
}

bool consensus_world::reaches(std::size_t from, std::size_t to) const {
    return side_.contains(from) == side_.contains(to);
}

void consensus_world::step(std::size_t device, const consensus::input& what) {
    if (!nodes_[device].up) {
        return;
    }
    std::vector<consensus::effect> effects;
    at(device).step(what, where(device), effects);
    node& one = nodes_[device];
    // As the host does it: durable first, and only then anything is said.
    for (const auto& effect : effects) {
        if (const auto* const kept = std::get_if<consensus::persist>(&effect)) {
            if (kept->value) {
                one.persisted[kept->key] = *kept->value;
            } else {
                one.persisted.erase(kept->key);
            }
        } else if (const auto* const decided = std::get_if<consensus::decide>(&effect)) {
            decisions.push_back({device, decided->operation, decided->event, decided->value});
        }
    }
    for (auto& effect : effects) {
        trace += static_cast<char>('0' + effect.index());
        if (auto* const out = std::get_if<consensus::send>(&effect)) {
            trace += std::string(as_text(out->body));
            send(device, std::move(*out));
        } else if (const auto* const timer = std::get_if<consensus::set_timer>(&effect)) {
            one.timers[timer->tag] = now_ + timer->after;
        } else if (const auto* const end = std::get_if<consensus::done>(&effect)) {
            EXPECT_FALSE(outcomes.contains(end->operation)) << "an operation was answered twice";
            outcomes.insert_or_assign(end->operation, *end);
        }
    }
}

void consensus_world::send(std::size_t from, consensus::send&& what) {
    for (std::size_t to = 0; to < nodes_.size(); ++to) {
        if (device_of(to) != what.to || !nodes_[to].up || weather_.below(100) < lost_percent) {
            continue;
        }
        if (weather_.below(100) < repeated_percent) {
            wire_.push_back({from, to, what.body});
        }
        wire_.push_back({from, to, std::move(what.body)});
        return;
    }
}

/// One message or one timer that is due before `until`; false when there is none.
bool consensus_world::turn(instant until) {
    if (!wire_.empty()) {
        const std::size_t chosen = shuffled ? weather_.below(wire_.size()) : 0;
        const packet next = std::move(wire_[chosen]);
        wire_.erase(wire_.begin() + static_cast<std::ptrdiff_t>(chosen));
        if (reaches(next.from, next.to)) {
            step(next.to, consensus::message{device_of(next.from), next.body});
        }
        return true;
    }
    std::optional<std::pair<std::size_t, std::uint64_t>> first;
    instant when = until;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        for (const auto& [tag, due] : nodes_[i].timers) {
            if (due < when || (due == when && !first)) {
                when = due;
                first = std::pair(i, tag);
            }
        }
    }
    if (!first) {
        return false;
    }
    now_ = std::max(now_, when);
    nodes_[first->first].timers.erase(first->second);
    step(first->first, consensus::timer{first->second});
    return true;
}

void consensus_world::run_for(duration time) {
    const instant until = now_ + time;
    for (int turns = 0; turn(until); ++turns) {
        if (turns > 1'000'000) {
            ADD_FAILURE() << "it never comes to rest";
            return;
        }
    }
    now_ = until;
}

std::optional<consensus::done> consensus_world::outcome_of(const operation_id& operation) {
    const instant until = now_ + std::chrono::minutes(2);
    while (!outcomes.contains(operation) && turn(until)) {
    }
    const auto found = outcomes.find(operation);
    return found == outcomes.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace calbox::contract
