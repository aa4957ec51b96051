// A device's side of who needs which file: which events of its users name it, and who takes part in
// those. It is told to the backups, and taken back there when no event of the user names the file
// any more, neither now nor in its history or in the trash: what was never seen to be named here is
// not taken back from here. The bytes on this device stay: they may be the only ones that somebody
// else can still fetch; but not those of what no event ever named. Rows survive restarts. Owned by
// the node; core thread only.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>

#include "base/task_scope.hpp"
#include "node/held_files.hpp"
#include "node/opened_events.hpp"
#include "node/readiness.hpp"
#include "node/together.hpp"
#include "replica/file_needs.hpp"

namespace calbox::node {

/// Record of kind file, under root and user: that an event of this user has named the file.
struct own_need {
    std::vector<event_id> events;   // that do, or did; ascending
    replica::user_list users;       // who takes part in them, or did
    std::optional<timestamp> over;  // since when none of them does
    std::optional<bool> for_good;   // more of them than are remembered: it is never taken back
    std::vector<device_id> told;    // backups at which it was taken back
    std::optional<bool> unnamed;    // one of his was to name it, and none has been seen to
    static constexpr auto fields =
        std::tuple(codec::field<1>(&own_need::events), codec::field<2>(&own_need::users),
                   codec::field<3>(&own_need::over), codec::field<4>(&own_need::for_good),
                   codec::field<5>(&own_need::told), codec::field<6>(&own_need::unnamed));
};

class own_needs {
public:
    struct parts {
        const replica::replicator& replica;
        replica::history& earlier;
        opened_events& opened;
        const people& who;
        held_files& held;
        const readiness& ready;
        /// Backups of the network, this device among them where it is one.
        std::function<std::vector<device_id>()> backups;
        std::function<bool(const device_id&)> is_reachable;
        std::function<task<result<bytes>>(device_id backup, wire::file_needs what)> ask;
        /// Of a backup: a file of its own user `by` is about to be stored here. Else empty.
        std::function<task<result<bool>>(file_root root, std::vector<user_id> users, user_id by)>
            keep_here;
        duration grace = std::chrono::days(14);  // as kept_needs
    };
    static constexpr std::size_t events_most = 64;  // that name one file

    own_needs(const environment& env, replica::database& db, parts with)
        : env_(env),
          db_(db),
          with_(std::move(with)),
          writes_(env, tasks_, "write", duration{}, [this] { return write(); }),
          tasks_(env, "needs") {}

    /// An event names the file for the first time, or does so again. Set before load().
    std::function<void(const file_root&)> newly_needed;

    task<result<void>> load();
    void request_stop() noexcept { tasks_.request_stop(); }
    task<void> join() { return tasks_.join(); }

    /// Somebody has signed in or out, and events of his may be here already: they are looked
    /// through for files.
    void users_changed();
    /// Looks through what has not been yet; at the start, when the users are there.
    void begin_looking();
    /// An event has changed: its files are needed by the users of this device who take part.
    void look(const envelope_header& now);
    /// `as` is about to name the files in the event. Before their bytes are durable: what is not
    /// named in the end is released, and erased here.
    task<result<void>> expect(std::vector<file_root> roots, user_id as, envelope_header in);
    /// What was expected of him will not happen.
    void forgo(const std::vector<file_root>& roots, const user_id& as);

    /// Everybody who may need it, as far as this device knows, and none of its users who have
    /// released it; nothing: it does not know, or has not looked through all that its users have.
    std::optional<std::vector<user_id>> needed_by(const file_root& root) const;
    /// An event has named it, or was to.
    bool knows(const file_root& root) const;
    /// An event has named it, and none does any more.
    bool is_over(const file_root& root) const;
    /// Events of signed-in users that name one of these, and perhaps others that did.
    std::set<event_id> naming(const std::set<file_root>& roots) const;
    /// May one of these users need it? Of a file that is kept for good whoever names it may.
    bool concerns(const file_root& root, const std::vector<user_id>& users) const;
    /// Everything that signed-in users have here has been looked through.
    bool knows_all() const;

    /// Looks which files are needed no more, and tells the backups.
    task<void> clean();
    /// The backup can be reached: it is told what it does not know yet, and everything at the first
    /// time and twice a day.
    void on_backup(const device_id& backup);

private:
    using place = std::pair<file_root, user_id>;
    using notes = std::map<place, own_need>;
    struct findings {
        std::set<file_root> named;
        std::optional<event_id> unclear;  // cannot be read as a whole: it may name anything
    };
    struct telling {
        std::map<place, digest> known;  // the users that it was told of since the start
        std::optional<instant> all;     // when it was told everything
    };

    void add(const place& where, const envelope_header& in);
    void note(const place& where);
    task<void> write();
    task<result<void>> write_now();
    std::set<user_id> signed_in() const;
    task<bool> is_named(place where, std::vector<event_id> events);
    task<void> look_through();
    task<void> note_everything(user_id user);
    task<std::optional<findings>> everything_named(user_id user);
    task<result<bool>> note_named(event_id which, user_id user, std::set<file_root>& named);
    task<void> find_over(user_id user);
    void tell_all();
    task<void> erase_unnamed();
    void forget_old();
    task<void> tell(device_id backup);
    task<result<void>> tell_needs(device_id backup);
    task<result<void>> tell_piece(device_id backup, wire::file_needs what,
                                  std::map<place, digest> said);
    task<result<void>> tell_released(device_id backup);
    replica::user_list told_users(const place& where, const own_need& what,
                                  const std::set<user_id>& ours) const;

    const environment& env_;
    replica::database& db_;
    const parts with_;
    notes all_;
    std::set<place> unwritten_;
    together writes_;
    std::map<device_id, telling> told_;
    std::set<device_id> telling_;
    std::map<place, timestamp> named_until_;  // by an earlier version, which is kept so long
    std::set<user_id> looked_through_;        // everything of theirs that was here has been noted
    std::set<user_id> unmarked_;              // of whom the disk still says so
    std::uint64_t changes_ = 0;               // of who is signed in
    bool looking_ = false;
    task_scope tasks_;
};

}  // namespace calbox::node
