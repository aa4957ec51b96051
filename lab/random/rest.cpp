#include "lab/random/rest.hpp"

#include <fmt/format.h>

#include "lab/check/watcher.hpp"

namespace calbox::lab {

namespace {

struct sight {
    const person* whose = nullptr;
    node::event_view what;
};

bool same(const node::event_view& left, const node::event_view& right) {
    const auto one = claims::shown_version(left), other = claims::shown_version(right);
    return one.place() == other.place() && one.content == other.content;
}

/// Where two see an event, they see one version of it, and whoever takes part in it sees it.
std::string disagreement(const std::vector<const person*>& people) {
    std::map<event_id, sight> first;
    std::map<const person*, std::set<event_id>> seen;
    for (const person* const who : people) {
        for (auto& one : who->sees_all()) {
            seen[who].insert(one.id);
            const auto [known, fresh] = first.try_emplace(one.id, sight{who, one});
            const sight& other = known->second;
            if (!fresh && !same(one, other.what)) {
                return fmt::format("{} has version {} of {}, and {} version {}", who->name(),
                                   one.version.value, one.id_text, other.whose->name(),
                                   other.what.version.value);
            }
        }
    }
    for (const auto& [event, sight] : first) {
        const auto& names = sight.what.content.participants;
        for (const person* const who : people) {
            const bool takes_part =
                who->name() == sight.what.organizer || std::ranges::count(names, who->name()) != 0;
            if (takes_part && !seen[who].contains(event)) {
                return who->name() + " does not see " + sight.what.id_text;
            }
        }
    }
    return {};
}

}  // namespace

std::string unrest(const std::vector<const person*>& people, bool everybody) {
    for (const person* const who : people) {
        const auto status = who->at().api().info.status();
        if (status.state != "connected" || !status.caught_up) {
            return who->name() + " is " + status.state +
                   (status.caught_up ? "" : ", and has not caught up");
        }
        if (status.outbox != 0 && everybody) {
            return fmt::format("{} still owes {} updates", who->name(), status.outbox);
        }
    }
    return disagreement(people);
}

}  // namespace calbox::lab
