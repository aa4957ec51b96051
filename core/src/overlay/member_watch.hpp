// Rendezvous that watch each other where there are many of them: carries out what membership
// decides, and answers its messages. A few ask each other for their load each minute, and need no
// more. Owned by the rendezvous service; core thread only.
#pragma once

#include <functional>

#include "net/session.hpp"
#include "overlay/locations.hpp"
#include "overlay/membership.hpp"

namespace calbox::overlay {

class rendezvous_mediator {
public:
    virtual ~rendezvous_mediator();
    virtual task<result<bytes>> request(device_id to, wire::message_type type, bytes payload,
                                        duration limit) = 0;
    /// Only over a session that is open.
    virtual bool tell(const device_id& to, wire::message_type type, byte_view payload) = 0;
    /// This node's own edge hears it, too.
    virtual void presence_here(wire::presence what) = 0;
};

class member_watch {
public:
    struct settings {
        std::size_t above = 64;  // rendezvous, with this one: from then on they watch each other
        std::size_t below = 48;  // and until then
        membership::settings times{};
    };
    struct listener {
        std::function<void(const device_id& device, bool alive)> on_member;
        std::function<void()> on_end;  // they are few again
    };

    member_watch(const environment& env, locations& known, rendezvous_mediator& mediator,
                 device_id self, listener to, settings with);

    /// These rendezvous were heard of lately: begins when they are many.
    void look(const std::vector<device_id>& heard);
    void request_stop() noexcept;
    task<void> join() { return tasks_.join(); }
    /// Answered at any time: others may watch, and this one not yet.
    task<result<bytes>> on_members(device_id from, wire::members what);
    /// With this one; 0 while they do not watch each other.
    std::size_t members() const noexcept { return machine_ ? machine_->size() : 0; }

private:
    void carry_out(const membership::effects& all, const std::optional<device_id>& from);
    void end();
    void arm();
    task<void> ask(membership::ask what);
    task<void> learn(device_id from, std::vector<device_id> about);
    std::vector<wire::member_news> news_for(const device_id& to);

    const environment& env_;
    locations& known_;
    rendezvous_mediator& mediator_;
    device_id self_;
    listener to_;
    settings with_;
    std::optional<membership> machine_;
    task_scope tasks_;
    std::optional<timer_queue::id> timer_;
};

}  // namespace calbox::overlay
