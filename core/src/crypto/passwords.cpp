#include "crypto/passwords.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <utf8proc.h>
#include <zxcvbn.h>

#include "wire/limits.hpp"

namespace calbox::crypto {

namespace {

constexpr std::size_t characters_least = 10;
constexpr double bits_least = 26.575;  // log2 of 10^8

std::size_t characters(const std::string& text) {
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

result<std::string> normal_password(const std::string& password) {
    if (password.size() > wire::limits::password_bytes) {
        return fail(errc::too_large, "a password has at most 1024 bytes");
    }
    utf8proc_uint8_t* composed = nullptr;
    const auto length =
        utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(password.data()),
                     static_cast<utf8proc_ssize_t>(password.size()), &composed,
                     static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    if (length < 0) {
        return fail(errc::invalid_argument, "a password must be text in UTF-8");
    }
    std::string normal(reinterpret_cast<const char*>(composed), static_cast<std::size_t>(length));
    std::free(composed);
    return normal;
}

result<void> hard_to_guess(const std::string& password, const std::string& user_name) {
    if (characters(password) < characters_least) {
        return fail(errc::invalid_argument, "a password needs at least 10 characters");
    }
    std::array<const char*, 3> known_words{user_name.c_str(), "calendarbox", nullptr};
    if (ZxcvbnMatch(password.c_str(), known_words.data(), nullptr) < bits_least) {
        return fail(errc::invalid_argument,
                    "this password is easy to guess: take three or four words that do not belong "
                    "together, and neither your name, a date nor a row of keys");
    }
    return {};
}

}  // namespace calbox::crypto
