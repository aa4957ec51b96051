// Base64 with padding (RFC 4648, section 4), as etcd's JSON carries keys and values.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <calbox/bytes.hpp>

namespace calbox::consensus {

std::string to_base64(byte_view data);
/// Nothing where the text is not base64 with its padding.
std::optional<bytes> from_base64(std::string_view text);

}  // namespace calbox::consensus
