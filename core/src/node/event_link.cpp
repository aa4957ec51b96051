#include "node/event_link.hpp"

#include "node/directory.hpp"
#include "wire/limits.hpp"

namespace calbox::node {

namespace {

constexpr std::string_view link_prefix = "calbox:event/";

tl::unexpected<error> not_a_link(const std::string& why) {
    return fail(errc::invalid_argument, "not a link to an open event: " + why +
                                            " (its organizer's page or calboxctl shows it)");
}

}  // namespace

std::string to_text(const event_link& what) {
    return std::string(link_prefix) + what.organizer + "/" + what.event.seq_text() +
           "?network=" + what.network.hex() + "&organizer=" + what.event.organizer.hex() +
           "&secret=" + to_hex(what.secret);
}

result<event_link> parse_event_link(std::string_view text) {
    if (text.size() > wire::limits::invitation_bytes) {
        return not_a_link("it is too long");
    }
    const std::size_t question = text.find('?');
    if (!text.starts_with(link_prefix) || question == std::string_view::npos) {
        return not_a_link("it must begin with " + std::string(link_prefix) + ", and be whole");
    }
    const std::string_view id = text.substr(link_prefix.size(), question - link_prefix.size());
    const std::size_t slash = id.find('/');
    event_link what;
    what.organizer = id.substr(0, slash);
    const auto seq = slash == std::string_view::npos
                         ? std::nullopt
                         : event_id::seq_from_text(std::string(id.substr(slash + 1)));
    if (!seq || !is_user_name(what.organizer)) {
        return not_a_link("it names no event, as in alice/1.7");
    }
    what.event.seq = *seq;
    text.remove_prefix(question + 1);
    while (!text.empty()) {
        const std::string_view part = text.substr(0, text.find('&'));
        text.remove_prefix(std::min(part.size() + 1, text.size()));
        const std::size_t equals = std::min(part.find('='), part.size());
        const std::string_view key = part.substr(0, equals);
        const std::string_view value = part.substr(std::min(equals + 1, part.size()));
        if (key == "network") {
            what.network = network_id::from_hex(value).value_or(network_id());
        } else if (key == "organizer") {
            what.event.organizer = user_id::from_hex(value).value_or(user_id());
        } else if (key == "secret") {
            what.secret = from_hex(value).value_or(bytes());
        }
    }
    if (what.network.is_zero() || what.event.organizer.is_zero() ||
        what.secret.size() != wire::limits::join_secret_bytes) {
        return not_a_link("a part of it is missing or wrong");
    }
    return what;
}

}  // namespace calbox::node
