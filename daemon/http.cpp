#include "http.hpp"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

namespace calbox::http {

exchange::~exchange() = default;
handler::~handler() = default;

const std::string* request::find(std::string_view name) const noexcept {
    const auto found =
        std::find_if(head.begin(), head.end(), [&](const field& one) { return one.name == name; });
    return found == head.end() ? nullptr : &found->value;
}

std::size_t request::count(std::string_view name) const noexcept {
    return static_cast<std::size_t>(std::count_if(
        head.begin(), head.end(), [&](const field& one) { return one.name == name; }));
}

int status_of(errc code) noexcept {
    switch (code) {
        case errc::ok:
            return 200;
        case errc::invalid_argument:
        case errc::malformed:
        case errc::unsupported:
            return 400;
        case errc::unauthorised:
            return 401;
        case errc::forbidden:
            return 403;
        case errc::not_found:
            return 404;
        case errc::already_exists:
        case errc::busy:
            return 409;
        case errc::conflict:
            return 412;
        case errc::too_large:
            return 413;
        case errc::queue_full:
            return 429;
        case errc::cancelled:
            return 499;
        case errc::disk_full:
            return 507;
        case errc::unavailable:
        case errc::offline:
        case errc::not_caught_up:
        case errc::closed:
            return 503;
        case errc::timed_out:
            return 504;
        case errc::internal:
        case errc::io_failed:
        case errc::mismatch:
            break;
    }
    return 500;
}

std::string_view reason_of(int status) noexcept {
    struct entry {
        int status;
        std::string_view reason;
    };
    static constexpr std::array known = {
        entry{200, "OK"},
        entry{201, "Created"},
        entry{204, "No Content"},
        entry{206, "Partial Content"},
        entry{400, "Bad Request"},
        entry{401, "Unauthorized"},
        entry{403, "Forbidden"},
        entry{404, "Not Found"},
        entry{405, "Method Not Allowed"},
        entry{408, "Request Timeout"},
        entry{409, "Conflict"},
        entry{412, "Precondition Failed"},
        entry{413, "Content Too Large"},
        entry{415, "Unsupported Media Type"},
        entry{416, "Range Not Satisfiable"},
        entry{429, "Too Many Requests"},
        entry{431, "Request Header Fields Too Large"},
        entry{499, "Client Closed Request"},
        entry{500, "Internal Server Error"},
        entry{503, "Service Unavailable"},
        entry{504, "Gateway Timeout"},
        entry{507, "Insufficient Storage"},
    };
    const auto found = std::find_if(known.begin(), known.end(),
                                    [&](const entry& one) { return one.status == status; });
    return found == known.end() ? std::string_view() : found->reason;
}

response problem(const error& what) { return problem(status_of(what.code), what); }

response problem(int status, const error& what) {
    const nlohmann::json document = {
        {"type", "about:blank"},        {"title", to_sentence(what.code)}, {"status", status},
        {"code", to_string(what.code)}, {"detail", what.message()},
    };
    response made;
    made.status = status;
    made.head.push_back({"Content-Type", "application/problem+json"});
    made.body = document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    return made;
}

}  // namespace calbox::http
