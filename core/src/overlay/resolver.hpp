// Questions to others: who is asked, by the policy, and who answers what. Answers are hints, and
// whoever asked judges them. Owned by the node; core thread only.
#pragma once

#include <functional>
#include <map>

#include "base/gathering.hpp"
#include "base/task_scope.hpp"
#include "net/session.hpp"
#include "wire/messages.hpp"

namespace calbox::overlay {

enum class resolver_policy {
    centralised,    // the rendezvous that holds the lease
    decentralised,  // members with whom a session is open, whatever they are
    hybrid,         // that rendezvous, and the members where it does not know or is not there
};

class resolver_mediator {
public:
    virtual ~resolver_mediator();
    virtual task<result<bytes>> request(device_id to, wire::message_type type, bytes payload,
                                        duration limit) = 0;
    /// The rendezvous that holds this device's lease.
    virtual std::optional<device_id> lessor() const = 0;
    /// Members with whom a session is open, a few by chance, at most so many.
    virtual std::vector<device_id> some_members(std::size_t most) const = 0;
};

class resolver {
public:
    struct answer {
        device_id by;
        bytes body;
    };
    /// Answers a body. `hops` is how often the question may be asked on; `from` lives until the
    /// awaitable completes.
    using handler =
        std::function<task<result<bytes>>(const net::peer& from, bytes body, std::uint32_t hops)>;
    /// Told of each answer when it comes, and of none after the asking: who is slow, or away, holds
    /// nothing back until it is old. True when what came so far will do, so that nobody else is
    /// asked.
    using listener = std::function<bool(const answer&)>;

    resolver(const environment& env, resolver_policy policy, resolver_mediator& mediator)
        : env_(env), policy_(policy), mediator_(mediator), tasks_(env, "resolver") {}
    void request_stop() noexcept { tasks_.request_stop(); }
    task<void> join() { return tasks_.join(); }

    /// Before anything arrives.
    void handle(std::string name, handler with) { handlers_[std::move(name)] = std::move(with); }
    /// Returns when all who were asked have answered, or will not. offline: there is nobody to ask.
    /// Else the first error, when nobody answered.
    task<result<void>> ask(std::string handler, bytes body, listener hear);
    /// Of one device alone.
    task<result<bytes>> ask_one(device_id whom, std::string handler, bytes body,
                                std::uint32_t hops);
    /// A question has come, of a member of this network: the router has seen to that.
    task<result<bytes>> on_resolve(const net::peer& from, bytes payload);

    resolver_policy policy() const noexcept { return policy_; }
    struct counters {
        std::uint64_t asked = 0, answered = 0, invalid = 0;
    };
    const counters& counted() const noexcept { return counted_; }

    static constexpr std::size_t members_asked = 8;
    static constexpr duration question_time = std::chrono::seconds(5);

private:
    struct round;
    task<void> ask_in(std::shared_ptr<round> all, device_id whom, gathering::part of);
    std::vector<std::vector<device_id>> rounds() const;

    const environment& env_;
    resolver_policy policy_;
    resolver_mediator& mediator_;
    std::map<std::string, handler, std::less<>> handlers_;
    counters counted_;
    task_scope tasks_;
};

}  // namespace calbox::overlay
