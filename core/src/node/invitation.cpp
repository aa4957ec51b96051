#include "node/invitation.hpp"

#include <array>

#include "wire/limits.hpp"
#include "wire/messages.hpp"

namespace calbox::node {

namespace {

constexpr std::string_view prefix = "calbox://join/";
constexpr std::array<std::pair<std::string_view, std::uint32_t>, 4> roles_by_name = {{
    {"edge", wire::role::edge},
    {"rendezvous", wire::role::rendezvous},
    {"backup", wire::role::backup},
    {"registry", wire::role::registry},
}};

std::vector<std::string_view> split(std::string_view text, char at) {
    std::vector<std::string_view> parts;
    while (true) {
        const std::size_t found = text.find(at);
        parts.push_back(text.substr(0, found));
        if (found == std::string_view::npos) {
            return parts;
        }
        text.remove_prefix(found + 1);
    }
}

tl::unexpected<error> wrong(const std::string& what) {
    return fail(
        errc::invalid_argument,
        "not an invitation: " + what + " (`calboxctl network invite` on the registry makes one)");
}

}  // namespace

result<std::uint32_t> role_bit(std::string_view name) {
    for (const auto& [text, bit] : roles_by_name) {
        if (text == name) {
            return bit;
        }
    }
    return fail(errc::invalid_argument, "no such role: \"" + std::string(name) +
                                            "\" (edge, rendezvous, backup or registry)");
}

std::vector<std::string> role_names(std::uint32_t roles) {
    std::vector<std::string> names;
    for (const auto& [text, bit] : roles_by_name) {
        if ((roles & bit) != 0) {
            names.emplace_back(text);
        }
    }
    return names;
}

std::string to_text(const invitation& what) {
    std::string text(prefix);
    for (std::size_t i = 0; i < what.addresses.size(); ++i) {
        text += (i == 0 ? "" : ",") + what.addresses[i];
    }
    text += "?network=" + what.network.hex() + "&token=" + to_hex(what.token) + "&roles=";
    const auto names = role_names(what.roles);
    for (std::size_t i = 0; i < names.size(); ++i) {
        text += (i == 0 ? "" : "+") + names[i];
    }
    return text;
}

result<invitation> parse_invitation(std::string_view text) {
    if (text.size() > wire::limits::invitation_bytes) {
        return wrong("it is too long");
    }
    if (!text.starts_with(prefix)) {
        return wrong("it must begin with " + std::string(prefix));
    }
    text.remove_prefix(prefix.size());
    const std::size_t question = text.find('?');
    if (question == std::string_view::npos) {
        return wrong("it names no network");
    }
    invitation what;
    for (const std::string_view address : split(text.substr(0, question), ',')) {
        if (address.find(':') == std::string_view::npos ||
            what.addresses.size() >= wire::limits::addresses_per_device) {
            return wrong("its addresses must look like host:port, at most eight of them");
        }
        what.addresses.emplace_back(address);
    }
    for (const std::string_view part : split(text.substr(question + 1), '&')) {
        const std::size_t equals = part.find('=');
        const std::string_view key = part.substr(0, equals);
        const std::string_view value =
            equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1);
        if (key == "network") {
            const auto id = network_id::from_hex(value);
            if (!id) {
                return wrong("its network must be 64 hexadecimal digits");
            }
            what.network = *id;
        } else if (key == "token") {
            const auto token = from_hex(value);
            if (!token) {
                return wrong("its token must be hexadecimal");
            }
            what.token = *token;
        } else if (key == "roles") {
            for (const std::string_view name : split(value, '+')) {
                const auto bit = role_bit(name);
                if (!bit) {
                    return fail(bit.error());
                }
                what.roles |= *bit;
            }
        }
    }
    if (what.network.is_zero() || what.roles == 0) {
        return wrong("it names no network or no role");
    }
    return what;
}

}  // namespace calbox::node
