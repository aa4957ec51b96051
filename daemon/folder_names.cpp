#include "folder_names.hpp"

#include <algorithm>
#include <array>

#include "model/event.hpp"

namespace calbox::daemon {

namespace {

constexpr std::size_t directory_name_bytes = 120;
constexpr std::size_t file_name_bytes = 255;

/// At most so many bytes, and no half character at the end.
std::string cut_name(std::string text, std::size_t most) {
    if (text.size() > most) {
        while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) {
            --most;
        }
        text.resize(most);
    }
    return text;
}

}  // namespace

std::string folded(std::string name) {
    std::ranges::transform(name, name.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return name;
}

std::string numbered(const std::string& name, int number) {
    constexpr std::size_t ending_most = 32;
    const auto dot = name.rfind('.');
    const bool has_ending = dot != std::string::npos && dot > 0 && name.size() - dot <= ending_most;
    const std::string mark =
        " (" + std::to_string(number) + ")" + (has_ending ? name.substr(dot) : std::string());
    return cut_name(has_ending ? name.substr(0, dot) : name, file_name_bytes - mark.size()) + mark;
}

bool is_name_of(const std::string& name, const std::string& wanted) {
    return name == wanted ||
           (name.starts_with(wanted + " (") && name.ends_with(')') &&
            std::all_of(name.begin() + static_cast<std::ptrdiff_t>(wanted.size()) + 2,
                        name.end() - 1, [](char c) { return c >= '0' && c <= '9'; }));
}

std::string directory_name(const std::string& date, const std::string& title) {
    std::string name = date + " ";
    for (const char c : title) {
        const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
        name += c == '/' || control ? '_' : c;
    }
    name = cut_name(std::move(name), directory_name_bytes);
    while (name.ends_with(' ')) {
        name.pop_back();
    }
    // Control characters beyond ASCII, and those that turn the direction of a text.
    return model::is_file_label(name) ? name : date;
}

std::string name_in_folder(const std::string& label) {
    return label.starts_with('.') ? cut_name("_" + label, file_name_bytes) : label;
}

bool is_passing_file(std::string_view name) {
    constexpr std::array<std::string_view, 8> endings = {"~",           ".tmp", ".part", ".partial",
                                                         ".crdownload", ".swp", ".swx",  ".lock"};
    return name.starts_with('.') || name.starts_with("~$") ||
           (name.starts_with('#') && name.ends_with('#')) || name == "Thumbs.db" ||
           name == "desktop.ini" ||
           std::ranges::any_of(endings, [&](auto ending) { return name.ends_with(ending); });
}

}  // namespace calbox::daemon
