#include "files_real.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace calbox::storage {

file::file(file&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

file& file::operator=(file&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
}

file::~file() {
    if (descriptor_ >= 0) {
        ::close(descriptor_);
    }
}

bool means_full(int number) noexcept {
    return number == ENOSPC || number == EDQUOT || number == EFBIG;
}

error file_error(const std::string& doing, const std::string& path, int number) {
    char text[128];
    const std::string sentence =
        "cannot " + doing + " " + path + ": " + ::strerror_r(number, text, sizeof text);
    if (means_full(number)) {
        return {errc::disk_full, sentence};
    }
    return {number == ENOENT ? errc::not_found : errc::io_failed, sentence};
}

result<file> open_file(const std::string& path, int flags) {
    const int opened = ::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (opened < 0) {
        return fail(file_error("open", path, errno));
    }
    return file(opened);
}

result<void> make_directory(const std::string& parent, const std::string& name) {
    const std::string path = parent + "/" + name;
    if (::mkdir(path.c_str(), S_IRWXU) == 0) {
        return sync_directory(parent);
    }
    if (errno != EEXIST) {
        return fail(file_error("make the directory", path, errno));
    }
    return {};
}

result<void> sync_file(const file& open, const std::string& path) {
    if (::fsync(open.get()) != 0) {
        return fail(file_error("make durable", path, errno));
    }
    return {};
}

result<void> sync_directory(const std::string& path) {
    const auto opened = open_file(path, O_RDONLY | O_DIRECTORY);
    if (!opened) {
        return fail(opened.error());
    }
    return sync_file(*opened, path);
}

result<file> lock_directory(const std::string& directory) {
    const std::string path = directory + "/lock";
    auto opened = open_file(path, O_RDWR | O_CREAT);
    if (!opened) {
        return opened;
    }
    if (::flock(opened->get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            return fail(
                errc::busy,
                "the store in " + directory +
                    " is open already: another calboxd runs on this directory; stop it first");
        }
        return fail(file_error("lock", path, errno));
    }
    return opened;
}

}  // namespace calbox::storage
