// What lists need to know of events before they open them: when each takes place, and whether it
// repeats or has files. Of many events most are kept on the disk, sealed for their reader, so that
// a start need not open all of them. Owned by opened_events; core thread only.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/task_scope.hpp"
#include "crypto/identity.hpp"
#include "model/event.hpp"
#include "replica/database.hpp"

namespace calbox::node {

struct glance {
    digest version;         // the version's hash
    user_id by;             // who has opened it
    model::interval utc;    // of a series, its first time
    std::uint64_t uid = 0;  // uid_mark() of its iCalendar UID
    bool series = false;
    bool has_files = false;
    bool checked =
        false;  // since the start; one from the disk may be of another time-zone database
};
std::uint64_t uid_mark(std::string_view uid);

class glances {
public:
    /// So many lie in one record; that many may have to be opened anew after a crash.
    static constexpr std::size_t kept_together = 512;

    /// Null for a user who is not signed in here.
    using keys_of_user = std::function<const crypto::identity*(const user_id&)>;

    glances(const environment& env, replica::database& db, keys_of_user keys_of, task_scope& tasks)
        : env_(env), db_(db), keys_of_(std::move(keys_of)), tasks_(tasks) {}

    /// Those that signed-in users have left on the disk; what cannot be read is as if it were not
    /// there.
    task<result<void>> load();
    /// What load() has found of the event, once: as put() takes it.
    std::optional<glance> take_saved(const event_id& which);

    const glance* find(const event_id& which) const;
    /// `on_the_disk`: it came from there.
    void put(const event_id& which, const glance& what, bool on_the_disk);
    /// It is as it was found.
    void confirm(const event_id& which);
    void erase(const event_id& which);
    /// Everything, on the disk as well: who may read what has changed.
    void forget_all();

    /// Single events that touch the range, and every series. A range without an end has all from
    /// there.
    std::vector<event_id> between(std::optional<timestamp> from, std::optional<timestamp> to) const;
    /// Single events that touch another single one, and every series.
    std::vector<event_id> meeting() const;
    std::vector<event_id> with_uid(std::string_view uid) const;
    const std::set<event_id>& with_files() const noexcept { return files_; }
    /// Those that are not checked, up to so many.
    std::vector<event_id> unchecked(std::size_t most) const;

private:
    using place = std::tuple<timestamp, timestamp, event_id>;  // start, end
    struct shelf {
        std::set<std::uint64_t> records;  // numbers
        std::uint64_t last = 0;
        std::size_t entries = 0;  // old ones included
        std::vector<event_id> unsaved;
        bool saving = false;
    };
    std::set<place>& times_of(const glance& what) noexcept;
    task<void> save(user_id whose);
    void write(replica::batch& writes, const user_id& whose, shelf& into,
               const std::vector<event_id>& which);

    const environment& env_;
    replica::database& db_;
    const keys_of_user keys_of_;
    task_scope& tasks_;
    std::map<event_id, glance> all_;
    std::map<event_id, glance> saved_;
    std::set<place> short_, long_, series_;
    std::multimap<std::uint64_t, event_id> uids_;
    std::set<event_id> files_, unchecked_;
    std::map<user_id, shelf> shelves_;
};

}  // namespace calbox::node
