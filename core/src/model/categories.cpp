#include "model/categories.hpp"

#include <algorithm>
#include <map>

#include "model/body_parts.hpp"
#include "model/characters.hpp"
#include "wire/limits.hpp"

namespace calbox::model {

namespace {

/// With a space around each.
constexpr std::string_view colors =
    " aliceblue antiquewhite aqua aquamarine azure beige bisque black blanchedalmond blue"
    " blueviolet brown burlywood cadetblue chartreuse chocolate coral cornflowerblue cornsilk"
    " crimson cyan darkblue darkcyan darkgoldenrod darkgray darkgreen darkgrey darkkhaki"
    " darkmagenta darkolivegreen darkorange darkorchid darkred darksalmon darkseagreen"
    " darkslateblue darkslategray darkslategrey darkturquoise darkviolet deeppink deepskyblue"
    " dimgray dimgrey dodgerblue firebrick floralwhite forestgreen fuchsia gainsboro"
    " ghostwhite gold goldenrod gray green greenyellow grey honeydew hotpink indianred indigo"
    " ivory khaki lavender lavenderblush lawngreen lemonchiffon lightblue lightcoral lightcyan"
    " lightgoldenrodyellow lightgray lightgreen lightgrey lightpink lightsalmon lightseagreen"
    " lightskyblue lightslategray lightslategrey lightsteelblue lightyellow lime limegreen"
    " linen magenta maroon mediumaquamarine mediumblue mediumorchid mediumpurple"
    " mediumseagreen mediumslateblue mediumspringgreen mediumturquoise mediumvioletred"
    " midnightblue mintcream mistyrose moccasin navajowhite navy oldlace olive olivedrab"
    " orange orangered orchid palegoldenrod palegreen paleturquoise palevioletred papayawhip"
    " peachpuff peru pink plum powderblue purple red rosybrown royalblue saddlebrown salmon"
    " sandybrown seagreen seashell sienna silver skyblue slateblue slategray slategrey snow"
    " springgreen steelblue tan teal thistle tomato turquoise violet wheat white whitesmoke"
    " yellow yellowgreen"
    " ";

char small(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string in_small_letters(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), small);
    return out;
}

std::string without_spaces_around(std::string_view name) {
    const auto first = name.find_first_not_of(' ');
    return first == std::string_view::npos
               ? std::string()
               : std::string(name.substr(first, name.find_last_not_of(' ') - first + 1));
}

}  // namespace

bool is_same_category(std::string_view one, std::string_view other) noexcept {
    return std::ranges::equal(one, other, {}, small, small);
}

std::vector<std::string> category_set(std::vector<std::string> names) {
    std::map<std::string, std::string> sorted;  // by their small letters; the first of each stays
    for (const std::string& one : names) {
        std::string name = without_spaces_around(one);
        sorted.emplace(in_small_letters(name), std::move(name));
    }
    names.clear();
    for (auto& [small_letters, name] : sorted) {
        names.push_back(std::move(name));
    }
    return names;
}

bool is_color(std::string_view name) {
    const auto is_small = [](char c) { return c >= 'a' && c <= 'z'; };
    return !name.empty() && std::ranges::all_of(name, is_small) &&
           colors.find(" " + std::string(name) + " ") != std::string_view::npos;
}

std::string color_name(std::string_view name) { return in_small_letters(name); }

std::vector<std::string> categories_of(const component& event) {
    std::vector<std::string> names;
    const auto is_new = [&](const std::string& name) {
        return !name.empty() && name.size() <= wire::limits::category_bytes &&
               is_plain_line(name) &&
               std::ranges::none_of(
                   names, [&](const std::string& other) { return is_same_category(name, other); });
    };
    for (const property& line : event.properties) {
        if (line.name != "CATEGORIES") {
            continue;
        }
        const std::string list = unescape_text(line.value);
        for (std::string_view rest = list;
             !rest.empty() && names.size() < wire::limits::categories;) {
            const std::size_t end = std::min(rest.find(','), rest.size());
            std::string name = without_spaces_around(rest.substr(0, end));
            rest.remove_prefix(std::min(end + 1, rest.size()));
            if (is_new(name)) {
                names.push_back(std::move(name));
            }
        }
    }
    return category_set(std::move(names));
}

std::string color_of(const component& event) {
    std::string name = color_name(without_spaces_around(text_of(event, "COLOR")));
    return is_color(name) ? name : std::string();
}

}  // namespace calbox::model
