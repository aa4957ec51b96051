// A backup's side of who needs which file: what devices and other backups say, durable before they
// are answered, and the erasing of files that nobody has needed for a while. What is not known to
// be needed by nobody is kept: a file that came without names, from older software or from a backup
// that has none, for good. Owned by the node; core thread only.
#pragma once

#include <functional>
#include <map>

#include "node/held_files.hpp"
#include "replica/file_needs.hpp"
#include "wire/messages.hpp"

namespace calbox::node {

class kept_needs {
public:
    struct settings {
        bool is_backup = false;
        duration grace = std::chrono::days(14);  // from the last release to the erasing
    };
    struct counts {
        std::uint64_t files = 0, bytes = 0;  // of plaintext
    };

    kept_needs(const environment& env, replica::database& db, held_files& held, settings with)
        : env_(env), db_(db), held_(held), with_(with) {}

    /// Whether a file is being fetched. Set before anything arrives.
    std::function<bool(const file_root&)> on_its_way;

    /// After the files themselves.
    task<result<void>> load();

    /// A device of these users brings a file, and says who needs it. Where it does not know that,
    /// or names too many, the file is kept for good. Before it is fetched. False: it is not wanted,
    /// since it was erased here, and whoever is named has released it.
    task<result<bool>> offered(file_root root, std::optional<std::vector<user_id>> users,
                               std::vector<user_id> asker);
    /// Another backup has it. False as above.
    task<result<bool>> offered_by_backup(wire::file_keep what);
    /// It could not be fetched after all.
    task<void> not_come(file_root root);
    /// What another backup is told.
    wire::file_keep told(const file_root& root, std::uint64_t size) const;

    /// Handler of the message, from a device of these users. unsupported: this is no backup;
    /// forbidden: a user is released who is not among them; too_large.
    task<result<bytes>> on_needs(std::vector<user_id> from, wire::file_needs what);

    /// Erases the files whose time is up, but none that is on its way here. What this one erases.
    task<result<counts>> sweep();
    /// Nobody needs it, and it is erased in a while.
    bool is_waiting(const file_root& root) const;
    /// That are here, and that nobody needs.
    counts waiting() const;
    /// Since the start.
    const counts& erased() const noexcept { return erased_; }

    /// Of files that were erased so many are remembered, for so long.
    static constexpr std::size_t erased_most = 100'000;
    static constexpr duration erased_kept = std::chrono::days(90);

private:
    using records = std::map<file_root, replica::file_needs>;
    /// It is here, or wanted: what is said of it now comes late.
    bool is_known(const file_root& root) const;
    /// Of the file nothing is known any more.
    void give_up(const file_root& root) { all_.erase(root); }
    void revive(replica::file_needs& what) const;
    /// As they are now in memory.
    task<result<void>> store(std::vector<file_root> roots);
    task<result<bool>> erase_file(file_root root);
    task<result<void>> forget_old();

    const environment& env_;
    replica::database& db_;
    held_files& held_;
    const settings with_;
    records all_;
    counts erased_;
};

}  // namespace calbox::node
