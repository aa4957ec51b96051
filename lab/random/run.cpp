#include "lab/random/run.hpp"

#include <algorithm>
#include <fstream>
#include <functional>
#include <set>

#include <fmt/format.h>

#include "crypto/primitives.hpp"
#include "lab/random/errands.hpp"
#include "lab/random/faults.hpp"
#include "lab/random/rest.hpp"

namespace calbox::lab {

namespace {

using namespace std::chrono_literals;

constexpr duration rest_most = 3min;        // what is owed is sent
constexpr duration rest_of_absent = 20min;  // what those who are gone owed is asked for
constexpr duration file_most = 2min;        // after that
constexpr duration count_most = 5min;       // after that
constexpr std::size_t log_lines = 60;

}  // namespace

std::string daemons_log_of(const std::string& log) { return log + ".daemons"; }

class founded_world::run {
public:
    run(const plan& what, const run_settings& with)
        : plan_(what),
          with_(with),
          world_(settings()),
          log_(with.log),
          daemons_log_(with.log.empty() ? std::string() : daemons_log_of(with.log)),
          seen_(world_, with.log.empty() ? nullptr : &log_),
          errands_(people_, seen_),
          faults_(plan_, world_, seen_, errands_, machines_) {
        world_.logged = with.log.empty() ? nullptr : &daemons_log_;
        attempt([this] { set_up(); });
    }

    ~run() { world_.settled = nullptr; }  // it outlives the errands

    run_report play(const plan& what) {
        plan_ = what;
        errands_.guests_change(
            world_.promised().linearizable &&
            std::ranges::count(plan_.actions, action_kind::take_over, &action::what) == 0);
        if (plan_.founding) {
            world_.reseed(plan_.seed);
        }
        attempt([this] {
            begin();
            trouble();
            come_to_rest();
            judge();
        });
        finish();
        return std::move(report_);
    }

private:
    /// Nothing more after the first failure.
    void attempt(const std::function<void()>& part) {
        if (failed_) {
            return;
        }
        try {
            part();
        } catch (const failure& problem) {
            failed_ = true;
            seen_.failed(problem.what());
            for (const auto& one : world_.devices()) {
                errands_.lose(*one);  // that they never ended is no news any more
            }
        }
    }

    world_settings settings() const {
        world_settings one;
        one.seed = plan_.founding.value_or(plan_.seed);
        one.consensus = plan_.consensus;
        one.discovery = plan_.discovery;
        one.recovery = plan_.recovery;
        one.storage = plan_.storage;
        one.plugin_directories = with_.plugin_directories;
        one.verbose = with_.verbose || !with_.log.empty();
        return one;
    }

    void set_up() {
        world_.settled = [this] { errands_.collect(); };  // answers are written down when they come
        world_.on_disk_lost = [this](device& of, ending how) { faults_.kill(of, how); };
        auto& registry = found_network(world_, registry_name, 0);
        for (std::uint32_t i = 1; i <= plan_.rendezvous; ++i) {
            machines_.push_back(
                &join_network(world_, fmt::format("R{}", i), wire::role::rendezvous, registry));
        }
        for (std::uint32_t i = 0; i < plan_.backups; ++i) {
            machines_.push_back(&joined_behind(box_of_backup(plan_, i), fmt::format("Z{}", i + 1),
                                               wire::role::backup));
        }
        static constexpr std::string_view names[] = {"alice", "bob",   "carol", "dave",
                                                     "erin",  "frank", "grace", "heidi"};
        for (std::uint32_t i = 0; i < plan_.people; ++i) {
            const std::string name =
                i < std::size(names) ? std::string(names[i]) : fmt::format("person{}", i);
            add_person(i, name, name).sign_up();
            seen_.knows(people_.back());
        }
        for (std::uint32_t i = 0; i < plan_.second_devices; ++i) {
            const person one = people_[i];
            person& again = add_person(i, one.name(), one.name() + "-two", one.id());
            if (!plan_.newcomers) {
                again.sign_in();
            }
            seen_.knows(again);
        }
        if (plan_.shared_device) {
            const person last = people_[plan_.people - 1];
            people_.emplace_back(people_.front().at(), last.name()).sign_in();
            seen_.knows(people_.back());
        }
    }

    /// Somebody at a device of his, who has to sign in there.
    person& add_person(std::size_t number, const std::string& name, const std::string& device,
                       user_id id = {}) {
        machines_.push_back(&joined_from_home(number, device));
        return people_.emplace_back(*machines_.back(), name, id);
    }

    /// A device that stands where this person's others do.
    device& joined_from_home(std::size_t person, const std::string& name) {
        return joined_behind(box_of_person(plan_, person), name, wire::role::edge);
    }

