// Asking by the numbers of streams. Each friend is told which numbers need not come, sends its
// share of what is lacking at once, and says which other numbers it has; the backups are asked in
// the same way for what no friend has. Numbers name everything that they are rightly kept for, so
// the fingerprints agree then; with whom they do not, the exchange goes on by sketches.
#include <algorithm>

#include "initiator.hpp"

namespace calbox::recovery {

number_set exchange_initiator::numbers_of(const device_id& with, const view& mine) const {
    number_set all;
    mine.each_stream(with, [&](const stream_id& stream, const number_ranges& numbers) {
        all.put(name_of(stream, *hash_), numbers);
    });
    return all;
}

void exchange_initiator::begin_by_numbers(const view& mine, effects_type& effects) {
    phase_ = phase::numbering;
    std::vector<device_id> friends, backups;
    for (const auto& [device, whom] : peers_) {
        (whom.is_backup ? backups : friends).push_back(device);
    }
    if (friends.empty()) {
        ask_numbers(backups, {}, 1, mine, effects);
        return;
    }
    ask_numbers(friends, {}, 1, mine, effects);
    for (const device_id& device : backups) {
        ask(device, fingerprint_of(hashes_with(device, mine), reply_form::count), 1, effects);
    }
}

/// `but`: what is just now asked of others.
void exchange_initiator::ask_numbers(const std::vector<device_id>& whom, const number_set& but,
                                     std::uint32_t depth, const view& mine, effects_type& effects) {
    for (std::size_t i = 0; i < whom.size(); ++i) {
        number_set held = numbers_of(whom[i], mine);
        but.each([&](const numbered& one) {
            held.add(one);
            return true;
        });
        question shape = fingerprint_of(hashes_with(whom[i], mine), reply_form::envelopes);
        shape.kind = question_kind::numbers;
        shape.numbers = held.pack();
        if (whom.size() > 1) {
            shape.part = static_cast<std::uint32_t>(i);
            shape.parts = static_cast<std::uint32_t>(whom.size());
            shape.others = true;
        }
        if (shape.numbers->size() > message_bytes) {
            ask_fingerprint(whom[i], depth, mine, effects);  // so many holes are for a sketch
            continue;
        }
        peers_.at(whom[i]).by_numbers = true;
        ask(whom[i], std::move(shape), depth, effects);
    }
}

void exchange_initiator::take_numbered(const device_id& from, answer& read, const view& mine,
                                       effects_type& effects) {
    for (bytes& one : read.envelopes ? *read.envelopes : std::vector<bytes>()) {
        duplicates_ += seen_.insert(hash_->of(byte_view(one))).second ? 0 : 1;
        effects.push_back(apply{from, std::move(one)});
    }
    if (read.numbers) {
        if (const auto offered = number_set::unpack(*read.numbers)) {
            numbers_.add(from, *offered, numbers_of(from, mine));
        }
    }
    if (read.count && read.sum) {
        peers_.at(from).print = std::pair(*read.count, *read.sum);
    }
}

bool exchange_initiator::agrees(const device_id& device, const peer& whom, const view& mine) {
    if (whom.agrees || lost_.contains(device)) {
        return true;
    }
    const hashed_set& own = hashes_with(device, mine);
    return whom.print == std::pair(std::uint64_t{own.items.size()}, own.sum);
}

/// Those that were not asked by numbers yet, and have something else than this device has, or will
/// have.
std::vector<device_id> exchange_initiator::backups_for_numbers(const view& mine,
                                                               bool something_comes) {
    std::vector<device_id> found;
    for (auto& [device, whom] : peers_) {
        if (!whom.is_backup || whom.by_numbers || lost_.contains(device)) {
            continue;
        }
        whom.agrees = whom.agrees || (!something_comes && agrees(device, whom, mine));
        if (!whom.agrees) {
            found.push_back(device);
        }
    }
    return found;
}

constexpr std::uint32_t rounds_of_numbers_most = 16;

void exchange_initiator::after_numbers(const view& mine, effects_type& effects) {
    const std::uint32_t depth = depth_ + 1;
    const number_set held = numbers_of({}, mine);
    auto shared = numbers_.assign(held, lost_);
    if (depth >= rounds_of_numbers_most) {
        shared.clear();  // somebody tells of ever more
    }
    number_set coming;
    for (auto& [device, what] : shared) {
        what.each([&](const numbered& one) {
            coming.add(one);
            return true;
        });
        question want;
        want.kind = question_kind::want;
        want.key = bytes(key_.begin(), key_.end());
        want.numbers = what.pack();
        ask(device, std::move(want), depth, effects);
    }
    ask_numbers(backups_for_numbers(mine, !shared.empty()), coming, depth, mine, effects);
    if (is_waiting()) {
        phase_ = phase::numbering;
        return;
    }
    phase_ = phase::asking;
    for (auto& [device, whom] : peers_) {
        whom.agrees = agrees(device, whom, mine);
        if (whom.agrees) {
            whom.print.reset();
        } else if (!whom.is_backup) {
            ask_fingerprint(device, depth, mine, effects);
        }
    }
    advance(mine, effects);
}

/// Where the choice is free, and nothing is promised by friends: a backup sees every header, so
/// that the numbers tell it nothing.
bool exchange_initiator::ask_backups_by_numbers(const view& mine, std::uint32_t depth,
                                                effects_type& effects) {
    if (by_ != summary::cheapest || !mine.keeps_numbers()) {
        return false;
    }
    const auto backups = backups_for_numbers(mine, false);
    if (backups.empty()) {
        return false;
    }
    const peer& first = peers_.at(backups.front());
    const std::uint64_t own = mine.list_with(backups.front())->events.size();
    const std::uint64_t there = first.print ? first.print->first : 0;
    const std::size_t sketch =
        symbol_bytes *
        symbols_for(std::max(own > there ? own - there : there - own, changed_least));
    const std::size_t packed = numbers_of(backups.front(), mine).pack().size();
    if (own == 0 || packed >= std::min<std::size_t>(sketch, own * listed_bytes)) {
        return false;
    }
    for (auto& [device, whom] : peers_) {
        whom.agrees = whom.agrees || !whom.is_backup;  // friends have been asked, and have sent it
    }
    phase_ = phase::numbering;
    ask_numbers(backups, {}, depth, mine, effects);
    return is_waiting();
}

}  // namespace calbox::recovery
