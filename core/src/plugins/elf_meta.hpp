// Reads the text of a plugin's ELF section `calbox_meta` from the file's bytes, so that nothing of
// a library runs before it has been judged. Every offset and length comes from the file and is
// checked against it. Values; any thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <calbox/bytes.hpp>
#include <calbox/error.hpp>

namespace calbox::plugins {

/// The `key=value` lines of the section.
struct plugin_meta {
    std::string name, version, kind, api, abi;
    std::string traits, summary;  // may be empty
};

/// A file of which only some parts are looked at. `read` is asked for parts inside of `length`
/// only, and gives all of such a part or why it cannot be read.
struct file_parts {
    std::uint64_t length = 0;
    std::function<result<bytes>(std::uint64_t offset, std::size_t count)> read;
};

/// The section's text, up to its first NUL. `file` is an ELF64 little-endian shared object. Fails
/// with malformed (not such a file, or cut short), unsupported (no such section: not a plugin), or
/// with what reading fails with.
result<std::string> find_meta_section(const file_parts& file);

/// Reads "CBMETA1\nname=...\n..."; name, version, kind, api and abi must be there; no key twice.
result<plugin_meta> parse_meta(std::string_view text);

/// A sentence naming the first key by which two ABI tags ("key=value;key=value") differ, with both
/// values; empty when equal.
std::string abi_difference(std::string_view plugin, std::string_view host);

}  // namespace calbox::plugins
