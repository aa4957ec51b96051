// The network changes its consensus strategy and changes it back while people edit, with a device
// that is off, the network split, and a device that lacks the plugin. Every claim of the random
// worlds is judged over the whole of it, epochs and all.
#include <algorithm>

#include <fmt/format.h>

#include "lab/check/world_watcher.hpp"
#include "lab/random/errands.hpp"
#include "lab/random/rest.hpp"
#include "lab/scenarios/demonstration.hpp"
#include "lab/scenarios/table.hpp"

namespace calbox::lab {

namespace {

using namespace std::chrono_literals;
using wire::role::backup, wire::role::edge, wire::role::rendezvous;

constexpr duration pause_most = 1500ms;  // between what one person does and the next

/// Four people who share events with each other, and everything that watches them.
class changing_network {
public:
    explicit changing_network(script& on)
        : in_(on.fresh_world()), trace_(in_.net.tap), seen_(in_), errands_(people_, seen_) {
        errands_.guests_change(in_.promised().linearizable);
        in_.net.tap = [first = trace_, second = in_.net.tap](
                          const std::string& from, const std::string& to, byte_view data) {
            first(from, to, data);
            second(from, to, data);
        };
        in_.settled = [this] { errands_.collect(); };
        hub_ = &found_network(in_, "hub", rendezvous);
        z_ = &join_network(in_, "Z", backup, *hub_);
        people_.reserve(4);
        for (const std::string name : {"alice", "bob", "carol", "dave"}) {
            device& its = join_network(in_, name, edge, *hub_);
            people_.emplace_back(its, name);
            people_.back().sign_up();
            seen_.knows(people_.back());
        }
        in_.pass(1s);
    }
    ~changing_network() { in_.settled = nullptr; }

    world& in() noexcept { return in_; }
    device& hub() noexcept { return *hub_; }
    person& who(std::size_t i) { return people_[i]; }
    std::uint64_t acknowledged() const { return errands_.counted().acknowledged; }

    /// Everybody who is up does this and that, for so long.
    void load(duration time) {
        const instant end = in_.now() + time;
        while (in_.now() < end) {
            const auto i = static_cast<std::uint32_t>(in_.chance.below(people_.size()));
            const std::uint64_t what = in_.chance.below(10);
            const auto kind = what == 0   ? action_kind::create
                              : what == 1 ? action_kind::attach
                                          : action_kind::change;
            if (people_[i].up()) {
                errands_.begin(people_[i],
                               {0, kind, i, in_.chance.below(1000), in_.chance.below(16)});
            }
            in_.pass(duration(
                in_.chance.below(static_cast<std::uint64_t>(duration(pause_most).count()))));
        }
    }

    event_id create(person& by, const std::string& title, const std::vector<std::string>& guests) {
        auto asked = seen_.creates(by);
        const auto came = by.create(title, guests);
        seen_.answered(std::move(asked), came);
        return must(came, "create").id;
    }
    answer<node::event_view> change(person& by, const event_id& which, const std::string& title) {
        const auto seen = by.sees(which);
        expect(seen.has_value(), by.name() + " does not see what he is to change");
        auto asked = seen_.changes(by, *seen);
        auto came = by.change(which, title, seen->version);
        seen_.answered(std::move(asked), came);
        return came;
    }
    /// Tries until it is done.
    void change_in_time(person& by, const event_id& which, const std::string& title) {
        in_.wait_for(
            by.name() + " can change the event",
            [&] {
                const auto came = change(by, which, title);
                return came && came->has_value();
            },
            3min);
    }

    std::uint64_t change_to(const std::string& strategy) {
        const auto all = must(hub_->run(hub_->api().network.change_strategy({strategy, {}, 0s})),
                              "to " + strategy);
        return all.back().epoch;
    }
    void stop(person& who) {
        errands_.collect();
        who.at().kill(ending::power);
        errands_.lose(who.at());
    }
    void split(std::size_t away) {
        std::set<std::string> rest{"hub", "Z"};
        for (std::size_t i = 0; i < people_.size(); ++i) {
            if (i != away) {
                rest.insert(people_[i].at().name());
            }
        }
        in_.net.split({rest, {people_[away].at().name()}});
    }

