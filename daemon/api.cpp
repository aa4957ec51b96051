#include "api.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include <boost/system/system_error.hpp>

#include "api_calls.hpp"

namespace calbox::daemon {

namespace {

constexpr char openapi_bytes[] = {
#include "openapi.inc"
};

struct route {
    std::string_view method, path;
    outcome (*run)(call& one);
};

constexpr std::string_view event_path = "/v1/events/{organizer}/{seq}";
constexpr std::string_view lock_path = "/v1/events/{organizer}/{seq}/lock";
constexpr std::string_view open_path = "/v1/events/{organizer}/{seq}/open";
constexpr std::string_view file_path = "/v1/events/{organizer}/{seq}/files/{name}";

/// docs/api.md as a table.
constexpr std::array all_routes = {
    route{"GET", "/health", get_health},
    route{"GET", "/metrics", get_metrics},
    route{"GET", "/openapi.json", get_openapi},
    route{"GET", "/v1/status", get_status},
    route{"GET", "/v1/doctor", get_doctor},
    route{"POST", "/v1/stop", post_stop},
    route{"GET", "/v1/plugins", get_plugins},
    route{"GET", "/v1/peers", get_peers},
    route{"GET", "/v1/net", get_net},
    route{"GET", "/v1/net/rendezvous", get_rendezvous},
    route{"GET", "/v1/net/routes", get_routes},
    route{"GET", "/v1/net/objects", get_objects},
    route{"GET", "/v1/discovery", get_discovery},
    route{"PUT", "/v1/discovery/strategy", put_discovery_strategy},
    route{"GET", "/v1/recovery", get_recovery},
    route{"PUT", "/v1/recovery/strategy", put_recovery_strategy},
    route{"GET", "/v1/network", get_network},
    route{"POST", "/v1/network", post_network},
    route{"POST", "/v1/network/invitations", post_invitation},
    route{"POST", "/v1/network/join", post_join},
    route{"GET", "/v1/network/strategy", get_strategy},
    route{"POST", "/v1/network/strategy", post_strategy},
    route{"GET", "/v1/session", get_session},
    route{"POST", "/v1/session", post_session},
    route{"DELETE", "/v1/session", delete_session},
    route{"GET", "/v1/account", get_account},
    route{"POST", "/v1/account/export", post_account_export},
    route{"PUT", "/v1/account/password", put_account_password},
    route{"POST", "/v1/account/restore", post_account_restore},
    route{"GET", "/v1/users", get_users},
    route{"GET", "/v1/friends", get_friends},
    route{"POST", "/v1/friends", post_friend},
    route{"POST", "/v1/friends/{name}/accept", accept_friend},
    route{"DELETE", "/v1/friends/{name}", delete_friend},
    route{"GET", "/v1/groups", get_groups},
    route{"PUT", "/v1/groups/{name}", put_group},
    route{"DELETE", "/v1/groups/{name}", delete_group},
    route{"GET", "/v1/events", get_events},
    route{"POST", "/v1/events", post_event},
    route{"GET", event_path, get_event},
    route{"PATCH", event_path, patch_event},
    route{"DELETE", event_path, delete_event},
    route{"PUT", "/v1/events/{organizer}/{seq}/answer", put_answer},
    route{"POST", "/v1/events/{organizer}/{seq}/copy", post_copy},
    route{"POST", "/v1/events/{organizer}/{seq}/takeover", post_takeover},
    route{"GET", lock_path, get_lock},
    route{"POST", lock_path, post_lock},
    route{"DELETE", lock_path, delete_lock},
    route{"GET", "/v1/events/{organizer}/{seq}/holders", get_holders},
    route{"GET", "/v1/events/{organizer}/{seq}/history", get_history},
    route{"POST", "/v1/events/{organizer}/{seq}/restore", post_restore},
    route{"GET", "/v1/trash", get_trash},
    route{"GET", "/v1/events/{organizer}/{seq}/reminders", get_reminders},
    route{"PUT", "/v1/events/{organizer}/{seq}/reminders", put_reminders},
    route{"GET", "/v1/reminders", get_due},
    route{"POST", "/v1/reminders/take", take_due},
    route{"GET", "/v1/freebusy/{name}", get_free_busy},
    route{"GET", open_path, get_link},
    route{"PUT", open_path, put_link},
    route{"DELETE", open_path, delete_link},
    route{"POST", "/v1/events/{organizer}/{seq}/leave", post_leave},
    route{"GET", "/v1/open", get_open},
    route{"GET", "/v1/open/{name}", get_open},
    route{"GET", "/v1/joins", get_joins},
    route{"POST", "/v1/joins", post_join_event},
    route{"DELETE", "/v1/joins/{organizer}/{seq}", delete_join},
    route{"GET", "/v1/conflicts", get_conflicts},
    route{"GET", "/v1/events/{organizer}/{seq}/files", get_files},
    route{"POST", "/v1/events/{organizer}/{seq}/files", post_files},
    route{"POST", "/v1/events/{organizer}/{seq}/fetch", fetch_files},
    route{"POST", file_path, post_file},
    route{"PUT", file_path, put_file},
    route{"GET", file_path, get_file},
    route{"POST", "/v1/events/{organizer}/{seq}/files/{name}/fetch", fetch_file},
    route{"POST", "/v1/events/{organizer}/{seq}/files/{name}/pause", pause_file},
    route{"POST", "/v1/events/{organizer}/{seq}/files/{name}/resume", resume_file},
    route{"DELETE", file_path, delete_file},
    route{"GET", "/v1/folder", get_folder},
    route{"GET", "/v1/search", get_search},
    route{"GET", "/v1/export", get_export},
    route{"POST", "/v1/import", post_import},
    route{"GET", "/v1/store", get_store},
    route{"GET", "/v1/store/check", get_store_check},
    route{"POST", "/v1/store/backup", post_store_backup},
    route{"POST", "/v1/store/scrub", post_store_scrub},
    route{"GET", "/v1/watch", get_watch},
    route{"GET", "/v1/web", get_web},
    route{"POST", "/v1/web", post_web},
};

/// The pieces between the slashes.
std::vector<std::string_view> pieces_of(std::string_view path) {
    std::vector<std::string_view> pieces;
    while (true) {
        const auto slash = path.find('/');
        pieces.push_back(path.substr(0, slash));
        if (slash == std::string_view::npos) {
            return pieces;
        }
        path.remove_prefix(slash + 1);
    }
}

/// Whether `path` has the form of `pattern`; `parts` are the pieces that stand for {...}, as they
/// were sent.
bool matches(std::string_view pattern, std::string_view path,
             std::vector<std::string_view>& parts) {
    const auto wanted = pieces_of(pattern);
    const auto given = pieces_of(path);
    parts.clear();
    if (wanted.size() != given.size()) {
        return false;
    }
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (!wanted[i].starts_with('{')) {
            if (wanted[i] != given[i]) {
                return false;
            }
        } else if (given[i].empty()) {
            return false;
        } else {
            parts.push_back(given[i]);
        }
    }
    return true;
}

struct choice {
    const route* chosen = nullptr;
    std::vector<std::string_view> parts;
    std::string allowed;  // the methods of the path
};

choice choose(std::string_view method, std::string_view path) {
    choice made;
    std::vector<std::string_view> parts;
    for (const route& one : all_routes) {
        if (!matches(one.path, path, parts)) {
            continue;
        }
        made.allowed += (made.allowed.empty() ? "" : ", ") + std::string(one.method);
        made.allowed += one.method == "GET" ? ", HEAD" : "";
        if (one.method == method || (one.method == "GET" && method == "HEAD")) {
            made.chosen = &one;
            made.parts = parts;
        }
    }
    return made;
}

/// Clients may name the host in the target: "http://calbox/v1/status".
std::string_view without_host(std::string_view target) {
    constexpr std::string_view scheme = "http://";
    if (!target.starts_with(scheme)) {
        return target;
    }
    const auto slash = target.find('/', scheme.size());
    return slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
}

result<void> read_query(std::string_view text, call& into) {
    while (!text.empty()) {
        const auto pair = text.substr(0, text.find('&'));
        text.remove_prefix(std::min(text.size(), pair.size() + 1));
        if (pair.empty()) {
            continue;
        }
        const auto equals = pair.find('=');
        auto key = decoded(pair.substr(0, equals), true);
        auto value = decoded(
            equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1), true);
        if (!key || !value) {
            return fail(key ? value.error() : key.error());
        }
        into.query.emplace_back(std::move(*key), std::move(*value));
    }
    return {};
}

}  // namespace

