"""Without a quorum, by calboxctl over real daemons: who is missing, waiting, copying, taking over (R147, R204)."""

import subprocess
import sys

sys.dont_write_bytecode = True

import harness
from harness import EXIT_EXISTS, EXIT_UNAVAILABLE, EXIT_USAGE, Daemon, Person, World, expect, sha256, wait_until
from hosts import PATIENCE


def without_backup(world: World) -> tuple[Daemon, Person, Person]:
    """Of two people the organizer has the last word, and no backup votes."""
    web = world.daemon("web", roles=["registry", "rendezvous"])
    wait_until(lambda: web.get("/v1/network")["id"], "a network is founded")
    alice = world.edge("alice", web).person("alice").register()
    carol = world.edge("carol", web).person("carol").register()
    return web, alice, carol


def again(person: Person) -> None:
    person.daemon.start()
    person.daemon.wait_connected(PATIENCE)


def refused(world: World) -> None:
    """The refusal says who is missing and what can be done; a copy is possible; --wait waits."""
    _, alice, carol = without_backup(world)
    notes = world.file("notes.txt", text="notes\n")
    event = alice.add_event("Lecture", "2031-06-01 10:00+60m", ["carol"], [notes])
    wait_until(lambda: (carol.event(event) or {}).get("files"), "Carol sees the file", PATIENCE)
    carol.get_file(event, "notes.txt", world.path / "first.txt")
    alice.daemon.kill()
    why = carol.refused("events", "edit", event, "--place", "Room 1", status=EXIT_UNAVAILABLE)
    for part in ("needs 1", "alice", f"events copy {event}", f"events takeover {event}"):
        expect(part in why, f"the refusal does not say {part!r}: {why}")
    status, document = carol.daemon.api("PATCH", f"/v1/events/{event}", {"place": "Room 1"})
    expect((status, document["code"], document["needed"], document["missing"]) == (503, "unavailable", 1, ["alice"]), f"{document}")
    carol.wait_event(event, PATIENCE, state="no_quorum", lacks={"needed": 1, "missing": ["alice"]})
    for words in (("lock", "show", event), ("events", "show", event)):
        expect("needs 1 of alice" in carol.do(*words), f"{words} does not say who is missing")

    copy = carol.ask("events", "copy", event, "--title", "Lecture, mine")
    expect((copy["organizer"], copy["participants"], copy["title"]) == ("carol", [], "Lecture, mine"), f"{copy}")
    carol.edit_event(copy["id"], place="Room 2")
    second = carol.get_file(copy["id"], "notes.txt", world.path / "second.txt")
    expect(sha256(second) == sha256(notes), "the copy has another file")

    waiting = subprocess.Popen([harness.CALBOXCTL, "--socket", str(carol.daemon.socket), "events", "edit", event, "--place",
                                "Room 3", "--wait"], env=carol.daemon.environment(), stderr=subprocess.PIPE, text=True)
    line = waiting.stderr.readline()
    expect("waiting" in line and "alice" in line, f"it does not say for whom it waits: {line!r}")
    expect(carol.event(event)["place"] == "", "something was changed meanwhile")
    again(alice)
    expect(waiting.wait(timeout=PATIENCE) == 0, f"waited in vain: {waiting.stderr.read()}")
    waiting.stderr.close()
    alice.wait_event(event, PATIENCE, place="Room 3")
    carol.wait_event(event, PATIENCE, place="Room 3", state="confirmed")


def taken_over(world: World) -> None:
    """Alice and carol change it apart, carol by taking it over: one version wins, the other is kept, once."""
    _, alice, carol = without_backup(world)
    event = alice.add_event("Lecture", "2031-06-01 10:00+60m", ["carol"])
    carol.wait_event(event, PATIENCE)
    carol.refused("events", "takeover", event, status=EXIT_USAGE, says="--yes")
    carol.refused("events", "takeover", event, "--yes", status=EXIT_EXISTS, says="need not")
    carol.daemon.kill()
    alice.edit_event(event, place="Alice's room")
    alice.daemon.kill()
    again(carol)
    carol.do("events", "takeover", event, "--yes")
    carol.edit_event(event, place="Carol's room")
    again(alice)
    alice.wait_event(event, 10, place="Carol's room")
    kept = f"Lecture (conflict copy of {event}, by alice)"
    wait_until(lambda: alice.titles() == ["Lecture", kept], "alice has her version as an event of her own", 10)
    expect([one["place"] for one in alice.events() if one["title"] == kept] == ["Alice's room"], "it says something else")
    alice.daemon.kill()
    again(alice)
    wait_until(lambda: alice.daemon.status()["caught_up"], "alice has caught up", PATIENCE)
    alice.edit_event(event, place="Together")
    carol.wait_event(event, PATIENCE, place="Together", state="confirmed")
    expect(alice.titles() == ["Lecture", kept], f"it was kept more than once: {alice.titles()}")
    expect(carol.titles() == ["Lecture"], f"carol has {carol.titles()}")


if __name__ == "__main__":
    harness.main(refused, taken_over)
