// The store and what reads it, and the folder of coming events, as JSON.
#include "json.hpp"

namespace calbox::daemon {

json to_json(const node::scrub_view& view) {
    json found = json::array();
    for (const node::damage_view& one : view.found) {
        found.push_back({{"what", one.what}, {"name", one.name}, {"healed", one.healed}});
    }
    const auto moment = [](const std::optional<timestamp>& at) {
        return at ? json(model::utc_text(*at)) : json();
    };
    return {{"running", view.running},     {"hurries", view.hurries},     {"healing", view.healing},
            {"began", moment(view.began)}, {"ended", moment(view.ended)}, {"events", view.events},
            {"versions", view.versions},   {"files", view.files},         {"bytes", view.bytes},
            {"damaged", view.damaged},     {"healed", view.healed},       {"found", found}};
}

json to_json(const node::store_view& view) {
    constexpr auto history = static_cast<std::size_t>(storage::record_kind::history);
    return {{"engine", view.engine},
            {"layout", view.size.layout},
            {"database_bytes", view.size.database_bytes},
            {"log_bytes", view.size.log_bytes},
            {"records", view.records},
            {"events", view.events},
            {"versions", view.size.records[history]},
            {"files", view.files},
            {"file_bytes", view.size.blob_bytes},
            {"parts", view.size.parts},
            {"part_bytes", view.size.part_bytes},
            {"records_aside", view.records_aside},
            {"pieces_aside", view.size.pieces},
            {"piece_bytes", view.size.piece_bytes},
            {"lost_events", view.lost_events},
            {"lost_files", view.lost_files},
            {"lacking_events", view.lacking_events},
            {"given_events", view.given_events},
            {"scrub", to_json(view.scrub)}};
}

json to_json(const folder_view& view) {
    json events = json::array();
    for (const folder_view::event& one : view.events) {
        json files = json::array();
        for (const folder_plan::file_state& file : one.files) {
            files.push_back({{"name", file.name},
                             {"label", file.label},
                             {"state", file.state},
                             {"problem", file.problem}});
        }
        events.push_back({{"id", one.id_text},
                          {"title", one.title},
                          {"directory", one.directory},
                          {"files", files}});
    }
    return {{"path", view.path},
            {"user", view.user},
            {"state", view.state},
            {"problem", view.problem},
            {"ahead_days", view.ahead_days},
            {"events", events}};
}

}  // namespace calbox::daemon
