// Feeds the claims and the trace from a world of whole nodes: it is the world's observer, and is
// told what people asked and were answered. Owned by whoever drives the world; outlives the world's
// use of it. One thread.
#pragma once

#include "lab/check/trace.hpp"
#include "lab/check/watcher.hpp"
#include "lab/world/cast.hpp"

namespace calbox::lab::claims {

/// Whether the operation may still happen, or has, after this answer.
bool leaves_unknown(errc code) noexcept;

class world_watcher final : public observer {
public:
    /// Becomes the observer of `in`, and listens to its wires and disks. `log`: gets the records of
    /// the trace, where it is wanted.
    explicit world_watcher(world& in, std::ostream* log = nullptr);
    ~world_watcher() override;
    world_watcher(const world_watcher&) = delete;
    world_watcher& operator=(const world_watcher&) = delete;

    void shown(const std::string& device, const user_id& user,
               const node::event_view& what) override;
    void vanished(const std::string& device, const user_id& user, const event_id& what) override;
    void asked(const std::string& device, const event_id& event,
               const operation_id& operation) override;
    void granted(const std::string& device, const event_id& event, const operation_id& operation,
                 const consensus::granted& what, byte_view once_stored) override;
    void released(const std::string& device, const event_id& event,
                  const operation_id& operation) override;
    void decided(const std::string& device, const consensus::decide& what) override;
    void stored(const std::string& device, const storage::batch& writes) override;
    void stored_file(const std::string& device, byte_view piece) override;
    void ended(const std::string& device) override;

    /// Somebody with a name for the sentences. Before he does anything.
    void knows(const person& who);
    /// The marker is written into the event, and may be read by whoever takes part in it.
    void writes(const std::string& marker, const event_id& into);

    /// An operation, from its question on.
    struct ticket {
        operation asked;
        operation_id id;
        viewer author;
        std::optional<version_of> would_make;  // of an event that exists
        bool begins_a_line = false, begins_a_life = false;
    };
    ticket creates(const person& who);
    /// `seen`: the view that he acts on, whose version he expects.
    ticket changes(const person& who, const node::event_view& seen);
    ticket removes(const person& who, const node::event_view& seen);
    /// To say again what an earlier version said.
    ticket restores(const person& who, const node::event_view& seen);
    /// A set operation: whichever version is the newest then is replaced.
    ticket sets(const person& who, const node::event_view& in);
    /// Another line of versions, in which numbers, locks and registers begin anew: what is promised
    /// of one line only is not judged of the event any more.
    ticket takes_over(const person& who, const node::event_view& in);
    /// What is deleted is the last version for the history and what lasts: they are not judged of
    /// the event any more.
    ticket brings_back(const person& who, const event_id& which);
    /// By its link: whoever organizes it makes him take part.
    ticket joins(const person& who, const event_id& which);
    /// Of a series: its times from one on become another event, which has `marker`.
    ticket splits(const person& who, const node::event_view& series, const std::string& marker);
    ticket attaches(const person& who, const node::event_view& to, const std::string& file,
                    const digest& content, std::uint64_t size);
    /// It came under this name, since there was another one. Before it is answered.
    void attached_beside(const ticket& what, const std::string& file, std::uint64_t size);
    /// What the operation makes of a part of the event that it changes; nothing: whatever it likes.
    void would_set(const ticket& by, const field& what, std::optional<std::string> value);
    /// No answer: the daemon that owed it ended, and whether it happened is unknown. For a removal
    /// by the organizer; what a guest takes from his own calendar is no version of the event.
    void answered(ticket what, const answer<node::event_view>& how);
    void answered(ticket what, const answer<void>& how);
    /// Of a set operation. It does not tell which version was made, so that in the history it may
    /// be any.
    template <class T>
    void answered_set(ticket what, const answer<T>& how) {
        if (!unanswered(what, how)) {
            done_somehow(std::move(what));
        }
    }

    /// Of a split: the answer shows the new event.
    void answered_split(ticket what, const answer<node::event_view>& how);
    void answered_join(ticket what, const answer<node::join_view>& how);

