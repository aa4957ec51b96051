#include "directories.hpp"

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <system_error>

namespace calbox::daemon {

namespace {

tl::unexpected<error> system_problem(const std::string& what, const std::filesystem::path& path) {
    const int number = errno;
    const errc code = number == ENOSPC ? errc::disk_full : errc::io_failed;
    return fail(code, what + " " + path.string() + ": " + std::generic_category().message(number));
}

/// A power cut must not take a new directory, and with it all that was made durable in it.
result<void> make_name_durable(const std::filesystem::path& path) {
    const auto above = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    const int directory = ::open(above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) {
        if (errno == EACCES) {
            return {};  // who may not read it cannot sync it
        }
        return system_problem("cannot open the directory", above);
    }
    result<void> done;
    if (::fsync(directory) != 0) {
        done = system_problem("cannot make durable", path);
    }
    ::close(directory);
    return done;
}

}  // namespace

result<void> make_private_directory(const std::filesystem::path& path) {
    if (path.empty()) {
        return {};  // the working directory
    }
    struct stat found{};
    if (::stat(path.c_str(), &found) == 0) {
        if (!S_ISDIR(found.st_mode)) {
            return fail(errc::io_failed, path.string() + " is not a directory");
        }
        return {};
    }
    const auto above = path.parent_path();
    if (above != path) {
        if (auto made = make_private_directory(above); !made) {
            return made;
        }
    }
    if (::mkdir(path.c_str(), 0700) == 0) {
        return make_name_durable(path);
    }
    if (errno != EEXIST) {
        return system_problem("cannot make the directory", path);
    }
    return {};
}

result<void> make_private(const std::filesystem::path& path) {
    struct stat found{};
    if (::stat(path.c_str(), &found) != 0) {
        return system_problem("cannot look at", path);
    }
    if ((found.st_mode & 077) != 0 && ::chmod(path.c_str(), found.st_mode & 0700) != 0) {
        return system_problem("cannot take the permissions of others away from", path);
    }
    return {};
}

std::string kept_text(const std::filesystem::path& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

bool keep_text(const std::filesystem::path& file, const std::string& text) {
    const std::filesystem::path fresh = file.string() + ".new";
    std::ofstream out(fresh, std::ios::trunc);
    out << text;
    out.close();
    return out && std::rename(fresh.c_str(), file.c_str()) == 0;
}

result<data_lock> data_lock::take(const std::filesystem::path& directory) {
    const auto path = directory / "lock";
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) {
        return system_problem("cannot open", path);
    }
    data_lock held(file);
    if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            return fail(errc::already_exists,
                        "another calboxd uses the data in " + directory.string() + " already");
        }
        return system_problem("cannot lock", path);
    }
    return held;
}

data_lock::data_lock(data_lock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

data_lock::~data_lock() {
    if (file_ >= 0) {
        ::close(file_);
    }
}

}  // namespace calbox::daemon
