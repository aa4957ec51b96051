// What events say, as SQLite's full-text index (https://www.sqlite.org/fts5.html) in memory: the
// events lie sealed on the disk, and an index there would tell what is in them. Knows texts and
// ids only. Owned by the search service; core thread only. Throws what SQLite throws.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <SQLiteCpp/SQLiteCpp.h>

#include <calbox/ids.hpp>

#include "node/search.hpp"

namespace calbox::node {

struct indexed_text {
    std::string title, info, place, people, files, categories = {};
};

/// What a person has typed as an expression of FTS5, in which nothing that he types is an operator;
/// nothing when there is no word in it.
std::optional<std::string> search_expression(std::string_view typed);

class search_index {
public:
    search_index();

    /// In one transaction: puts those with a text, erases the others.
    struct change {
        event_id event;
        std::optional<indexed_text> text;
    };
    void apply(const std::vector<change>& changes);
    void clear();

    struct hit {
        event_id event;
        std::vector<field_match> matches;
    };
    /// The best first; `may_see` leaves out what the asker may not know of.
    std::vector<hit> find(const std::string& expression, std::size_t most,
                          const std::function<bool(const event_id&)>& may_see);

private:
    void erase(const event_id& event);

    SQLite::Database database_;
    std::map<event_id, std::int64_t> rows_;
    std::map<std::int64_t, event_id> events_;
    std::int64_t last_row_ = 0;
};

}  // namespace calbox::node
