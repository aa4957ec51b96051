#include "config_values.hpp"

#include <algorithm>

namespace calbox::daemon {

tl::unexpected<error> wrong(std::string sentence) {
    return fail(errc::invalid_argument, std::move(sentence));
}

result<std::string> text_of(const toml::node& value) {
    const auto text = value.value_exact<std::string>();
    if (!text || text->empty()) {
        return wrong("it must be a text in quotes");
    }
    if (text->find('\0') != std::string::npos) {
        return wrong("it must not hold a zero byte");
    }
    return *text;
}

result<std::int64_t> number_of(const toml::node& value, std::int64_t low, std::int64_t high) {
    const auto number = value.value_exact<std::int64_t>();
    if (!number || *number < low || *number > high) {
        return wrong("it must be a whole number from " + std::to_string(low) + " to " +
                     std::to_string(high));
    }
    return *number;
}

result<std::vector<std::string>> texts_of(const toml::node& value) {
    const auto* const list = value.as_array();
    if (list == nullptr) {
        return wrong("it must be a list of texts, for example [\"one\", \"two\"]");
    }
    std::vector<std::string> texts;
    for (const toml::node& one : *list) {
        auto text = text_of(one);
        if (!text) {
            return wrong("each entry of the list must be a text in quotes");
        }
        texts.push_back(std::move(*text));
    }
    return texts;
}

result<bool> yes_or_no_of(const toml::node& value) {
    const auto said = value.value_exact<bool>();
    if (!said) {
        return wrong("it must be true or false");
    }
    return *said;
}

result<std::filesystem::path> path_of(const toml::node& value) {
    const auto text = text_of(value);
    if (!text) {
        return fail(text.error());
    }
    if (text->front() != '/') {
        return wrong("\"" + *text + "\" must be an absolute path, beginning with /");
    }
    return std::filesystem::path(*text);
}

std::size_t distance(std::string_view from, std::string_view to) {
    std::vector<std::size_t> row(to.size() + 1);
    for (std::size_t i = 0; i < row.size(); ++i) {
        row[i] = i;
    }
    for (std::size_t i = 0; i < from.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < to.size(); ++j) {
            const std::size_t changed = diagonal + (from[i] == to[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
        }
    }
    return row.back();
}

}  // namespace calbox::daemon
