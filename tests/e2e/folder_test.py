"""The folder of coming events (R8, R59; issue 6): what is put there is attached, what others attach comes."""

import datetime
import os
import shutil
import sys

sys.dont_write_bytecode = True

import harness
from chaos_test import pair
from chaos_proxy import Proxy, Weather
from harness import Person, World, expect, wait_until


def in_days(days: int) -> str:
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)).strftime("%Y-%m-%d")


def person(world: World, name: str, hub) -> Person:
    return world.edge(name, hub, files__folder=world.path / name / "folder").person(name).register()


def folder(someone: Person):
    return someone.daemon.home / "folder"


def in_step(*people: Person) -> None:
    for one in people:
        wait_until(lambda: one.ask("files", "folder")["state"] == "in_step", f"{one.name}'s folder is in step")


def lies(place, data: bytes) -> None:
    wait_until(lambda: place.is_file() and place.read_bytes() == data, f"{place} is as it should be")


def files_of(someone: Person, event: str) -> list[str]:
    return sorted(one["name"] for one in someone.event(event)["files"])


def shared(world: World) -> None:
    hub = world.hub()
    alice, bob = (person(world, name, hub) for name in ("alice", "bob"))
    day = in_days(3)
    event = alice.add_event("DS meeting", f"{day} 10:00+60m", ["bob"])
    bob.wait_event(event)
    in_step(bob)
    expect(not list(folder(bob).glob("*DS meeting")), "an invitation that he has not answered has a directory")
    bob.do("events", "rsvp", event, "yes")
    alice.add_event("Far away", f"{in_days(40)} 10:00+60m")
    hers, his = folder(alice) / f"{day} DS meeting", folder(bob) / f"{day} DS meeting"
    for place in (hers, his):
        wait_until(place.is_dir, f"{place} is there")
    expect(not list(folder(alice).glob("*Far away")), "an event that is far away has a directory")

    # Alice drops a file, by bits; it is in Bob's folder.
    first = os.urandom(300_000)
    with open(hers / "slides.pdf", "wb") as file:
        for at in range(0, len(first), 100_000):
            file.write(first[at:at + 100_000])
            file.flush()
    lies(his / "slides.pdf", first)
    # Bob changes it as editors do; Alice gets the new version.
    second = first[::-1]
    (his / ".slides.pdf.swp").write_bytes(b"x")
    (his / "slides.new~").write_bytes(second)
    os.replace(his / "slides.new~", his / "slides.pdf")
    lies(hers / "slides.pdf", second)
    (his / ".slides.pdf.swp").unlink()
    expect(files_of(alice, event) == ["slides.pdf"], f"{files_of(alice, event)}")
    in_step(alice, bob)

    # What lies there is not attached again after a restart, killed or not, nor without its memory.
    versions = alice.event(event)["version"]
    bob.daemon.kill()
    (bob.daemon.home / "data" / "folder.json").unlink()
    alice.daemon.terminate()
    (hers / "while away.txt").write_text("minutes")
    for one in (alice, bob):
        one.daemon.start()
        one.daemon.wait_connected()
    lies(his / "while away.txt", b"minutes")
    in_step(alice, bob)
    expect(files_of(bob, event) == ["slides.pdf", "while away.txt"], f"{files_of(bob, event)}")
    expect(bob.event(event)["version"] == versions + 1, "something was attached twice")

    # Both have a file of one name: both keep it, and see the other's.
    bob.daemon.terminate()
    (hers / "notes.txt").write_text("hers")
    wait_until(lambda: "notes.txt" in files_of(alice, event), "hers is attached")
    (his / "notes.txt").write_text("of Bob")
    bob.daemon.start()
    bob.daemon.wait_connected()
    lies(his / "notes.txt", b"hers")
    wait_until(lambda: len(files_of(alice, event)) == 4, "both are at the event")
    beside = next(name for name in files_of(alice, event) if name.startswith("notes (bob, "))
    lies(hers / beside, b"of Bob")
    lies(his / beside, b"of Bob")

    # What Bob removes stays at the event; what Alice takes off goes.
    (his / "slides.pdf").unlink()
    wait_until(lambda: any(file["state"] == "removed" for one in bob.ask("files", "folder")["events"] for file in one["files"]),
               "the removed file is known")
    alice.remove_file(event, "notes.txt")
    wait_until(lambda: not (his / "notes.txt").exists(), "it is gone at Bob's")
    expect((hers / "slides.pdf").exists() and not (his / "slides.pdf").exists(), "the removed one came back")
    expect("slides.pdf" in files_of(bob, event), "it was removed for everybody")

    # Links are not followed, nor is anything taken from outside.
    (world.path / "secret").write_text("secret")
    (his / "link.txt").symlink_to(world.path / "secret")
    shutil.copytree(his, folder(bob) / "a copy")
    alice.edit_event(event, title="Renamed/../x")
    wait_until((folder(bob) / f"{day} Renamed_.._x" / beside).exists, "the directory follows its event")
    in_step(alice, bob)
    expect(not any("link" in name for name in files_of(bob, event)), "a link was followed")
    said = bob.do("files", "folder")
    expect("bob's: in step" in said and f"{day} Renamed_.._x" in said, said)

    # A folder that is not there any more is no order to remove everything.
    os.rename(folder(bob), world.path / "unmounted")
    wait_until(lambda: bob.ask("files", "folder")["state"] == "stopped", "it is noticed")
    os.rename(world.path / "unmounted", folder(bob))
    in_step(bob)
    expect(len(files_of(alice, event)) == 3, f"{files_of(alice, event)}")


def paused(world: World) -> None:
    """Over a line of 4 MB/s Bob pauses a file, is killed, and goes on with it; what had come is not sent again."""
    size = 12_000_000
    with Proxy(Weather(bytes_per_s=4e6), seed=3) as proxy:
        alice, bob = pair(world, proxy)
        event = alice.add_event("Film", f"{in_days(3)} 20:00+60m", ["bob"])
        film = world.file("film.mp4", size)
        alice.add_file(event, film)
        wait_until(lambda: bob.event(event) and files_of(bob, event), "Bob sees it")

        def file() -> dict:
            return bob.event(event)["files"][0]

        before = proxy.carried
        bob.do("files", "resume", event, "film.mp4")
        wait_until(lambda: file()["fetched"] > size // 4, "a quarter has come")
        expect(bob.ask("files", "pause", event, "film.mp4")["held"] == "paused", "it is not paused")
        come = file()["fetched"]
        expect(size // 4 < come < size, f"{come} bytes came")
        bob.daemon.kill()
        bob.daemon.start()
        # What was on its way when it was paused has come, and is not counted.
        expect(file()["held"] == "paused" and size // 4 < file()["fetched"] <= come, f"after a restart: {file()}")
        bob.refused("files", "get", event, "film.mp4", status=harness.EXIT_EXISTS, says="paused")
        bob.do("files", "resume", event, "film.mp4")
        wait_until(lambda: file()["held"] == "here", "it has come", 60)
        expect(proxy.carried - before < size * 1.25, f"{proxy.carried - before} bytes were carried for {size}")
        got = bob.get_file(event, "film.mp4", world.path / "got")
        expect(harness.sha256(got) == harness.sha256(film), "another film came")
        bob.refused("files", "pause", event, "film.mp4", says="already")


if __name__ == "__main__":
    harness.main(shared, paused)
