// JSON of the API: strict reading of what clients send, and the services' views as docs/api.md
// writes them. Values and pure functions; part of the API.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "folder_sync.hpp"
#include "node/services.hpp"

namespace calbox::daemon {

using json = nlohmann::json;

/// Reads one document of UTF-8. malformed: no JSON, deeper than 32 levels, or a key twice in an
/// object.
result<json> parse_json(std::string_view text);
/// One line, with its end. Text that is not UTF-8 is replaced.
std::string write_json(const json& document);

/// Takes the members of an object one by one; finish() tells the first thing that was wrong,
/// unknown keys included.
class object_reader {
public:
    /// `document` outlives the reader.
    explicit object_reader(const json& document);

    void text(std::string_view key, std::optional<std::string>& into);
    void truth(std::string_view key, std::optional<bool>& into);
    void number(std::string_view key, std::optional<std::uint64_t>& into);
    void texts(std::string_view key, std::optional<std::vector<std::string>>& into);
    void need(std::string_view key, std::vector<std::uint32_t>& into);
    void need(std::string_view key, std::string& into);
    void need(std::string_view key, std::vector<std::string>& into);

    result<void> finish();

private:
    const json* take(std::string_view key);
    void wrong(std::string sentence);

    const json& document_;
    std::vector<std::string_view> known_;
    std::optional<error> problem_;
};

result<node::event_draft> read_draft(const json& document);

json to_json(const node::account_view& view);
json to_json(const node::lock_view& view);
json to_json(const node::quorum_view& view);
/// "no_quorum"
std::string_view to_string(node::event_state state);
/// `files`: what is known about the files that the event names.
json to_json(const node::event_view& view, const std::vector<node::file_view>& files);
json to_json(const node::reminder_times& view);
json to_json(const node::reminder_view& view);
json to_json(const node::busy_view& view);
json to_json(const node::open_event_view& view);
json to_json(const node::join_view& view);
json to_json(const model::field_change& view);
json to_json(const node::version_view& view);
json to_json(const node::trash_view& view);
json to_json(const node::file_view& view);
json to_json(const node::found_view& view);
/// The six members that say when something takes place.
json times_of(const model::when& time, const model::interval& utc);
json to_json(const node::user_view& view);
json to_json(const node::friend_view& view);
json to_json(const node::group_view& view);
json to_json(const node::network_view& view);
json to_json(const node::strategy_view& view);
json to_json(const node::peer_view& view);
json to_json(const node::discovery_view& view);
json to_json(const node::overlay_view& view);
json to_json(const node::rendezvous_view& view);
json to_json(const node::route_view& view);
json to_json(const node::objects_view& view);
json to_json(const node::holder_view& view);
json to_json(const node::plugin_view& view);
json to_json(const node::finding& view);
json to_json(const node::recovery_view& view);
json to_json(const node::status_view& view);
json to_json(const node::scrub_view& view);
json to_json(const node::store_view& view);
json to_json(const node::change& view);
json to_json(const folder_view& view);

template <class Views>
json list_of(const Views& views) {
    json list = json::array();
    for (const auto& view : views) {
        list.push_back(to_json(view));
    }
    return list;
}

}  // namespace calbox::daemon