    /// How many events at the devices of these people are decided about by another epoch than that.
    std::size_t behind(std::uint64_t epoch) {
        std::size_t count = 0;
        for (const person& one : people_) {
            if (one.up()) {
                for (const auto& view : one.at().api().network.strategies()) {
                    count += view.epoch < epoch ? view.events : 0;
                }
            }
        }
        return count;
    }
    void all_know(std::uint64_t epoch) {
        in_.wait_for("every device knows of the epoch", [&] {
            return std::ranges::all_of(in_.devices(), [&](const auto& one) {
                return !one->up() || one->api().network.strategies().back().epoch == epoch;
            });
        });
    }
    void come_to_rest() {
        std::string missing;
        std::vector<const person*> all;
        for (const person& one : people_) {
            all.push_back(&one);
        }
        const auto at_rest = [&] {
            missing = errands_.open() ? "an operation still runs" : unrest(all, true);
            return missing.empty();
        };
        const instant end = in_.now() + 5min;
        while (!at_rest()) {
            expect(in_.now() < end, "no rest: " + missing);
            in_.pass(1s);
        }
    }
    /// The first thing that broke of what must hold.
    void judge(const consensus::traits& promised) {
        std::vector<const person*> all;
        for (const person& one : people_) {
            all.push_back(&one);
        }
        seen_.end(all);
        const auto broken = seen_.claims.violations(claims::required(promised));
        expect(broken.empty(), broken.empty() ? "" : claims::to_line(broken.front()));
    }

private:
    world& in_;
    std::function<void(const std::string&, const std::string&, byte_view)> trace_;
    claims::world_watcher seen_;
    std::vector<person> people_;
    errands errands_;
    device* hub_ = nullptr;
    device* z_ = nullptr;
};

}  // namespace

void play_strategy_change(script& on) {
    const std::string first = on.with().consensus;
    const std::string second = first == "organizer" ? "views" : "organizer";
    const auto load = std::chrono::seconds(on.size_or(60));
    changing_network all(on);
    person &alice = all.who(0), &bob = all.who(1), &dave = all.who(3);
    event_id lunch{};
    std::uint64_t epoch = 0;

    on.step("four people edit what they share", {87}, [&] {
        lunch = all.create(alice, "lunch", {"bob", "carol", "dave"});
        all.in().wait_for("dave sees it", [&] { return dave.sees(lunch).has_value(); });
        all.load(load);
    });
    on.step(fmt::format("D is off and B is cut off when the registry's machine says {}; everybody "
                        "else goes over while they edit",
                        second),
            {87}, [&] {
                all.stop(dave);
                all.split(1);
                all.in().pass(5s);
                epoch = all.change_to(second);
                all.load(load);
            });
    on.step("B is back, learns of it, and its events go over, too", {87}, [&] {
        all.in().net.heal();
        all.load(load);
        all.all_know(epoch);
        // Without its organizer's device an event of Dave's need not.
        all.change_in_time(bob, lunch, "bob's lunch");
    });
    on.step("D, without the new plugin, shows events and does not change them, and says why", {},
            [&] {
                dave.at().uninstall(second);
                dave.at().start();
                all.in().wait_for("dave sees bob's lunch",
                                  [&] { return dave.title_of(lunch) == "bob's lunch"; });
                const auto came = all.change(dave, lunch, "dave's lunch");
                expect_refused(came, errc::unsupported, "an edit without the plugin");
                expect((*came).error().message().find("Install that plugin") != std::string::npos,
                       "it is not said what to do: " + (*came).error().message());
            });
    on.step("with the plugin D catches up and edits, and every event has gone over", {87, 88}, [&] {
        all.stop(dave);
        dave.at().install(second);
        dave.at().start();
        all.change_in_time(dave, lunch, "dave's lunch");
        all.load(load);
        all.in().wait_for(
            "every event has gone over", [&] { return all.behind(epoch) == 0; }, 10min);
    });
    on.figure("edits until then", static_cast<double>(all.acknowledged()), "edits");
    on.step(fmt::format("back to {}, while A is cut off", first), {87}, [&] {
        all.split(0);
        all.in().pass(5s);
        epoch = all.change_to(first);
        all.load(load);
        all.in().net.heal();
        all.load(load);
        all.all_know(epoch);
    });
    on.step("every event has gone over again, and everybody sees the same", {87, 88}, [&] {
        all.in().wait_for(
            "every event has gone over", [&] { return all.behind(epoch) == 0; }, 10min);
        all.come_to_rest();
    });
    on.figure("edits in all", static_cast<double>(all.acknowledged()), "edits");
    on.step("nobody won a version twice: every claim holds over all three epochs", {87},
            [&] { all.judge(on.claims()); });
}

}  // namespace calbox::lab
