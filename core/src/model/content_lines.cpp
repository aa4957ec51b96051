// Content lines and components of iCalendar: reading within bounds, and writing.
#include "model/content_lines.hpp"

#include <algorithm>
#include <iterator>

#include <calbox/bytes.hpp>

#include "model/characters.hpp"

namespace calbox::model {

namespace {

constexpr std::size_t line_bytes = 75;
constexpr std::size_t depth_limit = 8;

constexpr bool is_letter(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_name_character(char c) noexcept {
    return is_letter(c) || is_digit(c) || c == '-';
}

std::string upper(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'a' && c <= 'z') {
            c = static_cast<char>(c - 'a' + 'A');
        }
    }
    return out;
}

/// Takes a name from the front of `rest`; empty when there is none.
std::string take_name(std::string_view& rest) {
    const auto end = std::ranges::find_if_not(rest, is_name_character);
    const auto length = static_cast<std::size_t>(end - rest.begin());
    std::string name = upper(rest.substr(0, length));
    rest.remove_prefix(length);
    return name;
}

/// Takes what lies before the first of `stops` outside of quotes.
std::string take_parameter_text(std::string_view& rest) {
    bool quoted = false;
    std::size_t length = 0;
    for (; length < rest.size(); ++length) {
        const char c = rest[length];
        if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && (c == ';' || c == ':')) {
            break;
        }
    }
    std::string text(rest.substr(0, length));
    rest.remove_prefix(length);
    return text;
}

result<property> parse_line(std::string_view line) {
    property read;
    std::string_view rest = line;
    read.name = take_name(rest);
    bool good = !read.name.empty();
    while (good && rest.starts_with(';')) {
        rest.remove_prefix(1);
        parameter one;
        one.name = take_name(rest);
        good = !one.name.empty() && rest.starts_with('=');
        if (good) {
            rest.remove_prefix(1);
            one.text = take_parameter_text(rest);
            read.parameters.push_back(std::move(one));
        }
    }
    if (!good || !rest.starts_with(':')) {
        return fail(errc::malformed, "the event is not iCalendar: a line has no name and value");
    }
    read.value = rest.substr(1);
    return read;
}

/// The lines of `text` with their folds removed; empty ones are left out.
std::vector<std::string> unfold(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.ends_with('\r')) {
            line.remove_suffix(1);
        }
        if (!lines.empty() && (line.starts_with(' ') || line.starts_with('\t'))) {
            lines.back().append(line.substr(1));
        } else if (!line.empty()) {
            lines.emplace_back(line);
        }
    }
    return lines;
}

bool has_stray_control(std::string_view text) noexcept {
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        const bool line_end = c == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
        if ((c < 0x20 && c != '\t' && c != '\n' && !line_end) || c == 0x7f) {
            return true;
        }
    }
    return false;
}

void write_line(std::string_view line, std::string& to) {
    std::size_t room = line_bytes;
    while (line.size() > room) {
        std::size_t cut = room;
        while (cut > 1 && (static_cast<unsigned char>(line[cut]) & 0xc0) == 0x80) {
            --cut;
        }
        to.append(line.substr(0, cut)).append("\r\n ");
        line.remove_prefix(cut);
        room = line_bytes - 1;  // the space that marks the fold counts
    }
    to.append(line).append("\r\n");
}

}  // namespace

std::optional<std::string> property::get(std::string_view parameter_name) const {
    const auto found = std::ranges::find(parameters, parameter_name, &parameter::name);
    if (found == parameters.end()) {
        return std::nullopt;
    }
    std::string plain;
    for (std::size_t i = 0; i < found->text.size(); ++i) {
        const char c = found->text[i];
        const char next = i + 1 < found->text.size() ? found->text[i + 1] : '\0';
        if (c == '^' && (next == '^' || next == 'n' || next == '\'')) {  // RFC 6868
            plain += next == 'n' ? '\n' : next == '\'' ? '"' : '^';
            ++i;
        } else if (c != '"') {
            plain += c;
        }
    }
    return plain;
}

