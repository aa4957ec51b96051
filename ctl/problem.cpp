#include "problem.hpp"

#include <array>

namespace calbox::ctl {

namespace {

struct status_of_code {
    std::string_view code;
    int status;
};

constexpr std::array statuses{
    status_of_code{"invalid_argument", 2}, status_of_code{"too_large", 2},
    status_of_code{"no_daemon", 3},        status_of_code{"not_found", 4},
    status_of_code{"already_exists", 5},   status_of_code{"busy", 5},
    status_of_code{"conflict", 5},         status_of_code{"unauthorised", 6},
    status_of_code{"forbidden", 6},        status_of_code{"unavailable", 7},
    status_of_code{"offline", 7},          status_of_code{"not_caught_up", 7},
    status_of_code{"closed", 7},           status_of_code{"timed_out", 8},
    status_of_code{"cancelled", 130},
};

}  // namespace

int exit_status(std::string_view code) noexcept {
    for (const auto& one : statuses) {
        if (one.code == code) {
            return one.status;
        }
    }
    return 1;
}

}  // namespace calbox::ctl
