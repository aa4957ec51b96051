#include <algorithm>
#include <cerrno>

#include "lab/sim/disk.hpp"

namespace calbox::lab {
namespace {

/// One of possibly several.
void take_out(std::vector<node_id>& from, node_id node) {
    const auto found = std::find(from.begin(), from.end(), node);
    if (found != from.end()) {
        from.erase(found);
    }
}

}  // namespace

disk_view::disk_view(disk& from) : disk_(&from) { from.views_.push_back(this); }

void disk_view::revoke() noexcept {
    if (revoked()) {
        return;
    }
    std::erase(disk_->views_, this);
    for (const node_id node : unnamed_) {
        disk_->files_.erase(node);
    }
    disk_ = nullptr;
}

int disk_view::open(const std::string& path, opening how, node_id& opened) {
    if (revoked()) {
        return EIO;
    }
    if (const auto found = disk_->names_.find(path)) {
        if (how == opening::fresh) {
            return EEXIST;
        }
        if (disk_->names_.is_directory(*found)) {
            return EISDIR;
        }
        opened = *found;
    } else {
        if (how == opening::existing) {
            return ENOENT;
        }
        if (const int problem = disk_->make(path, false, opened); problem != 0) {
            return problem;
        }
    }
    open_.push_back(opened);
    return 0;
}

int disk_view::open_unnamed(node_id& opened) {
    if (revoked()) {
        return EIO;
    }
    opened = disk_->names_.make_unnamed();
    disk_->files_[opened];
    open_.push_back(opened);
    unnamed_.push_back(opened);
    return 0;
}

void disk_view::close(node_id node) noexcept {
    if (revoked()) {
        return;
    }
    take_out(open_, node);
    take_out(locked_, node);
    if (std::find(unnamed_.begin(), unnamed_.end(), node) != unnamed_.end()) {
        take_out(unnamed_, node);
        disk_->files_.erase(node);
    }
}

int disk_view::lock(node_id node) {
    if (revoked()) {
        return EIO;
    }
    for (const disk_view* other : disk_->views_) {
        if (std::find(other->locked_.begin(), other->locked_.end(), node) != other->locked_.end()) {
            return EWOULDBLOCK;
        }
    }
    locked_.push_back(node);
    return 0;
}

int disk_view::read(node_id node, std::uint64_t offset, std::span<std::uint8_t> into,
                    std::size_t& got) {
    if (revoked()) {
        return EIO;
    }
    if (const int problem = disk_->begin(disk_operation::read); problem != 0) {
        return problem;
    }
    got = disk_->files_.at(node).read(offset, into);
    return 0;
}

int disk_view::write(node_id node, std::uint64_t offset, byte_view data) {
    return revoked() ? EIO : disk_->write(node, offset, data);
}

int disk_view::resize(node_id node, std::uint64_t length) {
    return revoked() ? EIO : disk_->resize(node, length);
}

int disk_view::sync(node_id node) { return revoked() ? EIO : disk_->sync(node); }

int disk_view::length(node_id node, std::uint64_t& length) const {
    if (revoked()) {
        return EIO;
    }
    length = disk_->files_.at(node).length();
    return 0;
}

int disk_view::length_of(const std::string& path, std::uint64_t& length) const {
    if (revoked()) {
        return EIO;
    }
    const auto found = disk_->names_.find(path);
    if (!found) {
        return ENOENT;
    }
    const auto file = disk_->files_.find(*found);
    length = file == disk_->files_.end() ? 0 : file->second.length();
    return 0;
}

int disk_view::rename(const std::string& from, const std::string& to) {
    return revoked() ? EIO : disk_->rename(from, to);
}

int disk_view::remove(const std::string& path) { return revoked() ? EIO : disk_->remove(path); }

int disk_view::make_directory(const std::string& path) {
    if (revoked()) {
        return EIO;
    }
    node_id made = 0;
    return disk_->names_.find(path) ? EEXIST : disk_->make(path, true, made);
}

int disk_view::sync_directory(const std::string& path) {
    if (revoked()) {
        return EIO;
    }
    const auto found = disk_->names_.find(path);
    if (!found || !disk_->names_.is_directory(*found)) {
        return ENOENT;
    }
    return disk_->sync(*found);
}

int disk_view::list(const std::string& path, std::vector<std::string>& names) const {
    if (revoked()) {
        return EIO;
    }
    const auto found = disk_->names_.find(path);
    if (!found || !disk_->names_.is_directory(*found)) {
        return ENOENT;
    }
    names = disk_->names_.list(*found);
    return 0;
}

}  // namespace calbox::lab
