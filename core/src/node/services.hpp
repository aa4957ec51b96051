// What a calboxd can do for its users: the services behind the API. daemon/ turns them into HTTP +
// JSON; nothing here knows of either. Implemented in node/; core thread only. Names are user names
// as people type them; every call that acts for a user takes that user's id, which
// accounts::resolve gives out for signed-in users only.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <calbox/ids.hpp>

#include "base/async.hpp"
#include "model/difference.hpp"
#include "model/event.hpp"
#include "model/recurrence.hpp"
#include "node/archives.hpp"
#include "node/exchange.hpp"
#include "node/free_busy.hpp"
#include "node/open_events.hpp"
#include "node/overlay_admin.hpp"
#include "node/reminders.hpp"
#include "node/search.hpp"
#include "node/store_admin.hpp"
#include "replica/file_store.hpp"

namespace calbox::node {

// Accounts
// ----------------------------------------------------------------------------------------------------------

struct account_view {
    user_id id;
    std::string name;
    device_number device;  // of this device among the user's
};

class accounts {
public:
    virtual ~accounts();
    /// Signs in; with `create`, registers the name instead (already_exists: "choose another name or
    /// try again"). unauthorised: wrong name or password, without saying which. unavailable: the
    /// registry cannot be reached.
    virtual task<result<account_view>> sign_in(std::string name, std::string password,
                                               bool create) = 0;
    /// Another password, for signing in from now on; devices on which he is signed in stay so.
    /// unauthorised: `old` is not his password. invalid_argument: the new one is easy to guess.
    /// unavailable: the registry cannot be reached.
    virtual task<result<void>> change_password(user_id who, std::string old,
                                               std::string fresh) = 0;
    /// Forgets the user's keys on this device. His events stay, sealed.
    virtual task<result<void>> sign_out(user_id who) = 0;
    virtual std::vector<account_view> signed_in() const = 0;
    /// The signed-in user of that name; of the only one for an empty name. unauthorised: nobody, or
    /// several and no name.
    virtual result<account_view> resolve(const std::string& name) const = 0;
};

// Events
// ------------------------------------------------------------------------------------------------------------

/// Where an event stands (the words of the API, the log and the page). behind: this device is still
/// catching up. unknown: an edit of this device may have happened. forked: a version of this
/// device's was left out by a take-over, and is not kept as an event of its own yet. no_quorum: an
/// edit was refused for want of one, and nothing has changed about it since.
enum class event_state { confirmed, locked, behind, unknown, forked, no_quorum };

/// Who would help: `needed` of `missing`, which are user names, or "backup ab12..".
struct quorum_view {
    std::size_t needed = 0;
    std::vector<std::string> missing;
};

/// Who edits an event now.
struct lock_view {
    std::string by;        // user name
    device_number device;  // among his
    timestamp since;
    timestamp until;    // over by then at the latest, unless renewed
    bool here = false;  // on this device
};

struct event_view {
    event_id id;
    std::string id_text;  // "alice/1.7"
    generation_number generation;
    version_number version;
    model::event_content content;
    std::string organizer;
    std::uint32_t guests_may = 0;  // guest_right bits
    std::string written_by;
    timestamp written;
    event_state state = event_state::confirmed;
    std::optional<lock_view> lock;       // for locked
    std::optional<quorum_view> lacks;    // for no_quorum
    std::vector<std::string> conflicts;  // id_text of the user's events that overlap this one
    std::vector<std::string>
        stored_on;                  // "backup ab12..", "bob": who has acknowledged this version
    std::vector<std::string> owed;  // who has not yet
    model::interval utc;
    bool series = false;  // takes place more than once
    /// The view is of that one of its times (its recurrence id); nothing: of the whole event.
    std::optional<model::local_time> occurrence = {};
    std::optional<model::occurrence> next = {};  // of a whole series: the first that is not over
};

/// Which of a series' times a change is made for.
enum class edit_scope { all, one, following };
struct chosen_times {
    std::string occurrence;  // a recurrence id, as find_occurrence reads it; empty: the whole event
    edit_scope scope = edit_scope::all;
};

/// What to create or change; an absent member stays as it is. Participants are user names, or
/// "@group".
struct event_draft {
    std::optional<std::string> title, info, place, zone, recurrence, color;
    std::optional<std::vector<std::string>> categories;
    std::optional<std::string> start, end;  // as model::parse_local_time reads them
    std::optional<bool> all_day;
    std::optional<std::vector<std::string>> participants;
    std::optional<std::uint32_t> guests_may;
    chosen_times times = {};  // of an event that exists
};

struct event_query {
    std::optional<timestamp> from, to;
    std::string text;           // case-insensitive, in title, info and place
    std::string category = {};  // what has it; empty: whatever it has
};

/// What a change asks of the event as it is.
struct edit_terms {
    edit_terms(std::nullopt_t = std::nullopt) {}
    edit_terms(version_number expect_in) : expect(expect_in) {}
    edit_terms(std::optional<version_number> expect_in, std::string session_in = {})
        : expect(expect_in), session(std::move(session_in)) {}
    std::optional<version_number> expect;  // the version that the caller saw
    std::string session;                   // of locks::begin; empty: without a lock
    /// Where the event has moved on from `expect`, and the change meets no other one in the same
    /// field, it is made on the newest version.
    bool merge = false;
};

/// Where somebody's change meets what the others have made of the event since. Fields are named as
/// in model::merged_text.
struct meeting_view {
    event_view base;  // the version that the change was made from
    std::vector<std::string> mine, theirs;
    std::vector<std::string> both;  // empty: edit_terms::merge can have both
};

class calendar {
public:
    virtual ~calendar();
    virtual task<result<event_view>> create(user_id as, event_draft draft) = 0;
    /// conflict when the version expected is not the current one. busy: somebody is editing, and
    /// the sentence says who, since when, on which device and until when at most. With a session,
    /// which must name the version: the change is made under its lock and ends it; where the lock
    /// was lost meanwhile, as a change without one.
    /// Of a series, for the times that the draft chooses: one time says its own title, info,
    /// place, categories, colour and time from then on; a time that is moved for all moves all by
    /// as much. Those that follow become an event of their own, which is what is shown; only the
    /// organizer may do that. not_found: it does not take place then.
    virtual task<result<event_view>> modify(user_id as, event_id which, event_draft change,
                                            edit_terms terms) = 0;
    /// What a change that was made from version `base` and the newest version have to do with each
    /// other. not_found: this device does not have that version; the errors of the draft.
    virtual task<result<meeting_view>> compare(user_id as, event_id which, event_draft change,
                                               version_number base) = 0;
    /// Says whether `as`, a guest, comes; whatever guests may do besides. A set operation: while
    /// somebody else edits it waits, at most a minute. invalid_argument for the organizer.
    virtual task<result<event_view>> answer(user_id as, event_id which,
                                            model::participation what) = 0;
    /// The organizer deletes for all. A guest without the right takes it from his own calendar, and
    /// the host sees that.
    virtual task<result<void>> remove(user_id as, event_id which, edit_terms terms) = 0;
    /// `as`, a guest, takes the event from his own calendar, whatever he may do besides; the host
    /// sees that. A set operation. invalid_argument for the organizer.
    virtual task<result<void>> leave(user_id as, event_id which) = 0;
    /// A series does not take place at that time any more, or from it on; where no time would be
    /// left, as remove(). Errors as of modify().
    virtual task<result<void>> take_out(user_id as, event_id which, chosen_times times,
                                        edit_terms terms) = 0;
    /// By start. Only what `as` takes part in.
    virtual std::vector<event_view> list(user_id as, const event_query& query) const = 0;
    /// The same with a view of each time that lies in the range, which must have an end, and at
    /// most 10,000: too_large.
    virtual result<std::vector<event_view>> occurrences(user_id as,
                                                        const event_query& query) const = 0;
    virtual result<event_view> show(user_id as, event_id which) const = 0;
    /// At one of its times. not_found: it does not take place then.
    virtual result<event_view> show_at(user_id as, event_id which,
                                       const std::string& occurrence) const = 0;
    /// Pairs of overlapping events, by start. Of a series the time at which they meet: the first
    /// that is not over, from a month ago to a year from now.
    virtual std::vector<std::pair<event_view, event_view>> conflicts(user_id as) const = 0;
    /// Reads "alice/1.7"; "1.7" means one's own.
    virtual result<event_id> find(user_id as, const std::string& id_text) const = 0;
};

/// What can be done with an event that cannot be changed, because those who decide about it are out
/// of reach.
class branches {
public:
    virtual ~branches();
    /// A new event of `as` that says the same, with the same files; `title` where it is given.
    /// Those who take part in the first are asked to this one only where `with_participants` says
    /// so. Needs none of those who decide about the first.
    virtual task<result<event_view>> copy(user_id as, event_id which,
                                          std::optional<std::string> title,
                                          bool with_participants) = 0;
    /// Begins another line of versions with what is shown here, which others can join; where two
    /// lines meet, the later one wins, and what it leaves out becomes an event of its author's.
    /// conflict where it is not needed; forbidden for guests who may not change the event;
    /// unsupported: the network's strategy knows no take-over.
    virtual task<result<event_view>> take_over(user_id as, event_id which) = 0;
};

// History
// -----------------------------------------------------------------------------------------------------------

enum class version_change { created, changed, deleted, brought_back };

/// One version of an event, as a user may see it.
struct version_view {
    generation_number generation;
    version_number version;
    version_change what = version_change::changed;
    std::string by;                  // user name
    device_number device;            // among his
    timestamp written;               // by his clock
    std::optional<timestamp> until;  // kept here; nothing: it is the current one
    bool readable = false;           // has a body, and this user can open it
    std::string title;               // when readable
    /// From the last readable version before it that is kept here.
    std::vector<model::field_change> changes;
};

/// A deleted event that can be brought back.
struct trash_view {
    std::string id_text;
    std::string organizer;
    model::event_content content;  // what it said last
    model::interval utc;
    version_view deletion;
    timestamp until;  // can be brought back here
};

class history {
public:
    virtual ~history();
    /// The versions that this device holds in which `as` takes part, newest first: the current one,
    /// or the deletion, and at most 999 before it. not_found: `as` takes no part in the event.
    virtual task<result<std::vector<version_view>>> versions(user_id as, event_id which) = 0;
    /// Commits what an earlier version said as a new version; who takes part and what guests may do
    /// stay as they are. Of a deleted event without `version`: what it said last. A guest needs the
    /// right to modify, to attach where the files differ, and to delete for a deleted event.
    /// not_found: the version is not kept here, or `as` took no part in it; invalid_argument: no
    /// version, or one that cannot be restored; else as calendar::modify.
    virtual task<result<event_view>> restore(user_id as, event_id which,
                                             std::optional<version_number> version,
                                             std::optional<version_number> expect) = 0;
    /// Deleted events that `as` may bring back, and that can be; what stays longest first.
    virtual task<result<std::vector<trash_view>>> trash(user_id as) = 0;
    /// As calendar::find, and finds deleted events, too.
    virtual result<event_id> find(user_id as, const std::string& id_text) const = 0;
};

/// An open editor. The lock is renewed until the session ends: by an edit under it, by end(), when
/// the lock is lost, or after 15 minutes.
struct session_view {
    std::string id;          // names it in edit_terms
    version_number version;  // that is being edited
    lock_view lock;
};

class locks {
public:
    virtual ~locks();
    /// Takes the lock on an event. busy; forbidden; unsupported: the network's strategy promises no
    /// locks.
    virtual task<result<session_view>> begin(user_id as, event_id which) = 0;
    /// Returns when the session has ended; says why in one sentence.
    virtual task<std::string> ended(std::string session) = 0;
    /// Ends a session whose client is gone or has had enough. Unknown ones are nothing.
    virtual void end(const std::string& session) = 0;
    /// Ends the session that this user has on the event here. not_found: he has none.
    virtual result<void> release(user_id as, event_id which) = 0;
    /// Who edits the event, as far as this device has been told; nothing: nobody.
    virtual result<std::optional<lock_view>> show(user_id as, event_id which) const = 0;
    /// JSON: what the consensus strategy knows of it.
    virtual std::string explain(event_id which) const = 0;
};

// Files
// -------------------------------------------------------------------------------------------------------------

using replica::byte_sink;
using replica::byte_source;

struct file_view {
    model::attachment what;
    std::string held;                    // "here", "elsewhere", "fetching", "paused"
    std::uint64_t fetched = 0;           // plaintext bytes on this device
    std::vector<std::string> stored_on;  // "this device", "backup ab12.."
    std::vector<std::string> owed;       // backups that have not said they have it
    std::vector<std::string> refused;  // those of them that will not take it: "backup ab12..: why"
    std::string problem = {};          // why it has not come, where it was just asked for
};

/// A new file, or another one in its place.
struct attach_terms {
    attach_terms(bool replace_in, std::optional<file_root> seen_in = {})
        : replace(replace_in), seen(seen_in) {}
    bool replace;
    std::optional<file_root> seen;  // to be replaced; nothing: what has the name when it begins
};

/// A file's name at an event; with a recurrence id, at that time of a series alone.
struct file_label {
    file_label(std::string name_in, std::string occurrence_in = {})
        : name(std::move(name_in)), occurrence(std::move(occurrence_in)) {}
    file_label(const char* name_in) : name(name_in) {}
    std::string name, occurrence;
};

/// New files for an event, one after the other.
struct new_file {
    file_label label;
    std::string media_type;
    byte_source* bytes;  // lives until the next one is asked for
};
class file_sequence {
public:
    virtual ~file_sequence();
    /// Nothing: that was the last one. Asked for when the bytes of the one before have been read.
    virtual task<result<std::optional<new_file>>> next() = 0;
};

class files {
public:
    virtual ~files();
    /// Stores and seals what `from` yields, hands it to the backups, then commits the event that
    /// names it, as a set operation: while somebody else edits it waits, at most a minute. To
    /// replace: not_found where no file has the name; not to: already_exists where one has it. What
    /// somebody else has put under that name meanwhile stays, and this file stands beside it under
    /// another name, which the answer says. Of one time of a series: not_found where it does not
    /// take place then.
    virtual task<result<file_view>> attach(user_id as, event_id which, file_label name,
                                           std::string media_type, byte_source& from,
                                           attach_terms terms) = 0;
    /// As attach() of each of them, none in the place of another one: all or, where one of them is
    /// refused or does not come whole, none; in one change of the event. invalid_argument: there
    /// are none.
    virtual task<result<std::vector<file_view>>> attach_all(user_id as, event_id which,
                                                            file_sequence& from) = 0;
    /// Takes the file off; a set operation. conflict where somebody has replaced it meanwhile.
    virtual task<result<void>> detach(user_id as, event_id which, file_label name) = 0;
    virtual result<std::vector<file_view>> list(user_id as, event_id which) const = 0;
    /// Makes the file present on this device: fetches what is missing from whoever has it,
    /// verified, resumable. busy: it is paused.
    virtual task<result<file_view>> fetch(user_id as, event_id which, file_label name) = 0;
    /// As fetch() of all files of the event, or of all of that time of a series, many at once; what
    /// does not come says why. not_found: that time has none.
    virtual task<result<std::vector<file_view>>> fetch_all(user_id as, event_id which,
                                                           std::string occurrence = {}) = 0;
    /// Nothing more of the file comes to this device, over restarts too, until it is resumed;
    /// whoever waits for it gets busy. What has come stays. conflict: it is here already.
    virtual task<result<file_view>> pause(user_id as, event_id which, file_label name) = 0;
    /// Begins to fetch, or goes on; does not wait for the end of it. Nothing where it is here.
    virtual task<result<file_view>> resume(user_id as, event_id which, file_label name) = 0;
    /// Plaintext bytes [first, first + length) of a file that is here; `length` 0 means to the end.
    virtual task<result<void>> read(user_id as, event_id which, file_label name,
                                    std::uint64_t first, std::uint64_t length, byte_sink& into) = 0;
};

// Contacts
// ----------------------------------------------------------------------------------------------------------

struct user_view {
    std::string name;
    user_id id;
    bool online = false;
    bool is_friend = false;
};
struct friend_view {
    std::string name;
    std::string state;  // "friend", "asked" (by you), "asks" (you)
    bool online = false;
};
struct group_view {
    std::string name;
    std::vector<std::string> members;
};

class contacts {
public:
    virtual ~contacts();
    /// All users of the network that this user may see, by name.
    virtual task<result<std::vector<user_view>>> users(user_id as) = 0;
    virtual task<std::vector<friend_view>> friends(user_id as) const = 0;
    virtual task<result<friend_view>> ask(user_id as, std::string name) = 0;
    virtual task<result<friend_view>> accept(user_id as, std::string name) = 0;
    /// Ends a friendship, withdraws or declines a request.
    virtual task<result<void>> unfriend(user_id as, std::string name) = 0;
    virtual std::vector<group_view> groups(user_id as) const = 0;
    virtual task<result<group_view>> set_group(user_id as, group_view group) = 0;
    virtual task<result<void>> remove_group(user_id as, std::string name) = 0;
};

// The network and this node
// -----------------------------------------------------------------------------------------

struct network_view {
    std::string id;  // hex; empty: none yet
    bool founded_here = false;
    std::vector<std::string> registries;  // addresses
    std::vector<std::string> addresses;   // of this node
};

/// One epoch of the network: which consensus strategy it has.
struct strategy_view {
    std::uint64_t epoch = 1;
    std::string name, version, settings;  // settings: JSON, or empty
    timestamp takes_effect;               // zero: since the network was founded
    bool in_effect = true;
    bool usable = true;      // its plugin is installed here and runs
    std::string problem;     // why not, and what to do; empty otherwise
    std::size_t events = 0;  // of this device: their next version is decided by it
};

/// What to change to.
struct strategy_change {
    std::string name;
    std::string settings;  // JSON, or empty
    std::chrono::seconds after{0};
};

class network_admin {
public:
    virtual ~network_admin();
    virtual network_view show() const = 0;
    /// Every epoch that this device knows of, the first one first. Never empty.
    virtual std::vector<strategy_view> strategies() const = 0;
    /// Begins another epoch. forbidden where the registry is elsewhere; not_found, unsupported or
    /// invalid_argument: no such strategy; already_exists: it is that one; busy: a change has not
    /// taken effect yet; too_large: the network has changed too often.
    virtual task<result<std::vector<strategy_view>>> change_strategy(strategy_change to) = 0;
    /// Founds a network with this device as its registry. already_exists when this device belongs
    /// to one.
    virtual task<result<network_view>> create() = 0;
    /// "calbox://join/host:port?..."; only where the registry role runs. `roles`: names of roles to
    /// admit.
    virtual task<result<std::string>> invite(std::vector<std::string> roles) = 0;
    virtual task<result<network_view>> join(std::string invitation) = 0;
};

struct peer_view {
    std::string device;              // hex
    std::vector<std::string> users;  // names
    std::vector<std::string> roles;
    std::string address;
    bool relayed = false;
    std::string way = "direct";  // or "relayed", or "punched": direct, since both sides dialled
};
struct plugin_view {
    std::string kind, name, version, file, traits, summary,
        status;  // status: "in use", "available", or why refused
};
struct finding {
    std::string what;  // "registry", "clock", "store", ...
    bool good = false;
    std::string text;
    std::string advice;  // what to do, when not good
};
/// What came from one device, or from one kind of them, in recovery exchanges.
struct recovered_view {
    std::string device;           // hex; empty for a sum
    std::uint64_t envelopes = 0;  // that were not held already
    std::uint64_t bytes = 0;      // of its messages
};
struct last_recovery_view {
    std::string strategy;
    bool caught_up = false;  // everyone asked has answered
    std::uint64_t rounds = 0, applied = 0, duplicates = 0;
    std::uint64_t bytes_sent = 0, bytes_received = 0;
    std::uint64_t lower_bound = 0;                 // bytes of what was applied
    std::vector<recovered_view> friends, backups;  // all that were asked, by device
    std::vector<std::string> silent;               // devices that were asked and did not answer
    std::vector<std::string> refused;  // devices that do not know the strategy: asked by naive
};
struct recovery_view {
    std::string strategy;                 // of the next exchange
    std::vector<std::string> strategies;  // that there are
    std::uint64_t exchanges = 0;          // ended since the start
    recovered_view friends, backups;      // sums of all of them
    last_recovery_view last;              // empty before the first has ended
};
/// What a backup keeps, and what it knows to be missing.
struct backing_view {
    std::uint64_t events = 0, event_bytes = 0;  // of all kinds, deleted ones included
    std::uint64_t files = 0, file_bytes = 0;
    std::uint64_t wanted_files = 0, wanted_bytes = 0;      // offered, and not here yet
    std::uint64_t lost_files = 0;                          // that the disk has lost
    std::uint64_t unneeded_files = 0, unneeded_bytes = 0;  // here, and erased after a while
    std::uint64_t erased_files = 0, erased_bytes = 0;      // so since the start
    std::uint64_t refused = 0;                             // offers beyond the quota, too
    std::optional<std::uint64_t> quota_bytes;              // of files
    std::uint64_t percent = 100;                           // by bytes
    bool asking = false;                                   // others are asked what they have
};
struct status_view {
    std::string version, device, network;
    std::vector<std::string> roles, addresses, users;
    std::string
        state;  // "waiting for other peers", "connecting to rendezvous", "connected", "alone"
    std::string rendezvous;  // device, or empty
    bool caught_up = false;
    std::uint64_t events = 0, files = 0, file_bytes = 0, outbox = 0;
    std::uint64_t edges = 0;  // leases held, where the rendezvous role runs
    double uptime_seconds = 0;
    recovery_view recovery;
    std::optional<backing_view> backing;  // where the backup role runs
};

class node_info {
public:
    virtual ~node_info();
    virtual status_view status() const = 0;
    virtual std::vector<peer_view> peers() const = 0;
    virtual std::vector<plugin_view> plugins() const = 0;
    virtual task<std::vector<finding>> doctor() = 0;
    virtual recovery_view recovery() const = 0;
    /// From the next exchange on, until the daemon ends. not_found.
    virtual result<void> use_recovery(std::string name) = 0;
};

// Watching
// ----------------------------------------------------------------------------------------------------------

/// One entry of the change journal, as told to clients.
struct change {
    std::uint64_t number = 0;  // grows; survives restarts
    std::string what;          // "event", "deleted", "invited", "answered", "declined",
                               // "locked", "unlocked", "file",
                               // "friend", "peer", "status", "signed_in", "signed_out", "reminder",
                               // "refused"
    std::string id;            // event id, user name or device
    std::string by;            // user name, or empty
    std::string text;          // one line for people
    timestamp at;
};

class watch {
public:
    virtual ~watch();
    /// The changes for `as` after number `after`; waits until there is at least one. Bounded: at
    /// most 100 at once. not_found: `after` is older than the journal keeps; start again from the
    /// lists.
    virtual task<result<std::vector<change>>> next(user_id as, std::uint64_t after) = 0;
    virtual std::uint64_t last_number() const noexcept = 0;
};

/// All of them, as the API receives them. References live as long as the node.
struct services {
    accounts& account;
    calendar& events;
    locks& lock;
    files& file;
    contacts& contact;
    network_admin& network;
    node_info& info;
    watch& changes;
    history& past;
    branches& branch;
    overlay_admin& overlay;
    store_admin& store;
    object_admin& objects;
    searches& search;
    exchange& calendars;
    archives& archive;
    reminders& reminding;
    free_busy& busy;
    open_events& opening;
    joins& joining;
};

}  // namespace calbox::node
