#include "lab/world/world.hpp"

#include <calbox/mutant.hpp>

#include <fmt/format.h>

#include "crypto/primitives.hpp"
#include "lab/world/tapped_store.hpp"
#include "lab/world/tapped_strategy.hpp"
#include "lab/world/worker.hpp"
#include "model/event.hpp"
#include "wire/limits.hpp"

namespace calbox::lab {

namespace {

constexpr std::size_t lines_kept = 2'000;
constexpr std::size_t errors_kept = 100;
/// Of stores on simulated disks, but for those of backups. With real ones every write is eight
/// times as much to copy, and the log of a short life never comes to a checkpoint.
constexpr unsigned small_page_bytes = 1024;
constexpr duration stop_time = std::chrono::seconds(5);       // as docs/operations.md promises
constexpr duration hand_over_time = std::chrono::seconds(2);  // of those, as the daemon has it

template <class Strategy>
Strategy loaded_or_fail(result<Strategy> what) {
    if (!what) {
        throw failure(what.error().message());
    }
    return std::move(*what);
}

}  // namespace

// The world
// ------------------------------------------------------------------------------------------

/// With where the strategy's engine is to be found, when it needs one.
static world_settings complete(world_settings with) {
    with.consensus_settings = engine::settings_for(with.consensus, with.consensus_settings);
    return with;
}

world::world(world_settings settings)
    : with(complete(std::move(settings))),
      chance(with.seed, "script"),
      weather(with.seed, "weather"),
      library_seed_(with.seed, "libraries"),
      plugins_(with.plugin_directories, *this) {
    if (auto ready = crypto::initialise(); !ready) {
        throw failure(ready.error().message());
    }
    model::initialise();
    // Only now: what the libraries draw once in a process, at their start, must not count.
    libraries_.emplace(library_seed_);
    engine_ = std::make_unique<engine>(*this);
}

world::~world() {
    watching = nullptr;
    on_disk_lost = nullptr;
    for (const auto& one : devices_) {
        if (one->up()) {
            one->kill(ending::power);
        }
    }
    devices_.clear();
    settle();
    engine_.reset();
}

device& world::add(const std::string& name, node::node_settings settings) {
    net.add_host(name);
    settings.listen = name + ":0";
    settings.version = "lab";
    settings.kdf_memory_bytes = wire::limits::kdf_memory_least;
    settings.kdf_passes = 1;
    devices_.push_back(std::make_unique<device>(*this, name, std::move(settings)));
    return *devices_.back();
}

device& world::find(const std::string& name) {
    for (const auto& one : devices_) {
        if (one->name() == name) {
            return *one;
        }
    }
    throw failure("no device is called " + name);
}

void world::settle() {
    do {
        context.restart();
    } while (context.poll() != 0);
    if (settled) {
        settled();
    }
}

std::size_t world::settle_at_most(std::size_t turns) {
    std::size_t done = 0;
    context.restart();
    while (done < turns && context.poll_one() != 0) {
        ++done;
    }
    return done;
}

bool world::step(instant end) {
    const bool happened = line.step(end);
    for (const auto& one : devices_) {
        if (const auto how = one->lost_disk()) {
            if (on_disk_lost) {
                on_disk_lost(*one, *how);
            } else {
                one->kill(*how);
            }
        }
    }
    return happened;
}

bool world::turn(instant end) {
    settle();
    return step(end);
}

void world::pass(duration time) {
    const instant end = line.now() + time;
    while (turn(end)) {
    }
    line.pass_to(end);
    settle();
}

bool world::until(const std::function<bool()>& question, duration most) {
    const instant end = line.now() + most;
    settle();
    while (!question()) {
        if (!turn(end)) {
            line.pass_to(end);
            settle();
            return question();
        }
        settle();
    }
    return true;
}

void world::wait_for(const std::string& what, const std::function<bool()>& question,
                     duration most) {
    if (until(question, most)) {
        return;
    }
    std::string text = fmt::format("waited in vain: {}; the log ends:", what);
    for (const std::string& one : last_lines(20)) {
        text += "\n  " + one;
    }
    throw failure(text);
}

void world::reseed(std::uint64_t seed) {
    chance = seeded(seed, "script");
    weather = seeded(seed, "weather");
    library_seed_ = seeded(seed, "libraries");
    engine_->reseed(seed);
    for (const auto& one : devices_) {
        one->reseed(seed);
    }
}

void world::note(std::string_view device, instant at, log_level level, std::string_view area,
                 std::string_view text) {
    if (level == log_level::debug && !with.verbose) {
        return;
    }
    const double seconds = std::chrono::duration<double>(at.since_start).count();
    std::string entry = fmt::format("{:.3f} {} {}: {}", seconds, device, area, text);
    if (level == log_level::error && errors_.size() < errors_kept) {
        errors_.push_back(entry);
    }
    if (logged != nullptr) {
        *logged << entry << '\n';
    }
    if (lines_.size() < lines_kept) {
        lines_.push_back(std::move(entry));
    } else {
        lines_[line_count_ % lines_kept] = std::move(entry);
    }
    ++line_count_;
}

void world::write(log_level level, std::string_view area, std::string_view text) noexcept {
    if (level >= log_level::warn) {  // that a plugin was loaded is no news
        note("world", line.now(), level, area, text);
    }
}

consensus::traits world::promised() {
    return loaded_or_fail(plugins_.consensus(with.consensus, with.consensus_settings))->declared();
}

std::vector<std::string> world::last_lines(std::size_t most) const {
    std::vector<std::string> last;
    const std::size_t count = std::min(most, lines_.size());
    for (std::size_t i = line_count_ - count; i < line_count_; ++i) {
        last.push_back(lines_[i % lines_kept]);
    }
    return last;
}

// A device
// --------------------------------------------------------------------------------------------

namespace {

class device_log final : public logger {
public:
    using sink = std::function<void(log_level, std::string_view, std::string_view)>;
    explicit device_log(sink into) : into_(std::move(into)) {}
    void write(log_level level, std::string_view area, std::string_view text) noexcept override {
        into_(level, area, text);
    }

private:
    sink into_;
};

}  // namespace

/// One run of a daemon, in the order in which its parts need each other.
struct device::life {
    life(device& on, std::uint64_t number)
        : entropy(on.chance_.draw() + number),
          timers(on.world_.line, on.time),
          disk(on.world_.line, on.chance_, std::chrono::microseconds(100),
               std::chrono::microseconds(3000)),
          compute(on.world_.line, on.chance_, std::chrono::microseconds(50),
                  std::chrono::microseconds(1000)),
          log([&on](log_level level, std::string_view area, std::string_view text) {
              if (!on.dead_) {
                  on.world_.note(on.name_, on.world_.line.now(), level, area, text);
              }
          }),
          finding(loaded_or_fail(on.world_.plugins_.discovery(on.world_.with.discovery,
                                                              on.world_.with.discovery_settings))),
          locking(loaded_or_fail(on.world_.plugins_.consensus(on.world_.with.consensus,
                                                              on.world_.with.consensus_settings))),
          recovering(loaded_or_fail(on.world_.plugins_.recovery(on.world_.with.recovery, ""))),
          tapped(*locking, on.name_, on.world_.watching),
          card(on.world_.net.plug(on.name_, env)),  // which only keeps where it will be
          env{on.world_.context.get_executor(),
              on.time,
              timers,
              entropy,
              *card,
              disk,
              compute,
              log},
          people(env, "people") {
        disk.slow_down(on.disk_slower_);
    }

