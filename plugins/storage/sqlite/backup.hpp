// A copy of an open database in another file, by SQLite's backup interface
// (https://www.sqlite.org/backup.html): page by page, while batches are written between. Made by
// the store, which outlives it.
#pragma once

#include <optional>
#include <string>

#include <SQLiteCpp/Backup.h>
#include <SQLiteCpp/SQLiteCpp.h>

#include <calbox/storage.hpp>

#include "file_system.hpp"

namespace calbox::storage {

class database_copy final : public backup {
public:
    /// Into `path`.part, which becomes `path` when it is finished. Otherwise as store::back_up.
    static result<std::unique_ptr<backup>> begin(file_system& files, SQLite::Database& from,
                                                 const std::string& path);
    database_copy(file_system& files, SQLite::Database& from, std::string path);
    ~database_copy() override;
    database_copy(const database_copy&) = delete;
    database_copy& operator=(const database_copy&) = delete;

    result<bool> copy() override;
    result<std::uint64_t> finish() override;

private:
    SQLite::Database open_part() const;
    void begin_copying();
    result<void> settle();

    file_system& files_;
    SQLite::Database& from_;
    std::string path_, part_;
    std::optional<SQLite::Database> to_;
    std::optional<SQLite::Backup> copying_;  // ends before the database that it writes to
    bool finished_ = false;
};

}  // namespace calbox::storage
