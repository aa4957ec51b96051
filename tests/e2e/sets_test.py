"""Set operations and edits that meet, by calboxctl over real daemons (design decision 9; R180, R199)."""

import concurrent.futures
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True

import harness
from harness import EXIT_DENIED, EXIT_EXISTS, EXIT_USAGE, Person, World, expect
from hosts import PATIENCE, EditorSession


def people(world: World, *names: str, guests_may: str = "") -> tuple[list[Person], str]:
    """Signed in on a daemon each, and an event of the first with the rest."""
    hub = world.hub()
    everyone = [world.edge(name, hub).person(name).register() for name in names]
    more = {"guests_may": guests_may} if guests_may else {}
    event = everyone[0].add_event("Picnic", "2031-06-01 10:00+60m", names[1:], **more)
    for person in everyone:
        person.wait_event(event)
    return everyone, event


def at_once(*work) -> list:
    with concurrent.futures.ThreadPoolExecutor(len(work)) as pool:
        return [one.result() for one in [pool.submit(each) for each in work]]


def named(event: dict) -> list[str]:
    return sorted(file["name"] for file in event["files"])


def wait_files(everyone: list[Person], event: str, names: list[str]) -> None:
    for person in everyone:
        harness.wait_until(lambda: named(person.event(event)) == sorted(names), f"{person.name} sees {names}", PATIENCE)


def dropped_at_once(world: World) -> None:
    """Four people drop three photos each; two of them have one name."""
    everyone, event = people(world, "alice", "bob", "carol", "dave")
    photos = {person.name: [world.file(f"{person.name}-{number}.jpg", 20_000 + number) for number in range(3)] for person in everyone}
    at_once(*(lambda one=person, photo=photo: one.add_file(event, photo) for person in everyone for photo in photos[person.name]))
    wait_files(everyone, event, [photo.name for mine in photos.values() for photo in mine])
    for person in everyone:
        got = person.get_file(event, "dave-2.jpg", world.path / f"got by {person.name}")
        expect(harness.sha256(got) == harness.sha256(photos["dave"][2]), f"{person.name} got another photo")
    # Once more, one removes another's, and everybody answers.
    at_once(lambda: everyone[1].remove_file(event, "alice-0.jpg"), lambda: everyone[0].remove_file(event, "bob-0.jpg"),
            *(lambda one=person: one.do("events", "rsvp", event, "yes") for person in everyone[1:]))
    left = [photo.name for mine in photos.values() for photo in mine if photo.name not in ("alice-0.jpg", "bob-0.jpg")]
    wait_files(everyone, event, left)
    for person in everyone:
        harness.wait_until(lambda: [one["answer"] for one in person.event(event)["answers"]] == ["accepted"] * 3,
                           f"{person.name} sees who comes", PATIENCE)


def one_file_replaced_by_two(world: World) -> None:
    everyone, event = people(world, "alice", "bob")
    alice, bob = everyone
    plans = [world.file(f"plan of {who}", text=f"{who}'s\n") for who in ("the first", "alice", "bob")]
    first = world.path / "plan.txt"
    first.write_bytes(plans[0].read_bytes())
    alice.add_file(event, first)
    harness.wait_until(lambda: named(bob.event(event)) == ["plan.txt"], "bob has the file", PATIENCE)
    root = bob.event(event)["files"][0]["root"]
    alice.update_file(event, plans[1], "plan.txt")
    harness.wait_until(lambda: bob.event(event)["files"][0]["root"] != root, "bob has the second one", PATIENCE)
    # Bob has changed what he read before that.
    path = harness.url(event, "files", "plan.txt")
    status, made = bob.daemon.api("PUT", path, plans[2].read_bytes(), headers={"If-Match": f'"{root}"'})
    expect(status == 201 and made["name"].startswith("plan (bob, ") and made["name"].endswith(").txt"), f"{status} {made}")
    wait_files(everyone, event, ["plan.txt", made["name"]])
    for name, wanted in (("plan.txt", plans[1]), (made["name"], plans[2])):
        got = alice.get_file(event, name, world.path / "got")
        expect(got.read_bytes() == wanted.read_bytes(), f"{name} has {got.read_bytes()}")
        got.unlink()
    for tag in ("x", '"x"', '""'):
        status, answer = bob.daemon.api("PUT", path, b"x", headers={"If-Match": tag})
        expect(status == 400 and answer["code"] == "invalid_argument", f"{tag}: {status} {answer}")


def said_by(session: EditorSession) -> str:
    text = b""
    try:
        while piece := os.read(session.terminal, 65536):
            text += piece
    except OSError:
        pass  # the other end is closed
    return text.decode().replace("\r\n", "\n")


