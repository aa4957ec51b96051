// A network of devices that each run the consensus strategy under test, as its host would: effects
// in order, what is persisted kept over a restart, messages through a queue that can lose, repeat
// and shuffle them and be split in two. Everything is decided by one seed. Records what was granted
// and decided, and judges it.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "contract/plugins.hpp"

namespace calbox::contract {

/// Believes every device and every value.
class lenient final : public consensus::referee {
public:
    bool takes_part(const device_id&, const event_id&) const override { return true; }
    bool acceptable(const event_id&, byte_view value) const override { return !value.empty(); }
};

class consensus_world {
public:
    consensus_world(std::string plugin, std::size_t devices, std::uint64_t seed);

    static device_id device_of(std::size_t index);
    consensus::group everybody() const;
    consensus::strategy& at(std::size_t device) { return **nodes_[device].strategy; }

    /// Each starts an operation and returns its id; its outcome appears in `outcomes`.
    operation_id acquire(std::size_t device, const event_id& event,
                         version_number current = version_number(1),
                         consensus::intent why = consensus::intent::modify);
    operation_id renew(std::size_t device, const event_id& event, consensus::token held);
    void commit(std::size_t device, operation_id of, const event_id& event, consensus::token held,
                version_number expect, bytes value);
    void release(std::size_t device, operation_id of, const event_id& event, consensus::token held);

    void crash(std::size_t device);
    void restart(std::size_t device);
    /// Those of one side do not hear the other's.
    void split(std::set<std::size_t> side);
    void message(std::size_t device, const device_id& from, bytes body) {
        step(device, consensus::message{from, std::move(body)});
    }

    /// Delivers messages and fires timers for so long.
    void run_for(duration time);
    /// Until the operation has an outcome; nothing when there is none within two minutes.
    std::optional<consensus::done> outcome_of(const operation_id& operation);

    consensus::context where(std::size_t device) {
        return {device_of(device), now_, {wall_of(now_)}, chance_, everything_goes_};
    }
    instant now() const { return now_; }

    struct decision {
        std::size_t device;
        operation_id operation;
        event_id event;
        bytes value;
    };
    std::map<operation_id, consensus::done> outcomes;
    std::vector<decision> decisions;
    std::string trace;  // all effects, to compare two runs
    unsigned lost_percent = 0, repeated_percent = 0;
    bool shuffled = false;

private:
    struct node {
        std::optional<plugins::loaded<consensus::strategy>> strategy;
        std::map<bytes, bytes> persisted;
        std::map<std::uint64_t, instant> timers;
        bool up = true;
    };
    struct packet {
        std::size_t from, to;
        bytes body;
    };
    static std::int64_t wall_of(instant at);
    operation_id next_operation();
    void start(std::size_t device);
    void step(std::size_t device, const consensus::input& what);
    void send(std::size_t from, consensus::send&& what);
    bool reaches(std::size_t from, std::size_t to) const;
    bool turn(instant until);

    std::string plugin_;
    lenient everything_goes_;
    test::seeded_random chance_, weather_;
    instant now_{std::chrono::hours(1)};
    std::vector<node> nodes_;
    std::vector<packet> wire_;
    std::set<std::size_t> side_;
    std::uint64_t last_operation_ = 0;
};

}  // namespace calbox::contract
