#include "web_files.hpp"

#include <algorithm>
#include <vector>

namespace calbox::daemon {

namespace {

/// What web/build.mjs has written: one call of add() for each file.
std::vector<page_file> read_files() {
    std::vector<page_file> files;
    [[maybe_unused]] const auto add = [&](std::string_view path, std::string_view media_type,
                                          const unsigned char* bytes, std::size_t size) {
        files.push_back({path, media_type, {reinterpret_cast<const char*>(bytes), size}});
    };
#include "page_files.inc"
    return files;
}

const std::vector<page_file>& files() {
    static const std::vector<page_file> all = read_files();
    return all;
}

}  // namespace

const page_file* find_page_file(std::string_view path) noexcept {
    const auto found = std::find_if(files().begin(), files().end(),
                                    [&](const page_file& one) { return one.path == path; });
    return found == files().end() ? nullptr : &*found;
}

bool page_is_built() noexcept { return find_page_file("/") != nullptr; }

}  // namespace calbox::daemon
