"""Section 6 of the report on real processes: the plan 6.7 step by step, and 6.3 to 6.6, with SIGKILL and restarts.

Each step prints the requirements that it shows.
"""

import sys

sys.dont_write_bytecode = True

import harness
from harness import Failure, Person, World, delivered_to_backup, expect, has_heard_the_decision, wait_until
from hosts import (PATIENCE, Hosts, Steps, holds_in_the_clear, keep_others_out)

TITLE = "Quarterly zebra review"
NOTES = "zebras are striped all over\n"


def plan(world: World) -> None:
    """6.7: the detailed test plan."""
    steps = Steps()
    on = Hosts(world, steps)
    step_1(on, steps)
    step_2(on, steps)
    step_3(on, steps)
    step_4(on, steps)
    step_5(on, steps)
    step_6(on, steps)
    steps.end()


def step_1(on: Hosts, steps: Steps) -> None:
    steps.title("6.7-1: share files; create, modify and delete; show the lock")
    a, b, c = on.people
    slides, notes = on.world.file("slides.bin", 300_000), on.world.file("notes.txt", text=NOTES)
    with steps.shows("A shares an event with two files; B and C have them, hash by hash", "R194 R201 R63 R87"):
        event = a.add_event(TITLE, "2031-05-03 14:00+60m", ["bob", "carol"], [slides, notes])
        for guest in (b, c):
            on.same_file(guest, event, slides)
            on.same_file(guest, event, notes)
    with steps.shows("B modifies it; A and C see who did", "R194 R201 R25"):
        b.edit_event(event, place="Room 3")
        for other in (a, c):
            expect(other.wait_event(event, PATIENCE, place="Room 3")["written_by"] == "bob", "not written by bob")
    with steps.shows("C adds a file, A replaces it and takes one away; all see the same", "R201 R12 R85"):
        minutes = on.world.file("minutes.bin", 70_000)
        c.add_file(event, minutes)
        on.same_file(a, event, minutes)
        newer = on.world.file("newer.bin", 80_000)
        a.update_file(event, newer, "minutes.bin")
        a.remove_file(event, "notes.txt")
        for other in (b, c):
            wait_until(lambda other=other: [file["name"] for file in other.event(event)["files"]] ==
                       ["slides.bin", "minutes.bin"], f"{other.name} sees what was taken away", PATIENCE)
            on.same_file(other, event, newer, "minutes.bin")
    with steps.shows("A deletes another event; nobody has it any more", "R194 R201"):
        other_event = a.add_event("Short-lived", "2031-05-04 14:00+60m", ["bob", "carol"])
        for guest in (b, c):
            guest.wait_event(other_event, PATIENCE)
        a.remove_event(other_event)
        for guest in (b, c):
            guest.wait_no_event(other_event, PATIENCE)
    with steps.shows("Z, R1, R2 and the registry hold no word of it in the clear", "R207 R97"):
        wait_until(lambda: delivered_to_backup(a.event(event)), "Z has stored it", PATIENCE)
        words = [TITLE.encode(), NOTES.strip().encode(), slides.read_bytes()[:64]]
        for host in (on.z, on.r1, on.r2, on.registry):
            found = holds_in_the_clear(host, words)
            expect(not found, f"{host.name} has the event in the clear in {found}")
        expect(holds_in_the_clear(on.registry, [b"alice"]), "this looks into no store: the registry knows the name alice")
    with steps.shows("a wrong password opens nothing", "R207 R97 R187"):
        on.z.person("alice", "not her password").refused(
            "login", "alice", "--password-stdin", stdin="not her password\n", status=harness.EXIT_DENIED)
    with steps.shows("while A edits it, B and C see that and cannot change or delete it", "R199 R201 R148 R178-R182"):
        keep_others_out(on.world, a, [b, c], event)


