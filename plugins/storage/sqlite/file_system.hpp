// What the store asks of a file system. posix_files (files_real.hpp) is the machine's own; the lab
// brings a simulated disk. Everything above it, SQLite included, does not know which one it is on.
// Storage thread.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <calbox/bytes.hpp>
#include <calbox/error.hpp>

namespace calbox::storage {

/// An open file; destroying it closes it, and lets go of its lock. Every call fails with disk_full
/// when there is no room, with io_failed else.
class file {
public:
    virtual ~file();
    virtual result<std::uint64_t> length() = 0;
    /// Fills `into` from `offset` on and says how many bytes there were: fewer only at the end.
    virtual result<std::size_t> read(std::uint64_t offset, std::span<std::uint8_t> into) = 0;
    /// All of `data`, or a failure, after which any part of it may have been written.
    virtual result<void> write(std::uint64_t offset, byte_view data) = 0;
    /// Makes contents and length durable. When it fails, what was written since the last success
    /// may be gone, and a later success does not bring it back.
    virtual result<void> sync() = 0;
};

/// Outlives every file and every database that was opened on it.
class file_system {
public:
    enum class opening {
        existing,  // fails with not_found when there is none
        make,      // makes it when there is none
        fresh,     // fails when there is one
    };

    virtual ~file_system();
    /// For reading and writing. A symbolic link is refused; a new file is for its owner only.
    virtual result<std::unique_ptr<file>> open(const std::string& path, opening how) = 0;
    /// Makes the file when there is none, and locks it until it is closed. Fails with busy when
    /// somebody else has it locked.
    virtual result<std::unique_ptr<file>> lock(const std::string& path) = 0;
    /// Of a file, or nothing when it does not exist.
    virtual result<std::optional<std::uint64_t>> length(const std::string& path) = 0;
    /// Over what stands at `to`. Fails with not_found.
    virtual result<void> rename(const std::string& from, const std::string& to) = 0;
    /// As rename(), but fails with already_exists when something stands at `to`. Here by a look
    /// before, which is enough where nobody else writes.
    virtual result<void> rename_new(const std::string& from, const std::string& to);
    /// No error when there is none.
    virtual result<void> remove(const std::string& path) = 0;
    /// For its owner only. No error when it is there already.
    virtual result<void> make_directory(const std::string& path) = 0;
    /// Makes durable which names the directory has.
    virtual result<void> sync_directory(const std::string& path) = 0;
    /// The names in a directory, in order.
    virtual result<std::vector<std::string>> list(const std::string& path) = 0;
    /// The name of the SQLite VFS that reads and writes here; nullptr for SQLite's own.
    virtual const char* database_vfs() const noexcept = 0;
};

/// Whether an errno means that there is no more room (also by quota or limit).
bool means_full(int number) noexcept;
/// disk_full when `number` means that no space is left, not_found when the file is missing,
/// io_failed else. `doing`: "open".
error file_error(const std::string& doing, const std::string& path, int number);

}  // namespace calbox::storage
