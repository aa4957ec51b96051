"""A network changes its consensus strategy while it runs, by calboxctl over real daemons."""

import json
import sys

sys.dont_write_bytecode = True

import harness
from etcd import Cluster
from harness import EXIT_EXISTS, EXIT_DENIED, Daemon, World, expect, wait_until
from hosts import PATIENCE


def now_at(daemon: Daemon) -> tuple[int, int]:
    """Its epoch, and how many of its events an earlier one decides about."""
    found = daemon.get("/v1/network/strategy")
    return found["epoch"], sum(one["events"] for one in found["epochs"] if one["epoch"] < found["epoch"])


def changed(world: World) -> None:
    """views, organizer, views: with a device that is off, one that is killed, and edits all the time."""
    hub = world.hub()
    alice = world.edge("alice", hub).person("alice").register()
    bob = world.edge("bob", hub).person("bob").register()
    carol = world.edge("carol", hub).person("carol").register()
    event = alice.add_event("Lecture", "2031-06-01 10:00+60m", ["bob", "carol"])
    for one in (bob, carol):
        one.wait_event(event, PATIENCE)
    carol.daemon.kill()
    admin = hub.person("admin")
    alice.refused("network", "strategy", "use", "organizer", status=EXIT_DENIED)
    admin.refused("network", "strategy", "use", "views", status=EXIT_EXISTS)
    said = admin.do("network", "strategy", "use", "organizer")
    expect("organizer" in said and "views" in said, said)
    for one in (alice, bob):
        wait_until(lambda one=one: now_at(one.daemon) == (2, 0), f"{one.name} has gone over", PATIENCE)
        lock = one.daemon.get(f"/v1/events/{event}/lock")
        expect(lock["strategy"]["strategy"] == "organizer", f"{lock}")
    bob.edit_event(event, place="Room 2")
    alice.wait_event(event, PATIENCE, place="Room 2")

    carol.daemon.start()
    carol.daemon.wait_connected(PATIENCE)
    carol.wait_event(event, PATIENCE, place="Room 2")
    wait_until(lambda: now_at(carol.daemon)[0] == 2, "carol has learnt of it", PATIENCE)
    carol.edit_event(event, place="Room 3")
    bob.wait_event(event, PATIENCE, place="Room 3")

    bob.daemon.kill()
    admin.do("network", "strategy", "use", "views")
    bob.daemon.start()
    bob.daemon.wait_connected(PATIENCE)
    for one in (alice, bob, carol):
        wait_until(lambda one=one: now_at(one.daemon) == (3, 0), f"{one.name} has gone over", PATIENCE)
    bob.edit_event(event, place="Room 4")
    for one in (alice, carol):
        one.wait_event(event, PATIENCE, place="Room 4", state="confirmed")
    shown = bob.ask("network", "strategy", "show")
    expect([one["strategy"] for one in shown["epochs"]] == ["views", "organizer", "views"], f"{shown}")
    expect(all(one["usable"] for one in shown["epochs"]), f"{shown}")


def to_an_engine(world: World) -> None:
    """views, etcd, views, and etcd again, which still holds what it held; with the author's daemon killed in between."""
    with Cluster(world) as cluster:
        settings = json.dumps({"endpoints": cluster.clients})
        hub = world.hub()
        alice = world.edge("alice", hub).person("alice").register()
        bob = world.edge("bob", hub).person("bob").register()
        event = alice.add_event("Lecture", "2031-06-01 10:00+60m", ["bob"])
        bob.wait_event(event, PATIENCE)
        admin = hub.person("admin")
        epoch = 1
        for strategy in ("etcd", "views", "etcd"):
            epoch += 1
            admin.do("network", "strategy", "use", strategy, *(["--settings", settings] if strategy == "etcd" else []))
            for one in (alice, bob):
                wait_until(lambda one=one: now_at(one.daemon) == (epoch, 0), f"{one.name} has gone over", PATIENCE)
            bob.edit_event(event, place=f"Room {epoch}")
            alice.wait_event(event, PATIENCE, place=f"Room {epoch}", state="confirmed")
            alice.daemon.kill()
            alice.daemon.start()
            alice.daemon.wait_connected(PATIENCE)
            alice.edit_event(event, title=f"Lecture {epoch}")
            bob.wait_event(event, PATIENCE, title=f"Lecture {epoch}", place=f"Room {epoch}")
        cluster.kill(0)
        cluster.kill(1)
        done = bob.ctl("events", "edit", event, "--place", "Nowhere")
        expect(done.returncode != 0 and "etcd" in done.stderr, f"{done.returncode}: {done.stdout} {done.stderr}")


if __name__ == "__main__":
    harness.main(changed, to_an_engine)
