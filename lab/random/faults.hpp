// What goes wrong in a random world, and right again: with its machines, their disks and clocks,
// the network between them, and what its operator does. Owned by the run; one thread.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <vector>

#include "lab/random/errands.hpp"

namespace calbox::lab {

/// Of the device that founds a random world's network. Nothing goes wrong with it.
inline constexpr const char* registry_name = "registry";

class faults {
public:
    /// All of them outlive it. `machines`: with whom something can go wrong, by number.
    faults(const plan& what, world& in, claims::world_watcher& seen, errands& asked,
           const std::vector<device*>& machines)
        : plan_(what), world_(in), seen_(seen), errands_(asked), machines_(machines) {}

    /// An action that is not of people, and not in the midst of what somebody asked.
    void happen(const action& what);
    /// A daemon that runs ends without a word.
    void kill(device& what, ending how);
    /// All is right from now on, and everybody there but those who stay away.
    void heal(const std::function<bool(const device&)>& stays_away);

private:
    void end_suddenly(device& machine, ending how, std::uint64_t number);
    void harm_disk(const action& what);
    void disturb_disk(const action& what, disk& of);
    void mend_disk(disk& of);
    void harm_network(const action& what, device& machine);
    void change_strategy();
    void start(device& what);
    void start_some(std::uint64_t which);

    const plan& plan_;
    world& world_;
    claims::world_watcher& seen_;
    errands& errands_;
    const std::vector<device*>& machines_;
    std::map<device*, disk::image> copies_;
    std::set<device*> wiped_;      // and off
    std::set<device*> disturbed_;  // their disks may fail
};

}  // namespace calbox::lab
