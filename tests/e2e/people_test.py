"""Several people in one daemon see only their own (R92); somebody who was away gets what he missed (R28, R44, R78-R80)."""

import datetime
import sys

sys.dont_write_bytecode = True

import harness
from harness import EXIT_DENIED, EXIT_NOT_FOUND, World, befriend, delivered_to_backup, expect, sha256, wait_until


def several_users(world: World) -> None:
    hub = world.hub()
    family = world.edge("family", hub)
    mum, dad = family.person("mum"), family.person("dad")
    mum.register()
    dad.register()
    mum.several = dad.several = True
    note = world.file("note.txt", text="only for mum\n")
    secret = mum.add_event("Surprise", "2031-06-01 18:00+60m", files=[note])
    common = dad.add_event("Dinner", "2031-06-02 18:00+60m", ["mum"])
    mum.wait_event(common)
    expect(mum.titles() == ["Dinner", "Surprise"], f"Mum sees {mum.titles()}")
    expect(dad.titles() == ["Dinner"], f"Dad sees {dad.titles()}")

    # Every way to another's event, with its id known, answers as if there were none.
    for method, path, body in (
        ("GET", harness.url(secret), None),
        ("PATCH", harness.url(secret), {"title": "mine"}),
        ("DELETE", harness.url(secret), None),
        ("GET", harness.url(secret, "files"), None),
        ("GET", harness.url(secret, "files", "note.txt"), None),
        ("POST", harness.url(secret, "files", "note.txt", "fetch"), None),
        ("POST", harness.url(secret, "files", "new.txt"), b"new"),
        ("PUT", harness.url(secret, "files", "note.txt"), b"new"),
        ("DELETE", harness.url(secret, "files", "note.txt"), None),
    ):
        status, answer = family.api(method, path, body, user="dad")
        expect(status in (403, 404), f"Dad, {method} {path}: {status} {answer}")
        expect(b"Surprise" not in str(answer).encode(), f"{method} {path} tells the title: {answer}")
    expect(mum.event(secret)["title"] == "Surprise", "Mum's event changed")
    found = family.get("/v1/events?q=Surprise", user="dad")["events"]
    expect(found == [], f"a search shows Dad {found}")
    dad.refused("events", "show", secret, status=EXIT_NOT_FOUND)

    # Without a name it is not clear who is meant; a name that is not signed in is refused.
    status, _ = family.api("GET", "/v1/events")
    expect(status == 401, f"two signed in and no name: {status}")
    grandma = family.person("grandma")
    grandma.several = True
    grandma.refused("events", "list", status=EXIT_DENIED)
    mum.logout()
    status, _ = family.api("GET", "/v1/events", user="mum")
    expect(status == 401, f"after logout: {status}")
    mum.login()
    mum.wait_event(secret)


def bob_was_away(world: World) -> None:
    """Bob is down while Alice makes events; with Alice up he gets them from her, with Alice down from the backup."""
    hub = world.hub()
    alice = world.edge("alice", hub).person("alice").register()
    bob = world.edge("bob", hub).person("bob").register()
    old = alice.add_event("Old", "2031-06-01 10:00+60m", ["bob"])
    doomed = alice.add_event("Doomed", "2031-06-02 10:00+60m", ["bob"])
    bob.wait_event(old)
    bob.wait_event(doomed)

    bob.daemon.terminate()
    first = alice.add_event("While Bob was away", "2031-06-03 10:00+60m", ["bob"])
    alice.edit_event(old, title="Newer")
    alice.remove_event(doomed)
    bob.daemon.start()
    bob.wait_event(first)
    bob.wait_event(old, title="Newer")  # changed events come back, not only unknown ids (R90)
    bob.wait_no_event(doomed)

    bob.daemon.terminate()
    minutes = world.file("minutes.bin", 200_000)
    second = alice.add_event("From the backup", "2031-06-04 10:00+60m", ["bob"], [minutes])
    wait_until(lambda: delivered_to_backup(alice.event(second)), "the backup has stored it")
    alice.daemon.terminate()
    bob.daemon.start()
    bob.wait_event(second)
    copy = bob.get_file(second, "minutes.bin", world.path / "copy.bin")
    expect(sha256(copy) == sha256(minutes), "the file differs at Bob")
    expect(bob.titles() == ["From the backup", "Newer", "While Bob was away"], f"Bob has {bob.titles()}")


def just_registered(world: World) -> None:
    """Who has signed in can be invited at that very moment, and gets it: nobody waits for the news of his device."""
    hub = world.hub()
    alice = world.edge("alice", hub).person("alice").register()
    house = world.edge("house", hub)
    for number in range(12):
        guest = house.person(f"guest{number}")
        status, answer = house.api("POST", "/v1/session",
                                   {"name": guest.name, "password": guest.password, "register": True})
        expect(status == 201, f"registering {guest.name}: {status} {answer}")
        status, event = alice.daemon.api("POST", "/v1/events", {
            "title": f"Welcome {guest.name}", "start": "2031-06-04T10:00:00", "participants": [guest.name]})
        expect(status == 201, f"inviting {guest.name}: {status} {event}")
        guest.wait_event(event["id"], 10)


