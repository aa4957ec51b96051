"""The main job: an event with a file goes from Alice's daemon to Bob's, directly and through a relay alike."""

import sys

sys.dont_write_bytecode = True

import harness
from harness import World, befriend, expect, sha256, wait_until


def share(world: World, **bobs_config) -> None:
    hub = world.hub()
    alice = world.edge("alice", hub).person("alice").register()
    bob = world.edge("bob", hub, **bobs_config).person("bob").register()

    befriend(alice, bob)

    # Three files: empty, one leaf and a bit, and many leaves.
    files = [world.file("empty.txt"), world.file("one and a bit.bin", 64 * 1024 + 1), world.file("many.bin", 5 << 20)]
    event = alice.add_event("DS meeting", "tomorrow 14:00+60m", ["bob"], files, place="Room 2", info="Bring the slides")
    seen = bob.wait_event(event, title="DS meeting", place="Room 2", info="Bring the slides", organizer="alice")
    expect(seen["participants"] == ["bob"], f"participants at Bob: {seen['participants']}")
    # The event comes first, and each file as soon as it is attached.
    seen = wait_until(lambda: len(bob.event(event)["files"]) == len(files) and bob.event(event), "Bob sees all files")
    expect(sorted(file["name"] for file in seen["files"]) == sorted(file.name for file in files),
           f"files at Bob: {seen['files']}")
    for file in files:
        copy = bob.get_file(event, file.name, world.path / f"copy of {file.name}")
        expect(sha256(copy) == sha256(file), f"{file.name} differs at Bob")

    # A guest may modify (R25), and the organizer sees it.
    bob.edit_event(event, place="Room 3")
    changed = alice.wait_event(event, place="Room 3")
    expect(changed["written_by"] == "bob", f"written by {changed['written_by']}")
    expect(changed["version"] > seen["version"], "the version did not grow")

    # A changed file is a new one, and the event points to it (R85).
    newer = world.file("many.bin", 5 << 20).with_name("newer.bin")
    newer.write_bytes(b"newer" * 1000)
    before = seen["files"]
    status, answer = alice.daemon.api("PUT", harness.url(event, "files", "many.bin"), newer.read_bytes())
    expect(status == 200, f"replacing a file: {status} {answer}")
    wait_until(lambda: next(file["root"] for file in bob.event(event)["files"] if file["name"] == "many.bin")
               not in [file["root"] for file in before], "Bob sees the replaced file")
    copy = bob.get_file(event, "many.bin", world.path / "replaced.bin")
    expect(copy.read_bytes() == newer.read_bytes(), "Bob got the old bytes of a replaced file")

    # A slice, as a player of videos asks for it.
    status, piece = bob.daemon.api("GET", harness.url(event, "files", "one and a bit.bin"),
                                   headers={"Range": "bytes=65530-65535"})
    expect((status, piece) == (206, files[1].read_bytes()[65530:65536]), f"a range: {status}, {len(piece)} bytes")

    alice.remove_event(event)
    bob.wait_no_event(event)
    for person in (alice, bob):
        status, _ = person.daemon.api("GET", harness.url(event))
        expect(status == 404, f"a deleted event answers {status} at {person.name}")


def direct(world: World) -> None:
    share(world)


def relayed(world: World) -> None:
    share(world, reach="relay_only")
    hub, _, bob = world.daemons
    peers = bob.get("/v1/peers")["peers"]
    others = [peer for peer in peers if "rendezvous" not in peer["roles"]]
    expect(others and all(peer["relayed"] for peer in others), f"Bob reached somebody directly: {peers}")
    expect(hub.running(), "the rendezvous ended")


def watched(world: World) -> None:
    """`/v1/watch` tells Bob of the event while it happens, and again what he missed, by Last-Event-ID."""
    hub = world.hub()
    alice = world.edge("alice", hub).person("alice").register()
    bob = world.edge("bob", hub).person("bob").register()

    connection = harness.UnixConnection(bob.daemon.socket, timeout=30)
    connection.request("GET", "/v1/watch", headers={"Accept": "text/event-stream"})
    stream = connection.getresponse()
    expect(stream.status == 200 and stream.headers["Content-Type"].startswith("text/event-stream"),
           f"watch: {stream.status} {stream.headers['Content-Type']}")
    event = alice.add_event("Lunch", "tomorrow 12:00+30m", ["bob"])
    number = ""
    while True:  # bounded by the connection's timeout
        line = stream.readline().decode().strip()
        if line.startswith("id:"):
            number = line.split(":", 1)[1].strip()
        if line.startswith("data:") and event in line:
            break
    connection.close()
    expect(number.isdigit(), f"the change has no number: {number!r}")

    again = harness.UnixConnection(bob.daemon.socket, timeout=30)
    again.request("GET", "/v1/watch", headers={"Last-Event-ID": str(int(number) - 1)})
    stream = again.getresponse()
    while event not in stream.readline().decode():
        pass
    again.close()


if __name__ == "__main__":
    harness.main(direct, relayed, watched)
