#include "lab/check/claims.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace calbox::lab::claims {

std::string_view to_string(claim what) noexcept {
    constexpr std::array<std::string_view, claim_count> words{
        "U1 durable",    "U2 delivered", "U3 decided only", "U4 same content", "U5 forward",
        "U6 known fate", "tokens",       "one holder",      "files",           "secrecy",
        "growth",        "convergence",  "linearizable",    "lasting",         "kept",
        "splits",        "works"};
    return words[static_cast<std::size_t>(what)];
}

std::set<claim> required(const consensus::traits& promised, const conditions& world) {
    std::set<claim> all{claim::durable,     claim::delivered, claim::decided_only, claim::forward,
                        claim::known_fate,  claim::files,     claim::secrecy,      claim::growth,
                        claim::convergence, claim::works};
    if (world.partitions && !promised.partition_safe) {
        return all;
    }
    if (promised.linearizable) {
        all.insert({claim::linearizable, claim::same_content, claim::tokens, claim::lasting,
                    claim::splits});
    }
    if (promised.takes_over) {
        all.insert(claim::kept);
    }
    if (promised.mutual_exclusion) {
        all.insert({claim::one_holder, claim::tokens});
    }
    return all;
}

std::string to_line(const violation& what) {
    std::string line = names::of(what.at) + ": " + std::string(to_string(what.what)) + ": ";
    for (const std::string& part : {what.event, what.where}) {
        line += part.empty() ? "" : part + ": ";
    }
    return line + what.text;
}

bool names::knows(std::string_view name) const {
    return std::ranges::any_of(users_, [&](const auto& one) { return one.second == name; });
}

std::string names::of(const user_id& who) const {
    const auto known = users_.find(who);
    return known == users_.end() ? who.hex().substr(0, 8) : known->second;
}

std::string names::of(const device_id& where) const {
    const auto known = devices_.find(where);
    return known == devices_.end() ? where.hex().substr(0, 8) : known->second;
}

std::string names::of(const event_id& event) const {
    return of(event.organizer) + "/" + event.seq_text();
}

std::string names::of(const viewer& whose) const {
    return of(whose.who) + " at " + of(whose.where);
}

std::string names::of(const version_of& what) {
    std::string text = fmt::format("version {}", what.version.value);
    if (what.generation.value != 1) {
        text += fmt::format(" of generation {}", what.generation.value);
    }
    return text;
}

std::string names::of(instant at) {
    const auto ms = at.since_start.count() / 1'000'000;
    return fmt::format("{}.{:03} s", ms / 1000, ms % 1000);
}

void findings::add(violation what) {
    ++count_;
    if (first_.size() < kept) {
        first_.push_back(std::move(what));
    }
}

}  // namespace calbox::lab::claims
