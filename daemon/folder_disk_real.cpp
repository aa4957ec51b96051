#include "folder_disk_real.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <functional>
#include <map>
#include <system_error>

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "directories.hpp"

namespace calbox::daemon {

namespace {

constexpr const char* folder_mark = ".calbox-folder";
constexpr const char* event_mark = ".calbox-event";
constexpr std::string_view part_prefix = ".calbox-part-";
constexpr std::size_t mark_bytes = 256;
constexpr std::size_t files_most = 5'000;
constexpr int numbers_most = 1'000;

tl::unexpected<error> folder_problem(const std::string& what, const std::string& name) {
    const int number = errno;
    const errc code = number == ENOSPC || number == EDQUOT ? errc::disk_full
                      : number == ENOENT                   ? errc::not_found
                      : number == EEXIST                   ? errc::already_exists
                                                           : errc::io_failed;
    return fail(code, what + " " + name + ": " + std::generic_category().message(number));
}

tl::unexpected<error> has_changed(const std::string& name) {
    return fail(errc::conflict, name + " has changed meanwhile");
}

struct descriptor {
    int fd;
    explicit descriptor(int of) : fd(of) {}
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    ~descriptor() {
        if (fd >= 0) {
            ::close(fd);
        }
    }
    int give() noexcept { return std::exchange(fd, -1); }
};

file_stamp stamp_of(const struct stat& of) {
    return {of.st_ino, static_cast<std::uint64_t>(of.st_size),
            of.st_mtim.tv_sec * 1'000'000'000LL + of.st_mtim.tv_nsec};
}

/// Nothing: there is none, or no regular file.
std::optional<file_stamp> look_at(int directory, const std::string& name) {
    struct stat found{};
    if (::fstatat(directory, name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISREG(found.st_mode)) {
        return std::nullopt;
    }
    return stamp_of(found);
}

/// A lease can be had of a file that nobody has open for writing. What breaks it would send a
/// signal: one that does nothing.
bool somebody_writes(int file) {
    ::fcntl(file, F_SETSIG, SIGURG);
    if (::fcntl(file, F_SETLEASE, F_RDLCK) == 0) {
        ::fcntl(file, F_SETLEASE, F_UNLCK);
        return false;
    }
    return errno == EAGAIN;
}

std::optional<std::string> read_mark(int directory, const char* name) {
    const descriptor file(
        ::openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    std::array<char, mark_bytes> text{};
    const auto size = file.fd < 0 ? -1 : ::read(file.fd, text.data(), text.size());
    if (size < 0) {
        return std::nullopt;
    }
    std::string mark(text.data(), static_cast<std::size_t>(size));
    return mark.substr(0, mark.find('\n'));
}

result<void> write_mark(int directory, const char* name, const std::string& text) {
    const descriptor file(
        ::openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    const std::string line = text + "\n";
    if (file.fd < 0 ||
        ::write(file.fd, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
        return folder_problem("cannot write", name);
    }
    return {};
}

/// Never over something that is there.
int rename_new(int from_directory, const char* from, int to_directory, const char* to) {
    if (::renameat2(from_directory, from, to_directory, to, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    // Some file systems do not know that. A link replaces nothing either.
    if (errno != EINVAL || ::linkat(from_directory, from, to_directory, to, 0) != 0) {
        return -1;
    }
    return ::unlinkat(from_directory, from, 0);
}

result<void> each_entry(int directory, const std::function<result<void>(std::string)>& tell) {
    const int again = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ::DIR* const open = again < 0 ? nullptr : ::fdopendir(again);
    if (open == nullptr) {
        return folder_problem("cannot read", "the folder");
    }
    result<void> good;
    while (const ::dirent* const one = good ? ::readdir(open) : nullptr) {
        const std::string name(&one->d_name[0]);
        if (name != "." && name != "..") {
            good = tell(name);
        }
    }
    ::closedir(open);
    return good;
}

std::string with_number(const std::string& name, int number) {
    return number == 1 ? name : name + " (" + std::to_string(number) + ")";
}

}  // namespace

folder_disk::folder_disk(std::filesystem::path root) : root_(std::move(root)) {}
folder_disk::~folder_disk() {
    for (const int one : {lock_, folder_}) {
        if (one >= 0) {
            ::close(one);
        }
    }
}

result<std::string> folder_disk::open(const std::string& id, const std::string& fresh) {
    if (id.empty()) {
        if (auto made = make_private_directory(root_); !made) {
            return fail(std::move(made.error()));
        }
    }
    descriptor folder(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.fd < 0) {
        return folder_problem("cannot open", root_.string());
    }
    auto mark = read_mark(folder.fd, folder_mark);
    if (!id.empty() && mark != id) {
        return fail(errc::conflict, root_.string() +
                                        " is not the folder that it was: " + folder_mark +
                                        " is another one, or missing. Is the disk mounted?");
    }
    if (!mark) {
        if (auto written = write_mark(folder.fd, folder_mark, fresh); !written) {
            return fail(std::move(written.error()));
        }
        mark = fresh;
    }
    descriptor lock(::openat(folder.fd, folder_mark, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (lock.fd < 0 || ::flock(lock.fd, LOCK_EX | LOCK_NB) != 0) {
        return fail(errc::already_exists, "another calboxd uses the folder " + root_.string());
    }
    folder_ = folder.give();
    lock_ = lock.give();
    return *mark;
}

result<int> folder_disk::open_directory(const std::string& name) const {
    const int opened =
        ::openat(folder_, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (opened < 0) {
        return folder_problem("cannot open", name);
    }
    return opened;
}

result<std::vector<seen_directory>> folder_disk::list(bool clean) {
    struct stat mine{}, there{};
    if (::fstat(folder_, &mine) != 0 || ::stat(root_.c_str(), &there) != 0 ||
        mine.st_ino != there.st_ino || mine.st_dev != there.st_dev) {
        return fail(errc::not_found, root_.string() + " is gone, or another one stands there");
    }
    std::vector<seen_directory> found;
    auto read = each_entry(folder_, [&](std::string name) -> result<void> {
        struct stat entry{};
        if (name.starts_with('.') ||
            ::fstatat(folder_, name.c_str(), &entry, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISDIR(entry.st_mode)) {
            return {};
        }
        const auto opened = open_directory(name);
        if (!opened) {
            return {};  // gone meanwhile, or nothing of ours
        }
        const descriptor directory(*opened);
        const auto mark = read_mark(directory.fd, event_mark);
        if (!mark) {
            return {};
        }
        seen_directory one{name, *mark, {}};
        auto good = each_entry(directory.fd, [&](std::string file) -> result<void> {
            if (clean && file.starts_with(part_prefix)) {
                ::unlinkat(directory.fd, file.c_str(), 0);
            }
            if (const auto as = look_at(directory.fd, file); as && !file.starts_with('.')) {
                one.files.emplace(std::move(file), *as);
            }
            return one.files.size() > files_most
                       ? fail(errc::too_large, name + " has more than 5,000 files")
                       : result<void>();
        });
        found.push_back(std::move(one));
        return good;
    });
    if (!read) {
        return fail(std::move(read.error()));
    }
    return found;
}

result<std::string> folder_disk::make_directory(const std::string& name, const std::string& event) {
    const std::string part = std::string(part_prefix) + "directory";
    if (const auto left = open_directory(part)) {
        ::unlinkat(*left, event_mark, 0);
        ::close(*left);
    }
    ::unlinkat(folder_, part.c_str(), AT_REMOVEDIR);
    if (::mkdirat(folder_, part.c_str(), 0700) != 0) {
        return folder_problem("cannot make the directory", name);
    }
    const auto opened = open_directory(part);
    if (!opened) {
        return fail(opened.error());
    }
    const descriptor made(*opened);
    if (auto marked = write_mark(made.fd, event_mark, event); !marked) {
        return fail(std::move(marked.error()));
    }
    return move_directory(part, name);
}

result<std::string> folder_disk::move_directory(const std::string& from, const std::string& to) {
    for (int number = 1; number < numbers_most; ++number) {
        const std::string name = with_number(to, number);
        struct stat there{};
        if (::fstatat(folder_, name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0) {
            continue;
        }
        // Where that is not known, an empty directory alone is replaced.
        if (::renameat2(folder_, from.c_str(), folder_, name.c_str(), RENAME_NOREPLACE) == 0 ||
            (errno == EINVAL && ::renameat(folder_, from.c_str(), folder_, name.c_str()) == 0)) {
            return name;
        }
        if (errno != EEXIST) {
            return folder_problem("cannot move the directory to", name);
        }
    }
    return fail(errc::already_exists, "there are too many directories called " + to);
}

result<void> folder_disk::move(const folder_action& what) {
    const auto opened = open_directory(what.directory);
    if (!opened) {
        return fail(opened.error());
    }
    const descriptor directory(*opened);
    if (look_at(directory.fd, what.name) != what.as) {
        return has_changed(what.name);
    }
    if (rename_new(directory.fd, what.name.c_str(), directory.fd, what.to.c_str()) != 0) {
        return folder_problem("cannot rename", what.name);
    }
    return {};
}

result<void> folder_disk::remove(const folder_action& what) {
    const auto held = read(what);
    if (!held) {
        return held.error().code == errc::not_found ? result<void>() : fail(held.error());
    }
    const auto opened = open_directory(what.directory);
    if (!opened) {
        return fail(opened.error());
    }
    const descriptor directory(*opened);
    if (look_at(directory.fd, what.name) != what.as) {
        return has_changed(what.name);
    }
    if (::unlinkat(directory.fd, what.name.c_str(), 0) != 0 && errno != ENOENT) {
        return folder_problem("cannot remove", what.name);
    }
    return {};
}

result<std::shared_ptr<folder_disk::reader>> folder_disk::read(const folder_action& what) {
    const auto opened = open_directory(what.directory);
    if (!opened) {
        return fail(opened.error());
    }
    const descriptor directory(*opened);
    descriptor file(
        ::openat(directory.fd, what.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat found{};
    if (file.fd < 0 || ::fstat(file.fd, &found) != 0) {
        return folder_problem("cannot read", what.name);
    }
    if (!S_ISREG(found.st_mode) || what.as != stamp_of(found)) {
        return has_changed(what.name);
    }
    if (somebody_writes(file.fd)) {
        return fail(errc::busy, what.name + " is still being written");
    }
    return std::make_shared<reader>(file.give(), *what.as);
}

folder_disk::reader::~reader() { ::close(file_); }

result<bytes> folder_disk::reader::next(std::size_t most) {
    bytes piece(most);
    std::size_t size = 0;
    while (size < most) {
        const auto count = ::read(file_, piece.data() + size, most - size);
        if (count < 0 && errno != EINTR) {
            return folder_problem("cannot read", "the file");
        }
        if (count == 0) {
            break;
        }
        size += count > 0 ? static_cast<std::size_t>(count) : 0;
    }
    piece.resize(size);
    read_ += size;
    struct stat now{};
    if (::fstat(file_, &now) != 0 || stamp_of(now) != as_ || read_ > as_.size ||
        (size < most && read_ != as_.size)) {
        return has_changed("the file");
    }
    return piece;
}

result<std::shared_ptr<folder_disk::writer>> folder_disk::write(const folder_action& what,
                                                                const std::string& unique) {
    const auto opened = open_directory(what.directory);
    if (!opened) {
        return fail(opened.error());
    }
    descriptor directory(*opened);
    std::string part = std::string(part_prefix) + unique;
    const int file = ::openat(directory.fd, part.c_str(),
                              O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0) {
        return folder_problem("cannot write in", what.directory);
    }
    return std::make_shared<writer>(directory.give(), file, std::move(part), what);
}

folder_disk::writer::~writer() {
    if (!part_.empty()) {
        ::unlinkat(directory_, part_.c_str(), 0);
    }
    ::close(file_);
    ::close(directory_);
}

result<void> folder_disk::writer::write(const bytes& piece) {
    for (std::size_t written = 0; written < piece.size();) {
        const auto count = ::write(file_, piece.data() + written, piece.size() - written);
        if (count < 0 && errno != EINTR) {
            return folder_problem("cannot write", what_.name);
        }
        written += count > 0 ? static_cast<std::size_t>(count) : 0;
    }
    return {};
}

result<file_stamp> folder_disk::writer::finish() {
    struct stat made{};
    if (::fsync(file_) != 0 || ::fstat(file_, &made) != 0) {
        return folder_problem("cannot write", what_.name);
    }
    if (!what_.as) {
        if (rename_new(directory_, part_.c_str(), directory_, what_.name.c_str()) != 0) {
            return folder_problem("cannot place", what_.name);
        }
        part_.clear();
        return stamp_of(made);
    }
    const descriptor old(
        ::openat(directory_, what_.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat found{};
    if (old.fd < 0 || ::fstat(old.fd, &found) != 0 || what_.as != stamp_of(found)) {
        return has_changed(what_.name);
    }
    if (somebody_writes(old.fd)) {
        return fail(errc::busy, what_.name + " is being written to");
    }
    // Exchanged, so that what was put there at the last moment is seen, and comes back.
    const auto exchange = [&] {
        return ::renameat2(directory_, part_.c_str(), directory_, what_.name.c_str(),
                           RENAME_EXCHANGE);
    };
    if (exchange() == 0) {
        if (look_at(directory_, part_) != what_.as) {
            if (exchange() != 0) {  // the name is gone: what stood there is kept beside
                rename_new(directory_, part_.c_str(), directory_, (what_.name + " (kept)").c_str());
                part_.clear();
            }
            return has_changed(what_.name);
        }
    } else if (errno == EINVAL) {
        if (::renameat(directory_, part_.c_str(), directory_, what_.name.c_str()) != 0) {
            return folder_problem("cannot replace", what_.name);
        }
        part_.clear();
    } else {
        return folder_problem("cannot replace", what_.name);
    }
    return stamp_of(made);
}

// The bell ----------------------------------------------------------------------------------------

struct folder_bell::state {
    state(const environment& env, event& to) : file(env.executor), rings(to) {}

    /// The read that waits keeps what it reads into.
    static void read(const std::shared_ptr<state>& mine) {
        mine->file.async_read_some(asio::buffer(mine->news),
                                   [mine](boost::system::error_code problem, std::size_t) {
                                       if (!problem && !mine->closed) {
                                           mine->rings.set();  // what has changed is looked for
                                           read(mine);
                                       }
                                   });
    }

    asio::posix::stream_descriptor file;
    event& rings;
    std::array<char, 16'384> news{};
    std::map<std::filesystem::path, int> watched;
    bool closed = false;
};

folder_bell::folder_bell(const environment& env, event& rings)
    : state_(std::make_shared<state>(env, rings)) {
    const int opened = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (opened >= 0) {
        state_->file.assign(opened);
        state::read(state_);
    }
}
folder_bell::~folder_bell() { close(); }

void folder_bell::listen(const std::set<std::filesystem::path>& to) {
    if (!state_->file.is_open()) {
        return;
    }
    const int file = state_->file.native_handle();
    std::erase_if(state_->watched, [&](const auto& one) {
        if (to.contains(one.first)) {
            return false;
        }
        ::inotify_rm_watch(file, one.second);
        return true;
    });
    for (const auto& path : to) {
        // Again for those that are known: another directory may have got the name.
        const int watch = ::inotify_add_watch(file, path.c_str(),
                                              IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVE |
                                                  IN_MOVE_SELF | IN_ONLYDIR | IN_DONT_FOLLOW);
        if (watch >= 0) {
            state_->watched[path] = watch;
        }
    }
}

void folder_bell::close() noexcept {
    state_->closed = true;
    boost::system::error_code ignored;
    state_->file.close(ignored);
}

}  // namespace calbox::daemon
