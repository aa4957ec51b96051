// The store of one directory: its lock, its database (calbox.db) and its files of blobs, opened and
// closed together. Made by the strategy; storage thread.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <calbox/storage.hpp>

#include "blobs_real.hpp"
#include "files_real.hpp"
#include "records.hpp"

namespace calbox::storage {

class sqlite_store final : public store {
public:
    static result<std::unique_ptr<store>> open(const std::string& directory);

    sqlite_store(file lock, SQLite::Database database, file_blobs blobs);

    record_store& records() noexcept override { return records_; }
    blob_store& blobs() noexcept override { return blobs_; }
    result<check_report> check() override;

private:
    file lock_;  // first, so that it is let go of last
    SQLite::Database database_;
    table_records records_;
    file_blobs blobs_;
};

class sqlite_strategy final : public strategy {
public:
    result<std::unique_ptr<store>> open(const std::string& directory) override {
        return sqlite_store::open(directory);
    }
};

}  // namespace calbox::storage
