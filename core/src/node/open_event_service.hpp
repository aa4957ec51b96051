// The organizer's side of open events. That an event is open is an event of a kind of its own,
// which is the organizer's alone: so it follows him to his devices, and the event itself stays as
// it is. Whoever has the link asks a device of his (join_event), which takes him in by an ordinary
// version of the event; those who ask at the same time are taken in by one. Owned by the node; core
// thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>

#include "base/task_scope.hpp"
#include "node/open_events.hpp"
#include "node/opened_events.hpp"
#include "node/readiness.hpp"
#include "node/set_operations.hpp"
#include "wire/limits.hpp"

namespace calbox::node {

/// Plaintext body of an event of kind opening.
struct opening_body {
    event_id of;
    bytes secret;                  // empty: it is closed
    std::vector<user_id> removed;  // may not come back by the link; sorted
    bool is_open() const noexcept { return secret.size() == wire::limits::join_secret_bytes; }
    static constexpr auto fields =
        std::tuple(codec::field<1>(&opening_body::of), codec::field<2>(&opening_body::secret),
                   codec::field<3>(&opening_body::removed));
};

/// Who has sent wrong links lately. A value.
class wrong_links {
public:
    bool admits(const device_id& from, instant now);
    void note(const device_id& from, instant now);

private:
    static constexpr duration window = std::chrono::minutes(1);
    static constexpr std::size_t devices_most = 10'000;
    std::map<device_id, std::size_t> counts_;
    instant began_{};
};

class open_event_service final : public open_events {
public:
    struct parts {
        replica::replicator& replica;
        opened_events& opened;
        set_operations& sets;
        people& who;
        readiness& ready;
        device_id self;
        std::function<network_id()> network;
        std::function<task<bool>(user_id user, user_id other)> befriended;
        std::function<std::vector<device_id>(const user_id&)> present;
        std::function<task<result<bytes>>(device_id to, bytes question)> request;
    };
    open_event_service(const environment& env, parts with)
        : env_(env), with_(std::move(with)), tasks_(env, "open events") {}

    result<std::string> link(user_id as, event_id which) const override;
    task<result<std::string>> open(user_id as, event_id which) override;
    task<result<void>> close(user_id as, event_id which) override;
    task<result<open_list>> list(user_id as, std::string name) override;

    /// Something that may have to do with open events has changed.
    void look(const std::optional<envelope_header>& before, const envelope_header& now);
    /// A user signed in or out.
    void look_anew() { owned_.clear(); }
    void request_stop() noexcept { tasks_.request_stop(); }
    task<void> join() { return tasks_.join(); }

    // Handlers of messages. `users`: who is signed in on the asking device, as it has proved.
    task<result<void>> on_join(device_id from, std::vector<user_id> users, wire::join_event what);
    task<result<wire::open_events_reply>> on_list(std::vector<user_id> users,
                                                  wire::open_events what) const;

private:
    struct owned {
        envelope_header header;
        opening_body body;
    };
    /// Makes the next version of an opening. False: it says so already.
    using opening_change = std::function<bool(opening_body& body, envelope_kind& kind)>;
    /// Those who are taken in by one version, and what came of it. Kept by each who waits for it.
    struct newcomers {
        explicit newcomers(const environment& env) : done(env) {}
        std::vector<user_id> users;
        std::optional<error> why;
        event done;
    };
    struct admission {
        std::shared_ptr<newcomers> next;
        bool under_way = false;
    };
    const std::vector<owned>& owned_by(const user_id& as) const;
    std::vector<const owned*> openings_of(const event_id& which) const;
    std::vector<owned> copies_of(const event_id& which) const;
    task<result<void>> change_openings(event_id which, opening_change what);
    bool opens(const event_id& which, byte_view secret) const;
    bool was_removed(const event_id& which, const user_id& who) const;
    bool is_here(const user_id& user) const;
    std::string link_of(const event_id& which, const bytes& secret) const;
    task<result<void>> take_in(event_id which, user_id who);
    task<void> admit(event_id which);
    task<result<void>> add(event_id which, std::vector<user_id> users);
    void note(const envelope_header& before, const envelope_header& now);
    bool is_deleted(const event_id& which) const;
    task<void> keep_true(event_id which);
    task<bool> forget(event_id which);
    task<bool> note_removed(event_id which);
    std::vector<wire::open_event> told_of(const user_id& organizer) const;
    open_event_view view_of(const user_id& as, wire::open_event what) const;

    const environment& env_;
    parts with_;
    mutable std::map<user_id, std::vector<owned>> owned_;  // as far as they have been read
    std::map<event_id, admission> admissions_;
    /// Removed (or let in again) by a version that is held here, which the opening may not say yet.
    std::map<event_id, std::map<user_id, bool>> unnoted_;
    std::set<event_id> keeping_true_;
    wrong_links wrong_;
    task_scope tasks_;
};

}  // namespace calbox::node
