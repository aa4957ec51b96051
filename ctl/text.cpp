#include "text.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace calbox::ctl {

namespace {

constexpr char32_t replacement = 0xFFFD;
constexpr std::size_t name_bytes_max = 255;

/// The next character of UTF-8 (RFC 3629), `at` moved behind it; U+FFFD and one byte for what is
/// none.
char32_t next_character(std::string_view text, std::size_t& at) {
    const auto byte = [&](std::size_t index) { return static_cast<unsigned char>(text[index]); };
    const unsigned char first = byte(at);
    if (first < 0x80) {
        ++at;
        return first;
    }
    const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    constexpr std::array<char32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
    if (first < 0xC2 || first > 0xF4 || at + length > text.size()) {
        ++at;
        return replacement;
    }
    char32_t made = first & (0xFFU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(at + i) & 0xC0) != 0x80) {
            ++at;
            return replacement;
        }
        made = (made << 6) | (byte(at + i) & 0x3FU);
    }
    if (made < least[length] || made > 0x10FFFF || (made >= 0xD800 && made <= 0xDFFF)) {
        ++at;
        return replacement;
    }
    at += length;
    return made;
}

void append(std::string& to, char32_t character) {
    const auto put = [&](char32_t byte) {
        to += static_cast<char>(static_cast<unsigned char>(byte));
    };
    if (character < 0x80) {
        put(character);
    } else if (character < 0x800) {
        put(0xC0 | (character >> 6));
        put(0x80 | (character & 0x3F));
    } else if (character < 0x10000) {
        put(0xE0 | (character >> 12));
        put(0x80 | ((character >> 6) & 0x3F));
        put(0x80 | (character & 0x3F));
    } else {
        put(0xF0 | (character >> 18));
        put(0x80 | ((character >> 12) & 0x3F));
        put(0x80 | ((character >> 6) & 0x3F));
        put(0x80 | (character & 0x3F));
    }
}

bool harmful(char32_t character) {
    return character < 0x20 || (character >= 0x7F && character < 0xA0) || character == 0x61C ||
           character == 0x200E || character == 0x200F || character == 0x2028 ||
           character == 0x2029 || (character >= 0x202A && character <= 0x202E) ||
           (character >= 0x2066 && character <= 0x2069) || character == 0xFEFF ||
           (character >= 0xE0000 && character <= 0xE007F);
}

std::string cleaned(std::string_view text, bool keep_lines) {
    std::string made;
    for (std::size_t at = 0; at < text.size();) {
        const char32_t character = next_character(text, at);
        if (!harmful(character) || (keep_lines && character == '\n')) {
            append(made, character);
        } else if (character == '\n' || character == '\t') {
            made += ' ';
        }
    }
    return made;
}

}  // namespace

std::string clean(std::string_view text) { return cleaned(text, false); }
std::string clean_lines(std::string_view text) { return cleaned(text, true); }

std::string file_name_of(std::string_view label) {
    std::string made = clean(label);
    std::replace_if(made.begin(), made.end(), [](char c) { return c == '/' || c == '\\'; }, '_');
    const auto first = made.find_first_not_of(' ');
    made.erase(0, first == std::string::npos ? made.size() : first);
    while (!made.empty() && made.back() == ' ') {
        made.pop_back();
    }
    if (!made.empty() && (made.front() == '.' || made.front() == '-' || made.front() == '~')) {
        made.front() = '_';
    }
    if (made.size() > name_bytes_max) {
        // The ending says what the file is: keep it, and never half a character.
        const auto dot = made.rfind('.');
        const std::string ending =
            dot != std::string::npos && made.size() - dot <= 16 ? made.substr(dot) : std::string();
        std::size_t cut = name_bytes_max - ending.size();
        while (cut > 0 && (static_cast<unsigned char>(made[cut]) & 0xC0) == 0x80) {
            --cut;
        }
        made = made.substr(0, cut) + ending;
    }
    return made.empty() ? "file" : made;
}

std::string byte_text(std::uint64_t bytes) {
    constexpr std::array units{"kB", "MB", "GB", "TB", "PB"};
    if (bytes < 1000) {
        return fmt::format("{} B", bytes);
    }
    double value = static_cast<double>(bytes) / 1000;
    std::size_t unit = 0;
    while (value >= 999.95 && unit + 1 < units.size()) {
        value /= 1000;
        ++unit;
    }
    return fmt::format("{:.1f} {}", value, units[unit]);
}

std::string duration_text(std::uint64_t seconds) {
    const std::uint64_t minutes = seconds / 60;
    const std::uint64_t hours = minutes / 60;
    const std::uint64_t days = hours / 24;
    if (days > 0) {
        return fmt::format("{} d {} h", days, hours % 24);
    }
    if (hours > 0) {
        return fmt::format("{} h {} min", hours, minutes % 60);
    }
    return minutes > 0 ? fmt::format("{} min {} s", minutes, seconds % 60)
                       : fmt::format("{} s", seconds);
}

std::string joined(const std::vector<std::string>& words, std::string_view between) {
    return fmt::format("{}", fmt::join(words, between));
}

std::vector<std::string> split_lists(const std::vector<std::string>& texts) {
    std::vector<std::string> made;
    for (const auto& text : texts) {
        std::size_t at = 0;
        while (at <= text.size()) {
            const auto comma = std::min(text.find(',', at), text.size());
            std::string word = text.substr(at, comma - at);
            word.erase(0, std::min(word.find_first_not_of(' '), word.size()));
            word.erase(word.find_last_not_of(' ') + 1);
            if (!word.empty()) {
                made.push_back(std::move(word));
            }
            at = comma + 1;
        }
    }
    return made;
}

std::string text_of(const nlohmann::json& object, std::string_view key) {
    if (!object.is_object()) {
        return {};
    }
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::uint64_t number_of(const nlohmann::json& object, std::string_view key) {
    if (!object.is_object()) {
        return 0;
    }
    const auto found = object.find(key);
    if (found == object.end() || !found->is_number()) {
        return 0;
    }
    if (found->is_number_unsigned()) {
        return found->get<std::uint64_t>();
    }
    const double value = found->get<double>();
    return value > 0 && value < 1e18 ? static_cast<std::uint64_t>(value) : 0;
}

bool truth_of(const nlohmann::json& object, std::string_view key) {
    if (!object.is_object()) {
        return false;
    }
    const auto found = object.find(key);
    return found != object.end() && found->is_boolean() && found->get<bool>();
}

std::vector<std::string> texts_of(const nlohmann::json& object, std::string_view key) {
    std::vector<std::string> made;
    for (const auto& one : list_of(object, key)) {
        if (one.is_string()) {
            made.push_back(one.get<std::string>());
        }
    }
    return made;
}

const nlohmann::json& list_of(const nlohmann::json& object, std::string_view key) {
    static const nlohmann::json none = nlohmann::json::array();
    if (!object.is_object()) {
        return none;
    }
    const auto found = object.find(key);
    return found != object.end() && found->is_array() ? *found : none;
}

std::string cleaned_list(const nlohmann::json& object, std::string_view key) {
    return clean(joined(texts_of(object, key)));
}

}  // namespace calbox::ctl