void property::set(std::string parameter_name, std::string_view plain) {
    std::string text;
    for (const char c : plain) {
        switch (c) {
            case '^':
                text += "^^";
                break;
            case '\n':
                text += "^n";
                break;
            case '"':
                text += "^'";
                break;
            default:
                text += c;
        }
    }
    if (text.find_first_of(";:,") != std::string::npos) {
        text = '"' + text + '"';
    }
    parameters.push_back({std::move(parameter_name), std::move(text)});
}

void property::keep_others(const property& old, std::span<const std::string_view> own) {
    std::ranges::copy_if(old.parameters, std::back_inserter(parameters),
                         [&](const parameter& candidate) {
                             return std::ranges::find(own, candidate.name) == own.end();
                         });
}

result<component> parse_component(std::string_view text) {
    if (text.size() > body_bytes) {
        return fail(errc::malformed, "the event is larger than 1 MiB");
    }
    if (!is_utf8(text) || has_stray_control(text)) {
        return fail(errc::malformed, "the event is not text in UTF-8");
    }
    std::vector<component> open;
    std::optional<component> whole;
    std::size_t count = 0;
    for (const std::string& line : unfold(text)) {
        auto read = parse_line(line);
        if (!read) {
            return fail(std::move(read.error()));
        }
        if (++count > body_properties) {
            return fail(errc::malformed, "the event has more than 10,000 properties");
        }
        if (whole) {
            return fail(errc::malformed, "the event is not iCalendar: something follows its end");
        }
        if (read->name == "BEGIN") {
            if (open.size() == depth_limit) {
                return fail(errc::malformed, "the event is not iCalendar: too many parts in parts");
            }
            open.push_back({upper(read->value), {}, {}});
            continue;
        }
        if (open.empty() || (read->name == "END" && open.back().name != upper(read->value))) {
            return fail(errc::malformed, "the event is not iCalendar: BEGIN and END do not match");
        }
        if (read->name != "END") {
            open.back().properties.push_back(std::move(*read));
            continue;
        }
        component done = std::move(open.back());
        open.pop_back();
        if (open.empty()) {
            whole = std::move(done);
        } else {
            open.back().children.push_back(std::move(done));
        }
    }
    if (!whole) {
        return fail(errc::malformed, "the event is not iCalendar: it is empty or has no end");
    }
    return std::move(*whole);
}

void write_component(const component& what, written& to) {
    write_line("BEGIN:" + what.name, to.text);
    for (const property& one : what.properties) {
        std::string line = one.name;
        for (const parameter& with : one.parameters) {
            line.append(";").append(with.name).append("=").append(with.text);
        }
        line.append(":").append(one.value);
        write_line(line, to.text);
    }
    for (const component& child : what.children) {
        write_component(child, to);
    }
    write_line("END:" + what.name, to.text);
    to.properties += what.properties.size() + 2;
}

std::string escape_text(std::string_view plain) {
    std::string text;
    text.reserve(plain.size());
    for (const char c : plain) {
        if (c == '\n') {
            text += "\\n";
            continue;
        }
        if (c == '\\' || c == ';' || c == ',') {
            text += '\\';
        }
        text += c;
    }
    return text;
}

std::string unescape_text(std::string_view text) {
    std::string plain;
    plain.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) {
            ++i;
            plain += text[i] == 'n' || text[i] == 'N' ? '\n' : text[i];
        } else {
            plain += text[i];
        }
    }
    return plain;
}

std::string percent_encode(std::string_view plain) {
    static constexpr char digits[] = "0123456789ABCDEF";
    static constexpr std::string_view others = "-._~";
    std::string text;
    for (const char c : plain) {
        if (is_letter(c) || is_digit(c) || others.find(c) != std::string_view::npos) {
            text += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            text += {'%', digits[byte >> 4], digits[byte & 15]};
        }
    }
    return text;
}

std::optional<std::string> percent_decode(std::string_view text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            plain += text[i];
            continue;
        }
        const auto byte = i + 3 <= text.size() ? from_hex(text.substr(i + 1, 2)) : std::nullopt;
        if (!byte) {
            return std::nullopt;
        }
        plain += static_cast<char>(byte->front());
        i += 2;
    }
    return plain;
}

}  // namespace calbox::model
