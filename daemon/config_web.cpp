#include "config_web.hpp"

#include <algorithm>

#include "net/tcp_real.hpp"

namespace calbox::daemon {

namespace {

result<asio::ip::tcp::endpoint> endpoint_of(const toml::node& value) {
    const auto text = text_of(value);
    const auto parts = text ? net::split_address(*text) : fail(text.error());
    if (!parts) {
        return fail(parts.error());
    }
    boost::system::error_code problem;
    const auto host =
        asio::ip::make_address(parts->first == "localhost" ? "127.0.0.1" : parts->first, problem);
    if (problem) {
        return wrong("\"" + *text + "\" needs an address of this machine before the port");
    }
    return asio::ip::tcp::endpoint(host, static_cast<std::uint16_t>(std::stoul(parts->second)));
}

bool is_host(const std::string& name) {
    boost::system::error_code no_address;
    asio::ip::make_address(name, no_address);
    const bool letters = std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
    });
    return !no_address || (letters && !name.empty() && name.size() <= 253);
}

}  // namespace

/// Beyond this machine everybody could read what is said: that needs the door's TLS.
result<void> read_web(const toml::node& value, config& into) {
    const auto text = text_of(value);
    if (text && *text == "off") {
        into.web.reset();
        return {};
    }
    const auto where = endpoint_of(value);
    if (!where) {
        return fail(where.error());
    }
    if (!where->address().is_loopback()) {
        return wrong("\"" + *text +
                     "\" is not of this machine: write \"127.0.0.1:0\", another port, "
                     "\"[::1]:0\", or \"off\"; for other machines there is [web.door]");
    }
    into.web = *where;
    return {};
}

result<void> read_door_listen(const toml::node& value, config& into) {
    return endpoint_of(value).map(
        [&](const asio::ip::tcp::endpoint& where) { into.door.listen = where; });
}

result<void> read_door_names(const toml::node& value, config& into) {
    auto names = texts_of(value);
    if (!names) {
        return fail(names.error());
    }
    for (const std::string& one : *names) {
        if (!is_host(one)) {
            return wrong("\"" + one +
                         "\" is no host name in small letters, and no address without a port");
        }
    }
    into.door.names = std::move(*names);
    return {};
}

result<void> read_door_certificate(const toml::node& value, config& into) {
    return path_of(value).map([&](const auto& path) { into.door.certificate.certificate = path; });
}

result<void> read_door_key(const toml::node& value, config& into) {
    return path_of(value).map([&](const auto& path) { into.door.certificate.key = path; });
}

result<void> read_door_register(const toml::node& value, config& into) {
    return yes_or_no_of(value).map([&](bool yes) { into.door.registers = yes; });
}

result<void> complete_door(web_door& door) {
    if (door.certificate.certificate.empty() != door.certificate.key.empty()) {
        return wrong(
            "web.door.certificate and web.door.key belong together: name both, or neither");
    }
    if (!door.listen) {
        const bool meant = !door.names.empty() || !door.certificate.key.empty();
        return meant ? wrong("web.door.listen is missing, for example \"0.0.0.0:8443\"")
                     : result<void>();
    }
    if (!door.listen->address().is_unspecified()) {
        const std::string own = door.listen->address().to_string();
        if (std::ranges::find(door.names, own) == door.names.end()) {
            door.names.push_back(own);
        }
    }
    if (door.names.empty()) {
        return wrong(
            "web.door.names is missing: by which host names and addresses do browsers ask for it?");
    }
    return {};
}

}  // namespace calbox::daemon
