#include "blob_rows.hpp"

#include "migrations.hpp"
#include "records.hpp"

namespace calbox::storage {

SQLite::Statement& blob_rows::ready(std::unique_ptr<SQLite::Statement>& slot, const char* text) {
    if (!slot) {
        slot = std::make_unique<SQLite::Statement>(database_, text);
    }
    return *slot;
}

void blob_rows::put(const batch::small_blob& whole) {
    auto& change = ready(put_,
                         "INSERT INTO blob (root, data) VALUES (?1, ?2) "
                         "ON CONFLICT (root) DO UPDATE SET data = excluded.data");
    const reset_after guard(change);
    bind_bytes(change, 1, whole.root.view());
    bind_bytes(change, 2, whole.data);
    change.exec();
}

result<std::optional<std::uint64_t>> blob_rows::length(const file_root& root) {
    try {
        // Of a BLOB that does not read its bytes.
        auto& query = ready(length_, "SELECT length(data) FROM blob WHERE root = ?1");
        const reset_after guard(query);
        bind_bytes(query, 1, root.view());
        if (!query.executeStep()) {
            return std::nullopt;
        }
        return static_cast<std::uint64_t>(query.getColumn(0).getInt64());
    } catch (const SQLite::Exception& problem) {
        return fail(database_error(database_, problem, "look for a small file"));
    }
}

result<std::optional<bytes>> blob_rows::read(const file_root& root) {
    try {
        auto& query = ready(read_, "SELECT data FROM blob WHERE root = ?1");
        const reset_after guard(query);
        bind_bytes(query, 1, root.view());
        if (!query.executeStep()) {
            return std::nullopt;
        }
        return to_bytes(bytes_in(query, 0));
    } catch (const SQLite::Exception& problem) {
        return fail(database_error(database_, problem, "read a small file"));
    }
}

result<bool> blob_rows::remove(const file_root& root) {
    try {
        auto& change = ready(remove_, "DELETE FROM blob WHERE root = ?1");
        const reset_after guard(change);
        bind_bytes(change, 1, root.view());
        return change.exec() > 0;
    } catch (const SQLite::Exception& problem) {
        unsure = true;
        return fail(database_error(database_, problem, "remove a small file"));
    }
}

result<void> blob_rows::settle() {
    if (!unsure) {
        return {};
    }
    try {
        database_.exec("PRAGMA user_version = " + std::to_string(layout_version));
        unsure = false;
        return {};
    } catch (const SQLite::Exception& problem) {
        return fail(database_error(database_, problem, "make a small file durable"));
    }
}

result<std::pair<std::uint64_t, std::uint64_t>> blob_rows::measure() {
    try {
        SQLite::Statement query(database_, "SELECT count(*), total(length(data)) FROM blob");
        query.executeStep();
        return std::pair(static_cast<std::uint64_t>(query.getColumn(0).getInt64()),
                         static_cast<std::uint64_t>(query.getColumn(1).getDouble()));
    } catch (const SQLite::Exception& problem) {
        return fail(database_error(database_, problem, "count the small files"));
    }
}

}  // namespace calbox::storage
