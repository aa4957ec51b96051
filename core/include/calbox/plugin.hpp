// The plugin boundary. A plugin is one shared library with one exported symbol,
// `calbox_plugin_descriptor`, and an ELF section `calbox_meta` that is read before anything of it
// runs. Write CALBOX_PLUGIN(...) once, in plugin.cpp. The descriptor is C and frozen: it grows only
// by its reserved fields. The strategy classes are C++ behind an exact match of abi_tag. A library
// is loaded once and never unloaded; instances are made and destroyed through the descriptor on the
// core thread (storage: on the storage executor). Plugins are trusted code.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>

#include <calbox/consensus.hpp>
#include <calbox/discovery.hpp>
#include <calbox/recovery.hpp>
#include <calbox/storage.hpp>

#define CALBOX_API_MAJOR 3
#define CALBOX_API_MINOR 0

#define CALBOX_TEXT_OF(x) #x
#define CALBOX_TEXT(x) CALBOX_TEXT_OF(x)
#if defined(__x86_64__)
#define CALBOX_ARCH "x86_64"
#elif defined(__aarch64__)
#define CALBOX_ARCH "aarch64"
#else
#define CALBOX_ARCH "other"
#endif
#ifdef _GLIBCXX_DEBUG
#define CALBOX_DEBUG_MODE "1"
#else
#define CALBOX_DEBUG_MODE "0"
#endif
/// What must be equal for C++ types to cross: keys separated by ';', so that a refusal can name the
/// one that differs.
#define CALBOX_ABI_TAG                                                                          \
    "calbox=" CALBOX_TEXT(                                                                      \
        CALBOX_API_MAJOR) ";arch=" CALBOX_ARCH                                                  \
                          ";libstdcxx=" CALBOX_TEXT(_GLIBCXX_RELEASE) ";cxx11abi=" CALBOX_TEXT( \
                              _GLIBCXX_USE_CXX11_ABI) ";debug=" CALBOX_DEBUG_MODE

extern "C" {

enum calbox_plugin_kind : std::uint32_t {
    calbox_plugin_discovery = 1,
    calbox_plugin_consensus = 2,
    calbox_plugin_storage = 3,
    calbox_plugin_recovery = 4,
};

/// Filled in by the plugin when its factory fails; owned by the host.
struct calbox_plugin_error {
    char text[512];
};

struct calbox_plugin_descriptor_type {
    std::uint64_t magic;  // calbox_plugin_magic
    std::uint32_t descriptor_version;
    std::uint32_t descriptor_size;
    std::uint16_t api_major;
    std::uint16_t api_minor;
    std::uint32_t kind;
    const char* abi_tag;
    const char* name;  // [a-z0-9_]+
    const char* version;
    const char* summary;        // one sentence
    const char* traits;         // words separated by spaces, for `calboxctl plugins`
    const char* config_schema;  // JSON Schema of its settings (type, required, enum, minimum,
                                // maximum, default)
    /// `settings`: one JSON object that fits config_schema. Returns a strategy* of the kind, as
    /// void*, or null with `error`.
    void* (*create)(const char* settings, std::size_t length, calbox_plugin_error* error) noexcept;
    void (*destroy)(void* strategy) noexcept;
    void* reserved[6];
};
}

inline constexpr std::uint64_t calbox_plugin_magic = 0x31504f4258424c43;  // "CLBXBOP1"
inline constexpr std::uint32_t calbox_plugin_descriptor_version = 1;

namespace calbox::plugin_detail {

template <class Strategy>
constexpr calbox_plugin_kind kind_of() {
    if constexpr (std::is_base_of_v<discovery::strategy, Strategy>) {
        return calbox_plugin_discovery;
    } else if constexpr (std::is_base_of_v<consensus::strategy, Strategy>) {
        return calbox_plugin_consensus;
    } else if constexpr (std::is_base_of_v<storage::strategy, Strategy>) {
        return calbox_plugin_storage;
    } else {
        static_assert(std::is_base_of_v<recovery::strategy, Strategy>,
                      "derive from a strategy of one of the four kinds");
        return calbox_plugin_recovery;
    }
}

template <class Strategy>
using base_of = std::conditional_t<
    std::is_base_of_v<discovery::strategy, Strategy>, discovery::strategy,
    std::conditional_t<std::is_base_of_v<consensus::strategy, Strategy>, consensus::strategy,
                       std::conditional_t<std::is_base_of_v<storage::strategy, Strategy>,
                                          storage::strategy, recovery::strategy>>>;

inline void set_error(calbox_plugin_error* out, const char* text) noexcept {
    std::strncpy(out->text, text, sizeof out->text - 1);
    out->text[sizeof out->text - 1] = '\0';
}

template <auto Make, class Strategy>
void* create(const char* settings, std::size_t length, calbox_plugin_error* error) noexcept {
    try {
        auto made = Make(std::string_view(settings, length));
        if (!made) {
            set_error(error, made.error().message().c_str());
            return nullptr;
        }
        return static_cast<base_of<Strategy>*>(made->release());
    } catch (const std::exception& problem) {
        set_error(error, problem.what());
    } catch (...) {
        set_error(error, "the factory threw something that is not an exception");
    }
    return nullptr;
}

template <class Strategy>
void destroy(void* strategy) noexcept {
    delete static_cast<base_of<Strategy>*>(strategy);
}

}  // namespace calbox::plugin_detail

/// Strategy: the class. Make: a function result<std::unique_ptr<Strategy>>(std::string_view
/// settings_json). KIND_TEXT ("discovery" ...) must name the kind that Strategy derives from; the
/// loader compares both.
#define CALBOX_PLUGIN(Strategy, Make, KIND_TEXT, NAME, VERSION, SUMMARY, TRAITS, SCHEMA)      \
    extern "C" __attribute__((section("calbox_meta"), used, visibility("hidden")))            \
    const char calbox_plugin_meta[] =                                                         \
        "CBMETA1\nname=" NAME "\nversion=" VERSION "\nkind=" KIND_TEXT                        \
        "\napi=" CALBOX_TEXT(CALBOX_API_MAJOR) "." CALBOX_TEXT(                               \
            CALBOX_API_MINOR) "\nabi=" CALBOX_ABI_TAG "\ntraits=" TRAITS "\nsummary=" SUMMARY \
                              "\n";                                                           \
    extern "C" __attribute__((visibility("default")))                                         \
    const calbox_plugin_descriptor_type calbox_plugin_descriptor = {                          \
        calbox_plugin_magic,                                                                  \
        calbox_plugin_descriptor_version,                                                     \
        sizeof(calbox_plugin_descriptor_type),                                                \
        CALBOX_API_MAJOR,                                                                     \
        CALBOX_API_MINOR,                                                                     \
        ::calbox::plugin_detail::kind_of<Strategy>(),                                         \
        CALBOX_ABI_TAG,                                                                       \
        NAME,                                                                                 \
        VERSION,                                                                              \
        SUMMARY,                                                                              \
        TRAITS,                                                                               \
        SCHEMA,                                                                               \
        &::calbox::plugin_detail::create<Make, Strategy>,                                     \
        &::calbox::plugin_detail::destroy<Strategy>,                                          \
        {}}
