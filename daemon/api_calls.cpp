#include "api_calls.hpp"

#include <algorithm>

#include "wire/limits.hpp"

namespace calbox::daemon {

namespace {

int digit(char letter) {
    if (letter >= '0' && letter <= '9') {
        return letter - '0';
    }
    if (letter >= 'a' && letter <= 'f') {
        return letter - 'a' + 10;
    }
    return letter >= 'A' && letter <= 'F' ? letter - 'A' + 10 : -1;
}

/// "application/json", whatever its parameters and its case.
bool is_json(std::string_view media_type) {
    constexpr std::string_view wanted = "application/json";
    const auto name = media_type.substr(0, media_type.find_first_of("; \t"));
    return std::equal(name.begin(), name.end(), wanted.begin(), wanted.end(), [](char a, char b) {
        return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
    });
}

}  // namespace

result<user_id> call::user() const {
    if (line.asked().count("calbox-user") > 1) {
        return fail(errc::invalid_argument, "Calbox-User stands twice: name one user");
    }
    const std::string* const name = line.asked().find("calbox-user");
    const auto account = on.account.resolve(name == nullptr ? std::string() : *name);
    if (!account) {
        return fail(account.error());
    }
    return account->id;
}

result<call::address> call::addressed() const {
    return user().and_then([&](user_id as) {
        return on.events.find(as, parts[0] + "/" + parts[1]).map([&](event_id which) {
            return address{as, which};
        });
    });
}

result<call::address> call::addressed_ever() const {
    return user().and_then([&](user_id as) {
        return on.past.find(as, parts[0] + "/" + parts[1]).map([&](event_id which) {
            return address{as, which};
        });
    });
}

const std::string* call::asked_for(std::string_view key) const noexcept {
    const auto found =
        std::find_if(query.begin(), query.end(), [&](const auto& one) { return one.first == key; });
    return found == query.end() ? nullptr : &found->second;
}

result<std::optional<timestamp>> call::time_asked_for(std::string_view key) const {
    const std::string* const text = asked_for(key);
    if (text == nullptr || text->empty()) {
        return std::optional<timestamp>();
    }
    const auto at = model::parse_utc(*text);
    if (!at) {
        return fail(errc::invalid_argument, std::string(key) + ": " + at.error().message());
    }
    return std::optional(*at);
}

result<void> call::only(std::vector<std::string_view> known) const {
    for (auto one = query.begin(); one != query.end(); ++one) {
        if (std::find(known.begin(), known.end(), one->first) == known.end()) {
            return fail(errc::invalid_argument,
                        "unknown key \"" + one->first.substr(0, 64) + "\" in the query");
        }
        const bool twice = std::any_of(
            query.begin(), one, [&](const auto& other) { return other.first == one->first; });
        if (twice) {
            return fail(errc::invalid_argument, one->first + " stands twice in the query");
        }
    }
    return {};
}

task<result<json>> document_of(http::exchange& line) {
    const std::string* const type = line.asked().find("content-type");
    if (line.asked().has_body && (type == nullptr || !is_json(*type))) {
        co_return fail(errc::unsupported,
                       "the body must be JSON: send Content-Type: application/json");
    }
    const auto text = co_await line.read_all(wire::limits::api_body_bytes);
    if (!text) {
        co_return fail(text.error());
    }
    if (text->empty()) {
        co_return fail(errc::malformed, "the request needs a body of JSON");
    }
    co_return parse_json(*text);
}

task<result<void>> call::nothing() {
    if (!line.asked().has_body) {
        co_return result<void>();
    }
    auto body = co_await document();
    if (!body) {
        co_return fail(std::move(body.error()));
    }
    object_reader from(*body);
    co_return from.finish();
}

task<result<std::string>> call::text(std::string_view key) {
    const auto body = co_await document();
    if (!body) {
        co_return fail(body.error());
    }
    std::string value;
    object_reader from(*body);
    from.need(key, value);
    if (auto whole = from.finish(); !whole) {
        co_return fail(std::move(whole.error()));
    }
    co_return value;
}

http::response json_response(int status, const json& document) {
    http::response made;
    made.status = status;
    made.head.push_back({"Content-Type", "application/json"});
    made.body = write_json(document);
    return made;
}

http::response empty_response() {
    http::response made;
    made.status = 204;
    return made;
}

result<http::response> empty_response(const result<void>& done) {
    if (!done) {
        return fail(done.error());
    }
    return empty_response();
}

result<std::string> decoded(std::string_view text, bool plus) {
    std::string made;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%') {
            const int high = i + 1 < text.size() ? digit(text[i + 1]) : -1;
            const int low = i + 2 < text.size() ? digit(text[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return fail(errc::malformed,
                            "'%' in the URL must be followed by two hexadecimal digits");
            }
            made += static_cast<char>(high * 16 + low);
            i += 2;
        } else {
            made += plus && text[i] == '+' ? ' ' : text[i];
        }
    }
    return made;
}

std::string encoded(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    constexpr std::string_view plain = "-._~";
    std::string made;
    for (const char letter : text) {
        const auto byte = static_cast<unsigned char>(letter);
        const bool kept = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                          (letter >= '0' && letter <= '9') ||
                          plain.find(letter) != std::string_view::npos;
        if (kept) {
            made += letter;
        } else {
            made += '%';
            made += digits[byte >> 4];
            made += digits[byte & 15];
        }
    }
    return made;
}

}  // namespace calbox::daemon