def no_backup(world: World) -> None:
    """Nothing hangs on a backup while both sides are up: event, file and change go from one to the other (R32)."""
    hub = world.daemon("hub", roles=["registry", "rendezvous"])
    wait_until(lambda: hub.get("/v1/network")["id"], "the hub has founded a network")
    alice = world.edge("alice", hub).person("alice").register()
    bob = world.edge("bob", hub).person("bob").register()
    minutes = world.file("minutes.bin", 200_000)
    event = alice.add_event("Without a backup", "2031-06-04 10:00+60m", ["bob"], [minutes])
    wait_until(lambda: (bob.event(event) or {}).get("files"), "Bob sees the file")
    copy = bob.get_file(event, "minutes.bin", world.path / "copy.bin")
    expect(sha256(copy) == sha256(minutes), "the file differs at Bob")
    bob.edit_event(event, place="Room 3")
    alice.wait_event(event, place="Room 3")
    expect(alice.event(event)["stored_on"] == ["bob"], f"stored on {alice.event(event)['stored_on']}")


def files_count_devices(world: World) -> None:
    """Whoever has fetched a file counts as a copy at everybody who takes part, in the words that events have; over a restart, too."""
    hub = world.hub()
    alice = world.edge("alice", hub).person("alice").register()
    bob = world.edge("bob", hub).person("bob").register()
    event = alice.add_event("Slides", "2031-06-04 10:00+60m", ["bob"], [world.file("slides.bin", 100_000)])
    bob.wait_event(event)

    def says(person, text: str) -> None:
        wait_until(lambda: text in person.do("files", "list", event), f"{person.name}'s calboxctl says {text!r}")

    says(alice, "here, on 1 of 1 backups and 1 device\t")
    says(bob, "elsewhere, on 1 of 1 backups and 1 device\t")
    bob.get_file(event, "slides.bin", world.path / "copy.bin")
    says(bob, "here, on 1 of 1 backups and 2 devices\t")
    says(alice, "here, on 1 of 1 backups and 2 devices\t")
    expect(alice.ask("files", "list", event)["files"][0]["stored_on"][-1] == "bob", "Bob is not named")
    expect("1 of 1 backups and 2 devices" in alice.do("events", "show", event), "the event is counted in other words")
    bob.daemon.terminate()
    alice.daemon.terminate()
    alice.daemon.start()
    says(alice, "here, on 1 of 1 backups and 2 devices\t")


def removed_guest(world: World) -> None:
    """Whoever is taken off an event sees it no more, and nothing of its later versions; the others go on."""
    hub = world.hub()
    alice = world.edge("alice", hub).person("alice").register()
    bob = world.edge("bob", hub).person("bob").register()
    carol = world.edge("carol", hub).person("carol").register()
    event = alice.add_event("Planning", "2031-06-05 10:00+60m", ["bob", "carol"])
    bob.wait_event(event)
    carol.wait_event(event)
    status, answer = alice.daemon.api("PATCH", harness.url(event), {"participants": ["carol"]})
    expect(status == 200, f"removing Bob: {status} {answer}")
    bob.wait_no_event(event)
    status, answer = alice.daemon.api("PATCH", harness.url(event), {"title": "Without Bob"})
    expect(status == 200, f"a later change: {status} {answer}")
    carol.wait_event(event, title="Without Bob")
    expect(bob.event(event) is None, "the event came back to Bob")


def guest_declines(world: World) -> None:
    """A guest's rm takes the event from his own calendar; the host and the others keep it, and see who declined."""
    hub = world.hub()
    alice = world.edge("alice", hub).person("alice").register()
    bob = world.edge("bob", hub).person("bob").register()
    carol = world.edge("carol", hub).person("carol").register()
    event = alice.add_event("Planning", "2031-06-05 10:00+60m", ["bob", "carol"], guests_may="none")
    bob.wait_event(event)
    carol.wait_event(event)
    bob.refused("events", "edit", event, "--title", "Bob's", status=EXIT_DENIED)
    carol.refused("files", "add", event, str(world.file("a.txt", text="a")), status=EXIT_DENIED)
    bob.remove_event(event)
    bob.wait_no_event(event)
    for person in (alice, carol):
        person.wait_event(event, participants=["carol"], declined=["bob"], title="Planning")
    expect("declined       bob" in alice.do("events", "show", event), "events show does not say who declined")
    # It stays so over a restart, and a later change does not come back to him.
    bob.daemon.terminate()
    alice.edit_event(event, title="Without Bob")
    bob.daemon.start()
    carol.wait_event(event, title="Without Bob", declined=["bob"])
    bob.daemon.wait_connected()
    bob.wait_event(alice.add_event("Marker", "2031-06-06 10:00+60m", ["bob"]))
    expect(bob.event(event) is None, "a declined event came back")
    # Asked again, he takes part again.
    alice.do("events", "edit", event, "--with", "bob")
    bob.wait_event(event, declined=[])


