// What a person may choose for a password (security design 5.2). Pure functions; nothing of a
// password is kept or logged.
#pragma once

#include <string>

#include <calbox/error.hpp>

namespace calbox::crypto {

/// NFC: what looks the same is the same, whichever keyboard it came from. too_large above 1024
/// bytes, invalid_argument for what is not UTF-8.
result<std::string> normal_password(const std::string& password);

/// Would it withstand guessing: at least 10 characters, and at least 10^8 guesses by the estimate
/// of zxcvbn (Wheeler, USENIX Security 2016), that is its score of 3; to whom the user's name is
/// known. `password` in normal form. invalid_argument says what to do.
result<void> hard_to_guess(const std::string& password, const std::string& user_name);

}  // namespace calbox::crypto
