// A network of devices that each run the consensus strategy under test, as its host would: effects
// in order, what is persisted kept over a restart, decisions stored and owed to the others,
// messages with delays that can be lost, repeated, overtake each other and be stopped by a split.
// For a strategy that needs an engine, a model of etcd stands on the side of a split that is not
// named.
// Everything is decided by one seed, in virtual time. Records who asked for what and what came of
// it; consensus_history.hpp judges that.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "contract/consensus_history.hpp"
#include "contract/plugins.hpp"
#include "lab/sim/etcd_model.hpp"

namespace calbox::contract {

/// Believes every device, and every value that is not empty.
class lenient final : public consensus::referee {
public:
    bool takes_part(const device_id&, const event_id&) const override { return true; }
    bool is_shared(const event_id&) const override { return true; }
    bool acceptable(const event_id&, byte_view value) const override { return !value.empty(); }
    bool is_last(byte_view value) const override { return last && to_bytes(value) == *last; }
    std::optional<bytes> last;  // with which the network has left the strategy
};

class consensus_world {
public:
    consensus_world(std::string plugin, std::size_t devices, std::uint64_t seed,
                    std::string settings = "");

    static device_id device_of(std::size_t index);
    consensus::group everybody() const;
    consensus::strategy& at(std::size_t device) { return **nodes_[device].strategy; }
    std::size_t size() const noexcept { return nodes_.size(); }
    bool is_up(std::size_t device) const noexcept { return nodes_[device].up; }

    /// Each starts an operation and returns its id; its outcome appears in `outcomes`.
    operation_id acquire(std::size_t device, const event_id& event,
                         version_number current = version_number(1),
                         consensus::intent why = consensus::intent::modify,
                         generation_number generation = generation_number(1));
    operation_id renew(std::size_t device, const event_id& event, consensus::token held);
    void commit(std::size_t device, operation_id of, const event_id& event, consensus::token held,
                version_number expect, bytes value);
    void release(std::size_t device, operation_id of, const event_id& event, consensus::token held);
    operation_id read(std::size_t device, const event_id& event);
    operation_id fate(std::size_t device, const event_id& event, operation_id of,
                      version_number expect);
    void leave(std::size_t device);
    /// The event comes from another strategy with that version; every device of `told` is told so.
    void inherit(const std::vector<std::size_t>& told, const event_id& event,
                 version_number version, const bytes& value);
    /// The network leaves the strategy with that value.
    void leave_with(bytes value) { everything_goes_.last = std::move(value); }

    /// Acquire and commit, until it is over: the version, or nothing.
    std::optional<version_number> edit(std::size_t device, const event_id& event,
                                       version_number current = version_number(1),
                                       consensus::intent why = consensus::intent::modify);
    /// Version 1 of an event, made by device 0 and known to all that are up.
    void make(const event_id& event);

    void crash(std::size_t device);
    /// `with_records` false: its disk is empty, and it says so by another incarnation.
    void restart(std::size_t device, bool with_records = true);
    /// The device crashes before its nth effect from now (1: before it writes anything).
    void crash_before_effect(std::size_t device, std::size_t nth);
    /// Those of one side do not hear the other's, nor an engine.
    void split(std::set<std::size_t> side);
    void message(std::size_t device, const device_id& from, bytes body) {
        step(device, consensus::message{from, std::move(body)});
    }

    /// Delivers messages and fires timers for so long.
    void run_for(duration time);
    /// Until the operation has an outcome; nothing when there is none within two minutes.
    std::optional<consensus::done> outcome_of(const operation_id& operation);
    void later(duration after, std::function<void()> what);

    consensus::context where(std::size_t device) {
        return {device_of(device), now_, {wall_of(now_)}, chance_, everything_goes_};
    }
    instant now() const { return now_; }
    /// The newest version that the device was told of.
    version_number shown(std::size_t device, const event_id& event) const;
    bool has_left(std::size_t device) const { return nodes_[device].left; }

    struct decision {
        std::size_t device;
        operation_id operation;
        event_id event;
        bytes value;
    };
    std::map<operation_id, consensus::done> outcomes;
    std::vector<decision> decisions;
    consensus_history history;
    std::string trace;  // all effects, to compare two runs
    bool keep_trace = false;
    std::size_t messages = 0;
    unsigned lost_percent = 0, repeated_percent = 0;
    bool shuffled = false;
    std::size_t backups = 0;  // the last ones edit nothing
    lab::etcd_model engine;
    std::set<std::string> dead_members;  // "http://..." of those that nobody reaches
    bool engine_is_mute = false;         // it does what it is asked, and no answer arrives
    /// Called with every outcome, after it is in `outcomes`.
    std::function<void(std::size_t device, const consensus::done&)> on_done;

private:
    struct node {
        std::optional<plugins::loaded<consensus::strategy>> strategy;
        std::map<bytes, bytes> persisted;
        std::map<std::uint64_t, std::uint64_t> timers;  // number of the one that counts
        std::map<event_id, std::pair<version_number, bytes>> current;
        incarnation life{1};
        std::uint64_t run = 0;
        std::size_t effects_left = 0;  // 0: does not crash by itself
        bool up = false;
        bool left = false;
    };
    static std::int64_t wall_of(instant at);
    operation_id next_operation();
    void start(std::size_t device);
    void step(std::size_t device, const consensus::input& what);
    bool crashes_now(std::size_t device);
    void perform(std::size_t device, std::vector<consensus::effect> effects);
    void send(std::size_t from, consensus::send&& what);
    void arrive(std::size_t from, std::size_t to, const bytes& body);
    void request(std::size_t from, consensus::http_request&& what);
    void owe(std::size_t from, std::size_t to, const event_id& event);
    void show(std::size_t device, const event_id& event, const bytes& value, bool decided);
    bool reaches(std::size_t from, std::size_t to) const;
    bool turn(instant until);

    std::string plugin_, settings_;
    lenient everything_goes_;
    test::seeded_random chance_, weather_;
    instant now_{std::chrono::hours(1)};
    std::vector<node> nodes_;
    std::map<std::pair<instant, std::uint64_t>, std::function<void()>> queue_;
    std::set<std::size_t> side_;
    std::uint64_t last_operation_ = 0, last_event_ = 0;
};

/// A value that says which version it is, and whose.
bytes value_of(version_number version, const operation_id& operation);
std::optional<std::pair<version_number, operation_id>> read_value(byte_view value);

}  // namespace calbox::contract
