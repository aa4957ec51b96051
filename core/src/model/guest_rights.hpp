// What guests may do with an event, by the words that people use for the bits of
// envelope_header::guests_may. Values.
#pragma once

#include <array>
#include <string_view>

#include <calbox/envelope.hpp>

namespace calbox::model {

struct right_name {
    std::uint32_t bit;
    std::string_view name;
};
inline constexpr std::array right_names = {
    right_name{guest_right::modify, "modify"},
    right_name{guest_right::attach, "attach"},
    right_name{guest_right::invite, "invite"},
    right_name{guest_right::remove, "delete"},
};

}  // namespace calbox::model
