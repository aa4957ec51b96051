#include "config.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <set>
#include <sstream>
#include <system_error>

#include "config_network.hpp"
#include "config_values.hpp"
#include "config_web.hpp"

namespace calbox::daemon {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t file_bytes_max = 1 << 20;
constexpr std::size_t socket_path_max = 107;  // sun_path without its end

// One reader for each kind of key -----------------------------------------------------------------

using reader = result<void> (*)(const toml::node& value, config& into);

template <auto member>
result<void> read_path(const toml::node& value, config& into) {
    return path_of(value).map([&](const fs::path& path) { into.*member = path; });
}

template <auto member>
result<void> read_engine_tls(const toml::node& value, config& into) {
    return path_of(value).map([&](const fs::path& path) { into.consensus_tls.*member = path; });
}

template <auto member>
result<void> read_plugin(const toml::node& value, config& into) {
    const auto name = text_of(value);
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
    };
    if (!name || name->size() > 64 || !std::all_of(name->begin(), name->end(), fits)) {
        return wrong("it must be the name of a plugin, of a-z, 0-9 and _");
    }
    (into.*member).name = *name;
    return {};
}

template <auto member>
result<void> read_settings(const toml::node& value, config& into) {
    const auto* const table = value.as_table();
    if (table == nullptr) {
        return wrong("it must be a table, for example { pick = \"first\" }");
    }
    std::ostringstream json;
    json << toml::json_formatter(*table);
    (into.*member).settings = json.str();
    return {};
}

template <bool node::node_settings::* Field>
result<void> read_yes_or_no(const toml::node& value, config& into) {
    return yes_or_no_of(value).map([&](bool yes) { into.node.*Field = yes; });
}

result<void> read_level(const toml::node& value, config& into) {
    static constexpr std::array<std::pair<std::string_view, log_level>, 4> words{
        {{"debug", log_level::debug},
         {"info", log_level::info},
         {"warn", log_level::warn},
         {"error", log_level::error}}};
    return word_of(value, words).map([&](log_level level) { into.level = level; });
}

template <duration node::node_settings::* member>
result<void> read_days(const toml::node& value, config& into) {
    constexpr std::int64_t century = 36'500;
    return number_of(value, 0, century).map([&](std::int64_t n) {
        into.node.*member = std::chrono::days(n);
    });
}

result<void> read_scrub_days(const toml::node& value, config& into) {
    constexpr std::int64_t ten_years = 3'650;
    return number_of(value, 0, ten_years).map([&](std::int64_t n) {
        into.node.scrubbing.every = std::chrono::days(n);
    });
}

result<void> read_scrub_speed(const toml::node& value, config& into) {
    return number_of(value, 1, 10'000).map([&](std::int64_t n) {
        into.node.scrubbing.bytes_per_second = static_cast<std::uint64_t>(n) << 20;
    });
}

/// As path_of; "~/" is completed later, when it is known where that is.
result<void> read_folder(const toml::node& value, config& into) {
    const auto text = text_of(value);
    if (!text || !(text->starts_with('/') || text->starts_with("~/"))) {
        return wrong("it must be a path in quotes that begins with / or ~/");
    }
    into.folder.path = *text;
    return {};
}

result<void> read_ahead(const toml::node& value, config& into) {
    return number_of(value, 1, 3'650).map([&](std::int64_t n) {
        into.folder.ahead = std::chrono::days(n);
    });
}

result<void> read_unneeded(const toml::node& value, config& into) {
    return number_of(value, 1, 36'500).map([&](std::int64_t n) {
        into.node.unneeded_kept = std::chrono::days(n);
    });
}

result<void> read_quota(const toml::node& value, config& into) {
    return number_of(value, 1, 1'000'000'000).map([&](std::int64_t n) {
        into.node.backup_quota = static_cast<std::uint64_t>(n) << 20;
    });
}

// 8 MiB is the least that Argon2 of libsodium calls sensible; more than 1 GiB would lock out
// devices with less.
result<void> read_memory(const toml::node& value, config& into) {
    return number_of(value, 8, 256).map([&](std::int64_t n) {
        into.node.kdf_memory_bytes = static_cast<std::uint64_t>(n) << 20;
    });
}

result<void> read_passes(const toml::node& value, config& into) {
    return number_of(value, 1, 8).map([&](std::int64_t n) {
        into.node.kdf_passes = static_cast<std::uint32_t>(n);
    });
}

result<void> read_directories(const toml::node& value, config& into) {
    auto texts = texts_of(value);
    if (!texts) {
        return fail(texts.error());
    }
    for (const auto& one : *texts) {
        if (one.front() != '/') {
            return wrong("\"" + one + "\" must be an absolute path, beginning with /");
        }
    }
    into.plugin_directories = std::move(*texts);
    return {};
}

