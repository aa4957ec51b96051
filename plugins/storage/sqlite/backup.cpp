#include "backup.hpp"

#include <sqlite3.h>

#include <cerrno>

#include "records.hpp"

namespace calbox::storage {
namespace {

constexpr int pages_at_once = 256;  // 1 MiB

result<void> free_for_us(file_system& files, const std::string& path) {
    const auto there = files.length(path);
    if (!there) {
        return fail(there.error());
    }
    if (there->has_value()) {
        return fail(errc::already_exists, path + " exists already, and is not replaced");
    }
    return {};
}

std::string folder_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

result<std::unique_ptr<backup>> database_copy::begin(file_system& files, SQLite::Database& from,
                                                     const std::string& path) {
    if (!path.starts_with('/') || path.ends_with('/')) {
        return fail(errc::invalid_argument, "the copy needs an absolute path, beginning with /");
    }
    for (const auto& name : {path, path + ".part"}) {
        if (auto is_free = free_for_us(files, name); !is_free) {
            return fail(std::move(is_free.error()));
        }
    }
    {
        // Made first, so that it is for its owner only before there is anything in it.
        const auto made = files.open(path + ".part", file_system::opening::fresh);
        if (!made) {
            return fail(made.error());
        }
    }
    auto copy = std::make_unique<database_copy>(files, from, path);
    try {
        copy->begin_copying();
    } catch (const SQLite::Exception& problem) {
        return fail(database_error(from, problem, "begin the copy " + path));
    }
    return copy;
}

database_copy::database_copy(file_system& files, SQLite::Database& from, std::string path)
    : files_(files), from_(from), path_(std::move(path)), part_(path_ + ".part") {}

database_copy::~database_copy() {
    copying_.reset();
    to_.reset();
    if (!finished_) {
        (void)files_.remove(part_);
    }
}

/// What is unfinished is removed, so that its journal need not be on the disk.
SQLite::Database database_copy::open_part() const {
    const char* const vfs = files_.database_vfs();
    SQLite::Database opened(part_, SQLite::OPEN_READWRITE | SQLite::OPEN_NOFOLLOW, 0,
                            vfs == nullptr ? "" : vfs);
    opened.exec("PRAGMA locking_mode = EXCLUSIVE");
    opened.exec("PRAGMA synchronous = OFF");
    return opened;
}

void database_copy::begin_copying() {
    to_.emplace(open_part());
    to_->exec("PRAGMA journal_mode = MEMORY");
    copying_.emplace(*to_, from_);
}

result<bool> database_copy::copy() {
    if (!copying_) {
        return true;
    }
    errno = 0;
    try {
        if (copying_->executeStep(pages_at_once) != SQLITE_DONE) {
            return false;
        }
        copying_.reset();
        to_.reset();
        return true;
    } catch (const SQLite::Exception& problem) {
        return fail(database_error(from_, problem, "copy the database to " + path_));
    }
}

/// The copy has the original's kind of journal, which would make three files of it.
result<void> database_copy::settle() {
    errno = 0;
    try {
        SQLite::Database made = open_part();
        made.exec("PRAGMA journal_mode = DELETE");
        const auto verdict = verdict_of(made, "PRAGMA integrity_check(20)");
        if (!verdict) {
            return fail(verdict.error());
        }
        if (*verdict != "ok") {
            return fail(errc::malformed, "the copy would be damaged: " + *verdict);
        }
        return {};
    } catch (const SQLite::Exception& problem) {
        return fail(errc::io_failed, "cannot finish the copy " + path_ + ": " + problem.what());
    }
}

result<std::uint64_t> database_copy::finish() {
    if (copying_) {
        return fail(errc::invalid_argument, "the copy is not complete");
    }
    auto size = settle()
                    .and_then([&] { return files_.open(part_, file_system::opening::existing); })
                    .and_then([](const std::unique_ptr<file>& made) {
                        return made->sync().and_then([&] { return made->length(); });
                    });
    if (!size) {
        return size;
    }
    if (auto named = files_.rename_new(part_, path_); !named) {
        return fail(std::move(named.error()));
    }
    finished_ = true;
    return files_.sync_directory(folder_of(path_)).map([&] { return *size; });
}

}  // namespace calbox::storage
