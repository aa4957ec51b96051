// Reads the text of a plugin's ELF section `calbox_meta` from the file's bytes, so that nothing of
// a library runs before it has been judged. Every offset and length comes from the file and is
// checked against it. Values; any thread.
#pragma once

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

/// The section's text, up to its first NUL. `file` is a whole ELF64 little-endian shared object.
/// Fails with malformed (not such a file, or cut short) or unsupported (no such section: not a
/// plugin).
result<std::string_view> find_meta_section(byte_view file);

/// Reads "CBMETA1\nname=...\n..."; name, version, kind, api and abi must be there; no key twice.
result<plugin_meta> parse_meta(std::string_view text);

/// A sentence naming the first key by which two ABI tags ("key=value;key=value") differ, with both
/// values; empty when equal.
std::string abi_difference(std::string_view plugin, std::string_view host);

}  // namespace calbox::plugins
