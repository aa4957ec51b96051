// When others are busy: part of the services behind the API. Implemented by free_busy_service; core
// thread only.
#pragma once

#include <string>
#include <vector>

#include "base/async.hpp"
#include "model/event.hpp"

namespace calbox::node {

struct busy_view {
    std::string name;
    bool known = false;
    std::string why;                    // when it is not known
    std::vector<model::interval> busy;  // within the range, ascending, apart
};

class free_busy {
public:
    virtual ~free_busy();
    /// When `name` is busy in the range, as a device of his tells it now: his friends, and himself.
    /// Whom nobody can ask, or who does not tell, is not known: never free. not_found: no such
    /// user; invalid_argument or too_large: the range.
    virtual task<result<busy_view>> ask(user_id as, std::string name, model::interval range) = 0;
};

}  // namespace calbox::node
