#include "node/search_index.hpp"

#include <algorithm>
#include <array>

namespace calbox::node {

namespace {

constexpr std::array<const char*, 6> field_names{"title",  "info",  "place",
                                                 "people", "files", "categories"};
constexpr char hit_begins = 1, hit_ends = 2;

/// The marks of a hit stand in no text.
std::string without_marks(std::string text) {
    std::ranges::replace_if(
        text, [](char c) { return c == hit_begins || c == hit_ends || c == '\0'; }, ' ');
    return text;
}

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// Has it anything that the tokenizer takes for a part of a word?
bool has_word(std::string_view text) {
    return std::ranges::any_of(text, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
               static_cast<unsigned char>(c) >= 0x80;
    });
}

std::vector<match_part> parts_of(std::string_view marked) {
    std::vector<match_part> parts;
    bool hit = false;
    while (!marked.empty()) {
        const auto end = marked.find(hit ? hit_ends : hit_begins);
        if (const auto text = marked.substr(0, end); !text.empty()) {
            parts.push_back({std::string(text), hit});
        }
        if (end == std::string_view::npos) {
            break;
        }
        marked.remove_prefix(end + 1);
        hit = !hit;
    }
    return parts;
}

}  // namespace

std::optional<std::string> search_expression(std::string_view typed) {
    std::string made;
    const auto add = [&](std::string_view phrase, bool begins_so) {
        if (has_word(phrase)) {
            made += (made.empty() ? "\"" : " AND \"") + std::string(phrase) + "\"";
            made += begins_so ? " *" : "";
        }
    };
    std::size_t at = 0;
    while (at < typed.size()) {
        if (is_space(typed[at])) {
            ++at;
        } else if (typed[at] == '"') {
            const auto end = std::min(typed.find('"', at + 1), typed.size());
            add(typed.substr(at + 1, end - at - 1), end == typed.size());
            at = end + 1;
        } else {
            const auto begin = at;
            while (at < typed.size() && !is_space(typed[at]) && typed[at] != '"') {
                ++at;
            }
            add(typed.substr(begin, at - begin), true);
        }
    }
    return made.empty() ? std::nullopt : std::optional(std::move(made));
}

search_index::search_index() : database_(":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE) {
    database_.exec("PRAGMA journal_mode = OFF");
    database_.exec(
        "CREATE VIRTUAL TABLE words USING fts5(title, info, place, people, files, categories, "
        "tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3')");
    // A title says more than a description that mentions something.
    database_.exec("INSERT INTO words (words, rank) VALUES ('rank', 'bm25(10, 1, 4, 4, 4, 4)')");
}

void search_index::erase(const event_id& event) {
    const auto known = rows_.find(event);
    if (known == rows_.end()) {
        return;
    }
    SQLite::Statement gone(database_, "DELETE FROM words WHERE rowid = ?1");
    gone.bind(1, known->second);
    gone.exec();
    events_.erase(known->second);
    rows_.erase(known);
}

void search_index::apply(const std::vector<change>& changes) {
    database_.exec("BEGIN");
    SQLite::Statement put(database_,
                          "INSERT INTO words (rowid, title, info, place, people, files, "
                          "categories) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    for (const change& one : changes) {
        erase(one.event);
        if (!one.text) {
            continue;
        }
        const std::int64_t row = ++last_row_;
        put.bind(1, row);
        put.bind(2, without_marks(one.text->title));
        put.bind(3, without_marks(one.text->info));
        put.bind(4, without_marks(one.text->place));
        put.bind(5, without_marks(one.text->people));
        put.bind(6, without_marks(one.text->files));
        put.bind(7, without_marks(one.text->categories));
        put.exec();
        put.reset();
        rows_.emplace(one.event, row);
        events_.emplace(row, one.event);
    }
    database_.exec("COMMIT");
}

void search_index::clear() {
    database_.exec("DELETE FROM words");
    rows_.clear();
    events_.clear();
}

std::vector<search_index::hit> search_index::find(
    const std::string& expression, std::size_t most,
    const std::function<bool(const event_id&)>& may_see) {
    std::string text = "SELECT rowid";
    for (std::size_t field = 0; field < field_names.size(); ++field) {
        text += ", snippet(words, " + std::to_string(field) + ", ?2, ?3, '\u2026', 12)";
    }
    SQLite::Statement query(database_, text + " FROM words WHERE words MATCH ?1 ORDER BY rank");
    query.bind(1, expression);
    query.bind(2, std::string(1, hit_begins));
    query.bind(3, std::string(1, hit_ends));
    std::vector<hit> found;
    while (found.size() < most && query.executeStep()) {
        const auto event = events_.find(query.getColumn(0).getInt64());
        if (event == events_.end() || !may_see(event->second)) {
            continue;
        }
        hit one{event->second, {}};
        for (std::size_t field = 0; field < field_names.size(); ++field) {
            const std::string marked = query.getColumn(static_cast<int>(field) + 1).getString();
            if (marked.find(hit_begins) != std::string::npos) {
                one.matches.push_back({field_names[field], parts_of(marked)});
            }
        }
        found.push_back(std::move(one));
    }
    return found;
}

}  // namespace calbox::node