    device& joined_behind(const std::optional<nat_box>& box, const std::string& name,
                          std::uint32_t roles) {
        node::node_settings with;
        with.roles = roles;
        device& made = world_.add(name, std::move(with));
        if (box) {
            world_.net.put_behind(name, box->name, box->kind);
        }
        join_again(made, world_.find(registry_name));
        return made;
    }

    void begin() {
        world_.net.usual.latency = std::chrono::milliseconds(plan_.latency_ms);
        world_.net.usual.jitter = std::chrono::milliseconds(plan_.jitter_ms);
        world_.net.usual.lost_per_mille = plan_.lost_per_mille;
        world_.net.usual.bytes_per_second = plan_.kilobytes_per_second * 1'000;
        begun_ = world_.now();
    }

    void pass_to(instant at) { world_.pass(std::max(at - world_.now(), duration(0))); }

    void trouble() {
        for (const action& one : plan_.actions) {
            pass_to(begun_ + std::chrono::milliseconds(one.at_ms));
            act(one);
        }
        pass_to(begun_ + std::chrono::milliseconds(plan_.trouble_ms));
    }

    void act(const action& what) {
        person& who = people_[what.who % people_.size()];
        if (done_by_people(what.what)) {
            if (who.up()) {
                errands_.begin(who, what);
            }
        } else if (what.what == action_kind::kill_midway) {
            if (who.up()) {
                kill_midway(who, what);
            }
        } else {
            faults_.happen(what);
        }
    }

    void kill_midway(person& who, const action& what) {
        errands_.begin(who, {what.at_ms, action_kind::change, what.who, what.which, 0});
        for (std::uint64_t turn = 0; turn < what.number && who.up(); ++turn) {
            if (world_.settle_at_most(1) == 0) {
                (void)world_.step(world_.now() + 1s);
            }
            errands_.collect();
        }
        if (who.up()) {
            faults_.kill(who.at(), ending::process);
        }
    }

    bool stays_away(std::size_t person) const { return ((plan_.absent >> person) & 1) != 0; }

    bool stays_away(const device& machine) const {
        for (std::size_t i = 0; i < people_.size(); ++i) {
            if (&people_[i].at() == &machine) {
                return stays_away(i);
            }
        }
        return false;
    }

    std::vector<const person*> present() const {
        std::vector<const person*> there;
        for (std::size_t i = 0; i < people_.size(); ++i) {
            if (!stays_away(i)) {
                there.push_back(&people_[i]);
            }
        }
        return there;
    }

    std::string not_at_rest() {
        for (const person* const one : present()) {
            if (one->signed_in()) {
                one->at().follow(one->id());  // where nobody was told that he is
            } else {
                errands_.sign_in(*one);
            }
        }
        if (errands_.open()) {
            return "an operation still runs";
        }
        std::string missing = unrest(present(), plan_.absent == 0, device_lost_);
        if (missing.empty()) {
            missing = seen_.unshown(present());  // what only a backup has, say
        }
        if (missing.empty()) {
            missing = seen_.unkept(present());
        }
        if (missing.empty() && world_.promised().linearizable) {
            missing = seen_.half_split(present());
        }
        return missing;
    }

    void come_to_rest() {
        faults_.heal([this](const device& one) { return stays_away(one); });
        const instant healed = world_.now();
        pass_to(healed + 1s);
        wait_until_nothing_is("after all is healed", plan_.absent == 0 ? rest_most : rest_of_absent,
                              [this] { return not_at_rest(); });
        report_.rest_seconds = std::chrono::duration<double>(world_.now() - healed).count();
    }

    void wait_until_nothing_is(std::string_view when, duration most,
                               const std::function<std::string()>& missing) {
        const instant limit = world_.now() + most;
        for (std::string what = missing(); !what.empty(); what = missing()) {
            if (world_.now() > limit) {
                seen_.failed(fmt::format("{}, not in time: {}", when, what));
                return;
            }
            pass_to(world_.now() + 1s);
        }
    }

    /// His machine is gone, with its disk. On a new one his name and password bring everything
    /// back.
    void lose_a_device() {
        if (plan_.loses_device == 0) {
            return;
        }
        const std::size_t number = (plan_.loses_device - 1) % plan_.people;
        person& who = people_[number];
        const auto before = who.sees_all();
        faults_.kill(who.at(), ending::power);
        device_lost_ = true;
        who.sign_in(joined_from_home(number, "another device of " + who.name()));
        seen_.knows(who);
        // What a backup lost with its own disk, it may not have back by then.
        const bool with_old_copies =
            std::ranges::count(plan_.actions, action_kind::restore_disk, &action::what) != 0;
        const duration most = with_old_copies ? rest_of_absent : rest_most;
        wait_until_nothing_is("after a device was lost", most, [&] {
            const std::string missing = lost_from(before, who);
            return missing.empty() ? not_at_rest() : missing;
        });
    }

