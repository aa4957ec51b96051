// Who needs a file that a backup keeps, and who needs it no more. A backup cannot see which event
// names a file, so people's devices say it: everybody who takes part is named when the file comes,
// and each user is taken off by his own devices alone. Decides only; node/kept_needs has the disk
// and the clock. A file of which nothing is known is kept for good.
#pragma once

#include <optional>
#include <vector>

#include <calbox/codec.hpp>
#include <calbox/environment.hpp>
#include <calbox/ids.hpp>

namespace calbox::replica {

/// Users in ascending order, each once.
using user_list = std::vector<user_id>;
user_list ordered(std::vector<user_id> users);
/// Those of `users` that are not among `others`; both ordered.
user_list without(const user_list& users, const user_list& others);

/// Record of kind file, under the root and "nd": of a file that came with the names of those who
/// need it.
struct file_needs {
    user_list users;
    user_list released;                 // needed it once
    std::optional<timestamp> unneeded;  // since when there are no users
    std::optional<timestamp> erased;    // when it was erased here
    /// Its bytes went as well; a crash may come between.
    std::optional<bool> cleared;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&file_needs::users), codec::field<2>(&file_needs::released),
                   codec::field<3>(&file_needs::unneeded), codec::field<4>(&file_needs::erased),
                   codec::field<5>(&file_needs::cleared));
};

/// These need it, say the devices of `asker`. Who has released it counts again only where he says
/// so himself: the others may not have heard of it. False: nothing is new.
bool need(file_needs& what, const user_list& users, const user_list& asker);
/// `user` needs it no more, and waits for the grace from the last one on. False: nothing is new.
bool release(file_needs& what, const user_id& user, timestamp now);
/// More than are remembered: nothing is to be known of it any more.
bool too_many(const file_needs& what) noexcept;
/// Nobody has needed it for so long, and it is not erased yet, or not wholly.
bool is_over(const file_needs& what, timestamp now, duration grace) noexcept;

}  // namespace calbox::replica
