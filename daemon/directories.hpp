// Directories that nobody else may look into, and the lock that keeps a second daemon away from the
// same data. Used at start-up by the composition root and the server.
#pragma once

#include <filesystem>
#include <string>

#include <calbox/error.hpp>

namespace calbox::daemon {

/// Makes the directory and what is missing above it, each 0700. One that exists is left as it is,
/// if it is a directory.
result<void> make_private_directory(const std::filesystem::path& path);
/// Takes away what group and others may do with a directory of ours.
result<void> make_private(const std::filesystem::path& path);

/// What a file says; nothing where it cannot be read.
std::string kept_text(const std::filesystem::path& file);
/// Wholly, or as it was. Nothing is promised of it: a power cut may take it.
bool keep_text(const std::filesystem::path& file, const std::string& text);

/// Holds `<directory>/lock` for this process; the system lets go of it when the process ends,
/// however it ends.
class data_lock {
public:
    /// already_exists: another process holds it.
    static result<data_lock> take(const std::filesystem::path& directory);
    data_lock(data_lock&& other) noexcept;
    data_lock& operator=(data_lock&&) = delete;
    ~data_lock();

private:
    explicit data_lock(int file) : file_(file) {}
    int file_;
};

}  // namespace calbox::daemon
