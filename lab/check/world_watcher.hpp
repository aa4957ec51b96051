// Feeds the claims from a world of whole nodes: it is the world's observer, and is told what people
// asked and were answered. Owned by whoever drives the world; outlives the world's use of it. One
// thread.
#pragma once

#include "lab/check/watcher.hpp"
#include "lab/world/cast.hpp"

namespace calbox::lab::claims {

class world_watcher final : public observer {
public:
    /// Becomes the observer of `in`, and listens to its wires.
    explicit world_watcher(world& in);
    ~world_watcher() override;
    world_watcher(const world_watcher&) = delete;
    world_watcher& operator=(const world_watcher&) = delete;

    void shown(const std::string& device, const user_id& user,
               const node::event_view& what) override;
    void vanished(const std::string& device, const user_id& user, const event_id& what) override;
    void granted(const std::string& device, const event_id& event,
                 const consensus::granted& what) override;
    void released(const std::string& device, const event_id& event, consensus::token held) override;
    void decided(const std::string& device, const consensus::decide& what) override;
    void ended(const std::string& device) override;

    /// Somebody with a name for the sentences. Before he does anything.
    void knows(const person& who);

    /// An operation, from its question on.
    struct ticket {
        operation asked;
        operation_id id;
        viewer author;
        std::optional<version_of> would_make;  // of an event that exists
    };
    ticket creates(const person& who);
    /// `seen`: the view that he acts on, whose version he expects.
    ticket changes(const person& who, const node::event_view& seen);
    ticket removes(const person& who, const node::event_view& seen);
    /// No answer: the daemon that owed it ended, and whether it happened is unknown. For a removal
    /// by the organizer; what a guest takes from his own calendar is no version of the event.
    void answered(ticket what, const answer<node::event_view>& how);
    void answered(ticket what, const answer<void>& how);

    /// What everyone who is up sees in the end.
    void end(const std::vector<const person*>& everyone);

    watcher claims;

private:
    ticket asks(const person& who, operation_kind op);
    viewer viewer_of(const std::string& device, const user_id& user);
    bool unanswered(ticket& what, const error* why);
    void unknown(ticket& what);

    world& world_;
    std::uint64_t asked_ = 0;
    std::map<std::string, std::uint64_t> unknowns_;  // of each person: names of his next client
    std::map<std::pair<std::string, std::string>, std::uint64_t> wires_;
};

}  // namespace calbox::lab::claims
