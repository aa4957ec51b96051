#include "lab/sim/disk.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>

#include "lab/sim/disk_mount.hpp"

namespace calbox::lab {
namespace {

std::uint64_t whole_sectors(std::uint64_t length) {
    constexpr std::uint64_t sector = cached_bytes::sector_bytes;
    return (length + sector - 1) / sector * sector;
}

/// The trace with one more number in it: the round of xxHash (Collet). It must be fast, and nobody
/// attacks it.
std::uint64_t stirred(std::uint64_t trace, std::uint64_t word) noexcept {
    trace ^= std::rotl(word * 0xc2b2ae3d27d4eb4full, 31) * 0x9e3779b185ebca87ull;
    return std::rotl(trace, 27) * 0x9e3779b185ebca87ull + 0x85ebca77c2b2ae63ull;
}

std::uint64_t word_at(const std::uint8_t* from) noexcept {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < 8; ++i) {
        word |= std::uint64_t{from[i]} << (8 * i);
    }
    return word;
}

}  // namespace

disk::disk(random& chance) : chance_(chance) {
    (void)names_.make(home, true);
    names_.all_synced();
}

disk::~disk() { revoke_views(); }

std::unique_ptr<mounted_disk> disk::mount() { return std::make_unique<mounted_disk>(*this); }

const disk::kind_of_operation& disk::at(disk_operation what) const noexcept {
    return kinds_[static_cast<std::size_t>(what)];
}
disk::kind_of_operation& disk::at(disk_operation what) noexcept {
    return kinds_[static_cast<std::size_t>(what)];
}

void disk::fail_next(disk_operation what, std::uint64_t count, std::uint64_t spared) noexcept {
    at(what).failing = count;
    at(what).spared = spared;
}

void disk::fail_at_random(disk_operation what, std::uint32_t per_million) noexcept {
    at(what).per_million = per_million;
}

void disk::revoke_views() noexcept {
    while (!views_.empty()) {
        views_.back()->revoke();
    }
}

void disk::power_cut() {
    cut_in_ = kill_in_ = 0;
    ++power_cuts_;
    revoke_views();
    names_.power_cut(chance_);
    forget_unknown();
    for (auto& [node, file] : files_) {
        file.power_cut(chance_);
    }
    note('p', power_cuts_, files_.size(), {});
}

void disk::wipe() { restore({{home, std::nullopt}}); }

disk::image disk::snapshot() const {
    image copy;
    for (const auto& [path, node] : names_.paths()) {
        const auto file = files_.find(node);
        copy.emplace(path,
                     file == files_.end() ? std::nullopt : std::optional(file->second.contents()));
    }
    return copy;
}

void disk::restore(const image& copy) {
    revoke_views();
    names_ = name_tree();
    files_.clear();
    for (const auto& [path, contents] : copy) {  // a directory comes before what is in it
        const auto node = names_.make(path, !contents);
        if (node && contents) {
            files_[*node].write(0, *contents);
            files_[*node].synced();
        }
        note('i', node.value_or(0), contents ? 1 : 0, as_bytes(path));
        note('i', 0, 0, contents ? byte_view(*contents) : byte_view());
    }
    names_.all_synced();
}

bool disk::contains(std::string_view text) const {
    return std::any_of(files_.begin(), files_.end(),
                       [&](const auto& one) { return one.second.contains(text); });
}

std::uint64_t disk::used() const {
    std::set<node_id> counted = names_.named();
    for (const disk_view* view : views_) {
        counted.insert(view->open_.begin(), view->open_.end());
    }
    std::uint64_t sum = 0;
    for (const auto& [node, file] : files_) {
        sum += counted.contains(node) ? whole_sectors(file.length()) : 0;
    }
    return sum;
}

/// How long a file of `length` bytes may become.
std::uint64_t disk::room_for(std::uint64_t length) const {
    if (capacity_ == UINT64_MAX) {
        return UINT64_MAX;
    }
    const std::uint64_t taken = used();
    return whole_sectors(length) + (capacity_ > taken ? capacity_ - taken : 0);
}

