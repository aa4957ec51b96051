// When a world that was healed has come to rest: everybody is connected, nothing is owed, and all
// who take part in an event see the same of it. One thread; nothing is kept.
#pragma once

#include <string>
#include <vector>

#include "lab/world/cast.hpp"

namespace calbox::lab {

bool takes_part(const person& who, const node::event_view& in);

/// Whoever was left out of a later version may not have been told yet: where somebody stays away,
/// rest waits for it only when that is the next version and its author is there.
bool nobody_sees_later(const std::vector<const person*>& people, const node::event_view& than);

/// What keeps these people from it, in words; empty when nothing does. `everybody`: nobody is away,
/// to whom something may still be owed. `owes`: a device is lost, with what it had to tell or was
/// to be told.
std::string unrest(const std::vector<const person*>& people, bool everybody, bool owes = false);

/// What he does not see any more of what he saw, in words; empty when he sees all of it.
std::string lost_from(const std::vector<node::event_view>& seen, const person& who);

}  // namespace calbox::lab