def step_2(on: Hosts, steps: Steps) -> None:
    steps.title("6.7-2: kill R1; kill and restart C; normal operations")
    a, b, c = on.people
    with steps.shows("R1 is killed; whoever leased there leases from R2", "R202 R195 R144"):
        on.r1.kill()
        on.wait_at(on.r2, on.edges())
    with steps.shows("C is killed and started again", "R202"):
        c.daemon.kill()
        on.again(c)
    with steps.shows("files move, events are created, modified and deleted", "R202"):
        on.operations(a, c, "With one rendezvous")
        on.operations(c, b, "From the restarted one")


def step_3(on: Hosts, steps: Steps) -> None:
    steps.title("6.7-3: what the backup is for")
    a, b, _ = on.people
    file = on.world.file("agenda.bin", 200_000)
    with steps.shows("A makes an event with B; A is killed; B makes an event with A, and Z stores it; B is killed", "R203"):
        b.wait_event(a.add_event("A with B", "2031-05-05 10:00+60m", ["bob"]), PATIENCE)
        a.daemon.kill()
        event = b.add_event("B with A", "2031-05-06 10:00+60m", ["alice"], [file])
        wait_until(lambda: delivered_to_backup(b.event(event)), "Z has stored it", PATIENCE)
        b.daemon.kill()
    with steps.shows("A is started: it has the event and its file from Z", "R203 R80 R149"):
        on.again(a)
        a.wait_event(event, PATIENCE, title="B with A")
        on.same_file(a, event, file)
        recovery = on.caught_up(a)
        expect(recovery["backups"]["envelopes"] >= 1, f"Z gave nothing: {recovery}")
        steps.note(f"recovery: {recovery['friends']} from friends, {recovery['backups']} from Z")


def step_4(on: Hosts, steps: Steps) -> None:
    steps.title("6.7-4: without the backup")
    a, _, c = on.people
    with steps.shows("Z is killed; A makes an event with C; A is killed; C makes one with A and modifies it", "R204 R198"):
        on.z.kill()
        theirs = a.add_event("A with C", "2031-05-07 10:00+60m", ["carol"])
        c.wait_event(theirs, PATIENCE)
        a.daemon.kill()
        mine = c.add_event("C with A", "2031-05-08 10:00+60m", ["alice"])
        c.edit_event(mine, place="Room 4")
    with steps.shows("A is started: it has the event from C, and nothing from a backup", "R204 R79"):
        on.again(a)
        a.wait_event(mine, PATIENCE, place="Room 4")
        recovery = on.caught_up(a)
        expect(recovery["backups"]["envelopes"] == 0, f"a backup gave something, and none runs: {recovery}")

    with steps.shows("4c' (a): A ends by SIGTERM; C modifies A's event; A is started and has the change", "R204"):
        a.daemon.terminate()
        c.edit_event(theirs, place="Room 5")
        on.again(a)
        a.wait_event(theirs, PATIENCE, place="Room 5")
    with steps.shows("4c' (b): A is killed; C's change of A's event is refused, with the reason", "R204 R147"):
        theirs = a.add_event("A with C, once more", "2031-05-09 10:00+60m", ["carol"])
        c.wait_event(theirs, PATIENCE)
        a.daemon.kill()
        why = c.refused("events", "edit", theirs, "--place", "Nowhere", status=harness.EXIT_UNAVAILABLE)
        expect("cannot be confirmed" in why and "alice" in why, f"refused without the reason: {why}")
        for command in ("events copy", "events takeover"):
            expect(f"calboxctl {command} {theirs}" in why, f"the refusal does not say what C can do: {why}")
        copy = c.ask("events", "copy", theirs)["id"]
        c.edit_event(copy, place="Room 6")
        on.again(a)
    with steps.shows("4c' (c): A and C change it apart, C by taking it over: one version wins everywhere, the other is kept",
                     "R204 R147"):
        apart(on, a, c, theirs)


