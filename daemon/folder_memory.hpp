// What is remembered of the folder over restarts, as a file's text. Values; part of folder_sync.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "folder_plan.hpp"

namespace calbox::daemon {

struct folder_memory {
    std::string path;  // of the folder; another one begins anew
    std::string id;    // as its mark says
    std::string user;  // whose it is, in hex
    folder_book book;
};

std::string write_folder_memory(const folder_memory& what);
/// Nothing where it cannot be read: what lies in the folder is compared with the events then.
std::optional<folder_memory> read_folder_memory(std::string_view text);

}  // namespace calbox::daemon
