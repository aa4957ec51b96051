#include "contract/consensus_world.hpp"

namespace calbox::contract {

using what = consensus_history::what;

namespace {
constexpr duration usual_delay = std::chrono::milliseconds(1);
constexpr duration longest_delay = std::chrono::milliseconds(30);
constexpr duration owed_again = std::chrono::seconds(1);
}  // namespace

bytes value_of(version_number version, const operation_id& operation) {
    bytes value{'v'};
    for (int shift = 56; shift >= 0; shift -= 8) {
        value.push_back(static_cast<std::uint8_t>(version.value >> shift));
    }
    value.insert(value.end(), operation.value.begin(), operation.value.end());
    return value;
}

std::optional<std::pair<version_number, operation_id>> read_value(byte_view value) {
    if (value.size() != 9 + operation_id::size || value[0] != 'v') {
        return std::nullopt;
    }
    version_number version;
    for (std::size_t i = 1; i < 9; ++i) {
        version.value = version.value << 8 | value[i];
    }
    return std::pair(version, *operation_id::from_bytes(value.subspan(9)));
}

consensus_world::consensus_world(std::string plugin, std::size_t devices, std::uint64_t seed,
                                 std::string settings)
    : plugin_(std::move(plugin)),
      settings_(std::move(settings)),
      chance_(seed),
      weather_(seed + 1),
      nodes_(devices) {
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
        (i + backups < nodes_.size() ? all.devices : all.backups).push_back(device_of(i));
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
                                      version_number current, consensus::intent why,
                                      generation_number generation) {
    const auto id = next_operation();
    history.asked(what::acquire, device, id, event, now_);
    step(device, consensus::acquire{id, event, why, everybody(), current, generation});
    return id;
}
operation_id consensus_world::renew(std::size_t device, const event_id& event,
                                    consensus::token held) {
    const auto id = next_operation();
    history.asked(what::renew, device, id, event, now_, held);
    step(device, consensus::renew{id, event, held});
    return id;
}
void consensus_world::commit(std::size_t device, operation_id of, const event_id& event,
                             consensus::token held, version_number expect, bytes value) {
    outcomes.erase(of);
    history.asked(what::commit, device, of, event, now_, held, expect);
    step(device, consensus::commit{of, event, held, expect, std::move(value), everybody()});
}
void consensus_world::release(std::size_t device, operation_id of, const event_id& event,
                              consensus::token held) {
    history.asked(what::release, device, of, event, now_, held);
    step(device, consensus::release{of, event, held});
}
operation_id consensus_world::read(std::size_t device, const event_id& event) {
    const auto id = next_operation();
    history.asked(what::read, device, id, event, now_);
    step(device, consensus::read{id, event, everybody()});
    return id;
}
operation_id consensus_world::fate(std::size_t device, const event_id& event, operation_id of,
                                   version_number expect) {
    const auto id = next_operation();
    history.asked(what::fate, device, id, event, now_, 0, expect, of);
    step(device, consensus::fate{id, event, of, expect, everybody()});
    return id;
}
void consensus_world::inherit(const std::vector<std::size_t>& told, const event_id& event,
                              version_number version, const bytes& value) {
    consensus::inherit what;
    what.operation = next_operation();
    what.event = event;
    what.version = version;
    what.value = value;
    auto begins = at(0).begins(event, everybody(), where(0));
    if (!begins) {
        throw std::runtime_error(begins.error().message());
    }
    what.begins = std::move(*begins);
    for (const std::size_t device : told) {
        step(device, what);
    }
}

void consensus_world::leave(std::size_t device) {
    step(device, consensus::leaving{std::chrono::seconds(2)});
}

std::optional<version_number> consensus_world::edit(std::size_t device, const event_id& event,
                                                    version_number current, consensus::intent why) {
    const auto id = acquire(device, event, current, why);
    const auto first = outcome_of(id);
    const auto* const grant = first ? std::get_if<consensus::granted>(&first->outcome) : nullptr;
    if (grant == nullptr) {
        return std::nullopt;
    }
    commit(device, id, event, grant->held, grant->version, value_of(grant->version.next(), id));
    const auto second = outcome_of(id);
    const auto* const end = second ? std::get_if<consensus::committed>(&second->outcome) : nullptr;
    return end != nullptr ? std::optional(end->version) : std::nullopt;
}

void consensus_world::make(const event_id& event) {
    ASSERT_EQ(edit(0, event, version_number(0), consensus::intent::create), version_number(1));
    run_for(std::chrono::seconds(2));
}

void consensus_world::start(std::size_t device) {
    node& one = nodes_[device];
    auto made = host().consensus(plugin_, settings_);
    ASSERT_TRUE(made) << made.error().message();
    one.strategy.emplace(std::move(*made));
    one.up = true;
    one.left = false;
    ++one.run;
    one.effects_left = 0;
    step(device, consensus::restored{{one.persisted.begin(), one.persisted.end()}, one.life});
}

void consensus_world::crash(std::size_t device) {
    node& one = nodes_[device];
    if (!one.up) {
        return;
    }
    one.up = false;
    one.timers.clear();
    one.strategy.reset();
    history.crashed(device, now_);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        step(i, consensus::peer_change{device_of(device), false});
    }
}