std::string_view openapi_document() noexcept { return {openapi_bytes, sizeof openapi_bytes}; }

std::vector<api::route_name> api::routes() {
    std::vector<route_name> all;
    for (const route& one : all_routes) {
        all.push_back({one.method, one.path});
    }
    return all;
}

api::api(const environment& env, node::services on, web_sessions& pages, std::function<void()> stop,
         std::function<folder_view()> folder)
    : env_(env), on_(on), pages_(pages), stop_(std::move(stop)), folder_(std::move(folder)) {}

task<result<http::response>> api::dispatch(http::exchange& line) {
    const std::string_view target = without_host(line.asked().target);
    const auto mark = std::min(target.find('?'), target.size());
    const choice made = choose(line.asked().method, target.substr(0, mark));
    if (made.chosen == nullptr && made.allowed.empty()) {
        co_return fail(errc::not_found,
                       "there is no such path: GET /openapi.json lists what there is");
    }
    if (made.chosen == nullptr) {
        auto refusal = http::problem(
            405, error(errc::unsupported, "this path answers to " + made.allowed + " only"));
        refusal.head.push_back({"Allow", made.allowed});
        co_return refusal;
    }
    call one{env_, on_, pages_, stop_, folder_, metrics_, line, {}, {}};
    for (const std::string_view part : made.parts) {
        auto text = decoded(part, false);
        if (!text) {
            co_return fail(std::move(text.error()));
        }
        one.parts.push_back(std::move(*text));
    }
    const auto query = mark < target.size() ? target.substr(mark + 1) : std::string_view();
    if (auto read = read_query(query, one); !read) {
        co_return fail(std::move(read.error()));
    }
    constexpr std::array queried = {&get_events,  &get_event,     &patch_event, &delete_event,
                                    &get_holders, &get_search,    &get_export,  &post_import,
                                    &get_due,     &get_free_busy, &get_files,   &post_files,
                                    &fetch_files, &post_file,     &put_file,    &get_file,
                                    &fetch_file,  &pause_file,    &resume_file, &delete_file};
    if (std::ranges::find(queried, made.chosen->run) == queried.end()) {
        if (auto none = one.only({}); !none) {
            co_return fail(std::move(none.error()));
        }
    }
    auto answer = co_await made.chosen->run(one);
    if (!answer && !line.answered()) {
        co_return refusal_of(one, answer.error());
    }
    co_return answer;
}

task<void> api::serve(http::exchange& line) {
    const instant began = env_.time.now();
    result<http::response> made = fail(errc::internal);
    try {
        made = co_await dispatch(line);
    } catch (const boost::system::system_error& why) {
        if (why.code() == asio::error::operation_aborted) {
            throw;
        }
        env_.log.write(log_level::error, "api", line.asked().method + " failed: " + why.what());
    } catch (const std::exception& why) {
        env_.log.write(log_level::error, "api", line.asked().method + " failed: " + why.what());
    }
    http::response answer = made ? std::move(*made) : http::problem(made.error());
    metrics_.count(line.asked().method, answer.status, env_.time.now() - began);
    if (!line.answered()) {
        co_await line.answer(std::move(answer));
    } else if (!made) {
        line.broken();
    }
}

}  // namespace calbox::daemon
