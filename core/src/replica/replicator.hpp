// Commits changes of events and spreads them: permission, lock, seal, decide, outbox, delivery; and
// takes in what others decided. Everything that a user or a peer does to an event passes here.
// Owned by the node; core thread only.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>

#include "crypto/identity.hpp"
#include "replica/consensus_epochs.hpp"
#include "replica/history.hpp"
#include "replica/outbox.hpp"
#include "replica/recovery_driver.hpp"

namespace calbox::replica {

/// What the replicator asks of the rest of the daemon.
class replica_mediator {
public:
    virtual ~replica_mediator();
    /// X25519 key of a user, from the directory; unavailable or not_found.
    virtual task<result<bytes>> box_key_of(user_id user) = 0;
    /// Before an event of theirs is shown: makes their names known here, if that is possible now.
    virtual task<void> meet(std::vector<user_id> users) = 0;
    /// Devices of a user as far as they are known here.
    virtual std::vector<device_id> devices_of(const user_id& user) const = 0;
    virtual std::vector<device_id> backups() const = 0;
    /// It will not come back, as far as can be told here: it takes part in nothing any more.
    virtual bool is_lost(const device_id& device) const = 0;
    /// Adds what is known of these devices, where that is not stored yet: why something is owed to
    /// them is not to be forgotten in a crash.
    virtual void write_known(batch& writes, const std::vector<device_id>& devices) = 0;
    /// The device that created the event; zero when it is not known here.
    virtual device_id organizer_device(const event_id& which) const = 0;
    /// For people: the user's name, or which backup it is.
    virtual std::string label_of(const device_id& device) const = 0;
    /// "alice/1.7"
    virtual std::string id_text(const event_id& which) const = 0;
    /// One sentence: who edits the event since when, on which of his devices, and until when at
    /// most. `since` may be zero.
    virtual std::string who_edits(const event_id& which, const device_id& holder,
                                  timestamp since) const = 0;
    virtual const crypto::identity* identity_of(const user_id& user) const = 0;
    virtual std::optional<author> author_of(const user_id& user) const = 0;
    virtual bool is_local(const user_id& user) const = 0;  // has an account on this device
    virtual std::vector<user_id> local_users() const = 0;  // in order
    /// A lease, or a session with a co-participant or a backup (design decision 10).
    virtual bool is_online(const std::vector<device_id>& recipients) const = 0;
    virtual task<result<bytes>> request(device_id to, wire::message_type type, bytes payload) = 0;
    virtual void send(const device_id& to, wire::message_type type, bytes payload) = 0;
    /// An event has a new current version. `before`: the one it replaced, if any.
    virtual void changed(const std::optional<envelope_header>& before,
                         const envelope_header& now) = 0;
};

/// The lock on an event, held on this device for somebody who edits it.
struct held_lock {
    event_id event;
    operation_id operation;  // names the edit that it may end with
    consensus::token token = 0;
    generation_number generation;
    version_number version;  // the confirmed one when it was granted
    duration lease{};        // from then on
    network_epoch in{1};     // whose strategy gave it
};

/// One edit, as the services ask for it.
struct change {
    user_id as;
    event_kind type = event_kind::calendar;
    envelope_kind kind = envelope_kind::put;
    std::optional<event_id> event;  // nothing: a new one
    std::vector<user_id> participants;
    std::uint32_t guests_may = guest_right::standard;
    bytes body;
    std::optional<version_number> expect;
    std::optional<generation_number> line;  // in which `expect` was read: each has its own numbers
    /// A put upon the tombstone of a deleted event. Whoever may delete it may do that.
    bool brings_back = false;
    /// The first version of another line, whoever of the event's voters is out of reach.
    bool takes_over = false;
    /// Changes nothing but the epoch whose strategy decides about the event.
    bool only_moves = false;
    /// For a new event: the number that was reserved for it.
    std::optional<event_id> reserved;
    /// Under this lock. Where it was lost meanwhile, the edit is tried as a fresh one, which
    /// `expect` refuses when the event has changed.
    std::optional<held_lock> held;
};

/// What an edit is told that was made on versions which stand no more. Another line has the same
/// numbers for its own.
tl::unexpected<error> taken_over_meanwhile();

/// Why an event cannot be changed now, as far as this device has been told.
struct missing_quorum {
    std::size_t needed = 0;          // so many of
    std::vector<device_id> missing;  // would help; never empty
};

/// A version of this device's that a take-over left out, and that is to be kept as an event of its
/// author's. Record of kind history; without `lost` it has been.
struct left_out {
    event_id copy;  // reserved, so that there is never a second one
    std::optional<envelope> lost;
    static constexpr auto fields =
        std::tuple(codec::field<1>(&left_out::copy), codec::field<2>(&left_out::lost));
};

/// An event out of an archive: the current version, and those before it with when they were
/// replaced.
struct restored_event {
    verified_envelope current;
    std::vector<std::pair<verified_envelope, history_record>> earlier;
};

/// What a look at some records has found.
struct records_seen {
    struct damage {
        event_id event;
        std::optional<std::pair<generation_number, version_number>> version;  // an earlier one
        bool healed = false;
    };
    std::uint64_t count = 0, size = 0;
    bytes next;  // key to go on with; empty: that was all
    std::vector<damage> damaged;
};

class replicator {
public:
    struct parts {
        const crypto::signing_key& device_key;
        device_id self;
        bool is_backup = false;
        /// The strategy of an epoch that this device knows: a new instance (consensus_epochs.hpp).
        std::function<result<std::shared_ptr<consensus::strategy>>(network_epoch)> strategy_of;
        /// The epoch that is in effect now.
        std::function<network_epoch()> epoch;
        recovery_strategies recovery;
        history_terms keeping;
    };
    replicator(const environment& env, database& db, parts with, replica_mediator& mediator);
    ~replicator();

