// The built page (web/), compressed, as it was compiled into this program: page and API always fit
// one another, and there is no directory that could be missing or changed. Read-only.
#pragma once

#include <string_view>

namespace calbox::daemon {

struct page_file {
    std::string_view path;  // "/assets/index-abc.js"
    std::string_view media_type;
    std::string_view gzip;  // RFC 1952
};

/// Nothing when the page has no such file; "/" is the page itself.
const page_file* find_page_file(std::string_view path) noexcept;
/// False where the build had no Node.js, or was told to leave the page out.
bool page_is_built() noexcept;

}  // namespace calbox::daemon