    /// He read all of a file.
    void read(const person& who, const node::event_view& in, const std::string& file,
              const digest& content);
    void unreadable(const person& who, const node::event_view& in, const std::string& file,
                    const std::string& why);
    /// That what he sees of this event now was confirmed as the newest; at the end.
    void confirmed(const person& who, const node::event_view& what);

    /// How much there is of something that must not grow; `device` may be empty, for the world's.
    void counts(const std::string& device, const std::string& counter, std::uint64_t value);
    /// What was done to the world, or what came of it; for the trace.
    void note(happening what, const std::string& device, std::string_view text,
              std::uint64_t number = 0);
    /// Looks for readable text on the disk of a device, as it is now; end() looks on all.
    void search_disk(const device& of);
    void failed(std::string sentence) { claims.failed(std::move(sentence), world_.now()); }

    /// What somebody of these is not shown yet, in words, though a device that is up has it; empty
    /// where everybody sees the newest that there is.
    std::string unshown(const std::vector<const person*>& everyone);
    /// What a take-over has left out, and nothing keeps yet, in words; or empty.
    std::string unkept(const std::vector<const person*>& everyone) const;
    /// Of which series a split is half done, in words; or empty.
    std::string half_split(const std::vector<const person*>& everyone) const;
    /// What everyone who is up sees in the end; devices that are not up stay away. The last call.
    void end(const std::vector<const person*>& everyone);

    watcher claims;
    trace happened;

private:
    struct grant {
        event_id event;
        operation_id operation;
        consensus::granted what;
        std::uint64_t waits_for = 0;  // the hash of what has to be stored before
    };
    void give(const std::string& device, const grant& what);
    bool is_on_disk(const std::string& device, byte_view decided) const;
    struct wire {
        std::uint64_t number = 0;
        std::string text;  // "A to B"
    };
    ticket asks(const person& who, operation_kind op);
    viewer viewer_of(const std::string& device, const user_id& user);
    version_of seen_version(const node::event_view& what) const;
    device_id id_of(const std::string& device);
    machine machine_of(const std::string& device);
    void passed(const std::string& from, const std::string& to, byte_view data);
    void found_on_disk(const std::string& device, byte_view data);
    bool unanswered(ticket& what, const error* why);
    template <class T>
    bool unanswered(ticket& what, const answer<T>& how) {
        const error lost(errc::closed);
        return unanswered(what, !how ? &lost : (*how ? nullptr : &how->error()));
    }
    void done_somehow(ticket what);
    void unknown(ticket& what);
    void note_beginning(const ticket& what);
    void settle_creations();
    void kept_copy(const node::event_view& seen);
    void note_unasked(operation_kind what, const event_id& which, bool gone = false);
    void rest_of_a_series(const node::event_view& seen);
    std::set<user_id> with_all_devices(const std::vector<const person*>& everyone) const;
    void judge_branches(const std::vector<const person*>& everyone, kept_branches& by) const;
    void judge_series(const std::vector<const person*>& everyone, whole_splits& by) const;
    void takes_part(const event_id& event, const std::set<user_id>& people);

    world& world_;
    void moved(const envelope_header& by);
    std::uint64_t asked_ = 0;
    std::map<operation_id, instant> asked_at_;  // of strategies, and not moved
    std::map<std::string, std::vector<operation>> unknown_creations_;  // by their authors
    std::map<operation_id, std::string> titles_;                       // that operations would set
    std::set<event_id> made_by_devices_;                               // of other events, and known
    std::map<std::pair<std::string, std::string>, wire> wires_;
    std::map<std::string, device_id> ids_;  // of devices
    std::map<std::string, machine> machines_;
    std::map<std::string, std::vector<user_id>> users_;  // of devices
    std::map<std::string, std::vector<grant>> grants_;   // of devices, not stored yet
    std::map<std::pair<std::string, event_id>, version_of::order> newest_;  // on devices' disks
    struct secrets_of_event {
        std::set<std::string> markers;
        std::set<user_id> readers;  // took part in it once
    };
    std::map<event_id, secrets_of_event> secrets_;
};

}  // namespace calbox::lab::claims
