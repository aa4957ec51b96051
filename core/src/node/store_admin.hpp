// What an operator may see of this device's store, and do with it. Implemented in node/; core
// thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <calbox/ids.hpp>
#include <calbox/storage.hpp>

#include "base/async.hpp"

namespace calbox::node {

/// Something that the disk has damaged, as a pass has found it.
struct damage_view {
    std::string what;     // "event", "version", "file"
    std::string name;     // "alice/1.7", "alice/1.7 version 3", a file's root
    bool healed = false;  // it is here again, by now
};

/// A pass over everything that is stored (replica/scrub.hpp).
struct scrub_view {
    bool running = false;
    bool hurries = false;            // it does not rest
    bool healing = false;            // it is over, and what is lost is being asked for
    std::optional<timestamp> began;  // nothing: there was none yet
    std::optional<timestamp> ended;
    std::uint64_t events = 0, versions = 0, files = 0, bytes = 0;  // that were read
    std::uint64_t damaged = 0, healed = 0;
    std::vector<damage_view> found;  // since the daemon started; at most 1,000
};

struct store_view {
    std::string engine;  // of the plugin: "sqlite"
    storage::measures size;
    std::uint64_t events = 0;                       // that exist
    std::uint64_t records = 0;                      // of all kinds
    std::uint64_t files = 0;                        // that are wholly here
    std::uint64_t records_aside = 0;                // damaged
    std::uint64_t lost_events = 0, lost_files = 0;  // damaged, and not here again
    std::uint64_t lacking_events = 0;               // that some backup is known to lack
    std::uint64_t given_events = 0;                 // to backups that lacked them, since the start
    scrub_view scrub;                               // under way, or that ended last
};

struct backup_view {
    std::string file;
    std::uint64_t bytes = 0;
};

class store_admin {
public:
    virtual ~store_admin();
    virtual task<result<store_view>> show() = 0;
    /// Verifies the structure of the database; may take long.
    virtual task<result<storage::check_report>> check() = 0;
    /// A verified copy of the records, of everything but the files, while the daemon goes on. As
    /// storage::store::back_up; the file is for its owner only.
    virtual task<result<backup_view>> back_up(std::string file) = 0;
    /// Reads and verifies everything now, without rest. Returns once that has begun.
    virtual scrub_view scrub() = 0;
    virtual scrub_view scrubbed() const = 0;
};

}  // namespace calbox::node
