// Long times: a device that is away for a month, and a backup that is lost and replaced.
#include <algorithm>

#include <fmt/format.h>

#include "lab/scenarios/demonstration.hpp"
#include "lab/scenarios/table.hpp"

namespace calbox::lab {

namespace {

using namespace std::chrono_literals;
using wire::role::backup, wire::role::edge, wire::role::rendezvous;

constexpr int days_away = 30;

}  // namespace

void play_long_absence(script& on) {
    const auto edits = on.size_or(1'000);
    const auto events = std::max<std::uint64_t>(1, edits / 20);
    world& in = on.fresh_world();
    node::node_settings rare;
    rare.heartbeat = 1min;  // else most of the run is heartbeats
    device& hub = found_network(in, "hub", rendezvous | backup, rare);
    device& a = join_network(in, "A", edge, hub);
    device& b = join_network(in, "B", edge, hub);
    person alice(a, "alice"), bob(b, "bob");
    std::vector<event_id> all;
    on.step(fmt::format("A and B share {} events, and B goes away", events), {194}, [&] {
        alice.sign_up();
        bob.sign_up();
        in.pass(1s);
        for (std::uint64_t i = 0; i < events; ++i) {
            all.push_back(must(alice.create(fmt::format("event {}", i), {"bob"}), "create").id);
        }
        in.wait_for("bob sees the last", [&] { return bob.sees(all.back()).has_value(); });
        b.stop();
    });
    std::uint64_t done = 0, most_owed = 0;
    on.step(fmt::format("in {} days A, which is on for minutes a day, makes {} edits", days_away,
                        edits),
            {87}, [&] {
                for (int day = 1; day <= days_away; ++day) {
                    const auto until_tonight = edits * static_cast<std::uint64_t>(day) / days_away;
                    for (; done < until_tonight; ++done) {
                        must(alice.change(all[done % events], fmt::format("edit {}", done)),
                             "modify");
                    }
                    in.pass(1min);
                    most_owed = std::max(most_owed, a.api().info.status().outbox);
                    a.stop();
                    in.pass(24h);
                    a.start();
                    in.wait_for("A is connected", [&] { return is_connected(a); });
                }
            });
    on.figure("most deliveries that A owed", static_cast<double>(most_owed), "deliveries");
    on.step("A did not owe more than one delivery for each event", {104}, [&] {
        expect(most_owed <= events, fmt::format("it owed {} for {} events", most_owed, events));
    });
    on.step("B returns, and has every event as it is now, within ten seconds",
            {28, 78, 88, 90, 164}, [&] {
                const instant begun = in.now();
                b.start();
                in.wait_for(
                    "bob sees all as alice does",
                    [&] {
                        return std::ranges::all_of(all, [&](const event_id& one) {
                            const auto mine = bob.sees(one), hers = alice.sees(one);
                            return mine && hers && mine->version == hers->version &&
                                   mine->content.title == hers->content.title;
                        });
                    },
                    10s);
                on.figure("from start to everything",
                          std::chrono::duration<double>(in.now() - begun).count(), "s");
                in.wait_for("B has caught up", [&] { return b.api().info.status().caught_up; });
            });
    on.step("and can change one at once", {88}, [&] {
        must(bob.change(all.front(), "back again"), "modify");
        in.wait_for("alice sees it", [&] { return alice.title_of(all.front()) == "back again"; });
    });
    const auto last = b.api().info.status().recovery.last;
    on.figure("rounds of the exchange", static_cast<double>(last.rounds), "rounds");
    on.figure("bytes that came",
              static_cast<double>(bytes_from(last.friends) + bytes_from(last.backups)), "bytes");
    on.figure("events that came", static_cast<double>(last.applied), "events");
    on.figure("events that came and were there already", static_cast<double>(last.duplicates),
              "events");
}

void play_backup_rebuild(script& on) {
    constexpr std::uint64_t events = 30, files = 5;
    world& in = on.fresh_world();
    device& hub = found_network(in, "hub", rendezvous);
    device& old = join_network(in, "Z", backup, hub);
    device& a = join_network(in, "A", edge, hub);
    device& b = join_network(in, "B", edge, hub);
    device& c = join_network(in, "C", edge, hub);
    person alice(a, "alice"), bob(b, "bob"), carol(c, "carol");
    std::vector<event_id> all;
    on.step(fmt::format("{} events and {} files, and a backup that has all of them", events, files),
            {43, 82}, [&] {
                for (person* const one : {&alice, &bob, &carol}) {
                    one->sign_up();
                }
                in.pass(1s);
                for (std::uint64_t i = 0; i < events; ++i) {
                    person& host = i % 2 == 0 ? alice : bob;
                    all.push_back(
                        must(host.create(fmt::format("event {}", i), {"carol"}), "create").id);
                    if (i < files) {
                        bytes content(20'000);
                        in.chance.fill(content);
                        must(host.attach(all.back(), "file", content), "attach");
                    }
                }
                in.wait_for("the backup has everything", [&] {
                    const auto status = old.api().info.status();
                    return status.events == events && status.files == files;
                });
            });
    device* fresh = nullptr;
    instant begun{};
    on.step("its machine is lost, and a new one takes its place, empty", {142}, [&] {
        old.kill(ending::power);
        in.pass(1min);
        begun = in.now();
        fresh = &join_network(in, "Z2", backup, hub);
        in.wait_for("Z2 is connected", [&] { return is_connected(*fresh); });
    });
    on.step("it gets every event and every file from those who are there", {44, 81, 82, 142}, [&] {
        in.wait_for("Z2 has everything", [&] {
            const auto status = fresh->api().info.status();
            return status.events == events && status.files == files;
        });
        on.figure("time until the new backup is whole",
                  std::chrono::duration<double>(in.now() - begun).count(), "s");
        const auto status = fresh->api().info.status();
        expect(
            status.backing && status.backing->percent == 100 && status.backing->wanted_files == 0,
            "it does not say that it is whole");
    });
    event_id later{};
    on.step("what is created and changed from now on goes there", {27, 31, 141}, [&] {
        const auto before = fresh->api().info.status().events;
        later = must(alice.create("later", {"carol"}), "create").id;
        in.wait_for("Z2 has it", [&] { return fresh->api().info.status().events == before + 1; });
        must(alice.change(all[0], "changed"), "modify");
        must(alice.attach(later, "later.txt", to_bytes("new file")), "attach");
        in.wait_for("Z2 has the file",
                    [&] { return fresh->api().info.status().files == files + 1; });
    });
    on.step("a returning device gets it there when nobody else is on", {80, 81}, [&] {
        c.stop();
        const auto missed = must(alice.create("missed", {"carol"}), "create").id;
        in.pass(5s);
        a.stop();
        b.stop();
        c.start();
        in.wait_for("carol sees it", [&] { return carol.title_of(missed) == "missed"; });
        expect(must(carol.read(later, "later.txt"), "read") == to_bytes("new file"),
               "carol reads another file");
        a.start();
        b.start();
        in.wait_for("both are connected", [&] { return is_connected(a) && is_connected(b); });
    });
    device* third = nullptr;
    on.step("a third one gets everything from Z2 alone, with everybody else off", {34, 184}, [&] {
        in.wait_for("Z2 has all of it", [&] {
            const auto status = fresh->api().info.status();
            return status.events == events + 2 && status.files == files + 1;
        });
        for (device* const one : {&a, &b, &c}) {
            one->stop();
        }
        third = &join_network(in, "Z3", backup, hub);
        in.wait_for("Z3 has everything", [&] {
            const auto status = third->api().info.status();
            return status.events == events + 2 && status.files == files + 1;
        });
    });
    on.step("and takes over from it: files are read there with Z2 off", {35, 141, 184, 185}, [&] {
        fresh->kill(ending::power);
        c.start();
        in.wait_for("carol is connected", [&] { return is_connected(c); });
        for (std::uint64_t i = 0; i < files; ++i) {
            expect(must(carol.read(all[i], "file"), "read").size() == 20'000,
                   "carol reads another file");
        }
    });
}

}  // namespace calbox::lab
