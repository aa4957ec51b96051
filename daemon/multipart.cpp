#include "multipart.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "api_calls.hpp"

namespace calbox::daemon {

namespace {

tl::unexpected<error> no_form(const std::string& why) {
    return fail(errc::invalid_argument, "not a form with files: " + why);
}

std::string lower(std::string_view text) {
    std::string made(text);
    std::ranges::transform(made, made.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return made;
}

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    const auto last = text.find_last_not_of(" \t");
    return first == std::string_view::npos ? std::string_view()
                                           : text.substr(first, last - first + 1);
}

/// A parameter of a field like `form-data; name="a"; filename="b.txt"`: quoted, where a backslash
/// stands before a quotation mark or itself, or not.
std::optional<std::string> parameter(std::string_view field, std::string_view wanted) {
    auto at = field.find(';');
    while (at != std::string_view::npos) {
        const auto equals = field.find('=', at);
        if (equals == std::string_view::npos) {
            return std::nullopt;
        }
        const std::string name = lower(trimmed(field.substr(at + 1, equals - at - 1)));
        std::string value;
        std::size_t end = equals + 1;
        if (end < field.size() && field[end] == '"') {
            for (++end; end < field.size() && field[end] != '"'; ++end) {
                const bool escaped = field[end] == '\\' && end + 1 < field.size() &&
                                     (field[end + 1] == '"' || field[end + 1] == '\\');
                value += field[end += escaped ? 1 : 0];
            }
            at = field.find(';', std::min(end, field.size()));
        } else {
            at = field.find(';', end);
            value = trimmed(field.substr(end, at == std::string_view::npos ? at : at - end));
        }
        if (name == wanted) {
            return value;
        }
    }
    return std::nullopt;
}

/// Browsers write %22, %0D and %0A for what cannot stand in quotation marks, and nothing else.
std::string unescaped(std::string text) {
    constexpr std::array<std::pair<std::string_view, char>, 3> all{
        {{"%22", '"'}, {"%0D", '\r'}, {"%0A", '\n'}}};
    for (const auto& [written, meant] : all) {
        for (auto at = text.find(written); at != std::string::npos;
             at = text.find(written, at + 1)) {
            text.replace(at, 3, 1, meant);
        }
    }
    return text;
}

/// The value of a field of a file's head.
std::optional<std::string_view> field_of(std::string_view head, std::string_view name) {
    while (!head.empty()) {
        const auto end = head.find("\r\n");
        const auto line = head.substr(0, end);
        const auto colon = line.find(':');
        if (colon != std::string_view::npos && lower(line.substr(0, colon)) == name) {
            return trimmed(line.substr(colon + 1));
        }
        head = end == std::string_view::npos ? std::string_view() : head.substr(end + 2);
    }
    return std::nullopt;
}

/// What the head of a part calls its file: `filename*` (RFC 8187) where it is UTF-8, since that
/// leaves no doubt; `filename` else.
std::optional<std::string> filename_of(std::string_view head) {
    const auto about = field_of(head, "content-disposition");
    if (!about) {
        return std::nullopt;
    }
    constexpr std::string_view charset = "utf-8'";  // a language and another ' follow
    const auto exact = parameter(*about, "filename*").value_or(std::string());
    const auto language_end = exact.find('\'', charset.size());
    if (lower(exact).starts_with(charset) && language_end != std::string::npos) {
        if (auto name = decoded(std::string_view(exact).substr(language_end + 1), false)) {
            return std::move(*name);
        }
    }
    auto name = parameter(*about, "filename");
    return name ? std::optional(unescaped(std::move(*name))) : std::nullopt;
}

}  // namespace

result<std::string> boundary_of(const std::string& content_type) {
    constexpr std::size_t boundary_most = 70;  // RFC 2046, 5.1.1
    const auto kind =
        lower(trimmed(std::string_view(content_type).substr(0, content_type.find(';'))));
    if (kind != "multipart/form-data") {
        return no_form("its Content-Type is not multipart/form-data");
    }
    auto boundary = parameter(content_type, "boundary");
    if (!boundary || boundary->empty() || boundary->size() > boundary_most) {
        return no_form("its Content-Type names no boundary");
    }
    return std::move(*boundary);
}

task<result<void>> multipart_files::read_more() {
    const auto piece = co_await from_.next();
    if (!piece) {
        co_return fail(piece.error());
    }
    if (piece->empty()) {
        co_return no_form("it ends in the middle");
    }
    held_.erase(0, std::exchange(at_, 0));
    held_.append(piece->begin(), piece->end());
    co_return result<void>();
}

/// Up to the next delimiter, behind which `at_` is then left, once.
task<result<bytes>> multipart_files::next() {
    while (inside_) {
        const auto found = held_.find(delimiter_, at_);
        // What could be the beginning of a delimiter stays.
        const std::size_t kept = std::min(held_.size() - at_, delimiter_.size() - 1);
        const std::size_t end = found != std::string::npos ? found : held_.size() - kept;
        if (end > at_) {
            bytes piece(held_.begin() + static_cast<std::ptrdiff_t>(at_),
                        held_.begin() + static_cast<std::ptrdiff_t>(end));
            at_ = end;
            co_return piece;
        }
        if (found != std::string::npos) {
            at_ = found + delimiter_.size();
            inside_ = false;
            break;
        }
        auto more = co_await read_more();
        if (!more) {
            co_return fail(std::move(more.error()));
        }
    }
    co_return bytes();
}

/// The lines behind a delimiter, without the empty one that ends them; "--" behind the last one.
task<result<std::string>> multipart_files::head() {
    while (true) {
        const std::string_view rest = std::string_view(held_).substr(at_);
        if (rest.starts_with("--")) {
            co_return "--";
        }
        const auto end = rest.find("\r\n\r\n");
        if (end != std::string_view::npos) {
            std::string lines(rest.substr(0, end));
            at_ += end + 4;
            co_return lines;
        }
        if (rest.size() > head_most) {
            co_return no_form("the head of a file has no end");
        }
        auto more = co_await read_more();
        if (!more) {
            co_return fail(std::move(more.error()));
        }
    }
}

task<result<std::optional<multipart_files::file>>> multipart_files::next_file() {
    while (true) {
        while (inside_) {
            const auto left = co_await next();
            if (!left) {
                co_return fail(left.error());
            }
        }
        const auto lines = co_await head();
        if (!lines) {
            co_return fail(lines.error());
        }
        if (*lines == "--") {
            break;
        }
        inside_ = true;
        const auto name = filename_of(*lines);
        if (!name) {
            co_return no_form("a part of it has no filename");
        }
        if (!name->empty()) {
            file made;
            made.name = name->substr(name->rfind('/') + 1);
            made.media_type = field_of(*lines, "content-type").value_or(std::string_view());
            co_return made;
        }
        // A field in which no file was chosen comes without a name and without bytes.
        const auto piece = co_await next();
        if (!piece) {
            co_return fail(piece.error());
        }
        if (!piece->empty()) {
            co_return no_form("a file of it has no name");
        }
    }
    // What follows means nothing; it is read, so that the connection can go on.
    auto rest = co_await from_.next();
    while (rest && !rest->empty()) {
        auto more = co_await from_.next();
        rest = std::move(more);
    }
    if (!rest) {
        co_return fail(std::move(rest.error()));
    }
    co_return std::nullopt;
}

}  // namespace calbox::daemon