def apart(on: Hosts, a: Person, c: Person, event: str) -> None:
    """C is off while A and Z decide a change; both are off while C takes the event over and changes it; then A returns."""
    c.daemon.kill()
    on.z.start()
    on.z.wait_connected(PATIENCE)
    wait_until(lambda: a.ctl("events", "edit", event, "--place", "A's room").returncode == 0, "A's change is confirmed", PATIENCE)
    on.z.kill()
    a.daemon.kill()
    on.again(c)
    c.do("events", "takeover", event, "--yes")
    c.edit_event(event, place="C's room")
    on.again(a)
    a.wait_event(event, 10, place="C's room")
    kept = f"(conflict copy of {event}, by alice)"
    wait_until(lambda: [one["place"] for one in a.events() if kept in one["title"]] == ["A's room"],
               "what A had changed is an event of A's own", 10)
    c.wait_event(event, 10, place="C's room", state="confirmed")
    a.edit_event(event, place="Room 7")
    c.wait_event(event, PATIENCE, place="Room 7")


def step_5(on: Hosts, steps: Steps) -> None:
    steps.title("6.7-5: kill R2, too")
    a, _, c = on.people
    with steps.shows("A and C are connected with each other; R2 is killed; both notice", "R205 R196"):
        # A was started a moment ago. Without a rendezvous nobody dials: what is connected now stays so.
        for person, other in ((a, "carol"), (c, "alice")):
            wait_until(lambda person=person, other=other: any(
                other in peer["users"] for peer in person.daemon.get("/v1/peers")["peers"]),
                f"{person.name} is connected with {other}", PATIENCE)
        on.r2.kill()
        for person in (a, c):
            wait_until(lambda person=person: person.daemon.status()["state"] != "connected",
                       f"{person.daemon.name} has no rendezvous", PATIENCE)
    with steps.shows("A and C share, modify and delete events, and files move", "R205 R196 R146"):
        on.operations(a, c, "Without any rendezvous")
        on.operations(c, a, "And the other way")


def step_6(on: Hosts, steps: Steps) -> None:
    steps.title("6.7-6: start B")
    b = on.b

    with steps.shows("there is no rendezvous: B starts and is not connected", "R206"):
        b.daemon.start()
        wait_until(lambda: b.daemon.status()["state"] == "waiting for other peers", "B waits", PATIENCE)
        expect(not b.daemon.status()["rendezvous"], "B has a rendezvous, and none runs")
    with steps.shows("told to exit when there is none, B exits", "R206 R183"):
        b.daemon.terminate()
        b.daemon.config.update({"network.on_no_rendezvous": "exit", "discovery.profile": "lan-test"})
        b.daemon.launch()
        wait_until(lambda: not b.daemon.running(), "B exits", PATIENCE)
        expect("no rendezvous could be reached" in b.daemon.log_tail(), f"B exits without a reason:\n{b.daemon.log_tail()}")


def rendezvous_failure(world: World) -> None:
    """6.3: one rendezvous dies, then the other."""
    steps = Steps()
    on = Hosts(world, steps)
    a, b, c = on.people
    steps.title("6.3: rendezvous failure")
    with steps.shows("R1 is killed; its edges lease from R2", "R195 R144 R176"):
        on.r1.kill()
        on.wait_at(on.r2, on.edges())
    with steps.shows("a newcomer starts at R2, and A shares with him", "R195"):
        newcomer = on.newcomer()
        on.wait_at(on.r2, [newcomer])
        dave = newcomer.person("dave").register()
        on.wait_online(a, ["dave"])
        dave.wait_event(a.add_event("Welcome", "2031-05-03 10:00+60m", ["dave", "bob", "carol"]), PATIENCE)
    event = c.add_event("Before", "2031-05-03 14:00+60m", ["alice", "bob"])
    for guest in (a, b):
        guest.wait_event(event, PATIENCE)
    with steps.shows("R2 is killed, too; those who know each other still share, modify and delete", "R196 R146 R149"):
        on.r2.kill()
        for edge in on.edges():
            wait_until(lambda edge=edge: edge.status()["state"] != "connected", f"{edge.name} noticed", PATIENCE)
        on.operations(a, b, "No rendezvous")
        on.operations(c, a, "None at all")
        b.edit_event(event, place="Room 7")
        for other in (a, c):
            other.wait_event(event, PATIENCE, place="Room 7")
    with steps.shows("a newcomer finds no rendezvous and can share nothing", "R196"):
        erin = on.newcomer().person("erin").register()
        expect(erin.daemon.status()["state"] != "connected", "a newcomer is connected, and no rendezvous runs")
        erin.refused("events", "add", "Hello", "2031-05-04 10:00+60m", "--with", "alice", status=harness.EXIT_UNAVAILABLE)
    steps.end()