    task<result<void>> start();
    /// This device knows the epochs up to that one: starts their strategies.
    task<result<void>> open_epochs(network_epoch last) { return epochs_.open(last); }
    /// Nothing, or why no strategy of that epoch runs here.
    std::optional<error> epoch_problem(network_epoch epoch) const;
    /// Before request_stop(): makes the others independent of this device, for at most `most`.
    task<void> hand_over(duration most) { return epochs_.leave(most); }
    void request_stop() noexcept;
    task<void> join();

    /// All of it or nothing: on success the version is durable here and owed to everyone else.
    /// busy, conflict, forbidden,
    /// offline, unavailable, not_found, disk_full; timed_out: it may have happened, and the event
    /// will show.
    task<result<event_id>> commit(change what);
    /// Takes the lock on an event for an editor session. busy, conflict, not_found, offline,
    /// unavailable; unsupported: the network's strategy promises no locks.
    task<result<held_lock>> lock(user_id as, event_id which);
    /// Another lease, from now on. busy or conflict: the lock is lost.
    task<result<duration>> renew(held_lock what);
    /// Nothing was changed under it, and nothing will be.
    void unlock(const held_lock& what);
    /// JSON: what the strategy knows of the event's lock.
    std::string explain_lock(const event_id& which) const;
    /// Brings an event into the epoch that is in effect, by a version that changes nothing else. As
    /// commit(); where it is there already nothing happens.
    task<result<void>> move(user_id as, event_id which);
    /// The current versions that leave the next one to an epoch before that one; tombstones apart.
    std::vector<event_id> behind(network_epoch epoch) const;
    /// Begins another line of versions with what is held here. As commit(); unsupported where the
    /// network's strategy knows no take-over; conflict where it is not needed.
    task<result<event_id>> take_over(user_id as, event_id which);
    /// Since an edit of this device was refused, until anything has changed about it; or null.
    const missing_quorum* lacks_quorum(const event_id& which) const;
    /// An edit of this device may have happened, and it cannot be told yet.
    bool is_doubtful(const event_id& which) const { return doubtful_.contains(which); }
    /// The first version that is still to be kept as an event of its author's, for which `ready`
    /// says that it can be now.
    std::optional<left_out> next_left_out(const std::function<bool(const user_id&)>& ready) const;
    /// Whether there is such a version of this event.
    bool is_forked(const event_id& which) const;
    /// It is kept, or there is nothing in it to keep.
    task<result<void>> kept_left_out(event_id copy);
    /// Notes what is to be kept of the events that have come to another line of versions since this
    /// was called last. In an error's case nothing is forgotten.
    task<result<void>> look_over_lines();
    /// Verifies and stores what somebody else decided; returns what is held now. `from`: who sent
    /// it, and is asked for the versions between, where it does not follow what is held; or zero.
    task<result<envelope_order>> receive(envelope what, device_id from = {});

