// Primary copy: the device that created an event decides about it, and the others ask that one. The
// cheapest strategy that promises anything; README.md says what it costs. Made and owned by the
// host; core thread.
#pragma once

#include <set>

#include "keeper.hpp"

namespace calbox::consensus {

class organizer final : public strategy {
public:
    struct settings {
        duration ttl = std::chrono::seconds(30);
        duration resend = std::chrono::milliseconds(500);
        duration give_up = std::chrono::seconds(8);
    };
    explicit organizer(settings with) : with_(with), kept_(with.ttl) {}

    traits declared() const noexcept override;
    void step(const input& what, context where, std::vector<effect>& effects) override;
    std::string explain(const event_id& event, context where) const override;
    result<bytes> begins(const event_id& event, const group& members, context where) const override;

private:
    using effects_type = std::vector<effect>;
    /// A question that another device has not answered yet.
    struct question {
        request what;
        device_id whom;
        instant asked;
        instant deadline;
        std::uint64_t timer = 0;
    };

    void on(const acquire& what, const context& where, effects_type& effects);
    void on(const renew& what, const context& where, effects_type& effects);
    void on(const commit& what, const context& where, effects_type& effects);
    void on(const release& what, const context& where, effects_type& effects);
    void on(const read& what, const context& where, effects_type& effects);
    void on(const fate& what, const context& where, effects_type& effects);
    void on(const inherit& what, const context& where, effects_type& effects);
    void on(const leaving& what, const context& where, effects_type& effects);
    void on(const message& what, const context& where, effects_type& effects);
    void on(const timer& what, const context& where, effects_type& effects);
    void on(const peer_change&, const context&, effects_type&) {}
    void on(const restored& what, const context& where, effects_type& effects);
    void on(const http_response&, const context&, effects_type&) {}

    void ask(request what, const device_id& whom, const context& where, effects_type& effects);
    void send_question(question& what, effects_type& effects);
    void answered(const request& asked, const instant& since, const reply& what,
                  const context& where, effects_type& effects);
    void deliver(const event_id& event, const operation_id& by, version_number version,
                 const bytes& body, effects_type& effects);
    void give_up(const question& what, effects_type& effects);
    device_id organizer_of(const event_id& event, const context& where) const;

    settings with_;
    keeper kept_;
    std::map<event_id, device_id> organizers_;  // of events of others, as the host last said
    std::map<event_id, version_number> delivered_;
    std::map<operation_id, question> questions_;  // one for each operation
    std::map<operation_id, bytes> uncertain_;     // commits whose answer was lost
    std::set<operation_id> granted_;              // to this device, and not ended yet
    std::map<std::uint64_t, operation_id> timers_;
    std::uint64_t last_timer_ = 0;
};

}  // namespace calbox::consensus
