#include "lab/check/trace.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <ostream>

#include <fmt/format.h>

namespace calbox::lab {

namespace {

/// Eight bytes, or the rest, as a number that does not depend on the machine.
std::uint64_t word_of(std::string_view text) noexcept {
    std::uint64_t word = 0;
    if (std::endian::native == std::endian::little && text.size() >= 8) {
        std::memcpy(&word, text.data(), 8);
        return word;
    }
    for (std::size_t i = 0; i < std::min<std::size_t>(text.size(), 8); ++i) {
        word |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(text[i])) << (8 * i);
    }
    return word;
}

}  // namespace

std::string_view to_string(happening what) noexcept {
    constexpr std::array<std::string_view, 9> names{"",      "message", "disk",  "timer", "call",
                                                    "shown", "decided", "fault", "state"};
    return names[static_cast<std::size_t>(what)];
}

namespace {

/// A multiplication to 128 bits, folded: every bit of the word reaches every bit of the hash
/// (wyhash by Wang Yi works so).
std::uint64_t mixed(std::uint64_t hash, std::uint64_t word) noexcept {
    const auto product =
        static_cast<unsigned __int128>(hash ^ word) * 0xa0761d6478bd642fU + 0xe7037ed1a0b428dbU;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t mixed(std::uint64_t hash, std::string_view text) noexcept {
    hash = mixed(hash, text.size());
    for (; !text.empty(); text.remove_prefix(std::min<std::size_t>(text.size(), 8))) {
        hash = mixed(hash, word_of(text));
    }
    return hash;
}

}  // namespace

std::uint64_t hash_of(std::string_view text) noexcept { return mixed(0, text); }

void trace::record(instant at, happening what, machine where, std::string_view text,
                   std::uint64_t number) {
    hash_ = mixed(hash_, static_cast<std::uint64_t>(at.since_start.count()));
    hash_ = mixed(hash_, static_cast<std::uint64_t>(what) | static_cast<std::uint64_t>(where.number)
                                                                << 8);
    hash_ = mixed(hash_, number);
    hash_ = mixed(hash_, text);
    ++records_;
    if ((records_ & (spacing_ - 1)) == 0) {
        remember(at);
    }
    if (log_ != nullptr) {
        write(at, what, where, text, number);
    }
}

void trace::remember(instant at) {
    if (milestones_.size() == milestones_kept) {
        spacing_ *= 2;  // every other one stays
        std::erase_if(milestones_,
                      [&](const milestone& one) { return (one.records & (spacing_ - 1)) != 0; });
        if ((records_ & (spacing_ - 1)) != 0) {
            return;
        }
    }
    milestones_.push_back({records_, at, hash_});
}

void trace::write(instant at, happening what, machine where, std::string_view text,
                  std::uint64_t number) {
    const auto since = at.since_start.count();
    std::string line = fmt::format("{}.{:09} {} {} ", since / 1'000'000'000, since % 1'000'000'000,
                                   where.number, to_string(what));
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == '\\' || c == 0x7f) {
            line += fmt::format("\\x{:02x}", static_cast<unsigned>(static_cast<std::uint8_t>(c)));
        } else {
            line += c;
        }
    }
    if (number != 0) {
        line += fmt::format(" {}", number);
    }
    *log_ << line << '\n';
}

std::string trace::text() const {
    return fmt::format("{:016x} after {} record{}", hash_, records_, records_ == 1 ? "" : "s");
}

trace::milestone common_part(const trace& left, const trace& right) {
    trace::milestone common;
    const auto& others = right.milestones();
    for (const trace::milestone& one : left.milestones()) {
        const auto same =
            std::ranges::lower_bound(others, one.records, {}, &trace::milestone::records);
        if (same == others.end() || same->records != one.records) {
            continue;
        }
        if (*same != one) {
            break;
        }
        common = one;
    }
    return common;
}

}  // namespace calbox::lab