def client_failure(world: World) -> None:
    """6.4: a client that comes back asks its friends, then the backup, which has nothing to add."""
    steps = Steps()
    on = Hosts(world, steps)
    a, b, c = on.people
    steps.title("6.4: client failure")
    old, doomed = (a.add_event(title, "2031-05-03 14:00+60m", ["bob", "carol"]) for title in ("Old", "Doomed"))
    for guest in (b, c):
        guest.wait_event(old, PATIENCE)
        guest.wait_event(doomed, PATIENCE)

    def while_c_is_dead(mark: str) -> str:
        """What C misses: a change, a deletion and a new event; B and Z have all of it."""
        fresh = a.add_event(f"New {mark}", "2031-05-04 14:00+60m", ["bob", "carol"])
        a.edit_event(old, title=f"Changed {mark}")
        b.wait_event(fresh, PATIENCE)
        b.wait_event(old, PATIENCE, title=f"Changed {mark}")
        for event in (fresh, old):
            wait_until(lambda event=event: delivered_to_backup(a.event(event)), "Z has stored it", PATIENCE)
        return fresh

    def from_whom(expected_of_friends: int) -> None:
        recovery = on.caught_up(c)
        steps.note(f"{recovery['exchanges']} exchanges: {recovery['friends']} from friends, {recovery['backups']} from Z")
        expect(recovery["friends"]["envelopes"] >= expected_of_friends, f"friends gave too little: {recovery}")
        expect(recovery["backups"]["envelopes"] == 0, f"the backup gave events: {recovery}")
        expect(recovery["last"]["backups"] and not recovery["last"]["silent"], f"Z was not asked: {recovery}")
        expect(recovery["last"]["strategy"] == "auto" and recovery["last"]["duplicates"] == 0, f"something came twice: {recovery}")
        # Its answers are empty messages, not events that were held already.
        expect(recovery["backups"]["bytes"] < 100 * recovery["exchanges"], f"the backup sent more than an empty answer: {recovery}")

    with steps.shows("C is killed and restarted with all online: it gets what it missed; Z sends 0 events", "R197 R164-R171"):
        c.daemon.kill()
        fresh = while_c_is_dead("the first time")
        on.again(c)
        c.wait_event(fresh, PATIENCE)
        c.wait_event(old, PATIENCE, title="Changed the first time")
        from_whom(0)  # A delivers by itself what it owes, so there may be nothing left to ask for
    with steps.shows("the same with the author dead: B has it all; Z sends 0 events", "R197 R79 R164-R171"):
        # Else C asks the other voters by itself, and friends have less to give.
        wait_until(lambda: all(has_heard_the_decision(c, event) for event in (old, doomed)), "C has heard the decisions", PATIENCE)
        c.daemon.kill()
        fresh = while_c_is_dead("again")
        a.remove_event(doomed)
        b.wait_no_event(doomed, PATIENCE)
        wait_until(lambda: on.z.status()["events"] == 3, "Z knows of the deletion and holds the other three", PATIENCE)
        a.daemon.kill()
        on.again(c)
        c.wait_event(fresh, PATIENCE)
        c.wait_event(old, PATIENCE, title="Changed again")
        c.wait_no_event(doomed, PATIENCE)
        from_whom(3)
    shown = c.do("status")
    expect("none from backups" in shown, f"calboxctl status does not say that backups gave nothing: {shown}")
    with steps.shows("A is started again and has all it had", "R42"):
        on.again(a)
        a.wait_event(fresh, PATIENCE)
    steps.end()


