// Alice's choir, which meets six times: a series in a network of one user.
#pragma once

#include <string>
#include <vector>

#include "model/times.hpp"
#include "support/test_network.hpp"

namespace calbox::test {

struct choir_world {
    explicit choir_world(const std::string& strategy)
        : net(1, strategy), hub(net.add_hub()), alice(net.add_edge("alice", hub)) {
        alice.sign_in("alice");
        node::event_draft draft;
        draft.title = "Choir";
        draft.start = "2026-05-04 20:00";
        draft.end = "2026-05-04 22:00";
        draft.recurrence = "FREQ=WEEKLY;COUNT=6";
        series = must(net.run(alice.api().events.create(alice.me(), draft))).id;
    }
    static node::event_query may_and_june() {
        return {must(model::parse_utc("2026-05-01")), must(model::parse_utc("2026-07-01")), {}};
    }
    /// "05-04 Choir"
    static std::vector<std::string> seen_by(test_network::device& who) {
        std::vector<std::string> all;
        for (const auto& one : must(who.api().events.occurrences(who.me(), may_and_june()))) {
            all.push_back(model::utc_text(one.utc.start).substr(5, 5) + " " + one.content.title);
        }
        return all;
    }
    test_network net;
    test_network::device& hub;
    test_network::device& alice;
    event_id series;
};

}  // namespace calbox::test
