#include "replica/scrub.hpp"

#include <algorithm>

namespace calbox::replica {

bool scrub::is_due(timestamp now) const noexcept {
    if (state_.now) {
        return true;
    }
    if (with_.every <= duration::zero()) {
        return false;
    }
    if (!state_.last || !state_.last->ended) {
        return true;
    }
    const auto every = std::chrono::duration_cast<std::chrono::milliseconds>(with_.every).count();
    const std::int64_t ended = state_.last->ended->ms;
    // A clock that was set back must not put it off for ever.
    return now.ms >= ended + every || now.ms < ended;
}

void scrub::begin(timestamp now, bool at_once) {
    hurries_ = hurries_ || at_once;
    if (at_once) {
        not_before_.reset();
    }
    if (!state_.now) {
        state_.now.emplace();
        state_.now->began = now;
    }
}

duration scrub::rest(instant now) const noexcept {
    return !hurries_ && not_before_ && *not_before_ > now ? *not_before_ - now : duration::zero();
}

/// As long as it would have taken at the speed that is set.
void scrub::spent(std::uint64_t size, instant now) {
    state_.now->bytes_read += size;
    const auto pause = std::chrono::nanoseconds(static_cast<std::int64_t>(
        static_cast<double>(size) * 1e9 /
        static_cast<double>(std::max<std::uint64_t>(1, with_.bytes_per_second))));
    not_before_ = now + pause;
}

void scrub::moved(bytes next, std::uint64_t size, instant now) {
    if (next.empty()) {
        state_.now->stage = static_cast<scrub_stage>(static_cast<int>(state_.now->stage) + 1);
    }
    state_.now->from = std::move(next);
    spent(size, now);
}

void scrub::read_events(std::uint64_t count, std::uint64_t size, bytes next, instant now) {
    state_.now->events += count;
    moved(std::move(next), size, now);
}

void scrub::read_versions(std::uint64_t count, std::uint64_t size, bytes next, instant now) {
    state_.now->versions += count;
    moved(std::move(next), size, now);
}

void scrub::read_leaves(std::uint64_t size, instant now) { spent(size, now); }

void scrub::read_file(bytes next) {
    ++state_.now->files;
    state_.now->from = std::move(next);
}

void scrub::end(timestamp now) {
    state_.now->stage = scrub_stage::over;
    state_.now->from.clear();
    state_.now->ended = now;
    state_.last = std::exchange(state_.now, std::nullopt);
    hurries_ = false;
    not_before_.reset();
}

void scrub::found(bool healed) {
    ++state_.now->damaged;
    state_.now->healed += healed ? 1 : 0;
}

bool scrub::still_lost(std::uint64_t count) {
    auto& pass = state_.now ? state_.now : state_.last;
    if (!pass) {
        return false;
    }
    const std::uint64_t healed = pass->damaged - std::min(count, pass->damaged);
    if (healed <= pass->healed) {
        return false;
    }
    pass->healed = healed;
    return true;
}

}  // namespace calbox::replica