def edits_that_meet(world: World) -> None:
    """An editor is open; its owner attaches a file and answers, another changes the place: all of it stays."""
    everyone, event = people(world, "alice", "bob")
    alice, bob = everyone
    photo = world.file("photo.jpg", 1000)
    with EditorSession(world, bob, event, "Renamed", "--merge") as session:
        alice.wait_event(event, PATIENCE, state="locked", locked_by="bob")
        bob.add_file(event, photo)
        bob.do("events", "rsvp", event, "maybe")
        wait_files([alice], event, ["photo.jpg"])
        alice.wait_event(event, PATIENCE, state="locked", locked_by="bob")
        alice.refused("events", "edit", event, "--title", "x", status=EXIT_EXISTS)
        session.close.touch()
        expect(session.process.wait(timeout=PATIENCE) == 0, f"not merged: {said_by(session)}")
    found = alice.wait_event(event, PATIENCE, title="Renamed")
    expect(named(found) == ["photo.jpg"] and found["answers"] == [{"name": "bob", "answer": "tentative"}], f"{found}")

    # By the API: both texts, and both saved.
    path, version = harness.url(event), found["version"]
    seen = {"If-Match": f'"1-{version}"'}
    bob.wait_event(event, PATIENCE, version=version)
    alice.edit_event(event, place="Room 2")
    bob.wait_event(event, PATIENCE, place="Room 2")
    status, met = bob.daemon.api("PATCH", path, {"info": "bring a pen"}, headers=seen)
    expect(status == 412 and met["mergeable"] and met["current"]["place"] == "Room 2" and met["base"]["place"] == ""
           and met["fields"] == {"mine": ["info"], "theirs": ["place"], "both": []}, f"{status} {met}")
    status, merged = bob.daemon.api("PATCH", path + "?merge=yes", {"info": "bring a pen"}, headers=seen)
    expect(status == 200 and merged["place"] == "Room 2" and merged["info"] == "bring a pen", f"{status} {merged}")
    alice.wait_event(event, PATIENCE, info="bring a pen", place="Room 2")
    status, met = bob.daemon.api("PATCH", path + "?merge=yes", {"place": "Room 3"}, headers=seen)
    expect(status == 412 and not met["mergeable"] and met["fields"]["both"] == ["place"], f"{status} {met}")
    for query, headers in (("?merge=maybe", seen), ("?merge=yes", {}), ("?merge=yes&merge=yes", seen), ("?mix=yes", seen)):
        status, answer = bob.daemon.api("PATCH", path + query, {"info": "x"}, headers=headers)
        expect(status == 400 and answer["code"] == "invalid_argument", f"{query}: {status} {answer}")
    status, met = bob.daemon.api("PATCH", path + "?merge=yes", {"info": "x"}, headers={"If-Match": '"1-99"'})
    expect(status == 412 and not met["mergeable"] and "base" not in met, f"{status} {met}")


def answers(world: World) -> None:
    """Guests may do nothing here, and answer."""
    (alice, bob), event = people(world, "alice", "bob", guests_may="none")
    watching = subprocess.Popen([harness.CALBOXCTL, "--socket", str(alice.daemon.socket), "--json", "watch"],
                                env=alice.daemon.environment(), stdout=subprocess.PIPE, text=True)
    try:

        for word, state in (("yes", "accepted"), ("maybe", "tentative"), ("no", "declined")):
            bob.do("events", "rsvp", event, word)
            alice.wait_event(event, PATIENCE, answers=[{"name": "bob", "answer": state}])
            expect(f"bob ({state})" in alice.do("events", "show", event), f"{state} is not shown")
        version = bob.event(event)["version"]
        bob.do("events", "rsvp", event, "no")
        expect(bob.event(event)["version"] == version == 4, "the same answer made a version")
        told = next(change for line in watching.stdout if (change := json.loads(line))["what"] == "answered")
        expect(told["by"] == "bob" and "Picnic" in told["text"], f"{told}")
    finally:
        watching.kill()
        watching.wait()
        watching.stdout.close()
    bob.refused("events", "rsvp", event, "perhaps", status=EXIT_USAGE)
    bob.refused("events", "rsvp", event, status=EXIT_USAGE)
    alice.refused("events", "rsvp", event, "yes", status=EXIT_USAGE, says="you organize this event")
    bob.refused("files", "add", event, str(world.file("x", 10)), status=EXIT_DENIED)
    path = harness.url(event, "answer")
    for body in ({}, {"answer": "x"}, {"answer": 1}, {"answer": "accepted", "more": 1}, []):
        status, answer = bob.daemon.api("PUT", path, body)
        expect(status == 400, f"{body}: {status} {answer}")


if __name__ == "__main__":
    harness.main(dropped_at_once, one_file_replaced_by_two, edits_that_meet, answers)
