// SQLite's way to a simulated disk: a VFS of its own for each view, registered under a name of its
// own for as long as this object lives. It does what SQLite's own VFS for Unix does, but for shared
// memory: the storage plugin locks its database exclusively, and then the index of the write-ahead
// log is in SQLite's own memory. Time stands still. One thread.
#pragma once

#include <sqlite3.h>

#include <string>

#include "lab/sim/disk.hpp"

namespace calbox::lab {

class disk_vfs {
public:
    /// `view` outlives it, and it outlives the databases.
    explicit disk_vfs(disk_view& view);
    ~disk_vfs() { sqlite3_vfs_unregister(&vfs_); }
    disk_vfs(const disk_vfs&) = delete;
    disk_vfs& operator=(const disk_vfs&) = delete;

    const char* name() const noexcept { return name_.c_str(); }
    disk_view& view() noexcept { return view_; }
    /// Keeps the number for sqlite3_system_errno, and for whoever looks at errno, as after a real
    /// system call. Returns `code` when there was an error.
    int outcome(int number, int code) noexcept;
    int last_error() const noexcept { return last_error_; }

private:
    disk_view& view_;
    std::string name_;
    sqlite3_vfs vfs_{};
    int last_error_ = 0;
};

/// While it lives, SQLite's random numbers come from `seed`, which is not 0. They are those of the
/// whole process: it must not live while other code runs that expects chance. One at a time.
class seeded_sqlite {
public:
    explicit seeded_sqlite(std::uint32_t seed) noexcept { set(seed); }
    ~seeded_sqlite() { set(0); }
    seeded_sqlite(const seeded_sqlite&) = delete;
    seeded_sqlite& operator=(const seeded_sqlite&) = delete;

private:
    static void set(std::uint32_t seed) noexcept;
};

}  // namespace calbox::lab
