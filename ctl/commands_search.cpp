// search: finds events by what they say.
#include "context.hpp"
#include "text.hpp"

namespace calbox::ctl {

namespace {

/// "place: Room [3]", the hits in bold where there is colour.
std::string match_text(const json& match, const context& with) {
    std::string text;
    for (const auto& part : list_of(match, "parts")) {
        const auto words = clean(text_of(part, "text"));
        text += truth_of(part, "hit") ? with.out.paint(colour::bold, words) : words;
    }
    const auto field = text_of(match, "field");
    return field == "title" ? text : clean(field) + ": " + text;
}

answer<void> search(context& with) {
    std::string words;
    for (const auto& one : with.values.all("WORDS")) {
        // A word with blanks in it was quoted in the shell, and is a phrase.
        const bool phrase =
            one.find(' ') != std::string::npos && one.find('"') == std::string::npos;
        words += (words.empty() ? "" : " ") + (phrase ? "\"" + one + "\"" : one);
    }
    std::string target = "/v1/search?q=" + encode_segment(words);
    if (with.values.has("limit")) {
        target += "&limit=" + encode_segment(with.values.one("limit"));
    }
    return show_document(with, target, [&](const json& found) {
        std::vector<std::vector<std::string>> rows;
        for (const auto& one : list_of(found, "found")) {
            std::string where;
            for (const auto& match : list_of(one, "matches")) {
                where += (where.empty() ? "" : "; ") + match_text(match, with);
            }
            rows.push_back({clean(text_of(one, "id")), when_text(one, with.mine),
                            clean(text_of(one, "title")), where});
        }
        with.out.table({"ID", "WHEN", "TITLE", "FOUND"}, rows, "no event says that");
    });
}

}  // namespace

std::vector<command> search_commands() {
    return {{.path = "search",
             .summary = "Finds events by what they say",
             .arguments = {{.name = "WORDS",
                            .help = "that all stand in the event, or begin words there",
                            .many = true}},
             .options = {{.name = "limit",
                          .brief = {},
                          .value = "N",
                          .help = "at most so many, 1 to 500 (50)"}},
             .examples = {{"search budget review", "events with both words"},
                          {"search 'room 3'", "with these words one after the other"},
                          {"search anna slides.pdf", "in names of people and files, too"}},
             .details =
                 "Looked through are titles, descriptions, places, and the names of people and\n"
                 "files. The best come first; case and accents do not matter.",
             .run = search}};
}

}  // namespace calbox::ctl
