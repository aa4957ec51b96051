// How often what an offline organizer has shared can be read (R102): a simulated month with no,
// one, two and three backups, where every machine is on and off by chance. The assumptions stand at
// the top, and in docs/promises.md.
#include <algorithm>

#include <fmt/format.h>

#include "lab/scenarios/demonstration.hpp"
#include "lab/scenarios/table.hpp"

namespace calbox::lab {

namespace {

using namespace std::chrono_literals;
using wire::role::backup, wire::role::edge, wire::role::rendezvous;

/// Times on and off are exponential, independent, and counted in minutes.
struct habits {
    std::uint64_t on_minutes, off_minutes;
};
constexpr habits of_people{2 * 60, 6 * 60};        // laptops: on a quarter of the time
constexpr habits of_backups{5 * 24 * 60, 4 * 60};  // servers: on 97 % of the time
constexpr int guests_each = 3;
constexpr std::size_t file_bytes = 20'000;
constexpr duration patience = 1min;  // that a returning guest has
constexpr duration beat = 1min;
constexpr std::uint64_t enough_to_compare = 20;

/// A whole number of minutes with that mean: how often it does not happen, until it does.
std::uint64_t exponential(seeded& chance, std::uint64_t mean) {
    std::uint64_t minutes = 1;
    while (chance.below(mean) != 0) {
        ++minutes;
    }
    return minutes;
}

struct switched_device {
    device* it;
    habits has;
    person* user = nullptr;
    std::uint64_t next = 0;  // the minute in which it is switched
};

struct counted {
    std::uint64_t asked = 0, events = 0, files = 0;
    double share(std::uint64_t of) const {
        return asked == 0 ? 0 : 100.0 * static_cast<double>(of) / static_cast<double>(asked);
    }
};

class month {
public:
    month(script& on, int backups) : in_(on.fresh_world()) {
        node::node_settings with;
        with.heartbeat = beat;
        hub_ = &found_network(in_, "hub", rendezvous, with);
        for (int i = 1; i <= backups; ++i) {
            add(join_network(in_, fmt::format("Z{}", i), backup, *hub_), of_backups);
        }
        for (int i = 0; i <= guests_each; ++i) {
            const std::string name = i == 0 ? "host" : fmt::format("guest-{}", i);
            device& its = join_network(in_, name, edge, *hub_);
            people_.push_back(std::make_unique<person>(its, name));
            people_.back()->sign_up();
            add(its, of_people).user = people_.back().get();
        }
        in_.pass(1s);
        share();
        for (switched_device& one : machines_) {
            one.next = exponential(in_.chance, one.has.on_minutes);
        }
    }

    void play(std::uint64_t hours) {
        const instant begun = in_.now();
        while (true) {
            auto first = std::ranges::min_element(machines_, {}, &switched_device::next);
            if (first->next > hours * 60) {
                return;
            }
            // Waiting for somebody takes time itself, and moves what is due meanwhile.
            const instant due = begun + std::chrono::minutes(first->next);
            if (due > in_.now()) {
                in_.pass(due - in_.now());
            }
            first->next += switch_over(*first);
        }
    }

    const counted& found() const noexcept { return found_; }

private:
    switched_device& add(device& made, habits has) {
        machines_.push_back({&made, has});
        return machines_.back();
    }

    /// Turns it on or off; how many minutes until the next time.
    std::uint64_t switch_over(switched_device& one) {
        if (one.it->up()) {
            one.it->stop();
            if (one.user != nullptr) {
                gone_since_[one.user] = shared_.size();
            }
            return exponential(in_.chance, one.has.off_minutes);
        }
        one.it->start();
        if (one.user == people_.front().get()) {
            if (in_.until([&] { return is_connected(*one.it); })) {
                share();
            }
        } else if (one.user != nullptr && !people_.front()->up()) {
            look(*one.user);
        }
        return exponential(in_.chance, one.has.on_minutes);
    }

    /// The host makes an event with a file for everybody.
    void share() {
        std::vector<std::string> all;
        for (int i = 1; i <= guests_each; ++i) {
            all.push_back(people_[static_cast<std::size_t>(i)]->name());
        }
        person& host = *people_.front();
        const auto made =
            must(host.create(fmt::format("event {}", shared_.size()), all), "create").id;
        bytes content(file_bytes);
        in_.chance.fill(content);
        must(host.attach(made, "file", content), "attach");
        shared_.push_back(made);
    }

    /// A guest returns while the host is off: what was shared meanwhile, can he read it?
    void look(person& guest) {
        for (std::size_t i = gone_since_[&guest]; i < shared_.size(); ++i) {
            ++found_.asked;
            const instant until = in_.now() + patience;
            const auto has_file = [&] {
                const auto seen = guest.sees(shared_[i]);
                return seen && seen->content.files.size() == 1;
            };
            if (!in_.until(has_file, patience)) {
                continue;
            }
            ++found_.events;
            bool read = false;
            while (!read && in_.now() < until) {
                const auto came = guest.read(shared_[i], "file");
                read = came && *came;
                in_.pass(read ? 0s : 5s);
            }
            found_.files += read ? 1 : 0;
        }
    }

    world& in_;
    device* hub_ = nullptr;
    std::vector<std::unique_ptr<person>> people_;
    std::vector<switched_device> machines_;
    std::vector<event_id> shared_;
    std::map<const person*, std::size_t> gone_since_;  // how many there were when he left
    counted found_;
};

}  // namespace

void play_availability(script& on) {
    const std::uint64_t hours = on.size_or(30 * 24);
    figure_table table{"What a returning guest can read within a minute while the organizer is off",
                       {"backups", "asked for", "events", "files"},
                       {}};
    std::vector<counted> found;
    for (const int backups : {0, 1, 2, 3}) {
        on.step(fmt::format("{} hours with {} backups: laptops on for 2 h and off for 6 h, backups "
                            "on for 5 days and off for 4 h on average",
                            hours, backups),
                {34, 102, 103, 184}, [&] {
                    month all(on, backups);
                    all.play(hours);
                    found.push_back(all.found());
                });
        if (found.size() == static_cast<std::size_t>(backups) + 1) {
            const counted& one = found.back();
            table.rows.push_back({std::to_string(backups), std::to_string(one.asked),
                                  fmt::format("{:.2f} %", one.share(one.events)),
                                  fmt::format("{:.2f} %", one.share(one.files))});
        }
    }
    const bool enough = std::ranges::all_of(
        found, [](const counted& one) { return one.asked >= enough_to_compare; });
    if (enough) {
        on.step("with a backup more is read than without, and with two not less than with one",
                {102, 105}, [&] {
                    const auto share = [&](std::size_t i) {
                        return found[i].share(found[i].files);
                    };
                    expect(share(1) > share(0), "one backup is no better than none");
                    expect(share(2) + 1 > share(1), "two backups are worse than one");
                    expect(share(2) >= 95, "with two less than 95 % is read");
                });
    }
    on.table(std::move(table));
}

}  // namespace calbox::lab
