// The voter's half of `views`: promises and acceptances of every event, durable before they are
// told. Pure: it returns what is to be written and answered. Owned by the strategy.
#pragma once

#include "register.hpp"

namespace calbox::consensus {

class acceptor {
public:
    using effects_type = std::vector<effect>;

    /// Forgets what it knows and reads its records; another life than the one they were written in
    /// makes this device a learner until it is voted in again.
    void restore(const restored& from, const context& where);
    incarnation life() const noexcept { return life_; }

    const vote* find(const event_id& event) const noexcept;
    const std::map<event_id, vote>& all() const noexcept { return votes_; }

    /// Held from the beginning, as a decided value, unless there is one of this line or a later
    /// one.
    void inherit_value(const event_id& event, accepted_value what, const context& where,
                       effects_type& effects);

    // Answers to messages; each writes what it must to `effects` first.
    /// Whoever wants a lock that somebody else has, and that was changed within `lapses`, is
    /// promised nothing: a promise would only stop whoever edits.
    peer_message prepare(const event_id& event, const device_id& asker, const peer_message& asked,
                         duration lapses, const context& where, effects_type& effects);
    peer_message accept(const event_id& event, const peer_message& asked, const context& where,
                        effects_type& effects);
    peer_message state(const event_id& event, const peer_message& asked,
                       const context& where) const;
    /// Another voter has seen the lock that is held here for so long: whoever learns of one late
    /// counts from when it was there, so that the last to hear does not keep it alive.
    void note_age(const event_id& event, const peer_message& told, const context& where);
    /// The value at this ballot is decided. True when that was news about what is held here.
    bool notify(const event_id& event, const ballot& at, effects_type& effects);
    /// A decided value that was missed.
    void learn(const event_id& event, const accepted_value& what, const context& where,
               effects_type& effects);

private:
    bool is_edited_by_another(const event_id& event, const device_id& asker,
                              std::uint64_t generation, duration lapses,
                              const context& where) const;
    void write(const event_id& event, bool with_body, effects_type& effects) const;
    void hold(const event_id& event, accepted_value what, const context& where,
              effects_type& effects);
    peer_message answer(message_kind kind, const event_id& event, const peer_message& asked,
                        const context& where) const;

    /// Since when a lock has been seen without a change, on this device's own clock.
    struct watched_lock {
        operation_id operation;
        std::uint64_t written = 0;
        instant since;
    };
    incarnation life_{1};
    std::map<event_id, vote> votes_;
    std::map<event_id, watched_lock> locks_;
};

}  // namespace calbox::consensus
