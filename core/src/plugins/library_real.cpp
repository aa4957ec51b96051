#include "plugins/library_real.hpp"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <string_view>
#include <utility>

namespace calbox::plugins {
namespace {

constexpr std::string_view suffix = ".so";
constexpr std::uint64_t file_bytes_max = 256 * 1024 * 1024;

class descriptor {
public:
    explicit descriptor(int value) noexcept : value_(value) {}
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    ~descriptor() {
        if (value_ >= 0) {
            ::close(value_);
        }
    }
    int get() const noexcept { return value_; }
    int release() noexcept { return std::exchange(value_, -1); }

private:
    int value_;
};

std::string reason(int number) {
    char text[128];
    return ::strerror_r(number, text, sizeof text);
}

/// `what` is "it" or "its directory ...": whoever may write there decides what this process runs.
result<void> only_ours(const struct stat& about, const std::string& what) {
    if (about.st_uid != 0 && about.st_uid != ::geteuid()) {
        return fail(errc::forbidden,
                    what + " belongs to another user (uid " + std::to_string(about.st_uid) +
                        "); it must belong to root or to the user that runs calboxd");
    }
    if ((about.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return fail(errc::forbidden, what + " is writable by others; run chmod go-w on it");
    }
    return {};
}

result<int> open_directory(const std::string& path) {
    const int opened = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (opened < 0) {
        return fail(errno == ENOENT || errno == ENOTDIR ? errc::not_found : errc::io_failed,
                    "its directory " + path + " cannot be opened: " + reason(errno));
    }
    descriptor owner(opened);
    struct stat about{};
    if (::fstat(opened, &about) != 0) {
        return fail(errc::io_failed,
                    "its directory " + path + " cannot be examined: " + reason(errno));
    }
    if (auto fine = only_ours(about, "its directory " + path); !fine) {
        return fail(std::move(fine.error()));
    }
    return owner.release();
}

result<bytes> read_part(int file, std::uint64_t offset, std::size_t count) {
    bytes contents(count);
    std::size_t at = 0;
    while (at < contents.size()) {
        const ssize_t got = ::pread(file, contents.data() + at, contents.size() - at,
                                    static_cast<off_t>(offset + at));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return fail(errc::io_failed,
                        "it cannot be read: " + (got < 0 ? reason(errno) : "it became shorter"));
        }
        at += static_cast<std::size_t>(got);
    }
    return contents;
}

/// The dynamic linker remembers libraries by the name they were opened with, for ever, and ours are
/// named after a descriptor. A number that was closed and given to another file would find the old
/// library; so the descriptor of what was loaded stays open, once per file, for as long as the
/// linker's own table: the process.
struct mapped_libraries {
    struct library {
        void* handle = nullptr;
        int descriptor = -1;
    };
    std::mutex guard;
    std::map<std::pair<dev_t, ino_t>, library> by_file;
};

mapped_libraries& mapped() {
    static auto* const table = new mapped_libraries;
    return *table;
}

}  // namespace

plugin_file::plugin_file(plugin_file&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), length_(other.length_) {}

plugin_file& plugin_file::operator=(plugin_file&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    std::swap(length_, other.length_);
    return *this;
}

plugin_file::~plugin_file() {
    if (descriptor_ >= 0) {
        ::close(descriptor_);
    }
}

result<plugin_file> plugin_file::open(const std::string& directory, const std::string& kind,
                                      const std::string& name) {
    if (::getauxval(AT_SECURE) != 0) {
        return fail(errc::forbidden, "a set-user-id program loads no plugins");
    }
    const auto outer = open_directory(directory);
    if (!outer) {
        return fail(outer.error());
    }
    const descriptor outer_owner(*outer);
    const auto inner = open_directory(directory + "/" + kind);
    if (!inner) {
        return fail(inner.error());
    }
    const descriptor inner_owner(*inner);
    // Non-blocking, so that a FIFO with this name cannot hold the daemon up; for a regular file it
    // means nothing.
    const std::string leaf = name + std::string(suffix);
    const int opened =
        ::openat(*inner, leaf.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (opened < 0) {
        if (errno == ELOOP) {
            return fail(errc::forbidden, "it is a symbolic link; put the library itself there");
        }
        return fail(errno == ENOENT ? errc::not_found : errc::io_failed,
                    "it cannot be opened: " + reason(errno));
    }
    plugin_file file(opened);
    struct stat about{};
    if (::fstat(opened, &about) != 0) {
        return fail(errc::io_failed, "it cannot be examined: " + reason(errno));
    }
    if (!S_ISREG(about.st_mode)) {
        return fail(errc::forbidden, "it is not a regular file");
    }
    if (auto fine = only_ours(about, "it"); !fine) {
        return fail(std::move(fine.error()));
    }
    file.length_ = static_cast<std::uint64_t>(about.st_size);
    if (file.length_ > file_bytes_max) {
        return fail(errc::too_large, "it is larger than 256 MiB");
    }
    return file;
}

file_parts plugin_file::parts() const {
    return {length_, [file = descriptor_](std::uint64_t offset, std::size_t count) {
                return read_part(file, offset, count);
            }};
}

result<void*> plugin_file::load(const char* symbol) {
    struct stat about{};
    if (::fstat(descriptor_, &about) != 0) {
        return fail(errc::io_failed, "it cannot be examined: " + reason(errno));
    }
    auto& table = mapped();
    const std::lock_guard lock(table.guard);
    const auto key = std::pair(about.st_dev, about.st_ino);
    auto found = table.by_file.find(key);
    if (found == table.by_file.end()) {
        const std::string path = "/proc/self/fd/" + std::to_string(descriptor_);
        void* const handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        if (handle == nullptr) {
            const char* const why = ::dlerror();
            return fail(errc::unsupported, std::string("the dynamic linker refuses it: ") +
                                               (why != nullptr ? why : "no reason given"));
        }
        found = table.by_file
                    .emplace(key, mapped_libraries::library{handle, std::exchange(descriptor_, -1)})
                    .first;
    }
    void* const address = ::dlsym(found->second.handle, symbol);
    if (address == nullptr) {
        return fail(errc::unsupported, std::string("it does not export the symbol ") + symbol);
    }
    return address;
}

std::vector<std::string> plugin_names(const std::string& directory, const std::string& kind) {
    std::vector<std::string> names;
    DIR* const listing = ::opendir((directory + "/" + kind).c_str());
    if (listing == nullptr) {
        return names;
    }
    while (const dirent* const entry = ::readdir(listing)) {
        const std::string_view name = entry->d_name;
        if (name.size() > suffix.size() && name.ends_with(suffix)) {
            names.emplace_back(name.substr(0, name.size() - suffix.size()));
        }
    }
    ::closedir(listing);
    std::sort(names.begin(), names.end());
    return names;
}

}  // namespace calbox::plugins
