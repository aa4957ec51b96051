// The route that finds events.
#include <charconv>

#include "api_calls.hpp"
#include "model/times.hpp"

namespace calbox::daemon {

namespace {

constexpr std::size_t usual_limit = 50, limit_most = 500;

result<std::size_t> limit_of(const std::string* text) {
    if (text == nullptr) {
        return usual_limit;
    }
    std::size_t limit = 0;
    const auto [end, problem] = std::from_chars(text->data(), text->data() + text->size(), limit);
    if (problem != std::errc() || end != text->data() + text->size() || limit == 0 ||
        limit > limit_most) {
        return fail(errc::invalid_argument, "limit is a number from 1 to 500");
    }
    return limit;
}

}  // namespace

json to_json(const node::found_view& view) {
    json matches = json::array();
    for (const node::field_match& one : view.matches) {
        json parts = json::array();
        for (const node::match_part& part : one.parts) {
            parts.push_back({{"text", part.text}, {"hit", part.hit}});
        }
        matches.push_back({{"field", one.field}, {"parts", parts}});
    }
    json made = times_of(view.content.time, view.utc);
    made.update({{"id", view.id_text},
                 {"title", view.content.title},
                 {"place", view.content.place},
                 {"organizer", view.organizer},
                 {"matches", matches}});
    return made;
}

outcome get_search(call& one) {
    if (auto known = one.only({"q", "limit"}); !known) {
        co_return fail(std::move(known.error()));
    }
    const auto as = one.user();
    if (!as) {
        co_return fail(as.error());
    }
    const auto limit = limit_of(one.asked_for("limit"));
    if (!limit) {
        co_return fail(limit.error());
    }
    const std::string* const words = one.asked_for("q");
    const auto found =
        co_await one.on.search.find(*as, words == nullptr ? std::string() : *words, *limit);
    if (!found) {
        co_return fail(found.error());
    }
    co_return json_response(200, {{"found", list_of(*found)}});
}

}  // namespace calbox::daemon
