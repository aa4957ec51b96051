// A store that tells an observer what the real one behind it has written, and that a dead daemon
// cannot write to any more. One for each life of a daemon.
#pragma once

#include "lab/world/observer.hpp"

namespace calbox::lab {

class tapped_store final : public storage::store,
                           private storage::record_store,
                           private storage::blob_store {
public:
    tapped_store(std::unique_ptr<storage::store> real, std::string device,
                 observer* const& watching)
        : real_(std::move(real)), device_(std::move(device)), watching_(watching) {}

    /// From now on every call fails with io_failed, and nothing is changed.
    void revoke() noexcept { revoked_ = true; }

    storage::record_store& records() noexcept override { return *this; }
    storage::blob_store& blobs() noexcept override { return *this; }
    result<storage::check_report> check() override;
    result<storage::measures> measure() override;
    result<std::unique_ptr<storage::backup>> back_up(const std::string& file) override;

private:
    result<std::optional<bytes>> get(storage::record_kind kind, byte_view key) override;
    result<void> scan(storage::record_kind kind, byte_view first, byte_view last,
                      const std::function<bool(byte_view, byte_view)>& visit) override;
    result<void> apply(const storage::batch& writes) override;

    result<std::uint64_t> open_part(const file_root& root) override;
    result<void> write_part(const file_root& root, std::uint64_t offset, byte_view data) override;
    result<bytes> read_part(const file_root& root, std::uint64_t offset,
                            std::size_t length) override;
    result<void> rename_part(const file_root& from, const file_root& to) override;
    result<void> finish(const file_root& root) override;
    result<std::optional<std::uint64_t>> length(const file_root& root) override;
    result<bytes> read(const file_root& root, std::uint64_t offset, std::size_t length) override;
    result<void> remove(const file_root& root) override;
    result<void> set_aside(const file_root& root,
                           const std::vector<storage::blob_piece>& damaged) override;

    std::unique_ptr<storage::store> real_;
    std::string device_;
    observer* const& watching_;
    bool revoked_ = false;
};

}  // namespace calbox::lab
