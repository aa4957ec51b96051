// How a rendezvous has others opened when all are nearly full, or when some are lost (report 4.3.1,
// 5.8), and how it ends when it is not needed.
#include "node/parts.hpp"
#include "overlay/opener.hpp"
#include "overlay/retirer.hpp"

namespace calbox::node {

task<void> node_parts::keep_enough_rendezvous() {
    overlay::opener::settings opening_with;
    opening_with.least = with.rendezvous_min;
    if (with.profile == overlay::bootstrap::profile::lan_test) {
        opening_with.look_every /= 20;
        opening_with.begins_after /= 20;
        opening_with.again_after /= 20;
        opening_with.joins_within /= 20;
    }
    overlay::opener decides(me.self(), env.time.now(), opening_with);
    while (true) {
        co_await sleep_for(env, opening_with.look_every);
        const std::uint32_t count = decides.look(rendezvous->loads_of_all(),
                                                 rendezvous->others_are_wanted(), env.time.now());
        if (count == 0) {
            continue;
        }
        env.log.write(log_level::info, "overlay",
                      "asking for " + std::to_string(count) + " more rendezvous");
        const auto asked = co_await with.open_rendezvous(count);
        if (!asked) {
            env.log.write(log_level::warn, "overlay",
                          "no other rendezvous could be opened: " + asked.error().message());
        }
    }
}

task<void> node_parts::end_when_not_needed() {
    overlay::retirer::settings retiring_with;
    retiring_with.least = with.rendezvous_min;
    if (with.profile == overlay::bootstrap::profile::lan_test) {
        retiring_with.look_every /= 20;
        retiring_with.low_for /= 20;
        retiring_with.apart /= 20;
    }
    overlay::retirer decides(me.self(), retiring_with);
    std::optional<device_id> to;
    while (!to) {
        co_await sleep_for(env, retiring_with.look_every);
        to = decides.look(rendezvous->loads_of_all(), env.time.now());
    }
    env.log.write(log_level::info, "overlay",
                  "the other rendezvous have room for all: sending edges to " +
                      to->hex().substr(0, 8) + ", and ending then");
    rendezvous->retire(*to);
    // One lease is its own. Those that do not go are told by the end of the session.
    const instant until = env.time.now() + retiring_with.low_for;
    while (rendezvous->edges() > 1 && env.time.now() < until) {
        co_await sleep_for(env, retiring_with.look_every);
    }
    with.retired();
}

}  // namespace calbox::node
