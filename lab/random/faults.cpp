#include "lab/random/faults.hpp"

#include <algorithm>

namespace calbox::lab {

namespace {
using namespace std::chrono_literals;
constexpr std::string_view first_port = ":32768";  // that a host gives
constexpr disk_operation all_operations[] = {disk_operation::read, disk_operation::write,
                                             disk_operation::sync, disk_operation::name};
}  // namespace

void faults::kill(device& what, ending how) {
    seen_.note(happening::fault, what.name(), how == ending::process ? "kill" : "power cut");
    errands_.collect();  // what happened before, in this moment
    what.kill(how);
    errands_.lose(what);
}

void faults::heal(const std::function<bool(const device&)>& stays_away) {
    seen_.note(happening::fault, "", "all is healed");
    world_.net.heal();
    world_.net.usual = {};
    world_.net.usual.latency = std::chrono::milliseconds(plan_.latency_ms);
    for (device* const one : machines_) {
        one->slow_disk(1);
        one->drift(0);
        if (one->drive() != nullptr) {
            mend_disk(*one->drive());
        }
    }
    for (device* const one : machines_) {
        if (one->up() && stays_away(*one)) {
            kill(*one, ending::power);
        }
    }
    for (device* const one : machines_) {
        if (wiped_.contains(one)) {
            join_again(*one, world_.find(registry_name));
        } else if (!one->up() && !stays_away(*one)) {
            one->start();
        }
    }
}

void faults::disturb_disk(const action& what, disk& of) {
    if (what.what == action_kind::fill_disk) {
        of.set_capacity(of.used() + what.number);
    } else if (what.what == action_kind::free_disk) {
        of.set_capacity(UINT64_MAX);
    } else {
        const std::uint64_t number = what.number;
        of.fail_next(all_operations[number % disk_operations], 1 + number / 4 % 3,
                     number / 16 % 32);
    }
}

void faults::mend_disk(disk& of) {
    of.cut_power_in(0);
    of.kill_in(0);
    of.set_capacity(UINT64_MAX);
    for (const disk_operation one : all_operations) {
        of.fail_next(one, 0);
    }
}

/// At once, or in one of the next operations on its disk.
void faults::end_suddenly(device& machine, ending how, std::uint64_t number) {
    const std::uint64_t later = number % 64;
    if (machine.drive() == nullptr || later < 24) {
        kill(machine, how);
    } else if (how == ending::power) {
        machine.drive()->cut_power_in(later - 23);
    } else {
        machine.drive()->kill_in(later - 23);
    }
}

/// What may happen to whose disk, as long as nobody stays away in the end. Survived is a lost
/// disk at a backup, or an old copy at one whose vote does not count, and both at a rendezvous;
/// not an old copy at a device that makes events.
void faults::harm_disk(const action& what) {
    if (plan_.absent != 0) {
        return;
    }
    const bool wiped = what.what == action_kind::wipe_disk;
    const bool may_go_back = wiped || !world_.promised().linearizable;
    device& machine = *machines_[what.who % (plan_.rendezvous + (may_go_back ? plan_.backups : 0))];
    if (machine.drive() == nullptr || wiped_.contains(&machine)) {
        return;
    }
    seen_.search_disk(machine);
    if (what.what == action_kind::copy_disk) {
        copies_[&machine] = machine.drive()->snapshot();
        return;
    }
    const auto copy = copies_.find(&machine);
    if (!wiped && copy == copies_.end()) {
        return;
    }
    if (machine.up()) {
        kill(machine, ending::power);
    }
    if (wiped) {
        machine.drive()->wipe();
        machine.settings.listen =
            machine.name() + std::string(first_port);  // where the others know it
        wiped_.insert(&machine);
    } else {
        machine.drive()->restore(copy->second);
    }
}

void faults::happen(const action& what) {
    device& machine = *machines_[what.who % machines_.size()];
    seen_.note(happening::fault, machine.name(), to_string(what.what), what.number);
    switch (what.what) {
        case action_kind::kill:
        case action_kind::power_cut:
            if (machine.up()) {
                end_suddenly(machine,
                             what.what == action_kind::kill ? ending::process : ending::power,
                             what.number);
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
            machine.time.jump(std::chrono::seconds(static_cast<std::int64_t>(what.number) - 3'600));
            break;
        case action_kind::copy_disk:
        case action_kind::restore_disk:
        case action_kind::wipe_disk:
            harm_disk(what);
            break;
        case action_kind::fill_disk:
        case action_kind::free_disk:
        case action_kind::disk_errors:
            if (machine.drive() != nullptr) {
                disturbed_.insert(&machine);
                disturb_disk(what, *machine.drive());
            }
            break;
        case action_kind::change_strategy:
            change_strategy();
            break;
        default:
            harm_network(what, machine);
    }
}

/// To one that promises as much. It may be refused, since the last change is not over, say.
void faults::change_strategy() {
    device& registry = world_.find(registry_name);
    auto& network = registry.api().network;
    const bool away = network.strategies().back().name != plan_.consensus;
    const std::string other = plan_.consensus == "views" ? "organizer" : "views";
    (void)registry.begin(network.change_strategy({away ? plan_.consensus : other, {}, 0s}));
}

void faults::harm_network(const action& what, device& machine) {
    if (what.what == action_kind::split) {
        std::set<std::string> one, other;
        for (std::size_t i = 0; i < machines_.size(); ++i) {
            (((what.number >> i) & 1) != 0 ? one : other).insert(machines_[i]->name());
        }
        // An engine, if there is one, stands together, on the side that the next bit says.
        const auto engine = engine::hosts_of(plan_.consensus);
        (((what.number >> machines_.size()) & 1) != 0 ? one : other)
            .insert(engine.begin(), engine.end());
        world_.net.split({one, other});
    } else if (what.what == action_kind::one_way) {
        const auto& other =
            machines_[static_cast<std::size_t>(what.number % machines_.size())]->name();
        if (other != machine.name()) {
            world_.net.cut_one_way(machine.name(), other);
        }
    } else if (what.what == action_kind::reboot_box) {
        if (const auto box = box_of_person(plan_, what.who % plan_.people)) {
            world_.net.reboot(box->name);
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

/// A daemon may refuse to start where its disk fails; its operator tries it again later.
void faults::start(device& what) {
    try {
        what.start();
    } catch (const failure& refused) {
        if (!disturbed_.contains(&what)) {
            throw;
        }
        seen_.note(happening::fault, what.name(), "does not start");
    }
}

void faults::start_some(std::uint64_t which) {
    std::vector<device*> off;
    std::ranges::copy_if(machines_, std::back_inserter(off),
                         [this](device* one) { return !one->up() && !wiped_.contains(one); });
    if (!off.empty()) {
        start(*off[static_cast<std::size_t>(which % off.size())]);
    }
}

}  // namespace calbox::lab
