#include "store.hpp"

#include <sqlite3.h>

#include <cerrno>

#include "backup.hpp"
#include "migrations.hpp"

namespace calbox::storage {
namespace {

std::string database_in(const std::string& directory) { return directory + "/calbox.db"; }

/// A log that holds something was left by a process that did not close its store. What it holds
/// may not be durable: the process ended before it synced, or an fsync failed, after which the
/// kernel shows data that no later fsync writes. It is written again and synced, so that nothing is
/// shown, and nothing is built upon, that a power cut would take away. False when there is none.
result<bool> secure_log(file_system& files, const std::string& log) {
    const auto present = files.length(log);
    if (!present) {
        return fail(present.error());
    }
    if (present->value_or(0) == 0) {
        return false;
    }
    const auto opened = files.open(log, file_system::opening::existing);
    if (!opened) {
        return fail(opened.error());
    }
    bytes piece(std::size_t{256} << 10);
    for (std::uint64_t at = 0;;) {
        const auto got = (*opened)->read(at, piece);
        if (!got) {
            return fail(got.error());
        }
        if (*got == 0) {
            break;
        }
        if (auto done = (*opened)->write(at, byte_view(piece).first(*got)); !done) {
            return fail(done.error());
        }
        at += *got;
    }
    if (auto done = (*opened)->sync(); !done) {
        return fail(done.error());
    }
    return true;
}

/// Not the rows of small files: each has its hash, is fetched again where it is damaged, and all of
/// them may be as large as the disk.
result<void> check_records(SQLite::Database& database, const std::string& path) {
    for (std::size_t kind = 0; kind < record_kinds; ++kind) {
        const std::string table = table_name(static_cast<record_kind>(kind));
        if (!database.tableExists(table)) {
            continue;  // an older layout
        }
        const auto verdict = verdict_of(database, ("PRAGMA quick_check(" + table + ")").c_str());
        if (!verdict) {
            return fail(verdict.error());
        }
        if (*verdict != "ok") {
            return fail(errc::malformed,
                        "the store " + path + " is damaged (" + *verdict +
                            "); restore a copy, or move it away and sign in again");
        }
    }
    return {};
}

result<void> set_up(SQLite::Database& database, file_system& files, const std::string& path,
                    bool killed, const store_settings& with) {
    // A newer store is refused before anything of it is changed, closing it included.
    sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    database.exec("PRAGMA trusted_schema = OFF");
    database.exec("PRAGMA cell_size_check = ON");
    // The lock file already keeps others out; without shared memory there is one file less to fail
    // on a full disk.
    database.exec("PRAGMA locking_mode = EXCLUSIVE");
    if (killed) {
        if (auto sound = check_records(database, path); !sound) {
            return sound;
        }
    }
    database.exec("PRAGMA page_size = " + std::to_string(with.page_bytes));
    if (database.execAndGet("PRAGMA user_version").getInt() <= layout_version) {
        // It answers before it writes: only exec(), which runs to the end, tells whether it failed.
        database.exec("PRAGMA journal_mode = WAL");
        const std::string mode = database.execAndGet("PRAGMA journal_mode").getString();
        if (mode != "wal") {
            return fail(errc::io_failed,
                        "the store " + path + " cannot have a write-ahead log on this file system");
        }
    }
    database.exec(with.durable == durability::full ? "PRAGMA synchronous = FULL"
                                                   : "PRAGMA synchronous = NORMAL");
    if (auto done = migrate(database, files, path); !done) {
        return done;
    }
    sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
    return {};
}

}  // namespace

result<std::unique_ptr<store>> sqlite_store::open(file_system& files, const std::string& directory,
                                                  const store_settings& with) {
    auto lock = files.lock(directory + "/lock");
    if (!lock) {
        return fail(lock.error().code != errc::busy
                        ? std::move(lock.error())
                        : error(errc::busy, "the store in " + directory +
                                                " is open already: another calboxd runs on this "
                                                "directory; stop it first"));
    }
    const std::string path = database_in(directory);
    const auto killed = secure_log(files, path + "-wal");
    if (!killed) {
        return fail(killed.error());
    }
    {
        // SQLite gives its journal the mode of the database, and would make that with the umask's.
        const auto made = files.open(path, file_system::opening::make);
        if (!made) {
            return fail(made.error());
        }
    }
    try {
        SQLite::Database database(path, SQLite::OPEN_READWRITE | SQLite::OPEN_NOFOLLOW, 0,
                                  files.database_vfs() == nullptr ? "" : files.database_vfs());
        try {
            if (auto done = set_up(database, files, path, *killed, with); !done) {
                return fail(std::move(done.error()));
            }
        } catch (const SQLite::Exception& problem) {
            return fail(database_error(database, problem, "open the store " + path));
        }
        auto made =
            std::make_unique<sqlite_store>(files, directory, std::move(*lock), std::move(database));
        auto done =
            made->blobs_.prepare().and_then([&] { return files.sync_directory(directory); });
        if (!done) {
            return fail(std::move(done.error()));
        }
        return made;
    } catch (const SQLite::Exception& problem) {
        return fail(errc::io_failed, "cannot open the store " + path + ": " + problem.what());
    }
}

sqlite_store::sqlite_store(file_system& files, const std::string& directory,
                           std::unique_ptr<file> lock, SQLite::Database database)
    : files_(files),
      path_(database_in(directory)),
      lock_(std::move(lock)),
      database_(std::move(database)),
      blobs_(files, directory, database_),
      records_(database_, blobs_) {}

result<check_report> sqlite_store::check() {
    try {
        const auto verdict = verdict_of(database_, "PRAGMA integrity_check(20)");
        if (!verdict) {
            return fail(verdict.error());
        }
        if (*verdict != "ok") {
            return check_report{false, "the database is damaged: " + *verdict};
        }
        std::int64_t rows = 0;
        for (std::size_t kind = 0; kind < record_kinds; ++kind) {
            const std::string table = table_name(static_cast<record_kind>(kind));
            rows += database_.execAndGet("SELECT count(*) FROM \"" + table + "\"").getInt64();
        }
        const auto files = blobs_.count();
        if (!files) {
            return fail(files.error());
        }
        return check_report{true, std::to_string(rows) + " records and " + std::to_string(*files) +
                                      " files, the database is sound"};
    } catch (const SQLite::Exception& problem) {
        return fail(database_error(database_, problem, "check the store"));
    }
}

result<measures> sqlite_store::measure() {
    measures found;
    found.layout = layout_version;
    const auto database = files_.length(path_);
    const auto log = database ? files_.length(path_ + "-wal") : database;
    if (!log) {
        return fail(log.error());
    }
    found.database_bytes = database->value_or(0);
    found.log_bytes = log->value_or(0);
    try {
        for (std::size_t kind = 0; kind < record_kinds; ++kind) {
            const std::string table = table_name(static_cast<record_kind>(kind));
            found.records[kind] = static_cast<std::uint64_t>(
                database_.execAndGet("SELECT count(*) FROM \"" + table + "\"").getInt64());
        }
    } catch (const SQLite::Exception& problem) {
        return fail(database_error(database_, problem, "count the records"));
    }
    return blobs_.measure(found).map([&] { return found; });
}

result<std::unique_ptr<backup>> sqlite_store::back_up(const std::string& file) {
    return database_copy::begin(files_, database_, file);
}

}  // namespace calbox::storage
