"""Many small files: attached by one change of the event, kept by the backup, fetched all at once, and whole after kills."""

import pathlib
import random
import sys

sys.dont_write_bytecode = True

import harness
from harness import EXIT_EXISTS, EXIT_NOT_FOUND, EXIT_USAGE, World, expect, sha256, wait_until

COUNT = 300


def photos(world: World, count: int = COUNT, prefix: str = "") -> list[pathlib.Path]:
    """Of 0 bytes to more than one part (64 KiB)."""
    chance = random.Random(7)
    made = []
    for number in range(count):
        path = world.path / f"{prefix}{number:03}.jpg"
        path.write_bytes(chance.randbytes(70_000 if number == 5 else number * 30))
        made.append(path)
    return made


def same(folder: pathlib.Path, files: list[pathlib.Path]) -> None:
    expect(sorted(one.name for one in folder.iterdir()) == [one.name for one in files], f"other files in {folder}")
    for one in files:
        expect(sha256(folder / one.name) == sha256(one), f"{one.name} differs")


def many_at_once(world: World) -> None:
    hub = world.hub()
    alice = world.edge("alice", hub).person("alice").register()
    bob = world.edge("bob", hub).person("bob").register()
    files = photos(world)
    event = alice.add_event("Party", "2031-06-01 10:00+60m", ["bob"])
    before = alice.event(event)["version"]
    alice.do("files", "add", event, *map(str, files), timeout=120)
    expect(alice.event(event)["version"] == before + 1, "the files are more than one change of the event")
    wait_until(lambda: hub.status()["files"] == COUNT, "the backup has all", 60)
    wait_until(lambda: all(not one["owed"] for one in alice.ask("files", "list", event)["files"]), "Alice knows that", 60)

    # All or none.
    more = world.file("more.jpg", 100)
    alice.refused("files", "add", event, str(more), str(files[3]), status=EXIT_EXISTS)
    alice.refused("files", "add", event, str(more), str(more), status=EXIT_EXISTS)
    expect(len(alice.event(event)["files"]) == COUNT, "some of the refused ones were attached")
    sealed = sum(one.stat().st_size + 16 for one in files) + 16  # a tag for each part
    expect(alice.ask("store", "status")["file_bytes"] == sealed, "some of the refused ones stay on the disk")
    status, answer = alice.daemon.api("POST", harness.url(event, "files"), b"--X\r\n", headers={
        "Content-Type": "multipart/form-data; boundary=X"})
    expect(status == 400, f"half a form: {status} {answer}")

    # From the backup, since Alice is away.
    alice.daemon.terminate()
    wait_until(lambda: len(bob.event(event)["files"]) == COUNT, "Bob sees them")
    folder = world.path / "got"
    folder.mkdir()
    bob.do("files", "get", event, "--all", "--output", str(folder), timeout=120)
    same(folder, files)
    bob.refused("files", "get", event, "--all", "--output", str(folder), status=EXIT_EXISTS)
    bob.refused("files", "get", event, status=EXIT_USAGE)
    expect("sound" in bob.do("store", "check"), "Bob's store is not sound")
    last = bob.ask("store", "scrub")
    expect((last["damaged"], last["files"]) == (0, COUNT), f"the scrub says {last}")


def killed_while_they_come(world: World) -> None:
    hub = world.hub()
    alice = world.edge("alice", hub).person("alice").register()
    bob = world.edge("bob", hub).person("bob").register()
    chance = random.Random(11)
    files = photos(world)
    event = alice.add_event("Party", "2031-06-01 10:00+60m", ["bob"])
    alice.do("files", "add", event, *map(str, files), timeout=120)
    wait_until(lambda: len(bob.event(event)["files"]) == COUNT, "Bob sees them", 60)
    come = 0
    for _ in range(4):
        for one in bob.event(event)["files"]:
            bob.daemon.api("POST", harness.url(event, "files", one["name"], "resume"), {})
            if chance.random() < 0.005:
                break
        bob.daemon.kill()
        bob.daemon.start()
        bob.daemon.wait_connected()
        here = {one["name"] for one in bob.event(event)["files"] if one["held"] == "here"}
        expect(len(here) >= come, "files that were here are gone")
        come = len(here)
        for name in here:  # whole, and from this disk
            got = bob.get_file(event, name, world.path / "one")
            expect(sha256(got) == sha256(world.path / name), f"{name} differs")
            got.unlink()
            break
    folder = world.path / "got"
    folder.mkdir()
    wait_until(lambda: bob.ctl("files", "get", event, "--all", "--force", "--output", str(folder), timeout=120).returncode == 0,
               "all have come", 60)
    same(folder, files)
    expect("sound" in bob.do("store", "check"), "Bob's store is not sound")


def of_one_time(world: World) -> None:
    hub = world.hub()
    alice = world.edge("alice", hub).person("alice").register()
    bob = world.edge("bob", hub).person("bob").register()
    names = ["x%22.txt", 'a "b".txt']
    for title, when in (("Choir", "2031-06-02 20:00+2h"), ("Fair", "2031-06-02")):
        event = alice.add_event(title, when, ["bob"], repeat="weekly")
        for day in ("02", "09"):
            files = [world.file(name, text=f"{title} {day} {name}") for name in names]
            alice.do("files", "add", event, *map(str, files), "--occurrence", f"2031-06-{day}")
        wait_until(lambda: len(bob.event(event)["files"]) == 4, "Bob sees them")
        folder = world.path / title
        folder.mkdir()
        bob.refused("files", "get", event, "--all", "--output", str(folder), status=EXIT_EXISTS)
        expect({one["held"] for one in bob.event(event)["files"]} == {"elsewhere"}, "some were fetched all the same")
        bob.do("files", "get", event, "--all", "--occurrence", "2031-06-09", "--output", str(folder))
        same(folder, sorted(files))
        held = {one["recurrence_id"][:10]: one["held"] for one in bob.event(event)["files"]}
        expect(held == {"2031-06-02": "elsewhere", "2031-06-09": "here"}, f"Bob has {held}")
        bob.refused("files", "get", event, "--all", "--occurrence", "2031-06-16", "--output", str(folder), status=EXIT_NOT_FOUND)


if __name__ == "__main__":
    harness.main(many_at_once, killed_while_they_come, of_one_time)
