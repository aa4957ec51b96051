// A store in memory that fails when it is told to, for tests of those who use a store.
#pragma once

#include <functional>
#include <map>

#include <calbox/storage.hpp>

namespace calbox::test {

class faulty_store final : public storage::store,
                           private storage::record_store,
                           private storage::blob_store {
public:
    using record_key = std::pair<storage::record_kind, bytes>;
    std::map<record_key, bytes> held;
    std::map<file_root, bytes> parts, blobs_held;
    std::vector<bytes> aside;
    /// Batches for which it says yes are not written.
    std::function<bool(const storage::batch&)> refuses;
    bool full = false;  // which is why
    bool unreadable = false;
    /// The n-th call about file bytes from now fails; 0: none.
    std::uint64_t blob_call_fails = 0;
    std::uint64_t applied = 0;  // batches

    storage::record_store& records() noexcept override { return *this; }
    storage::blob_store& blobs() noexcept override { return *this; }
    result<storage::check_report> check() override {
        return storage::check_report{true, "in memory"};
    }
    result<storage::measures> measure() override {
        storage::measures found;
        for (const auto& [key, value] : held) {
            ++found.records[static_cast<std::size_t>(key.first)];
        }
        found.blobs = blobs_held.size();
        return found;
    }
    result<std::unique_ptr<storage::backup>> back_up(const std::string&) override {
        return fail(errc::unsupported, "in memory");
    }

private:
    static tl::unexpected<error> broken() { return fail(errc::io_failed, "the disk is broken"); }
    bool blob_fails() { return blob_call_fails > 0 && --blob_call_fails == 0; }

    result<std::optional<bytes>> get(storage::record_kind kind, byte_view key) override {
        if (unreadable) {
            return broken();
        }
        const auto found = held.find({kind, to_bytes(key)});
        return found == held.end() ? std::optional<bytes>() : std::optional(found->second);
    }
    result<void> scan(storage::record_kind kind, byte_view first, byte_view last,
                      const std::function<bool(byte_view, byte_view)>& visit) override {
        if (unreadable) {
            return broken();
        }
        for (auto at = held.lower_bound({kind, to_bytes(first)});
             at != held.end() && at->first.first == kind; ++at) {
            if ((!last.empty() && at->first.second >= to_bytes(last)) ||
                !visit(at->first.second, at->second)) {
                break;
            }
        }
        return {};
    }
    result<void> apply(const storage::batch& writes) override {
        if (refuses && refuses(writes)) {
            return full ? fail(errc::disk_full, "the disk is full") : broken();
        }
        if (!writes.blobs.empty() && blob_fails()) {
            return broken();
        }
        for (const auto& blob : writes.blobs) {
            blobs_held[blob.root] = blob.data;
            parts.erase(blob.root);
        }
        for (const auto& one : writes.writes) {
            if (one.value) {
                held[{one.kind, one.key}] = *one.value;
            } else {
                held.erase({one.kind, one.key});
            }
        }
        ++applied;
        return {};
    }

    result<std::uint64_t> open_part(const file_root& root) override {
        if (blob_fails()) {
            return broken();
        }
        return parts[root].size();
    }
    result<void> write_part(const file_root& root, std::uint64_t offset, byte_view data) override {
        if (blob_fails()) {
            return broken();
        }
        bytes& part = parts[root];
        part.resize(std::max<std::size_t>(part.size(), offset + data.size()));
        std::copy(data.begin(), data.end(), part.begin() + static_cast<std::ptrdiff_t>(offset));
        return {};
    }
    result<bytes> read_part(const file_root& root, std::uint64_t offset,
                            std::size_t length) override {
        return blob_fails() ? result<bytes>(broken()) : piece(parts[root], offset, length);
    }
    result<void> rename_part(const file_root& from, const file_root& to) override {
        if (blob_fails()) {
            return broken();
        }
        parts[to] = parts.extract(from).mapped();
        return {};
    }
    result<void> finish(const file_root& root) override {
        if (blob_fails()) {
            return broken();
        }
        blobs_held[root] = parts.extract(root).mapped();
        return {};
    }
    result<std::optional<std::uint64_t>> length(const file_root& root) override {
        if (blob_fails()) {
            return broken();
        }
        const auto found = blobs_held.find(root);
        return found == blobs_held.end() ? std::optional<std::uint64_t>()
                                         : std::optional<std::uint64_t>(found->second.size());
    }
    result<bytes> read(const file_root& root, std::uint64_t offset, std::size_t length) override {
        if (blob_fails()) {
            return broken();
        }
        bytes found = piece(blobs_held[root], offset, length);
        if (found.size() < length) {
            return fail(errc::malformed, "the blob is shorter");
        }
        return found;
    }
    result<void> remove(const file_root& root) override {
        if (blob_fails()) {
            return broken();
        }
        parts.erase(root);
        blobs_held.erase(root);
        return {};
    }
    result<void> set_aside(const file_root& root,
                           const std::vector<storage::blob_piece>& damaged) override {
        if (blob_fails()) {
            return broken();
        }
        for (const auto& one : damaged) {
            aside.push_back(piece(blobs_held[root], one.offset, one.length));
        }
        parts[root] = blobs_held.extract(root).mapped();
        return {};
    }
    static bytes piece(const bytes& of, std::uint64_t offset, std::size_t length) {
        const auto begin = std::min<std::size_t>(offset, of.size());
        return to_bytes(byte_view(of).subspan(begin, std::min(length, of.size() - begin)));
    }
};

}  // namespace calbox::test
