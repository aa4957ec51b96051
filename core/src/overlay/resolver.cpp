#include "overlay/resolver.hpp"

#include <algorithm>

#include "wire/limits.hpp"

namespace calbox::overlay {

resolver_mediator::~resolver_mediator() = default;

/// What those who are asked at the same time share.
struct resolver::round {
    std::string handler;
    bytes body;
    listener hear;  // none when whoever asked does not wait any more
    bool answered = false, enough = false;
    std::optional<error> first_problem;
};

std::vector<std::vector<device_id>> resolver::rounds() const {
    std::vector<std::vector<device_id>> all;
    const auto lessor = mediator_.lessor();
    if (policy_ != resolver_policy::decentralised && lessor) {
        all.push_back({*lessor});
    }
    if (policy_ != resolver_policy::centralised) {
        auto members = mediator_.some_members(members_asked);
        if (policy_ == resolver_policy::hybrid) {
            std::erase_if(members, [&](const device_id& one) { return one == lessor; });
        }
        if (!members.empty()) {
            all.push_back(std::move(members));
        }
    }
    return all;
}

task<result<bytes>> resolver::ask_one(device_id whom, std::string handler, bytes body,
                                      std::uint32_t hops) {
    ++counted_.asked;
    const auto payload = co_await mediator_.request(
        whom, wire::message_type::resolve,
        codec::encode(wire::resolve{std::move(handler), std::move(body), hops}), question_time);
    auto what = payload ? codec::decode<wire::resolved>(*payload) : fail(payload.error());
    if (!what) {
        co_return fail(std::move(what.error()));
    }
    co_return std::move(what->body);
}

task<void> resolver::ask_in(std::shared_ptr<round> all, device_id whom, gathering::part) {
    auto body = co_await ask_one(whom, all->handler, all->body, 1);
    if (body && all->hear) {
        all->answered = true;
        all->enough = all->hear({whom, std::move(*body)}) || all->enough;
    } else if (!body && !all->first_problem) {
        all->first_problem = std::move(body.error());
    }
}

task<result<void>> resolver::ask(std::string handler, bytes body, listener hear) {
    // Shared with those who are asked, and may be asked still when this is cancelled.
    const auto all = std::make_shared<round>();
    all->handler = std::move(handler);
    all->body = std::move(body);
    all->hear = std::move(hear);
    const struct guard {
        round& of;
        ~guard() { of.hear = nullptr; }
    } ending{*all};
    for (const std::vector<device_id>& whom : rounds()) {
        gathering answers(env_);
        for (const device_id& one : whom) {
            tasks_.spawn("ask", ask_in(all, one, answers.one()));
        }
        co_await answers.wait();
        if (all->enough) {
            break;
        }
    }
    if (!all->answered) {
        co_return fail(all->first_problem.value_or(
            error(errc::offline, "this device is not connected to a rendezvous")));
    }
    co_return result<void>();
}

task<result<bytes>> resolver::on_resolve(const net::peer& from, bytes payload) {
    auto what = codec::decode<wire::resolve>(payload);
    const auto found = what && what->handler.size() <= wire::limits::handler_bytes
                           ? handlers_.find(what->handler)
                           : handlers_.end();
    if (found == handlers_.end() || what->body.size() > wire::limits::resolve_bytes ||
        what->hops > wire::limits::resolve_hops) {
        ++counted_.invalid;
        co_return fail(what ? error(errc::unsupported, "a question that nobody here answers")
                            : std::move(what.error()));
    }
    auto body = co_await found->second(from, std::move(what->body), what->hops);
    if (!body) {
        counted_.invalid += body.error().code == errc::malformed ? 1 : 0;
        co_return body;
    }
    ++counted_.answered;
    co_return codec::encode(wire::resolved{std::move(*body)});
}

}  // namespace calbox::overlay
