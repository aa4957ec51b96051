#include "changed_event.hpp"

#include <fmt/format.h>

#include "event_text.hpp"
#include "text.hpp"

namespace calbox::ctl {

namespace {

constexpr std::size_t overlaps_shown_max = 10;

/// Says which events share the time; not with --json, where the event itself names them.
void print_overlaps(context& with, const json& event) {
    if (with.out.json()) {
        return;
    }
    const auto others = texts_of(event, "conflicts");
    for (std::size_t i = 0; i < others.size() && i < overlaps_shown_max; ++i) {
        const auto target = event_target(others[i]);
        const auto other = target ? with.api.get(*target) : answer<json>(json::object());
        with.out.note(
            with.out.paint(colour::plain, "overlaps ") +
            (other && other->contains("id") ? event_line(*other, with.mine) : clean(others[i])));
    }
    if (others.size() > overlaps_shown_max) {
        with.out.note(fmt::format("and {} more: calboxctl events conflicts",
                                  others.size() - overlaps_shown_max));
    }
}

}  // namespace

void print_event(context& with, std::string_view verb, const json& event) {
    if (with.out.json()) {
        with.out.document(event);
    } else if (with.out.quiet()) {
        with.out.line(clean(text_of(event, "id")));
    } else {
        with.out.line(fmt::format("{} {}", verb, event_line(event, with.mine)));
    }
}

void print_changed(context& with, std::string_view verb, const json& event) {
    print_event(with, verb, event);
    print_overlaps(with, event);
}

}  // namespace calbox::ctl
