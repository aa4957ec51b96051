"""What a daemon keeps on its disk: a copy of the database while people go on, and what the disk damages is healed from the
others (issue 6)."""

import pathlib
import sqlite3
import sys
import threading

sys.dont_write_bytecode = True

from harness import EXIT_DENIED, EXIT_EXISTS, World, expect, sha256, wait_until


def store_of(daemon) -> pathlib.Path:
    return pathlib.Path(daemon.config["data_dir"]) / "store"


def flip(path: pathlib.Path, offset: int) -> None:
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 0x40]))


def copied(world: World) -> None:
    """A copy that is made while events are added is whole; it has every event that was there when it was begun."""
    alone = world.daemon("alone")
    alice = alone.person("alice").register()
    for i in range(30):
        alice.add_event(f"Event {i}", f"2031-06-{i % 28 + 1:02} 10:00+60m")
    added, failed, over = [], [], threading.Event()

    def go_on() -> None:
        while not over.is_set():
            status, made = alone.api("POST", "/v1/events", {"title": "x", "start": "2031-05-03T14:00:00", "zone": "UTC"})
            (added if status == 201 else failed).append(made)

    load = threading.Thread(target=go_on)
    load.start()
    copy = world.path / "copy.db"
    made = alice.ask("store", "backup", str(copy))
    over.set()
    load.join()
    expect(not failed, f"an event was refused meanwhile: {failed[:1]}")
    expect(made["file"] == str(copy) and made["bytes"] == copy.stat().st_size, f"it says {made}")
    expect(copy.stat().st_mode & 0o777 == 0o600, "others may read the copy")
    with sqlite3.connect(copy) as opened:
        expect(opened.execute("PRAGMA integrity_check").fetchone() == ("ok",), "the copy is damaged")
        held = opened.execute("SELECT count(*) FROM envelope").fetchone()[0]
    expect(30 <= held <= 30 + len(added), f"the copy has {held} events of 30 and {len(added)} more")
    opened.close()
    before = sha256(copy)
    alice.refused("store", "backup", str(copy), status=EXIT_EXISTS, says="exists already")
    alice.refused("store", "backup", str(world.path / "nowhere" / "copy.db"))
    expect(sha256(copy) == before, "the copy was replaced")
    expect(sorted(one.name for one in world.path.glob("copy.db*")) == ["copy.db"], "something is left beside the copy")
    shown = alice.ask("store", "status")
    expect(shown["engine"] == "sqlite" and shown["events"] == 30 + len(added) and shown["database_bytes"] > 0,
           f"store status says {shown}")
    expect("sound" in alice.do("store", "check"), "store check does not say that it is sound")

    # It serves in the place of the original.
    alone.terminate()
    for file in store_of(alone).glob("calbox.db*"):
        file.unlink()
    copy.rename(store_of(alone) / "calbox.db")
    alone.start()
    expect(len(alice.events()) == held, f"{len(alice.events())} events in the copy's daemon, not {held}")