def backup_failure(world: World) -> None:
    """6.5: without the backup updates come from peers; what all its holders took offline is missed until one is back."""
    steps = Steps()
    on = Hosts(world, steps)
    a, b, c = on.people
    steps.title("6.5: backup failure")
    event = a.add_event("Old", "2031-05-03 14:00+60m", ["bob", "carol"])
    for guest in (b, c):
        guest.wait_event(event, PATIENCE)
    with steps.shows("Z is killed; A, B and C go on", "R198 R32 R185"):
        on.z.kill()
        on.operations(a, b, "No backup")
        a.edit_event(event, place="Room 6")
        for guest in (b, c):
            guest.wait_event(event, PATIENCE, place="Room 6")
    with steps.shows("C is killed; A changes the event and attaches a file; C is started and has both from peers", "R198 R79"):
        c.daemon.kill()
        file = world.file("late.bin", 150_000)
        a.edit_event(event, title="Newer")
        a.add_file(event, file)
        on.again(c)
        c.wait_event(event, PATIENCE, title="Newer")
        on.same_file(c, event, file)
    with steps.shows("all holders of an event are offline: B misses it until one of them is back", "R198 R81"):
        b.daemon.kill()
        lonely = a.add_event("Lonely", "2031-05-05 14:00+60m", ["bob"])
        a.daemon.kill()
        on.again(b)
        on.caught_up(b)
        expect(b.event(lonely) is None, "B has an event from nobody")
        on.again(a)
        b.wait_event(lonely, PATIENCE)
    with steps.shows("Z is started again and gets what it missed from those who owe it", "R198 R27"):
        on.z.start()
        on.z.wait_connected(PATIENCE)
        wait_until(lambda: delivered_to_backup(a.event(lonely)), "Z has stored it", PATIENCE)
    steps.end()


def consistency(world: World) -> None:
    """6.6: while one modifies or deletes, the others cannot."""
    steps = Steps()
    on = Hosts(world, steps)
    a, b, c = on.people
    steps.title("6.6: consistency of operations")
    event = a.add_event("One copy", "2031-05-03 14:00+60m", ["bob", "carol"])
    first = {guest.name: guest.wait_event(event, PATIENCE) for guest in on.people}
    tag = f'"{first["alice"]["generation"]}-{first["alice"]["version"]}"'
    with steps.shows("B changes it; C's change of the version before is refused and overwrites nothing", "R199 R100"):
        b.edit_event(event, title="By Bob")
        c.wait_event(event, PATIENCE, title="By Bob")
        status, answer = c.daemon.api("PATCH", harness.url(event), {"title": "By Carol"}, headers={"If-Match": tag})
        expect((status, answer["code"]) == (412, "conflict"), f"an old version was changed: {status} {answer}")
        status, answer = c.daemon.api("DELETE", harness.url(event), headers={"If-Match": tag})
        expect((status, answer["code"]) == (412, "conflict"), f"an old version was deleted: {status} {answer}")
    with steps.shows("all have one and the same version after it", "R147 R201"):
        for person in on.people:
            seen = person.wait_event(event, PATIENCE, title="By Bob")
            expect(seen["version"] == first["alice"]["version"] + 1, f"{person.name} has version {seen['version']}")
    with steps.shows("while B edits, A and C see that and can neither modify nor delete", "R199 R148 R178-R182"):
        keep_others_out(world, b, [a, c], event)
    steps.end()


if __name__ == "__main__":
    harness.main(plan, rendezvous_failure, client_failure, backup_failure, consistency)