void consensus_world::restart(std::size_t device, bool with_records) {
    if (!with_records) {
        nodes_[device].persisted.clear();
        nodes_[device].current.clear();
        nodes_[device].life = nodes_[device].life.next();
    }
    start(device);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        if (i != device && nodes_[i].up && reaches(i, device)) {
            step(device, consensus::peer_change{device_of(i), true});
            step(i, consensus::peer_change{device_of(device), true});
        }
    }
}

void consensus_world::crash_before_effect(std::size_t device, std::size_t nth) {
    nodes_[device].effects_left = nth;
}

void consensus_world::split(std::set<std::size_t> side) {
    const auto before = std::exchange(side_, std::move(side));
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        for (std::size_t j = 0; j < nodes_.size(); ++j) {
            const bool was = before.contains(i) == before.contains(j);
            if (i != j && nodes_[j].up && was != reaches(i, j)) {
                step(i, consensus::peer_change{device_of(j), reaches(i, j)});
            }
        }
    }
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
    if (!effects.empty()) {
        perform(device, std::move(effects));
    }
}

/// Counts down to the crash that was asked for.
bool consensus_world::crashes_now(std::size_t device) {
    node& one = nodes_[device];
    if (one.effects_left == 0 || --one.effects_left > 0) {
        return false;
    }
    crash(device);
    return true;
}

/// As the host does it: durable first, in one batch, and only then anything is said.
void consensus_world::perform(std::size_t device, std::vector<consensus::effect> effects) {
    node& one = nodes_[device];
    if (crashes_now(device)) {
        return;
    }
    for (const auto& effect : effects) {
        if (const auto* const kept = std::get_if<consensus::persist>(&effect)) {
            if (kept->value) {
                one.persisted[kept->key] = *kept->value;
            } else {
                one.persisted.erase(kept->key);
            }
        } else if (const auto* const decided = std::get_if<consensus::decide>(&effect)) {
            decisions.push_back({device, decided->operation, decided->event, decided->value});
            show(device, decided->event, decided->value, true);
            for (std::size_t to = 0; decided->spread && to < nodes_.size(); ++to) {
                if (to != device) {
                    const event_id event = decided->event;
                    later(usual_delay, [this, device, to, event] { owe(device, to, event); });
                }
            }
        }
    }
    const std::uint64_t run = one.run;
    for (auto& effect : effects) {
        if (keep_trace) {
            trace += static_cast<char>('0' + effect.index());
        }
        const bool said = std::holds_alternative<consensus::send>(effect) ||
                          std::holds_alternative<consensus::http_request>(effect) ||
                          std::holds_alternative<consensus::done>(effect);
        if (said && crashes_now(device)) {
            return;
        }
        if (auto* const out = std::get_if<consensus::send>(&effect)) {
            if (keep_trace) {
                trace += std::string(as_text(out->body));
            }
            send(device, std::move(*out));
        } else if (auto* const asked = std::get_if<consensus::http_request>(&effect)) {
            request(device, std::move(*asked));
        } else if (const auto* const timer = std::get_if<consensus::set_timer>(&effect)) {
            const std::uint64_t tag = timer->tag, number = ++last_event_;
            one.timers[tag] = number;
            later(timer->after, [this, device, tag, number, run] {
                node& then = nodes_[device];
                const auto found = then.timers.find(tag);
                if (then.up && then.run == run && found != then.timers.end() &&
                    found->second == number) {
                    then.timers.erase(found);
                    step(device, consensus::timer{tag});
                }
            });
        } else if (const auto* const end = std::get_if<consensus::done>(&effect)) {
            EXPECT_FALSE(outcomes.contains(end->operation)) << "an operation was answered twice";
            history.answered(*end, now_);
            outcomes.insert_or_assign(end->operation, *end);
            if (on_done) {
                on_done(device, *end);
            }
        } else if (std::holds_alternative<consensus::left>(effect)) {
            EXPECT_FALSE(one.left) << "it left twice";
            one.left = true;
        }
    }
}

