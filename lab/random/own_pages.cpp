#include "lab/random/own_pages.hpp"

#include <sys/mman.h>

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>

namespace calbox::lab {

std::span<std::byte> heap() {
    std::ifstream mappings("/proc/self/maps");  // proc(5)
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    for (std::string line; std::getline(mappings, line);) {
        if (line.ends_with("[heap]")) {  // several in a row, where parts differ in their pages
            std::istringstream fields(line);
            std::uintptr_t from = 0;
            char dash = 0;
            fields >> std::hex >> from >> dash >> end;
            begin = begin == 0 ? from : begin;
        }
    }
    return {reinterpret_cast<std::byte*>(begin), end - begin};
}

void own(std::span<std::byte> memory) noexcept {
    ::madvise(memory.data(), memory.size(), MADV_POPULATE_WRITE);
}

}  // namespace calbox::lab
