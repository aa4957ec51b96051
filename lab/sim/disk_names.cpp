#include "lab/sim/disk_names.hpp"

#include <algorithm>

#include "lab/sim/disk_bytes.hpp"

namespace calbox::lab {
namespace {
constexpr node_id root_node = 1;
}

name_tree::name_tree() { directories_[root_node]; }

std::optional<node_id> name_tree::find(const std::string& path) const {
    node_id at = root_node;
    std::size_t from = 1;
    while (from < path.size()) {
        const std::size_t to = std::min(path.find('/', from), path.size());
        const auto holder = directories_.find(at);
        if (holder == directories_.end()) {
            return std::nullopt;
        }
        const auto found = holder->second.now.find(path.substr(from, to - from));
        if (found == holder->second.now.end()) {
            return std::nullopt;
        }
        at = found->second;
        from = to + 1;
    }
    return at;
}

std::optional<name_tree::place> name_tree::place_of(const std::string& path) const {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos || slash + 1 == path.size()) {
        return std::nullopt;
    }
    const auto holder = find(path.substr(0, slash));
    if (!holder || !is_directory(*holder)) {
        return std::nullopt;
    }
    return place{*holder, path.substr(slash + 1)};
}

void name_tree::assign(names& where, const assignment& one) {
    if (one.node) {
        where[one.where.name] = *one.node;
    } else {
        where.erase(one.where.name);
    }
}

void name_tree::apply(change what) {
    for (const auto& one : what) {
        assign(directories_[one.where.directory].now, one);
    }
    unsynced_.push_back(std::move(what));
}

std::optional<node_id> name_tree::make(const std::string& path, bool directory) {
    const auto where = place_of(path);
    if (!where || directories_.at(where->directory).now.contains(where->name)) {
        return std::nullopt;
    }
    const node_id made = ++last_;
    if (directory) {
        directories_[made];
    }
    apply({{*where, made}});
    return made;
}

bool name_tree::remove(const std::string& path) {
    const auto node = find(path);
    const auto where = place_of(path);
    if (!node || !where || is_directory(*node)) {
        return false;
    }
    apply({{*where, std::nullopt}});
    return true;
}

bool name_tree::rename(const std::string& from, const std::string& to) {
    const auto node = find(from);
    const auto source = place_of(from), target = place_of(to);
    if (!node || !source || !target || is_directory(*node)) {
        return false;
    }
    if (*source != *target) {
        apply({{*source, std::nullopt}, {*target, *node}});
    }
    return true;
}

std::vector<std::string> name_tree::list(node_id directory) const {
    std::vector<std::string> found;
    for (const auto& [name, node] : directories_.at(directory).now) {
        found.push_back(name);
    }
    return found;
}

void name_tree::synced(node_id directory) {
    std::vector<change> waiting;
    for (auto& one : unsynced_) {
        const bool concerned = std::any_of(one.begin(), one.end(), [&](const assignment& part) {
            return part.where.directory == directory;
        });
        if (!concerned) {
            waiting.push_back(std::move(one));
            continue;
        }
        for (const auto& part : one) {
            assign(directories_[part.where.directory].platter, part);
            // An earlier change of that name in another directory must not come after this one.
            for (auto& earlier : waiting) {
                std::erase_if(earlier,
                              [&](const assignment& old) { return old.where == part.where; });
            }
        }
    }
    std::erase_if(waiting, [](const change& one) { return one.empty(); });
    unsynced_ = std::move(waiting);
}

void name_tree::all_synced() {
    for (auto& [node, names] : directories_) {
        names.platter = names.now;
    }
    unsynced_.clear();
}

void name_tree::power_cut(random& chance) {
    survival kept(chance);
    for (const auto& one : unsynced_) {
        if (kept.next()) {
            for (const auto& part : one) {
                assign(directories_[part.where.directory].platter, part);
            }
        }
    }
    unsynced_.clear();
    for (auto& [node, names] : directories_) {
        names.now = names.platter;
    }
    drop_unreachable();
}

/// Directories whose own making was lost, and what was in them.
void name_tree::drop_unreachable() {
    std::set<node_id> reached{root_node};
    std::vector<node_id> open{root_node};
    while (!open.empty()) {
        const node_id at = open.back();
        open.pop_back();
        for (const auto& [name, node] : directories_.at(at).now) {
            if (is_directory(node) && reached.insert(node).second) {
                open.push_back(node);
            }
        }
    }
    std::erase_if(directories_, [&](const auto& one) { return !reached.contains(one.first); });
}

std::set<node_id> name_tree::named() const {
    std::set<node_id> found;
    for (const auto& [node, names] : directories_) {
        for (const auto& [name, held] : names.now) {
            found.insert(held);
        }
    }
    return found;
}

std::set<node_id> name_tree::known() const {
    std::set<node_id> found = named();
    for (const auto& [node, names] : directories_) {
        for (const auto& [name, held] : names.platter) {
            found.insert(held);
        }
    }
    for (const auto& one : unsynced_) {
        for (const auto& part : one) {
            if (part.node) {
                found.insert(*part.node);
            }
        }
    }
    return found;
}

std::map<std::string, node_id> name_tree::paths() const {
    std::map<std::string, node_id> found;
    std::vector<std::pair<std::string, node_id>> open{{"", root_node}};
    while (!open.empty()) {
        const auto [path, at] = open.back();
        open.pop_back();
        for (const auto& [name, node] : directories_.at(at).now) {
            found.emplace(path + "/" + name, node);
            if (is_directory(node)) {
                open.emplace_back(path + "/" + name, node);
            }
        }
    }
    return found;
}

}  // namespace calbox::lab
