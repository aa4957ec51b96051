// What to do about a folder in which every coming event has a directory with its files: decides
// from what lies there, what the events say and what was there before. Sans-IO: no clock, disk nor
// events of its own. Owned by folder_sync; core thread only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <calbox/environment.hpp>
#include <calbox/ids.hpp>

#include "folder_names.hpp"

namespace calbox::daemon {

/// Tells whether a file is the one that was looked at before.
struct file_stamp {
    std::uint64_t inode = 0, size = 0;
    std::int64_t changed_ns = 0;  // its mtime
    friend bool operator==(const file_stamp&, const file_stamp&) = default;
};

/// What lies in the folder now. Only regular files; no links, nor directories in directories.
struct seen_directory {
    std::string name;
    std::string event;  // key, as its mark says
    std::map<std::string, file_stamp> files;
};

/// A coming event as the calendar has it.
struct folder_event {
    std::string key;   // what a directory's mark says
    std::string name;  // the directory's, as it should be: directory_name()
    struct file {
        std::string label;
        file_root root;
        std::uint64_t size = 0;
        std::optional<file_root> replaces;
    };
    std::vector<file> files;
};

/// A file that has been put into the folder, or taken from there, as it was then.
struct kept_file {
    std::string label;  // its name at the event
    file_root root;
    file_stamp as;
    bool away = false;      // the person has removed it
    bool own_name = false;  // the person has renamed it
    friend bool operator==(const kept_file&, const kept_file&) = default;
};
struct kept_directory {
    std::string name;
    bool own_name = false;
    std::map<std::string, kept_file> files;  // by their names in the directory
    friend bool operator==(const kept_directory&, const kept_directory&) = default;
};
/// What is remembered over restarts, by the events' keys.
using folder_book = std::map<std::string, kept_directory>;

struct folder_action {
    enum class kind {
        make_directory,  // `directory`
        move_directory,  // `directory` to `to`
        place,           // fetch `label`, and put it at `name`: in place of `as`, or of nothing
        attach,          // `name`, if it still is `as`, as `label`
        replace,         // the same, in place of `root`
        move,            // `name`, if it still is `as`, to `to`
        remove,          // `name`, if it still is `as`
    };
    kind what = kind::place;
    std::string event;  // key
    std::string directory, name, to, label;
    std::optional<file_stamp> as;
    file_root root;
    /// Attach and replace: where the file is the same as this version of the label already, nothing
    /// is attached.
    std::optional<file_root> unless;
};
std::string_view to_string(folder_action::kind what) noexcept;

class folder_plan {
public:
    struct settings {
        duration settle = std::chrono::seconds(1);  // a file has to stay as it is
        duration again_first = std::chrono::seconds(5), again_most = std::chrono::minutes(10);
        std::size_t at_once = 4;                   // files that come, and as many others
        duration told = std::chrono::seconds(30);  // the event names what was attached, by then
    };
    explicit folder_plan(folder_book known) : folder_plan(std::move(known), settings()) {}
    folder_plan(folder_book known, settings with) : book_(std::move(known)), with_(with) {}

    struct step {
        std::vector<folder_action> actions;  // to be begun; each ends in done() or failed()
        std::optional<duration> look_again;  // after that at the latest
    };
    /// All directories that have a mark, by name.
    step look(std::vector<seen_directory> there, const std::vector<folder_event>& coming,
              instant now);

    /// What an action has come to.
    struct result_of {
        std::optional<file_stamp> as;  // place: the file as it is there now
        std::string name;  // attach, replace: at the event; make_, move_directory: in the folder
        file_root root;    // attach, replace
    };
    void done(const folder_action& what, const result_of& with, instant now);
    void failed(const folder_action& what, std::string why, instant now);
    /// What failed is tried again at once.
    void forget_failures() { failures_.clear(); }

    const folder_book& book() const noexcept { return book_; }
    /// Differs after each change of the book.
    std::uint64_t changes() const noexcept { return changes_; }

    struct file_state {
        std::string name, label, state;  // here, removed, waiting, failed, or the action that runs
        std::string problem;
    };
    /// Of an event that was among the last coming ones.
    std::vector<file_state> files_of(const std::string& event) const;

private:
    struct failure {
        instant again;
        duration pause{};
        std::string why;
        std::optional<file_stamp> as;
        file_root root;
    };
    using place = std::pair<std::string, std::string>;  // event, name or label

    class look_at_one;

    void put(const folder_action& what, kept_file file, bool is_told);

    folder_book book_;
    settings with_;
    std::uint64_t changes_ = 0;
    std::map<place, folder_action> running_;  // what is being done there
    std::size_t placing_ = 0;                 // of those
    std::map<place, failure> failures_;
    std::map<place, std::pair<file_stamp, instant>> settling_;
    std::map<place, instant> untold_;  // attached, and the event need not say so until then
    std::map<std::string, std::vector<file_state>> states_;
};

}  // namespace calbox::daemon