void consensus_world::later(duration after, std::function<void()> what) {
    queue_.emplace(std::pair(now_ + after, ++last_event_), std::move(what));
}

void consensus_world::send(std::size_t from, consensus::send&& what) {
    const std::size_t to = static_cast<std::size_t>(what.to.value[0]) - 1;
    if (to >= nodes_.size() || what.to != device_of(to)) {
        return;
    }
    ++messages;
    const std::size_t copies = weather_.below(100) < lost_percent       ? 0
                               : weather_.below(100) < repeated_percent ? 2
                                                                        : 1;
    for (std::size_t i = 0; i < copies; ++i) {
        const auto most = static_cast<std::uint64_t>(longest_delay.count());
        later(shuffled ? duration(weather_.below(most)) : usual_delay,
              [this, from, to, body = what.body] { arrive(from, to, body); });
    }
}

/// As the host does it: an answer within `most`, or that there is none. What is lost on the way
/// there has no effect, what is lost on the way back has.
void consensus_world::request(std::size_t from, consensus::http_request&& what) {
    EXPECT_TRUE(at(from).declared().needs_external) << "it asks for HTTP, and does not declare it";
    EXPECT_EQ(what.method, "POST");
    const std::size_t path = what.url.find('/', std::string_view("http://").size());
    ASSERT_NE(path, std::string::npos) << what.url;
    ++messages;
    const auto answer = [this, from, run = nodes_[from].run, tag = what.tag](int status,
                                                                             bytes body) {
        if (nodes_[from].run == run) {
            step(from, consensus::http_response{tag, status, std::move(body)});
        }
    };
    const bool gone = dead_members.contains(what.url.substr(0, path));
    const bool lost = side_.contains(from) || weather_.below(100) < lost_percent;
    const bool mute = engine_is_mute || weather_.below(100) < lost_percent;
    const auto way = [this] {
        return shuffled
                   ? duration(weather_.below(static_cast<std::uint64_t>(longest_delay.count())))
                   : usual_delay;
    };
    const duration there = way(), back = way();
    if (gone) {
        later(there + back, [answer] { answer(0, to_bytes("refused")); });
        return;
    }
    if (!lost) {
        later(there, [this, answer, path, back, mute, what] {
            const auto came = engine.post(now_, what.url.substr(path), as_text(what.body));
            if (!mute) {
                later(back, [answer, came] { answer(came.status, to_bytes(came.body)); });
            }
        });
    }
    if (lost || mute) {
        later(what.most, [answer] { answer(0, to_bytes("no answer in time")); });
    }
}

void consensus_world::arrive(std::size_t from, std::size_t to, const bytes& body) {
    if (reaches(from, to)) {
        step(to, consensus::message{device_of(from), body});
    }
}

/// The outbox: what a device holds reaches the other at last.
void consensus_world::owe(std::size_t from, std::size_t to, const event_id& event) {
    if (nodes_[from].up && nodes_[to].up && reaches(from, to)) {
        const bytes value = nodes_[from].current[event].second;
        show(to, event, value, false);
    } else {
        later(owed_again, [this, from, to, event] { owe(from, to, event); });
    }
}

void consensus_world::show(std::size_t device, const event_id& event, const bytes& value,
                           bool decided) {
    const auto read = read_value(value);
    node& one = nodes_[device];
    auto& held = one.current[event];
    if (read && held.first < read->first) {
        held = {read->first, value};
    }
    if (read) {
        history.shown(device, one.run, decided, event, read->first, read->second, value, now_);
    }
}

version_number consensus_world::shown(std::size_t device, const event_id& event) const {
    const auto found = nodes_[device].current.find(event);
    return found == nodes_[device].current.end() ? version_number() : found->second.first;
}

/// What is due next, before `until`; false when there is nothing.
bool consensus_world::turn(instant until) {
    if (queue_.empty() || queue_.begin()->first.first > until) {
        return false;
    }
    now_ = std::max(now_, queue_.begin()->first.first);
    const auto next = std::move(queue_.begin()->second);
    queue_.erase(queue_.begin());
    next();
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
