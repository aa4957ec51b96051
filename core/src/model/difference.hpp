// What changed from one version of an event to another, field by field, for people. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "model/event.hpp"

namespace calbox::model {

/// `field` is a member of the event as docs/api.md names it. Texts of one value each, cut after
/// difference_text_bytes; empty: there was none, or there is none any more. A list (categories,
/// participants, declined, guests_may) is one text with commas; of files and of changed occurrences
/// there is one change for each.
struct field_change {
    std::string field;
    std::string before, after;
    friend bool operator==(const field_change&, const field_change&) = default;
};

inline constexpr std::size_t difference_text_bytes = 1000;

/// A version as it is compared. `content` outlives the call.
struct compared_version {
    const event_content& content;
    std::uint32_t guests_may = 0;  // guest_right bits
};

/// In a fixed order; empty when the versions say the same. Times of creation and of change, and the
/// UID, are not compared.
std::vector<field_change> difference(const compared_version& before, const compared_version& after);

}  // namespace calbox::model
