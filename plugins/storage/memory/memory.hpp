// A store that lives as long as the strategy that opened it: closing and opening again gives the
// same contents, a new strategy gives none. Storage thread.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>

#include <calbox/storage.hpp>

namespace calbox::storage {

class memory_blobs;

class memory_records final : public record_store {
public:
    explicit memory_records(memory_blobs& blobs) noexcept : blobs_(blobs) {}
    result<std::optional<bytes>> get(record_kind kind, byte_view key) override;
    result<void> scan(record_kind kind, byte_view first, byte_view last,
                      const std::function<bool(byte_view key, byte_view value)>& visit) override;
    result<void> apply(const batch& writes) override;

    std::size_t count() const noexcept;
    void measure(measures& into) const;

private:
    memory_blobs& blobs_;
    std::array<std::map<bytes, bytes>, record_kinds> tables_;
};

class memory_blobs final : public blob_store {
public:
    result<std::uint64_t> open_part(const file_root& root) override;
    result<void> write_part(const file_root& root, std::uint64_t offset, byte_view data) override;
    result<bytes> read_part(const file_root& root, std::uint64_t offset,
                            std::size_t length) override;
    result<void> rename_part(const file_root& from, const file_root& to) override;
    result<void> finish(const file_root& root) override;
    result<std::optional<std::uint64_t>> length(const file_root& root) override;
    result<bytes> read(const file_root& root, std::uint64_t offset, std::size_t length) override;
    result<void> remove(const file_root& root) override;
    result<void> set_aside(const file_root& root, const std::vector<blob_piece>& damaged) override;

    void put(const batch::small_blob& whole);
    std::size_t count() const noexcept { return finished_.size(); }
    void measure(measures& into) const;

private:
    std::map<file_root, bytes> parts_;
    std::map<file_root, bytes> finished_;
    std::vector<bytes> aside_;
};

/// What outlives the closing of a store.
struct memory_contents {
    memory_blobs blobs;
    memory_records records{blobs};
    bool open = false;
};

class memory_store final : public store {
public:
    explicit memory_store(memory_contents& contents) noexcept : contents_(contents) {
        contents_.open = true;
    }
    ~memory_store() override { contents_.open = false; }
    memory_store(const memory_store&) = delete;
    memory_store& operator=(const memory_store&) = delete;

    record_store& records() noexcept override { return contents_.records; }
    blob_store& blobs() noexcept override { return contents_.blobs; }
    result<check_report> check() override;
    result<measures> measure() override;
    result<std::unique_ptr<backup>> back_up(const std::string& file) override;

private:
    memory_contents& contents_;
};

/// Outlives the stores that it opened.
class memory_strategy final : public strategy {
public:
    result<std::unique_ptr<store>> open(const std::string& directory) override;

private:
    std::map<std::string, memory_contents> directories_;
};

}  // namespace calbox::storage
