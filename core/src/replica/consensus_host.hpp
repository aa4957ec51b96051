// Runs the consensus strategy of one epoch: feeds it inputs one at a time, and performs its effects
// in order, what it persists or decides durable before what it sends or answers. Steps that wait
// together share one commit of the store. When a write fails, the strategy starts again from what
// is on the disk. Owned by the node; core thread only.
#pragma once

#include <deque>
#include <map>

#include <calbox/consensus.hpp>

#include "base/task_scope.hpp"
#include "net/http_client.hpp"
#include "replica/event_store.hpp"

namespace calbox::replica {

/// What the host asks of the rest of the daemon.
class consensus_mediator : public consensus::referee {
public:
    ~consensus_mediator() override;
    virtual void send(const device_id& to, bytes body) = 0;
    /// The versions held here with which events came into the strategy's epoch.
    virtual std::vector<consensus::inherit> inherited() const = 0;
    /// Nobody else writes this event while the guard lives.
    virtual task<event_store::guard> hold(event_id which) = 0;
    /// Adds to `writes` what storing the decided value takes; nothing when this device holds it
    /// already, or has no part in it.
    virtual result<void> store_decided(const consensus::decide& what, batch& writes) = 0;
    /// That batch is durable: deliver.
    virtual void decided(const consensus::decide& what) = 0;
    /// One sentence for people: who edits since when, or who is missing.
    virtual error explain(const event_id& which, const consensus::refused& refusal) = 0;
    /// Whether the answer to an edit of this device was lost, and its fate is not known now.
    virtual void doubtful(const event_id& which, bool now) = 0;
    /// The strategy has begun again: it knows of no lock that it gave, and may give it once more.
    virtual void locks_lost(const error& why) = 0;
};

class consensus_host {
public:
    consensus_host(const environment& env, database& db, consensus::strategy& strategy,
                   consensus_mediator& mediator, device_id self,
                   network_epoch epoch = network_epoch(1));
    ~consensus_host();

    /// Hands the strategy what it had persisted.
    task<result<void>> start();
    void request_stop() noexcept { tasks_.request_stop(); }
    task<void> join() { return tasks_.join(); }

    /// busy, conflict, unavailable, already_exists (for a create), and what the store may fail
    /// with.
    task<result<consensus::granted>> acquire(consensus::acquire what);
    /// Asks for the fate of a commit whose answer was lost, or that the store broke off when others
    /// had heard of it; timed_out when that cannot be told now.
    task<result<consensus::committed>> commit(consensus::commit what, consensus::group members);
    /// How long the lock is held from now on. busy or conflict: it is lost; unavailable, timed_out:
    /// it lasts as long as it did before.
    task<result<duration>> renew(consensus::renew what);
    void release(consensus::release what);
    std::string explain(const event_id& which) const;
    consensus::traits declared() const noexcept { return strategy_.declared(); }
    /// An event came into this epoch, with a version that is held here now.
    void inherit(consensus::inherit what) { step(std::move(what)); }
    /// What an event begins with that this device brings into this epoch.
    result<bytes> begins(const event_id& which, const consensus::group& members) const;
    /// Before the end: makes others independent of this device, for at most `most`.
    task<void> leave(duration most);
    void on_message(const device_id& from, bytes body);
    void on_peer(const device_id& device, bool up);

private:
    struct operation;
    consensus::context here() const;
    bytes key_of(byte_view key) const;
    task<result<database::rows>> persisted();
    void restore(database::rows rows);
    void step(const consensus::input& what);
    std::vector<std::vector<consensus::effect>> next_steps();
    task<void> perform();
    task<result<void>> make_durable(const std::vector<std::vector<consensus::effect>>& steps);
    task<void> begin_again(error why);
    task<consensus::done> outcome_of(operation_id id, consensus::input what);
    task<void> ask_again(consensus::fate ask);
    void carry_out(consensus::effect& what);
    task<void> ask_engine(consensus::http_request what);
    void answer(consensus::done what);
    void forget_timers() noexcept;

    const environment& env_;
    database& db_;
    consensus::strategy& strategy_;
    consensus_mediator& mediator_;
    device_id self_;
    network_epoch epoch_;
    net::http_client engine_;
    task_scope tasks_;
    std::deque<std::vector<consensus::effect>> waiting_;
    std::map<operation_id, std::shared_ptr<operation>> operations_;
    std::map<std::uint64_t, timer_queue::id> timers_;
    std::map<event_id, operation_id> doubts_;  // edits of which nobody has told what they came to
    std::optional<error> broken_;  // the store failed, and the strategy has not begun again
    std::map<device_id, bool> changed_meanwhile_;  // who came or went; it knows of those before
    std::string complaint_;                        // that was logged last, and is still true
    std::shared_ptr<event> leaving_;
    bool performing_ = false;
};

}  // namespace calbox::replica
