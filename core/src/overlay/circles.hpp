// Whom a rendezvous tells of its leases, and whom it asks, where there are too many of them to tell
// each other everything: they form circles by their ids, each tells its own circle, and in every
// other circle one, its informant, answers for that circle and tells it from then on what it asked
// for. Who takes the informant's place is chosen by rendezvous hashing, as owners of objects are,
// so that each serves about as many. Sans-IO: inputs with the time in, questions out. Owned by the
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
    };
    struct question {
        device_id to;
        wire::watch what;
    };
    using questions = std::vector<question>;

    /// `wanted`: what this one's edges want to hear of; outlives this.
    circles(random& entropy, const device_id& self, const interests& wanted, settings with);

    std::size_t circle_of(const device_id& rendezvous) const noexcept;
    /// Another one of this one's circle, by its id.
    bool is_mate(const device_id& rendezvous) const noexcept;

    /// `members`: the others that are there, and were all the time.
    questions begin(const std::vector<device_id>& members, instant now);
    questions on_member(const device_id& device, bool here, instant now);
    /// It did not answer, or its session ended.
    questions on_silent(const device_id& device, instant now);
    /// These are to be known, and to be told of from now on. Nothing where all are already.
    questions want(const std::vector<user_id>& users, const std::vector<device_id>& devices,
                   instant now);
    /// What was known of these is in doubt: they are asked for as if for the first time.
    void forget(const std::vector<user_id>& users, const device_id& device);
    /// What came of a question.
    questions on_answer(const question& asked, bool good, instant now);
    questions on_time(instant now);
    std::optional<instant> deadline() const noexcept;

    /// Another one asks this one.
    void on_watch(const device_id& from, const wire::watch& what);
    /// Who is to hear of this device.
    std::set<device_id> watching(const wire::location& where) const;

    std::vector<device_id> members() const;
    std::vector<device_id> mates() const;
    /// Ascending; of this one.
    std::vector<device_id> informants() const;
    bool is_informant(const device_id& device) const noexcept;
    /// Has it been there long enough to know of all in its circle?
    bool knows_its_circle(const device_id& device, instant now) const noexcept;
    /// Mates, informants, and whose informant this one is: with whom sessions are kept. Ascending.
    std::vector<device_id> neighbours() const;
    bool is_neighbour(const device_id& device) const noexcept;
    /// Raised when the neighbours change.
    std::uint64_t version() const noexcept { return version_; }

    static constexpr std::size_t asked_at_once = wire::limits::watched_per_message / 2;
    static constexpr std::size_t watched_most = 50'000;  // users by one; more are asked for again
    static constexpr std::size_t devices_most = 20'000;  // asked for, and by one

private:
    struct circle {
        std::map<device_id, instant> members;  // and from when on they know their circle
        std::set<device_id> silent;            // not to be asked now
        std::optional<device_id> informant;
        std::optional<instant> again_at, renew_at;
        // What its informant has not been asked yet, and is once it has answered what it was.
        std::vector<user_id> users;
        std::vector<device_id> devices;
        bool asking = false;
    };

    std::optional<device_id> best_of(const circle& in, instant now) const;
    void choose(circle& in, instant now, questions& all);
    void ask_everything(circle& in, const device_id& whom, instant now, questions& all);
    question next_part(circle& in);
    void renew(circle& in, instant now, questions& all);

    random& entropy_;
    device_id self_;
    const interests& wanted_;
    settings with_;
    std::vector<circle> circles_;
    std::set<user_id> users_;               // that all informants are asked for
    std::map<device_id, instant> devices_;  // and when they were wanted last
    std::set<device_id> watchers_;
    interests watched_users_{watched_most};
    interests_in<device_id> watched_devices_{devices_most};
    std::uint64_t version_ = 0;
};

}  // namespace calbox::overlay
