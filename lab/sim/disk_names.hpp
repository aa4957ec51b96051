// The names on a simulated disk: a tree of directories as running programs see it, and which of its
// changes the platter does not have yet. A change (a name made, removed, or moved) is on the
// platter wholly or not at all, as journalling file systems have it; but of several unsynced ones
// any may survive a power cut without the others. Owned by its disk; one thread. A value.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <calbox/environment.hpp>

namespace calbox::lab {

/// A file or directory, whatever its names are. Never 0.
using node_id = std::uint64_t;

class name_tree {
public:
    /// An empty root, "/".
    name_tree();

    /// Absolute paths, without "." and "..".
    std::optional<node_id> find(const std::string& path) const;
    bool is_directory(node_id node) const { return directories_.contains(node); }
    /// A node without a name, never a directory.
    node_id make_unnamed() { return ++last_; }
    /// Nothing when there is no directory to hold the name, or the name is taken.
    std::optional<node_id> make(const std::string& path, bool directory);
    /// False when there is none. Directories are not removed.
    bool remove(const std::string& path);
    /// Over a file that stands at `to`. False when there is nothing, or no directory to move it to.
    bool rename(const std::string& from, const std::string& to);
    /// The names in a directory, in order.
    std::vector<std::string> list(node_id directory) const;

    /// The changes of this directory's names are on the platter now.
    void synced(node_id directory);
    void all_synced();
    void power_cut(random& chance);

    /// Files that have a name.
    std::set<node_id> named() const;
    /// And those that had one, or get one back by a power cut.
    std::set<node_id> known() const;
    /// Every file and directory below the root.
    std::map<std::string, node_id> paths() const;

private:
    struct place {
        node_id directory;
        std::string name;
        friend bool operator==(const place&, const place&) = default;
    };
    struct assignment {
        place where;
        std::optional<node_id> node;  // nothing = the name is gone
    };
    using change = std::vector<assignment>;
    using names = std::map<std::string, node_id>;
    struct directory {
        names now, platter;
    };

    static void assign(names& where, const assignment& one);
    std::optional<place> place_of(const std::string& path) const;
    void apply(change what);
    void drop_unreachable();

    node_id last_ = 1;  // the root
    std::map<node_id, directory> directories_;
    std::vector<change> unsynced_;
};

}  // namespace calbox::lab