    /// Takes in what this device held once, or another one of its user: all of it or nothing. What
    /// is newer here stays. `store` makes the batch durable, and calls the function right after it.
    using storing = std::function<task<result<void>>(batch, std::function<void()>)>;
    task<result<void>> restore(std::vector<restored_event> all, storing store);
    /// Those who decided about this organizer's events are in another network, and this device is
    /// the first of his in this one: it decides about them from now on, as if it had made them.
    void begin_anew(const user_id& organizer);

    // Handlers of messages (node/router.hpp).
    task<result<bytes>> on_update(device_id from, wire::update what);
    task<result<bytes>> on_earlier(std::vector<user_id> users, bool is_backup, wire::earlier what);
    void on_consensus(const device_id& from, wire::consensus_message what);
    task<void> on_recovery(device_id from, std::vector<user_id> users, bool is_backup,
                           wire::recovery_message what);

    void on_peer(const device_id& device, bool up);
    /// The device can be reached, though no session to it is open yet: delivers what it is owed.
    void on_reachable(const device_id& device) { outbox_.wake(device); }
    /// The device holds something else than this one: it may have come to events, from somebody who
    /// had not heard of it, of which its users had been removed before.
    void tell_removals_again(const device_id& device);
    /// The device is lost: what it is owed is owed no more, notices of a removal apart.
    void give_up(const device_id& device) { outbox_.give_up(device); }
    /// The device lacks these events, which it is to have: they are owed to it from now on.
    task<result<void>> give(device_id to, std::vector<event_id> which);
    task<recovery_report> catch_up(recovery_peers with);

    /// Verifies some records of kind envelope or history from that key on. What is damaged is
    /// healed: the current version of an event from memory, an earlier one from those who have it.
    /// What cannot be is set aside; an event is lost then, and comes back by recovery.
    task<result<records_seen>> look(record_kind kind, bytes from);

