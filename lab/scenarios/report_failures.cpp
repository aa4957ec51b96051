// Sections 6.4 to 6.6 of the report: a client and the backup that fail, and who may change an
// event.
#include <algorithm>

#include <fmt/format.h>

#include "lab/scenarios/demonstration.hpp"
#include "lab/scenarios/table.hpp"

namespace calbox::lab {

using namespace std::chrono_literals;

void play_report_6_4(script& on) {
    demonstration all(on);
    std::vector<event_id> missed;
    event_id changed{}, deleted{};
    on.step("before: two events of A, B and C", {194}, [&] {
        changed = must(all.alice.create("talk", {"bob", "carol"}), "create").id;
        deleted = must(all.alice.create("party", {"bob", "carol"}), "create").id;
        all.all_see({&all.bob, &all.carol}, deleted, "party");
        all.all_see({&all.bob, &all.carol}, changed, "talk");
        all.in.pass(1min);
    });
    on.step("kill C; meanwhile A and B create three, change one and delete one", {87, 197}, [&] {
        all.c.kill(ending::process);
        all.in.pass(1min);
        for (person* const one : {&all.alice, &all.bob, &all.bob}) {
            const std::string name = fmt::format("missed {}", missed.size() + 1);
            missed.push_back(must(one->create(name, {"alice", "bob", "carol"}), "create").id);
        }
        must(all.alice.change(changed, "talk, moved"), "modify");
        must(all.alice.remove(deleted), "delete");
        all.in.pass(1min);
    });
    on.step("start C: it has all of it, changes and deletions too", {28, 29, 44, 90, 164, 197},
            [&] {
                const instant begun = all.in.now();
                all.restart(all.c);
                for (std::size_t i = 0; i < missed.size(); ++i) {
                    all.all_see({&all.carol}, missed[i], fmt::format("missed {}", i + 1));
                }
                all.all_see({&all.carol}, changed, "talk, moved");
                all.nobody_sees({&all.carol}, deleted);
                on.figure("from start to everything",
                          std::chrono::duration<double>(all.in.now() - begun).count(), "s");
            });
    on.step("C asked all online friends, then the backup, and the backup sent 0 events",
            {79, 168, 171, 197}, [&] {
                const auto last = all.c.api().info.status().recovery.last;
                expect(last.friends.size() == 2,
                       fmt::format("it asked {} friends, not 2", last.friends.size()));
                expect(last.backups.size() == 1,
                       fmt::format("it asked {} backups, not 1", last.backups.size()));
                const auto sent = envelopes_from(last.backups);
                expect(sent == 0, fmt::format("the backup sent {} events", sent));
                on.figure("events that friends sent",
                          static_cast<double>(envelopes_from(last.friends)), "events");
                on.figure("bytes that friends sent", static_cast<double>(bytes_from(last.friends)),
                          "bytes");
                on.figure("events that the backup sent", static_cast<double>(sent), "events");
                on.figure("bytes that the backup sent",
                          static_cast<double>(bytes_from(last.backups)), "bytes");
                on.figure("events that came more than once", static_cast<double>(last.duplicates),
                          "events");
            });
    on.step("C dies again; A makes an event with C and goes off: C has it from the backup",
            {27, 80, 83, 140, 168, 169, 170}, [&] {
                all.c.kill(ending::power);
                all.in.pass(1min);
                const auto made = must(all.alice.create("only here", {"carol"}), "create").id;
                all.in.pass(5s);
                all.a.stop();
                all.restart(all.c);
                all.all_see({&all.carol}, made, "only here");
                const auto last = all.c.api().info.status().recovery.last;
                expect(
                    envelopes_from(last.backups) == 1,
                    fmt::format("the backup sent {} events, not 1", envelopes_from(last.backups)));
                all.restart(all.a);
            });
    on.step("on a new machine bob sees all his events, as they were", {30, 51, 93, 140}, [&] {
        all.b.kill(ending::power);
        device& fresh = join_network(all.in, "B2", wire::role::edge, all.web);
        person there(fresh, "bob");
        there.sign_in();
        all.all_see({&there}, changed, "talk, moved");
        for (std::size_t i = 0; i < missed.size(); ++i) {
            all.all_see({&there}, missed[i], fmt::format("missed {}", i + 1));
        }
        expect(!there.sees(deleted), "he sees a deleted event");
    });
}

void play_report_6_5(script& on) {
    demonstration all(on);
    event_id kept{};
    on.step("kill the backup: A, B and C go on creating, changing, attaching and deleting",
            {32, 149, 185, 198}, [&] {
                all.z.kill(ending::power);
                kept = must(all.alice.create("no backup", {"bob", "carol"}), "create").id;
                all.all_see({&all.bob, &all.carol}, kept, "no backup");
                must(all.bob.change(kept, "no backup needed"), "modify");
                all.all_see({&all.alice, &all.carol}, kept, "no backup needed");
                must(all.alice.attach(kept, "plan.txt", to_bytes("go on")), "attach");
                all.in.wait_for("carol knows of the file",
                                [&] { return all.carol.sees(kept)->content.files.size() == 1; });
                expect(must(all.carol.read(kept, "plan.txt"), "read") == to_bytes("go on"),
                       "carol reads something else");
                const auto gone = must(all.carol.create("gone", {"alice"}), "create").id;
                all.all_see({&all.alice}, gone, "gone");
                must(all.carol.remove(gone), "delete");
                all.nobody_sees({&all.alice}, gone);
            });
    on.step("kill C, change the event, start C: it has the change from its friends", {149, 198},
            [&] {
                all.c.kill(ending::process);
                must(all.alice.change(kept, "changed meanwhile"), "modify");
                all.in.pass(1min);
                all.restart(all.c);
                all.all_see({&all.carol}, kept, "changed meanwhile");
            });
    event_id lonely{};
    on.step("only when all who hold an event are off is there a problem: C cannot see it", {198},
            [&] {
                all.c.kill(ending::process);
                all.in.pass(1min);
                lonely = must(all.alice.create("held by A alone", {"carol"}), "create").id;
                all.in.pass(5s);
                all.a.kill(ending::power);
                all.in.pass(1min);
                all.restart(all.c);
                all.in.pass(1min);
                expect(!all.carol.sees(lonely), "carol sees an event that nobody could give her");
            });
    on.step("and it ends when one of them returns", {81, 198}, [&] {
        all.restart(all.a);
        all.all_see({&all.carol}, lonely, "held by A alone");
    });
    on.step("the backup returns, and has all that it missed", {27, 43, 198}, [&] {
        all.z.start();
        all.in.wait_for("the backup holds both events",
                        [&] { return all.z.api().info.status().events == 2; });
        all.in.wait_for("it holds the file", [&] { return all.z.api().info.status().files == 1; });
    });
}

namespace {

struct race {
    std::size_t acknowledged = 0;
    bool same_everywhere = false;
};

/// Everybody changes the same version at the same moment.
race race_once(demonstration& all, const event_id& which, int round) {
    const auto seen = all.alice.sees(which)->version;
    const std::vector<person*> who{&all.alice, &all.bob, &all.carol};
    std::vector<std::shared_ptr<outcome<result<node::event_view>>>> begun;
    for (person* const one : who) {
        begun.push_back(
            one->begin_change(which, fmt::format("{} of {}", round, one->name()), seen));
    }
    all.in.wait_for("everybody has an answer", [&] {
        return std::ranges::all_of(begun, [](const auto& one) { return one->ended; });
    });
    race came;
    for (const auto& one : begun) {
        came.acknowledged += one->value && *one->value ? 1 : 0;
    }
    came.same_everywhere = all.in.until([&] {
        const auto title = all.alice.title_of(which);
        return title == all.bob.title_of(which) && title == all.carol.title_of(which) &&
               all.alice.sees(which)->version == all.carol.sees(which)->version &&
               all.alice.sees(which)->version == all.bob.sees(which)->version;
    });
    return came;
}

}  // namespace

void play_report_6_6(script& on) {
    constexpr int rounds = 10;
    demonstration all(on);
    event_id which{};
    on.step("an event of A, B and C", {194}, [&] {
        which = must(all.alice.create("plan", {"bob", "carol"}), "create").id;
        all.all_see({&all.bob, &all.carol}, which, "plan");
    });
    on.step("who saw an older version than there is cannot change or delete it", {147, 199}, [&] {
        const auto seen = all.bob.sees(which)->version;
        must(all.carol.change(which, "plan 2"), "modify");
        all.all_see({&all.alice, &all.bob}, which, "plan 2");
        expect_refused(all.bob.change(which, "plan 3", seen), errc::conflict, "the modification");
        expect_refused(all.alice.remove(which, seen), errc::conflict, "the deletion");
    });
    std::size_t acknowledged = 0;
    bool same = true;
    on.step_if(on.claims().mutual_exclusion,
               "all three change it at the same moment, ten times: each time one wins, and the "
               "others are refused",
               {98, 148, 178, 179, 180, 181, 182, 199}, [&] {
                   for (int i = 0; i < rounds; ++i) {
                       const race came = race_once(all, which, i);
                       acknowledged += came.acknowledged;
                       same = same && came.same_everywhere;
                   }
                   expect(acknowledged == rounds,
                          fmt::format("{} of {} edits were acknowledged in {} rounds", acknowledged,
                                      3 * rounds, rounds));
               });
    on.figure("edits acknowledged in 10 rounds of 3", static_cast<double>(acknowledged), "edits");
    on.step("after each of them all three saw the same version", {100, 147},
            [&] { expect(same, "they saw different versions a minute later"); });
    on.step("kill C in the middle of an edit: A can change the event within 40 s", {199}, [&] {
        const auto begun = all.carol.begin_change(which, "never");
        all.in.settle_at_most(20);
        all.c.kill(ending::power);
        const instant killed = all.in.now();
        bool changed = false;
        while (!changed && all.in.now() - killed < 40s) {
            const auto came = all.alice.change(which, "after C");
            changed = came && *came;
            all.in.pass(1s);
        }
        expect(changed, "the event stays locked");
        all.all_see({&all.bob}, which, "after C");
    });
}

}  // namespace calbox::lab
