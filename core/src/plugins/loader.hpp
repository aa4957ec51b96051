// Finds, judges and hosts plugins. One per process, owned by the composition root and outliving
// none of what it loaded: libraries stay mapped for ever, and every strategy is destroyed by the
// library that made it. Core thread; a storage strategy may be destroyed on the storage executor.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <calbox/plugin.hpp>

namespace calbox::plugins {

/// Owns one strategy. Move-only; destroys through the plugin's descriptor.
template <class Strategy>
class loaded {
public:
    loaded(Strategy* made, const calbox_plugin_descriptor_type& by,
           std::shared_ptr<const void> in_use)
        : by_(&by), in_use_(std::move(in_use)), strategy_(made, deleter{by.destroy}) {}

    Strategy& operator*() const noexcept { return *strategy_; }
    Strategy* operator->() const noexcept { return strategy_.get(); }
    Strategy* get() const noexcept { return strategy_.get(); }
    std::string_view name() const noexcept { return by_->name; }
    std::string_view version() const noexcept { return by_->version; }

private:
    struct deleter {
        void (*destroy)(void*) noexcept;
        void operator()(Strategy* strategy) const noexcept { destroy(strategy); }
    };
    const calbox_plugin_descriptor_type* by_;
    std::shared_ptr<const void> in_use_;  // shared with nobody: the host watches it to say "in use"
    std::unique_ptr<Strategy, deleter> strategy_;
};

struct plugin_status {
    std::string kind, name, version, file, traits, summary,
        status;  // status: "in use", "available", or why refused
};

class plugin_host {
public:
    /// Each directory holds <kind>/<name>.so; the first that has the name is the one that counts.
    plugin_host(std::vector<std::string> directories, logger& log);

    /// `settings_json`: one object, or empty for the defaults. Fails with not_found (no such
    /// plugin; the sentence says which there are), forbidden (a file that others could have
    /// changed), malformed or unsupported (not a plugin, or one that was built for another
    /// calboxd), invalid_argument (settings), or the error of the plugin's factory (internal).
    result<loaded<calbox::discovery::strategy>> discovery(std::string_view name,
                                                          std::string_view settings_json);
    result<loaded<calbox::consensus::strategy>> consensus(std::string_view name,
                                                          std::string_view settings_json);
    result<loaded<calbox::storage::strategy>> storage(std::string_view name,
                                                      std::string_view settings_json);
    result<loaded<calbox::recovery::strategy>> recovery(std::string_view name,
                                                        std::string_view settings_json);

    /// Every *.so of the directories, by kind and name. Runs nothing of them.
    std::vector<plugin_status> list() const;

private:
    struct made {
        void* strategy;
        const calbox_plugin_descriptor_type* by;
        std::shared_ptr<const void> in_use;
    };
    result<made> make(calbox_plugin_kind kind, std::string_view name,
                      std::string_view settings_json);
    result<std::string> directory_of(const std::string& kind, const std::string& name) const;
    template <class Strategy>
    result<loaded<Strategy>> load(calbox_plugin_kind kind, std::string_view name,
                                  std::string_view settings_json);

    std::vector<std::string> directories_;
    logger& log_;
    std::map<std::pair<std::string, std::string>, std::weak_ptr<const void>> used_;  // by file
};

}  // namespace calbox::plugins