def conflicts_are_shown(world: World) -> None:
    alone = world.daemon("alone").person("alice").register()
    first = alone.add_event("First", "2031-07-01 10:00+60m")
    second = alone.add_event("Second", "2031-07-01 10:30+60m")
    alone.add_event("After", "2031-07-01 11:30+60m")  # touches the second and overlaps nothing
    pairs = alone.daemon.get("/v1/conflicts")["conflicts"]
    expect([[one["id"] for one in pair] for pair in pairs] == [[first, second]], f"conflicts: {pairs}")
    expect(alone.event(first)["conflicts"] == [second], f"the first's: {alone.event(first)['conflicts']}")
    alone.edit_event(second, start="2031-07-01T13:00:00", end="2031-07-01T14:00:00")
    expect(alone.daemon.get("/v1/conflicts")["conflicts"] == [], "a solved conflict is still shown")


def busy_times(world: World) -> None:
    """A friend learns when Bob is busy, of Bob's device alone, and nothing of why."""
    hub = world.hub()
    alice = world.edge("alice", hub).person("alice").register()
    bob = world.edge("bob", hub).person("bob").register()
    secret = bob.add_event("Dentist", "tomorrow 10:00+60m")
    bob.add_event("Lunch", "tomorrow 11:00+60m")
    tomorrow = ("--from", "tomorrow", "--to", "tomorrow")
    alice.refused("freebusy", "bob", *tomorrow, says="not known when bob is busy: bob is no friend of yours")
    befriend(alice, bob)
    told = alice.ask("freebusy", "bob", *tomorrow)
    expect(told["known"] and len(told["busy"]) == 1, f"one time, from 10:00 to 12:00: {told}")
    start, end = (datetime.datetime.fromisoformat(told["busy"][0][key].rstrip("Z")) for key in ("start", "end"))
    expect((end - start).total_seconds() == 7200, f"two events that touch: {told}")
    expect(not any(word in str(told) for word in ("Dentist", "Lunch", secret)), f"it tells more than times: {told}")
    day_after = alice.do("freebusy", "bob", "--from", "tomorrow 12:00", "--to", "tomorrow 18:00")
    expect(day_after == "", f"busy after lunch: {day_after}")
    bob.daemon.kill()
    gone = alice.ask("freebusy", "bob", *tomorrow)
    expect(gone["known"] is False and gone["busy"] is None and "bob" in gone["why"], f"not known, never free: {gone}")


def open_events(world: World) -> None:
    """Bob joins Alice's course by its link, with its file; Carol from the list of her friend; who is removed stays out."""
    hub = world.hub()
    alice = world.edge("alice", hub).person("alice").register()
    bob = world.edge("bob", hub).person("bob").register()
    carol = world.edge("carol", hub).person("carol").register()
    slides = world.file("slides.bin", 150_000)
    course = alice.add_event("Course", "2031-06-01 10:00+60m", files=[slides])
    link = alice.do("events", "open", course).strip()
    expect(link.startswith(f"calbox:event/{course}?"), f"the link is {link}")
    expect(bob.do("events", "join", link).strip() == f"Joined {course}", "Bob is not told that he has joined")
    bob.wait_event(course)
    expect(sha256(bob.get_file(course, "slides.bin", world.path / "bob.bin")) == sha256(slides), "Bob has another file")

    carol.refused("events", "opened", "alice", says="alice is no friend of yours")
    befriend(alice, carol)
    listed = carol.ask("events", "opened", "alice")["events"]
    expect([(one["title"], one["joined"]) for one in listed] == [("Course", False)], f"Carol is told {listed}")
    carol.do("events", "join", listed[0]["link"])
    carol.wait_event(course)
    bob.do("events", "leave", course)
    bob.wait_no_event(course)
    wait_until(lambda: alice.event(course)["participants"] == ["carol"], "Bob has left")

    alice.do("events", "edit", course, "--without", "carol")
    carol.wait_no_event(course)
    carol.refused("events", "join", link, status=EXIT_DENIED, says="you were removed from that event")
    forged = link[:-1] + ("0" if link[-1] != "0" else "1")
    bob.refused("events", "join", forged, status=EXIT_DENIED, says="opens no event")

    # While Alice is away the request waits, also over a restart of Bob's daemon.
    alice.daemon.terminate()
    expect("Waiting to join" in bob.do("events", "join", link), "it does not wait")
    bob.daemon.kill()
    bob.daemon.start()
    expect([one["id"] for one in bob.ask("events", "joins")["joins"]] == [course], "the request is lost")
    alice.daemon.start()
    bob.wait_event(course, seconds=90)
    alice.do("events", "close", course)
    bob.do("events", "leave", course)
    bob.wait_no_event(course)
    bob.refused("events", "join", link, status=EXIT_DENIED, says="opens no event")


if __name__ == "__main__":
    harness.main(several_users, just_registered, bob_was_away, no_backup, files_count_devices, removed_guest, guest_declines, conflicts_are_shown, busy_times, open_events)
