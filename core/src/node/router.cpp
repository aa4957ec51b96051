#include "node/router.hpp"

namespace calbox::node {

void router::answer(wire::message_type type, request_handler handler) {
    requests_.at(static_cast<std::size_t>(type)) = std::move(handler);
}

void router::take(wire::message_type type, message_handler handler) {
    messages_.at(static_cast<std::size_t>(type)) = std::move(handler);
}

result<void> router::permitted(const net::peer& from, wire::message_type type,
                               bool answered) const {
    const wire::message_rule* const rule = wire::find_rule(static_cast<std::uint8_t>(type));
    if (rule == nullptr || rule->answered != answered) {
        return fail(errc::unsupported, "a message that this version does not know");
    }
    bool allowed = false;
    switch (rule->who) {
        case wire::sender::anyone:
            allowed = true;
            break;
        case wire::sender::member:
            allowed = from.member;
            break;
        case wire::sender::user:
            allowed = from.member && !from.users.empty();
            break;
        case wire::sender::rendezvous:
            allowed = from.member && ((from.roles & wire::role::rendezvous) != 0 ||
                                      (promoted && promoted(from.device)));
            break;
    }
    if (!allowed) {
        return fail(errc::forbidden, "this device may not send " + std::string(rule->name));
    }
    return {};
}

task<result<bytes>> router::on_request(const net::peer& from, wire::message_type type,
                                       bytes payload) {
    if (type != wire::message_type::ping) {
        co_await open_.wait();
    }
    if (auto allowed = permitted(from, type, true); !allowed) {
        ++refused_[static_cast<std::size_t>(type)];
        co_return fail(std::move(allowed.error()));
    }
    if (type == wire::message_type::ping) {
        co_return codec::encode(wire::nothing{});
    }
    const request_handler& handler = requests_[static_cast<std::size_t>(type)];
    if (!handler) {
        co_return fail(errc::unsupported, "this device does not play the role that answers this");
    }
    co_return co_await handler(from, std::move(payload));
}

task<void> router::on_message(const net::peer& from, wire::message_type type, bytes payload) {
    co_await open_.wait();
    const auto allowed = permitted(from, type, false);
    const message_handler& handler = messages_[static_cast<std::size_t>(type)];
    if (!allowed || !handler) {
        env_.log.write(log_level::debug, "router",
                       "dropped a message of type " + std::to_string(static_cast<int>(type)));
        co_return;
    }
    co_await handler(from, std::move(payload));
}

}  // namespace calbox::node
