// The few calls to the file system that the plugin makes itself: descriptors, durable directories,
// the lock of a store. Errors become calbox::error with a sentence that names the path. Storage
// thread.
#pragma once

#include <string>

#include <calbox/error.hpp>

namespace calbox::storage {

/// Owns a file descriptor. Move-only.
class file {
public:
    file() = default;
    explicit file(int descriptor) noexcept : descriptor_(descriptor) {}
    file(file&& other) noexcept;
    file& operator=(file&& other) noexcept;
    ~file();
    int get() const noexcept { return descriptor_; }

private:
    int descriptor_ = -1;
};

/// disk_full when `number` means that no space is left, not_found when the file is missing,
/// io_failed else.
error file_error(const std::string& doing, const std::string& path, int number);
/// Whether an errno means that there is no more room (also by quota or limit).
bool means_full(int number) noexcept;

/// open(2) with O_CLOEXEC and O_NOFOLLOW; new files get mode 0600.
result<file> open_file(const std::string& path, int flags);
/// Makes a directory of mode 0700 unless it is there; a new one is durable in its parent.
result<void> make_directory(const std::string& parent, const std::string& name);
/// fsync of a file or directory that is open, or named.
result<void> sync_file(const file& open, const std::string& path);
result<void> sync_directory(const std::string& path);

/// Locks <directory>/lock until the file is closed. Fails with busy when another store of that
/// directory is open.
result<file> lock_directory(const std::string& directory);

}  // namespace calbox::storage
