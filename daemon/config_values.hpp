// What the values of a configuration may be: reads one TOML value as a text, a number, a list, a
// path or one of a few words, or says in a sentence what fits. Values; the only place that chooses
// how toml++ is built.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <toml++/toml.h>

#include <calbox/error.hpp>

namespace calbox::daemon {

/// invalid_argument, with the sentence.
tl::unexpected<error> wrong(std::string sentence);

result<std::string> text_of(const toml::node& value);
result<std::int64_t> number_of(const toml::node& value, std::int64_t low, std::int64_t high);
result<std::vector<std::string>> texts_of(const toml::node& value);
result<bool> yes_or_no_of(const toml::node& value);
/// An absolute one.
result<std::filesystem::path> path_of(const toml::node& value);

/// One of a few words, and what it stands for.
template <class Value, std::size_t count>
result<Value> word_of(const toml::node& value,
                      const std::array<std::pair<std::string_view, Value>, count>& words) {
    const auto text = value.value_exact<std::string>();
    std::string known;
    for (const auto& [word, meaning] : words) {
        if (text && *text == word) {
            return meaning;
        }
        known += (known.empty() ? "\"" : ", \"") + std::string(word) + "\"";
    }
    return wrong("it must be one of " + known);
}

/// How many letters must be added, taken away or changed to get from one word to the other.
std::size_t distance(std::string_view from, std::string_view to);

}  // namespace calbox::daemon