    void judge() {
        read_files();
        lose_a_device();
        const instant limit = world_.now() + count_most;
        count();
        while (!seen_.claims.counters.violations().empty() && world_.now() < limit) {
            pass_to(world_.now() + 10s);
            count();
        }
        look_around();
        seen_.end(present());
    }

    /// Everybody reads everything: after agreement, what each sees is the newest, unless somebody
    /// who stays away may have a newer one.
    void look_around() {
        const auto there = present();
        for (const person* const who : there) {
            for (const auto& one : who->sees_all()) {
                bool all_there = true;
                for (std::size_t i = 0; i < people_.size(); ++i) {
                    all_there = all_there && !(takes_part(people_[i], one) && stays_away(i));
                }
                if (all_there && nobody_sees_later(there, one)) {
                    seen_.confirmed(*who, one);
                }
            }
        }
    }

    /// Whoever has just started may not have found the others yet, and is asked again.
    void read_file(person& who, const node::event_view& event, const std::string& file,
                   const std::vector<const person*>& there) {
        const bool must = errands_.must_be_there(event.id, file, there);
        const instant limit = world_.now() + (must ? file_most : 0s);
        auto got = who.read(event.id, file);
        while ((!got || !*got) && world_.now() < limit) {
            pass_to(world_.now() + 5s);
            got = who.read(event.id, file);
        }
        if (got && *got) {
            seen_.read(who, event, file, crypto::sha256(**got));
        } else if (must) {
            seen_.unreadable(who, event, file, got ? got->error().message() : "no answer");
        }
    }

    void read_files() {
        const auto there = present();
        for (std::size_t i = 0; i < people_.size(); ++i) {
            if (stays_away(i)) {
                continue;
            }
            for (const auto& event : people_[i].sees_all()) {
                for (const auto& file : event.content.files) {
                    read_file(people_[i], event, file.name, there);
                }
            }
        }
    }

    /// What must be back under its bound. To whom nobody is there to hear it, something stays owed.
    void count() {
        auto& counters = seen_.claims.counters;
        const std::uint64_t devices = world_.devices().size();
        std::uint64_t absent = 0;
        for (std::size_t i = 0; i < people_.size(); ++i) {
            absent += stays_away(i) ? 1 : 0;
        }
        counters.limit("outbox", (absent + (device_lost_ ? 1 : 0)) * errands_.counted().asked);
        counters.limit("timers", 10 + 2 * devices);  // a few, and some for each neighbour
        // Both of a pair may have dialled; and each device keeps two connections to each server of
        // an engine, for each epoch whose strategy has it.
        const auto engine = engine::hosts_of(plan_.consensus);
        const auto changes = static_cast<std::uint64_t>(
            std::ranges::count(plan_.actions, action_kind::change_strategy, &action::what));
        counters.limit("streams", 2 * devices * (devices - 1) +
                                      2 * 2 * devices * engine.size() * (1 + changes));
        for (const auto& one : world_.devices()) {
            if (one->up()) {
                seen_.counts(one->name(), "outbox", one->api().info.status().outbox);
                seen_.counts(one->name(), "timers", one->timers_waiting());
            }
        }
        // An engine keeps what a box in front of its client has cut.
        seen_.counts("", "streams", world_.net.open_streams({engine.begin(), engine.end()}));
    }

    void finish() {
        report_.events = world_.line.happened();
        report_.trace = seen_.happened.hash();
        report_.records = seen_.happened.records();
        const auto& asked = errands_.counted();
        report_.operations = asked.asked;
        report_.acknowledged = asked.acknowledged;
        report_.refused = asked.refused;
        report_.unknown = asked.unknown;
        report_.told = seen_.claims.noted();
        report_.promised = world_.promised();
        const auto held_to =
            claims::required(report_.promised, {.partitions = has_partitions(plan_)});
        for (auto& one : seen_.claims.violations()) {
            (held_to.contains(one.what) ? report_.violations : report_.unpromised)
                .push_back(std::move(one));
        }
        report_.cluster_hours = std::chrono::duration<double>(world_.now() - begun_).count() /
                                3'600 * static_cast<double>(world_.devices().size());
        if (!report_.good()) {
            report_.log = world_.last_lines(log_lines);
        }
    }

    plan plan_;
    const run_settings& with_;
    run_report report_;
    bool failed_ = false, device_lost_ = false;
    world world_;
    std::ofstream log_, daemons_log_;
    claims::world_watcher seen_;
    std::vector<device*> machines_;  // but for the registry
    std::vector<person> people_;
    errands errands_;
    faults faults_;
    instant begun_{};
};

founded_world::founded_world(const plan& what, const run_settings& with)
    : run_(std::make_unique<run>(what, with)) {}

founded_world::~founded_world() = default;

run_report founded_world::play(const plan& what) { return run_->play(what); }

run_report run_plan(const plan& what, const run_settings& with) {
    return founded_world(what, with).play(what);
}

}  // namespace calbox::lab
