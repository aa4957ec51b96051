// The store of one directory: its lock, its database (calbox.db) and its files of blobs, opened and
// closed together. Made by the strategy; storage thread.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <calbox/storage.hpp>

#include "blobs.hpp"
#include "file_system.hpp"
#include "records.hpp"

namespace calbox::storage {

/// `full`: an acknowledged batch survives a power cut. `normal` survives a killed process only; no
/// setting leads there, and it is for tests that must see such a store fail.
enum class durability : std::uint8_t { full, normal };

struct store_settings {
    durability durable = durability::full;
    /// Of a new database, in bytes: a power of two from 512 on. A record of an event, of some 1,100
    /// bytes, would have a page of 4 KiB of its own beside its row.
    unsigned page_bytes = 8192;
};

class sqlite_store final : public store {
public:
    /// `files` outlives the store. Otherwise as strategy::open.
    static result<std::unique_ptr<store>> open(file_system& files, const std::string& directory,
                                               const store_settings& with = {});

    sqlite_store(file_system& files, const std::string& directory, std::unique_ptr<file> lock,
                 SQLite::Database database);

    record_store& records() noexcept override { return records_; }
    blob_store& blobs() noexcept override { return blobs_; }
    result<check_report> check() override;
    result<measures> measure() override;
    result<std::unique_ptr<backup>> back_up(const std::string& file) override;

private:
    file_system& files_;
    std::string path_;            // of the database
    std::unique_ptr<file> lock_;  // first, so that it is let go of last
    SQLite::Database database_;
    file_blobs blobs_;
    table_records records_;
};

}  // namespace calbox::storage
