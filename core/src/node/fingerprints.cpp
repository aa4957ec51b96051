#include "node/fingerprints.hpp"

#include <algorithm>

#include <calbox/mutant.hpp>

namespace calbox::node {

namespace {

constexpr std::uint64_t pause_least = 15'000, pause_spread = 5'000;  // ms
/// Where nothing has changed on this side, and the two agreed, it is asked again after that.
constexpr duration agreed_for = std::chrono::minutes(10);
/// Whoever differs for longer than what is on its way takes is asked; then after longer and longer
/// times, since what differs may be what one side refuses.
constexpr unsigned differs_for_good = 2;
constexpr duration asked_again_least = std::chrono::minutes(5);
constexpr duration asked_again_most = std::chrono::hours(1);

std::uint64_t item_of(const replica::held_event& held) noexcept {
    std::uint64_t item = 0;
    for (std::size_t i = 0; i < sizeof item; ++i) {
        item = item << 8 | held.order.hash.value[i];
    }
    return item;
}

}  // namespace

task<void> fingerprints::keep_comparing() {
    if (mutant("fingerprints.off")) {
        co_return;
    }
    while (true) {
        const std::uint64_t wait = pause_least + env_.entropy.below(pause_spread);
        co_await sleep_for(env_, std::chrono::milliseconds(wait));
        for (const net::peer& who : with_.peers()) {
            compare(who);
        }
    }
}

/// Of the versions of events that both sides are to hold.
const fingerprints::print& fingerprints::print_with(const net::peer& who, peer_state& state) const {
    replica::shown_lists::choice shared;
    if (!with_.is_backup) {
        shared.users = with_.ours();
    }
    if ((who.roles & wire::role::backup) == 0) {
        shared.others = who.user_ids;
    }
    if (state.summed_up == shared) {
        return state.sum;
    }
    state.summed_up = std::move(shared);
    state.sum = {};
    for (const auto& [id, held] : events_.all()) {
        if (replica::shown_lists::shows(*state.summed_up, held.header)) {
            ++state.sum.count;
            state.sum.sum += item_of(held);
        }
    }
    return state.sum;
}

void fingerprints::changing(const replica::held_event* before, const replica::held_event* next) {
    using replica::shown_lists;
    for (auto& [device, state] : peers_) {
        if (!state.summed_up) {
            continue;
        }
        if (before != nullptr && shown_lists::shows(*state.summed_up, before->header)) {
            --state.sum.count;
            state.sum.sum -= item_of(*before);
        }
        if (next != nullptr && shown_lists::shows(*state.summed_up, next->header)) {
            ++state.sum.count;
            state.sum.sum += item_of(*next);
        }
    }
}

void fingerprints::compare(const net::peer& who) {
    const bool takes_part = !who.user_ids.empty() || (who.roles & wire::role::backup) != 0;
    if (!who.member || !takes_part || (!with_.is_backup && with_.ours().empty())) {
        return;  // one of the two has nothing to hold
    }
    peer_state& state = peers_[who.device];
    if (state.knows_none) {
        return;
    }
    const print& own = print_with(who, state);
    const instant now = env_.time.now();
    if (state.agreed == own && now - state.agreed_at < agreed_for) {
        return;
    }
    state.asked = own;
    with_.send(who.device, {std::string(name), false, 0, codec::encode(own), {}, {}});
}

task<void> fingerprints::on_message(const net::peer& from, wire::recovery_message what) {
    peer_state& state = peers_[from.device];
    if (what.answer && what.refused.value_or(false)) {
        state.knows_none = true;
        co_return;
    }
    if (what.answer) {
        if (const auto same = codec::decode<bool>(what.body); same && state.asked) {
            answered(from.device, state, *same);
        }
        co_return;
    }
    if (const auto theirs = codec::decode<print>(what.body)) {
        const bool same = *theirs == print_with(from, state);
        if (!same) {
            state.agreed.reset();  // and so this side compares, too: it may be the one that lacks
        }
        with_.send(from.device, {std::string(name), true, 0, codec::encode(same), {}, {}});
    }
}

void fingerprints::answered(const device_id& who, peer_state& state, bool same) {
    const instant now = env_.time.now();
    const auto asked = std::exchange(state.asked, std::nullopt);
    if (same) {
        state.agreed = asked;
        state.agreed_at = now;
        state.differed = 0;
        state.wait = {};
        return;
    }
    state.agreed.reset();
    if (++state.differed < differs_for_good || now < state.not_before) {
        return;
    }
    state.wait = std::clamp(state.wait * 2, asked_again_least, asked_again_most);
    state.not_before = now + state.wait;
    env_.log.write(log_level::info, "recovery",
                   "the device " + who.hex().substr(0, 8) +
                       " holds other versions of shared events, and is asked for them");
    with_.differs(who);
}

}  // namespace calbox::node
