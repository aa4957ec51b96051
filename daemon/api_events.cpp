// Routes about events. Versions are ETags: "1-3" is generation 1, version 3.
#include <algorithm>
#include <charconv>

#include "api_calls.hpp"
#include "model/categories.hpp"

namespace calbox::daemon {

namespace {

std::string tag_of(const node::event_view& event) {
    return "\"" + std::to_string(event.generation.value) + "-" +
           std::to_string(event.version.value) + "\"";
}

std::vector<node::file_view> files_named(const node::event_view& event) {
    std::vector<node::file_view> named;
    for (const model::attachment& file : event.content.files) {
        node::file_view view;
        view.what = file;
        view.held = "elsewhere";
        named.push_back(std::move(view));
    }
    return named;
}

/// The event's files as they are here; as the event names them, when that cannot be said.
std::vector<node::file_view> files_of(const call& one, user_id as, const node::event_view& event) {
    if (event.content.files.empty()) {
        return {};
    }
    auto known = one.on.file.list(as, event.id);
    if (!known) {
        return files_named(event);
    }
    std::erase_if(*known, [&](const node::file_view& file) {  // of other times of a series
        const auto& all = event.content.files;
        return std::ranges::find(all, file.what.root, &model::attachment::root) == all.end();
    });
    return std::move(*known);
}

json document_of(const call& one, user_id as, const node::event_view& event) {
    return to_json(event, files_of(one, as, event));
}

/// The tags of an If-Match field, with their quotes. malformed when it is something else.
result<std::vector<std::string>> tags_in(std::string_view text) {
    std::vector<std::string> tags;
    const auto skip = [&] {
        text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
    };
    skip();
    while (!text.empty()) {
        const auto end = text.starts_with('"') ? text.find('"', 1) : std::string_view::npos;
        if (end == std::string_view::npos) {
            break;
        }
        tags.emplace_back(text.substr(0, end + 1));
        text.remove_prefix(end + 1);
        skip();
        if (text.empty()) {
            return tags;
        }
        if (!text.starts_with(',')) {
            break;
        }
        text.remove_prefix(1);
        skip();
    }
    return fail(errc::malformed,
                "If-Match must be the ETag of the event as it was read, as in \"1-3\"");
}

}  // namespace

http::response event_response(const call& one, user_id as, int status,
                              const node::event_view& event) {
    http::response made = json_response(status, document_of(one, as, event));
    made.head.push_back({"ETag", tag_of(event)});
    return made;
}

http::response new_event_response(const call& one, user_id as, const node::event_view& event) {
    http::response answer = event_response(one, as, 201, event);
    const auto slash = event.id_text.rfind('/');
    if (slash != std::string::npos) {
        answer.head.push_back({"Location", "/v1/events/" + encoded(event.id_text.substr(0, slash)) +
                                               "/" + encoded(event.id_text.substr(slash + 1))});
    }
    return answer;
}

result<std::optional<version_number>> expected(const call& one, user_id as, event_id which) {
    const std::string* const field = one.line.asked().find("if-match");
    if (field == nullptr || *field == "*") {
        return std::optional<version_number>();
    }
    if (one.line.asked().count("if-match") > 1) {
        return fail(errc::malformed, "If-Match stands twice");
    }
    const auto tags = tags_in(*field);
    if (!tags) {
        return fail(tags.error());
    }
    const auto event = one.on.events.show(as, which);
    if (!event) {
        return fail(event.error());
    }
    if (std::find(tags->begin(), tags->end(), tag_of(*event)) == tags->end()) {
        return fail(errc::conflict, "the event was changed since it was read: it is at version " +
                                        std::to_string(event->version.value) +
                                        " now; read it again");
    }
    return std::optional(event->version);
}

namespace {

/// The version that a tag names, where it is one of the event's present generation.
std::optional<version_number> version_in(std::string_view tag, generation_number generation) {
    const std::string start = "\"" + std::to_string(generation.value) + "-";
    if (!tag.starts_with(start) || !tag.ends_with('"')) {
        return std::nullopt;
    }
    tag.remove_prefix(start.size());
    tag.remove_suffix(1);
    std::uint64_t number = 0;
    const auto [end, problem] = std::from_chars(tag.data(), tag.data() + tag.size(), number);
    return problem == std::errc() && end == tag.data() + tag.size()
               ? std::optional(version_number(number))
               : std::nullopt;
}

/// The version that the client has read and changed; nothing when If-Match does not say one.
std::optional<version_number> version_read(const call& one, user_id as, event_id which) {
    const std::string* const field = one.line.asked().find("if-match");
    const auto tags = field == nullptr ? fail(errc::not_found) : tags_in(*field);
    const auto event = one.on.events.show(as, which);
    return tags && tags->size() == 1 && event ? version_in(tags->front(), event->generation)
                                              : std::nullopt;
}

/// The version and the session that a change is to be made under.
result<node::edit_terms> terms_of(const call& one, user_id as, event_id which) {
    auto expect = expected(one, as, which);
    const std::string* const session = one.line.asked().find("calbox-lock");
    if (!expect) {
        return fail(std::move(expect.error()));
    }
    if (session != nullptr && !*expect) {
        return fail(errc::invalid_argument, "Calbox-Lock needs If-Match with the event's ETag");
    }
    return node::edit_terms(*expect, session == nullptr ? std::string() : *session);
}

/// The times of a series that the query names.
result<node::chosen_times> times_of(const call& one) {
    node::chosen_times times;
    const std::string* const id = one.asked_for("recurrence_id");
    const std::string* const scope = one.asked_for("scope");
    if (id != nullptr) {
        times = {*id, node::edit_scope::one};
    }
    if (scope == nullptr || *scope == "this" || *scope == "following" || *scope == "all") {
        if (scope != nullptr && *scope != "this") {
            times.scope = *scope == "all" ? node::edit_scope::all : node::edit_scope::following;
        }
    } else {
        return fail(errc::invalid_argument, "scope is this, following or all");
    }
    if (times.occurrence.empty() && (id != nullptr || (scope != nullptr && *scope != "all"))) {
        return fail(errc::invalid_argument,
                    "say which time of the series is meant: recurrence_id, as in "
                    "2026-05-03T14:00:00");
    }
    return times;
}

/// The same for a change that may be merged with what others have made of the event since.
result<node::edit_terms> terms_of_change(const call& one, user_id as, event_id which) {
    if (auto known = one.only({"merge", "recurrence_id", "scope"}); !known) {
        return fail(std::move(known.error()));
    }
    const std::string* const merge = one.asked_for("merge");
    if (merge != nullptr && *merge != "yes" && *merge != "no") {
        return fail(errc::invalid_argument, "merge is yes or no");
    }
    auto terms = terms_of(one, as, which);
    if (merge == nullptr || *merge == "no") {
        return terms;
    }
    if (terms && !terms->expect) {
        return fail(errc::invalid_argument,
                    "merge=yes needs If-Match with the ETag of the event as it was read");
    }
    const auto read = version_read(one, as, which);
    if (terms || terms.error().code != errc::conflict || !read) {
        return terms;
    }
    const std::string* const session = one.line.asked().find("calbox-lock");
    node::edit_terms merging(*read, session == nullptr ? std::string() : *session);
    merging.merge = true;
    return merging;
}

/// A refusal of a change because the event is another one now carries that event, and what the
/// client's was made from: whoever has written something sees both texts.
outcome refusal(const call& one, user_id as, event_id which, node::event_draft mine, error why) {
    http::response made = http::problem(why);
    const auto event = one.on.events.show(as, which);
    if (!event) {
        co_return made;
    }
    json document = json::parse(made.body);
    document["current"] = document_of(one, as, *event);
    made.head.push_back({"ETag", tag_of(*event)});
    result<node::meeting_view> met = fail(errc::not_found);
    if (const auto read = version_read(one, as, which)) {
        met = co_await one.on.events.compare(as, which, std::move(mine), *read);
    }
    document["mergeable"] = met && met->both.empty();
    if (met) {
        document["base"] = to_json(met->base, files_named(met->base));
        document["fields"] = {{"mine", met->mine}, {"theirs", met->theirs}, {"both", met->both}};
    }
    made.body = write_json(document);
    co_return made;
}

}  // namespace

outcome get_events(call& one) {
    const auto as = one.user();
    if (!as) {
        co_return fail(as.error());
    }
    if (auto known = one.only({"from", "to", "q", "category", "expand"}); !known) {
        co_return fail(std::move(known.error()));
    }
    const auto from = one.time_asked_for("from");
    const auto to = one.time_asked_for("to");
    if (!from || !to) {
        co_return fail(from ? to.error() : from.error());
    }
    node::event_query query{*from, *to, {}};
    if (const std::string* const text = one.asked_for("q")) {
        query.text = *text;
    }
    if (const std::string* const category = one.asked_for("category")) {
        query.category = model::category_set({*category}).front();  // without spaces around it
    }
    const std::string* const expand = one.asked_for("expand");
    if (expand != nullptr && *expand != "true" && *expand != "false") {
        co_return fail(errc::invalid_argument, "expand is true or false");
    }
    const auto found = expand != nullptr && *expand == "true"
                           ? one.on.events.occurrences(*as, query)
                           : result<std::vector<node::event_view>>(one.on.events.list(*as, query));
    if (!found) {
        co_return fail(found.error());
    }
    json list = json::array();
    for (const node::event_view& event : *found) {
        list.push_back(document_of(one, *as, event));
    }
    co_return json_response(200, {{"events", std::move(list)}});
}

outcome post_event(call& one) {
    const auto as = one.user();
    if (!as) {
        co_return fail(as.error());
    }
    const auto body = co_await one.document();
    if (!body) {
        co_return fail(body.error());
    }
    auto draft = read_draft(*body);
    if (!draft) {
        co_return fail(std::move(draft.error()));
    }
    const auto made = co_await one.on.events.create(*as, std::move(*draft));
    if (!made) {
        co_return fail(made.error());
    }
    co_return new_event_response(one, *as, *made);
}

outcome get_event(call& one) {
    const auto at = one.addressed();
    if (!at) {
        co_return fail(at.error());
    }
    const auto& [as, which] = *at;
    if (auto known = one.only({"recurrence_id"}); !known) {
        co_return fail(std::move(known.error()));
    }
    const std::string* const id = one.asked_for("recurrence_id");
    const auto event =
        id == nullptr ? one.on.events.show(as, which) : one.on.events.show_at(as, which, *id);
    if (!event) {
        co_return fail(event.error());
    }
    co_return event_response(one, as, 200, *event);
}

outcome patch_event(call& one) {
    const auto at = one.addressed();
    if (!at) {
        co_return fail(at.error());
    }
    const auto& [as, which] = *at;
    const auto body = co_await one.document();
    if (!body) {
        co_return fail(body.error());
    }
    auto draft = read_draft(*body);
    if (!draft) {
        co_return fail(std::move(draft.error()));
    }
    auto times = times_of(one);
    if (!times) {
        co_return fail(std::move(times.error()));
    }
    draft->times = std::move(*times);
    auto terms = terms_of_change(one, as, which);
    if (!terms && terms.error().code == errc::conflict) {
        co_return co_await refusal(one, as, which, std::move(*draft), terms.error());
    }
    if (!terms) {
        co_return fail(std::move(terms.error()));
    }
    const auto changed = co_await one.on.events.modify(as, which, *draft, std::move(*terms));
    if (!changed && changed.error().code == errc::conflict) {
        co_return co_await refusal(one, as, which, std::move(*draft), changed.error());
    }
    if (!changed) {
        co_return fail(changed.error());
    }
    if (changed->id != which) {  // the times that follow are an event of their own now
        co_return new_event_response(one, as, *changed);
    }
    co_return event_response(one, as, 200, *changed);
}

outcome delete_event(call& one) {
    const auto at = one.addressed();
    if (!at) {
        co_return fail(at.error());
    }
    const auto& [as, which] = *at;
    if (auto known = one.only({"recurrence_id", "scope"}); !known) {
        co_return fail(std::move(known.error()));
    }
    auto times = times_of(one);
    if (!times) {
        co_return fail(std::move(times.error()));
    }
    auto terms = terms_of(one, as, which);
    if (!terms) {
        co_return fail(std::move(terms.error()));
    }
    auto removed = co_await one.on.events.take_out(as, which, std::move(*times), std::move(*terms));
    co_return empty_response(removed);
}

outcome put_answer(call& one) {
    const auto at = one.addressed();
    if (!at) {
        co_return fail(at.error());
    }
    const auto& [as, which] = *at;
    auto word = co_await one.text("answer");
    if (!word) {
        co_return fail(std::move(word.error()));
    }
    const auto answer = model::participation_of(*word);
    if (!answer) {
        co_return fail(errc::invalid_argument,
                       "answer: it is none of accepted, tentative, declined");
    }
    const auto changed = co_await one.on.events.answer(as, which, *answer);
    if (!changed) {
        co_return fail(changed.error());
    }
    co_return event_response(one, as, 200, *changed);
}

outcome get_conflicts(call& one) {
    const auto as = one.user();
    if (!as) {
        co_return fail(as.error());
    }
    json list = json::array();
    for (const auto& [first, second] : one.on.events.conflicts(*as)) {
        list.push_back(json::array({document_of(one, *as, first), document_of(one, *as, second)}));
    }
    co_return json_response(200, {{"conflicts", std::move(list)}});
}

}  // namespace calbox::daemon