def healed(world: World) -> None:
    """Bytes of a file and of an event change on the disk: both are found, kept aside, and come again from the others."""
    hub = world.hub()
    alice = world.edge("alice", hub).person("alice").register()
    world.edge("bob", hub).person("bob").register()
    photo = world.file("photo.bin", 400_000)
    event = alice.add_event("Party", "2031-06-01 10:00+60m", ["bob"], [photo])
    other = alice.add_event("Review", "2031-06-02 10:00+60m")
    wait_until(lambda: hub.status()["events"] == 2 and hub.status()["files"] == 1, "the backup has everything")
    daemon = alice.daemon
    root = alice.ask("files", "list", event)["files"][0]["root"]
    blob = store_of(daemon) / "files" / root[:2] / root
    whole = sha256(blob)

    flip(blob, 100_000)
    found = alice.ask("store", "scrub")
    expect((found["damaged"], found["healed"]) == (1, 1), f"the scrub says {found}")
    expect(sha256(blob) == whole, "the file is not as it was")
    pieces = list((store_of(daemon) / "aside").iterdir())
    expect([piece.name for piece in pieces] == [f"{root}.65552"], f"set aside: {pieces}")
    expect(sha256(alice.get_file(event, "photo.bin", world.path / "back.bin")) == sha256(photo), "the file differs")

    # The database, while the daemon is not there to notice.
    daemon.terminate()
    database = sqlite3.connect(store_of(daemon) / "calbox.db")
    value = bytearray(max((row[0] for row in database.execute("SELECT value FROM envelope")), key=len))
    good = bytes(value)
    value[-200] ^= 0x40
    with database:
        changed = database.execute("UPDATE envelope SET value = ? WHERE value = ?", (bytes(value), good)).rowcount
    database.close()
    expect(changed == 1, f"{changed} records were damaged")
    hub.terminate()
    daemon.start()
    expect(len(alice.events()) == 1, "a damaged event is shown")
    expect(alice.ask("store", "status")["lost_events"] == 1, "the lost event is not told of")
    doctor = {one["what"]: one for one in alice.ask("doctor")["findings"]}
    expect(doctor.get("damage", {}).get("good") is False, f"the doctor says {doctor}")
    hub.start()
    wait_until(lambda: alice.titles() == ["Party", "Review"], "both events are there again")
    expect(alice.ask("store", "status")["lost_events"] == 0, "an event is still called lost")
    last = alice.ask("store", "scrub")
    expect(last["damaged"] == 0 and last["events"] >= 2, f"the scrub says {last}")
    expect(alice.event(other)["title"] == "Review" and alice.event(event)["files"][0]["held"] == "here", "not as before")


def archived(world: World) -> None:
    """A whole account comes from one home to another one that has nothing to do with it, and lives on there."""
    first = world.daemon("first")
    alice = first.person("alice").register()
    plan = world.file("plan.pdf", 200_000)
    review = alice.add_event("Review", "2031-06-01 10:00+60m", files=[plan])
    alice.edit_event(review, title="Budget review")
    alice.remove_event(alice.add_event("A mistake", "2031-06-02 10:00+60m"))
    archive = world.path / "alice.calbox"
    password = alice.password + "\n"
    made = alice.ask("account", "export", str(archive), "--password-stdin", stdin=password)
    expect(made["events"] == 1 and made["files"] == 1 and made["bytes"] == archive.stat().st_size, f"it says {made}")
    before = sha256(archive)
    alice.refused("account", "export", str(archive), "--password-stdin", stdin=password, status=EXIT_EXISTS)
    alice.refused("account", "restore", str(archive), "--password-stdin", stdin=password, status=EXIT_EXISTS, says="signed in")
    expect(sha256(archive) == before, "the archive was replaced")
    expect(b"Budget" not in archive.read_bytes(), "an event's title stands in the archive in the clear")
    first.terminate()

    other = world.daemon("other")
    again = other.person("alice")
    damaged = world.path / "damaged.calbox"
    damaged.write_bytes(archive.read_bytes())
    flip(damaged, archive.stat().st_size // 2)
    again.refused("account", "restore", str(damaged), "--password-stdin", stdin=password, says="damaged")
    again.refused("account", "restore", str(archive), "--password-stdin", stdin="another long one\n", status=EXIT_DENIED)
    expect(other.get("/v1/session")["users"] == [], "somebody is signed in after refused archives")
    back = again.ask("account", "restore", str(archive), "--password-stdin", stdin=password)
    expect(back["registered"] and back["device"] == 2 and back["events"] == 1, f"it says {back}")
    expect(again.titles() == ["Budget review"], f"restored: {again.titles()}")
    copy = again.get_file(review, "plan.pdf", world.path / "copy.pdf")
    expect(sha256(copy) == sha256(plan), "the file differs")
    expect(len(again.ask("events", "history", review)["versions"]) >= 2, "the earlier versions are gone")
    again.edit_event(review, title="Budget review, moved")
    again.wait_event(review, title="Budget review, moved")
    fresh = again.add_event("After", "2031-06-03 10:00+60m")
    expect(fresh == "alice/2.1", f"{fresh} may have been given before")


if __name__ == "__main__":
    from harness import main

    main(copied, healed, archived)
