// Locks for people: the editor sessions of this device's users, renewed while they are open, and
// who edits on other devices. The consensus strategy alone decides who holds a lock; what is told
// to others is news for people. Owned by the node; core thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "base/task_scope.hpp"
#include "node/lock_table.hpp"
#include "node/opened_events.hpp"
#include "node/readiness.hpp"
#include "node/services.hpp"

namespace calbox::node {

class lock_service final : public locks {
public:
    struct parts {
        replica::replicator& replica;
        opened_events& opened;
        people& who;
        readiness& ready;
        device_id self;
        /// The devices of a user that can be reached now.
        std::function<std::vector<device_id>(const user_id&)> present;
        std::function<void(const device_id&, wire::lock)> send;
        /// Tells a user of this device.
        std::function<void(const user_id&, change)> tell;
    };
    lock_service(const environment& env, parts with);
    ~lock_service() override;

    task<result<session_view>> begin(user_id as, event_id which) override;
    task<std::string> ended(std::string session) override;
    void end(const std::string& session) override;
    result<void> release(user_id as, event_id which) override;
    result<std::optional<lock_view>> show(user_id as, event_id which) const override;
    std::string explain(event_id which) const override { return with_.replica.explain_lock(which); }
    /// Ends the sessions of this user, or all of them: he signs out, or the daemon ends.
    void end_all(std::optional<user_id> of = {});
    /// The strategy of that epoch has lost the locks that it gave.
    void lose_all(network_epoch in, const error& why);
    void request_stop() noexcept;
    task<void> join() { return tasks_.join(); }

    std::optional<lock_view> who_edits(const event_id& which) const;
    /// One sentence, for whoever is refused.
    std::string sentence(const event_id& which, const device_id& holder, timestamp since) const;
    /// The lock of that session of this user on this event; nothing when it was lost. Until used(),
    /// it is not renewed.
    std::optional<replica::held_lock> use(const std::string& session, const user_id& as,
                                          const event_id& which);
    /// What came of the edit under it. A refusal of what was asked for leaves the session open.
    void used(const std::string& session, errc outcome);
    /// The session that this user has on the event here; empty: none.
    std::string session_of(const user_id& as, const event_id& which) const;
    /// Whether that session has the lock now, and no edit is under way that will end it.
    bool holds(const user_id& as, const event_id& which) const;
    /// What came of a change under its lock after which its editor stays open: the session gets
    /// another lock, or ends where somebody else was faster.
    task<void> go_on(std::string session, errc outcome);
    /// Another device's word.
    void on_lock(const device_id& from, const wire::lock& what);
    /// A version by that device has arrived: it edits no longer.
    void event_changed(const envelope_header& now);

    static constexpr duration renewed_every = std::chrono::seconds(10);
    static constexpr duration session_most = std::chrono::minutes(15);
    /// For how long a session tries to get its lock back after a change under it.
    static constexpr duration lock_again_most = std::chrono::seconds(3);
    static constexpr std::size_t sessions_max = 1000;
    /// Devices that are told of one lock; the rest hear who has it when they are refused.
    static constexpr std::size_t told_max = 1000;

private:
    struct session;
    task<void> keep(std::shared_ptr<session> mine);
    void finish_those(const std::function<bool(const session&)>& which, const std::string& why);
    void finish(const std::shared_ptr<session>& mine, std::string why, bool give_back);
    void announce(const session& mine, bool held);
    void news(const event_id& which, const std::optional<lock_view>& now);
    void watch_ends();
    lock_view view_of(const lock_entry& from) const;

    const environment& env_;
    parts with_;
    lock_table table_;
    std::map<std::string, std::shared_ptr<session>> sessions_;
    std::optional<timer_queue::id> timer_;
    task_scope tasks_;
};

}  // namespace calbox::node
