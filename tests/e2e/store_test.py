"""What a daemon keeps on its disk: a copy of the database while people go on, and what the disk damages is healed from the
others (issue 6)."""

import pathlib
import sqlite3
import sys
import threading

sys.dont_write_bytecode = True

from harness import EXIT_EXISTS, World, expect, sha256, wait_until


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


if __name__ == "__main__":
    from harness import main

    main(copied, healed)
