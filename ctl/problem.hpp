// What went wrong, in the words of docs/api.md, and the exit status that belongs to each word.
// Values only; any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace calbox::ctl {

/// `code` is a word of docs/api.md ("not_found"), or "no_daemon", which only calboxctl itself uses.
/// `detail` is one sentence without a full stop that stands alone.
struct problem {
    std::string code;
    std::string detail;
    std::string document{};  // the daemon's whole answer, where it has more to say: JSON
};

template <class T>
using answer = tl::expected<T, problem>;

inline tl::unexpected<problem> refuse(std::string code, std::string detail) {
    return tl::unexpected<problem>(problem{std::move(code), std::move(detail)});
}
inline tl::unexpected<problem> refuse(problem why) {
    return tl::unexpected<problem>(std::move(why));
}

constexpr int exit_done = 0;
constexpr int exit_usage = 2;

/// The exit status for a code; 1 for a word that is not in the table.
int exit_status(std::string_view code) noexcept;

}  // namespace calbox::ctl
