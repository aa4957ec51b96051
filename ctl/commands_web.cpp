// web: the page, signed in.
#include "context.hpp"
#include "text.hpp"

namespace calbox::ctl {

namespace {

/// Where browsers of other machines come in, and by what they know that it is this host.
answer<void> show_door(context& with) {
    const auto found = with.api.get("/v1/web");
    if (!found) {
        return refuse(found.error());
    }
    const auto door = found->find("door");
    if (door == found->end() || !door->is_object()) {
        return refuse("unavailable",
                      "there is no door for other machines: see [web.door] in the configuration");
    }
    if (with.out.json()) {
        with.out.document(*door);
        return {};
    }
    with.out.field("address", clean(text_of(*door, "address")));
    with.out.field("certificate", truth_of(*door, "own_certificate")
                                      ? "vouches for itself: compare this before you trust it"
                                      : "as configured");
    with.out.field("SHA-256", clean(text_of(*door, "fingerprint")));
    with.out.field("good until", clean(text_of(*door, "until")));
    return {};
}

answer<void> open_web(context& with) {
    if (with.values.has("door")) {
        return show_door(with);
    }
    const auto made = with.api.send_json("POST", "/v1/web", json::object());
    if (!made) {
        return refuse(made.error());
    }
    if (with.out.json()) {
        with.out.document(*made);
        return {};
    }
    const std::string url = text_of(*made, "url");
    if (!with.values.has("print")) {
        const auto opened = open_page(with.world, with.api.socket_path(), url);
        if (opened) {
            with.out.done("Opened in your browser; the link is good once, for a minute");
            return {};
        }
        with.out.note(opened.error().detail + "; open this, within a minute:");
    }
    with.out.line(clean(url));
    return {};
}

}  // namespace

std::vector<command> web_commands() {
    return {{.path = "web",
             .summary = "Opens the page in your browser, signed in",
             .arguments = {},
             .options = {{.name = "print",
                          .brief = {},
                          .value = {},
                          .help = "print the address instead; it is good once, for a minute"},
                         {.name = "door",
                          .brief = {},
                          .value = {},
                          .help = "where browsers of other machines sign in, and the certificate"}},
             .examples = {{"web", "the calendar, in the browser"},
                          {"web --print", "for another browser of this machine"},
                          {"web --door", "for your phone, where [web.door] is configured"}},
             .details = "The page comes from this machine's daemon and is reached from this "
                        "machine only. Its address is in calboxctl status. A door for other "
                        "machines, over TLS, is opened in the configuration ([web.door]): people "
                        "sign in there by name and password, and this host holds their keys.",
             .run = open_web}};
}

}  // namespace calbox::ctl
