#include "plugins/elf_meta.hpp"

#include <elf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

namespace calbox::plugins {
namespace {

constexpr std::string_view section_name = "calbox_meta";
constexpr std::string_view preamble = "CBMETA1\n";
constexpr std::size_t meta_bytes_max = 4096;

tl::unexpected<error> cut_short() {
    return fail(errc::malformed, "it is an ELF file that is damaged or cut short");
}

/// The part of `file` at [offset, offset + count); cut_short when it is not wholly inside.
result<bytes> part(const file_parts& file, std::uint64_t offset, std::uint64_t count) {
    if (offset > file.length || count > file.length - offset) {
        return cut_short();
    }
    return file.read(offset, static_cast<std::size_t>(count));
}

/// Copies a structure out, since nothing says that the file's offsets are aligned.
template <class T>
T structure(byte_view table, std::size_t number) {
    T value;
    std::memcpy(&value, table.subspan(number * sizeof(T), sizeof(T)).data(), sizeof value);
    return value;
}

result<Elf64_Ehdr> header_of(const file_parts& file) {
    const auto start = part(file, 0, std::min<std::uint64_t>(file.length, sizeof(Elf64_Ehdr)));
    if (!start) {
        return fail(start.error());
    }
    if (start->size() < SELFMAG || std::memcmp(start->data(), ELFMAG, SELFMAG) != 0) {
        return fail(errc::malformed, "it is not an ELF shared library");
    }
    if (start->size() < sizeof(Elf64_Ehdr)) {
        return cut_short();
    }
    const auto header = structure<Elf64_Ehdr>(*start, 0);
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
        header.e_type != ET_DYN) {
        return fail(errc::malformed, "it is not a 64-bit little-endian shared library");
    }
    if (header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shstrndx >= header.e_shnum) {
        return cut_short();
    }
    return header;
}

/// A section's name: the text at `at` in the table of names, which must end inside of it.
std::optional<std::string_view> name_at(byte_view names, std::uint32_t at) {
    if (at >= names.size()) {
        return std::nullopt;
    }
    const std::string_view rest = as_text(names.subspan(at));
    const auto end = rest.find('\0');
    if (end == std::string_view::npos) {
        return std::nullopt;
    }
    return rest.substr(0, end);
}

/// Fails unless every segment that would be mapped lies in the file: dlopen of a shortened one can
/// die by SIGBUS.
result<void> segments_are_inside(const file_parts& file, const Elf64_Ehdr& header) {
    if (header.e_phnum == 0 || header.e_phentsize != sizeof(Elf64_Phdr)) {
        return cut_short();
    }
    const auto table =
        part(file, header.e_phoff, std::uint64_t{header.e_phnum} * sizeof(Elf64_Phdr));
    if (!table) {
        return fail(table.error());
    }
    for (std::size_t i = 0; i < header.e_phnum; ++i) {
        const auto segment = structure<Elf64_Phdr>(*table, i);
        if (segment.p_offset > file.length || segment.p_filesz > file.length - segment.p_offset) {
            return cut_short();
        }
    }
    return {};
}

}  // namespace

result<std::string> find_meta_section(const file_parts& file) {
    const auto header = header_of(file);
    if (!header) {
        return fail(header.error());
    }
    const auto table =
        part(file, header->e_shoff, std::uint64_t{header->e_shnum} * sizeof(Elf64_Shdr));
    if (!table) {
        return fail(table.error());
    }
    if (auto inside = segments_are_inside(file, *header); !inside) {
        return fail(std::move(inside.error()));
    }
    const auto of_names = structure<Elf64_Shdr>(*table, header->e_shstrndx);
    const auto names = part(file, of_names.sh_offset, of_names.sh_size);
    if (!names) {
        return fail(names.error());
    }
    for (std::size_t i = 0; i < header->e_shnum; ++i) {
        const auto section = structure<Elf64_Shdr>(*table, i);
        const auto name = name_at(*names, section.sh_name);
        if (!name) {
            return cut_short();
        }
        if (*name != section_name) {
            continue;
        }
        if (section.sh_type == SHT_NOBITS || section.sh_size > meta_bytes_max) {
            return cut_short();
        }
        const auto body = part(file, section.sh_offset, section.sh_size);
        if (!body) {
            return fail(body.error());
        }
        const std::string_view text = as_text(*body);
        return std::string(text.substr(0, text.find('\0')));
    }
    return fail(
        errc::unsupported,
        "it is a shared library, but not a CalendarBox plugin (it has no section calbox_meta)");
}

result<plugin_meta> parse_meta(std::string_view text) {
    if (!text.starts_with(preamble)) {
        return fail(errc::malformed, "its section calbox_meta does not begin with CBMETA1");
    }
    text.remove_prefix(preamble.size());
    plugin_meta meta;
    constexpr std::size_t needed = 5;  // of the keys, those that stand first
    const std::array<std::pair<std::string_view, std::string*>, 7> keys{
        {{"name", &meta.name},
         {"version", &meta.version},
         {"kind", &meta.kind},
         {"api", &meta.api},
         {"abi", &meta.abi},
         {"traits", &meta.traits},
         {"summary", &meta.summary}}};
    while (!text.empty()) {
        const auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        const auto equals = line.find('=');
        if (equals == std::string_view::npos) {
            return fail(errc::malformed, "its section calbox_meta has a line without '='");
        }
        for (const auto& [key, value] : keys) {
            if (line.substr(0, equals) == key) {
                if (!value->empty()) {
                    return fail(errc::malformed,
                                "its section calbox_meta says " + std::string(key) + " twice");
                }
                *value = line.substr(equals + 1);
            }
        }
    }
    for (std::size_t i = 0; i < needed; ++i) {
        if (keys[i].second->empty()) {
            return fail(errc::malformed,
                        "its section calbox_meta does not say its " + std::string(keys[i].first));
        }
    }
    return meta;
}

namespace {

std::vector<std::pair<std::string_view, std::string_view>> tag_pairs(std::string_view tag) {
    std::vector<std::pair<std::string_view, std::string_view>> pairs;
    while (!tag.empty()) {
        const auto item = tag.substr(0, tag.find(';'));
        tag.remove_prefix(std::min(tag.size(), item.size() + 1));
        const auto equals = std::min(item.find('='), item.size());
        pairs.emplace_back(item.substr(0, equals), item.substr(std::min(item.size(), equals + 1)));
    }
    return pairs;
}

std::string value_of(std::string_view tag, std::string_view key) {
    for (const auto& [name, value] : tag_pairs(tag)) {
        if (name == key) {
            return std::string(value);
        }
    }
    return "nothing";
}

}  // namespace

std::string abi_difference(std::string_view plugin, std::string_view host) {
    if (plugin == host) {
        return {};
    }
    for (const std::string_view tag : {host, plugin}) {
        for (const auto& [key, value] : tag_pairs(tag)) {
            const std::string theirs = value_of(plugin, key);
            const std::string ours = value_of(host, key);
            if (theirs != ours) {
                return std::string(key) + " is " + theirs + " in the plugin and " + ours +
                       " in this calboxd";
            }
        }
    }
    return "the tags differ: " + std::string(plugin) + " in the plugin and " + std::string(host) +
           " in this calboxd";
}

}  // namespace calbox::plugins
