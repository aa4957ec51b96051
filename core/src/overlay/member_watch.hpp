// Rendezvous that watch each other where there are many of them: carries out what membership
// decides, and answers its messages. A few ask each other for their load each minute, and need no
// more. Owned by the rendezvous service; core thread only.
#pragma once

#include <functional>
#include <memory>

#include "net/session.hpp"
#include "overlay/circles.hpp"
#include "overlay/locations.hpp"
#include "overlay/membership.hpp"

namespace calbox::overlay {

class rendezvous_mediator {
public:
    virtual ~rendezvous_mediator();
    virtual task<result<bytes>> request(device_id to, wire::message_type type, bytes payload,
                                        duration limit) = 0;
    virtual bool is_open(const device_id& to) const = 0;
    /// Only over a session that is open.
    virtual bool tell(const device_id& to, wire::message_type type, byte_view payload) = 0;
    /// This node's own edge hears it, too.
    virtual void presence_here(wire::presence what) = 0;
    /// Where rendezvous are many: sessions with those of them that this one does not keep to, and
    /// has not talked to lately, may end.
    virtual void close_idle() = 0;
};

class member_watch {
public:
    struct settings {
        std::size_t above = 64;  // rendezvous, with this one: from then on they watch each other
        std::size_t below = 48;  // and until then
        membership::settings times{};
        circles::settings in_circles{};  // all of a network have the same
    };
    struct listener {
        std::function<void(const std::vector<device_id>& others)> on_begin;
        std::function<void(const device_id& device, member_fate what)> on_member;
        std::function<void()> on_end;                      // they are few again
        std::function<std::vector<device_id>()> heard_of;  // other rendezvous, lately
    };

    member_watch(const environment& env, locations& known, rendezvous_mediator& mediator,
                 device_id self, listener to, settings with);

    /// Others were heard of: begins when they are many. Whoever answers and counts as gone is asked
    /// for its word, by which two sides of a partition that is over find together.
    void look();
    /// Another one watches already. Begins when there are not too few.
    void join_in();
    /// With whom sessions are kept: they are asked more than others.
    void keep_to(std::vector<device_id> near) {
        if (machine_) {
            machine_->keep_to(std::move(near));
        }
    }
    void request_stop() noexcept;
    task<void> join() { return tasks_.join(); }
    /// `from` is a rendezvous by its certificate. Answered at any time; where this one does not
    /// watch yet, the question begins it when there are not too few.
    task<result<bytes>> on_members(device_id from, wire::members what);
    /// With this one; 0 while they do not watch each other.
    std::size_t members() const noexcept { return machine_ ? machine_->size() : 0; }
    /// The others that are there, ascending.
    std::vector<device_id> alive() const {
        return machine_ ? machine_->alive() : std::vector<device_id>();
    }

private:
    void begin(const std::vector<device_id>& heard);
    void carry_out(const membership::effects& all, const std::optional<device_id>& from);
    std::vector<wire::member_news> believable(const device_id& from,
                                              std::vector<wire::member_news> said);
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
    /// Ends with this: a handler belongs to its session, and may be left waiting.
    std::shared_ptr<const int> here_ = std::make_shared<const int>();
};

}  // namespace calbox::overlay
