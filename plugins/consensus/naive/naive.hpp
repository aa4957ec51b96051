// The report's own protocol (5.5): a flag isOK per event, ASKFOROK to every participant who is up,
// RESPONDOK with yes or no, silence counts as yes. Kept as the faithful demonstration and to prove
// that the tests can tell it from a right one: it promises nothing. Nothing is persisted. Made and
// owned by the host; core thread.
#pragma once

#include <map>
#include <set>

#include <calbox/consensus.hpp>

namespace calbox::consensus {

class naive final : public strategy {
public:
    naive(duration ask, duration lease) noexcept : ask_(ask), lease_(lease) {}

    traits declared() const noexcept override;
    void step(const input& what, context where, std::vector<effect>& effects) override;
    std::string explain(const event_id& event, context where) const override;
    result<bytes> begins(const event_id&, const group&, context) const override { return bytes(); }

private:
    /// isOK is false here: this device edits the event.
    struct lock {
        operation_id operation;
        token held = 0;
        instant until;
        timestamp since;
        version_number version;
    };
    /// ASKFOROK was sent, and not everybody has answered.
    struct question {
        event_id event;
        version_number version;
        std::set<device_id> silent;
        std::uint64_t timer = 0;
    };
    using effects_type = std::vector<effect>;

    void on(const acquire& what, const context& where, effects_type& effects);
    void on(const renew& what, const context& where, effects_type& effects);
    void on(const commit& what, const context& where, effects_type& effects);
    void on(const release& what, const context& where, effects_type& effects);
    void on(const read& what, const context& where, effects_type& effects);
    void on(const fate& what, const context& where, effects_type& effects);
    void on(const inherit&, const context&, effects_type&) {}  // every device has its own version
    void on(const leaving& what, const context& where, effects_type& effects);
    void on(const http_response& what, const context& where, effects_type& effects);
    void on(const message& what, const context& where, effects_type& effects);
    void on(const timer& what, const context& where, effects_type& effects);
    void on(const peer_change& what, const context& where, effects_type& effects);
    void on(const restored& what, const context& where, effects_type& effects);

    const lock* lock_of(const event_id& event, const instant& now) const;
    lock* held_lock(const event_id& event, token held, const instant& now);
    void refuse_locked(const operation_id& operation, const event_id& event, const context& where,
                       effects_type& effects) const;
    void grant(const operation_id& operation, const event_id& event, version_number version,
               const context& where, effects_type& effects);
    void heard(std::map<operation_id, question>::iterator asked, const device_id& from,
               const context& where, effects_type& effects);

    duration ask_;
    duration lease_;
    std::map<event_id, lock> locks_;
    std::map<operation_id, question> questions_;
    std::set<device_id> up_;
    token last_token_ = 0;
    std::uint64_t last_timer_ = 0;
};

}  // namespace calbox::consensus
