#include <calbox/envelope.hpp>

#include <algorithm>

namespace calbox {

bool envelope_header::involves(const user_id& user) const noexcept {
    return user == event.organizer || std::ranges::binary_search(participants, user);
}

}  // namespace calbox
