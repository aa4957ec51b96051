#include "wire/messages.hpp"

#include <algorithm>

namespace calbox::wire {

const std::vector<message_rule>& message_table() {
    static const std::vector<message_rule> table = {
        {message_type::hello, "hello", sender::anyone, false},
        {message_type::bindings, "bindings", sender::member, false},
        {message_type::ping, "ping", sender::anyone, true},
        {message_type::enroll, "enroll", sender::anyone, true},
        {message_type::login_begin, "login_begin", sender::member, true},
        {message_type::register_user, "register_user", sender::member, true},
        {message_type::login, "login", sender::member, true},
        {message_type::lookup, "lookup", sender::user, true},
        {message_type::strategies, "strategies", sender::member, true},
        {message_type::change_password, "change_password", sender::member, true},
        {message_type::probe, "probe", sender::member, true},
        {message_type::lease, "lease", sender::member, true},
        {message_type::heartbeat, "heartbeat", sender::member, true},
        {message_type::leave, "leave", sender::member, false},
        {message_type::locate, "locate", sender::member, true},
        {message_type::presence, "presence", sender::rendezvous, false},
        {message_type::relay_open, "relay_open", sender::member, true},
        {message_type::relay_data, "relay_data", sender::member, false},
        {message_type::relay_close, "relay_close", sender::member, false},
        {message_type::make_room, "make_room", sender::rendezvous, true},
        {message_type::move, "move", sender::rendezvous, false},
        {message_type::loads, "loads", sender::member, true},
        {message_type::advertise, "advertise", sender::member, false},
        {message_type::resolve, "resolve", sender::member, true},
        {message_type::publish, "publish", sender::member, true},
        {message_type::members, "members", sender::rendezvous, true},
        {message_type::watch, "watch", sender::rendezvous, true},
        {message_type::update, "update", sender::member, true},
        {message_type::consensus, "consensus", sender::member, false},
        {message_type::recovery, "recovery", sender::member, false},
        {message_type::lock, "lock", sender::user, false},
        {message_type::earlier, "earlier", sender::member, true},
        {message_type::free_busy, "free_busy", sender::user, true},
        {message_type::join_event, "join_event", sender::user, true},
        {message_type::open_events, "open_events", sender::user, true},
        {message_type::file_info, "file_info", sender::member, true},
        {message_type::file_hashes, "file_hashes", sender::member, true},
        {message_type::file_leaf, "file_leaf", sender::member, true},
        {message_type::file_keep, "file_keep", sender::member, true},
        {message_type::file_kept, "file_kept", sender::member, false},
        {message_type::holds, "holds", sender::member, true},
        {message_type::file_needs, "file_needs", sender::user, true},
        {message_type::small_files, "small_files", sender::member, true},
    };
    return table;
}

const message_rule* find_rule(std::uint8_t type) noexcept {
    const auto& table = message_table();
    const auto found = std::ranges::find_if(table, [type](const message_rule& rule) {
        return static_cast<std::uint8_t>(rule.type) == type;
    });
    return found == table.end() ? nullptr : &*found;
}

}  // namespace calbox::wire
