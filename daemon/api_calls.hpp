// What the functions behind the routes are given and give back, and their names. Part of the API;
// core thread only.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "folder_sync.hpp"
#include "http.hpp"
#include "json.hpp"

namespace calbox::daemon {

class metrics;
class web_sessions;

/// The whole body of a request as JSON. malformed when there is none.
task<result<json>> document_of(http::exchange& line);

/// One request on its way. Lives until the function that is given it has returned.
struct call {
    const environment& env;
    node::services& on;
    web_sessions& pages;
    const std::function<void()>& stop;
    const std::function<folder_view()>& folder;
    const metrics& counted;
    http::exchange& line;
    std::vector<std::string> parts;  // what stands for the path's {...}, decoded
    std::vector<std::pair<std::string, std::string>> query;

    /// The user that Calbox-User names.
    result<user_id> user() const;
    struct address {
        user_id as;
        event_id which;
    };
    /// That user, and the event of the path's first two parts.
    result<address> addressed() const;
    /// As addressed(), for events that were deleted, too.
    result<address> addressed_ever() const;
    /// The value of a key of the query; nothing when it is not there.
    const std::string* asked_for(std::string_view key) const noexcept;
    /// A time of the query.
    result<std::optional<timestamp>> time_asked_for(std::string_view key) const;
    /// invalid_argument for a key that is not among `known`.
    result<void> only(std::vector<std::string_view> known) const;
    task<result<json>> document() { return document_of(line); }
    /// For a body that is an object with this one text.
    task<result<std::string>> text(std::string_view key);
    /// For requests that have nothing to say: reads away an empty body or `{}`.
    task<result<void>> nothing();
};

/// A stream of events that has nothing to say sends a comment so often, so that both ends notice
/// when the other is gone.
inline constexpr duration comment_time = std::chrono::seconds(15);

/// An answer to send. A function that streams has answered already: then only the status counts.
using outcome = task<result<http::response>>;

http::response json_response(int status, const json& document);
http::response empty_response();
/// When it is done; otherwise why not.
result<http::response> empty_response(const result<void>& done);

/// Percent-decoding (RFC 3986); with `plus`, as forms write queries. malformed: half an escape.
result<std::string> decoded(std::string_view text, bool plus);
std::string encoded(std::string_view text);

outcome get_health(call& one);
outcome get_metrics(call& one);
outcome get_openapi(call& one);
outcome get_status(call& one);
outcome get_doctor(call& one);
outcome post_stop(call& one);
outcome get_plugins(call& one);
outcome get_recovery(call& one);
outcome put_recovery_strategy(call& one);
outcome get_peers(call& one);
outcome get_net(call& one);
outcome get_rendezvous(call& one);
outcome get_routes(call& one);
outcome get_objects(call& one);
outcome get_holders(call& one);
outcome get_discovery(call& one);
outcome put_discovery_strategy(call& one);
outcome get_network(call& one);
outcome post_network(call& one);
outcome get_strategy(call& one);
outcome post_strategy(call& one);
outcome post_invitation(call& one);
outcome post_join(call& one);

outcome get_session(call& one);
outcome post_session(call& one);
outcome delete_session(call& one);
outcome get_users(call& one);
outcome get_friends(call& one);
outcome post_friend(call& one);
outcome accept_friend(call& one);
outcome delete_friend(call& one);
outcome get_groups(call& one);
outcome put_group(call& one);
outcome delete_group(call& one);

outcome get_events(call& one);
outcome post_event(call& one);
outcome get_event(call& one);
outcome patch_event(call& one);
outcome delete_event(call& one);
outcome put_answer(call& one);
outcome get_conflicts(call& one);
outcome get_reminders(call& one);
outcome put_reminders(call& one);
outcome get_due(call& one);
outcome take_due(call& one);
outcome get_free_busy(call& one);
outcome get_link(call& one);
outcome put_link(call& one);
outcome delete_link(call& one);
outcome post_leave(call& one);
outcome get_open(call& one);
outcome get_joins(call& one);
outcome post_join_event(call& one);
outcome delete_join(call& one);
outcome post_copy(call& one);
outcome post_takeover(call& one);
/// The event with its ETag.
http::response event_response(const call& one, user_id as, int status,
                              const node::event_view& event);
/// The same for one that is new: 201, and where it is.
http::response new_event_response(const call& one, user_id as, const node::event_view& event);
/// For an event that cannot be confirmed, who would help.
http::response refusal_of(const call& one, const error& why);
/// What If-Match expects of the event. conflict when the current version is not among its tags.
result<std::optional<version_number>> expected(const call& one, user_id as, event_id which);

outcome get_history(call& one);
outcome post_restore(call& one);
outcome get_trash(call& one);

outcome get_lock(call& one);
outcome post_lock(call& one);
outcome delete_lock(call& one);

outcome get_files(call& one);
outcome post_files(call& one);
outcome fetch_files(call& one);
outcome post_file(call& one);
outcome put_file(call& one);
outcome get_file(call& one);
outcome fetch_file(call& one);
outcome pause_file(call& one);
outcome resume_file(call& one);
outcome delete_file(call& one);
outcome get_folder(call& one);

outcome get_account(call& one);
outcome post_account_export(call& one);
outcome put_account_password(call& one);
outcome post_account_restore(call& one);

outcome get_search(call& one);
outcome get_export(call& one);
outcome post_import(call& one);

outcome get_store(call& one);
outcome get_store_check(call& one);
outcome post_store_backup(call& one);
outcome post_store_scrub(call& one);

outcome get_watch(call& one);

outcome get_web(call& one);
outcome post_web(call& one);

}  // namespace calbox::daemon
