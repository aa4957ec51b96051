// How members catch up with what no news told them: each question compares a part of what the asker
// knows, and whoever knows something else of it says so.
#include <algorithm>

#include "overlay/membership.hpp"
#include "overlay/objects.hpp"

namespace calbox::overlay {

namespace {

std::uint64_t hash_of(const device_id& device, std::uint64_t life) noexcept {
    return mixed(first_word(device.view()) + mixed(life));
}

device_id last_id() noexcept {
    device_id id;
    id.value.fill(0xff);
    return id;
}

}  // namespace

/// The next so many members by their ids, with all that is between; after the last the first.
membership::span membership::next_span() {
    const device_id last = last_id();
    span next{compared_upto_ == last ? device_id() : compared_upto_, last, 0};
    std::size_t count = 0;
    for (auto one = members_.upper_bound(next.after); one != members_.end(); ++one) {
        if (one->second.what != state::gone && ++count == compared_at_once) {
            next.upto = one->first;
            break;
        }
    }
    next.digest = digest_of(next.after, next.upto);
    compared_upto_ = next.upto;
    return next;
}

std::uint64_t membership::digest_of(const device_id& after, const device_id& upto) const {
    std::uint64_t sum = after < self_ && self_ <= upto ? hash_of(self_, life_) : 0;
    for (auto one = members_.upper_bound(after); one != members_.end() && one->first <= upto;
         ++one) {
        sum += one->second.what != state::gone ? hash_of(one->first, one->second.life) : 0;
    }
    return sum;
}

std::vector<membership::news> membership::answer_for(const device_id& to,
                                                     const std::optional<span>& its) {
    std::vector<news> said;
    add_suspicion(to, said);
    if (its && digest_of(its->after, its->upto) != its->digest) {
        if (its->after < self_ && self_ <= its->upto) {
            said.push_back({self_, life_, state::alive});
        }
        // Of more than go into an answer every n-th, so that whoever knows few hears of all parts.
        const auto first = members_.upper_bound(its->after), last = members_.upper_bound(its->upto);
        const auto count =
            its->after < its->upto ? static_cast<std::size_t>(std::distance(first, last)) : 0;
        const std::size_t step = (count + named_most - 1) / named_most;
        std::size_t place = 0;
        for (auto one = first; place < count; ++one, ++place) {
            if (place % step == 0 && one->first != to) {
                // Who is gone here is only suspected there, and has time to refute it: two sides of
                // a partition that is over do not give each other up.
                said.push_back({one->first, one->second.life,
                                std::min(one->second.what, state::suspected)});
            }
        }
    }
    add_rarest(to, said);
    return said;
}

}  // namespace calbox::overlay
