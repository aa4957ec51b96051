// How a seed draws a plan. What is added to plans draws from a source of its own, so that the other
// seeds keep their worlds.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "lab/random/plan.hpp"
#include "lab/sim/chance.hpp"

namespace calbox::lab {

namespace {

constexpr std::size_t nat_kinds = 4;

/// Founding a network costs as much as what then happens in it. So many in a row share one for each
/// number of machines and people; the next have other keys, and with them another order of ids.
constexpr std::uint64_t seeds_of_a_founding = 1'000;

constexpr std::uint64_t all_invited = 0xffff;

/// How often each kind is chosen, of the sum; what happens to disks, and the last kinds, are chosen
/// apart. A world has a temper: in some only people act, in some the machines fail, in some the
/// network does.
struct temper {
    std::string_view name;
    unsigned in_dense;                 // how often it is drawn for a dense world; else all alike
    std::array<unsigned, 19> weights;  // in the order of `action_kind`, which goes on
};
//                    cre chg rem att inv look kil pow stp sta mid spl one sil hea wor slo rat jmp
constexpr std::array<temper, 5> tempers{{
    {"calm", 1, {{30, 45, 5, 10, 5, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}},
    {"crowded", 1, {{5, 88, 2, 3, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}},
    {"mortal", 2, {{15, 38, 3, 5, 3, 0, 5, 4, 4, 14, 6, 0, 0, 0, 0, 0, 2, 1, 1}}},
    {"torn", 2, {{15, 42, 3, 5, 3, 0, 0, 0, 0, 0, 0, 7, 4, 3, 12, 4, 2, 0, 0}}},
    {"everything", 2, {{15, 38, 3, 5, 3, 0, 3, 2, 2, 10, 3, 4, 2, 1, 6, 1, 1, 1, 1}}},
}};

/// At least, and so many more at most.
struct range {
    std::uint32_t least, more;
    std::uint32_t drawn_by(seeded& chance) const noexcept {
        return least + static_cast<std::uint32_t>(chance.below(more + 1));
    }
};

/// In a dense world more goes wrong for each thing that people do, which more often is done at
/// once, and about an event of all of them.
struct dimensions {
    std::string_view name;
    range people, backups, rendezvous, actions;
    bool dense;
    unsigned loses_device_one_of;  // which costs as much as all else in a small world
};
constexpr std::array<dimensions, 3> sizes{{
    {"small", {2, 1}, {1, 0}, {1, 0}, {6, 10}, true, 8},
    {"middle", {2, 2}, {1, 1}, {1, 1}, {12, 18}, true, 4},
    {"large", {2, 2}, {1, 1}, {1, 1}, {10, 70}, false, 4},
}};

template <class List>
std::size_t weighted(seeded& chance, const List& weights) {
    std::uint64_t sum = 0;
    for (const unsigned one : weights) {
        sum += one;
    }
    std::uint64_t left = chance.below(sum);
    std::size_t index = 0;
    while (left >= weights[index]) {
        left -= weights[index++];
    }
    return index;
}

const temper& temper_of(const dimensions& size, seeded& chance) {
    if (!size.dense) {
        return tempers[static_cast<std::size_t>(chance.below(tempers.size()))];
    }
    std::array<unsigned, tempers.size()> weights{};
    std::ranges::transform(tempers, weights.begin(), &temper::in_dense);
    return tempers[weighted(chance, weights)];
}

std::uint64_t number_for(action_kind what, seeded& chance) {
    switch (what) {
        case action_kind::kill_midway:
            return chance.below(120);
        case action_kind::worse:
            return chance.below(150);
        case action_kind::slow_disk:
            return 1 + chance.below(200);
        case action_kind::clock_rate:
            return chance.below(100'000);
        case action_kind::clock_jump:
            return chance.below(7'200);
        default:
            return chance.draw() & 0xffff;
    }
}

void add(plan& to, std::int64_t at, action_kind what, std::uint32_t who, std::uint64_t number = 0) {
    const action one{at, what, who, 0, number};
    to.actions.insert(std::ranges::upper_bound(to.actions, at, {}, &action::at_ms), one);
}

/// After the last action that there is.
std::int64_t end_of(const plan& what) { return what.actions.back().at_ms + 1; }

std::int64_t moment(seeded& chance, std::int64_t before) {
    return static_cast<std::int64_t>(chance.below(static_cast<std::uint64_t>(before)));
}

/// As the run counts them: by device, and one more at the shared one.
std::uint32_t users_of(const plan& in) {
    return in.people + in.second_devices + (in.shared_device ? 1 : 0);
}

/// In one of so many worlds once, or up to `most` times; in the others never.
std::uint64_t times_in(seeded& chance, unsigned worlds, unsigned most) {
    return chance.below(worlds) == 0 ? 1 + chance.below(most) : 0;
}

/// A copy of a machine's disk is made, and later it is put back; or a disk is lost.
void add_disk_faults(plan& to, seeded& chance) {
    const std::int64_t end = end_of(to);
    if (chance.below(3) == 0) {
        const auto who = static_cast<std::uint32_t>(chance.below(16));
        const auto copied = moment(chance, end);
        add(to, copied, action_kind::copy_disk, who);
        add(to, copied + moment(chance, end - copied), action_kind::restore_disk, who);
    }
    if (chance.below(4) == 0) {
        add(to, moment(chance, end), action_kind::wipe_disk,
            static_cast<std::uint32_t>(chance.below(16)));
    }
}

/// What is a part of the shape, and not drawn for each world, since each shape is to be founded.
seeded chance_of_shape(const plan& in, std::string_view what) {
    const std::uint64_t shape[] = {*in.founding, in.people, in.backups, in.rendezvous,
                                   in.second_devices};
    return seeded(shape[0], fmt::format("{} {}", what, fmt::join(shape, " ")));
}

/// In half of the shapes there are people behind NATs, and backups in some of them.
void put_behind_nats(plan& in) {
    seeded chance = chance_of_shape(in, "nats");
    if (chance.below(2) == 0) {
        return;
    }
    const auto draw = [](seeded& from) {
        const auto kind = static_cast<std::size_t>(from.below(nat_kinds + 1));
        return kind < nat_kinds ? std::optional(static_cast<nat_kind>(kind)) : std::nullopt;
    };
    for (std::uint32_t i = 0; i < in.people; ++i) {
        in.nats.push_back(draw(chance));
    }
    seeded at_backups = chance_of_shape(in, "nats of backups");
    for (std::uint32_t i = 0; i < in.backups; ++i) {
        in.backup_nats.push_back(at_backups.below(2) == 0 ? draw(at_backups) : std::nullopt);
    }
}

/// In some worlds disks run full or fail, whosoever they are.
void add_disk_errors(plan& to, seeded& chance) {
    const std::int64_t end = end_of(to);
    for (std::uint64_t left = times_in(chance, 6, 3); left > 0; --left) {
        const auto who = static_cast<std::uint32_t>(chance.below(16));
        const auto at = moment(chance, end);
        if (chance.below(2) == 0) {
            add(to, at, action_kind::disk_errors, who, chance.draw() & 0xffff);
        } else {
            add(to, at, action_kind::fill_disk, who, chance.below(30'000));
            add(to, at + moment(chance, 10'000), action_kind::free_disk, who);
        }
    }
}

void add_reboots(plan& to, seeded& chance) {
    if (to.nats.empty()) {
        return;
    }
    const std::int64_t end = end_of(to);
    for (std::uint64_t left = times_in(chance, 3, 3); left > 0; --left) {
        add(to, moment(chance, end), action_kind::reboot_box,
            static_cast<std::uint32_t>(chance.below(to.people)));
    }
}

/// In some worlds the network goes over to another strategy, and perhaps back.
void add_strategy_changes(plan& to, seeded& chance) {
    if (to.consensus == "naive") {
        return;
    }
    const std::int64_t end = end_of(to);
    for (std::uint64_t left = times_in(chance, 8, 2); left > 0; --left) {
        add(to, moment(chance, end), action_kind::change_strategy, 0);
    }
}

/// In half of the shapes with second devices nobody has signed in there before the trouble; in some
/// shapes a device is used by two, neither of whom stays away or loses it.
void choose_who_signs_in_where(plan& in, seeded& visits) {
    seeded chance = chance_of_shape(in, "accounts");
    in.newcomers = in.second_devices != 0 && chance.below(2) == 0;
    in.shared_device = chance.below(4) == 0;
    if (in.shared_device) {
        in.absent = 0;
        in.loses_device = 0;
    }
    const std::int64_t end = end_of(in);
    for (std::uint32_t i = 0; in.newcomers && i < in.second_devices; ++i) {
        add(in, moment(visits, end), action_kind::sign_in, in.people + i);
    }
}

/// In some worlds people sign out at a device and, most of them in the midst of it all, in again.
void add_visits(plan& to, seeded& chance) {
    const std::int64_t end = end_of(to);
    for (std::uint64_t left = times_in(chance, 6, 3); left > 0; --left) {
        const auto who = static_cast<std::uint32_t>(chance.below(16));
        const auto out = moment(chance, end);
        add(to, out, action_kind::sign_out, who);
        add(to, out + moment(chance, end), action_kind::sign_in, who);
    }
}

/// In one of so many worlds, one of so many changes is something else.
void instead_of_changes(plan& in, action_kind what, seeded& chance, unsigned worlds,
                        unsigned changes) {
    if (chance.below(worlds) != 0) {
        return;
    }
    for (action& one : in.actions) {
        if (one.what == action_kind::change && chance.below(changes) == 0) {
            one.what = what;
            one.number = chance.draw() & 0xffff;
        }
    }
}

/// In some worlds more is deleted, and brought back.
void delete_and_bring_back(plan& in, seeded& chance) {
    if (chance.below(4) != 0) {
        return;
    }
    for (action& one : in.actions) {
        constexpr action_kind instead[] = {action_kind::remove, action_kind::bring_back,
                                           action_kind::bring_back};
        if (one.what == action_kind::change && chance.below(4) == 0) {
            one.what = instead[chance.below(std::size(instead))];
        }
    }
}

/// In some worlds events take place every day, and are split, where one of two devices dies at it.
void add_splits(plan& to, seeded& chance) {
    if (chance.below(4) != 0) {
        return;
    }
    constexpr std::int64_t split_ms = 800;
    std::vector<action> deaths;
    for (action& one : to.actions) {
        if (one.what == action_kind::create && chance.below(4) != 0) {
            one.number |= every_day;
        } else if (one.what == action_kind::change && chance.below(3) == 0) {
            one.what = action_kind::split_series;
            one.number = chance.draw() & 0xffff;
            const std::uint32_t person = one.who % users_of(to);
            if (person < to.people + to.second_devices && chance.below(2) == 0) {
                constexpr action_kind how[] = {action_kind::kill, action_kind::power_cut};
                deaths.push_back({one.at_ms + moment(chance, split_ms),
                                  how[chance.below(std::size(how))],
                                  to.rendezvous + to.backups + person, 0, 0});
            }
        }
    }
    for (const action& one : deaths) {
        add(to, one.at_ms, one.what, one.who);
        add(to, one.at_ms + moment(chance, 20'000), action_kind::start, one.who);
    }
}

/// In some worlds fewer are invited, people open events, and others join them by their links.
void add_openings(plan& to, seeded& chance) {
    if (chance.below(4) != 0) {
        return;
    }
    for (action& one : to.actions) {
        constexpr action_kind instead[] = {action_kind::open_event, action_kind::join_event,
                                           action_kind::join_event};
        const bool may_be = one.what == action_kind::change || one.what == action_kind::look;
        if (may_be && chance.below(2) == 0) {
            one.what = instead[chance.below(std::size(instead))];
            one.number = chance.draw() & 0xffff;
        } else if (one.what == action_kind::create) {
            one.number &= ~(chance.draw() & 0xffff);
        }
    }
}

/// In the end, when nothing else heals the network, somebody is cut off, and takes an event over
/// that the others go on with.
void add_contest(plan& to, seeded& chance) {
    constexpr std::int64_t together_ms = 3'000, alone_ms = 30'000;
    const auto alone = static_cast<std::uint32_t>(chance.below(to.people));
    const std::int64_t begin = end_of(to), at = begin + together_ms;
    const auto add_once_after = [&](std::int64_t ms, action_kind what, std::uint32_t who) {
        add(to, at + ms + moment(chance, alone_ms - ms), what, who, chance.draw() & 0xffff);
    };
    add(to, begin, action_kind::heal, 0);
    add(to, at, action_kind::silence, to.rendezvous + to.backups + alone);  // as machines are made
    for (std::uint32_t one = 0; one < to.people; ++one) {
        add_once_after(0, one == alone ? action_kind::take_over : action_kind::change, one);
        add_once_after(alone_ms / 2, action_kind::change, one);
    }
    add(to, at + alone_ms, action_kind::heal, 0);
    to.trouble_ms = std::max(to.trouble_ms, at + alone_ms + 5'000);
}

/// In some worlds a part of the changes are set operations, or made under a lock, and some guests
/// have all rights.
void vary_changes(plan& in, seeded& chance) {
    if (chance.below(2) == 0) {
        return;
    }
    for (action& one : in.actions) {
        constexpr action_kind instead[] = {action_kind::detach, action_kind::answer,
                                           action_kind::answer, action_kind::leave,
                                           action_kind::edit,   action_kind::edit};
        if (one.what == action_kind::change && chance.below(4) == 0) {
            one.what = instead[chance.below(std::size(instead))];
            one.number = chance.draw() & 0xffff;
        } else if (one.what == action_kind::create && chance.below(3) == 0) {
            one.number |= guests_may_all;
        }
    }
}

}  // namespace

std::string_view to_string(world_size what) noexcept {
    return sizes[static_cast<std::size_t>(what)].name;
}

plan make_plan(std::uint64_t seed, const plan_limits& within) {
    seeded chance(seed, "plan");
    plan made;
    made.seed = seed;
    made.founding = (seed - 1) / seeds_of_a_founding + 1;
    made.consensus = within.consensus;
    made.discovery = within.discovery;
    made.recovery = within.recovery;
    const dimensions& size = sizes[static_cast<std::size_t>(within.size)];
    made.people = size.people.drawn_by(chance);
    made.backups = size.backups.drawn_by(chance);
    made.rendezvous = size.rendezvous.drawn_by(chance);
    made.latency_ms = static_cast<std::uint32_t>(1 + chance.below(60));
    made.jitter_ms = static_cast<std::uint32_t>(chance.below(20));
    made.lost_per_mille = chance.below(3) == 0 ? static_cast<std::uint32_t>(chance.below(50)) : 0;
    seeded lines(seed, "lines");
    if (lines.below(5) == 0) {
        made.kilobytes_per_second = static_cast<std::uint32_t>(10 + lines.below(200));
    }
    const temper& mood = temper_of(size, chance);
    auto weights = mood.weights;
    if (size.dense) {
        const auto first_wrong = static_cast<std::size_t>(action_kind::kill);
        for (std::size_t kind = first_wrong; kind < weights.size(); ++kind) {
            weights[kind] *= 2;
        }
    }
    const std::uint32_t count = size.actions.drawn_by(chance);
    // Some worlds are in a hurry: their people collide.
    const std::uint64_t pause_ms = chance.below(size.dense ? 2 : 3) == 0 ? 40 : 1'500;
    std::int64_t at = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        action one;
        at += static_cast<std::int64_t>(chance.below(pause_ms));
        one.at_ms = at;
        one.what =
            i == 0 ? action_kind::create : static_cast<action_kind>(weighted(chance, weights));
        one.who = static_cast<std::uint32_t>(chance.below(16));
        // Few events, so that people meet at them.
        one.which = chance.below(mood.name == "crowded" ? 2 : 5);
        one.number = number_for(one.what, chance);
        if (i == 0 && size.dense) {
            one.number = all_invited;
        }
        made.actions.push_back(one);
    }
    made.trouble_ms = at + 5'000;
    if (made.people > 2 && chance.below(5) == 0) {
        made.absent = 1u << chance.below(made.people);
    }
    made.storage = "sqlite";
    seeded disks(seed, "disks");
    add_disk_faults(made, disks);
    seeded errors(seed, "disk errors");
    add_disk_errors(made, errors);
    seeded losses(seed, "losses");
    if (made.absent == 0 && losses.below(size.loses_device_one_of) == 0) {
        made.loses_device = static_cast<std::uint32_t>(1 + losses.below(made.people));
    }
    seeded variety(seed, "variety");
    vary_changes(made, variety);
    seeded epochs(seed, "epochs");
    add_strategy_changes(made, epochs);
    seeded visits(seed, "visits");
    add_visits(made, visits);
    seeded devices(seed, "devices");
    // In few shapes of worlds, since each is to be founded; of somebody who does not stay away with
    // one of his devices only.
    if (made.rendezvous == 1 && (made.absent & 1) == 0 && devices.below(2) == 0) {
        made.second_devices = (made.absent & 2) == 0 && devices.below(3) == 0 ? 2 : 1;
    }
    put_behind_nats(made);
    choose_who_signs_in_where(made, visits);
    seeded restores(seed, "restores");
    instead_of_changes(made, action_kind::restore, restores, 4, 6);
    seeded replacements(seed, "replacements");
    instead_of_changes(made, action_kind::replace, replacements, 4, 4);
    seeded trash(seed, "trash");
    delete_and_bring_back(made, trash);
    seeded lines_of_versions(seed, "lines of versions");
    if (made.consensus == "views") {  // which alone knows take-overs
        instead_of_changes(made, action_kind::take_over, lines_of_versions, 4, 4);
        seeded contest(seed, "contest");
        if (!size.dense && contest.below(6) == 0) {
            add_contest(made, contest);
        }
    }
    seeded series(seed, "series");
    add_splits(made, series);
    seeded openings(seed, "openings");
    add_openings(made, openings);
    seeded boxes(seed, "boxes");
    add_reboots(made, boxes);
    return made;
}

}  // namespace calbox::lab
