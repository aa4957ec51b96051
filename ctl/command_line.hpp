// Words of the command line into a command and its values, by the table. Pure functions; the only
// user of CLI11 is its .cpp.
#pragma once

#include <string>
#include <vector>

#include "command.hpp"

namespace calbox::ctl {

struct parsed_line {
    const command* what = nullptr;  // null: print `text` and end, as --help and --version do
    given values;
    given globals;
    std::string text;
};

/// "invalid_argument" for wrong usage, with a sentence that says where to look.
answer<parsed_line> parse_line(const std::vector<std::string>& words);

}  // namespace calbox::ctl
