// What the daemon counts of itself, as Prometheus reads it. Owned by the API; core thread only.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "node/services.hpp"

namespace calbox::daemon {

class metrics {
public:
    /// One request was answered. Methods beside the usual ones are counted as "other", so that
    /// nobody can make labels.
    void count(std::string_view method, int status, duration took);
    /// Text of version 0.0.4 of the exposition format.
    std::string text(const node::status_view& status, std::size_t peers) const;

private:
    struct row {
        std::uint64_t requests = 0;
        duration took{};
    };
    std::map<std::pair<std::string, int>, row> rows_;
};

}  // namespace calbox::daemon
