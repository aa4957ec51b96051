// A plugin's file on this machine: opened without following links, judged by owner and mode, read
// in parts, and mapped. What is mapped stays for the life of the process. Callable from any thread.
#pragma once

#include <string>
#include <vector>

#include <calbox/error.hpp>

#include "plugins/elf_meta.hpp"

namespace calbox::plugins {

/// An open, trusted file. Owns the descriptor. Move-only.
class plugin_file {
public:
    plugin_file(plugin_file&& other) noexcept;
    plugin_file& operator=(plugin_file&& other) noexcept;
    ~plugin_file();

    /// Opens <directory>/<kind>/<name>.so. Fails with not_found; forbidden when it or a directory
    /// of it could have been changed by somebody else than its owner, root or this process's user;
    /// io_failed; too_large.
    static result<plugin_file> open(const std::string& directory, const std::string& kind,
                                    const std::string& name);

    /// For as long as the file is open. Reading fails with io_failed.
    file_parts parts() const;

    /// Maps the library and returns the address of `symbol`. Fails with unsupported and the
    /// linker's sentence. The same file (not path) gives the same library, as the dynamic linker
    /// has it.
    result<void*> load(const char* symbol);

private:
    explicit plugin_file(int descriptor) noexcept : descriptor_(descriptor) {}
    int descriptor_ = -1;
    std::uint64_t length_ = 0;  // when it was opened
};

/// Names of the files <directory>/<kind>/*.so, without the suffix, sorted. Empty when there is no
/// such directory.
std::vector<std::string> plugin_names(const std::string& directory, const std::string& kind);

}  // namespace calbox::plugins
