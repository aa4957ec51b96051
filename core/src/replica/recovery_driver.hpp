// Runs recovery exchanges: as initiator when this device comes online, as responder whenever
// another asks. The strategy decides what is said; the driver moves messages, verifies and applies
// envelopes, and counts. Owned by the node.
#pragma once

#include <map>
#include <memory>

#include <calbox/recovery.hpp>

#include "base/task_scope.hpp"
#include "replica/event_store.hpp"
#include "wire/messages.hpp"

namespace calbox::replica {

class recovery_mediator {
public:
    virtual ~recovery_mediator();
    virtual task<result<void>> send(device_id to, wire::recovery_message what) = 0;
    /// Verifies and stores one envelope that was recovered; true when it was news.
    virtual task<result<bool>> apply(device_id from, bytes encoded_envelope) = 0;
};

/// What came from one side.
struct recovery_source {
    std::uint64_t envelopes = 0;  // that were not held already, in the strategy's view
    std::uint64_t bytes = 0;      // of its messages
};

/// What one exchange did.
struct recovery_report {
    bool caught_up = false;
    std::uint64_t applied = 0;     // envelopes that were news
    std::uint64_t duplicates = 0;  // received more than once, or held already
    std::uint64_t bytes = 0;       // of messages, both ways
    std::uint32_t rounds = 0;
    std::vector<device_id> silent;
    std::map<device_id, recovery_source> friends, backups;  // all that were asked

    recovery_source* source(const device_id& device);
};

/// All exchanges that have ended since the start.
struct recovery_totals {
    std::uint64_t exchanges = 0;
    recovery_source friends, backups;
};

class recovery_driver {
public:
    recovery_driver(const environment& env, const event_store& store, recovery::strategy& strategy,
                    std::string strategy_name, recovery_mediator& mediator);
    ~recovery_driver();

    void request_stop() noexcept { tasks_.request_stop(); }
    task<void> join() { return tasks_.join(); }

    /// One exchange at a time: a second caller waits for the first to end.
    task<recovery_report> run(recovery::begin with);
    /// A message from a peer whose users are `users`; `everything`: it is a backup.
    task<void> on_message(device_id from, std::vector<user_id> users, bool everything,
                          wire::recovery_message what);
    void on_peer_lost(const device_id& device);
    const recovery_report& last() const noexcept { return last_; }
    const recovery_totals& totals() const noexcept { return totals_; }

private:
    struct exchange;
    void step(const recovery::input& what);
    task<void> perform();
    void finish(exchange& which);
    recovery::context where() { return {env_.time.now(), env_.entropy}; }

    const environment& env_;
    const event_store& store_;
    recovery::strategy& strategy_;
    std::string strategy_name_;
    recovery_mediator& mediator_;
    task_scope tasks_;
    std::shared_ptr<exchange> current_;
    recovery_report last_;
    recovery_totals totals_;
};

}  // namespace calbox::replica
