// Files that have one part each, as they are written together.
#pragma once

#include <calbox/ids.hpp>

#include "replica/database.hpp"

namespace calbox::replica {

/// Adds a whole file to what is written later: its record, and its part as it travels. `hash` of
/// the part makes the root, which the caller has seen to.
void add_single(batch& writes, const file_root& root, std::uint64_t size, bytes sealed,
                const digest& hash);

}  // namespace calbox::replica
