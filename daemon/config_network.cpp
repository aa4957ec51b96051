#include "config_network.hpp"

#include "net/tcp_real.hpp"
#include "node/invitation.hpp"
#include "wire/limits.hpp"

namespace calbox::daemon {

namespace {

result<void> check_address(const std::string& address, bool port_is_fixed) {
    const auto parts = net::split_address(address);
    if (!parts) {
        return fail(parts.error());
    }
    if (port_is_fixed && std::stoul(parts->second) == 0) {
        return wrong("\"" + address + "\" needs a port that others can reach, and 0 is none");
    }
    return {};
}

}  // namespace

result<void> read_listen(const toml::node& value, config& into) {
    auto text = text_of(value);
    if (!text) {
        return fail(text.error());
    }
    if (auto good = check_address(*text, false); !good) {
        return good;
    }
    into.node.listen = std::move(*text);
    return {};
}

result<void> read_advertise(const toml::node& value, config& into) {
    auto texts = texts_of(value);
    if (!texts) {
        return fail(texts.error());
    }
    if (texts->size() > wire::limits::addresses_per_device) {
        return wrong("it may name at most " + std::to_string(wire::limits::addresses_per_device) +
                     " addresses");
    }
    for (const auto& one : *texts) {
        if (auto good = check_address(one, true); !good) {
            return good;
        }
    }
    into.node.advertise = std::move(*texts);
    return {};
}

result<void> read_roles(const toml::node& value, config& into) {
    const auto names = texts_of(value);
    if (!names) {
        return fail(names.error());
    }
    std::uint32_t roles = 0;
    for (const auto& name : *names) {
        const auto bit = node::role_bit(name);
        if (!bit) {
            return wrong("\"" + name +
                         "\" is none of the roles \"edge\", \"rendezvous\", \"backup\" and "
                         "\"registry\"");
        }
        roles |= *bit;
    }
    if (roles == 0) {
        return wrong(
            "name one role at least: \"edge\", \"rendezvous\", \"backup\" or \"registry\"");
    }
    into.node.roles = roles;
    return {};
}

result<void> read_join(const toml::node& value, config& into) {
    auto text = text_of(value);
    if (!text) {
        return fail(text.error());
    }
    if (const auto invitation = node::parse_invitation(*text); !invitation) {
        return fail(invitation.error());
    }
    into.node.join = std::move(*text);
    return {};
}

result<void> read_lan_search(const toml::node& value, config& into) {
    return yes_or_no_of(value).map([&](bool yes) { into.lan_search = yes; });
}

result<void> read_port_mapping(const toml::node& value, config& into) {
    static constexpr std::array<std::pair<std::string_view, bool>, 2> words{
        {{"auto", true}, {"off", false}}};
    return word_of(value, words).map([&](bool yes) { into.port_mapping = yes; });
}

result<void> read_enrolment(const toml::node& value, config& into) {
    static constexpr std::array<std::pair<std::string_view, bool>, 2> words{
        {{"open", true}, {"invited", false}}};
    return word_of(value, words).map([&](bool open) { into.node.enrolment_open = open; });
}

result<void> read_reach(const toml::node& value, config& into) {
    static constexpr std::array<std::pair<std::string_view, net::reach>, 3> words{
        {{"automatic", net::reach::automatic},
         {"direct_only", net::reach::direct_only},
         {"relay_only", net::reach::relay_only}}};
    return word_of(value, words).map([&](net::reach how) { into.node.reach = how; });
}

result<void> read_profile(const toml::node& value, config& into) {
    using profile = overlay::bootstrap::profile;
    static constexpr std::array<std::pair<std::string_view, profile>, 3> words{
        {{"default", profile::usual},
         {"report", profile::report},
         {"lan-test", profile::lan_test}}};
    return word_of(value, words).map([&](profile which) { into.node.profile = which; });
}

result<void> read_without_rendezvous(const toml::node& value, config& into) {
    using node::without_rendezvous;
    static constexpr std::array<std::pair<std::string_view, without_rendezvous>, 3> words{
        {{"wait", without_rendezvous::wait},
         {"exit", without_rendezvous::exit},
         {"promote", without_rendezvous::promote}}};
    return word_of(value, words).map([&](without_rendezvous what) {
        into.node.on_no_rendezvous = what;
    });
}

result<void> read_resolver_policy(const toml::node& value, config& into) {
    using overlay::resolver_policy;
    static constexpr std::array<std::pair<std::string_view, resolver_policy>, 3> words{
        {{"centralised", resolver_policy::centralised},
         {"decentralised", resolver_policy::decentralised},
         {"hybrid", resolver_policy::hybrid}}};
    return word_of(value, words).map([&](resolver_policy which) { into.node.resolves = which; });
}

result<void> read_edges_max(const toml::node& value, config& into) {
    return number_of(value, 1, static_cast<std::int64_t>(wire::limits::sessions))
        .map([&](std::int64_t n) { into.node.edges_max = static_cast<std::uint32_t>(n); });
}

result<void> read_rendezvous_min(const toml::node& value, config& into) {
    constexpr std::int64_t most = 1'000;
    return number_of(value, 0, most).map([&](std::int64_t n) {
        into.node.rendezvous_min = static_cast<std::uint32_t>(n);
    });
}

result<void> read_open_command(const toml::node& value, config& into) {
    auto texts = texts_of(value);
    if (!texts) {
        return fail(texts.error());
    }
    if (!texts->empty() && !texts->front().starts_with('/')) {
        return wrong("\"" + texts->front() + "\" must be an absolute path, beginning with /");
    }
    into.open_command = std::move(*texts);
    return {};
}

result<void> read_heartbeat(const toml::node& value, config& into) {
    return number_of(value, 1, 300).map([&](std::int64_t n) {
        into.node.heartbeat = std::chrono::seconds(n);
    });
}

}  // namespace calbox::daemon
