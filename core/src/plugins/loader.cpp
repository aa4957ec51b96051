#include "plugins/loader.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "plugins/elf_meta.hpp"
#include "plugins/library_real.hpp"
#include "plugins/settings.hpp"

namespace calbox::plugins {
namespace {

constexpr std::array<std::pair<calbox_plugin_kind, std::string_view>, 4> kinds{{
    {calbox_plugin_discovery, "discovery"},
    {calbox_plugin_consensus, "consensus"},
    {calbox_plugin_storage, "storage"},
    {calbox_plugin_recovery, "recovery"},
}};

std::string text_of(calbox_plugin_kind kind) {
    for (const auto& [value, text] : kinds) {
        if (value == kind) {
            return std::string(text);
        }
    }
    return "unknown";
}

std::string text_of_number(std::uint32_t kind) {
    return text_of(static_cast<calbox_plugin_kind>(kind));
}

bool is_plugin_name(std::string_view name) {
    return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    });
}

std::string host_api() {
    return std::to_string(CALBOX_API_MAJOR) + "." + std::to_string(CALBOX_API_MINOR);
}

/// Major equal, minor at most ours: a later minor version only adds.
bool api_fits(unsigned major, unsigned minor) {
    return major == CALBOX_API_MAJOR && minor <= CALBOX_API_MINOR;
}

bool api_fits(std::string_view text) {
    unsigned major = 0;
    unsigned minor = 0;
    const char* const end = text.data() + text.size();
    const auto first = std::from_chars(text.data(), end, major);
    if (first.ec != std::errc() || first.ptr == end || *first.ptr != '.') {
        return false;
    }
    const auto second = std::from_chars(first.ptr + 1, end, minor);
    return second.ec == std::errc() && second.ptr == end && api_fits(major, minor);
}

std::string api_sentence(const std::string& theirs) {
    return "it was built for plugin api " + theirs + ", and this calboxd has " + host_api() +
           "; rebuild it";
}

result<plugin_meta> judge(const file_parts& file, const std::string& kind,
                          const std::string& name) {
    const auto text = find_meta_section(file);
    if (!text) {
        return fail(text.error());
    }
    auto meta = parse_meta(*text);
    if (!meta) {
        return fail(std::move(meta.error()));
    }
    if (meta->kind != kind) {
        return fail(errc::unsupported,
                    "it is a plugin of kind " + meta->kind + ", and not " + kind);
    }
    if (meta->name != name) {
        return fail(errc::unsupported,
                    "it calls itself " + meta->name + "; name the file " + meta->name + ".so");
    }
    // The api version first: of two differences it is the one that a person can read.
    if (!api_fits(meta->api)) {
        return fail(errc::unsupported, api_sentence(meta->api));
    }
    if (const auto difference = abi_difference(meta->abi, CALBOX_ABI_TAG); !difference.empty()) {
        return fail(errc::unsupported, "it was built in another way: " + difference +
                                           "; rebuild it with the compiler "
                                           "and the headers of this calboxd");
    }
    return meta;
}

result<const calbox_plugin_descriptor_type*> judge_descriptor(const void* symbol,
                                                              const plugin_meta& meta) {
    const auto* const found = static_cast<const calbox_plugin_descriptor_type*>(symbol);
    if (found->magic != calbox_plugin_magic) {
        return fail(errc::malformed, "its descriptor does not begin with the magic number");
    }
    if (found->descriptor_version != calbox_plugin_descriptor_version ||
        found->descriptor_size < sizeof(calbox_plugin_descriptor_type)) {
        return fail(errc::unsupported, "its descriptor has version " +
                                           std::to_string(found->descriptor_version) +
                                           " and size " + std::to_string(found->descriptor_size) +
                                           ", which this calboxd does not know");
    }
    if (!api_fits(found->api_major, found->api_minor)) {
        return fail(errc::unsupported, api_sentence(std::to_string(found->api_major) + "." +
                                                    std::to_string(found->api_minor)));
    }
    if (found->abi_tag == nullptr || found->name == nullptr || found->version == nullptr ||
        found->config_schema == nullptr || found->create == nullptr || found->destroy == nullptr) {
        return fail(errc::malformed, "its descriptor lacks a field");
    }
    if (text_of_number(found->kind) != meta.kind) {
        return fail(errc::malformed, "its class is a " + text_of_number(found->kind) +
                                         " strategy, and its metadata says " + meta.kind);
    }
    if (const auto difference = abi_difference(found->abi_tag, CALBOX_ABI_TAG);
        !difference.empty()) {
        return fail(errc::unsupported, "it was built in another way: " + difference);
    }
    if (found->name != meta.name || found->version != meta.version) {
        return fail(errc::malformed,
                    "its descriptor and its metadata name different plugins or versions");
    }
    return found;
}

std::string path_of(const std::string& directory, const std::string& kind,
                    const std::string& name) {
    return directory + "/" + kind + "/" + name + ".so";
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) {
        text += (text.empty() ? "" : ", ") + word;
    }
    return text;
}

}  // namespace

plugin_host::plugin_host(std::vector<std::string> directories, logger& log)
    : directories_(std::move(directories)), log_(log) {}

