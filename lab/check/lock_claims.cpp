#include "lab/check/lock_claims.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace calbox::lab::claims {

void locks::observe_asked(const event_id& event, const operation_id& operation) {
    if (asking_.size() < asking_kept) {
        asking_.insert_or_assign(operation, asking{event, locks_[event].highest});
    }
}

void locks::observe_granted(const event_id& event, const operation_id& operation,
                            const device_id& holder, consensus::token held, instant until,
                            instant at) {
    check_token(event, operation, holder, held, at);
    check_holders(event, holder, at);
    lock& of = locks_[event];
    of.highest = std::max(of.highest, held);
    if (auto* mine = of.granted.at(held); mine != nullptr && mine->first.is_zero()) {
        *mine = {operation, holder};
    }
    of.holders.insert_or_assign(operation, holding{holder, held, until});
    asking_.erase(operation);
}

void locks::check_token(const event_id& event, const operation_id& operation,
                        const device_id& holder, consensus::token held, instant at) {
    lock& of = locks_[event];
    const auto* before = of.granted.find(held);
    const auto asked = asking_.find(operation);
    const auto add = [&](std::string text) {
        tokens_.add({claim::tokens, people_.of(event), people_.of(holder), at, std::move(text)});
    };
    if (before != nullptr && *before != std::pair(operation, holder)) {
        add(fmt::format("token {} was granted, which {} had got", held,
                        people_.of(before->second)));
    } else if (before == nullptr && asked != asking_.end() && held <= asked->second.floor) {
        add(fmt::format("token {} was granted, though {} had been granted before it was asked for",
                        held, asked->second.floor));
    }
}

void locks::check_holders(const event_id& event, const device_id& holder, instant at) {
    lock& of = locks_[event];
    std::erase_if(of.holders, [&](const auto& one) { return one.second.until <= at; });
    for (const auto& [operation, other] : of.holders) {
        if (other.holder != holder) {
            holders_.add({claim::one_holder, people_.of(event), people_.of(holder), at,
                          "was granted the lock that " + people_.of(other.holder) +
                              " holds until " + names::of(other.until)});
            return;
        }
    }
}

void locks::observe_renewed(const event_id& event, const operation_id& operation, instant until) {
    auto& holders = locks_[event].holders;
    const auto found = holders.find(operation);
    if (found != holders.end()) {
        found->second.until = std::max(found->second.until, until);
    }
}

void locks::observe_ended(const event_id& event, const operation_id& operation) {
    asking_.erase(operation);
    const auto found = locks_.find(event);
    if (found != locks_.end()) {
        found->second.holders.erase(operation);
    }
}

void locks::observe_died(const device_id& holder) {
    for (auto& [event, of] : locks_) {
        std::erase_if(of.holders, [&](const auto& one) { return one.second.holder == holder; });
    }
}

std::vector<violation> locks::violations() const {
    std::vector<violation> all = tokens_.first();
    all.insert(all.end(), holders_.first().begin(), holders_.first().end());
    return all;
}

}  // namespace calbox::lab::claims
