// Section 6.7 of the report, step by step, and the one cell of design/consistency.md 1.3 that no
// safe rule can fill (4c'): C changes an event of A's while A is dead and there is no backup.
#include <algorithm>

#include <fmt/format.h>

#include "lab/scenarios/demonstration.hpp"
#include "lab/scenarios/table.hpp"

namespace calbox::lab {

namespace {

using namespace std::chrono_literals;

void share_change_delete(demonstration& all, person& host, person& guest) {
    const auto made = must(host.create("together", {guest.name()}), "create").id;
    all.all_see({&guest}, made, "together");
    must(guest.change(made, "together, later"), "modify");
    all.all_see({&host}, made, "together, later");
    must(host.attach(made, "agenda.txt", to_bytes("1. hello")), "attach");
    all.in.wait_for(guest.name() + " knows of the file",
                    [&] { return guest.sees(made)->content.files.size() == 1; });
    expect(must(guest.read(made, "agenda.txt"), "read") == to_bytes("1. hello"),
           guest.name() + " reads something else");
    must(host.remove(made), "delete");
    all.nobody_sees({&guest}, made);
}

void step_1(script& on, demonstration& all) {
    event_id lecture{};
    on.step("1: A shares an event with files; create, modify and delete them", {62, 85, 194, 201},
            [&] {
                lecture = must(all.alice.create("lecture", {"bob", "carol"}), "create").id;
                must(all.alice.attach(lecture, "slides.pdf", to_bytes("one")), "attach");
                must(all.alice.attach(lecture, "slides.pdf", to_bytes("two"), true), "replace");
                must(all.alice.attach(lecture, "errata.txt", to_bytes("none")), "attach");
                must(all.a.run(all.a.api().file.detach(all.alice.id(), lecture, "errata.txt")),
                     "detach");
                for (person* const one : {&all.bob, &all.carol}) {
                    all.in.wait_for(one->name() + " sees the one file that is left", [&] {
                        const auto seen = one->sees(lecture);
                        return seen && seen->content.files.size() == 1 &&
                               seen->version == all.alice.sees(lecture)->version;
                    });
                    expect(must(one->read(lecture, "slides.pdf"), "read") == to_bytes("two"),
                           one->name() + " reads another version of the file");
                }
            });
    on.step_if(
        on.claims().mutual_exclusion, "1: while C edits, A and B cannot", {148, 199, 201}, [&] {
            for (int round = 0; round < 10; ++round) {
                const auto seen = all.alice.sees(lecture)->version;
                const auto by_c =
                    all.carol.begin_change(lecture, fmt::format("by C {}", round), seen);
                const auto by_a =
                    all.alice.begin_change(lecture, fmt::format("by A {}", round), seen);
                all.in.wait_for("both have an answer", [&] { return by_c->ended && by_a->ended; });
                all.in.pass(1s);
                const bool both = by_c->value && *by_c->value && by_a->value && *by_a->value;
                expect(!both, "A and C both changed the same version");
            }
        });
}

void locks_of_step_1(script& on, demonstration& all) {
    event_id lecture{};
    std::optional<node::session_view> session;
    on.step_if(
        on.claims().mutual_exclusion,
        "1: while A edits it, B and C see that and cannot change or delete it",
        {148, 178, 179, 180, 181, 182, 199, 201}, [&] {
            lecture = must(all.alice.create("edited", {"bob", "carol"}), "create").id;
            all.all_see({&all.bob, &all.carol}, lecture, "edited");
            session = must(all.a.run(all.a.api().lock.begin(all.alice.id(), lecture)), "lock");
            for (person* const one : {&all.bob, &all.carol}) {
                all.in.wait_for(one->name() + " sees who edits", [&] {
                    const auto seen = one->sees(lecture);
                    return seen && seen->state == node::event_state::locked && seen->lock &&
                           seen->lock->by == "alice" && seen->lock->since == session->lock.since;
                });
                expect_refused(one->change(lecture, "not his turn"), errc::busy,
                               "a change by " + one->name());
                expect_refused(one->remove(lecture), errc::busy, "a removal by " + one->name());
            }
            all.in.pass(2min);
            expect_refused(all.bob.change(lecture, "still not"), errc::busy, "a late change");
            node::event_draft change;
            change.title = "edited by A";
            must(all.a.run(all.a.api().events.modify(all.alice.id(), lecture, change,
                                                     {session->version, session->id})),
                 "saving");
            all.all_see({&all.bob, &all.carol}, lecture, "edited by A");
            all.in.wait_for("C sees that it is free", [&] {
                return all.carol.sees(lecture)->state == node::event_state::confirmed;
            });
            must(all.carol.change(lecture, "edited by C"), "C's turn");
            all.all_see({&all.alice, &all.bob}, lecture, "edited by C");
        });
    on.step_if(on.claims().survives_holder_crash,
               "1: B is killed while he edits: the event is free at most 40 s later", {148, 199},
               [&] {
                   must(all.b.run(all.b.api().lock.begin(all.bob.id(), lecture)), "lock");
                   all.in.pass(25s);
                   expect_refused(all.carol.change(lecture, "too early"), errc::busy, "a change");
                   all.b.kill(ending::process);
                   const instant died = all.in.now();
                   while (true) {
                       const auto came = all.carol.change(lecture, "free");
                       if (came && *came) {
                           break;
                       }
                       expect_refused(came, errc::busy, "a change before the lock is free");
                       expect(all.in.now() - died < 40s, "the lock is held for more than 40 s");
                       all.in.pass(1s);
                   }
                   on.figure("lock freed after SIGKILL of its holder",
                             std::chrono::duration<double>(all.in.now() - died).count(), "s");
                   all.restart(all.b);
               });
}

void steps_2_and_3(script& on, demonstration& all, device& first) {
    on.step("2: kill " + first.name() + "; kill and start C; normal operations still work",
            {144, 195, 202}, [&] {
                first.kill(ending::process);
                all.c.kill(ending::process);
                all.in.pass(10s);
                all.restart(all.c);
                share_change_delete(all, all.alice, all.carol);
                share_change_delete(all, all.carol, all.bob);
            });
    event_id by_b{};
    on.step("3: A makes an event with B; kill A; B makes an event with A; kill B", {203}, [&] {
        const auto by_a = must(all.alice.create("3a", {"bob"}), "create").id;
        all.all_see({&all.bob}, by_a, "3a");
        all.a.kill(ending::process);
        all.in.pass(10s);
        by_b = must(all.bob.create("3b", {"alice"}), "create").id;
        all.in.pass(5s);
        all.b.kill(ending::process);
        all.in.pass(10s);
    });
    on.step("3: start A: it has B's event from the backup", {80, 140, 203}, [&] {
        all.restart(all.a);
        all.all_see({&all.alice}, by_b, "3b");
        const auto last = all.a.api().info.status().recovery.last;
        expect(envelopes_from(last.backups) > 0, "it came from somebody else");
    });
}

void step_4(script& on, demonstration& all) {
    event_id e3{}, e4{};
    on.step("4: kill the backup; A makes an event with C; kill A", {198, 204}, [&] {
        all.z.kill(ending::process);
        e3 = must(all.alice.create("4a", {"carol"}), "create").id;
        all.all_see({&all.carol}, e3, "4a");
        all.a.kill(ending::process);
        all.in.pass(10s);
    });
    on.step("4: C makes an event with A, and modifies it, alone", {204}, [&] {
        e4 = must(all.carol.create("4b", {"alice"}), "create").id;
        must(all.carol.change(e4, "4c"), "modify");
    });
    on.step("4: start A: it has C's event from C", {149, 204}, [&] {
        all.in.pass(1min);
        all.restart(all.a);
        all.all_see({&all.alice}, e4, "4c");
    });
}

void steps_5_and_6(script& on, demonstration& all, device& second) {
    on.step("5: kill " + second.name() + ": A and C share, modify and delete events",
            {146, 196, 205}, [&] {
                second.kill(ending::process);
                all.in.pass(1min);
                share_change_delete(all, all.alice, all.carol);
                share_change_delete(all, all.carol, all.alice);
            });
    on.step("6: start B: there is no rendezvous, and it gets none", {206}, [&] {
        all.b.start();
        all.in.pass(3min);
        expect(!is_connected(all.b), "B is connected to something");
    });
    on.step("6: and where it is told to exit then, it does", {183, 206}, [&] {
        bool ends = false;
        all.b.stop();
        all.b.settings.on_no_rendezvous = node::without_rendezvous::exit;
        all.b.settings.give_up = [&ends] { ends = true; };
        all.b.start();
        all.in.pass(39s);
        expect(!ends, "B gives up before its time");
        all.in.pass(2s);
        expect(ends, "B goes on looking: " + all.b.api().info.status().state);
        all.b.stop();
        all.b.settings.give_up = {};
    });
}

/// Up to step 4: the backup is dead, and C holds an event that A organizes.
event_id play_to_4(demonstration& all) {
    all.z.kill(ending::process);
    const auto e3 = must(all.alice.create("4a", {"carol"}), "create").id;
    all.all_see({&all.carol}, e3, "4a");
    return e3;
}

void variant_a(script& on) {
    demonstration all(on);
    if (on.claims().hands_over) {
        on.step("4c' (a): A ends by SIGTERM, and hands over: C's change of A's event is confirmed",
                {204}, [&] {
                    const auto e3 = play_to_4(all);
                    all.a.stop();
                    all.in.pass(5s);
                    must(all.carol.change(e3, "by C"), "modify");
                    all.restart(all.a);
                    all.all_see({&all.alice}, e3, "by C");
                });
    } else {
        on.step(
            "4c' (a): A ends by SIGTERM, and nobody can take its place: C's change is refused, "
            "and confirmed when A is back",
            {204}, [&] {
                const auto e3 = play_to_4(all);
                all.a.stop();
                all.in.pass(5s);
                expect_refused(all.carol.change(e3, "by C"), errc::unavailable, "the change");
                all.restart(all.a);
                must(all.carol.change(e3, "by C"), "modify");
                all.all_see({&all.alice}, e3, "by C");
            });
    }
}

void variant_b(script& on) {
    demonstration all(on);
    event_id e3{};
    const auto play_to_A_killed = [&] {
        e3 = play_to_4(all);
        all.a.kill(ending::power);
        all.in.pass(1min);
    };
    if (on.claims().needs_external) {
        on.step("4c' (b): A is killed: C's change is confirmed, since the engine decides alone",
                {147, 204}, [&] {
                    play_to_A_killed();
                    must(all.carol.change(e3, "by C"), "the change");
                });
    } else {
        on.step_if(on.claims().partition_safe,
                   "4c' (b): A is killed: C's change is refused, since A might be changing it, too",
                   {147, 204}, [&] {
                       play_to_A_killed();
                       expect_refused(all.carol.change(e3, "by C"), errc::unavailable,
                                      "the change");
                   });
    }
    on.step("4c' (b): C makes a copy of it as an event of C's own", {204}, [&] {
        const auto copy =
            must(all.c.run(all.c.api().branch.copy(all.carol.id(), e3, std::nullopt, true)), "copy")
                .id;
        must(all.carol.change(copy, "the copy"), "modify");
        all.restart(all.a);
        all.all_see({&all.alice}, copy, "the copy");
    });
}

bool has(const person& who, const std::string& title) {
    const auto seen = who.sees_all();
    return std::ranges::any_of(
        seen, [&](const node::event_view& one) { return one.content.title == title; });
}

void variant_c(script& on) {
    demonstration all(on);
    on.step_if(
        on.claims().takes_over,
        "4c' (c): A and C change it apart, C by taking it over: one wins everywhere within "
        "10 s, and the other's text is kept",
        {147, 204}, [&] {
            const auto e3 = must(all.alice.create("4a", {"carol"}), "create").id;
            all.all_see({&all.carol}, e3, "4a");
            all.c.kill(ending::process);
            all.in.pass(1min);
            must(all.alice.change(e3, "by A"), "A's change, with Z");
            all.z.kill(ending::process);
            all.a.kill(ending::process);
            all.in.pass(1min);
            all.restart(all.c);
            expect_refused(all.carol.change(e3, "by C"), errc::unavailable, "C's change");
            must(all.c.run(all.c.api().branch.take_over(all.carol.id(), e3)), "the take-over");
            must(all.carol.change(e3, "by C"), "C's change in the new line");
            all.restart(all.a);
            const std::string kept =
                "by A (conflict copy of alice/" + e3.seq_text() + ", by alice)";
            const bool settled = all.in.until(
                [&] { return all.alice.title_of(e3) == "by C" && has(all.alice, kept); }, 10s);
            expect(settled, "10 s after A's return A sees \"" + all.alice.title_of(e3) + "\"");
            all.in.pass(1min);
            expect(all.carol.title_of(e3) == "by C", "C sees " + all.carol.title_of(e3));
            must(all.alice.change(e3, "together"), "A's next change");
            all.all_see({&all.carol}, e3, "together");
        });
}

/// The lines have versions of the same number: a lock on one is none on the other.
void variant_d(script& on) {
    demonstration all(on);
    on.step_if(
        on.claims().takes_over && on.claims().mutual_exclusion,
        "4c' (c): parted, A has version 2 open in an editor, and C takes over version 1: A's text "
        "does not overwrite C's, and what A had saved is kept",
        {147, 204}, [&] {
            const auto e3 = must(all.alice.create("4a", {"carol"}), "create").id;
            all.all_see({&all.carol}, e3, "4a");
            all.in.net.split({{"A", "Z"}, {"C", "B", "R1", "R2", "web"}});
            all.in.pass(2min);
            must(all.alice.change(e3, "by A"), "A's change, with Z");
            must(all.c.run(all.c.api().branch.take_over(all.carol.id(), e3)), "the take-over");
            expect(all.alice.sees(e3)->version == all.carol.sees(e3)->version,
                   "both lines are at the same version");
            const auto session =
                must(all.a.run(all.a.api().lock.begin(all.alice.id(), e3)), "A's editor");
            all.in.net.heal();
            all.in.wait_for("A sees the line that stays",
                            [&] { return all.alice.title_of(e3) == "4a"; });
            node::event_draft change;
            change.title = "from A's editor";
            expect_refused(all.a.run(all.a.api().events.modify(all.alice.id(), e3, change,
                                                               {session.version, session.id})),
                           errc::conflict, "saving what was made from the other line");
            const std::string kept =
                "by A (conflict copy of alice/" + e3.seq_text() + ", by alice)";
            all.in.wait_for("what A had saved is an event of A's own",
                            [&] { return has(all.alice, kept); });
            must(all.alice.change(e3, "together"), "A's next change");
            all.all_see({&all.carol}, e3, "together");
        });
}

/// C's change at A and Z dies with both of them, somewhere between its asking and its being told.
void variant_e(script& on) {
    if (on.claims().needs_external) {
        return;  // neither A nor Z confirms anything
    }
    demonstration all(on);
    on.step_if(
        on.claims().linearizable,
        "4c' (d): A and Z are killed while they confirm C's change: it is shown as unknown, and "
        "settled when they are back",
        {147, 204}, [&] {
            const auto e3 = must(all.alice.create("4a", {"carol"}), "create").id;
            all.all_see({&all.carol}, e3, "4a");
            bool seen = false;
            for (int moment = 1; moment <= 60 && !seen; ++moment) {
                const auto change = all.carol.begin_change(e3, fmt::format("by C {}", moment));
                all.in.pass(std::chrono::milliseconds(moment));
                all.a.kill(ending::process);
                all.z.kill(ending::process);
                all.in.wait_for("C is told something", [&] { return change->ended; });
                seen = change->value && !*change->value &&
                       change->value->error().code == errc::timed_out;
                expect(!seen || all.carol.sees(e3)->state == node::event_state::unknown,
                       "it is not shown that the change may have happened");
                all.z.start();
                all.restart(all.a);
                all.in.wait_for("it is settled", [&] {
                    return all.carol.sees(e3)->state == node::event_state::confirmed;
                });
                all.in.pass(30s);
            }
            expect(seen, "at no moment was an answer lost");
        });
}

}  // namespace

void play_report_6_7(script& on) {
    {
        demonstration all(on);
        const auto [first, second] = all.fuller_first();
        step_1(on, all);
        locks_of_step_1(on, all);
        steps_2_and_3(on, all, *first);
        step_4(on, all);
        steps_5_and_6(on, all, *second);
    }
    variant_a(on);
    variant_b(on);
    variant_c(on);
    variant_d(on);
    variant_e(on);
}

}  // namespace calbox::lab