struct key {
    std::string_view name;
    reader read;
};

constexpr std::array keys{
    key{"data_dir", read_path<&config::data_dir>},
    key{"socket", read_path<&config::socket>},
    key{"listen", read_listen},
    key{"advertise", read_advertise},
    key{"roles", read_roles},
    key{"network.join", read_join},
    key{"network.found", read_yes_or_no<&node::node_settings::found>},
    key{"network.enrolment", read_enrolment},
    key{"network.lan_search", read_lan_search},
    key{"network.port_mapping", read_port_mapping},
    key{"network.on_no_rendezvous", read_without_rendezvous},
    key{"rendezvous.edges_max", read_edges_max},
    key{"rendezvous.heartbeat_s", read_heartbeat},
    key{"rendezvous.min", read_rendezvous_min},
    key{"rendezvous.retires", read_yes_or_no<&node::node_settings::retires>},
    key{"network.reachability_test", read_yes_or_no<&node::node_settings::tests_reachability>},
    key{"rendezvous.open_command", read_open_command},
    key{"discovery.plugin", read_plugin<&config::discovery>},
    key{"discovery.profile", read_profile},
    key{"discovery.settings", read_settings<&config::discovery>},
    key{"resolver.policy", read_resolver_policy},
    key{"consensus.plugin", read_plugin<&config::consensus>},
    key{"consensus.settings", read_settings<&config::consensus>},
    key{"consensus.tls.ca", read_engine_tls<&net::server_trust_files::ca>},
    key{"consensus.tls.certificate", read_engine_tls<&net::server_trust_files::certificate>},
    key{"consensus.tls.key", read_engine_tls<&net::server_trust_files::key>},
    key{"storage.plugin", read_plugin<&config::storage>},
    key{"storage.settings", read_settings<&config::storage>},
    key{"recovery.plugin", read_plugin<&config::recovery>},
    key{"recovery.settings", read_settings<&config::recovery>},
    key{"friends.free_busy", read_yes_or_no<&node::node_settings::tells_free_busy>},
    key{"history.keep_days", read_days<&node::node_settings::history_kept>},
    key{"history.trash_days", read_days<&node::node_settings::trash_kept>},
    key{"files.folder", read_folder},
    key{"files.ahead_days", read_ahead},
    key{"files.unneeded_days", read_unneeded},
    key{"backup.quota_mib", read_quota},
    key{"scrub.every_days", read_scrub_days},
    key{"scrub.mib_per_second", read_scrub_speed},
    key{"plugins.directories", read_directories},
    key{"web.listen", read_web},
    key{"web.door.listen", read_door_listen},
    key{"web.door.names", read_door_names},
    key{"web.door.certificate", read_door_certificate},
    key{"web.door.key", read_door_key},
    key{"web.door.register", read_door_register},
    key{"reach", read_reach},
    key{"log.level", read_level},
    key{"kdf.memory_mib", read_memory},
    key{"kdf.passes", read_passes},
};

// Unknown keys ------------------------------------------------------------------------------------

std::string_view last_word(std::string_view name) { return name.substr(name.rfind('.') + 1); }

std::string suggestion(std::string_view unknown) {
    std::string_view best;
    std::size_t least = std::max<std::size_t>(2, unknown.size() / 3) + 1;
    for (const key& one : keys) {
        const std::size_t apart = std::min(distance(unknown, one.name),
                                           // in the wrong section, or in none
                                           distance(last_word(unknown), last_word(one.name)) + 1);
        if (apart < least) {
            least = apart;
            best = one.name;
        }
    }
    return best.empty() ? "see docs/operations.md for those that there are"
                        : "did you mean " + std::string(best) + "?";
}

class file_reader {
public:
    file_reader(const std::string& file, config& into) : file_(file), into_(into) {}

    result<void> read(const toml::table& table, const std::string& prefix) {
        for (const auto& [word, value] : table) {
            const std::string name = prefix + std::string(word.str());
            const auto known = std::find_if(keys.begin(), keys.end(),
                                            [&](const key& one) { return one.name == name; });
            if (known != keys.end()) {
                if (auto good = known->read(value, into_); !good) {
                    return refuse(word, name + ": " + good.error().message());
                }
            } else if (is_section(name) && value.is_table()) {
                if (auto good = read(*value.as_table(), name + "."); !good) {
                    return good;
                }
            } else if (is_section(name)) {
                return refuse(word,
                              name + " is a section: write [" + name + "], and its keys below it");
            } else {
                return refuse(word, "unknown key " + name + "; " + suggestion(name));
            }
        }
        return {};
    }

private:
    static bool is_section(const std::string& name) {
        return std::any_of(keys.begin(), keys.end(),
                           [&](const key& one) { return one.name.starts_with(name + "."); });
    }
    tl::unexpected<error> refuse(const toml::key& where, const std::string& sentence) const {
        return wrong(file_ + ":" + std::to_string(where.source().begin.line) + ": " + sentence);
    }

