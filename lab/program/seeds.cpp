#include "lab/program/seeds.hpp"

#include <charconv>

namespace calbox::lab {

bool read_seeds(const std::string& text, campaign_settings& into) {
    const char* const end = text.data() + text.size();
    const auto first = std::from_chars(text.data(), end, into.first);
    if (first.ec != std::errc() || into.first == 0) {
        return false;
    }
    into.last = into.first;
    if (first.ptr == end) {
        return true;
    }
    if (*first.ptr != '-') {
        return false;
    }
    const auto last = std::from_chars(first.ptr + 1, end, into.last);
    return last.ec == std::errc() && last.ptr == end && into.first <= into.last;
}

void add_size_option(CLI::App& to, plan_limits& into) {
    const auto set = [&into](const std::string& name) {
        for (const auto one : {world_size::small, world_size::middle, world_size::large}) {
            if (name == to_string(one)) {
                into.size = one;
            }
        }
    };
    to.add_option_function<std::string>("--size", set, "how many devices and actions a world has")
        ->check(CLI::IsMember({"small", "middle", "large"}))
        ->default_str("large");
}

}  // namespace calbox::lab
