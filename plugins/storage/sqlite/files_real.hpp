// The file system of this machine, by POSIX calls. Errors carry a sentence that names the path.
// Owned by the plugin's strategy; storage thread.
#pragma once

#include "file_system.hpp"

namespace calbox::storage {

class posix_files final : public file_system {
public:
    result<std::unique_ptr<file>> open(const std::string& path, opening how) override;
    result<std::unique_ptr<file>> lock(const std::string& path) override;
    result<std::optional<std::uint64_t>> length(const std::string& path) override;
    result<void> rename(const std::string& from, const std::string& to) override;
    result<void> rename_new(const std::string& from, const std::string& to) override;
    result<void> remove(const std::string& path) override;
    result<void> make_directory(const std::string& path) override;
    result<void> sync_directory(const std::string& path) override;
    result<std::vector<std::string>> list(const std::string& path) override;
    const char* database_vfs() const noexcept override { return nullptr; }
};

}  // namespace calbox::storage
