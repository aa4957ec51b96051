// Says when rules take place, for recurrence_oracle.py: reads lines "START LAST RULE" with wall
// times of iCalendar, and writes the times from START to LAST in one line each, or "? why".
#include <iostream>
#include <sstream>

#include "model/rule_walk.hpp"

namespace {

using namespace calbox::model;

std::string times_of(const std::string& line) {
    std::istringstream in(line);
    std::string first, last, text;
    in >> first >> last >> text;
    const auto from = parse_compact(first), to = parse_compact(last);
    auto rule = parse_recurrence_rule(text);
    if (!from || !to || !rule) {
        return "? " + (rule ? std::string("not a time") : rule.error().message());
    }
    const auto count = rule->count;
    const std::int64_t end = std::min(
        wall_seconds(to->at), rule->until ? wall_seconds(rule->until->at) : wall_seconds(to->at));
    rule_walk walk(std::move(*rule), wall_seconds(from->at));
    std::size_t steps = 10'000'000;
    std::string out;
    for (std::int64_t n = 0; !count || n < *count; ++n) {
        const auto wall = walk.next(end, steps);
        if (!wall) {
            break;
        }
        out += (out.empty() ? "" : " ") + compact_text(from_wall_seconds(*wall));
    }
    return steps == 0 ? "? too many steps" : out;
}

}  // namespace

int main() {
    for (std::string line; std::getline(std::cin, line);) {
        std::cout << times_of(line) << '\n';
    }
}
