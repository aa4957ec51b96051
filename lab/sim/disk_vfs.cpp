#include "lab/sim/disk_vfs.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace calbox::lab {
namespace {

/// What SQLite allocates for each open file.
struct open_file {
    sqlite3_file base;  // first: SQLite knows the rest by this
    disk_vfs* vfs;
    node_id node;
    const char* unsynced_journal;  // its path, until its name has been made durable; SQLite's
};

open_file& of(sqlite3_file* file) { return *reinterpret_cast<open_file*>(file); }
disk_vfs& of(sqlite3_vfs* vfs) { return *static_cast<disk_vfs*>(vfs->pAppData); }

std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

int close_file(sqlite3_file* file) {
    of(file).vfs->view().close(of(file).node);
    return SQLITE_OK;
}

int read_file(sqlite3_file* file, void* into, int amount, sqlite3_int64 offset) {
    auto& from = of(file);
    const std::span<std::uint8_t> room(static_cast<std::uint8_t*>(into),
                                       static_cast<std::size_t>(amount));
    std::size_t got = 0;
    const int number =
        from.vfs->view().read(from.node, static_cast<std::uint64_t>(offset), room, got);
    if (number != 0) {
        return from.vfs->outcome(number, SQLITE_IOERR_READ);
    }
    if (got < room.size()) {
        std::memset(room.data() + got, 0, room.size() - got);
        return SQLITE_IOERR_SHORT_READ;
    }
    return SQLITE_OK;
}

int write_file(sqlite3_file* file, const void* data, int amount, sqlite3_int64 offset) {
    auto& to = of(file);
    const byte_view all(static_cast<const std::uint8_t*>(data), static_cast<std::size_t>(amount));
    const int number = to.vfs->view().write(to.node, static_cast<std::uint64_t>(offset), all);
    return to.vfs->outcome(number, number == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE);
}

int resize_file(sqlite3_file* file, sqlite3_int64 length) {
    auto& which = of(file);
    const int number = which.vfs->view().resize(which.node, static_cast<std::uint64_t>(length));
    return which.vfs->outcome(number, SQLITE_IOERR_TRUNCATE);
}

int sync_file(sqlite3_file* file, int) {
    auto& which = of(file);
    if (const int number = which.vfs->view().sync(which.node); number != 0) {
        return which.vfs->outcome(number, SQLITE_IOERR_FSYNC);
    }
    if (which.unsynced_journal != nullptr) {
        // SQLite for Unix does not look at the outcome either.
        (void)which.vfs->view().sync_directory(directory_of(which.unsynced_journal));
        which.unsynced_journal = nullptr;
    }
    return SQLITE_OK;
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
    auto& which = of(file);
    std::uint64_t length = 0;
    const int number = which.vfs->view().length(which.node, length);
    *size = static_cast<sqlite3_int64>(length);
    return which.vfs->outcome(number, SQLITE_IOERR_FSTAT);
}

// The store's own lock file keeps others out: a database has one connection.
int lock_file(sqlite3_file*, int) { return SQLITE_OK; }
int check_reserved(sqlite3_file*, int* reserved) {
    *reserved = 0;
    return SQLITE_OK;
}
int control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
// As SQLite has it for Unix, however large the disk's own sectors are.
int sector_size(sqlite3_file*) { return 4096; }
int characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

const sqlite3_io_methods& methods() {
    static const sqlite3_io_methods all = [] {
        sqlite3_io_methods made{};
        made.iVersion = 1;  // no shared memory, no memory maps
        made.xClose = close_file;
        made.xRead = read_file;
        made.xWrite = write_file;
        made.xTruncate = resize_file;
        made.xSync = sync_file;
        made.xFileSize = file_size;
        made.xLock = lock_file;
        made.xUnlock = lock_file;
        made.xCheckReservedLock = check_reserved;
        made.xFileControl = control;
        made.xSectorSize = sector_size;
        made.xDeviceCharacteristics = characteristics;
        return made;
    }();
    return all;
}

int open_database(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* had) {
    auto& opened = of(file);
    opened.base.pMethods = nullptr;  // nothing to close when this fails
    opened.vfs = &of(vfs);
    opened.unsynced_journal = nullptr;
    disk_view& view = of(vfs).view();
    const bool make = (flags & SQLITE_OPEN_CREATE) != 0;
    int number = 0;
    if (path == nullptr || (flags & SQLITE_OPEN_DELETEONCLOSE) != 0) {
        number = view.open_unnamed(opened.node);
    } else {
        const bool fresh = make && (flags & SQLITE_OPEN_EXCLUSIVE) != 0;
        number = view.open(path,
                           fresh  ? disk_view::opening::fresh
                           : make ? disk_view::opening::make
                                  : disk_view::opening::existing,
                           opened.node);
    }
    if (number != 0) {
        return of(vfs).outcome(number, SQLITE_CANTOPEN);
    }
    constexpr int journals = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
    if (path != nullptr && make && (flags & journals) != 0) {
        opened.unsynced_journal = path;
    }
    if (had != nullptr) {
        *had = flags;
    }
    opened.base.pMethods = &methods();
    return SQLITE_OK;
}

int delete_file(sqlite3_vfs* vfs, const char* path, int sync) {
    disk_view& view = of(vfs).view();
    int number = view.remove(path);
    if (number != 0) {
        return of(vfs).outcome(number,
                               number == ENOENT ? SQLITE_IOERR_DELETE_NOENT : SQLITE_IOERR_DELETE);
    }
    number = sync != 0 ? view.sync_directory(directory_of(path)) : 0;
    return of(vfs).outcome(number, SQLITE_IOERR_DIR_FSYNC);
}

int access_file(sqlite3_vfs* vfs, const char* path, int, int* answer) {
    std::uint64_t length = 0;
    // As for Unix: an empty file does not count as one.
    *answer = of(vfs).view().length_of(path, length) == 0 && length > 0 ? 1 : 0;
    return SQLITE_OK;
}

int full_path(sqlite3_vfs*, const char* path, int room, char* out) {
    return sqlite3_snprintf(room, out, "%s", path) == out &&
                   std::strlen(path) < static_cast<std::size_t>(room)
               ? SQLITE_OK
               : SQLITE_CANTOPEN;
}

int no_chance(sqlite3_vfs*, int amount, char* out) {
    std::memset(out, 0, static_cast<std::size_t>(amount));
    return amount;
}
int no_sleep(sqlite3_vfs*, int microseconds) { return microseconds; }
int noon(sqlite3_vfs*, double* day) {
    *day = 2'461'164.0;  // 2026-05-03 12:00, as the clocks of simulated worlds begin
    return SQLITE_OK;
}
int latest_error(sqlite3_vfs* vfs, int, char*) { return of(vfs).last_error(); }

}  // namespace

disk_vfs::disk_vfs(disk_view& view)
    // Unique while it lives; nothing else ever depends on it.
    : view_(view), name_(fmt::format("calbox-lab-{}", static_cast<const void*>(this))) {
    vfs_.iVersion = 1;
    vfs_.szOsFile = sizeof(open_file);
    vfs_.mxPathname = 512;
    vfs_.zName = name_.c_str();
    vfs_.pAppData = this;
    vfs_.xOpen = open_database;
    vfs_.xDelete = delete_file;
    vfs_.xAccess = access_file;
    vfs_.xFullPathname = full_path;
    vfs_.xRandomness = no_chance;
    vfs_.xSleep = no_sleep;
    vfs_.xCurrentTime = noon;
    vfs_.xGetLastError = latest_error;
    sqlite3_vfs_register(&vfs_, 0);
}

int disk_vfs::outcome(int number, int code) noexcept {
    if (number == 0) {
        return SQLITE_OK;
    }
    errno = last_error_ = number;
    return code;
}

void seeded_sqlite::set(std::uint32_t seed) noexcept {
    sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, static_cast<int>(seed),
                         static_cast<sqlite3*>(nullptr));
}

}  // namespace calbox::lab
