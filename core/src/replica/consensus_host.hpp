// Runs the network's consensus strategy: feeds it inputs one at a time, and performs its effects in
// order, what it persists or decides durable before what it sends or answers. Steps that wait
// together share one commit of the store. Owned by the node; core thread only.
#pragma once

#include <deque>
#include <map>

#include <calbox/consensus.hpp>

#include "base/task_scope.hpp"
#include "replica/database.hpp"

namespace calbox::replica {

/// What the host asks of the rest of the daemon.
class consensus_mediator {
public:
    virtual ~consensus_mediator();
    virtual void send(const device_id& to, bytes body) = 0;
    /// Adds to `writes` what storing the decided value takes.
    virtual result<void> store_decided(const consensus::decide& what, batch& writes) = 0;
    /// That batch is durable: deliver.
    virtual void decided(const consensus::decide& what) = 0;
};

class consensus_host {
public:
    consensus_host(const environment& env, database& db, consensus::strategy& strategy,
                   consensus_mediator& mediator, device_id self);
    ~consensus_host();

    /// Hands the strategy what it had persisted.
    task<result<void>> start();
    void request_stop() noexcept { tasks_.request_stop(); }
    task<void> join() { return tasks_.join(); }

    task<result<consensus::granted>> acquire(consensus::acquire what);
    task<result<consensus::committed>> commit(consensus::commit what);
    void release(consensus::release what);
    void on_message(const device_id& from, bytes body);
    void on_peer(const device_id& device, bool up);

private:
    struct operation;
    void step(const consensus::input& what);
    task<void> perform();
    task<consensus::done> outcome_of(operation_id id, consensus::input what);
    void carry_out(consensus::effect& what);

    const environment& env_;
    database& db_;
    consensus::strategy& strategy_;
    consensus_mediator& mediator_;
    device_id self_;
    task_scope tasks_;
    std::deque<std::vector<consensus::effect>> waiting_;
    std::map<operation_id, std::shared_ptr<operation>> operations_;
    std::map<std::uint64_t, timer_queue::id> timers_;
    bool performing_ = false;
};

/// The error that a refusal means to its caller.
error to_error(const consensus::refused& refusal);

}  // namespace calbox::replica
