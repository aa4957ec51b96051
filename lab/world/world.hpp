// A whole network of real nodes in one thread: devices with clocks, disks and stores of their own,
// the simulated network between them, and the one time line that they all follow. Nodes are what a
// calboxd runs, with strategies that come through the real plugin loader; only the environment is
// simulated. A run depends on the settings alone. Whoever owns a world drives it: nothing happens
// but in run(), pass() and until().
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "base/task_scope.hpp"
#include "lab/sim/chance.hpp"
#include "lab/sim/disk_mount.hpp"
#include "lab/sim/network.hpp"
#include "lab/world/engine.hpp"
#include "lab/world/observer.hpp"
#include "node/node.hpp"
#include "plugins/loader.hpp"

namespace calbox::lab {

class device;

struct world_settings {
    std::uint64_t seed = 1;
    std::string consensus = "views", discovery = "random", recovery = "auto";
    std::string consensus_settings, discovery_settings;  // JSON, or empty
    std::vector<std::string> plugin_directories;
    /// Where the devices keep their data: "memory" loses nothing; "sqlite" is that plugin's code on
    /// simulated disks.
    std::string storage = "memory";
    bool verbose = false;  // log lines of level debug are kept, too
};

/// What an operation came to; empty while it runs, and for ever when its device died meanwhile.
template <class T>
struct outcome {
    bool ended = false;
    std::optional<T> value;
};

/// A person's wait was in vain, or an API said no where the script needs a yes.
class failure : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class world final : private logger {
public:
    explicit world(world_settings with);
    ~world();
    world(const world&) = delete;
    world& operator=(const world&) = delete;

    /// A device of that name, switched off. `with.listen` and the price of passwords are the lab's.
    device& add(const std::string& name, node::node_settings with);
    device& find(const std::string& name);
    const std::vector<std::unique_ptr<device>>& devices() const noexcept { return devices_; }

    instant now() const noexcept { return line.now(); }
    /// Lets time pass.
    void pass(duration time);
    /// Everything that can happen now happens; no time passes.
    void settle();
    /// At most so many turns of ready work, and no time; how many there were.
    std::size_t settle_at_most(std::size_t turns);
    /// Lets time pass until the answer is yes. False, when `most` has passed first.
    bool until(const std::function<bool()>& question, duration most = std::chrono::minutes(1));
    /// As until(), but throws failure, which says `what` and how the log ends.
    void wait_for(const std::string& what, const std::function<bool()>& question,
                  duration most = std::chrono::minutes(1));
    /// Settles and lets the next event happen, if it is due by `end`.
    bool turn(instant end);
    /// The second half of turn(): nothing is settled before.
    bool step(instant end);
    /// From now on all chance is that of another seed: what has happened by now may be that of many
    /// worlds.
    void reseed(std::uint64_t seed);
    /// What the network's consensus strategy promises.
    consensus::traits promised();
    /// What the world's devices have logged last, oldest first.
    std::vector<std::string> last_lines(std::size_t most) const;
    /// Lines of level error, the first hundred: a daemon writes one for a bug.
    const std::vector<std::string>& errors() const noexcept { return errors_; }

    const world_settings with;
    time_line line;
    seeded chance;   // the script's own
    seeded weather;  // the network's
    network net{line, weather};
    asio::io_context context{1};
    observer* watching = nullptr;  // outlives the world's use of it
    /// Somebody's disk lost its power, or was taken from its daemon, in an operation that it had
    /// counted to (disk::cut_power_in, kill_in): kills that device, before it can see that.
    std::function<void(device&, ending)> on_disk_lost;
    std::ostream* logged = nullptr;  // where it is: gets the lines of the devices' logs; not owned
    /// All that could happen at this moment has happened. Lets no time pass itself.
    std::function<void()> settled;

private:
    friend class device;
    void note(std::string_view device, instant at, log_level level, std::string_view area,
              std::string_view text);
    void write(log_level level, std::string_view area, std::string_view text) noexcept override;

    seeded library_seed_;
    std::optional<library_chance> libraries_;
    plugins::plugin_host plugins_;
    std::unique_ptr<engine> engine_;
    std::vector<std::unique_ptr<device>> devices_;
    std::vector<std::string> lines_;  // a ring
    std::size_t line_count_ = 0;
    std::vector<std::string> errors_;
};

/// One machine with its daemon. The clock, the disk and the name stay; the daemon comes and goes.
class device {
public:
    device(world& in, std::string name, node::node_settings with);
    ~device();
    device(const device&) = delete;
    device& operator=(const device&) = delete;

