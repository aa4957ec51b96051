#include "lab/sim/disk_bytes.hpp"

#include <algorithm>

namespace calbox::lab {
namespace {

constexpr std::size_t sector_bytes = cached_bytes::sector_bytes;
/// Of the versions that a sector has had since the last sync the oldest and the latest are kept.
constexpr std::size_t versions_max = 4;

std::uint64_t sectors_of(std::uint64_t length) {
    return (length + sector_bytes - 1) / sector_bytes;
}

constexpr std::size_t part_bytes = 4096;

/// The parts that [offset, offset + length) lies in, in turn: which, where in it, how much of it.
template <class Use>
void each_part(std::size_t offset, std::size_t length, const Use& use) {
    while (length > 0) {
        const std::size_t within = offset % part_bytes;
        const std::size_t count = std::min(length, part_bytes - within);
        use(offset / part_bytes, within, count);
        offset += count;
        length -= count;
    }
}

}  // namespace

void growing_bytes::resize(std::size_t length) {
    const std::size_t parts = (length + part_bytes - 1) / part_bytes;
    if (length < size_ && length % part_bytes != 0) {
        bytes& last = parts_[parts - 1];
        std::fill(last.begin() + static_cast<std::ptrdiff_t>(length % part_bytes), last.end(),
                  std::uint8_t{0});
    }
    parts_.resize(std::min(parts, parts_.size()));
    while (parts_.size() < parts) {
        parts_.emplace_back(part_bytes);
    }
    size_ = length;
}

byte_view growing_bytes::used_of(std::size_t part) const noexcept {
    return byte_view(parts_[part]).first(std::min(part_bytes, size_ - part * part_bytes));
}

void growing_bytes::read(std::size_t offset, std::span<std::uint8_t> into) const noexcept {
    auto to = into.begin();
    each_part(offset, into.size(), [&](std::size_t part, std::size_t within, std::size_t count) {
        to = std::copy_n(parts_[part].begin() + static_cast<std::ptrdiff_t>(within), count, to);
    });
}

void growing_bytes::write(std::size_t offset, byte_view data) noexcept {
    auto from = data.begin();
    each_part(offset, data.size(), [&](std::size_t part, std::size_t within, std::size_t count) {
        std::copy_n(from, count, parts_[part].begin() + static_cast<std::ptrdiff_t>(within));
        from += static_cast<std::ptrdiff_t>(count);
    });
}

bool growing_bytes::contains(std::string_view text) const {
    const std::size_t most = text.empty() ? 0 : text.size() - 1;
    std::string before;  // the end of what was searched, in which it may begin
    for (std::size_t number = 0; number < parts_.size(); ++number) {
        before += as_text(used_of(number));
        if (before.find(text) != std::string::npos) {
            return true;
        }
        before.erase(0, before.size() - std::min(before.size(), most));
    }
    return text.empty();
}

bytes growing_bytes::joined() const {
    bytes whole;
    whole.reserve(size_);
    for (std::size_t number = 0; number < parts_.size(); ++number) {
        const byte_view part = used_of(number);
        whole.insert(whole.end(), part.begin(), part.end());
    }
    return whole;
}

survival::survival(random& chance) noexcept : chance_(chance) {
    constexpr std::array<std::uint64_t, 5> likely{0, 256, 256, 128, 0};
    const std::uint64_t drawn = chance.below(6);
    of_256_ = drawn < likely.size() ? likely[drawn] : chance.below(257);
}

bool survival::next() noexcept {
    if (of_256_ == 0 || of_256_ == 256) {
        return of_256_ != 0;
    }
    return chance_.below(256) < of_256_;
}

std::size_t cached_bytes::read(std::uint64_t offset, std::span<std::uint8_t> into) const noexcept {
    if (offset >= now_.size()) {
        return 0;
    }
    const std::size_t there = std::min<std::uint64_t>(into.size(), now_.size() - offset);
    now_.read(static_cast<std::size_t>(offset), into.first(there));
    return there;
}

cached_bytes::sector cached_bytes::cached(std::uint64_t number) const noexcept {
    sector content{};
    (void)read(number * sector_bytes, content);
    return content;
}

/// Into the cache, as far as the file reaches.
void cached_bytes::put(std::uint64_t number, const sector& content) {
    const std::uint64_t at = number * sector_bytes;
    if (at < now_.size()) {
        now_.write(at, byte_view(content).first(std::min(sector_bytes, now_.size() - at)));
    }
}

/// Remembers what the sectors [first, last) hold.
void cached_bytes::about_to_change(std::uint64_t first, std::uint64_t last) {
    const std::uint64_t present = sectors_of(now_.size());
    for (std::uint64_t number = first; number < last; ++number) {
        const auto [at, added] = unsynced_.try_emplace(number);
        unsynced& known = at->second;
        if (added && number >= present) {
            continue;  // the platter has zeros there
        }
        if (!added && known.given_up) {
            known.given_up = false;  // what it holds was never on its way to the platter
            continue;
        }
        if (!added && known.before.empty()) {
            known.before.emplace_back();
        }
        if (known.before.size() == versions_max) {
            known.before.erase(known.before.begin() + 1);
        }
        known.before.push_back(cached(number));
    }
}

void cached_bytes::write(std::uint64_t offset, byte_view data) {
    if (data.empty()) {
        return;
    }
    const std::uint64_t end = offset + data.size();
    about_to_change(offset / sector_bytes, sectors_of(end));
    if (end > now_.size()) {
        now_.resize(static_cast<std::size_t>(end));
    }
    now_.write(static_cast<std::size_t>(offset), data);
}

void cached_bytes::resize(std::uint64_t length) {
    if (length < now_.size()) {
        about_to_change(length / sector_bytes, sectors_of(now_.size()));
    }
    now_.resize(static_cast<std::size_t>(length));
    shortest_ = std::min(shortest_, length);
}

void cached_bytes::synced() {
    std::erase_if(unsynced_, [](const auto& one) { return !one.second.given_up; });
    platter_length_ = shortest_ = now_.size();
}

void cached_bytes::sync_failed(random& chance) {
    survival written(chance);
    const bool forgotten = chance.below(2) == 0;
    for (auto at = unsynced_.begin(); at != unsynced_.end();) {
        unsynced& one = at->second;
        if (!one.given_up && written.next()) {
            at = unsynced_.erase(at);
            continue;
        }
        const sector platter = one.before.empty() ? sector{} : one.before.front();
        if (forgotten) {
            put(at->first, platter);
            at = unsynced_.erase(at);
            continue;
        }
        one.before.assign(1, platter);
        one.given_up = true;
        ++at;
    }
}

/// An unsynced shortening that survives takes with it what was behind; one that is lost brings that
/// back, and nothing that was written there later survives. The length afterwards.
std::uint64_t cached_bytes::cut_length(random& chance) {
    const std::uint64_t length = now_.size();
    std::uint64_t least = platter_length_;
    now_.resize(static_cast<std::size_t>(std::max(length, platter_length_)));
    if (shortest_ < platter_length_) {
        const bool lost = chance.below(2) == 0;
        for (auto at = unsynced_.lower_bound(shortest_ / sector_bytes); at != unsynced_.end();
             ++at) {
            auto& before = at->second.before;
            if (before.empty()) {
                continue;
            }
            if (lost) {
                put(at->first, before.front());
                before.resize(1);
                at->second.given_up = true;
                continue;
            }
            const std::uint64_t begin = at->first * sector_bytes;
            const std::uint64_t kept = shortest_ > begin ? shortest_ - begin : 0;
            std::fill(before.front().begin() + static_cast<std::ptrdiff_t>(kept),
                      before.front().end(), std::uint8_t{0});
        }
        if (lost) {
            return platter_length_;
        }
        least = shortest_;
    }
    switch (chance.below(4)) {
        case 0:
            return least;
        case 1:
            return least + chance.below(length - least + 1);
        default:
            return length;
    }
}

void cached_bytes::power_cut(random& chance) {
    if (durable()) {
        return;
    }
    const std::uint64_t length = cut_length(chance);
    survival written(chance);
    const bool tears = chance.below(2) == 0;
    for (auto& [number, one] : unsynced_) {
        if (one.before.empty()) {
            one.before.emplace_back();
        }
        if (one.given_up) {
            put(number, one.before.front());
            continue;
        }
        if (!written.next()) {
            // The platter's, or one that came there before the last.
            const std::uint64_t kept = one.before.size() == 1 ? 0 : chance.below(one.before.size());
            put(number, one.before[kept]);
        } else if (tears && chance.below(16) == 0) {
            put(number, torn(cached(number), one.before.back(), chance));
        }
    }
    now_.resize(static_cast<std::size_t>(length));
    unsynced_.clear();
    platter_length_ = shortest_ = length;
}

/// Written up to some byte, or from there on.
cached_bytes::sector cached_bytes::torn(sector later, const sector& earlier, random& chance) {
    const auto at = static_cast<std::ptrdiff_t>(1 + chance.below(sector_bytes - 1));
    if (chance.below(2) == 0) {
        std::copy(earlier.begin() + at, earlier.end(), later.begin() + at);
    } else {
        std::copy_n(earlier.begin(), at, later.begin());
    }
    return later;
}

bool cached_bytes::durable() const noexcept {
    return unsynced_.empty() && platter_length_ == now_.size() && shortest_ == now_.size();
}

growing_bytes cached_bytes::platter() const {
    cached_bytes copy = *this;
    copy.now_.resize(
        static_cast<std::size_t>(std::max<std::uint64_t>(now_.size(), platter_length_)));
    for (const auto& [number, one] : unsynced_) {
        copy.put(number, one.before.empty() ? sector{} : one.before.front());
    }
    copy.now_.resize(static_cast<std::size_t>(platter_length_));
    return copy.now_;
}

bool cached_bytes::contains(std::string_view text) const {
    return now_.contains(text) || (!durable() && platter().contains(text));
}

}  // namespace calbox::lab
