// What one command runs with. Lives for one command; one thread.
#pragma once

#include <string>

#include "client.hpp"
#include "command.hpp"
#include "output.hpp"
#include "surroundings.hpp"
#include "times.hpp"

namespace calbox::ctl {

class context {
public:
    context(const surroundings& world_in, client& api_in, output& out_in, given values_in)
        : world(world_in),
          api(api_in),
          out(out_in),
          values(std::move(values_in)),
          mine(user_zone(world_in)) {}

    const surroundings& world;
    client& api;
    output& out;
    given values;
    zone mine;  // the person's

    wall now_here() const { return wall_at(world.now(), mine); }
};

/// "/v1/events/alice/1.7" for "alice/1.7"; "invalid_argument" for what is no id.
answer<std::string> event_target(const std::string& id);

/// Gets the document of `target`, and prints it as it is where JSON is wanted; else has it shown.
template <class Shown>
answer<void> show_document(context& with, const std::string& target, Shown by_hand) {
    const auto found = with.api.get(target);
    if (!found) {
        return refuse(found.error());
    }
    if (with.out.json()) {
        with.out.document(*found);
    } else {
        by_hand(*found);
    }
    return {};
}

/// The whole program, but for signals: `words` without the program's name. Returns the exit status.
int run(const std::vector<std::string>& words, const surroundings& world);

}  // namespace calbox::ctl
