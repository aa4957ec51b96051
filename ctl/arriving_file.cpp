#include "arriving_file.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text.hpp"

namespace calbox::ctl {

arriving_file::arriving_file(int fd, std::string path, std::filesystem::path wanted)
    : fd_(fd), path_(std::move(path)), wanted_(std::move(wanted)) {}

arriving_file::arriving_file(arriving_file&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      wanted_(std::move(other.wanted_)) {}

arriving_file::~arriving_file() {
    if (fd_ >= 0) {
        ::close(fd_);
        ::unlink(path_.c_str());
    }
}

answer<arriving_file> arriving_file::make(const std::filesystem::path& wanted) {
    const auto folder =
        wanted.has_parent_path() ? wanted.parent_path() : std::filesystem::path(".");
    std::string path = (folder / ".calboxctl-XXXXXX").string();
    const int fd = ::mkostemp(path.data(), O_CLOEXEC);
    if (fd < 0) {
        return refuse(
            errno == ENOSPC ? "disk_full" : "io_failed",
            fmt::format("cannot write to {}: {}", clean(folder.string()), std::strerror(errno)));
    }
    return arriving_file(fd, std::move(path), wanted);
}

answer<void> arriving_file::write(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto count = ::write(fd_, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return failed();
        }
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
}

answer<void> arriving_file::finish(bool replace) {
    if (::fsync(fd_) != 0) {
        return failed();
    }
    return take_name(replace);
}

answer<void> arriving_file::finish_all(std::vector<arriving_file>& all, bool replace) {
    // They lie in one directory. Of a few others of this machine less is waiting than of these.
    constexpr std::size_t few = 8;
    if (all.size() > few && ::syncfs(all.front().fd_) != 0) {
        return all.front().failed();
    }
    for (auto& one : all) {
        if (all.size() <= few && ::fsync(one.fd_) != 0) {
            return one.failed();
        }
        if (auto named = one.take_name(replace); !named) {
            return named;
        }
    }
    return {};
}

answer<void> arriving_file::take_name(bool replace) {
    const mode_t mask = ::umask(0);
    ::umask(mask);
    if (::fchmod(fd_, 0666 & ~mask) != 0) {
        return failed();
    }
    // link() does not replace; a folder on a file system without hard links has to do with
    // rename().
    if (!replace && ::link(path_.c_str(), wanted_.c_str()) == 0) {
        return {};
    }
    if (!replace && errno == EEXIST) {
        return exists(wanted_);
    }
    if (::rename(path_.c_str(), wanted_.c_str()) != 0) {
        return failed();
    }
    ::close(std::exchange(fd_, -1));
    return {};
}

tl::unexpected<problem> arriving_file::exists(const std::filesystem::path& path) {
    return refuse(
        "already_exists",
        clean(path.string()) + " exists already; --force replaces it, or name another place");
}

answer<void> arriving_file::failed() const {
    return refuse(
        errno == ENOSPC ? "disk_full" : "io_failed",
        fmt::format("cannot write {}: {}", clean(wanted_.string()), std::strerror(errno)));
}

}  // namespace calbox::ctl
