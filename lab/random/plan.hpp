// A random world, written down: which devices there are, what the network is like, what people do
// and what goes wrong, each at its time. A seed makes one; a file keeps one (JSON), so that a
// failure can be replayed and made smaller. Actions name events and people by number, modulo what
// is there, so that a plan stays meaningful when some of its actions are left out. Values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <calbox/environment.hpp>
#include <calbox/error.hpp>

#include "lab/sim/network.hpp"

namespace calbox::lab {

enum class action_kind : std::uint8_t {
    // What people do.
    create,  // `number`: whom to invite, as bits; `guests_may_all`, `every_day`
    change,
    remove,
    attach,
    invite,  // `number`: who takes part from now on, as bits
    look,    // asks what the newest version is, once everybody must have it
    // What goes wrong, and right again.
    kill,         // SIGKILL; with a disk, `number` may say in which operation on it
    power_cut,    // of a whole machine; likewise
    stop,         // SIGTERM
    start,        // of a device that is off
    kill_midway,  // SIGKILL in an edit of person `who`, `number` turns after it has begun
    split,        // `number`: who is on the one side, as bits
    one_way,      // from device `who` to device `number`
    silence,      // the link of one device is down, nobody is told
    heal,         // of all paths
    worse,        // loss, reordering and jitter on every path; `number` per mille
    slow_disk,    // `number` times as slow
    clock_rate,   // `number` parts per million too fast, less 50,000
    clock_jump,   // `number` seconds forward, less 3,600
    // Of disks. Which machines these can happen to is for the run to say.
    copy_disk,     // as it is now, for later
    restore_disk,  // the machine ends, and has the last copy, if there is one
    wipe_disk,     // the machine ends, and has an empty one
    fill_disk,     // `number` bytes are left
    free_disk,     // there is room again
    disk_errors,   // EIO; `number`: in which operations
    // Of the network: its operator goes over to another strategy, or back.
    change_strategy,
    // Of the NAT in front of person `who`'s devices, if there is one.
    reboot_box,
    // What people do besides: set operations, which wait for each other, and edits under a lock.
    detach,    // `number`: which file; where there is none, one is attached
    answer,    // a guest; `number`: what
    leave,     // a guest takes no part any more
    edit,      // under a lock, held for `number` ms first, less than 20 s
    sign_out,  // at one device, and there in again; in the end everybody is
    sign_in,
    restore,       // what an earlier version said; `number`: which
    take_over,     // begins another line of versions, if those who decide are out of reach
    replace,       // another file of that name; `number`: which, and with what
    bring_back,    // of those that somebody has deleted, or tried to: `which`
    split_series,  // its organizer; `number`: at which time
    open_event,    // his first one, its organizer; `number`: opens or closes it
    join_event,    // by the link of one that was opened: `which`
};

/// In the number of a create: its guests may do what the organizer may.
inline constexpr std::uint64_t guests_may_all = 1u << 16;
/// It takes place every day.
inline constexpr std::uint64_t every_day = 1u << 17;

struct action {
    std::int64_t at_ms = 0;
    action_kind what = action_kind::look;
    std::uint32_t who = 0;    // a person, or a device
    std::uint64_t which = 0;  // an event, among those that the person sees
    std::uint64_t number = 0;
    friend bool operator==(const action&, const action&) = default;
};

struct plan {
    std::uint64_t seed = 1;
    /// The seed of how the network is founded, joined and signed up in, which many plans may share;
    /// then chance is that of `seed`. Without, all is.
    std::optional<std::uint64_t> founding;
    std::string consensus = "views", discovery = "random", recovery = "auto";
    std::string storage = "memory";  // or "sqlite", on simulated disks
    std::uint32_t people = 3, backups = 1, rendezvous = 1;
    std::uint32_t second_devices = 0;  // so many of the people, from the first on, have another one
    bool newcomers = false;            // nobody has signed in there yet
    bool shared_device = false;        // the last of the people uses the first one's device, too
    /// Of the box in front of each one's devices, by person, and of that in front of each backup;
    /// nothing, or beyond the end: there is none.
    std::vector<std::optional<nat_kind>> nats, backup_nats;
    std::uint32_t latency_ms = 5, jitter_ms = 0, lost_per_mille = 0;
    std::uint32_t kilobytes_per_second = 0;  // on every line; 0: as fast as one likes
    std::int64_t trouble_ms = 60'000;        // then everything is healed, and must come to rest
    std::uint32_t absent = 0;                // people, as bits, who do not come back after it
    std::uint32_t loses_device = 0;  // when all is at rest: the n-th of the people, or nobody
    std::vector<action> actions;     // by time
    friend bool operator==(const plan&, const plan&) = default;
};

/// How many devices and actions there are.
enum class world_size : std::uint8_t { small, middle, large };

/// What a seed may choose from.
struct plan_limits {
    std::string consensus = "views", discovery = "random", recovery = "auto";
    world_size size = world_size::large;
};

plan make_plan(std::uint64_t seed, const plan_limits& within = {});

/// What stands between a home and the network; nothing where there is nothing.
struct nat_box {
    std::string name;
    nat_kind kind;
};
std::optional<nat_box> box_of_person(const plan& in, std::size_t number);
std::optional<nat_box> box_of_backup(const plan& in, std::size_t number);

/// Whether their worlds are the same until the first action.
bool begin_alike(const plan& one, const plan& other) noexcept;

/// Whether some can be out of reach of others for a while.
bool has_partitions(const plan& what) noexcept;

/// One JSON object, an action a line.
std::string to_json(const plan& what);
/// malformed, with what is wrong.
result<plan> plan_from_json(std::string_view text);

/// Not something that goes wrong.
bool done_by_people(action_kind what) noexcept;
std::string_view to_string(action_kind what) noexcept;
std::string_view to_string(world_size what) noexcept;

}  // namespace calbox::lab
