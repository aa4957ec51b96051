"""Earlier versions of an event, and deleted events that come back, by calboxctl over real daemons."""

import sys

sys.dont_write_bytecode = True

import harness
from harness import EXIT_DENIED, EXIT_NOT_FOUND, EXIT_USAGE, World, expect, sha256


def history(world: World) -> None:
    hub = world.hub()
    alice = world.edge("laptop", hub).person("alice").register()
    bob = world.edge("bob", hub).person("bob").register()
    tablet = world.edge("tablet", hub).person("alice", alice.password).login()
    carol = world.edge("carol", hub).person("carol").register()
    notes = world.file("notes.bin", 100_000)
    event = alice.add_event("Lecture", "2031-06-01 10:00+60m", ["bob"], [notes])
    for title, place in (("Lecture 1", "Room 1"), ("Lecture 1", "Room 2")):
        alice.edit_event(event, title=title, place=place)
    alice.remove_file(event, "notes.bin")
    newest = alice.event(event)["version"]
    expect(newest == 5, f"five versions were made, and it is at {newest}")
    for person in (bob, tablet):
        person.wait_event(event, version=newest)

    # Who, when, what: on a guest's device.
    alice.edit_event(event, info="from the laptop")
    bob.wait_event(event, version=6)
    seen = bob.ask("events", "history", event)["versions"]
    expect(seen[0]["version"] == 6 and seen[0]["until"] is None, f"the newest: {seen[0]}")
    expect(all(one["by"] == "alice" and one["readable"] and one["written"] for one in seen), f"authors: {seen}")
    expect(seen[0]["changes"] == [{"field": "info", "before": "", "after": "from the laptop"}], f"{seen[0]}")
    table = bob.do("events", "history", event)
    expect('info nothing -> "from the laptop"' in table, f"the table: {table}")
    complete = {one["version"]: one for one in alice.ask("events", "history", event)["versions"]}
    expect(sorted(complete) == [1, 2, 3, 4, 5, 6], f"on her own device: {complete}")
    expect(complete[1]["what"] == "created" and complete[1]["title"] == "Lecture", f"the first: {complete[1]}")
    expect([one["field"] for one in complete[3]["changes"]] == ["title", "place"], f"the third: {complete[3]}")
    expect(complete[5]["changes"][0]["field"] == "files", f"the fifth: {complete[5]}")

    # An earlier version, with the file that it had, and without taking anybody in or out.
    said = alice.do("events", "restore", event, "--version", "2")
    expect(said.startswith(f"Restored {event} Lecture,"), f"restore says: {said}")
    back = bob.wait_event(event, version=7, title="Lecture", place="", info="")
    expect(back["participants"] == ["bob"] and [one["name"] for one in back["files"]] == ["notes.bin"], f"{back}")
    copy = bob.get_file(event, "notes.bin", world.path / "copy.bin")
    expect(sha256(copy) == sha256(notes), "the file is another one")

    # Wrong input.
    alice.refused("events", "restore", event, "--version", "99", status=EXIT_NOT_FOUND, says="version 99")
    alice.refused("events", "restore", event, "--version", "7", status=EXIT_USAGE, says="already")
    alice.refused("events", "restore", event, "--version", "x", status=EXIT_USAGE)
    alice.refused("events", "restore", event, status=EXIT_USAGE, says="not deleted")
    alice.refused("events", "history", "alice/1.999", status=EXIT_NOT_FOUND)
    carol.refused("events", "history", event, status=EXIT_NOT_FOUND)
    carol.refused("events", "restore", event, "--version", "1", status=EXIT_NOT_FOUND)
    status, _ = alice.daemon.api("POST", harness.url(event, "restore"), {"version": 1}, headers={"If-Match": '"1-3"'})
    expect(status == 412, f"a restore for an old version: {status}")

    # Deleted, and brought back on the other device.
    tablet.wait_event(event, version=7)
    alice.remove_event(event)
    for person in (bob, tablet):
        person.wait_no_event(event)
    expect(bob.ask("events", "trash")["events"] == [], "a guest who may not delete sees it in his trash")
    bob.refused("events", "restore", event, status=EXIT_DENIED)
    trash = tablet.ask("events", "trash")["events"]
    expect([(one["id"], one["deleted_by"]) for one in trash] == [(event, "alice")], f"the trash: {trash}")
    expect(event in tablet.do("events", "trash"), "the table of the trash")
    tablet.do("events", "restore", event)
    for person in (alice, bob):
        person.wait_event(event, version=9, title="Lecture")
    copy = bob.get_file(event, "notes.bin", world.path / "again.bin")
    expect(sha256(copy) == sha256(notes), "the file of the event that came back is another one")
    newest = bob.ask("events", "history", event)["versions"][0]
    expect((newest["what"], newest["by"], newest["device"]) == ("brought_back", "alice", 2), f"{newest}")
    expect(tablet.ask("events", "trash")["events"] == [], "it is in the trash all the same")


def out_of_time(world: World) -> None:
    """Where nothing is kept, nothing can be restored; and what the settings say may change."""
    alone = world.daemon("alone", history__keep_days=0, history__trash_days=0)
    alice = alone.person("alice").register()
    event = alice.add_event("Lecture", "2031-06-01 10:00+60m")
    alice.edit_event(event, title="Other")
    versions = alice.ask("events", "history", event)["versions"]
    expect([one["version"] for one in versions] == [2], f"kept for no time: {versions}")
    alice.refused("events", "restore", event, "--version", "1", status=EXIT_NOT_FOUND)
    alice.remove_event(event)
    expect(alice.ask("events", "trash")["events"] == [], "kept in the trash for no time")
    alice.refused("events", "restore", event, status=EXIT_NOT_FOUND)
    alone.terminate()
    alone.config["history.trash_days"] = 30
    alone.start()
    # It was not erased yet: what is shown is what the settings of now say.
    alice.do("events", "restore", event)
    expect(alice.event(event)["title"] == "Other", "it came back as something else")


if __name__ == "__main__":
    harness.main(history, out_of_time)
