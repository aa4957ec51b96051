// The consensus strategies of a network that has changed its own: one host for each epoch that this
// device knows, since every event is decided about by the strategy that its current version names
// (docs/architecture.md, "Epochs"). Owned by the replicator; core thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>

#include "replica/consensus_host.hpp"

namespace calbox::replica {

class consensus_epochs {
public:
    struct parts {
        device_id self;
        /// The strategy of an epoch, a new instance, which lives as long as somebody holds it: with
        /// this object, and with the plugin host's word for "in use". Fails with a sentence that
        /// says what to do.
        std::function<result<std::shared_ptr<consensus::strategy>>(network_epoch)> strategy_of;
        std::function<std::unique_ptr<consensus_mediator>(network_epoch)> mediator_of;
    };
    consensus_epochs(const environment& env, database& db, parts with);
    ~consensus_epochs();

    /// Starts the strategies of the epochs from 1 to `last` that do not run yet. One whose plugin
    /// is missing is left out, and logged; fails when the store cannot be read.
    task<result<void>> open(network_epoch last);
    void request_stop() noexcept;
    task<void> join();

    /// Valid as long as this object. The error: why no strategy of that epoch runs here, and what
    /// to do.
    result<consensus_host*> find(network_epoch epoch) const;
    void on_message(network_epoch epoch, const device_id& from, bytes body);
    void on_peer(const device_id& device, bool up);
    /// An event came into that epoch; one that does not run here is told when it starts.
    void inherit(network_epoch epoch, consensus::inherit what);
    /// Makes the others independent of this device, for at most `most`.
    task<void> leave(duration most);

private:
    struct one;
    const environment& env_;
    database& db_;
    parts with_;
    std::map<network_epoch, std::unique_ptr<one>> running_;
    std::map<network_epoch, error> missing_;
    std::set<device_id> up_;
    bool opening_ = false;
    network_epoch wanted_;
};

}  // namespace calbox::replica
