// A simulated disk, all of it in memory: what was written and not synced is lost, torn or reordered
// by a power cut; calls fail, room runs out, and the whole can be wiped or replaced by an old copy.
// One for each simulated device, owned by its world; everything that is left to chance comes from
// `chance`, so that one seed gives one history. One thread.
//
// Programs reach it through a disk_view. When a program is killed its view is revoked, and the next
// one sees all that it wrote; a power cut revokes every view, and takes what was not synced.
//
// What it does not simulate: bytes that change by themselves, sectors that cannot be read after a
// torn write, and a disk that says "synced" and lies.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <calbox/bytes.hpp>
#include <calbox/environment.hpp>

#include "lab/sim/disk_bytes.hpp"
#include "lab/sim/disk_names.hpp"

namespace calbox::lab {

class disk_view;
class mounted_disk;

/// What can fail, and is counted. A name is made, moved or removed.
enum class disk_operation : std::uint8_t { read, write, sync, name };
inline constexpr std::size_t disk_operations = 4;

class disk {
public:
    /// `chance` outlives the disk. An empty disk has one directory, `home`.
    explicit disk(random& chance);
    ~disk();
    disk(const disk&) = delete;
    disk& operator=(const disk&) = delete;

    static constexpr const char* home = "/data";

    /// For one run of one program. The disk outlives it.
    std::unique_ptr<mounted_disk> mount();

    /// Every view is revoked; of what was not synced anything may be left.
    void power_cut();
    /// Cuts the power in the n-th write, sync or change of a name from now, with n at least 1. It
    /// fails, and how much of it happened is left to chance. 0 takes it back.
    void cut_power_in(std::uint64_t operations) noexcept { cut_in_ = operations; }
    /// The same for a kill: every view is revoked after that operation, and nothing is lost.
    void kill_in(std::uint64_t operations) noexcept { kill_in_ = operations; }
    /// An empty disk of the same capacity; every view is revoked.
    void wipe();

    /// What programs see, by path; a directory has no contents.
    using image = std::map<std::string, std::optional<bytes>>;
    image snapshot() const;
    /// Like wipe(), and then everything is as in the copy, and durable.
    void restore(const image& copy);

    /// The next `count` operations of that kind fail with EIO, after `spared` that do not.
    void fail_next(disk_operation what, std::uint64_t count, std::uint64_t spared = 0) noexcept;
    /// From now on each fails with this chance.
    void fail_at_random(disk_operation what, std::uint32_t per_million) noexcept;
    /// Files that would need more get ENOSPC. Names need no room.
    void set_capacity(std::uint64_t bytes) noexcept { capacity_ = bytes; }
    /// By files that have a name or are open, in whole sectors.
    std::uint64_t used() const;

    /// Whether any file holds this text: as programs see it or as the platter has it, removed files
    /// included as long as a power cut could bring them back.
    bool contains(std::string_view text) const;
    /// How often something was tried.
    std::uint64_t count(disk_operation what) const noexcept { return at(what).tried; }
    std::uint64_t power_cuts() const noexcept { return power_cuts_; }
    /// Of everything that was changed and how it ended, in order: equal traces, equal histories.
    std::uint64_t trace() const noexcept { return trace_; }
    /// A number from the disk's source of chance.
    std::uint64_t draw() noexcept { return chance_.next(); }

private:
    friend class disk_view;

    struct kind_of_operation {
        std::uint64_t tried = 0, spared = 0, failing = 0;
        std::uint32_t per_million = 0;
    };
    const kind_of_operation& at(disk_operation what) const noexcept;
    kind_of_operation& at(disk_operation what) noexcept;

    /// What a disk_view does, once it knows that it is not revoked: 0, or an errno.
    int write(node_id node, std::uint64_t offset, byte_view data);
    int resize(node_id node, std::uint64_t length);
    int sync(node_id node);
    int make(const std::string& path, bool directory, node_id& made);
    int rename(const std::string& from, const std::string& to);
    int remove(const std::string& path);
    /// An errno when this operation fails.
    int begin(disk_operation what);
    /// After begin() of something that changes the disk: EIO when the power is cut in it.
    int end();
    std::uint64_t room_for(std::uint64_t length) const;
    void forget_unknown();
    void revoke_views() noexcept;
    void note(char what, std::uint64_t first, std::uint64_t second, byte_view data) noexcept;

    random& chance_;
    name_tree names_;
    std::map<node_id, cached_bytes> files_;
    std::vector<disk_view*> views_;
    std::array<kind_of_operation, disk_operations> kinds_;
    std::uint64_t capacity_ = UINT64_MAX;
    std::uint64_t cut_in_ = 0, kill_in_ = 0;
    std::uint64_t power_cuts_ = 0;
    std::uint64_t trace_ = 0;
};

/// A disk as one run of a program has it, until it is revoked: then every call gets EIO and changes
/// nothing. Answers are 0, or an errno. Nodes are open files; whoever opens one closes it.
class disk_view {
public:
    explicit disk_view(disk& from);
    ~disk_view() { revoke(); }
    disk_view(const disk_view&) = delete;
    disk_view& operator=(const disk_view&) = delete;

    /// The program was killed: its files are closed, and its locks are free.
    void revoke() noexcept;
    bool revoked() const noexcept { return disk_ == nullptr; }

    enum class opening { existing, make, fresh };
    int open(const std::string& path, opening how, node_id& opened);
    /// A file without a name, gone when it is closed.
    int open_unnamed(node_id& opened);
    void close(node_id node) noexcept;
    /// EWOULDBLOCK when any view, this one included, has it locked. Closing lets go.
    int lock(node_id node);
    int read(node_id node, std::uint64_t offset, std::span<std::uint8_t> into, std::size_t& got);
    int write(node_id node, std::uint64_t offset, byte_view data);
    int resize(node_id node, std::uint64_t length);
    int sync(node_id node);
    int length(node_id node, std::uint64_t& length) const;

    int length_of(const std::string& path, std::uint64_t& length) const;
    int rename(const std::string& from, const std::string& to);
    int remove(const std::string& path);
    int make_directory(const std::string& path);
    int sync_directory(const std::string& path);
    int list(const std::string& path, std::vector<std::string>& names) const;

private:
    friend class disk;

    disk* disk_;
    std::vector<node_id> open_, locked_, unnamed_;
};

}  // namespace calbox::lab