    /// Starts the daemon; throws failure with its sentence when it refuses to.
    void start();
    /// SIGTERM, and waits for the end.
    void stop();
    /// The daemon ends between two of its turns, and neither says nor writes anything more.
    void kill(ending how);
    bool up() const noexcept { return life_ != nullptr; }

    /// Of the daemon that runs.
    node::services api();
    const environment& surroundings() const;
    /// Begins something that a client of this daemon asks for. It is given up when the daemon ends.
    template <class T>
    std::shared_ptr<outcome<T>> begin(task<T> work);
    /// The same, and lets time pass until it has ended. Nothing when the daemon ended first.
    template <class T>
    std::optional<T> run(task<T> work);

    /// Tells the observer what `user` sees while he is signed in, now and whenever it changes, also
    /// after restarts.
    void follow(const user_id& user);
    /// From its next start on, no plugin of that name is installed there for another epoch.
    void uninstall(const std::string& consensus) { without_.insert(consensus); }
    void install(const std::string& consensus) { without_.erase(consensus); }

    const std::string& name() const noexcept { return name_; }
    world& in() noexcept { return world_; }
    device_clock time;
    node::node_settings settings;  // for the next start
    std::uint64_t lives() const noexcept { return lives_; }
    std::size_t timers_waiting() const;
    /// The clock's rate changes, for the timers that run, too.
    void drift(std::int64_t parts_per_million);
    /// The disk takes so many times as long.
    void slow_disk(unsigned times);
    /// nullptr where data is kept in memory.
    disk* drive() noexcept { return drive_ ? &*drive_ : nullptr; }
    const disk* drive() const noexcept { return drive_ ? &*drive_ : nullptr; }
    /// How the running daemon has lost its disk, unless it was killed itself.
    std::optional<ending> lost_disk() const;

    void reseed(std::uint64_t seed);  // as world::reseed

private:
    struct life;
    template <class T>
    task<void> keep(task<T> work, std::shared_ptr<outcome<T>> into);
    void spawn(task<void> work);
    void end_life(bool dead);
    task<void> watch_for(life& in, user_id user);
    void tell_shown(const user_id& user, const node::event_view& what);
    void tell_vanished(const user_id& user, const event_id& what);
    std::unique_ptr<storage::store> open_store();
    result<node::opened_strategy> open_strategy(const std::string& name, const std::string& with);

    world& world_;
    std::string name_;
    seeded chance_;
    std::uint64_t lives_ = 0;
    unsigned disk_slower_ = 1;
    bool dead_ = false;  // killed, and not started again
    std::vector<user_id> followed_;
    std::set<std::string> without_;
    plugins::loaded<storage::strategy> storing_;  // in memory
    seeded disk_chance_;
    std::optional<disk> drive_;
    std::unique_ptr<life> life_;
};

template <class T>
task<void> device::keep(task<T> work, std::shared_ptr<outcome<T>> into) {
    struct ending {
        outcome<T>& of;
        ~ending() { of.ended = true; }
    } at_the_end{*into};
    auto value = co_await std::move(work);
    if (!dead_) {  // what winds up after a kill answers nobody
        into->value.emplace(std::move(value));
    }
}

template <class T>
std::shared_ptr<outcome<T>> device::begin(task<T> work) {
    auto mine = std::make_shared<outcome<T>>();
    spawn(keep(std::move(work), mine));
    return mine;
}

template <class T>
std::optional<T> device::run(task<T> work) {
    const auto mine = begin(std::move(work));
    const instant end = world_.now() + std::chrono::hours(1);
    world_.settle();
    while (!mine->ended && world_.turn(end)) {
        world_.settle();
    }
    if (!mine->ended) {
        throw failure(name_ + ": an operation that never ends");
    }
    return std::move(mine->value);
}

/// The answer, or failure with what was refused.
template <class T>
T must(std::optional<result<T>> answer, const std::string& what) {
    if (!answer) {
        throw failure(what + ": the daemon ended meanwhile");
    }
    if (!*answer) {
        throw failure(what + ": " + answer->error().message());
    }
    if constexpr (!std::is_void_v<T>) {
        return std::move(**answer);
    }
}

}  // namespace calbox::lab
