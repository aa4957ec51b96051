// Small blobs as rows: one table, `blob (root BLOB PRIMARY KEY NOT NULL, data BLOB NOT NULL)`, so
// that many of them become durable with one batch of records. Owned by file_blobs, which hides
// where a blob lies; storage thread.
#pragma once

#include <memory>

#include <SQLiteCpp/SQLiteCpp.h>

#include <calbox/storage.hpp>

namespace calbox::storage {

inline constexpr const char* blob_table = "blob";

class blob_rows {
public:
    explicit blob_rows(SQLite::Database& database) noexcept : database_(database) {}

    /// Within the caller's transaction, in the place of what there was. Throws what SQLite throws.
    void put(const batch::small_blob& whole);
    result<std::optional<std::uint64_t>> length(const file_root& root);
    result<std::optional<bytes>> read(const file_root& root);
    /// False where there was none. After a failure the row may be gone at the next start, unless
    /// something is written before.
    result<bool> remove(const file_root& root);
    /// How many there are, and of how many bytes.
    result<std::pair<std::uint64_t, std::uint64_t>> measure();

    /// Whether a removal has failed, and nothing was written since. Told by who writes.
    bool unsure = false;
    /// Writes something then, so that what can be seen is what will be there.
    result<void> settle();

private:
    SQLite::Statement& ready(std::unique_ptr<SQLite::Statement>& slot, const char* text);

    SQLite::Database& database_;
    std::unique_ptr<SQLite::Statement> put_, length_, read_, remove_;
};

}  // namespace calbox::storage
