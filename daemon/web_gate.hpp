// What stands before the API where browsers ask: finds out which browser it is and for whom,
// refuses what another site or another program makes a browser ask, hands out the page, and passes
// the rest on to the API as that user's requests. One on loopback, another where other machines
// come over TLS. Owned by web_doors; core thread only.
#pragma once

#include <vector>

#include "http.hpp"
#include "web_sessions.hpp"

namespace calbox::daemon {

/// Where a gate stands.
struct gate_place {
    /// What browsers ask for, with the port: "127.0.0.1:4000". The first is told in sentences.
    std::vector<std::string> hosts;
    bool for_others = false;  // other machines come here, over TLS
    bool registers = true;    // people may make accounts here
};

class web_gate final : public http::handler {
public:
    /// All of them outlive the gate.
    web_gate(const environment& env, node::services on, web_sessions& sessions, http::handler& api)
        : env_(env), on_(on), sessions_(sessions), api_(api) {}

    /// Before the first request.
    void stand_at(gate_place place) { place_ = std::move(place); }

    task<void> serve(http::exchange& line) override;

private:
    class guarded;

    task<result<http::response>> dispatch(guarded& line);
    task<result<http::response>> session(guarded& line);
    task<result<http::response>> sign_in(guarded& line);
    struct entry;
    task<result<std::string>> open_session(entry by, std::string from);
    result<void> comes_from_page(const http::request& asked, bool is_api) const;
    result<void> may_try_passwords(const std::string& from);
    std::string scheme() const { return place_.for_others ? "https://" : "http://"; }
    std::string cookie_name() const;
    std::string secret_in(const http::request& asked) const;
    std::optional<web_sessions::owner> owner_of(const http::request& asked);
    http::response who_response(int status, const web_sessions::owner& who) const;
    std::string cookie(std::string_view secret, std::int64_t seconds) const;

    const environment& env_;
    node::services on_;
    web_sessions& sessions_;
    http::handler& api_;
    gate_place place_;
    struct try_of_password {
        instant when;
        std::string from;  // the host, or the network of an IPv6 one
    };
    std::vector<try_of_password> tries_;  // within the last minute
};

}  // namespace calbox::daemon
