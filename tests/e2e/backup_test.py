"""A backup whose data directory is wiped while people go on is whole again (R44, R81, R82, R142), and can stand in for the
one that it was filled from (R184)."""

import shutil
import sys
import threading
import time

sys.dont_write_bytecode = True

from harness import World, expect, sha256, wait_until

EVENTS, FILES = 40, 6


def backup(world: World, hub, name: str, listen: str):
    made = world.daemon(name, roles=["backup"], listen=listen)
    made.join(hub.invite("backup"))
    made.wait_connected()
    return made


def is_whole(daemon, events: int, files: int):
    status = daemon.status()
    backing = status["backing"]
    return (status["events"] == events and status["files"] == files and backing["percent"] == 100
            and backing["wanted_files"] == 0 and status)


def wiped(world: World) -> None:
    hub = world.daemon("hub", roles=["registry", "rendezvous"])
    wait_until(lambda: hub.get("/v1/network")["id"], "the hub has founded a network")
    store = backup(world, hub, "store", "127.0.0.1:0")
    alice = world.edge("alice", hub).person("alice").register()
    bob = world.edge("bob", hub).person("bob").register()
    photos = [world.file(f"photo{i}.bin", 300_000) for i in range(FILES)]
    events = []
    for i in range(EVENTS):
        host, guest = (alice, "bob") if i % 2 == 0 else (bob, "alice")
        events.append(host.add_event(f"Event {i}", f"2031-06-{i % 28 + 1:02} 10:00+60m", [guest],
                                     [photos[i]] if i < FILES else []))
    wait_until(lambda: is_whole(store, EVENTS, FILES), "the backup has everything")

    # It comes back empty where it was, while Alice goes on.
    listen = store.addresses()[0]
    later, failed, over = [], [], threading.Event()

    def go_on() -> None:
        while not over.is_set():
            try:
                later.append(alice.add_event(f"Later {len(later)}", "2031-07-01 10:00+60m"))
            except AssertionError as problem:
                failed.append(str(problem))
                return

    load = threading.Thread(target=go_on)
    load.start()
    store.kill()
    shutil.rmtree(store.config["data_dir"])
    begun = time.monotonic()
    store.config["listen"] = listen
    store.start()
    store.join(hub.invite("backup"))
    wait_until(lambda: store.status()["events"] >= EVENTS and store.status()["files"] == FILES,
               "the wiped backup has what was there before", 60)
    print(f"a wiped backup was whole again after {time.monotonic() - begun:.2f} s, under load")
    over.set()
    load.join()
    expect(not failed, f"Alice could not go on: {failed}")
    wait_until(lambda: is_whole(store, EVENTS + len(later), FILES), "the backup has what came meanwhile", 60)
    # What was owed to the one that is lost is owed no more.
    wait_until(lambda: alice.daemon.status()["outbox"] == 0 and bob.daemon.status()["outbox"] == 0,
               "nobody owes anything to the lost one")

    # Another backup is filled from this one alone, and serves when it is gone.
    alice.daemon.terminate()
    bob.daemon.terminate()
    second = backup(world, hub, "second", "127.0.0.1:0")
    wait_until(lambda: is_whole(second, EVENTS + len(later), FILES), "the second backup is whole", 60)
    store.kill()
    carol = world.edge("tablet", hub).person("bob").login()
    wait_until(lambda: len(carol.events()) == EVENTS, "Bob's other device has his events", 60)
    for i in range(FILES):
        copy = carol.get_file(events[i], photos[i].name, world.path / f"copy{i}")
        expect(sha256(copy) == sha256(photos[i]), f"{photos[i].name} differs")


if __name__ == "__main__":
    from harness import main

    main(wiped)
