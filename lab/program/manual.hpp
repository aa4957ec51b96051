// The manual page of calbox-lab, from what the program says of itself.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace calbox::lab {

/// In roff, section 1. Every sub-command and option of `of`.
std::string manual_page(const CLI::App& of);

}  // namespace calbox::lab
