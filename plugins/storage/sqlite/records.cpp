#include "records.hpp"

#include <sqlite3.h>

#include <cerrno>
#include <limits>

#include "file_system.hpp"
#include "migrations.hpp"

namespace calbox::storage {
namespace {

constexpr std::array<const char*, record_kinds> tables{
    "meta",      "envelope", "history",   "stream", "outbox",   "journal",
    "consensus", "account",  "directory", "file",   "registry", "overlay"};

bool is_known(record_kind kind) { return static_cast<std::size_t>(kind) < record_kinds; }

bool fits(byte_view data) {
    return data.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max());
}

}  // namespace

/// A null pointer would bind NULL instead of nothing.
void bind_bytes(SQLite::Statement& statement, int index, byte_view data) {
    statement.bindNoCopy(index, data.empty() ? static_cast<const void*>("") : data.data(),
                         static_cast<int>(data.size()));
}

byte_view bytes_in(const SQLite::Statement& statement, int column) {
    const SQLite::Column value = statement.getColumn(column);
    return {static_cast<const std::uint8_t*>(value.getBlob()),
            static_cast<std::size_t>(value.getBytes())};
}

reset_after::~reset_after() {
    statement_.tryReset();
    try {
        statement_.clearBindings();
    } catch (const SQLite::Exception&) {  // what failed has been reported by the step itself
    }
}

const char* table_name(record_kind kind) noexcept { return tables[static_cast<std::size_t>(kind)]; }

error database_error(const SQLite::Database& database, const SQLite::Exception& problem,
                     const std::string& doing) {
    // SQLite reports a limit or a quota as an I/O error. Its own copy of errno is not set by a
    // COMMIT that fails, so the thread's is looked at, too: the call that failed was the last one
    // that set it.
    const int number = errno;
    const std::string sentence = "cannot " + doing + ": " + problem.what();
    const int primary = problem.getErrorCode() & 0xff;
    const bool full_below =
        primary == SQLITE_IOERR &&
        (means_full(number) || means_full(sqlite3_system_errno(database.getHandle())));
    if (primary == SQLITE_FULL || full_below) {
        return {errc::disk_full, sentence};
    }
    if (primary == SQLITE_TOOBIG) {
        return {errc::too_large, sentence};
    }
    if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB) {
        return {errc::malformed, sentence};
    }
    return {errc::io_failed, sentence};
}

result<std::string> verdict_of(SQLite::Database& database, const char* pragma) {
    errno = 0;
    SQLite::Statement query(database, pragma);
    std::string text;
    while (query.executeStep()) {
        text += (text.empty() ? "" : "; ") + query.getColumn(0).getString();
    }
    if (text != "ok" && errno == EIO) {
        return fail(errc::io_failed, "cannot read all of the database to check it: " + text);
    }
    return text;
}

SQLite::Statement& table_records::statement(record_kind kind, action what) {
    auto& slot =
        statements_[static_cast<std::size_t>(kind) * actions + static_cast<std::size_t>(what)];
    if (!slot) {
        const std::string table = std::string("\"") + table_name(kind) + "\"";
        std::string text;
        switch (what) {
            case action::get:
                text = "SELECT value FROM " + table + " WHERE key = ?1";
                break;
            case action::put:
                text = "INSERT INTO " + table +
                       " (key, value) VALUES (?1, ?2) "
                       "ON CONFLICT (key) DO UPDATE SET value = excluded.value";
                break;
            case action::erase:
                text = "DELETE FROM " + table + " WHERE key = ?1";
                break;
            case action::scan_from:
                text = "SELECT key, value FROM " + table + " WHERE key >= ?1 ORDER BY key";
                break;
            case action::scan_between:
                text = "SELECT key, value FROM " + table +
                       " WHERE key >= ?1 AND key < ?2 ORDER BY key";
                break;
        }
        slot = std::make_unique<SQLite::Statement>(database_, text);
    }
    return *slot;
}

result<std::optional<bytes>> table_records::get(record_kind kind, byte_view key) {
    if (!is_known(kind) || !fits(key)) {
        return fail(errc::invalid_argument, "no such kind of record, or a key too long");
    }
    try {
        auto& query = statement(kind, action::get);
        const reset_after guard(query);
        bind_bytes(query, 1, key);
        if (!query.executeStep()) {
            return std::nullopt;
        }
        return to_bytes(bytes_in(query, 0));
    } catch (const SQLite::Exception& problem) {
        return fail(database_error(database_, problem, "read a record"));
    }
}

result<void> table_records::scan(record_kind kind, byte_view first, byte_view last,
                                 const std::function<bool(byte_view, byte_view)>& visit) {
    if (!is_known(kind) || !fits(first) || !fits(last)) {
        return fail(errc::invalid_argument, "no such kind of record, or a key too long");
    }
    try {
        auto& query = statement(kind, last.empty() ? action::scan_from : action::scan_between);
        const reset_after guard(query);
        bind_bytes(query, 1, first);
        if (!last.empty()) {
            bind_bytes(query, 2, last);
        }
        while (query.executeStep()) {
            if (!visit(bytes_in(query, 0), bytes_in(query, 1))) {
                break;
            }
        }
        return {};
    } catch (const SQLite::Exception& problem) {
        return fail(database_error(database_, problem, "read the records"));
    }
}

void table_records::write(const batch::write& one) {
    auto& change = statement(one.kind, one.value ? action::put : action::erase);
    const reset_after guard(change);
    bind_bytes(change, 1, one.key);
    if (one.value) {
        bind_bytes(change, 2, *one.value);
    }
    change.exec();
}

result<void> table_records::apply(const batch& writes) {
    for (const auto& one : writes.writes) {
        if (!is_known(one.kind) || !fits(one.key) || (one.value && !fits(*one.value))) {
            return fail(errc::invalid_argument, "no such kind of record, or a record too long");
        }
    }
    for (const auto& blob : writes.blobs) {
        if (blob.data.size() > small_blob_bytes) {
            return fail(errc::too_large, "a blob that is too long for a batch");
        }
    }
    if (writes.empty()) {
        return {};
    }
    for (const auto& blob : writes.blobs) {
        if (blobs_.must_be_file(blob.root)) {
            if (auto done = blobs_.put_file(blob); !done) {
                return done;
            }
        }
    }
    errno = 0;
    try {
        // Rolls back when it is destroyed before commit().
        SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
        try {
            for (const auto& one : writes.writes) {
                write(one);
            }
            for (const auto& blob : writes.blobs) {
                if (!blobs_.must_be_file(blob.root)) {
                    blobs_.rows().put(blob);
                }
            }
            if (failed_before_ || blobs_.rows().unsure) {
                // The failed batch may lie in the log, complete, behind the end that this process
                // knows. This one overwrites it there if it writes anything, which a batch that
                // changes nothing would not do.
                database_.exec("PRAGMA user_version = " + std::to_string(layout_version));
            }
            transaction.commit();
            failed_before_ = false;
            blobs_.rows().unsure = false;
            blobs_.replaced(writes.blobs);
            return {};
        } catch (const SQLite::Exception& problem) {
            failed_before_ = true;
            // Here, and not after the rollback, which would leave an errno of its own.
            return fail(database_error(database_, problem, "write the records"));
        }
    } catch (const SQLite::Exception& problem) {
        return fail(database_error(database_, problem, "write the records"));
    }
}

}  // namespace calbox::storage
