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
    std::string strategy;
    bool caught_up = false;
    std::uint64_t applied = 0;         // envelopes that were news
    std::uint64_t duplicates = 0;      // received more than once, or held already
    std::uint64_t bytes_sent = 0;      // of this side's messages
    std::uint64_t bytes_received = 0;  // of the others'
    std::uint64_t lower_bound = 0;     // bytes of the envelopes that were news
    std::uint32_t rounds = 0;          // questions of which each waited for the one before
    std::vector<device_id> refused;    // did not know the strategy, and were asked by `naive`
    std::vector<device_id> silent;
    std::map<device_id, recovery_source> friends, backups;  // all that were asked

    recovery_source* source(const device_id& device);
};

/// All exchanges that have ended since the start.
struct recovery_totals {
    std::uint64_t exchanges = 0;
    recovery_source friends, backups;
};

/// The strategies of this device. Others are answered by each of them; it asks by one.
struct recovery_strategies {
    std::map<std::string, recovery::strategy*, std::less<>> known;
    std::string chosen;  // one of them
};

/// Who is asked, and for whom.
struct recovery_peers {
    users_of_device friends;  // with their users
    std::vector<device_id> backups;
    std::vector<user_id> ours;  // unless this device is a backup, which asks for everything
};

/// What is recovered: events, or files. It outlives the exchanges.
class recovery_set {
public:
    virtual ~recovery_set();
    /// What this device holds, for an exchange that it begins. `peers` outlive the view.
    virtual std::unique_ptr<recovery::view> to_ask(const recovery_peers& peers) const = 0;
    /// What a device with these users may be told of. `everything`: it is a backup. Of events, only
    /// what somebody here takes part in, unless this device or that one is a backup.
    virtual std::unique_ptr<recovery::view> to_answer(std::vector<user_id> users,
                                                      bool everything) const = 0;
};

/// The events of a store. A backup asks for all of them, others for those of their users.
class event_set final : public recovery_set {
public:
    /// `ours`: the users of this device, in order.
    event_set(const event_store& store, bool is_backup, std::function<std::vector<user_id>()> ours)
        : store_(store), is_backup_(is_backup), ours_(std::move(ours)) {}
    std::unique_ptr<recovery::view> to_ask(const recovery_peers& peers) const override;
    std::unique_ptr<recovery::view> to_answer(std::vector<user_id> users,
                                              bool everything) const override;

private:
    const event_store& store_;
    bool is_backup_;
    std::function<std::vector<user_id>()> ours_;
};

class recovery_driver {
public:
    /// The strategy by which those are asked who do not know the chosen one.
    static constexpr std::string_view fallback = "naive";

    recovery_driver(const environment& env, const recovery_set& set, recovery_strategies strategies,
                    recovery_mediator& mediator);
    ~recovery_driver();

    void request_stop() noexcept { tasks_.request_stop(); }
    task<void> join() { return tasks_.join(); }

    /// One exchange at a time: a second caller waits for the first to end.
    task<recovery_report> run(recovery_peers with);
    /// From the next exchange on. not_found: the sentence says which there are.
    result<void> use(std::string_view name);
    const recovery_strategies& strategies() const noexcept { return strategies_; }
    /// A message from a peer whose users are `users`; `everything`: it is a backup.
    task<void> on_message(device_id from, std::vector<user_id> users, bool everything,
                          wire::recovery_message what);
    void on_peer_lost(const device_id& device);
    const recovery_report& last() const noexcept { return last_; }
    const recovery_totals& totals() const noexcept { return totals_; }
    bool is_asking() const noexcept { return current_ != nullptr; }

private:
    struct exchange;
    void begin(const recovery_peers& with, const std::string& strategy);
    void ask_refusers(exchange& which);
    void step(const recovery::input& what);
    task<void> perform();
    task<void> perform_one(exchange& mine, recovery::effect effect);
    task<void> apply_one(exchange& mine, recovery::apply found);
    void set_timer(exchange& mine, const recovery::set_timer& timer);
    void note_end(exchange& mine, const recovery::finished& end);
    void finish(exchange& which);
    task<void> on_answer(device_id from, wire::recovery_message what);
    recovery::context where() { return {env_.time.now(), env_.entropy}; }

    const environment& env_;
    const recovery_set& set_;
    recovery_strategies strategies_;
    recovery_mediator& mediator_;
    task_scope tasks_;
    std::shared_ptr<exchange> current_;
    recovery_report last_;
    recovery_totals totals_;
};

}  // namespace calbox::replica