/// Removed files go when no power cut can bring them back, and nobody has them open.
void disk::forget_unknown() {
    std::set<node_id> known = names_.known();
    for (const disk_view* view : views_) {
        known.insert(view->open_.begin(), view->open_.end());
    }
    std::erase_if(files_, [&](const auto& one) { return !known.contains(one.first); });
}

int disk::begin(disk_operation what) {
    auto& kind = at(what);
    ++kind.tried;
    bool fails = false;
    if (kind.spared > 0) {
        --kind.spared;
    } else if (kind.failing > 0) {
        --kind.failing;
        fails = true;
    } else if (kind.per_million > 0) {
        fails = chance_.below(1'000'000) < kind.per_million;
    }
    if (fails) {
        note('e', static_cast<std::uint64_t>(what), kind.tried, {});
    }
    return fails ? EIO : 0;
}

int disk::end() {
    if (cut_in_ > 0 && --cut_in_ == 0) {
        power_cut();
        return EIO;
    }
    if (kill_in_ > 0 && --kill_in_ == 0) {
        revoke_views();
        return EIO;
    }
    return 0;
}

int disk::write(node_id node, std::uint64_t offset, byte_view data) {
    if (const int problem = begin(disk_operation::write); problem != 0) {
        return problem;
    }
    auto& file = files_.at(node);
    const std::uint64_t room = std::max(room_for(file.length()), offset) - offset;
    const byte_view fits =
        data.first(static_cast<std::size_t>(std::min<std::uint64_t>(data.size(), room)));
    file.write(offset, fits);
    note('w', node, offset, fits);
    const int problem = end();
    return problem != 0 ? problem : fits.size() < data.size() ? ENOSPC : 0;
}

int disk::resize(node_id node, std::uint64_t length) {
    if (const int problem = begin(disk_operation::write); problem != 0) {
        return problem;
    }
    auto& file = files_.at(node);
    if (length > file.length() && length > room_for(file.length())) {
        return ENOSPC;
    }
    file.resize(length);
    note('t', node, length, {});
    return end();
}

int disk::sync(node_id node) {
    const int problem = begin(disk_operation::sync);
    if (problem == 0 && end() != 0) {
        return EIO;
    }
    const bool directory = names_.is_directory(node);
    if (problem != 0) {
        // Names that could not be made durable are tried again by the next sync; bytes are not.
        if (!directory) {
            files_.at(node).sync_failed(chance_);
        }
        return problem;
    }
    if (directory) {
        names_.synced(node);
        forget_unknown();
    } else {
        files_.at(node).synced();
    }
    note('s', node, 0, {});
    return 0;
}

int disk::make(const std::string& path, bool directory, node_id& made) {
    if (const int problem = begin(disk_operation::name); problem != 0) {
        return problem;
    }
    const auto node = names_.make(path, directory);
    if (!node) {
        return ENOENT;
    }
    if (!directory) {
        files_[*node];
    }
    made = *node;
    note('m', *node, directory ? 1 : 0, as_bytes(path));
    return end();
}

int disk::rename(const std::string& from, const std::string& to) {
    if (!names_.find(from)) {
        return ENOENT;
    }
    if (const int problem = begin(disk_operation::name); problem != 0) {
        return problem;
    }
    if (!names_.rename(from, to)) {
        return ENOENT;
    }
    note('r', from.size(), to.size(), as_bytes(from + to));
    return end();
}

int disk::remove(const std::string& path) {
    if (!names_.find(path)) {
        return ENOENT;
    }
    if (const int problem = begin(disk_operation::name); problem != 0) {
        return problem;
    }
    if (!names_.remove(path)) {
        return EISDIR;
    }
    note('u', path.size(), 0, as_bytes(path));
    return end();
}

void disk::note(char what, std::uint64_t first, std::uint64_t second, byte_view data) noexcept {
    for (const std::uint64_t number :
         {static_cast<std::uint64_t>(what), first, second, std::uint64_t{data.size()}}) {
        trace_ = stirred(trace_, number);
    }
    std::size_t at = 0;
    for (; at + 8 <= data.size(); at += 8) {
        trace_ = stirred(trace_, word_at(data.data() + at));
    }
    for (; at < data.size(); ++at) {
        trace_ = stirred(trace_, data[at]);
    }
}

}  // namespace calbox::lab
