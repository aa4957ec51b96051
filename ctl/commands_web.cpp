// web: the page, signed in.
#include "context.hpp"
#include "text.hpp"

namespace calbox::ctl {

namespace {

answer<void> open_web(context& with) {
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
                          .help = "print the address instead; it is good once, for a minute"}},
             .examples = {{"web", "the calendar, in the browser"},
                          {"web --print", "for another browser of this machine"}},
             .details = "The page comes from this machine's daemon and is reached from this "
                        "machine only. Its address is in calboxctl status.",
             .run = open_web}};
}

}  // namespace calbox::ctl
