#include "lab/random/run.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "lab/check/histcheck.hpp"
#include "lab/random/witness.hpp"
#include "lab/world/cast.hpp"

namespace calbox::lab {

namespace {

using namespace std::chrono_literals;

constexpr duration rest_most = 20min;
constexpr std::size_t log_lines = 60;

/// Whether an error may mean that the change happened all the same.
operation_result result_of(const error& why) {
    switch (why.code) {
        case errc::conflict:
            return operation_result::conflict;
        case errc::timed_out:
        case errc::cancelled:
        case errc::closed:
        case errc::internal:
            return operation_result::unknown;
        default:
            return operation_result::fail;
    }
}

class random_run {
public:
    random_run(const plan& what, const run_settings& with)
        : plan_(what), with_(with), world_(settings()), seen_(world_) {}

    run_report play() {
        try {
            set_up();
            trouble();
            come_to_rest();
            judge();
        } catch (const failure& problem) {
            seen_.violated(claim::works, problem.what());
        }
        finish();
        return std::move(report_);
    }

private:
    struct asked {
        operation what;
        std::string who;
        event_id which;
        std::shared_ptr<outcome<result<node::event_view>>> view;
        std::shared_ptr<outcome<result<void>>> plain;
        std::shared_ptr<outcome<result<node::file_view>>> file;
    };

    world_settings settings() const {
        world_settings one;
        one.seed = plan_.seed;
        one.consensus = plan_.consensus;
        one.discovery = plan_.discovery;
        one.recovery = plan_.recovery;
        one.plugin_directories = with_.plugin_directories;
        one.verbose = with_.verbose;
        return one;
    }

    void set_up() {
        auto& registry = found_network(world_, "registry", 0);
        for (std::uint32_t i = 1; i <= plan_.rendezvous; ++i) {
            machines_.push_back(
                &join_network(world_, fmt::format("R{}", i), wire::role::rendezvous, registry));
        }
        for (std::uint32_t i = 1; i <= plan_.backups; ++i) {
            machines_.push_back(
                &join_network(world_, fmt::format("Z{}", i), wire::role::backup, registry));
        }
        static constexpr std::string_view names[] = {"alice", "bob",   "carol", "dave",
                                                     "erin",  "frank", "grace", "heidi"};
        for (std::uint32_t i = 0; i < plan_.people; ++i) {
            const std::string name =
                i < std::size(names) ? std::string(names[i]) : fmt::format("person{}", i);
            auto& edge = join_network(world_, name, wire::role::edge, registry);
            machines_.push_back(&edge);
            people_.emplace_back(edge, name);
            people_.back().sign_up();
        }
        world_.net.usual.latency = std::chrono::milliseconds(plan_.latency_ms);
        world_.net.usual.jitter = std::chrono::milliseconds(plan_.jitter_ms);
        world_.net.usual.lost_per_mille = plan_.lost_per_mille;
        begun_ = world_.now();
    }

    /// Time passes, and answers are written down when they come.
    void pass_to(instant at) {
        while (world_.turn(at)) {
            collect();
        }
        world_.line.pass_to(at);
        world_.settle();
        collect();
    }

    void trouble() {
        for (const action& one : plan_.actions) {
            pass_to(begun_ + std::chrono::milliseconds(one.at_ms));
            act(one);
        }
        pass_to(begun_ + std::chrono::milliseconds(plan_.trouble_ms));
    }

    void act(const action& what) {
        person& who = people_[what.who % people_.size()];
        if (what.what <= action_kind::look) {
            if (who.up()) {
                ask(who, what);
            }
        } else if (what.what == action_kind::kill_midway) {
            if (who.up()) {
                ask(who, {what.at_ms, action_kind::change, what.who, what.which, 0});
                for (std::uint64_t turn = 0; turn < what.number; ++turn) {
                    if (world_.settle_at_most(1) == 0) {
                        (void)world_.line.step(world_.now() + 1s);
                    }
                    collect();
                }
                who.at().kill(ending::process);
                collect();
            }
        } else {
            go_wrong(what, *machines_[what.who % machines_.size()]);
        }
    }

    std::optional<node::event_view> event_for(const person& who, std::uint64_t which) const {
        auto all = who.sees_all();
        if (all.empty()) {
            return std::nullopt;
        }
        return all[static_cast<std::size_t>(which % all.size())];
    }

