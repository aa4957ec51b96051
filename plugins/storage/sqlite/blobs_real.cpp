#include "blobs_real.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <limits>

#include "files_real.hpp"

namespace calbox::storage {
namespace {

/// Length of a file, or nothing when it does not exist.
result<std::optional<std::uint64_t>> length_of(const std::string& path) {
    struct stat about{};
    if (::lstat(path.c_str(), &about) != 0) {
        if (errno == ENOENT) {
            return std::nullopt;
        }
        return fail(file_error("examine", path, errno));
    }
    return static_cast<std::uint64_t>(about.st_size);
}

/// Reads up to `length` bytes; shorter at the file's end.
result<bytes> read_at(const std::string& path, std::uint64_t offset, std::size_t length) {
    const auto opened = open_file(path, O_RDONLY);
    if (!opened) {
        return fail(opened.error());
    }
    struct stat about{};
    if (::fstat(opened->get(), &about) != 0) {
        return fail(file_error("examine", path, errno));
    }
    const auto present = static_cast<std::uint64_t>(about.st_size);
    const std::uint64_t there = offset < present ? present - offset : 0;
    bytes data(static_cast<std::size_t>(std::min<std::uint64_t>(length, there)));
    std::size_t at = 0;
    while (at < data.size()) {
        const ssize_t got = ::pread(opened->get(), data.data() + at, data.size() - at,
                                    static_cast<off_t>(offset + at));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return fail(file_error("read", path, errno));
        }
        if (got == 0) {
            data.resize(at);
            break;
        }
        at += static_cast<std::size_t>(got);
    }
    return data;
}

result<void> remove_file(const std::string& path) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
        return fail(file_error("remove", path, errno));
    }
    return {};
}

}  // namespace

file_blobs::file_blobs(std::string directory)
    : directory_(std::move(directory)),
      parts_(directory_ + "/parts"),
      files_(directory_ + "/files") {}

std::string file_blobs::part_path(const file_root& root) const { return parts_ + "/" + root.hex(); }
std::string file_blobs::folder_of(const file_root& root) const { return root.hex().substr(0, 2); }
std::string file_blobs::blob_path(const file_root& root) const {
    return files_ + "/" + folder_of(root) + "/" + root.hex();
}

result<void> file_blobs::prepare() {
    return make_directory(directory_, "parts").and_then([&] {
        return make_directory(directory_, "files");
    });
}

std::uint64_t file_blobs::count() const {
    std::uint64_t found = 0;
    std::error_code problem;
    for (auto at = std::filesystem::recursive_directory_iterator(files_, problem);
         !problem && at != std::filesystem::recursive_directory_iterator(); at.increment(problem)) {
        found += at->is_regular_file(problem) ? 1 : 0;
    }
    return found;
}

result<std::uint64_t> file_blobs::open_part(const file_root& root) {
    const std::string path = part_path(root);
    const auto opened = open_file(path, O_RDWR | O_CREAT);
    if (!opened) {
        return fail(opened.error());
    }
    struct stat about{};
    if (::fstat(opened->get(), &about) != 0) {
        return fail(file_error("examine", path, errno));
    }
    return static_cast<std::uint64_t>(about.st_size);
}

result<void> file_blobs::write_part(const file_root& root, std::uint64_t offset, byte_view data) {
    constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());
    if (offset > most || data.size() > most - offset) {
        return fail(errc::invalid_argument, "a file cannot be that long");
    }
    const std::string path = part_path(root);
    const auto opened = open_file(path, O_WRONLY);
    if (!opened) {
        return fail(opened.error());
    }
    std::size_t at = 0;
    while (at < data.size()) {
        const ssize_t put = ::pwrite(opened->get(), data.data() + at, data.size() - at,
                                     static_cast<off_t>(offset + at));
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put < 0) {
            return fail(file_error("write", path, errno));
        }
        at += static_cast<std::size_t>(put);
    }
    return {};
}

result<bytes> file_blobs::read_part(const file_root& root, std::uint64_t offset,
                                    std::size_t length) {
    return read_at(part_path(root), offset, length);
}

result<void> file_blobs::rename_part(const file_root& from, const file_root& to) {
    const std::string path = part_path(from);
    if (::rename(path.c_str(), part_path(to).c_str()) != 0) {
        return fail(file_error("rename", path, errno));
    }
    return {};
}

result<void> file_blobs::finish(const file_root& root) {
    const std::string part = part_path(root);
    const std::string blob = blob_path(root);
    const auto present = length_of(blob);
    if (!present) {
        return fail(present.error());
    }
    if (present->has_value()) {
        return remove_file(part);
    }
    const auto opened = open_file(part, O_WRONLY);
    if (!opened) {
        return fail(opened.error());
    }
    if (auto done = sync_file(*opened, part); !done) {
        return done;
    }
    if (auto done = make_directory(files_, folder_of(root)); !done) {
        return done;
    }
    if (::rename(part.c_str(), blob.c_str()) != 0) {
        return fail(file_error("rename", part, errno));
    }
    // The new name first: a crash between the two leaves the blob under one name or the other, and
    // never under none.
    return sync_directory(files_ + "/" + folder_of(root)).and_then([&] {
        return sync_directory(parts_);
    });
}

result<std::optional<std::uint64_t>> file_blobs::length(const file_root& root) {
    return length_of(blob_path(root));
}

result<bytes> file_blobs::read(const file_root& root, std::uint64_t offset, std::size_t length) {
    auto data = read_at(blob_path(root), offset, length);
    if (data && data->size() != length) {
        return fail(errc::malformed, "the file " + root.hex() + " is shorter than it should be");
    }
    return data;
}

result<void> file_blobs::remove(const file_root& root) {
    return remove_file(blob_path(root)).and_then([&] { return remove_file(part_path(root)); });
}

}  // namespace calbox::storage
