// What stands before the API on the loopback address: finds out which browser asks and for whom,
// refuses what another site or another program makes a browser ask, hands out the page, and passes
// the rest on to the API as that user's requests. Owned by the composition root; core thread only.
#pragma once

#include <vector>

#include "http.hpp"
#include "web_sessions.hpp"

namespace calbox::daemon {

class web_gate final : public http::handler {
public:
    /// All of them outlive the gate.
    web_gate(const environment& env, node::services on, web_sessions& sessions, http::handler& api)
        : env_(env), on_(on), sessions_(sessions), api_(api) {}

    task<void> serve(http::exchange& line) override;

private:
    class guarded;

    task<result<http::response>> dispatch(guarded& line);
    task<result<http::response>> session(guarded& line);
    task<result<http::response>> sign_in(guarded& line);
    task<result<std::string>> open_session(std::optional<std::string> link,
                                           std::optional<std::string> name,
                                           std::optional<std::string> password, bool create);
    result<void> comes_from_page(const http::request& asked, bool is_api) const;
    result<void> may_try_passwords();
    std::string secret_in(const http::request& asked) const;
    std::optional<web_sessions::owner> owner_of(const http::request& asked);
    http::response who_response(int status, const web_sessions::owner& who) const;
    std::string cookie(std::string_view secret, std::int64_t seconds) const;

    const environment& env_;
    node::services on_;
    web_sessions& sessions_;
    http::handler& api_;
    std::vector<instant> tries_;  // of passwords, within the last minute
};

}  // namespace calbox::daemon