    const event_store& events() const noexcept { return store_; }
    /// In which line of versions an event is here; in the first, where it is not.
    generation_number line_of(const event_id& which) const;
    /// As event_store::changing.
    void tell_changes(std::function<void(const held_event*, const held_event*)> whom) {
        store_.changing = std::move(whom);
    }
    history& earlier() noexcept { return earlier_; }
    /// The key of an event for one of its participants that is signed in here.
    result<crypto::secret_bytes> key_of(const held_event& held, const user_id& as) const;
    /// The plaintext body of a version.
    result<bytes> body_of(const held_event& held, const user_id& as) const;
    /// Who is to have this event and has not said so, and those whom `unsure` names.
    std::vector<device_id> owed(const event_id& which) const;
    /// Devices that are not known to have the event, though they are owed nothing; may be empty.
    std::function<std::vector<device_id>(const event_id&)> unsure;
    /// The strategy of an epoch could not write, and begins again without the locks that it gave;
    /// may be empty.
    std::function<void(network_epoch, const error&)> locks_lost;
    /// The devices that are owed something, in order.
    std::vector<device_id> owed() const { return outbox_.owed(); }
    std::size_t outbox_size() const noexcept { return outbox_.size(); }
    /// Everyone who is to have this event, but this device.
    std::vector<device_id> recipients_of(const envelope_header& header) const;
    const recovery_report& last_recovery() const noexcept { return recovery_.last(); }
    const recovery_totals& all_recoveries() const noexcept { return recovery_.totals(); }
    const recovery_strategies& recoveries() const noexcept { return recovery_.strategies(); }
    result<void> use_recovery(std::string_view name) { return recovery_.use(name); }
    bool is_catching_up() const noexcept { return recovery_.is_asking(); }

private:
    class effects;
    class voting;
    /// Decided, and on its way to the disk.
    struct decision {
        std::optional<verified_envelope> what;  // nothing: of a line that has ended
        std::vector<device_id> recipients;
    };
    result<void> may(const change& what, const held_event* held) const;
    /// `in`: whose strategy decides about it.
    task<result<verified_envelope>> seal(change what, event_id id, operation_id operation,
                                         network_epoch in);
    /// What the strategy was asked for, and gave.
    struct right {
        operation_id operation;
        consensus::granted given;
        generation_number line;
        network_epoch in;
    };
    task<result<event_id>> decide(change what, event_id id, right with);
    network_epoch epoch_of(const held_event* held) const;
    result<consensus_host*> voters_of(network_epoch in) const;
    consensus::traits promised(network_epoch in) const;
    result<void> enter_epoch(envelope_header& header, const held_event& held) const;
    static consensus::inherit inherited(const held_event& held);
    consensus::group group_of(const envelope_header& header) const;
    error explain(const event_id& which, const consensus::refused& refusal);
    result<void> online_for(const envelope_header& header, bool shared, network_epoch in) const;
    task<std::optional<result<event_id>>> commit_held(change what);
    bool involves_us(const envelope_header& header) const;
    task<result<verified_envelope>> accept(envelope what);
    task<result<envelope_order>> take(verified_envelope what);
    std::optional<envelope> newest_notice(const event_id& which, const device_id& device) const;
    void write_owed(batch& writes, const std::vector<device_id>& devices, const event_id& which,
                    const envelope_order& order);
    bool skips_versions(const envelope_header& next) const;
    task<result<std::optional<records_seen::damage>>> heal(record_kind kind, bytes key);
    task<result<bool>> heal_current(event_id which, batch writes);
    task<bool> ask_for_version(event_id which, generation_number line, version_number number,
                               bytes key);
    task<void> take_earlier(envelope_header than, device_id from);
    result<std::vector<device_id>> write_removals(batch& writes, const envelope_header& next);
    std::vector<user_id> removed_by(const envelope_header& next) const;
    result<envelope> removal_notice(envelope_header header, const user_id& removed) const;
    result<void> store_decided(const consensus::decide& what, batch& writes);
    void decided(const consensus::decide& what);
    task<result<envelope_order>> deliver(device_id to, event_id which);
    void publish(verified_envelope next);
    task<result<void>> look_over(event_id which);
    bool is_left_out(const event_id& which, const envelope_header& header,
                     const envelope_order& order) const;
    bool is_of_an_ended_line(const envelope_header& own) const;
    void leave_in_doubt(verified_envelope what);
    void look_over_later(const event_id& which);
    result<void> load_left_out(const bytes& key, const bytes& value);

    const environment& env_;
    database& db_;
    parts with_;
    replica_mediator& mediator_;
    event_store store_;
    history earlier_;
    std::unique_ptr<effects> effects_;
    consensus_epochs epochs_;
    outbox outbox_;
    event_set recovered_;
    recovery_driver recovery_;
    std::map<event_id, decision> deciding_;
    std::map<std::pair<event_id, user_id>, envelope> removals_;
    std::map<bytes, left_out> left_out_;  // by the key of their records
    std::set<event_id> other_lines_;      // to look over
    /// Edits of this device's of which it cannot be told whether they happened, until the next
    /// version in their line comes.
    std::map<event_id, verified_envelope> in_doubt_;
    std::map<event_id, missing_quorum> lacking_;
    std::set<event_id> doubtful_;
    std::multiset<event_id> committing_;  // of which a change by this device is being decided
};

}  // namespace calbox::replica
