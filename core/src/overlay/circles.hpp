// Whom a rendezvous tells of its leases, and whom it asks, where there are too many of them to tell
// each other everything: they form circles by their ids, each tells its own circle, and in every
// other circle one, its informant, answers for that circle and tells it from then on what it asked
// for. Who takes the informant's place is chosen by rendezvous hashing, as owners of objects are,
// so that each serves about as many. One question at a time is put to an informant; what is wanted
// meanwhile waits for its answer. A watch lasts as long as the session, whoever else is believed,
// and is asked for each minute. Sans-IO: inputs with the time in, questions out. Owned by the
// lessor; core thread only.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include <calbox/environment.hpp>

#include "overlay/interests.hpp"
#include "wire/limits.hpp"
#include "wire/messages.hpp"

namespace calbox::overlay {

class circles {
public:
    struct settings {
        std::size_t count = 32;
        duration again = std::chrono::seconds(10);  // those who did not answer are asked
        duration renew = std::chrono::minutes(10);  // and all of what is wanted
        duration young = std::chrono::minutes(2);   // who came since may not know its circle yet
        duration check = std::chrono::minutes(1);   // whether the informant watches still
    };
    struct question {
        device_id to;
        wire::watch what;
        std::uint64_t number = 0;  // of this one's questions
    };
    using questions = std::vector<question>;
    using verdict = wire::watch_reply::verdict;

    /// `wanted`: what this one's edges want to hear of; outlives this. `numbered`: so many
    /// questions were asked before, whose answers may come yet.
    circles(random& entropy, const device_id& self, const interests& wanted, settings with,
            std::uint64_t numbered = 0);
    std::uint64_t numbered() const noexcept { return numbers_; }

    std::size_t circle_of(const device_id& rendezvous) const noexcept;
    /// Another one of this one's circle, by its id.
    bool is_mate(const device_id& rendezvous) const noexcept;

    /// `members`: the others that are there, and were all the time.
    questions begin(const std::vector<device_id>& members, instant now);
    questions on_member(const device_id& device, bool here, instant now);
    /// Its session ended, and what it watched with it.
    questions on_session_over(const device_id& device, instant now);
    /// These are to be known, and to be told of from now on.
    questions want(const std::vector<user_id>& users, const std::vector<device_id>& devices,
                   instant now);
    /// How much was wanted until now; and has every informant answered so much?
    std::uint64_t wanted_until() const noexcept { return wants_; }
    bool answered(std::uint64_t until) const noexcept;
    // What came of a question: an answer, no answer, or it did not go out.
    questions on_answer(const question& asked, const wire::watch_reply& reply, instant now);
    questions on_silence(const question& asked, instant now);
    questions on_unsent(const question& asked, instant now);
    questions on_time(instant now);
    std::optional<instant> deadline() const noexcept;

    /// Another one asks this one.
    verdict on_watch(const device_id& from, const wire::watch& what);
    /// It could not be told: it hears so when it asks whether this one watches still.
    void on_untold(const device_id& watcher) { stop_watching(watcher); }
    /// Who is to hear of this device.
    std::set<device_id> watching(const wire::location& where) const;
    /// It tells everybody of its leases, as the few and older software do, and is told of all.
    /// True when that was not known.
    bool on_plain(const device_id& device);
    bool is_plain(const device_id& device) const noexcept { return plain_.contains(device); }

    std::vector<device_id> members() const;
    std::vector<device_id> mates() const;
    /// Who is told of all of this one's leases: mates, and the plain ones.
    std::vector<device_id> told() const;
    /// Ascending; of this one.
    std::vector<device_id> informants() const;
    bool is_informant(const device_id& device) const noexcept;
    /// Is there one for the circle of this rendezvous?
    bool has_informant(const device_id& rendezvous) const noexcept;
    /// Has it been there long enough to know of all in its circle?
    bool knows_its_circle(const device_id& device, instant now) const noexcept;
    /// Mates, informants, plain ones, and whose informant this one is: with whom sessions are kept.
    /// Ascending.
    std::vector<device_id> neighbours() const;
    bool is_neighbour(const device_id& device) const noexcept;
    /// Raised when the neighbours change.
    std::uint64_t version() const noexcept { return version_; }

    static constexpr std::size_t asked_at_once = wire::limits::watched_per_message / 2;
    static constexpr std::size_t watched_most = 50'000;  // users by one; others are not told of
    static constexpr std::size_t devices_most = 20'000;  // asked for, and by one
    static constexpr duration unsent_again = std::chrono::seconds(1);
    static constexpr unsigned unsent_most = 10;  // in a row: then it may be the other one's queue

private:
    struct circle {
        std::map<device_id, instant> members;  // and from when on they know their circle
        std::set<device_id> passed_over;       // not to be asked now
        std::optional<device_id> informant;
        std::optional<instant> again_at, renew_at, next_at;
        std::optional<instant> forgot_at;  // it watched no more, and was asked for everything
        // What its informant has not been asked yet, and is once it has answered what it was.
        std::vector<user_id> users;
        std::vector<device_id> devices;
        bool anew = false;         // so is the next question
        unsigned unsent = 0;       // since the last answer
        std::uint64_t asking = 0;  // the number of the question that waits for its answer
        std::size_t at_once = asked_at_once;
        std::uint64_t queued = 0, sent = 0, answered = 0;  // of wants_
    };

    bool is_member(const device_id& device) const noexcept;
    std::optional<device_id> best_of(const circle& in, instant now) const;
    void choose(circle& in, instant now, questions& all);
    void ask_everything(circle& in, instant now, questions& all);
    void ask_next(circle& in, instant now, questions& all);
    void put_back(circle& in, const wire::watch& what);
    void pass_over(circle& in, instant now, questions& all);
    void renew(circle& in, instant now, questions& all);
    void stop_watching(const device_id& watcher);
    circle* waiting_for(const question& asked);
    void take_wanted();
    duration about(duration d);

    random& entropy_;
    device_id self_;
    const interests& wanted_;
    settings with_;
    std::uint64_t numbers_;
    std::vector<circle> circles_;
    std::set<user_id> users_;               // that all informants are asked for
    std::map<device_id, instant> devices_;  // and when they were wanted last
    std::uint64_t wants_ = 0;
    std::set<device_id> watchers_, plain_;
    interests watched_users_{watched_most, true};
    interests_in<device_id> watched_devices_{devices_most, true};
    std::uint64_t version_ = 0;
};

}  // namespace calbox::overlay
