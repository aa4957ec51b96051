// When users are busy, told between friends: times, and nothing of what takes place then. What is
// shared anyway is the only thing that travels otherwise; this is asked of a device of the other
// one, each time, and nobody else keeps it. Owned by the node; core thread only.
#pragma once

#include <functional>

#include "node/free_busy.hpp"
#include "node/opened_events.hpp"

namespace calbox::node {

class free_busy_service final : public free_busy {
public:
    struct parts {
        std::function<task<result<std::vector<user_id>>>(std::vector<std::string>)> named;
        std::function<std::string(const user_id&)> name_of;
        std::function<bool(const user_id&)> is_here;  // signed in on this device
        /// Has `user` himself asked the other one, who accepted, or accepted him?
        std::function<task<bool>(user_id user, user_id other)> befriended;
        /// At least those that take place then.
        std::function<std::vector<const opened_event*>(const user_id&, const model::interval&)>
            events_of;
        std::function<std::vector<device_id>(const user_id&)> present;
        std::function<task<result<bytes>>(device_id to, bytes question)> request;
        std::function<bool()> caught_up;
        bool tells = true;
    };
    free_busy_service(const environment& env, parts with) : env_(env), with_(std::move(with)) {}

    task<result<busy_view>> ask(user_id as, std::string name, model::interval range) override;
    /// `users`: who is signed in on the asking device, as it has proved.
    task<result<wire::free_busy_reply>> on_ask(std::vector<user_id> users,
                                               wire::free_busy what) const;

private:
    result<std::vector<model::interval>> busy_of(const user_id& user,
                                                 const model::interval& range) const;

    const environment& env_;
    parts with_;
};

}  // namespace calbox::node
