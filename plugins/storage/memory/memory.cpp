#include "memory.hpp"

#include <algorithm>

namespace calbox::storage {
namespace {

/// A write that makes a part longer than this is refused: it would take the process with it.
constexpr std::uint64_t part_bytes_max = std::uint64_t{4} << 30;

bool is_known(record_kind kind) { return static_cast<std::size_t>(kind) < record_kinds; }

tl::unexpected<error> no_such_kind() {
    return fail(errc::invalid_argument, "no such kind of record");
}
tl::unexpected<error> no_such_part(const file_root& root) {
    return fail(errc::not_found, "no part of the file " + root.hex());
}

bool blobs_fit(const batch& writes) {
    return std::all_of(writes.blobs.begin(), writes.blobs.end(),
                       [](const auto& one) { return one.data.size() <= small_blob_bytes; });
}

bytes cut(const bytes& data, std::uint64_t offset, std::size_t length) {
    const std::size_t from = static_cast<std::size_t>(std::min<std::uint64_t>(offset, data.size()));
    const std::size_t count = std::min(length, data.size() - from);
    return to_bytes(byte_view(data).subspan(from, count));
}

}  // namespace

result<std::optional<bytes>> memory_records::get(record_kind kind, byte_view key) {
    if (!is_known(kind)) {
        return no_such_kind();
    }
    const auto& table = tables_[static_cast<std::size_t>(kind)];
    const auto found = table.find(to_bytes(key));
    return found == table.end() ? std::optional<bytes>() : std::optional<bytes>(found->second);
}

result<void> memory_records::scan(record_kind kind, byte_view first, byte_view last,
                                  const std::function<bool(byte_view, byte_view)>& visit) {
    if (!is_known(kind)) {
        return no_such_kind();
    }
    const auto& table = tables_[static_cast<std::size_t>(kind)];
    const bytes end = to_bytes(last);
    for (auto at = table.lower_bound(to_bytes(first));
         at != table.end() && (end.empty() || at->first < end); ++at) {
        if (!visit(at->first, at->second)) {
            break;
        }
    }
    return {};
}

result<void> memory_records::apply(const batch& writes) {
    const bool all_known = std::all_of(writes.writes.begin(), writes.writes.end(),
                                       [](const auto& one) { return is_known(one.kind); });
    if (!all_known) {
        return no_such_kind();
    }
    if (!blobs_fit(writes)) {
        return fail(errc::too_large, "a blob that is too long for a batch");
    }
    for (const auto& blob : writes.blobs) {
        blobs_.put(blob);
    }
    for (const auto& one : writes.writes) {
        auto& table = tables_[static_cast<std::size_t>(one.kind)];
        if (one.value) {
            table[one.key] = *one.value;
        } else {
            table.erase(one.key);
        }
    }
    return {};
}

std::size_t memory_records::count() const noexcept {
    std::size_t rows = 0;
    for (const auto& table : tables_) {
        rows += table.size();
    }
    return rows;
}

void memory_records::measure(measures& into) const {
    for (std::size_t kind = 0; kind < record_kinds; ++kind) {
        into.records[kind] = tables_[kind].size();
        for (const auto& [key, value] : tables_[kind]) {
            into.database_bytes += key.size() + value.size();
        }
    }
}

void memory_blobs::put(const batch::small_blob& whole) {
    finished_[whole.root] = whole.data;
    parts_.erase(whole.root);
}

result<std::uint64_t> memory_blobs::open_part(const file_root& root) { return parts_[root].size(); }

result<void> memory_blobs::write_part(const file_root& root, std::uint64_t offset, byte_view data) {
    const auto part = parts_.find(root);
    if (part == parts_.end()) {
        return no_such_part(root);
    }
    if (offset > part_bytes_max || data.size() > part_bytes_max - offset) {
        return fail(errc::disk_full,
                    "the file " + root.hex() + " is too long to be kept in memory");
    }
    const auto end = static_cast<std::size_t>(offset + data.size());
    part->second.resize(std::max(part->second.size(), end));
    std::copy(data.begin(), data.end(), part->second.begin() + static_cast<std::ptrdiff_t>(offset));
    return {};
}

result<bytes> memory_blobs::read_part(const file_root& root, std::uint64_t offset,
                                      std::size_t length) {
    const auto part = parts_.find(root);
    if (part == parts_.end()) {
        return no_such_part(root);
    }
    return cut(part->second, offset, length);
}

result<void> memory_blobs::rename_part(const file_root& from, const file_root& to) {
    const auto part = parts_.find(from);
    if (part == parts_.end()) {
        return no_such_part(from);
    }
    if (from != to) {
        parts_[to] = std::move(part->second);
        parts_.erase(from);
    }
    return {};
}

result<void> memory_blobs::finish(const file_root& root) {
    const auto part = parts_.find(root);
    if (!finished_.contains(root)) {
        if (part == parts_.end()) {
            return no_such_part(root);
        }
        finished_[root] = std::move(part->second);
    }
    parts_.erase(root);
    return {};
}

result<std::optional<std::uint64_t>> memory_blobs::length(const file_root& root) {
    const auto blob = finished_.find(root);
    return blob == finished_.end() ? std::optional<std::uint64_t>()
                                   : std::optional<std::uint64_t>(blob->second.size());
}

result<bytes> memory_blobs::read(const file_root& root, std::uint64_t offset, std::size_t length) {
    const auto blob = finished_.find(root);
    if (blob == finished_.end()) {
        return fail(errc::not_found, "no file " + root.hex());
    }
    bytes data = cut(blob->second, offset, length);
    if (data.size() != length) {
        return fail(errc::malformed, "the file " + root.hex() + " is shorter than it should be");
    }
    return data;
}

result<void> memory_blobs::remove(const file_root& root) {
    parts_.erase(root);
    finished_.erase(root);
    return {};
}

result<void> memory_blobs::set_aside(const file_root& root,
                                     const std::vector<blob_piece>& damaged) {
    const auto blob = finished_.find(root);
    if (blob == finished_.end()) {
        return fail(errc::not_found, "no file " + root.hex());
    }
    for (const blob_piece& one : damaged) {
        if (bytes piece = cut(blob->second, one.offset, one.length); !piece.empty()) {
            aside_.push_back(std::move(piece));
        }
    }
    parts_[root] = std::move(blob->second);
    finished_.erase(blob);
    return {};
}

void memory_blobs::measure(measures& into) const {
    const auto sum = [](const auto& all, std::uint64_t& number, std::uint64_t& size) {
        for (const auto& [root, data] : all) {
            ++number;
            size += data.size();
        }
    };
    sum(finished_, into.blobs, into.blob_bytes);
    sum(parts_, into.parts, into.part_bytes);
    for (const bytes& piece : aside_) {
        ++into.pieces;
        into.piece_bytes += piece.size();
    }
}

result<measures> memory_store::measure() {
    measures found;
    found.layout = 1;
    contents_.records.measure(found);
    contents_.blobs.measure(found);
    return found;
}

result<std::unique_ptr<backup>> memory_store::back_up(const std::string&) {
    return fail(errc::unsupported, "a store in memory cannot be copied to a file");
}

result<check_report> memory_store::check() {
    return check_report{true, std::to_string(contents_.records.count()) + " records and " +
                                  std::to_string(contents_.blobs.count()) +
                                  " files, in memory only"};
}

result<std::unique_ptr<store>> memory_strategy::open(const std::string& directory) {
    auto& contents = directories_[directory];
    if (contents.open) {
        return fail(errc::busy, "the store in " + directory + " is open already");
    }
    return std::make_unique<memory_store>(contents);
}

}  // namespace calbox::storage
