#include "random.hpp"

#include <algorithm>
#include <numeric>

namespace calbox::discovery {
namespace {

constexpr std::size_t redirects_max = 8;
constexpr duration heard_within = std::chrono::minutes(3);  // loads are exchanged each minute
constexpr duration retry_least = std::chrono::seconds(30);
constexpr std::uint64_t retry_spread_ms = 10'000;  // so that the refused do not come back together

template <class T>
void shuffle(std::vector<T>& items, random& entropy) {
    for (std::size_t i = items.size(); i > 1; --i) {
        std::swap(items[i - 1], items[static_cast<std::size_t>(entropy.below(i))]);
    }
}

}  // namespace

std::vector<std::size_t> random_choice::order(const std::vector<candidate>& candidates,
                                              context where) {
    std::vector<std::size_t> indices(candidates.size());
    std::iota(indices.begin(), indices.end(), std::size_t{0});
    shuffle(indices, where.entropy);
    // One that did not answer the last time is asked after the others; among equals chance decides.
    std::partition(indices.begin(), indices.end(),
                   [&](std::size_t i) { return candidates[i].failures == 0; });
    return indices;
}

std::size_t random_choice::choose(const std::vector<offer>& offers, context where) {
    std::vector<std::size_t> with_room;
    for (std::size_t i = 0; i < offers.size(); ++i) {
        if (offers[i].edges < offers[i].edges_max) {
            with_room.push_back(i);
        }
    }
    if (how_ == pick::first) {
        return with_room.empty() ? 0 : with_room.front();
    }
    // All full: any of them may still redirect.
    return with_room.empty()
               ? static_cast<std::size_t>(where.entropy.below(offers.size()))
               : with_room[static_cast<std::size_t>(where.entropy.below(with_room.size()))];
}

void random_choice::learn(const device_id&, outcome, context) {}

admission random_choice::admit(const load& me, const std::vector<load>& others, context where) {
    admission answer;
    if (me.edges < me.edges_max) {
        return answer;
    }
    for (const load& other : others) {
        if (other.device != me.device && other.edges < other.edges_max &&
            where.now - other.heard <= heard_within) {
            answer.others.push_back(other.device);
        }
    }
    if (!answer.others.empty()) {
        answer.what = admission::verdict::redirect;
        shuffle(answer.others, where.entropy);
        answer.others.resize(std::min(answer.others.size(), redirects_max));
        return answer;
    }
    answer.what = admission::verdict::busy;
    answer.retry_after =
        retry_least + std::chrono::milliseconds(where.entropy.below(retry_spread_ms));
    return answer;
}

std::vector<migration> random_choice::plan(const load&, const std::vector<load>&, context) {
    return {};
}

advice random_choice::advise(const load&, const std::vector<load>&, context) {
    return advice::none;
}

}  // namespace calbox::discovery