result<std::string> plugin_host::directory_of(const std::string& kind,
                                              const std::string& name) const {
    std::vector<std::string> all;
    for (const auto& directory : directories_) {
        for (auto& found : plugin_names(directory, kind)) {
            if (found == name) {
                return directory;
            }
            all.push_back(std::move(found));
        }
    }
    const std::string searched =
        directories_.empty() ? "no directory of plugins is configured" : joined(directories_);
    return fail(errc::not_found, "there is no " + kind + " plugin named " + name +
                                     " (searched: " + searched +
                                     "; there: " + (all.empty() ? "none" : joined(all)) + ")");
}

result<plugin_host::made> plugin_host::make(calbox_plugin_kind kind, std::string_view name,
                                            std::string_view settings_json) {
    const std::string kind_text = text_of(kind);
    const std::string wanted(name);
    if (!is_plugin_name(name)) {
        return fail(errc::invalid_argument,
                    "\"" + wanted + "\" is not a name of a plugin: use a-z, 0-9 and _");
    }
    const auto directory = directory_of(kind_text, wanted);
    if (!directory) {
        return fail(directory.error());
    }
    const std::string path = path_of(*directory, kind_text, wanted);
    const auto refuse = [&](const error& why) {
        return fail(why.code, "the " + kind_text + " plugin " + wanted + " (" + path +
                                  ") is refused: " + why.message());
    };
    auto file = plugin_file::open(*directory, kind_text, wanted);
    if (!file) {
        return refuse(file.error());
    }
    const auto meta = judge(file->parts(), kind_text, wanted);
    if (!meta) {
        return refuse(meta.error());
    }
    const auto symbol = file->load("calbox_plugin_descriptor");
    if (!symbol) {
        return refuse(symbol.error());
    }
    const auto descriptor = judge_descriptor(*symbol, *meta);
    if (!descriptor) {
        return refuse(descriptor.error());
    }
    const auto settings = complete_settings((*descriptor)->config_schema, settings_json);
    if (!settings) {
        return refuse(settings.error());
    }
    calbox_plugin_error problem{};
    void* const strategy = (*descriptor)->create(settings->data(), settings->size(), &problem);
    if (strategy == nullptr) {
        problem.text[sizeof problem.text - 1] = '\0';
        return refuse(error(errc::internal, problem.text[0] != '\0'
                                                ? problem.text
                                                : "its factory failed and did not say why"));
    }
    log_.write(log_level::info, "plugins",
               "loaded " + kind_text + " " + wanted + " " + meta->version + " from " + path);
    auto in_use = std::make_shared<const int>(0);
    used_[{kind_text, path}] = in_use;
    return made{strategy, *descriptor, std::move(in_use)};
}

template <class Strategy>
result<loaded<Strategy>> plugin_host::load(calbox_plugin_kind kind, std::string_view name,
                                           std::string_view settings_json) {
    auto one = make(kind, name, settings_json);
    if (!one) {
        return fail(std::move(one.error()));
    }
    return loaded<Strategy>(static_cast<Strategy*>(one->strategy), *one->by,
                            std::move(one->in_use));
}

result<loaded<calbox::discovery::strategy>> plugin_host::discovery(std::string_view name,
                                                                   std::string_view settings_json) {
    return load<calbox::discovery::strategy>(calbox_plugin_discovery, name, settings_json);
}
result<loaded<calbox::consensus::strategy>> plugin_host::consensus(std::string_view name,
                                                                   std::string_view settings_json) {
    return load<calbox::consensus::strategy>(calbox_plugin_consensus, name, settings_json);
}
result<loaded<calbox::storage::strategy>> plugin_host::storage(std::string_view name,
                                                               std::string_view settings_json) {
    return load<calbox::storage::strategy>(calbox_plugin_storage, name, settings_json);
}
result<loaded<calbox::recovery::strategy>> plugin_host::recovery(std::string_view name,
                                                                 std::string_view settings_json) {
    return load<calbox::recovery::strategy>(calbox_plugin_recovery, name, settings_json);
}

std::vector<plugin_status> plugin_host::list() const {
    std::vector<plugin_status> all;
    for (const auto& [number, kind_view] : kinds) {
        const std::string kind(kind_view);
        for (const auto& directory : directories_) {
            for (const auto& name : plugin_names(directory, kind)) {
                plugin_status one;
                one.kind = kind;
                one.name = name;
                one.file = path_of(directory, kind, name);
                const auto file = plugin_file::open(directory, kind, name);
                auto meta = file ? judge(file->parts(), kind, name)
                                 : result<plugin_meta>(fail(file.error()));
                if (!meta) {
                    one.status = "refused: " + meta.error().message();
                } else {
                    one.version = std::move(meta->version);
                    one.traits = std::move(meta->traits);
                    one.summary = std::move(meta->summary);
                    const auto used = used_.find({kind, one.file});
                    one.status =
                        used != used_.end() && !used->second.expired() ? "in use" : "available";
                }
                all.push_back(std::move(one));
            }
        }
    }
    return all;
}

}  // namespace calbox::plugins
