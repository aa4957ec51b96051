// How a rendezvous has others opened when all are nearly full, or when some are lost (report 4.3.1,
// 5.8).
#include "node/parts.hpp"
#include "overlay/opener.hpp"

namespace calbox::node {

task<void> node_parts::keep_enough_rendezvous() {
    overlay::opener::settings opening_with;
    opening_with.least = with.rendezvous_min;
    if (with.profile == overlay::bootstrap::profile::lan_test) {
        opening_with.look_every /= 20;
        opening_with.begins_after /= 20;
        opening_with.again_after /= 20;
    }
    overlay::opener decides(me.self(), env.time.now(), opening_with);
    while (true) {
        co_await sleep_for(env, opening_with.look_every);
        const std::uint32_t count =
            decides.look(rendezvous->loads(), rendezvous->others_are_wanted(), env.time.now());
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

}  // namespace calbox::node
