"""Events to and from iCalendar files, and finding them, with real daemons (issue 6)."""

import sys

sys.dont_write_bytecode = True

from harness import EXIT_EXISTS, EXIT_NOT_FOUND, EXIT_USAGE, World, expect, sha256, wait_until

FOREIGN = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Somebody else//EN
BEGIN:VEVENT
UID:weekly@elsewhere
DTSTAMP:20260501T100000Z
DTSTART;TZID=Europe/Lisbon:20310602T140000
DTEND;TZID=Europe/Lisbon:20310602T150000
RRULE:FREQ=WEEKLY;COUNT=4
SUMMARY:Standup
ORGANIZER:mailto:boss@example.org
ATTENDEE:mailto:me@example.org
X-PRIORITY-COLOUR:red
CATEGORIES;LANGUAGE=en:Work\\, daily,team,TEAM
COLOR:Tomato
END:VEVENT
BEGIN:VEVENT
UID:weekly@elsewhere
DTSTAMP:20260501T100000Z
RECURRENCE-ID;TZID=Europe/Lisbon:20310609T140000
DTSTART;TZID=Europe/Lisbon:20310610T090000
DTEND;TZID=Europe/Lisbon:20310610T093000
SUMMARY:Standup, moved
END:VEVENT
BEGIN:VEVENT
UID:floating@elsewhere
DTSTAMP:20260501T100000Z
DTSTART:20310603T090000
SUMMARY:Dentist
LOCATION:Café Müller
END:VEVENT
BEGIN:VEVENT
UID:broken@elsewhere
DTSTAMP:20260501T100000Z
SUMMARY:No start
END:VEVENT
END:VCALENDAR
"""


def exchanged(world: World) -> None:
    """Everything of one calendar comes to another one; what is there is skipped; what is foreign keeps its properties."""
    hub = world.hub()
    alice = world.edge("alice", hub).person("alice").register()
    bob = world.edge("bob", hub).person("bob").register()
    plan = world.file("plan.pdf", 100_000)
    review = alice.add_event("Budget review", "2031-06-01 10:00+60m", ["bob"], [plan], place="Room 3")
    alice.add_event("Holidays", "2031-08-01")

    work = world.file("work.ics", text=FOREIGN)
    dry = alice.ask("import", str(work), "--dry-run", "--zone", "Europe/Lisbon")
    expect([dry[key] for key in ("added", "skipped", "refused")] == [2, 0, 1], f"a dry run says {dry}")
    expect(len(alice.events()) == 2, "a dry run made events")
    done = alice.ask("import", str(work), "--zone", "Europe/Lisbon")
    expect([done[key] for key in ("added", "skipped", "refused")] == [2, 0, 1], f"the import says {done}")
    expect("no start" in next(one["reason"] for one in done["events"] if one["what"] == "refused"), f"it says {done}")
    again = alice.ask("import", str(work))
    expect([again[key] for key in ("added", "skipped", "refused")] == [0, 2, 1], f"a second import says {again}")
    dentist = next(one for one in alice.events() if one["title"] == "Dentist")
    expect((dentist["zone"], dentist["start"]) == ("Europe/Lisbon", "2031-06-03T09:00:00"), f"it is {dentist}")

    everything = world.path / "all.ics"
    alice.do("export", str(everything))
    text = everything.read_text()
    for kept in ("X-PRIORITY-COLOUR:red", "CATEGORIES;LANGUAGE=en:Work\\, daily,team,TEAM", "COLOR:Tomato", "RRULE:FREQ=WEEKLY;COUNT=4", "mailto:me@example.org",
                 "RECURRENCE-ID;TZID=Europe/Lisbon:20310609T140000", "SUMMARY:Budget review"):
        expect(kept in text.replace("\n ", ""), f"{kept} is not in the file:\n{text}")
    alice.refused("export", str(everything), status=EXIT_EXISTS)
    few = alice.do("export", "-", "--from", "2031-08-01", "--to", "2031-08-31")
    expect("Holidays" in few and "Standup" not in few, f"a range gave {few}")
    alice.refused("export", "--event", "alice/1.99", "-", status=EXIT_NOT_FOUND)
    bare = alice.do("export", "--event", review, "--without-files", "-")
    expect("Budget review" in bare and "calbox://file" not in bare, f"without files: {bare}")
    alice.refused("import", str(plan))

    # Bob has the shared one already; the rest becomes his, with the file's key.
    wait_until(lambda: bob.titles() == ["Budget review"], "Bob has what is shared with him")
    taken = bob.ask("import", str(everything))
    expect([taken[key] for key in ("added", "skipped", "refused")] == [3, 1, 0], f"Bob's import says {taken}")
    expect(bob.titles() == ["Budget review", "Dentist", "Holidays", "Standup"], f"Bob has {bob.titles()}")
    mine = next(one for one in bob.events() if one["title"] == "Standup")
    expect(mine["organizer"] == "bob" and mine["participants"] == [], f"it is {mine}")
    expect((mine["categories"], mine["color"]) == (["daily", "team", "Work"], "tomato"), f"it is {mine}")
    single = world.path / "one.ics"
    alice.do("export", "--event", review, str(single))
    carol = world.edge("carol", hub).person("carol").register()
    expect(carol.ask("import", str(single))["added"] == 1, "Carol's import")
    copy = carol.events()[0]
    expect(sha256(carol.get_file(copy["id"], "plan.pdf", world.path / "copy.pdf")) == sha256(plan), "the file differs")


def sorted_and_coloured(world: World) -> None:
    """Categories and colours: shared, changed by two at once, of one time of a series, looked for, and in files of other calendars."""
    hub = world.hub()
    alice = world.edge("alice", hub).person("alice").register()
    bob = world.edge("bob", hub).person("bob").register()
    choir = alice.add_event("Choir", "2031-06-02 20:00+2h", ["bob"], repeat="weekly", category="music, Friends", event_color="Teal")
    plain = alice.add_event("Dentist", "2031-06-03 09:00")
    seen = bob.wait_event(choir, categories=["Friends", "music"], color="teal")
    alice.refused("events", "edit", choir, "--event-color", "blurple", status=EXIT_USAGE, says="such as teal")
    alice.refused("events", "edit", choir, "--category", "x" * 65, says="64 bytes")
    expect("music" in bob.do("events", "show", choir) and "teal" in bob.do("events", "show", choir), "it is not shown")

    # What both change is there afterwards.
    tag = f'"{seen["generation"]}-{seen["version"]}"'
    alice.edit_event(choir, category="music,friends,sacred")
    bob.wait_event(choir, categories=["friends", "music", "sacred"])
    path = "/v1/events/" + choir
    status, answer = bob.daemon.api("PATCH", path, {"categories": ["Friends", "late"], "color": "gold"}, headers={"If-Match": tag})
    expect(status == 412 and answer["fields"]["theirs"] == ["categories"] and answer["mergeable"], f"{status} {answer}")
    status, answer = bob.daemon.api("PATCH", path + "?merge=yes", {"categories": ["Friends", "late"], "color": "gold"}, headers={"If-Match": tag})
    expect(status == 200 and answer["categories"] == ["friends", "late", "sacred"] and answer["color"] == "gold", f"{status} {answer}")
    alice.wait_event(choir, color="gold")
    changes = alice.ask("events", "history", choir)["versions"][0]["changes"]
    expect({"field": "color", "before": "teal", "after": "gold"} in changes, f"the history says {changes}")

    # One time of it is something else; lists and searches find it.
    alice.do("events", "edit", choir, "--occurrence", "2031-06-09", "--category", "concert", "--event-color", "none")
    times = alice.ask("events", "list", "--from", "2031-06-01", "--to", "2031-06-30", "--category", "CONCERT")["events"]
    expect([(one["start"], one["color"]) for one in times] == [("2031-06-09T20:00:00", "")], f"times: {times}")
    expect([one["id"] for one in alice.ask("events", "list", "--category", "late")["events"]] == [choir], "the list is another one")
    expect(alice.ask("events", "list", "--category", "lat")["events"] == [], "a category has one name")
    expect([one["id"] for one in alice.ask("search", "sacr")["found"]] == [choir], "the search finds something else")

    # To a file and back, twice over.
    everything = world.path / "all.ics"
    alice.do("export", str(everything))
    text = everything.read_text().replace("\n ", "")
    expect(text.count("CATEGORIES:") == 2 and "CATEGORIES:friends,late,sacred\n" in text and text.count("COLOR:") == 1, f"the file says:\n{text}")
    carol = world.edge("carol", hub).person("carol").register()
    carol.ask("import", str(everything))
    copy = next(one for one in carol.events() if one["title"] == "Choir")
    expect((copy["categories"], copy["color"]) == (["friends", "late", "sacred"], "gold"), f"carol has {copy}")
    again = carol.do("export", "--event", copy["id"], "-").replace("\n ", "")
    expect(again.count("CATEGORIES:") == 2 and again.count("COLOR:") == 1, f"carol's file says:\n{again}")
    carol.do("events", "edit", copy["id"], "--category", "none", "--event-color", "none")
    bare = carol.do("export", "--event", copy["id"], "-")
    expect("COLOR" not in bare and bare.count("CATEGORIES:concert") == bare.count("CATEGORIES") == 1, f"what was taken off is there:\n{bare}")
    expect("CATEGORIES" not in alice.do("export", "--event", plain, "-"), "an event without categories has some")


def found(world: World) -> None:
    """What is typed is searched for as words, whatever it is; what changes is found as it is by then."""
    alone = world.daemon("alone")
    alice = alone.person("alice").register()
    review = alice.add_event("Budget review", "2031-06-01 10:00+60m", place="Café Müller", info="All the numbers of May")
    lunch = alice.add_event("Lunch", "2031-06-02 12:00+60m", files=[world.file("menu.pdf", 100)])
    ids = lambda *words: [one["id"] for one in alice.ask("search", *words)["found"]]  # noqa: E731
    expect(ids("budg") == [review] and ids("cafe muller") == [review] and ids("menu.pdf") == [lunch], "words are not found")
    expect(ids("numbers may") == [] and ids("numbers", "may") == [review], "a phrase is its words one after the other")
    matches = alice.ask("search", "numbers")["found"][0]["matches"]
    expect(matches[0]["field"] == "info" and {"text": "numbers", "hit": True} in matches[0]["parts"], f"matches: {matches}")
    for odd in ("AND", "NEAR(x", "title:Budget", "x\"y", "a* OR b", "'; DROP", "(b", "{a}"):
        alice.do("search", odd)
    alice.refused("search", "***", status=EXIT_USAGE)
    alice.edit_event(review, title="Retro")
    expect(ids("budget") == [] and ids("retro") == [review], "an edit is not followed")
    alice.remove_event(lunch)
    expect(ids("lunch") == [], "a deleted event is found")
    alone.terminate()
    alone.start()
    expect(ids("retro") == [review], "nothing is found after a restart")
    store = (alone.home / "data" / "store").rglob("*")
    expect(not any(b"Retro" in path.read_bytes() for path in store if path.is_file()), "the title lies on the disk in the clear")


if __name__ == "__main__":
    from harness import main

    main(exchanged, sorted_and_coloured, found)
