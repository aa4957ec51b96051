// What this process takes of the machine's memory. Not part of any trace.
#pragma once

#include <cstdint>

namespace calbox::lab::policy {

/// Resident bytes now; 0 where the system does not say.
std::uint64_t memory_in_use() noexcept;

}  // namespace calbox::lab::policy
