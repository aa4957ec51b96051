// Routes about the page: where it is, and links that sign a browser in.
#include "api_calls.hpp"
#include "web_files.hpp"
#include "web_sessions.hpp"

namespace calbox::daemon {

namespace {

std::string address_of(const call& one) {
    const std::string& authority = one.pages.authority();
    return authority.empty() ? std::string() : "http://" + authority + "/";
}

}  // namespace

outcome get_web(call& one) {
    json door;
    if (const auto& open = one.pages.door()) {
        door = {{"address", open->address},
                {"fingerprint", open->fingerprint},
                {"until", model::utc_text(open->until)},
                {"own_certificate", open->own_certificate}};
    }
    co_return json_response(
        200, {{"address", address_of(one)}, {"built", page_is_built()}, {"door", door}});
}

outcome post_web(call& one) {
    auto read = co_await one.nothing();
    if (!read) {
        co_return fail(std::move(read.error()));
    }
    if (one.pages.authority().empty()) {
        co_return fail(errc::unavailable,
                       "the page is switched off: web.listen in the daemon's configuration");
    }
    if (!page_is_built()) {
        co_return fail(errc::unavailable, "this build has no page");
    }
    web_sessions::owner who;
    const bool named = one.line.asked().find("calbox-user") != nullptr;
    if (named || !one.on.account.signed_in().empty()) {
        const auto user = one.user();
        if (!user) {
            co_return fail(user.error());
        }
        who = *user;
    }
    co_return json_response(201, {{"url", address_of(one) + "#link=" + one.pages.make_link(who)}});
}

}  // namespace calbox::daemon
