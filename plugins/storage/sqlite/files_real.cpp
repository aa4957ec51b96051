#include "files_real.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <utility>

namespace calbox::storage {
namespace {

/// Owns a descriptor.
class posix_file final : public file {
public:
    posix_file(int descriptor, std::string path)
        : descriptor_(descriptor), path_(std::move(path)) {}
    ~posix_file() override { ::close(descriptor_); }
    posix_file(const posix_file&) = delete;
    posix_file& operator=(const posix_file&) = delete;

    result<std::uint64_t> length() override {
        struct stat about{};
        if (::fstat(descriptor_, &about) != 0) {
            return fail(file_error("examine", path_, errno));
        }
        return static_cast<std::uint64_t>(about.st_size);
    }

    result<std::size_t> read(std::uint64_t offset, std::span<std::uint8_t> into) override {
        if (!can_be(offset, into.size())) {
            return std::size_t{0};  // it lies beyond the end of any file
        }
        std::size_t at = 0;
        while (at < into.size()) {
            const ssize_t got = ::pread(descriptor_, into.data() + at, into.size() - at,
                                        static_cast<off_t>(offset + at));
            if (got < 0 && errno == EINTR) {
                continue;
            }
            if (got < 0) {
                return fail(file_error("read", path_, errno));
            }
            if (got == 0) {
                break;
            }
            at += static_cast<std::size_t>(got);
        }
        return at;
    }

    result<void> write(std::uint64_t offset, byte_view data) override {
        if (!can_be(offset, data.size())) {
            return fail(errc::invalid_argument, "a file cannot be that long");
        }
        std::size_t at = 0;
        while (at < data.size()) {
            const ssize_t put = ::pwrite(descriptor_, data.data() + at, data.size() - at,
                                         static_cast<off_t>(offset + at));
            if (put < 0 && errno == EINTR) {
                continue;
            }
            if (put < 0) {
                return fail(file_error("write", path_, errno));
            }
            at += static_cast<std::size_t>(put);
        }
        return {};
    }

    result<void> sync() override {
        if (::fsync(descriptor_) != 0) {
            return fail(file_error("make durable", path_, errno));
        }
        return {};
    }

    int descriptor() const noexcept { return descriptor_; }

private:
    static bool can_be(std::uint64_t offset, std::size_t size) {
        constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());
        return offset <= most && size <= most - offset;
    }

    int descriptor_;
    std::string path_;
};

result<std::unique_ptr<posix_file>> open_file(const std::string& path, int flags) {
    const int opened = ::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (opened < 0) {
        return fail(file_error("open", path, errno));
    }
    return std::make_unique<posix_file>(opened, path);
}

}  // namespace

result<std::unique_ptr<file>> posix_files::open(const std::string& path, opening how) {
    const int flags = how == opening::existing ? 0
                      : how == opening::make   ? O_CREAT
                                               : O_CREAT | O_EXCL;
    return open_file(path, O_RDWR | flags);
}

result<std::unique_ptr<file>> posix_files::lock(const std::string& path) {
    auto opened = open_file(path, O_RDWR | O_CREAT);
    if (!opened) {
        return fail(std::move(opened.error()));
    }
    if (::flock((*opened)->descriptor(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            return fail(errc::busy, path + " is locked by another process");
        }
        return fail(file_error("lock", path, errno));
    }
    return std::move(*opened);
}

result<std::optional<std::uint64_t>> posix_files::length(const std::string& path) {
    struct stat about{};
    if (::lstat(path.c_str(), &about) != 0) {
        if (errno == ENOENT) {
            return std::nullopt;
        }
        return fail(file_error("examine", path, errno));
    }
    return static_cast<std::uint64_t>(about.st_size);
}

result<void> posix_files::rename(const std::string& from, const std::string& to) {
    if (std::rename(from.c_str(), to.c_str()) != 0) {
        return fail(file_error("rename", from, errno));
    }
    return {};
}

/// link() never replaces; a file system without hard links has to do with a look before.
result<void> posix_files::rename_new(const std::string& from, const std::string& to) {
    if (::link(from.c_str(), to.c_str()) == 0) {
        return remove(from);
    }
    if (errno == EEXIST) {
        return fail(errc::already_exists, to + " exists already");
    }
    return file_system::rename_new(from, to);
}

result<void> posix_files::remove(const std::string& path) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
        return fail(file_error("remove", path, errno));
    }
    return {};
}

result<void> posix_files::make_directory(const std::string& path) {
    if (::mkdir(path.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
        return fail(file_error("make the directory", path, errno));
    }
    return {};
}

result<void> posix_files::sync_directory(const std::string& path) {
    const auto opened = open_file(path, O_RDONLY | O_DIRECTORY);
    if (!opened) {
        return fail(opened.error());
    }
    return (*opened)->sync();
}

result<std::vector<std::string>> posix_files::list(const std::string& path) {
    std::vector<std::string> names;
    std::error_code problem;
    for (auto at = std::filesystem::directory_iterator(path, problem);
         !problem && at != std::filesystem::directory_iterator(); at.increment(problem)) {
        names.push_back(at->path().filename().string());
    }
    if (problem) {
        return fail(file_error("list", path, problem.value()));
    }
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace calbox::storage
