// Where others are: what an edge asks, and of whom its rendezvous is to tell it.
#include <algorithm>

#include "base/flag_taken.hpp"
#include "overlay/edge_service.hpp"

namespace calbox::overlay {

namespace {
constexpr std::size_t ids_per_retry = 50;
}  // namespace

task<std::optional<wire::location>> edge_service::find(device_id device) {
    auto known = known_.find(device);
    if ((known && (known->online || !known->addresses.empty())) || machine_.lessor() == device ||
        only_self_) {
        co_return known;
    }
    (void)co_await locate({{}, {device}, 0});
    co_return known_.find(device);
}

task<result<void>> edge_service::locate(wire::locate what) {
    // Who does not know one of the devices may be asked about after others who do.
    std::set<device_id> missing(what.devices.begin(), what.devices.end());
    const auto hear = [&](const resolver::answer& one) {
        auto reply = codec::decode<wire::locate_reply>(one.body);
        if (!reply) {
            return false;
        }
        for (const wire::location& found : reply->found) {
            missing.erase(found.device);
        }
        if (machine_.lessor() == one.by || known_.is_rendezvous(one.by)) {
            on_presence({std::move(reply->found)});
        } else {
            hear_from_a_member(what, std::move(reply->found));
        }
        return missing.empty();
    };
    co_return co_await asks_.ask("devices", codec::encode(what), hear);
}

/// Hearsay: it says nothing of who is online, and nothing against what is known already.
void edge_service::hear_from_a_member(const wire::locate& asked, std::vector<wire::location> said) {
    std::erase_if(said, [&](const wire::location& one) {
        const bool of_device = std::ranges::count(asked.devices, one.device) != 0;
        const bool of_user = std::ranges::any_of(one.users, [&](const user_id& user) {
            return std::ranges::count(asked.users, user) != 0;
        });
        const auto before = known_.find(one.device);
        return one.device == self_ || (!of_device && !of_user && (one.roles & asked.roles) == 0) ||
               (before && !before->addresses.empty());
    });
    for (wire::location& one : said) {
        one.online = known_.is_online(one.device);
        known_.note(std::move(one));
    }
}

task<void> edge_service::care_about(std::vector<user_id> users) {
    std::erase_if(users, [this](const user_id& user) { return told_.contains(user); });
    if (co_await tell_interests(users, ids_per_question)) {
        co_return;
    }
    untold_.insert(users.begin(), users.end());
    if (machine_.lessor()) {  // others may know where they are
        users.resize(std::min(users.size(), ids_per_question));
        (void)co_await locate({std::move(users), {}, 0});
    }
}

/// Of the rendezvous alone: it is what tells of them from then on. False where it did not hear of
/// all. Without one there is nobody to tell: after the next lease, all interests are told.
task<bool> edge_service::tell_interests(std::vector<user_id> users, std::size_t at_once) {
    const auto by = machine_.lessor();
    for (std::size_t first = 0; by && first < users.size(); first += at_once) {
        const auto begin = users.begin() + static_cast<std::ptrdiff_t>(first);
        const auto count = std::min(at_once, users.size() - first);
        const std::vector<user_id> some(begin, begin + static_cast<std::ptrdiff_t>(count));
        const auto answer =
            co_await asks_.ask_one(*by, "devices", codec::encode(wire::locate{some, {}, 0}), 1);
        auto reply = answer ? codec::decode<wire::locate_reply>(*answer) : fail(answer.error());
        if (!reply || machine_.lessor() != by) {
            co_return false;
        }
        for (const user_id& user : some) {
            told_.insert(user);
            untold_.erase(user);
        }
        on_presence({std::move(reply->found)});
    }
    co_return by.has_value() || users.empty();
}

/// Those of whom the rendezvous could not be told; fewer at once, since it may have been the line.
task<void> edge_service::tell_the_rest() {
    const flag_taken until_the_end{telling_};
    telling_ = true;
    (void)co_await tell_interests({untold_.begin(), untold_.end()}, ids_per_retry);
}

void edge_service::hear_of(const std::vector<user_id>& users) {
    const bool news =
        std::ranges::any_of(users, [this](const user_id& user) { return !told_.contains(user); });
    if (news && started_ && machine_.lessor()) {
        tasks_.spawn("care about", care_about(users));
    }
}

}  // namespace calbox::overlay
