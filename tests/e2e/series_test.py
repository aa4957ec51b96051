"""A series that two people share: one time moved, one taken out, those that follow split off (R9, R10)."""

import sys

sys.dont_write_bytecode = True

from harness import EXIT_NOT_FOUND, EXIT_USAGE, World, expect, sha256, url, wait_until

RANGE = "/v1/events?from=2031-06-01&to=2031-09-01&expand=true"


def times(person) -> list[str]:
    found = person.daemon.get(RANGE)["events"]
    return [f"{one['start'][5:16]} {one['title']}" for one in found if one["title"] != "Dinner"]


def series(world: World) -> None:
    hub = world.hub()
    alice = world.edge("alice", hub).person("alice").register()
    bob = world.edge("bob", hub).person("bob").register()
    choir = alice.add_event("Choir", "2031-06-05 20:00+2h", ["bob"], repeat="weekly until 2031-07-31", zone="Europe/Berlin")
    made = bob.wait_event(choir)
    expect(made["series"] and made["repeats"] == "every week, until 2031-07-31", f"Bob sees {made}")
    expect(made["recurrence"] == "FREQ=WEEKLY;UNTIL=20310731T215959Z", f"the rule is {made['recurrence']}")
    weeks = ["06-05", "06-12", "06-19", "06-26", "07-03", "07-10", "07-17", "07-24", "07-31"]
    plain = [f"{day}T20:00 Choir" for day in weeks]
    expect(times(alice) == plain, f"Alice has {times(alice)}")
    expect(times(bob) == plain, f"Bob has {times(bob)}")
    listed = bob.do("events", "list", "--from", "2031-06-10", "--to", "2031-06-20")
    expect(listed.count("Choir") == 2, f"two in that range: {listed}")

    # What is only in the way of one of its times overlaps that one.
    dinner = bob.add_event("Dinner", "2031-06-19 20:30+60m", zone="Europe/Berlin")
    conflicts = lambda: bob.daemon.get(url(dinner))["conflicts"]
    expect(conflicts() == [choir], f"overlaps {conflicts()}")
    met = bob.daemon.get(RANGE)["events"]
    crowded = [(one["title"], one["recurrence_id"]) for one in met if one["conflicts"]]
    expect(crowded == [("Choir", "2031-06-19T20:00:00"), ("Dinner", "")], f"overlapping: {crowded}")

    # Bob, a guest, moves one time; Alice takes another one out.
    there = ("--zone", "Europe/Berlin")
    bob.do("events", "edit", choir, "--occurrence", "2031-06-19", "--when", "2031-06-20 18:00", "--title", "Concert", *there)
    wait_until(lambda: "06-20T18:00 Concert" in times(alice), "Alice sees the moved one")
    alice.do("events", "rm", choir, "--occurrence", "2031-06-26")
    alice.refused("events", "rm", choir, "--occurrence", "2031-06-26", status=EXIT_NOT_FOUND)
    alice.refused("events", "rm", choir, "--scope", "this", status=EXIT_USAGE, says="--occurrence")
    expect(alice.event(choir)["title"] == "Choir", "the series was removed")
    wait_until(lambda: not any(one.startswith("06-26") for one in times(bob)), "Bob sees the one that is out")
    expect(conflicts() == [], "the moved one is in nobody's way")

    # From July 10th on it is another event, in another place; the first one ends before.
    bob.refused("events", "edit", choir, "--occurrence", "2031-07-10", "--scope", "following", "--place", "x")
    split = alice.ask("events", "edit", choir, "--occurrence", "2031-07-10", "--scope", "following", "--place", "Room 4",
                      "--when", "2031-07-10 19:00", *there)
    expect(split["id"] != choir and split["place"] == "Room 4", f"split: {split}")
    wanted = ["06-05T20:00 Choir", "06-12T20:00 Choir", "06-20T18:00 Concert", "07-03T20:00 Choir",
              "07-10T19:00 Choir", "07-17T19:00 Choir", "07-24T19:00 Choir", "07-31T19:00 Choir"]
    expect(times(alice) == wanted, f"Alice has {times(alice)}")
    wait_until(lambda: times(bob) == wanted, "Bob sees the same")

    # The weekly report is of one time, the sheet music of all of them: whoever takes part has each where it belongs.
    report, sheets = world.file("report.pdf", 90_000), world.file("sheets.pdf", 70_000)
    bob.do("files", "add", split["id"], str(report), "--occurrence", "2031-07-17")
    alice.do("files", "add", split["id"], str(sheets))
    at = lambda person, day: {one["name"]: one["recurrence_id"] for one in person.daemon.get(
        url(split["id"]) + f"?recurrence_id={day}")["files"]}
    wait_until(lambda: at(alice, "2031-07-17") == {"report.pdf": "2031-07-17T19:00:00", "sheets.pdf": ""}, "Alice has both")
    expect(at(alice, "2031-07-31") == {"sheets.pdf": ""}, f"at another time {at(alice, '2031-07-31')}")
    alice.do("files", "get", split["id"], "report.pdf", "--occurrence", "2031-07-17", "--output", str(world.path / "got.pdf"))
    expect(sha256(world.path / "got.pdf") == sha256(report), "Alice has another report")
    alice.refused("files", "get", split["id"], "report.pdf", "--output", str(world.path / "no.pdf"), status=EXIT_NOT_FOUND)

    # All: the whole rest moves by as much. Following: the end.
    alice.do("events", "edit", split["id"], "--occurrence", "2031-07-17", "--scope", "all", "--when", "2031-07-17 19:30", *there)
    alice.do("events", "rm", split["id"], "--occurrence", "2031-07-24", "--scope", "following")
    wanted[4:] = ["07-10T19:30 Choir", "07-17T19:30 Choir"]
    wait_until(lambda: times(bob) == wanted, "Bob sees the same at the end")
    expect(times(alice) == wanted, f"Alice has {times(alice)}")
    expect(at(bob, "2031-07-17")["report.pdf"] == "2031-07-17T19:30:00", f"the report has moved with it: {at(bob, '2031-07-17')}")
    shown = bob.do("events", "show", choir, "--occurrence", "2031-06-19")
    expect("Concert" in shown and "2031-06-20" in shown, f"one time: {shown}")
    status, answer = bob.daemon.api("DELETE", url(choir) + "?recurrence_id=2031-06-05&scope=some")
    expect(status == 400, f"an unknown scope: {status} {answer}")

    # Nothing of it is only in memory.
    for person in (alice, bob):
        person.daemon.terminate()
        person.daemon.start()
        wait_until(lambda: times(person) == wanted, f"{person.name} has the same after a restart")


if __name__ == "__main__":
    from harness import main

    main(series)
