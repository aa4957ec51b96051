#include "overlay/port_mapping.hpp"

#include <algorithm>
#include <utility>

namespace calbox::overlay {

void port_mapping::mapped(std::string outside, duration lasts, instant now) {
    outside_ = std::move(outside);
    ends_ = now + lasts;
    due_ = now + std::max(lasts / 2, least);
    again_ = first_again;
}

void port_mapping::failed(instant now) {
    due_ = now + again_;
    again_ = std::min(again_ * 2, last_again);
}

const std::string& port_mapping::address(instant now) const noexcept {
    static const std::string none;
    return now < ends_ ? outside_ : none;
}

}  // namespace calbox::overlay
