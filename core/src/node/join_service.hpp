// Taking part in open events of others, by their links. A request that no device of the organizer
// has answered waits in the store of this device, and is asked again when one can be reached. Owned
// by the node; core thread only.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "base/task_scope.hpp"
#include "node/open_events.hpp"
#include "node/opened_events.hpp"

namespace calbox::node {

class join_service final : public joins {
public:
    struct parts {
        opened_events& opened;
        people& who;
        std::function<network_id()> network;
        /// Finds out where these users' devices are, as far as anybody can tell now.
        std::function<task<void>(std::vector<user_id>)> look_up;
        std::function<std::vector<device_id>(const user_id&)> present;
        std::function<bool(const user_id&)> is_here;  // signed in on this device
        std::function<task<result<bytes>>(device_id to, bytes question)> request;
        /// The same of an organizer who is signed in here.
        std::function<task<result<void>>(wire::join_event what)> ask_here;
        /// A request that has waited was refused: to whom, of what, and a line for people.
        std::function<void(const user_id& who, const std::string& id_text, std::string text)> tell;
    };
    join_service(const environment& env, replica::database& db, parts with)
        : env_(env), db_(db), with_(std::move(with)), wake_(env), tasks_(env, "joins") {}

    task<result<void>> load();
    void start() { tasks_.spawn("keep", keep()); }
    /// Somebody can be reached who could not.
    void look() { wake_.set(); }
    void request_stop() noexcept { tasks_.request_stop(); }
    task<void> join() { return tasks_.join(); }

    task<result<join_view>> join(user_id as, std::string link) override;
    std::vector<join_view> waiting(user_id as) const override;
    task<result<void>> withdraw(user_id as, std::string id_text) override;

private:
    /// Record of kind meta, under "joins " and this; the value is the rest of a request.
    struct key {
        user_id who;
        event_id which;
        static constexpr auto fields =
            std::tuple(codec::field<1>(&key::who), codec::field<2>(&key::which));
        friend auto operator<=>(const key&, const key&) = default;
    };
    struct kept {
        std::string link;
        timestamp since;
        static constexpr auto fields =
            std::tuple(codec::field<1>(&kept::link), codec::field<2>(&kept::since));
    };
    /// Kept by whoever waits for it, too.
    struct request {
        explicit request(const environment& env) : over(env) {}
        kept what;
        std::string why;  // it waits
        bool asking = false;
        std::optional<result<void>> outcome;
        event over;
    };
    join_view view_of(const key& of, const request& one) const;
    bool still_waits(const key& of, const request& one) const;
    task<void> keep();
    task<void> ask(key of, std::shared_ptr<request> one);
    task<result<void>> ask_organizer(key of, std::string link);
    task<result<void>> forget(key of);
    task<bool> arrived(key of, duration most);

    const environment& env_;
    replica::database& db_;
    parts with_;
    std::map<key, std::shared_ptr<request>> waiting_;
    event wake_;
    task_scope tasks_;
};

}  // namespace calbox::node
