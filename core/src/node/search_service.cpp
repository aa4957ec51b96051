#include "node/search_service.hpp"

#include <algorithm>

namespace calbox::node {

namespace {

constexpr std::size_t typed_most = 1'000;  // bytes
constexpr std::size_t indexed_at_once = 50;

std::string lines_of(const std::vector<std::string>& texts) {
    std::string made;
    for (const std::string& text : texts) {
        made += (made.empty() ? "" : "\n") + text;
    }
    return made;
}

}  // namespace

searches::~searches() = default;

search_service::search_service(const environment& env, const replica::replicator& replica,
                               opened_events& opened, const people& names)
    : env_(env), replica_(replica), opened_(opened), people_(names) {
    opened_.forgotten = [this](const std::optional<event_id>& which) { changed(which); };
}

void search_service::changed(const std::optional<event_id>& which) {
    if (!index_) {
        return;
    }
    if (which) {
        behind_.insert(*which);
    } else {
        index_.reset();
        behind_.clear();
    }
}

/// As some user of this device reads it; nothing when none of them may.
std::optional<indexed_text> search_service::text_of(const event_id& which) {
    const replica::held_event* const held = replica_.events().find(which);
    if (held == nullptr) {
        return std::nullopt;
    }
    for (const account_view& user : people_.accounts().signed_in()) {
        if (!held->header.involves(user.id)) {
            continue;
        }
        const auto opened = opened_.open(which, user.id);
        if (!opened) {
            return std::nullopt;
        }
        const model::event_content& content = (*opened)->content;
        std::vector<std::string> labels, names = content.participants;
        names.push_back(content.organizer);
        for (const model::attachment& file : content.files) {
            labels.push_back(file.name);
        }
        return indexed_text{content.title,   content.info,     content.place,
                            lines_of(names), lines_of(labels), lines_of(content.categories)};
    }
    return std::nullopt;
}

/// A few events at a time, so that others have their turn.
task<void> search_service::catch_up() {
    if (!index_) {
        index_.emplace();
        for (const auto& [id, held] : replica_.events().all()) {
            if (held.header.type == event_kind::calendar &&
                held.header.kind == envelope_kind::put) {
                behind_.insert(behind_.end(), id);
            }
        }
    }
    while (index_ && !behind_.empty()) {
        std::vector<search_index::change> changes;
        while (!behind_.empty() && changes.size() < indexed_at_once) {
            const event_id next = behind_.extract(behind_.begin()).value();
            changes.push_back({next, text_of(next)});
        }
        index_->apply(changes);
        if (!behind_.empty()) {
            co_await offload(env_, env_.compute, [] { return true; });
        }
    }
}

task<result<std::vector<found_view>>> search_service::find(user_id as, std::string words,
                                                           std::size_t most) {
    if (words.size() > typed_most) {
        co_return fail(errc::invalid_argument, "a search has at most 1,000 bytes");
    }
    const auto expression = search_expression(words);
    if (!expression) {
        co_return fail(errc::invalid_argument, "say which words to search for");
    }
    try {
        // Somebody may sign in or out meanwhile.
        do {
            co_await catch_up();
        } while (!index_);
        const auto hits = index_->find(*expression, most, [&](const event_id& which) {
            return opened_.open(which, as).has_value();
        });
        std::vector<found_view> found;
        for (const search_index::hit& hit : hits) {
            const auto opened = opened_.open(hit.event, as);
            if (opened) {
                found.push_back({people_.id_text(hit.event), (*opened)->content.organizer,
                                 (*opened)->content, (*opened)->utc, hit.matches});
            }
        }
        co_return found;
    } catch (const SQLite::Exception& problem) {
        index_.reset();
        behind_.clear();
        co_return fail(errc::internal, std::string("the search failed: ") + problem.what());
    }
}

}  // namespace calbox::node