    void ask(person& who, const action& what) {
        asked one;
        one.what.client = fmt::format("{}.{}", who.name(), ++report_.operations);
        one.who = who.name();
        one.what.call = (world_.now() - begun_).count();
        std::vector<std::string> guests;
        for (std::size_t i = 0; i < people_.size(); ++i) {
            if (((what.number >> i) & 1) != 0 && people_[i].name() != who.name()) {
                guests.push_back(people_[i].name());
            }
        }
        if (what.what == action_kind::create) {
            one.what.op = operation_kind::create;
            one.what.value = seen_.new_title();
            one.view = who.begin_create(*one.what.value, guests);
            asked_.push_back(std::move(one));
            return;
        }
        const auto event = event_for(who, what.which);
        if (!event) {
            return;
        }
        one.what.op = operation_kind::cas;
        one.what.key = event->id_text;
        one.which = event->id;
        const bool his = event->id.organizer == who.id();
        if (what.what == action_kind::attach) {
            const std::string file = seen_.new_file();
            one.file = who.begin_attach(event->id, file, witness::content_of(file));
        } else if (what.what == action_kind::remove && his) {
            one.what.expect = event->version.value;
            one.what.gone = true;
            one.plain = who.begin_remove(event->id, event->version);
        } else if (what.what == action_kind::invite && his) {
            one.what.expect = event->version.value;
            one.what.value = seen_.new_title();
            one.view = who.begin_invite(event->id, *one.what.value, guests, event->version);
        } else {
            one.what.expect = event->version.value;
            one.what.value = seen_.new_title();
            one.view = who.begin_change(event->id, *one.what.value, event->version);
        }
        asked_.push_back(std::move(one));
    }

    /// Writes down what has been answered since the last time.
    void collect() {
        std::erase_if(asked_, [&](asked& one) {
            const bool ended = (one.view && one.view->ended) || (one.plain && one.plain->ended) ||
                               (one.file && one.file->ended);
            if (ended) {
                write_down(one);
            }
            return ended;
        });
    }

    void write_down(asked& one) {
        operation& told = one.what;
        told.ret = (world_.now() - begun_).count();
        const error* problem = nullptr;
        bool answered = true;
        if (one.view && one.view->value) {
            const auto& got = *one.view->value;
            if (got) {
                told.key = got->id_text;
                told.version = got->version.value;
                told.res = operation_result::ok;
                if (told.op == operation_kind::create) {
                    seen_.acknowledged(got->id, one.who);
                }
            } else {
                problem = &got.error();
            }
        } else if (one.plain && one.plain->value) {
            const auto& got = *one.plain->value;
            if (got) {
                told.version = *told.expect + 1;
                told.res = operation_result::ok;
                seen_.removed(one.which);
            } else {
                problem = &got.error();
            }
        } else if (one.file && one.file->value) {
            // The answer does not tell which version names the file.
            const auto& got = *one.file->value;
            told.res = got ? operation_result::unknown : result_of(got.error());
            if (got) {
                seen_.attached(one.which, got->what.name, one.who);
            }
        } else {
            answered = false;
        }
        if (problem != nullptr) {
            told.res = result_of(*problem);
        } else if (!answered) {
            told.res = operation_result::unknown;
        }
        if (told.value) {
            seen_.answered(*told.value, told.res);
        }
        switch (told.res) {
            case operation_result::ok:
                ++report_.acknowledged;
                break;
            case operation_result::unknown:
                ++report_.unknown;
                told.ret.reset();
                break;
            default:
                ++report_.refused;
        }
        if (!told.key.empty()) {
            report_.told.push_back(std::move(told));
        }
    }

