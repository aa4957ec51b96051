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
    const auto named = take_name(replace);
    return named ? keep_names() : named;
}

answer<void> arriving_file::finish_all(std::vector<arriving_file>& all, bool replace) {
    // Of a few others of this machine less is waiting than of these. fsync() says then what went
    // wrong with which file; syncfs() would say it of files of others, too.
    constexpr std::size_t few = 8;
    if (all.size() > few) {
        ::syncfs(all.front().fd_);
    }
    answer<void> done;
    for (auto one = all.begin(); done && one != all.end(); ++one) {
        done = ::fsync(one->fd_) == 0 ? one->take_name(replace) : one->failed();
    }
    if (!all.empty() && all.front().is_finished()) {
        const auto kept = all.front().keep_names();
        done = done ? kept : done;
    }
    return done;
}

answer<void> arriving_file::take_name(bool replace) {
    const mode_t mask = ::umask(0);
    ::umask(mask);
    if (::fchmod(fd_, 0666 & ~mask) != 0) {
        return failed();
    }
    const char* const from = path_.c_str();
    const char* const to = wanted_.c_str();
    int done =
        replace ? ::rename(from, to) : ::renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
    if (done != 0 && !replace && (errno == EINVAL || errno == ENOSYS)) {
        // link() does not replace either; where a file system has neither, what is there is looked
        // for right before.
        done = ::link(from, to);
        if (done == 0) {
            ::unlink(from);
        } else if (errno != EEXIST) {
            struct stat there{};
            if (::lstat(to, &there) == 0) {
                return exists(wanted_);
            }
            done = ::rename(from, to);
        }
    }
    if (done != 0) {
        return !replace && errno == EEXIST ? exists(wanted_) : failed();
    }
    ::close(std::exchange(fd_, -1));
    return {};
}

/// The names of the directory are durable, too.
answer<void> arriving_file::keep_names() const {
    const auto folder = std::filesystem::path(path_).parent_path();
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    // Who may write into a directory without reading it cannot wait for it, and a file system may
    // not know of such a wait.
    const bool good = fd < 0 || ::fsync(fd) == 0 || errno == EINVAL || errno == ENOSYS;
    const auto done = good ? answer<void>() : failed();
    if (fd >= 0) {
        ::close(fd);
    }
    return done;
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
