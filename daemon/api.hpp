// The API of docs/api.md: finds the route of a request, has it done by the services, and turns what
// they say into answers. Owned by the composition root; core thread only.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "folder_sync.hpp"
#include "http.hpp"
#include "metrics.hpp"

namespace calbox::daemon {

class web_sessions;

class api final : public http::handler {
public:
    /// The services outlive the API, and so do the sessions of the page, which make its links.
    /// `stop` has the daemon end in good order, after the answers that are on their way. `folder`
    /// says how it stands with the folder of coming events.
    api(const environment& env, node::services on, web_sessions& pages, std::function<void()> stop,
        std::function<folder_view()> folder);

    /// Answers exactly once, whatever happens; only cancellation leaves it by an exception.
    task<void> serve(http::exchange& line) override;

    /// "GET", "/v1/friends/{name}"
    struct route_name {
        std::string_view method, path;
    };
    /// All of them, for the test that holds docs/openapi.json against the table.
    static std::vector<route_name> routes();

private:
    task<result<http::response>> dispatch(http::exchange& line);

    const environment& env_;
    node::services on_;
    web_sessions& pages_;
    std::function<void()> stop_;
    std::function<folder_view()> folder_;
    metrics metrics_;
};

/// docs/openapi.json, as it was when this was built.
std::string_view openapi_document() noexcept;

}  // namespace calbox::daemon
