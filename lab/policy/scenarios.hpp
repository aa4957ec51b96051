// What is asked of large worlds, as test plans with figures: each scenario says what happens when,
// and gives back what was measured beside the goal. Goals name who must reach them: what a strategy
// does not claim is printed and judged by nobody. One thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "lab/policy/world.hpp"

namespace calbox::lab::policy {

struct trial {
    plugins::plugin_host& plugins;
    choice strategy{};
    std::uint64_t seed = 1;
    std::uint32_t edges = 10'000;
    std::uint32_t rendezvous = 100;
};

struct goal {
    std::string name;             // as in the design: "G3"
    std::optional<double> least;  // of the value
    std::optional<double> most;
    std::string of;  // the strategy that must reach it, or "every"
};

struct figure {
    std::string name;
    double value = 0;
    std::string unit;
    std::optional<goal> wanted;

    /// True where there is no goal.
    bool reached() const noexcept;
};

struct report {
    std::string scenario, strategy;
    std::uint64_t seed = 0;
    std::uint32_t edges = 0, rendezvous = 0;
    duration simulated{};
    std::uint64_t events = 0;
    std::uint64_t trace = 0;  // of everything that happened
    std::vector<figure> figures;
    double bytes_per_edge = 0;  // of this process's memory; not the same in every run

    /// 0 when there is no such figure.
    double value(const std::string& name) const noexcept;
    /// The figures whose goals this strategy must reach, and does not.
    std::vector<figure> missed() const;
};
nlohmann::json to_json(const report& what);

/// All edges arrive within a minute, and stay: is the load even, who waits, who is refused?
result<report> flash_crowd(const trial& with);
/// People come and go. A tenth of the rendezvous vanishes silently and comes back empty; then
/// another tenth, whose processes are killed: how soon has everybody a lease again, and how even?
result<report> rendezvous_crash(const trial& with);
/// An hour in which one message of a hundred is lost and rendezvous stall for 5 s: how many edges
/// give up a rendezvous that was alive?
result<report> lossy_hour(const trial& with);
/// 75 minutes in which people come and go: how even, and how many edges are moved for it; a tenth
/// of the rendezvous vanishes after 30 minutes and comes back empty after 45.
result<report> balance(const trial& with);
/// A quarter of the rendezvous has five times the room of the others.
result<report> uneven_rendezvous(const trial& with);
/// Room for 15 % more than there are; then a tenth of the rendezvous vanishes.
result<report> tight_rendezvous(const trial& with);
/// Two rendezvous, of which one is killed: does the other one see a storm?
result<report> storm(const trial& with);
/// Rendezvous alone, which watch each other and lose one message of fifty: what does it cost; a
/// tenth stalls for 5 s, then a tenth vanishes: how soon does everybody know, and who is given up
/// that was there?
result<report> membership_crash(const trial& with);
/// The same where they keep to their circles and informants, and a tenth comes, each told of half
/// of the others, before the tenth stalls: how soon does everybody know of everybody?
result<report> membership_in_circles(const trial& with);
/// Many rendezvous in circles, with edges that come and go: what do they cost each other, with how
/// many has each a session, and who is seen wrongly, a while after a tenth of them vanished?
result<report> presence_crash(const trial& with);
/// Ten minutes in which eight edges come for each five places; others are opened when rendezvous
/// ask for them.
result<report> overload(const trial& with);

}  // namespace calbox::lab::policy
