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

}  // namespace calbox::lab
