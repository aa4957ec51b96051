// Records as rows: one table for each kind, `(key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT
// ROWID`, with statements that are prepared once. What a batch has of blobs goes into the same
// transaction. Owned by the store, which outlives it; storage thread.
#pragma once

#include <array>
#include <memory>

#include <SQLiteCpp/SQLiteCpp.h>

#include <calbox/storage.hpp>

#include "blobs.hpp"

namespace calbox::storage {

/// The table of a kind, as in docs/disk.md.
const char* table_name(record_kind kind) noexcept;

/// What an exception of SQLite means to the host. `doing`: "read the records".
error database_error(const SQLite::Database& database, const SQLite::Exception& problem,
                     const std::string& doing);

/// "ok", or what is wrong, of PRAGMA quick_check and integrity_check. They call a page damaged when
/// they could not read it; that is io_failed here, and says nothing about the store. Throws what
/// SQLite throws.
result<std::string> verdict_of(SQLite::Database& database, const char* pragma);

/// Binds without a copy; the bytes live until the statement is reset.
void bind_bytes(SQLite::Statement& statement, int index, byte_view data);
/// Of the row that the statement is at; until its next step.
byte_view bytes_in(const SQLite::Statement& statement, int column);

/// Leaves a cached statement ready for its next use, and without the caller's bytes, whatever
/// happened.
class reset_after {
public:
    explicit reset_after(SQLite::Statement& statement) noexcept : statement_(statement) {}
    reset_after(const reset_after&) = delete;
    reset_after& operator=(const reset_after&) = delete;
    ~reset_after();

private:
    SQLite::Statement& statement_;
};

class table_records final : public record_store {
public:
    table_records(SQLite::Database& database, file_blobs& blobs) noexcept
        : database_(database), blobs_(blobs) {}

    result<std::optional<bytes>> get(record_kind kind, byte_view key) override;
    result<void> scan(record_kind kind, byte_view first, byte_view last,
                      const std::function<bool(byte_view key, byte_view value)>& visit) override;
    result<void> apply(const batch& writes) override;

private:
    enum class action : std::uint8_t { get, put, erase, scan_from, scan_between };
    static constexpr std::size_t actions = 5;

    SQLite::Statement& statement(record_kind kind, action what);
    void write(const batch::write& one);

    SQLite::Database& database_;
    file_blobs& blobs_;
    bool failed_before_ = false;  // the last batch that was tried, and it may be in the log
    std::array<std::unique_ptr<SQLite::Statement>, record_kinds * actions> statements_;
};

}  // namespace calbox::storage
