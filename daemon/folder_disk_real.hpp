// The folder of folder_plan on the disk. Follows no link below the folder itself, replaces nothing
// that has changed since it was looked at, and lets a file appear whole or not at all. folder_disk
// blocks: the disk worker only, one call at a time. folder_bell: core thread only.
#pragma once

#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <calbox/bytes.hpp>

#include "base/async.hpp"
#include "folder_plan.hpp"

namespace calbox::daemon {

class folder_disk {
public:
    explicit folder_disk(std::filesystem::path root);
    ~folder_disk();
    folder_disk(const folder_disk&) = delete;
    folder_disk& operator=(const folder_disk&) = delete;

    /// Makes the folder where there is none and `id` is empty. Returns the id that it had, or is
    /// given: `fresh`. conflict: it is not the folder with that id, which may be one that is not
    /// mounted; already_exists: another daemon uses it.
    result<std::string> open(const std::string& id, const std::string& fresh);
    /// Every directory with a mark. `clean` removes what writing has left behind: only while
    /// nothing is written.
    result<std::vector<seen_directory>> list(bool clean);

    /// The names that they have got, "NAME (2)" where NAME is taken.
    result<std::string> make_directory(const std::string& name, const std::string& event);
    result<std::string> move_directory(const std::string& from, const std::string& to);
    /// conflict: it is not the file that it was. already_exists: something has the name `to`.
    result<void> move(const folder_action& what);
    result<void> remove(const folder_action& what);

    class reader;
    /// busy: somebody writes to it. conflict: it is not the file `what.as`.
    result<std::shared_ptr<reader>> read(const folder_action& what);
    class writer;
    result<std::shared_ptr<writer>> write(const folder_action& what, const std::string& unique);

private:
    result<int> open_directory(const std::string& name) const;

    std::filesystem::path root_;
    int folder_ = -1, lock_ = -1;
};

class folder_disk::reader {
public:
    explicit reader(int file, file_stamp as) : file_(file), as_(as) {}
    ~reader();
    reader(const reader&) = delete;
    reader& operator=(const reader&) = delete;
    /// At most so many bytes; none at the end. conflict: the file changes.
    result<bytes> next(std::size_t most);

private:
    int file_;
    file_stamp as_;
    std::uint64_t read_ = 0;
};

/// Without finish() nothing is left.
class folder_disk::writer {
public:
    writer(int directory, int file, std::string part, folder_action what)
        : directory_(directory), file_(file), part_(std::move(part)), what_(std::move(what)) {}
    ~writer();
    writer(const writer&) = delete;
    writer& operator=(const writer&) = delete;
    result<void> write(const bytes& piece);
    /// The file appears under its name. conflict, already_exists, busy: as above.
    result<file_stamp> finish();

private:
    int directory_, file_;
    std::string part_;
    folder_action what_;
};

/// Rings when something changes in the folder or in its directories; not on file systems without
/// inotify, and not for what other machines do there.
class folder_bell {
public:
    folder_bell(const environment& env, event& rings);
    ~folder_bell();
    folder_bell(const folder_bell&) = delete;
    folder_bell& operator=(const folder_bell&) = delete;
    /// Listens to these directories, and to no others.
    void listen(const std::set<std::filesystem::path>& to);
    void close() noexcept;

private:
    struct state;
    std::shared_ptr<state> state_;  // shared with the read that waits
};

}  // namespace calbox::daemon
