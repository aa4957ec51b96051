#include "migrations.hpp"

#include <array>

#include <calbox/storage.hpp>

#include "blob_rows.hpp"
#include "records.hpp"

namespace calbox::storage {
namespace {

void make_tables(SQLite::Database& database) {
    for (std::size_t kind = 0; kind < record_kinds; ++kind) {
        database.exec(std::string("CREATE TABLE IF NOT EXISTS \"") +
                      table_name(static_cast<record_kind>(kind)) +
                      "\" (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID");
    }
}

/// A table with row ids: rows of some KiB lie one behind the other then, where those of a table
/// that is its own index have pages of their own.
void make_blob_table(SQLite::Database& database) {
    database.exec(std::string("CREATE TABLE IF NOT EXISTS \"") + blob_table +
                  "\" (root BLOB PRIMARY KEY NOT NULL, data BLOB NOT NULL)");
}

/// steps[n] leads from version n to n + 1.
constexpr std::array<void (*)(SQLite::Database&), layout_version> steps{&make_tables,
                                                                        &make_blob_table};

/// The whole database as one file beside it, durable before the original is touched. An earlier
/// attempt's is replaced.
result<void> copy_beside(SQLite::Database& database, file_system& files, const std::string& path,
                         int version) {
    const std::string copy = path + ".v" + std::to_string(version);
    const std::string part = copy + ".part";
    if (auto done = files.remove(part); !done) {
        return done;
    }
    {
        // Made first, so that it is for its owner only before there is anything in it.
        const auto made = files.open(part, file_system::opening::fresh);
        if (!made) {
            return fail(made.error());
        }
    }
    SQLite::Statement vacuum(database, "VACUUM INTO ?1");
    vacuum.bind(1, part);
    vacuum.exec();
    return files.open(part, file_system::opening::existing)
        .and_then([](const std::unique_ptr<file>& written) { return written->sync(); })
        .and_then([&] { return files.rename(part, copy); })
        .and_then([&] { return files.sync_directory(path.substr(0, path.rfind('/'))); });
}

}  // namespace

result<void> migrate(SQLite::Database& database, file_system& files, const std::string& path) {
    const int found = database.execAndGet("PRAGMA user_version").getInt();
    if (found > layout_version) {
        return fail(errc::unsupported,
                    "the store " + path + " was written by a newer calboxd (layout " +
                        std::to_string(found) + ", this one knows " +
                        std::to_string(layout_version) + "); install that version or a later one");
    }
    if (found < 0) {
        return fail(errc::malformed,
                    "the store " + path + " has the layout version " + std::to_string(found));
    }
    if (found == layout_version) {
        return {};
    }
    if (database.execAndGet("SELECT count(*) FROM sqlite_schema").getInt() != 0) {
        if (auto done = copy_beside(database, files, path, found); !done) {
            return done;
        }
    }
    for (int version = found; version < layout_version; ++version) {
        SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
        steps[static_cast<std::size_t>(version)](database);
        database.exec("PRAGMA user_version = " + std::to_string(version + 1));
        transaction.commit();
    }
    return {};
}

}  // namespace calbox::storage
