// The claims about locks: fencing tokens, and one holder at a time. Fed with a strategy's acquire
// inputs and its granted effects, as they happen. Owned by the caller; one thread.
#pragma once

#include <optional>

#include "lab/check/claims.hpp"

namespace calbox::lab::claims {

class locks {
public:
    explicit locks(const names& people) : people_(people) {}
    /// A device asks. Tokens are compared with those granted before that: an answer may be late.
    void observe_asked(const event_id& event, const operation_id& operation);
    /// `until`: when the lease ends by the holder's own clock, in the world's time.
    void observe_granted(const event_id& event, const operation_id& operation,
                         const device_id& holder, consensus::token held, instant until, instant at);
    void observe_renewed(const event_id& event, const operation_id& operation, instant until);
    /// Committed, refused or released.
    void observe_ended(const event_id& event, const operation_id& operation);
    /// The holder's daemon ended: nobody is left there to use what it held.
    void observe_died(const device_id& holder);
    std::vector<violation> violations() const;

private:
    struct holding {
        device_id holder;
        consensus::token held = 0;
        instant until;
    };
    struct lock {
        consensus::token highest = 0;
        recent_map<consensus::token, std::pair<operation_id, device_id>> granted;
        std::map<operation_id, holding> holders;  // whose lease may still run
    };
    struct asking {
        event_id event;
        consensus::token floor = 0;  // the highest that had been granted
    };
    static constexpr std::size_t asking_kept = 100'000;

    void check_token(const event_id& event, const operation_id& operation, const device_id& holder,
                     consensus::token held, instant at);
    void check_holders(const event_id& event, const device_id& holder, instant at);

    const names& people_;
    findings tokens_, holders_;
    std::map<event_id, lock> locks_;
    std::map<operation_id, asking> asking_;
};

}  // namespace calbox::lab::claims
