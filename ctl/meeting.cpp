#include "meeting.hpp"

#include <fmt/format.h>

#include "event_text.hpp"
#include "text.hpp"

namespace calbox::ctl {

bool wants_merged(context& with, const problem& why) {
    const auto refusal = json::parse(why.document, nullptr, false);
    const auto current = refusal.is_object() ? refusal.value("current", json()) : json();
    if (why.code != "conflict" || !current.is_object()) {
        return false;
    }
    with.out.note("the event as it is now:");
    with.out.note(event_form(current));
    const auto differing = refusal.value("fields", json());
    const auto names = [&](const char* key) { return clean(joined(texts_of(differing, key))); };
    if (differing.is_object()) {
        with.out.note(fmt::format("you changed: {}; changed meanwhile, last by {}: {}",
                                  names("mine"), clean(text_of(current, "written_by")),
                                  names("theirs")));
    }
    if (!truth_of(refusal, "mergeable")) {
        return false;
    }
    if (with.values.has("merge")) {
        return true;
    }
    const auto said = ask_line(with.world, "Both fit together. Save them? [Y/n] ");
    if (!said) {
        with.out.note("both fit together: with --merge they are saved");
        return false;
    }
    return said->empty() || *said == "y" || *said == "Y" || *said == "yes";
}

}  // namespace calbox::ctl
