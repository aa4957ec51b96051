// Which of many times share some of it, by a sweep over them. Pure.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "model/event.hpp"

namespace calbox::node {

/// A time that something takes, and whose it is.
struct taken_time {
    model::interval utc;
    std::size_t owner = 0;
};

/// Calls `each` for every two times that overlap and are not of the same owner, the earlier one
/// first. Sorts, and compares each time with those alone that are not over when it begins.
void find_overlaps(std::vector<taken_time> times,
                   const std::function<void(const taken_time&, const taken_time&)>& each);

}  // namespace calbox::node
