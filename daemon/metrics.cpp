#include "metrics.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace calbox::daemon {

namespace {

/// A label's value, as the exposition format escapes it.
std::string escaped(std::string_view text) {
    std::string made;
    for (const char letter : text) {
        if (letter == '\n') {
            made += "\\n";
            continue;
        }
        if (letter == '\\' || letter == '"') {
            made += '\\';
        }
        made += letter;
    }
    return made;
}

double seconds(duration took) { return std::chrono::duration<double>(took).count(); }

void gauge(std::string& text, std::string_view name, std::string_view help, double value) {
    text += fmt::format("# HELP {0} {1}\n# TYPE {0} gauge\n{0} {2}\n", name, help, value);
}

void counter(std::string& text, std::string_view name, std::string_view help, std::uint64_t value) {
    text += fmt::format("# HELP {0} {1}\n# TYPE {0} counter\n{0} {2}\n", name, help, value);
}

void by_source(std::string& text, std::string_view name, std::string_view help,
               std::uint64_t friends, std::uint64_t backups) {
    text += fmt::format(
        "# HELP {0} {1}\n# TYPE {0} counter\n{0}{{from=\"friends\"}} {2}\n"
        "{0}{{from=\"backups\"}} {3}\n",
        name, help, friends, backups);
}

}  // namespace

void metrics::count(std::string_view method, int status, duration took) {
    static constexpr std::array usual = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
    const bool known = std::find(usual.begin(), usual.end(), method) != usual.end();
    row& counted = rows_[{std::string(known ? method : "other"), status}];
    ++counted.requests;
    counted.took += took;
}

std::string metrics::text(const node::status_view& status, std::size_t peers) const {
    std::string text = fmt::format(
        "# HELP calbox_build The version that runs.\n# TYPE calbox_build gauge\n"
        "calbox_build{{version=\"{}\"}} 1\n",
        escaped(status.version));
    const auto number = [](std::uint64_t value) { return static_cast<double>(value); };
    gauge(text, "calbox_uptime_seconds", "Time since the daemon started.", status.uptime_seconds);
    gauge(text, "calbox_connected", "1 while the node has its place in the network.",
          status.state == "connected" ? 1 : 0);
    gauge(text, "calbox_caught_up", "1 when what was missed has been pulled.",
          status.caught_up ? 1 : 0);
    gauge(text, "calbox_peers", "Peers with an open session.", number(peers));
    gauge(text, "calbox_users", "Users signed in on this device.", number(status.users.size()));
    gauge(text, "calbox_events", "Events held.", number(status.events));
    gauge(text, "calbox_files", "Files held.", number(status.files));
    gauge(text, "calbox_file_bytes", "Bytes of the files held.", number(status.file_bytes));
    gauge(text, "calbox_outbox", "Deliveries that are still owed.", number(status.outbox));
    gauge(text, "calbox_edges", "Leases that others hold of this rendezvous.", number(status.edges));
    if (status.backing) {
        gauge(text, "calbox_unneeded_file_bytes",
              "Bytes of the files of a backup that nobody needs, and that wait to be erased.",
              number(status.backing->unneeded_bytes));
        counter(text, "calbox_erased_file_bytes_total",
                "Bytes of the files that a backup has erased.", status.backing->erased_bytes);
    }
    counter(text, "calbox_recovery_exchanges_total", "Recovery exchanges that have ended.",
            status.recovery.exchanges);
    by_source(text, "calbox_recovery_envelopes_total", "Envelopes that recovery brought.",
              status.recovery.friends.envelopes, status.recovery.backups.envelopes);
    by_source(text, "calbox_recovery_bytes_total", "Bytes of the answers in recovery.",
              status.recovery.friends.bytes, status.recovery.backups.bytes);
    text +=
        "# HELP calbox_requests_total Requests answered on the API.\n"
        "# TYPE calbox_requests_total counter\n";
    for (const auto& [key, counted] : rows_) {
        text += fmt::format("calbox_requests_total{{method=\"{}\",status=\"{}\"}} {}\n", key.first,
                            key.second, counted.requests);
    }
    text +=
        "# HELP calbox_request_seconds_total Time taken by the requests answered.\n"
        "# TYPE calbox_request_seconds_total counter\n";
    for (const auto& [key, counted] : rows_) {
        text += fmt::format("calbox_request_seconds_total{{method=\"{}\",status=\"{}\"}} {:.6f}\n",
                            key.first, key.second, seconds(counted.took));
    }
    return text;
}

}  // namespace calbox::daemon
