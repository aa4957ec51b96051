// Finding events by what they say. Implemented in node/; core thread only.
#pragma once

#include <string>
#include <vector>

#include "base/async.hpp"
#include "model/event.hpp"

namespace calbox::node {

/// A piece of a field's text; `hit`: it is what was searched for.
struct match_part {
    std::string text;
    bool hit = false;
};
struct field_match {
    std::string field;  // "title", "info", "place", "people", "files", "categories"
    std::vector<match_part> parts;
};
struct found_view {
    std::string id_text;
    std::string organizer;
    model::event_content content;
    model::interval utc;
    std::vector<field_match> matches;
};

class searches {
public:
    virtual ~searches();
    /// The events of `as` that have all of these words, or words that begin so, the best first, at
    /// most `most`. What stands between quotation marks is one phrase. Case and accents do not
    /// matter. invalid_argument: no word, or too many.
    virtual task<result<std::vector<found_view>>> find(user_id as, std::string words,
                                                       std::size_t most) = 0;
};

}  // namespace calbox::node
