// The events that this device holds: the current envelope of each, in memory and in the store.
// Decides what is newer; knows nothing of delivery or of users' keys. Owned by the node; core
// thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include <calbox/envelope.hpp>
#include <calbox/recovery.hpp>

#include "replica/database.hpp"
#include "replica/shown_lists.hpp"
#include "replica/stream_numbers.hpp"

namespace calbox::replica {

struct held_event {
    envelope_header header;
    envelope_order order;
    bytes encoded;  // the whole envelope, as it came
};

/// Record of kind history under a version: the envelope, and when this device replaced it. Without
/// `since`: by a program that did not note that yet.
struct history_record : envelope {
    std::optional<timestamp> since;
    static constexpr auto fields =
        std::tuple_cat(envelope::fields, std::tuple(codec::field<5>(&history_record::since)));
};

/// An envelope whose author, signature and hashes have been verified.
struct verified_envelope {
    envelope what;
    envelope_header header;
    envelope_order order;
};
result<verified_envelope> verify(envelope what);

class event_store {
public:
    event_store(const environment& env, database& db) : env_(env), db_(db) {}

    /// Reads everything at start. A current version that is damaged is set aside, and its event
    /// lost until it comes again; fails when another record cannot be read, and with unsupported
    /// for a version of a later program.
    task<result<void>> load();

    /// Valid until the next suspension.
    const held_event* find(const event_id& event) const noexcept;
    const std::map<event_id, held_event>& all() const noexcept { return events_; }
    /// Those that are no calendar events, of which there are few.
    const std::set<event_id>& of_type(event_kind type) const;

    /// Told of each change before it is made: what is held and what will be; one may be null.
    std::function<void(const held_event*, const held_event*)> changing;

    /// A backup's; else only what its users take part in is to be held.
    bool is_backups = true;

    /// Events whose current version was damaged, and has not come again.
    const std::set<event_id>& lost() const noexcept { return lost_; }
    /// Its current version is damaged, in memory too, and no record of it is left.
    void lose(const event_id& event);

    /// A version that is replaced here; nothing when it is not in the history.
    task<result<std::optional<held_event>>> earlier(event_id event, generation_number generation,
                                                    version_number version) const;

    /// Does it say who takes part now? Not a notice of removal, nor a version that the last user of
    /// this device left with: what came after them is not known here.
    bool is_current(const held_event& held) const;
    /// May `next` follow what is held? The first version comes from its organizer; a guest changes
    /// or deletes only with the right to. forbidden says which rule was broken.
    result<void> permitted(const verified_envelope& next) const;
    bool is_newer(const verified_envelope& next) const noexcept;

    /// A version is not taken in, since a newer one is held: its numbers need not come again.
    void pass_over(const verified_envelope& older);

    /// Adds to `writes` what makes `next` the current version; the one before goes to the history.
    void write_to(batch& writes, const verified_envelope& next) const;
    /// Adds to `writes` what makes it a version of the history, replaced now.
    void write_earlier(batch& writes, const event_id& event, const envelope_order& order,
                       const bytes& encoded) const;
    /// After that batch is durable.
    void publish(verified_envelope next);

    /// One writer at a time for each event: hold the guard from the decision to publish().
    class guard {
    public:
        guard(event_store* store, event_id event) : store_(store), event_(event) {}
        guard(guard&& other) noexcept
            : store_(std::exchange(other.store_, nullptr)), event_(other.event_) {}
        guard& operator=(guard&&) = delete;
        ~guard();

    private:
        event_store* store_;
        event_id event_;
    };
    task<guard> lock(event_id event);

    /// Those that are given to new envelopes, and those of what is held or was.
    stream_numbers& numbers() noexcept { return streams_; }
    const stream_numbers& numbers() const noexcept { return streams_; }
    /// For recovery: a list that is kept until it is asked for again.
    recovery::listing_ptr list(shown_lists::choice what) const {
        return lists_.of(std::move(what), events_, streams_);
    }
    const shown_lists& lists() const noexcept { return lists_; }
    /// The next free n of the events that this organizer's device creates.
    std::uint32_t next_n(const user_id& organizer, device_number device);
    /// Before the first number that is given in another epoch of the network: leaves out those that
    /// may have been given before a crash, since the strategy of now would not know of them.
    task<result<void>> begin_numbers(user_id organizer, device_number device, network_epoch epoch);
    /// That number was given, though no event has it yet.
    void note_number(const event_id& given);

private:
    void hold(const event_id& event, held_event next);

    const environment& env_;
    database& db_;
    std::map<event_id, held_event> events_;
    std::map<event_kind, std::set<event_id>> by_type_;  // but calendar events
    std::set<event_id> lost_;
    std::map<event_id, std::shared_ptr<event>> locks_;
    stream_numbers streams_;
    mutable shown_lists lists_;
    std::map<std::pair<user_id, std::uint64_t>, std::uint32_t> last_n_;
    std::map<std::pair<user_id, std::uint64_t>, network_epoch> numbered_in_;
};

using users_of_device = std::map<device_id, std::vector<user_id>>;

/// What a recovery strategy sees. A responder: every event, or those that some of `users` take part
/// in. An initiator: everything, and with a peer what some of `users` and of the peer's take part
/// in.
class store_view final : public recovery::view {
public:
    /// `friends`, for an initiator: the devices that may hold only what their users take part in.
    /// It must outlive the view. `others`, for a responder: the users of this device; only what one
    /// of them takes part in, too.
    store_view(const event_store& store, std::vector<user_id> users, bool everything,
               const users_of_device* friends = nullptr,
               std::optional<std::vector<user_id>> others = {})
        : store_(store),
          users_(std::move(users)),
          everything_(everything),
          friends_(friends),
          answered_{users_, std::move(others), true} {}
    recovery::listing_ptr list() const override;
    recovery::listing_ptr list_with(const device_id& peer) const override;
    std::optional<envelope_order> find(const event_id& event) const override;
    std::optional<bytes> load(const event_id& event) const override;
    bool keeps_numbers() const override;
    void each_stream(const device_id& peer,
                     const std::function<void(const stream_id&, const recovery::number_ranges&)>&
                         visit) const override;

private:
    bool visible(const held_event& held) const noexcept;
    const event_store& store_;
    std::vector<user_id> users_;
    bool everything_;
    const users_of_device* friends_;
    shown_lists::choice answered_;  // of a responder
};

bytes event_key(const event_id& event);
/// The event that a key of kind envelope, history or consensus begins with; nothing when it is too
/// short.
std::optional<event_id> event_of_key(byte_view key) noexcept;
/// How the keys of this version begin among the history; a hash follows.
bytes version_key(const event_id& event, generation_number generation, version_number version);
/// Of an earlier version, among the history.
bytes history_key(const event_id& event, const envelope_order& order);
/// Of the note that a version was left out by a take-over, among the history.
bytes left_out_key(const event_id& event, const digest& hash);
/// Of the notice that tells a user that he was removed, among the history.
bytes removal_key(const event_id& event, const user_id& user);

}  // namespace calbox::replica
