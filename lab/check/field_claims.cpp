#include "lab/check/field_claims.hpp"

#include <algorithm>

namespace calbox::lab::claims {

std::string to_string(const field& what) {
    switch (what.what) {
        case field::kind::file:
            return "the file " + what.of;
        case field::kind::part:
            return "the part of " + what.of;
        case field::kind::answer:
            return "the answer of " + what.of;
        case field::kind::title:
            return "the title";
    }
    return {};
}

void lasting::observe_asked(const operation_id& by, const event_id& event, const field& what,
                            std::optional<std::string> value, instant at) {
    open_[by].emplace_back(event, what);
    written_[event][what].push_back({by, std::move(value), at, std::nullopt});
}

template <class Change>
void lasting::each_of(const operation_id& by, Change&& change) {
    const auto set = open_.extract(by);
    if (!set.empty()) {
        for (const auto& [event, what] : set.mapped()) {
            change(written_[event][what]);
        }
    }
}

void lasting::observe_acknowledged(const operation_id& by, instant at) {
    each_of(by, [&](std::vector<write>& all) {
        for (write& one : all) {
            if (one.by == by) {
                one.acknowledged = at;
            }
        }
    });
}

void lasting::observe_refused(const operation_id& by) {
    each_of(by, [&](std::vector<write>& all) {
        std::erase_if(all, [&](const write& one) { return one.by == by; });
    });
}

/// By which of them, where none that sets what it says now can have come after it.
const lasting::write* lasting::overwritten(const std::vector<write>& all, const std::string& says) {
    instant last{duration::min()};
    for (const write& one : all) {
        if (!one.value || *one.value == says) {
            last = std::max(last, one.acknowledged.value_or(instant{duration::max()}));
        }
    }
    const auto later = std::ranges::find_if(all, [&](const write& one) {
        return one.value && *one.value != says && one.acknowledged && one.asked > last;
    });
    return later == all.end() ? nullptr : &*later;
}

void lasting::observe_newest(const viewer& whose, const event_id& event,
                             const std::function<std::string(const field&)>& says, instant at) {
    const auto known = written_.find(event);
    if (known == written_.end()) {
        return;
    }
    for (const auto& [what, all] : known->second) {
        const std::string now = says(what);
        if (const write* const lost = overwritten(all, now)) {
            found_.add({claim::lasting, people_.of(event), people_.of(whose), at,
                        to_string(what) + " is \"" + now + "\" in the end, though \"" +
                            *lost->value + "\" was acknowledged at " +
                            names::of(*lost->acknowledged) + " and nothing was asked after it"});
        }
    }
}

}  // namespace calbox::lab::claims
