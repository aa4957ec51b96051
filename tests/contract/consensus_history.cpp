#include "contract/consensus_history.hpp"

#include <algorithm>

namespace calbox::contract {

using consensus::committed;
using consensus::current;
using consensus::granted;
using consensus::refused;

void consensus_history::asked(what kind, std::size_t device, const operation_id& operation,
                              const event_id& event, instant at, consensus::token held,
                              version_number expect, operation_id of) {
    if (kind != what::release) {
        open_[operation] = entries_.size();
    }
    entries_.push_back({kind, device, operation, event, at, held, expect, of, {}, {}});
}

void consensus_history::answered(const consensus::done& answer, instant at) {
    const auto found = open_.find(answer.operation);
    if (found != open_.end()) {
        entries_[found->second].returned = at;
        entries_[found->second].answer = answer;
        open_.erase(found);
    }
}

void consensus_history::shown(std::size_t device, std::uint64_t run, bool decided,
                              const event_id& event, version_number version, const operation_id& by,
                              const bytes& value, instant at) {
    sights_.push_back({device, run, decided, event, version, by, value, at});
}

void consensus_history::crashed(std::size_t device, instant at) {
    crashes_.emplace_back(device, at);
}

std::size_t consensus_history::committed() const noexcept {
    return static_cast<std::size_t>(std::ranges::count_if(entries_, [](const entry& one) {
        return one.kind == what::commit && one.answer &&
               std::holds_alternative<consensus::committed>(one.answer->outcome);
    }));
}

std::vector<std::string> consensus_history::judge(const consensus::traits& promised) const {
    std::vector<std::string> wrong;
    if (promised.linearizable) {
        judge_values(wrong);
        judge_order(wrong);
        judge_fates(wrong);
    }
    if (promised.mutual_exclusion) {
        judge_holders(wrong);
        judge_tokens(wrong);
    }
    return wrong;
}

std::string consensus_history::text() const {
    static constexpr const char* names[] = {"acquire", "renew", "commit",
                                            "release", "read",  "fate"};
    const auto ms = [](const instant& at) {
        return std::to_string(
            std::chrono::duration_cast<std::chrono::milliseconds>(at.since_start).count() -
            3'600'000);
    };
    std::string all;
    for (const entry& one : entries_) {
        all += ms(one.call) + " " + (one.returned ? ms(*one.returned) : "-") + " device " +
               std::to_string(one.device) + " " + names[static_cast<std::size_t>(one.kind)] + " " +
               one.operation.hex().substr(0, 6) + " token " + std::to_string(one.held) +
               " expect " + std::to_string(one.expect.value);
        if (one.answer) {
            if (const auto* grant = std::get_if<granted>(&one.answer->outcome)) {
                all += ": granted " + std::to_string(grant->held) + " at version " +
                       std::to_string(grant->version.value) + " for " +
                       ms(instant{grant->lease + std::chrono::hours(1)});
            } else if (const auto* end = std::get_if<consensus::committed>(&one.answer->outcome)) {
                all += ": committed " + std::to_string(end->version.value);
            } else if (const auto* now = std::get_if<current>(&one.answer->outcome)) {
                all += ": version " + std::to_string(now->version.value);
            } else {
                all += ": refused, " + std::get<refused>(one.answer->outcome).why.message();
            }
        }
        all += "\n";
    }
    for (const auto& [device, at] : crashes_) {
        all += ms(at) + " device " + std::to_string(device) + " crashed\n";
    }
    return all;
}

static std::string version_text(version_number version) {
    return "version " + std::to_string(version.value);
}

/// One value for each version, and nowhere back to an earlier one.
void consensus_history::judge_values(std::vector<std::string>& wrong) const {
    std::map<std::pair<event_id, version_number>, const sight*> values;
    std::map<std::tuple<std::size_t, std::uint64_t, event_id>, version_number> last;
    for (const sight& one : sights_) {
        const auto [at, fresh] = values.emplace(std::pair(one.event, one.version), &one);
        if (!fresh && at->second->value != one.value) {
            wrong.push_back("two values for " + version_text(one.version));
        }
        if (!one.decided) {
            continue;
        }
        version_number& before = last[{one.device, one.run, one.event}];
        if (one.version <= before) {
            wrong.push_back("device " + std::to_string(one.device) + " went back to " +
                            version_text(one.version));
        }
        before = one.version;
    }
}

/// What had been answered, or shown, before something was asked bounds its answer from below.
void consensus_history::judge_order(std::vector<std::string>& wrong) const {
    struct point {
        instant at;
        version_number version;
    };
    std::map<event_id, std::vector<point>> known;
    const auto version_in = [](const entry& one) -> std::optional<version_number> {
        if (!one.answer) {
            return std::nullopt;
        }
        if (const auto* grant = std::get_if<granted>(&one.answer->outcome)) {
            return one.kind == what::acquire ? std::optional(grant->version) : std::nullopt;
        }
        if (const auto* end = std::get_if<consensus::committed>(&one.answer->outcome)) {
            return one.kind == what::commit ? std::optional(end->version) : std::nullopt;
        }
        if (const auto* now = std::get_if<current>(&one.answer->outcome)) {
            return now->version;
        }
        return std::nullopt;
    };
    for (const entry& one : entries_) {
        if (const auto version = version_in(one)) {
            known[one.event].push_back({*one.returned, *version});
        }
    }
    for (const sight& one : sights_) {
        known[one.event].push_back({one.at, one.version});
    }
    for (auto& [event, points] : known) {
        std::ranges::sort(points, [](const point& a, const point& b) { return a.at < b.at; });
        for (std::size_t i = 1; i < points.size(); ++i) {
            points[i].version = std::max(points[i].version, points[i - 1].version);
        }
    }
    for (const entry& one : entries_) {
        const auto version = version_in(one);
        if (!version) {
            continue;
        }
        const auto& points = known[one.event];
        const auto after = std::ranges::lower_bound(points, one.call, {}, &point::at);
        const version_number before =
            after == points.begin() ? version_number() : std::prev(after)->version;
        if (one.kind == what::commit ? *version != one.expect.next() : *version < before) {
            wrong.push_back("device " + std::to_string(one.device) + " was answered " +
                            version_text(*version) + " after " + version_text(before) +
                            " was known");
        }
    }
}

/// A commit that was acknowledged happened, one that was refused did not.
void consensus_history::judge_fates(std::vector<std::string>& wrong) const {
    std::map<operation_id, version_number> happened;
    for (const sight& one : sights_) {
        const auto [at, fresh] = happened.emplace(one.by, one.version);
        if (!fresh && at->second != one.version) {
            wrong.push_back("one edit made two versions");
        }
    }
    std::map<std::pair<event_id, version_number>, operation_id> winners;
    for (const entry& one : entries_) {
        if ((one.kind != what::commit && one.kind != what::fate) || !one.answer) {
            continue;
        }
        const operation_id edit = one.kind == what::fate ? one.of : one.operation;
        const auto found = happened.find(edit);
        if (const auto* end = std::get_if<consensus::committed>(&one.answer->outcome)) {
            if (found == happened.end() || found->second != end->version) {
                wrong.push_back("an acknowledged edit is not to be seen");
            }
            const auto [at, fresh] = winners.emplace(std::pair(one.event, end->version), edit);
            if (!fresh && at->second != edit) {
                wrong.push_back("two edits both made " + version_text(end->version));
            }
        } else if (const auto* no = std::get_if<refused>(&one.answer->outcome);
                   no != nullptr && no->why.code != errc::timed_out && found != happened.end() &&
                   no->why.code != errc::queue_full) {
            wrong.push_back("a refused edit happened: " + no->why.message());
        }
    }
}

/// From a grant to its end nobody else holds the lock.
void consensus_history::judge_holders(std::vector<std::string>& wrong) const {
    struct hold {
        instant from, until;
        std::size_t device;
    };
    std::map<std::pair<event_id, consensus::token>, hold> holds;
    for (const entry& one : entries_) {
        const auto* const grant = one.answer ? std::get_if<granted>(&one.answer->outcome) : nullptr;
        if (grant != nullptr) {
            const auto [at, fresh] =
                holds.emplace(std::pair(one.event, grant->held),
                              hold{*one.returned, *one.returned + grant->lease, one.device});
            if (!fresh) {
                at->second.until = std::max(at->second.until, *one.returned + grant->lease);
                if (at->second.device != one.device) {
                    wrong.push_back("two devices were given one token");
                }
            }
        }
    }
    for (const entry& one : entries_) {
        if (one.kind == what::commit || one.kind == what::release) {
            const auto found = holds.find({one.event, one.held});
            if (found != holds.end() && found->second.device == one.device) {
                found->second.until = std::min(found->second.until, one.call);
            }
        }
    }
    for (const auto& [device, at] : crashes_) {
        for (auto& [token, one] : holds) {
            if (one.device == device && one.from <= at) {
                one.until = std::min(one.until, at);
            }
        }
    }
    std::map<event_id, std::vector<hold>> sorted;
    for (const auto& [token, one] : holds) {
        sorted[token.first].push_back(one);
    }
    for (auto& [event, all] : sorted) {
        std::ranges::sort(all, [](const hold& a, const hold& b) { return a.from < b.from; });
        for (std::size_t i = 1; i < all.size(); ++i) {
            if (all[i].from < all[i - 1].until) {
                wrong.push_back("devices " + std::to_string(all[i - 1].device) + " and " +
                                std::to_string(all[i].device) + " held the lock together");
            }
        }
    }
}

/// Fencing: once a later token was given, a commit with an earlier one that begins then fails.
void consensus_history::judge_tokens(std::vector<std::string>& wrong) const {
    std::map<event_id, std::map<instant, consensus::token>> given;
    for (const entry& one : entries_) {
        const auto* const grant = one.answer ? std::get_if<granted>(&one.answer->outcome) : nullptr;
        if (grant != nullptr) {
            auto& token = given[one.event][*one.returned];
            token = std::max(token, grant->held);
        }
    }
    for (auto& [event, tokens] : given) {
        consensus::token highest = 0;
        for (auto& [at, token] : tokens) {
            highest = token = std::max(token, highest);
        }
    }
    for (const entry& one : entries_) {
        if (one.kind != what::commit || !one.answer ||
            !std::holds_alternative<consensus::committed>(one.answer->outcome)) {
            continue;
        }
        const auto& tokens = given[one.event];
        const auto after = tokens.lower_bound(one.call);
        const bool repeated = std::ranges::any_of(sights_, [&](const sight& seen) {
            return seen.by == one.operation && seen.at < one.call;
        });
        if (!repeated && after != tokens.begin() && std::prev(after)->second > one.held) {
            wrong.push_back("device " + std::to_string(one.device) +
                            " committed with an old token");
        }
    }
}

}  // namespace calbox::contract
