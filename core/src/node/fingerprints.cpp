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

bool involves_any(const envelope_header& header, const std::vector<user_id>& users) noexcept {
    return std::ranges::any_of(users, [&](const user_id& one) { return header.involves(one); });
}

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

bool fingerprints::is_shared(const replica::held_event& held, const peer_state& state) const {
    return held.header.kind != envelope_kind::removed_you &&
           (with_.is_backup || involves_any(held.header, state.ours)) &&
           (state.of_a_backup || involves_any(held.header, state.theirs));
}

/// Of the versions of events that both sides are to hold.
const fingerprints::print& fingerprints::print_with(const net::peer& who, peer_state& state) const {
    std::vector<user_id> ours = with_.is_backup ? std::vector<user_id>() : with_.ours();
    const bool of_a_backup = (who.roles & wire::role::backup) != 0;
    std::vector<user_id> theirs = of_a_backup ? std::vector<user_id>() : who.user_ids;
    if (state.summed_up && state.of_a_backup == of_a_backup && state.ours == ours &&
        state.theirs == theirs) {
        return state.sum;
    }
    state.summed_up = true;
    state.of_a_backup = of_a_backup;
    state.ours = std::move(ours);
    state.theirs = std::move(theirs);
    state.sum = {};
    for (const auto& [id, held] : events_.all()) {
        if (is_shared(held, state)) {
            ++state.sum.count;
            state.sum.sum += item_of(held);
        }
    }
    return state.sum;
}

void fingerprints::changing(const replica::held_event* before, const replica::held_event* next) {
    for (auto& [device, state] : peers_) {
        if (!state.summed_up) {
            continue;
        }
        if (before != nullptr && is_shared(*before, state)) {
            --state.sum.count;
            state.sum.sum -= item_of(*before);
        }
        if (next != nullptr && is_shared(*next, state)) {
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
