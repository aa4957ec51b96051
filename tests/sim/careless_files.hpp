// A simulated disk on which one of the storage plugin's precautions does nothing: what the tests of
// power cuts must notice. Owned by a test; the disk's mount outlives it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lab/sim/disk_mount.hpp"

namespace calbox::lab {

/// What a careless store would leave out.
enum class left_out { nothing, syncing_batches, syncing_files, syncing_names, securing_the_log };

/// A disk on which one of the plugin's precautions does nothing.
class careless_files final : public storage::file_system {
public:
    careless_files(mounted_disk& on, left_out what) : on_(on), what_(what) {}

    result<std::unique_ptr<storage::file>> open(const std::string& path, opening how) override {
        auto opened = on_.open(path, how);
        if (!opened || what_ != left_out::syncing_files) {
            return opened;
        }
        return std::make_unique<unsynced_file>(std::move(*opened));
    }
    result<std::unique_ptr<storage::file>> lock(const std::string& path) override {
        return on_.lock(path);
    }
    result<std::optional<std::uint64_t>> length(const std::string& path) override {
        // With no log to be seen there is none to be made durable, or to be checked.
        if (what_ == left_out::securing_the_log && path.ends_with("-wal")) {
            return std::nullopt;
        }
        return on_.length(path);
    }
    result<void> rename(const std::string& from, const std::string& to) override {
        return on_.rename(from, to);
    }
    result<void> remove(const std::string& path) override { return on_.remove(path); }
    result<void> make_directory(const std::string& path) override {
        return on_.make_directory(path);
    }
    result<void> sync_directory(const std::string& path) override {
        return what_ == left_out::syncing_names ? result<void>() : on_.sync_directory(path);
    }
    result<std::vector<std::string>> list(const std::string& path) override {
        return on_.list(path);
    }
    const char* database_vfs() const noexcept override { return on_.database_vfs(); }

private:
    class unsynced_file final : public storage::file {
    public:
        explicit unsynced_file(std::unique_ptr<storage::file> opened)
            : opened_(std::move(opened)) {}
        result<std::uint64_t> length() override { return opened_->length(); }
        result<std::size_t> read(std::uint64_t offset, std::span<std::uint8_t> into) override {
            return opened_->read(offset, into);
        }
        result<void> write(std::uint64_t offset, byte_view data) override {
            return opened_->write(offset, data);
        }
        result<void> sync() override { return {}; }

    private:
        std::unique_ptr<storage::file> opened_;
    };

    mounted_disk& on_;
    left_out what_;
};

}  // namespace calbox::lab
