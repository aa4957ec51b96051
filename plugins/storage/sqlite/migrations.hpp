// The versions of the database's layout (PRAGMA user_version), and the steps from each to the next.
// Storage thread, while the store is being opened.
#pragma once

#include <string>

#include <SQLiteCpp/SQLiteCpp.h>

#include <calbox/error.hpp>

#include "file_system.hpp"

namespace calbox::storage {

/// What this program writes. A step is appended for each later version; the old ones stay.
inline constexpr int layout_version = 2;

/// Brings the database at `path` to layout_version: copies it to `path`.v<old> first when it holds
/// anything, then one transaction for each step. Fails with unsupported, nothing changed, when the
/// database is newer. Throws what SQLite throws.
result<void> migrate(SQLite::Database& database, file_system& files, const std::string& path);

}  // namespace calbox::storage
