#include <fstream>

#include <unistd.h>

#include "lab/policy/memory.hpp"

namespace calbox::lab::policy {

std::uint64_t memory_in_use() noexcept {
    // proc(5): size, then resident, in pages.
    std::ifstream pages("/proc/self/statm");
    std::uint64_t size = 0, resident = 0;
    pages >> size >> resident;
    const long page = sysconf(_SC_PAGESIZE);
    return pages && page > 0 ? resident * static_cast<std::uint64_t>(page) : 0;
}

}  // namespace calbox::lab::policy
