// Many devices, edits at random while they come and go: in the end all who take part hold the same
// version of every event, and no acknowledged event is lost. One seed is one run, the same every
// time.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "support/test_network.hpp"

namespace calbox {
namespace {

using test::must;
using test::test_network;

class random_days : public testing::TestWithParam<std::tuple<std::string, std::uint64_t>> {
protected:
    struct person {
        test_network::device* at;
        std::string name;
    };
    std::uint64_t below(std::uint64_t bound) { return net.world.entropy.below(bound); }
    person& somebody() { return people[static_cast<std::size_t>(below(people.size()))]; }
    static bool is_up(const person& who) { return who.at->running != nullptr; }

    node::event_draft random_draft() {
        node::event_draft draft;
        draft.title = "event " + std::to_string(++titles);
        draft.start =
            "2026-06-0" + std::to_string(1 + below(9)) + " 1" + std::to_string(below(10)) + ":00";
        draft.end = *draft.start;
        std::vector<std::string> guests;
        for (const person& one : people) {
            if (below(2) == 0) {
                guests.push_back(one.name);
            }
        }
        draft.participants = std::move(guests);
        return draft;
    }
    void create(person& who) {
        auto draft = random_draft();
        std::erase(*draft.participants, who.name);
        if (const auto made = net.run(who.at->api().events.create(who.at->me(), draft))) {
            acknowledged.insert(made->id);
        }
    }
    void change(person& who) {
        const auto all = who.at->api().events.list(who.at->me(), {});
        if (all.empty()) {
            return;
        }
        const auto& one = all[static_cast<std::size_t>(below(all.size()))];
        if (below(6) == 0) {
            const bool his = one.organizer == who.name;
            if (his && net.run(who.at->api().events.remove(who.at->me(), one.id, std::nullopt))) {
                removed.insert(one.id);
            }
            return;
        }
        node::event_draft draft;
        draft.title = "event " + std::to_string(++titles);
        (void)net.run(who.at->api().events.modify(who.at->me(), one.id, draft, std::nullopt));
    }
    void come_or_go(person& who) { is_up(who) ? net.stop(*who.at) : net.start(*who.at); }
    /// Title and version of every event, at one person.
    std::map<event_id, std::string> seen_by(const person& who) {
        std::map<event_id, std::string> found;
        for (const auto& one : who.at->api().events.list(who.at->me(), {})) {
            found[one.id] = one.content.title + " v" + std::to_string(one.version.value);
        }
        return found;
    }
    /// What is not as it should be; empty when all agree.
    std::string disagreement() {
        std::map<event_id, std::string> all;
        for (const person& who : people) {
            for (const auto& [id, text] : seen_by(who)) {
                const std::string& said = all.emplace(id, text).first->second;
                if (said != text) {
                    return id.seq_text() + ": " + said + ", and at " + who.name + " " + text;
                }
            }
        }
        for (const event_id& id : acknowledged) {
            const bool there = all.contains(id);
            // Without linearizability an edit of the same moment may win over the deletion.
            const bool certain = people.front().at->locking->declared().linearizable;
            if (there == removed.contains(id) && (certain || !there)) {
                return id.seq_text() + (there ? " was removed and is there" : " is gone");
            }
        }
        // Whoever takes part has it.
        for (const person& who : people) {
            const auto mine = seen_by(who);
            for (const auto& other : people) {
                for (const auto& one : other.at->api().events.list(other.at->me(), {})) {
                    const bool takes_part =
                        one.organizer == who.name ||
                        std::ranges::count(one.content.participants, who.name) > 0;
                    if (takes_part && !mine.contains(one.id)) {
                        return one.id_text + " is not at " + who.name;
                    }
                }
            }
        }
        return {};
    }

    test_network net{std::get<1>(GetParam()), std::get<0>(GetParam())};
    std::vector<person> people;
    std::set<event_id> acknowledged, removed;
    int titles = 0;
};

TEST_P(random_days, end_in_agreement) {
    auto& hub = net.add_hub();
    for (const std::string name : {"alice", "bob", "carol"}) {
        people.push_back({&net.add_edge(name, hub), name});
        people.back().at->sign_in(name);
    }
    create(people.front());
    for (int step = 0; step < 60; ++step) {
        person& who = somebody();
        const auto what = below(10);
        if (what == 0) {
            come_or_go(who);
        } else if (is_up(who)) {
            what < 4 ? create(who) : change(who);
        }
        net.world.advance(std::chrono::milliseconds(below(400)));
    }
    for (person& who : people) {
        if (!is_up(who)) {
            net.start(*who.at);
        }
    }
    EXPECT_FALSE(acknowledged.empty());
    try {
        net.until([&] { return disagreement().empty(); }, std::chrono::minutes(10));
    } catch (const std::exception& problem) {
        FAIL() << disagreement() << "\n" << problem.what();
    }
}

std::vector<std::uint64_t> seeds() {
    const bool large = std::getenv("CALBOX_CHECK_RELEASE") != nullptr;
    std::vector<std::uint64_t> all;
    for (std::uint64_t seed = 1; seed <= (large ? 1000u : 12u); ++seed) {
        all.push_back(seed);
    }
    return all;
}
INSTANTIATE_TEST_SUITE_P(seeds, random_days,
                         testing::Combine(testing::ValuesIn(test::strategies()),
                                          testing::ValuesIn(seeds())),
                         [](const auto& one) {
                             return std::get<0>(one.param) + "_" +
                                    std::to_string(std::get<1>(one.param));
                         });

}  // namespace
}  // namespace calbox