    const std::string& file_;
    config& into_;
};

/// An XDG directory: relative ones are to be ignored, as the specification has it.
fs::path xdg(const variables& from, const char* name, const char* below_home) {
    if (const std::string value = from(name); value.starts_with('/')) {
        return value;
    }
    const std::string home = from("HOME");
    return home.starts_with('/') && *below_home != '\0' ? fs::path(home) / below_home : fs::path();
}

/// The library says by an exception that a text is not TOML.
result<toml::table> parse_toml(std::string_view text, const std::string& file) {
    try {
        return toml::parse(text, file);
    } catch (const toml::parse_error& problem) {
        return wrong(file + ":" + std::to_string(problem.source().begin.line) +
                     ": this is not TOML: " + std::string(problem.description()));
    }
}

result<void> fill_in_places(config& into, const variables& from) {
    const fs::path data = xdg(from, "XDG_DATA_HOME", ".local/share");
    if (into.data_dir.empty()) {
        if (data.empty()) {
            return wrong(
                "neither XDG_DATA_HOME nor HOME is set: name data_dir in the configuration");
        }
        into.data_dir = data / "calbox";
    }
    if (into.socket.empty()) {
        const fs::path runtime = xdg(from, "XDG_RUNTIME_DIR", "");
        if (runtime.empty() && data.empty()) {
            return wrong(
                "neither XDG_RUNTIME_DIR nor HOME is set: name socket in the configuration");
        }
        into.socket =
            (runtime.empty() ? data : runtime) / "calbox" / "ctl.sock";  // where calboxctl looks
    }
    if (const std::string& folder = into.folder.path.native(); folder.starts_with("~/")) {
        const fs::path home = from("HOME");
        if (!home.is_absolute()) {
            return wrong("files.folder: HOME is not set: name an absolute path");
        }
        into.folder.path = home / folder.substr(2);
    }
    if (into.socket.native().size() > socket_path_max) {
        return wrong("socket: " + into.socket.native() + " is too long for a socket (at most " +
                     std::to_string(socket_path_max) +
                     " bytes): name a shorter path in the configuration");
    }
    return {};
}

}  // namespace

result<config> parse_config(std::string_view text, const std::string& file, const variables& from) {
    const auto parsed = parse_toml(text, file);
    if (!parsed) {
        return fail(parsed.error());
    }
    config made;
    made.node.scrubbing.every = std::chrono::days(30);
    made.node.tests_reachability = true;
    made.node.roles =
        wire::role::edge | wire::role::rendezvous | wire::role::backup | wire::role::registry;
    if (auto good = file_reader(file, made).read(*parsed, {}); !good) {
        return fail(std::move(good.error()));
    }
    if (auto good = fill_in_places(made, from); !good) {
        return fail(std::move(good.error()));
    }
    if (auto good = complete_door(made.door); !good) {
        return fail(std::move(good.error()));
    }
    if (made.consensus_tls.certificate.empty() != made.consensus_tls.key.empty()) {
        return wrong("consensus.tls.certificate and consensus.tls.key belong together: name both");
    }
    return made;
}

result<config> load_config(const std::optional<fs::path>& file, const variables& from) {
    fs::path path = file.value_or(fs::path());
    if (!file) {
        const fs::path home = xdg(from, "XDG_CONFIG_HOME", ".config");
        path = home / "calbox" / "calbox.toml";
        std::error_code problem;
        if (home.empty() || fs::status(path, problem).type() == fs::file_type::not_found) {
            return parse_config({}, "the defaults", from);
        }
    }
    std::error_code problem;
    if (fs::is_directory(path, problem)) {
        return wrong("cannot read the configuration " + path.string() + ": it is a directory");
    }
    errno = 0;
    std::ifstream in(path, std::ios::binary);
    std::string text(file_bytes_max + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (in.bad() || !(in || in.eof())) {
        return wrong("cannot read the configuration " + path.string() + ": " +
                     std::generic_category().message(errno));
    }
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (text.size() > file_bytes_max) {
        return wrong("the configuration " + path.string() + " is larger than 1 MiB");
    }
    return parse_config(text, path.string(), from);
}

}  // namespace calbox::daemon