    void go_wrong(const action& what, device& machine) {
        switch (what.what) {
            case action_kind::kill:
            case action_kind::power_cut:
                if (machine.up()) {
                    machine.kill(what.what == action_kind::kill ? ending::process : ending::power);
                }
                break;
            case action_kind::stop:
                if (machine.up()) {
                    machine.stop();
                }
                break;
            case action_kind::start:
                start_some(what.which);
                break;
            case action_kind::slow_disk:
                machine.slow_disk(static_cast<unsigned>(what.number));
                break;
            case action_kind::clock_rate:
                machine.drift(static_cast<std::int64_t>(what.number) - 50'000);
                break;
            case action_kind::clock_jump:
                machine.time.jump(
                    std::chrono::seconds(static_cast<std::int64_t>(what.number) - 3'600));
                break;
            default:
                harm_network(what, machine);
        }
        collect();
    }

    void harm_network(const action& what, device& machine) {
        if (what.what == action_kind::split) {
            std::set<std::string> one, other;
            for (std::size_t i = 0; i < machines_.size(); ++i) {
                (((what.number >> i) & 1) != 0 ? one : other).insert(machines_[i]->name());
            }
            world_.net.split({one, other});
        } else if (what.what == action_kind::one_way) {
            const auto& other =
                machines_[static_cast<std::size_t>(what.number % machines_.size())]->name();
            if (other != machine.name()) {
                world_.net.cut_one_way(machine.name(), other);
            }
        } else if (what.what == action_kind::silence) {
            world_.net.silence(machine.name(), true);
        } else if (what.what == action_kind::worse) {
            world_.net.usual.lost_per_mille = static_cast<unsigned>(what.number);
            world_.net.usual.reordered_per_mille = static_cast<unsigned>(what.number);
            world_.net.usual.repeated_per_mille = static_cast<unsigned>(what.number);
        } else {
            world_.net.heal();
        }
    }

    void start_some(std::uint64_t which) {
        std::vector<device*> off;
        std::ranges::copy_if(machines_, std::back_inserter(off),
                             [](const device* one) { return !one->up(); });
        if (!off.empty()) {
            off[static_cast<std::size_t>(which % off.size())]->start();
        }
    }

    bool stays_away(std::size_t person) const { return ((plan_.absent >> person) & 1) != 0; }

    void come_to_rest() {
        world_.net.heal();
        world_.net.usual = {};
        world_.net.usual.latency = std::chrono::milliseconds(plan_.latency_ms);
        for (device* const one : machines_) {
            one->slow_disk(1);
            one->drift(0);
        }
        for (std::size_t i = 0; i < people_.size(); ++i) {
            if (stays_away(i) && people_[i].up()) {
                people_[i].at().kill(ending::power);
            }
        }
        for (device* const one : machines_) {
            const bool away = std::ranges::any_of(people_, [&](const person& who) {
                return &who.at() == one && stays_away(index_of(who));
            });
            if (!one->up() && !away) {
                one->start();
            }
        }
        const instant healed = world_.now();
        pass_to(healed + 1s);
        std::string missing;
        const auto at_rest = [&] {
            collect();
            missing = asked_.empty() ? seen_.disagreement(present(), plan_.absent == 0)
                                     : "an operation still runs";
            return missing.empty();
        };
        while (!at_rest()) {
            if (world_.now() - healed > rest_most) {
                seen_.violated(claim::agreement, "after all is healed, not in time: " + missing);
                break;
            }
            pass_to(world_.now() + 1s);
        }
        report_.rest_seconds = std::chrono::duration<double>(world_.now() - healed).count();
    }

    std::size_t index_of(const person& who) const {
        return static_cast<std::size_t>(&who - people_.data());
    }

    std::vector<person*> present() {
        std::vector<person*> there;
        for (std::size_t i = 0; i < people_.size(); ++i) {
            if (!stays_away(i)) {
                there.push_back(&people_[i]);
            }
        }
        return there;
    }

    void judge() {
        look_around();
        seen_.judge(present());
        const auto verdict = check_history(report_.told);
        if (!verdict) {
            seen_.violated(claim::works,
                           "the history cannot be judged: " + verdict.error().message());
            return;
        }
        for (const contradiction& one : verdict->contradictions) {
            seen_.violated(claim::one_copy, one.sentence);
        }
    }

    /// Everybody reads everything: after agreement, what each sees is the newest.
    void look_around() {
        const auto at = (world_.now() - begun_).count();
        for (person* const who : present()) {
            for (const auto& one : who->sees_all()) {
                operation look;
                look.client = who->name() + ".looks";
                look.call = at;
                look.ret = at;
                look.key = one.id_text;
                look.value = one.content.title;
                look.version = one.version.value;
                report_.told.push_back(std::move(look));
            }
        }
    }

    void finish() {
        report_.events = world_.line.happened();
        report_.trace = seen_.trace();
        const consensus::traits promised = world_.promised();
        for (const violation& one : seen_.violations()) {
            (is_required(one.of, promised) ? report_.violations : report_.unpromised)
                .push_back(one);
        }
        report_.cluster_hours = std::chrono::duration<double>(world_.now() - begun_).count() /
                                3'600 * static_cast<double>(world_.devices().size());
        if (!report_.good()) {
            report_.log = world_.last_lines(log_lines);
        }
    }

    const plan& plan_;
    const run_settings& with_;
    run_report report_;
    world world_;
    witness seen_;
    std::vector<device*> machines_;
    std::vector<person> people_;
    std::vector<asked> asked_;
    instant begun_{};
};

}  // namespace

run_report run_plan(const plan& what, const run_settings& with) {
    return random_run(what, with).play();
}

}  // namespace calbox::lab