    seeded entropy;
    device_timers timers;
    sim_worker disk, compute;
    device_log log;
    plugins::loaded<discovery::strategy> finding;
    plugins::loaded<consensus::strategy> locking;
    plugins::loaded<recovery::strategy> recovering;
    tapped_strategy tapped;
    std::unique_ptr<line_card> card;
    environment env;
    std::uint64_t power_cuts_before = 0;
    std::unique_ptr<mounted_disk> mounted;
    std::unique_ptr<tapped_store> store;
    std::unique_ptr<node::node> running;
    task_scope people;  // what clients of the daemon wait for
};

device::device(world& in, std::string name, node::node_settings with)
    : time(in.line),
      settings(std::move(with)),
      world_(in),
      name_(std::move(name)),
      chance_(in.with.seed, name_),
      storing_(loaded_or_fail(in.plugins_.storage("memory", ""))),
      disk_chance_(in.with.seed, "the disk of " + name_) {
    if (in.with.storage == "sqlite") {
        drive_.emplace(disk_chance_);
    } else if (in.with.storage != "memory") {
        throw failure("the lab has no storage \"" + in.with.storage + "\"");
    }
}

device::~device() = default;

void device::reseed(std::uint64_t seed) {
    chance_ = seeded(seed, name_);
    disk_chance_ = seeded(seed, "the disk of " + name_);
    if (up()) {
        life_->entropy = seeded(chance_.draw() + lives_);
    }
}

std::unique_ptr<storage::store> device::open_store() {
    storage::store_settings with;
    if ((settings.roles & wire::role::backup) == 0) {
        with.page_bytes = small_page_bytes;
    }
    if (mutant_is_set("storage.not_durable")) {
        with.durable = storage::durability::normal;
    }
    auto store = drive_ ? life_->mounted->open_store(with) : storing_->open(name_);
    if (!store) {
        throw failure(name_ + ": " + store.error().message());
    }
    return std::move(*store);
}

void device::start() {
    if (up()) {
        throw failure(name_ + " runs already");
    }
    dead_ = false;
    life_ = std::make_unique<life>(*this, ++lives_);
    if (drive_) {
        life_->mounted = drive_->mount();
        life_->power_cuts_before = drive_->power_cuts();
    }
    try {
        life_->store = std::make_unique<tapped_store>(open_store(), name_, world_.watching);
    } catch (const failure&) {
        life_.reset();
        throw;
    }
    const auto& all = world_.with;
    settings.open_consensus = [this](const std::string& name, const std::string& with) {
        return open_strategy(name, with);
    };
    life_->running = std::make_unique<node::node>(
        life_->env, *life_->store,
        node::chosen<discovery::strategy>{*life_->finding, all.discovery, "1.0",
                                          all.discovery_settings},
        node::chosen<consensus::strategy>{life_->tapped, all.consensus, "1.0.0",
                                          all.consensus_settings},
        node::chosen<recovery::strategy>{*life_->recovering, all.recovery, "1.0", ""}, settings);
    const auto started = run(life_->running->start());
    if (!started || !*started) {
        const std::string why = started ? started->error().message() : "it ended at once";
        end_life(false);
        throw failure(name_ + " does not start: " + why);
    }
    for (const user_id& user : followed_) {
        spawn(watch_for(*life_, user));
    }
}

/// As the composition root of a daemon does it; the observer sees this one, too.
result<node::opened_strategy> device::open_strategy(const std::string& name,
                                                    const std::string& with) {
    if (without_.contains(name)) {
        return fail(errc::not_found, "there is no consensus plugin \"" + name + "\"");
    }
    auto made = world_.plugins_.consensus(name, engine::settings_for(name, with));
    if (!made) {
        return fail(std::move(made.error()));
    }
    struct both {
        plugins::loaded<consensus::strategy> real;
        tapped_strategy tapped;
        both(plugins::loaded<consensus::strategy> one, const std::string& device,
             observer* const& watching)
            : real(std::move(one)), tapped(*real, device, watching) {}
    };
    const auto kept = std::make_shared<both>(std::move(*made), name_, world_.watching);
    return node::opened_strategy{std::shared_ptr<consensus::strategy>(kept, &kept->tapped),
                                 std::string(kept->real.version())};
}

namespace {

task<void> end_node(task_scope& people, node::node& running, bool dead, bool& ended) {
    people.request_stop();
    co_await people.join();
    if (!dead) {
        co_await running.hand_over(hand_over_time);
    }
    running.request_stop();
    co_await running.join();
    ended = true;
}

}  // namespace

void device::end_life(bool dead) {
    bool ended = false;
    auto last = std::make_unique<task_scope>(life_->env, "the end of " + name_);
    last->spawn("end", end_node(life_->people, *life_->running, dead, ended));
    const instant limit = world_.now() + stop_time;
    world_.settle();
    while (!ended && world_.turn(limit)) {
        world_.settle();
    }
    if (!ended) {
        // What still runs needs its life, and whoever reads the log needs to hear of it.
        static_cast<void>(last.release());
        static_cast<void>(life_.release());
        throw failure(name_ + (dead ? " is dead and will not rest" : " does not end in time"));
    }
    world_.settle();
    life_->running.reset();
    life_->store.reset();
    world_.settle();  // handlers that waited for what is gone now
    life_.reset();
    if (world_.watching != nullptr) {
        world_.watching->ended(name_);
    }
}

void device::stop() {
    if (drive_) {
        drive_->cut_power_in(0);
        drive_->kill_in(0);
    }
    end_life(false);
}

void device::kill(ending how) {
    dead_ = true;
    life_->card->pull(how);
    life_->store->revoke();
    if (drive_) {
        life_->mounted->revoke();
        if (how == ending::power && drive_->power_cuts() == life_->power_cuts_before) {
            drive_->power_cut();
        }
        drive_->cut_power_in(0);
        drive_->kill_in(0);
    }
    life_->disk.rush();
    life_->compute.rush();
    end_life(true);
}

std::optional<ending> device::lost_disk() const {
    if (!drive_ || !up() || dead_ || !life_->mounted || !life_->mounted->revoked()) {
        return std::nullopt;
    }
    return drive_->power_cuts() == life_->power_cuts_before ? ending::process : ending::power;
}

node::services device::api() {
    if (!up()) {
        throw failure(name_ + " does not run");
    }
    return life_->running->api();
}

const environment& device::surroundings() const { return life_->env; }

void device::spawn(task<void> work) { life_->people.spawn("person", std::move(work)); }

void device::follow(const user_id& user) {
    if (std::ranges::count(followed_, user) == 0) {
        followed_.push_back(user);
        spawn(watch_for(*life_, user));
    }
}

/// Tells the observer what the user sees, as a client that keeps a window open would find out.
task<void> device::watch_for(life& in, user_id user) {
    const node::services api = in.running->api();
    std::set<event_id> seen;
    std::uint64_t after = 0;
    bool whole = true;
    const auto signed_in = [&] {
        const auto all = api.account.signed_in();
        return std::ranges::count(all, user, &node::account_view::id) != 0;
    };
    while (true) {
        if (whole && !signed_in()) {
            after = api.changes.last_number();
            seen.clear();
        } else if (whole) {
            after = api.changes.last_number();
            std::set<event_id> there;
            for (const auto& one : api.events.list(user, {})) {
                there.insert(one.id);
                tell_shown(user, one);
            }
            for (const event_id& gone : seen) {
                if (!there.contains(gone)) {
                    tell_vanished(user, gone);
                }
            }
            seen = std::move(there);
        }
        const auto news = co_await api.changes.next(user, after);
        whole = !news.has_value();
        for (const auto& one : news ? *news : std::vector<node::change>()) {
            after = one.number;
            if (one.what == "signed_in" || one.what == "signed_out" || !signed_in()) {
                whole = true;
                continue;
            }
            const auto id = api.events.find(user, one.id);
            if (!id || (one.what != "event" && one.what != "invited" && one.what != "deleted" &&
                        one.what != "file")) {
                continue;
            }
            if (const auto now = api.events.show(user, *id)) {
                seen.insert(*id);
                tell_shown(user, *now);
            } else if (seen.erase(*id) > 0) {
                tell_vanished(user, *id);
            }
        }
    }
}

void device::tell_shown(const user_id& user, const node::event_view& what) {
    if (world_.watching != nullptr) {
        world_.watching->shown(name_, user, what);
    }
}

void device::tell_vanished(const user_id& user, const event_id& what) {
    if (world_.watching != nullptr) {
        world_.watching->vanished(name_, user, what);
    }
}

std::size_t device::timers_waiting() const { return life_ ? life_->timers.waiting() : 0; }

void device::drift(std::int64_t parts_per_million) {
    time.drift(parts_per_million);
    if (life_) {
        life_->timers.clock_changed();
    }
}

void device::slow_disk(unsigned times) {
    disk_slower_ = times;
    if (life_) {
        life_->disk.slow_down(times);
    }
}

}  // namespace calbox::lab
