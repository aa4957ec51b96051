// What the people of a random world ask for, and what they are answered: begins the operations of a
// plan, tells the claims of each question and answer, and knows what may be asked for in the end
// because of them. Owned by the run; one thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "lab/check/world_watcher.hpp"
#include "lab/random/plan.hpp"

namespace calbox::lab {

class errands {
public:
    struct counts {
        std::uint64_t asked = 0, acknowledged = 0, refused = 0, unknown = 0;
    };

    /// `people` does not move any more; who has two devices is in it twice.
    errands(const std::vector<person>& people, claims::world_watcher& seen)
        : people_(people), seen_(seen) {}

    /// Whether people are invited to events that there are, and taken from them or leave them.
    /// Where two may change an event at once, as in two lines of versions, each side then refuses
    /// what the other may not do by its own version, and nothing makes the two agree.
    void guests_change(bool they_do) { guests_change_ = they_do; }
    /// An action of people; nothing is asked where there is no event for it.
    void begin(person& who, const action& what);
    /// Tells of what has been answered since the last time.
    void collect();
    /// The daemon ends without a word: what was asked of it and is not collected has no answer.
    void lose(const device& at);
    bool open() const noexcept {
        return !waiting_.empty() || !visits_.empty() || !openings_.empty();
    }
    /// Somebody who has signed out, and does not sign in yet. His device runs.
    void sign_in(const person& who);
    const counts& counted() const noexcept { return counts_; }

    /// Whether the file can be asked for while only these people are there.
    bool must_be_there(const event_id& event, const std::string& file,
                       const std::vector<const person*>& present) const;
    /// What a file of that name holds: its name decides, and begins with it. `number`: of what
    /// takes its place.
    static bytes content_of(const std::string& file, std::uint64_t number = 0);

private:
    using ticket = claims::world_watcher::ticket;
    struct waiting {
        ticket what;
        const person* who = nullptr;
        std::string marker, file;
        event_id event;
        std::uint64_t size = 0;  // of the file
        bool of_newest = false;  // changes whichever version that is then
        bool splits = false;
        std::shared_ptr<outcome<result<node::event_view>>> view;
        std::shared_ptr<outcome<result<void>>> plain;
        std::shared_ptr<outcome<result<node::file_view>>> attached;
        std::shared_ptr<outcome<result<node::join_view>>> joined;
        bool ended() const;
    };
    struct visit {
        const person* who = nullptr;
        std::shared_ptr<outcome<result<node::account_view>>> in;
        std::shared_ptr<outcome<result<void>>> out;
    };
    /// Makes no version of the event.
    struct opening {
        const person* who = nullptr;
        event_id which;
        std::shared_ptr<outcome<result<std::string>>> link;
        std::shared_ptr<outcome<result<void>>> closed;
    };
    void sign_out(const person& who);
    static waiting set_operation(const person& who, const node::event_view& in);
    void wait_for(waiting one);
    /// Of somebody's event; he himself is none.
    std::vector<const person*> guests_of(const user_id& organizer, std::uint64_t bits) const;
    void create(person& who, const action& what);
    void attach(person& who, const node::event_view& to);
    void replace(person& who, const node::event_view& in, const std::string& file,
                 std::uint64_t number);
    void attach(person& who, const node::event_view& to, waiting one, bytes content, bool replaces);
    void detach(person& who, const node::event_view& from, const std::string& file);
    void set_own_part(person& who, const action& what, const node::event_view& in);
    void change(person& who, const action& what, const node::event_view& seen);
    void take_over(person& who, const node::event_view& seen);
    void bring_back(person& who, const event_id& which);
    void restore(person& who, const action& what, const node::event_view& seen);
    /// False where he sees no series that he may split.
    bool split(person& who, const action& what, const std::vector<node::event_view>& all);
    void split_ended(waiting& one);
    bool open(person& who, const action& what, const std::vector<node::event_view>& all);
    bool join(person& who, const action& what);
    void changes_guests(const ticket& by, const node::event_view& of,
                        const std::vector<const person*>& to);
    void write_down(waiting& one);
    template <class T>
    void count(const answer<T>& how);

    const std::vector<person>& people_;
    claims::world_watcher& seen_;
    bool guests_change_ = false;
    std::vector<waiting> waiting_;
    std::vector<visit> visits_;
    std::vector<opening> openings_;
    std::vector<std::pair<event_id, std::string>> links_;  // in the order in which they came
    counts counts_;
    struct attachers {
        std::set<std::string> names;  // who was not refused it
        bool acknowledged = false;    // to one of them
    };
    std::map<std::pair<event_id, std::string>, attachers> attached_;
    std::map<event_id, std::set<std::string>> files_;  // that somebody wanted to attach
    std::vector<event_id> deleted_;                    // or asked to be
};

}  // namespace calbox::lab
