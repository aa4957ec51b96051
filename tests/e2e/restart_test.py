"""What was acknowledged is there after kill -9; SIGTERM ends cleanly within 5 s; signed-in daemons restart unattended."""

import random
import sys
import threading

sys.dont_write_bytecode = True

import harness
from harness import RELEASE, World, expect, wait_until

KILLS = 1000 if RELEASE else 20


def killed_at_any_moment(world: World) -> None:
    """One daemon alone, killed at random moments while events are made; every acknowledged one is there afterwards."""
    alone = world.daemon("alone")
    alice = alone.person("alice").register()
    chance = random.Random(20140512)
    acknowledged: dict[str, str] = {}
    attempts = 0
    for cycle in range(KILLS):
        timer = threading.Timer(chance.uniform(0.005, 0.4), alone.process.kill)
        timer.start()
        while alone.running():
            attempts += 1
            title = f"event {attempts}"
            try:
                status, event = alone.api("POST", "/v1/events",
                                          {"title": title, "start": "2031-05-03T14:00:00", "zone": "UTC"})
            except (OSError, harness.http.client.HTTPException):
                break  # unanswered: it may have happened or not
            expect(status == 201, f"a new event: {status} {event}")
            expect(event["id"] not in acknowledged, f"{event['id']} was given twice")
            acknowledged[event["id"]] = title
        timer.join()
        alone.kill()
        alone.start()
        held = {event["id"]: event["title"] for event in alice.events()}
        lost = {key: title for key, title in acknowledged.items() if held.get(key) != title}
        expect(not lost, f"kill {cycle + 1} lost {lost}")
        extra = set(held) - set(acknowledged)
        expect(len(extra) <= cycle + 1, f"{len(extra)} events that nobody was told of after {cycle + 1} kills")
        # They were committed unseen, and keep their numbers from now on.
        acknowledged.update({key: held[key] for key in extra})
    expect(len(acknowledged) >= KILLS, f"only {len(acknowledged)} events in {KILLS} kills: this tested little")
    print(f"       {KILLS} kills, {len(acknowledged)} events, none lost")


def ends_within_five_seconds(world: World) -> None:
    hub = world.hub()
    alice = world.edge("alice", hub).person("alice").register()
    bob = world.edge("bob", hub).person("bob").register()
    event = alice.add_event("Before", "2031-05-03 14:00+60m", ["bob"])
    bob.wait_event(event)
    # With a client that watches and a half-sent request open, it must still end.
    watching = harness.UnixConnection(alice.daemon.socket, timeout=10)
    watching.request("GET", "/v1/watch")
    half = harness.socket.socket(harness.socket.AF_UNIX)
    half.connect(str(alice.daemon.socket))
    half.sendall(b"POST /v1/events HTTP/1.1\r\nHost: calbox\r\nContent-Length: 100\r\n\r\n{")
    took = alice.daemon.terminate(5)
    watching.close()
    half.close()
    print(f"       ended in {took:.2f} s")
    alice.daemon.start()
    alice.daemon.wait_connected()
    expect(alice.titles() == ["Before"], f"after a restart: {alice.titles()}")
    after = alice.add_event("After", "2031-05-04 14:00+60m", ["bob"])
    expect(after != event, "an event number was given twice")
    bob.wait_event(after)
    for daemon in (bob.daemon, hub):
        daemon.terminate(5)


def registry_down(world: World) -> None:
    """The registry stands alone and dies; whoever is signed in goes on, also over a restart of his own daemon."""
    registry = world.daemon("registry", roles=["registry"])
    wait_until(lambda: registry.get("/v1/network")["id"], "the registry has founded a network")
    middle = world.daemon("middle", roles=["rendezvous", "backup"])
    middle.join(registry.invite("rendezvous", "backup"))
    alice_edge = world.daemon("alice", roles=["edge"])
    bob_edge = world.daemon("bob", roles=["edge"])
    for edge in (alice_edge, bob_edge):
        edge.join(registry.invite("edge"))
        edge.wait_connected(60)
    alice, bob = alice_edge.person("alice").register(), bob_edge.person("bob").register()
    bob.wait_event(alice.add_event("Registry up", "2031-05-03 14:00+60m", ["bob"]))

    registry.kill()
    bob.wait_event(alice.add_event("Registry down", "2031-05-04 14:00+60m", ["bob"]))
    alice.daemon.terminate()
    alice.daemon.start()
    alice.daemon.wait_connected(60)
    bob.wait_event(alice.add_event("And restarted", "2031-05-05 14:00+60m", ["bob"]))
    expect(alice.titles() == ["And restarted", "Registry down", "Registry up"], f"Alice has {alice.titles()}")
    # Signing in needs the registry, and says so.
    carol = bob_edge.person("carol")
    carol.refused("login", "carol", "--password-stdin", stdin=carol.password + "\n", status=harness.EXIT_UNAVAILABLE)
    expect(alice.daemon.running() and bob.daemon.running(), "a daemon ended with the registry")


def second_daemon_refused(world: World) -> None:
    first = world.daemon("first")
    second = world.daemon("second", start=False, data_dir=first.config["data_dir"])
    second.launch()
    status = second.process.wait(timeout=10)
    expect(status not in (0, -6, -11), f"a second daemon on the same data ended with {status}")
    expect("data" in second.log_tail().lower(), f"no clear sentence:\n{second.log_tail()}")
    expect(first.status()["version"], "the first daemon no longer serves")


if __name__ == "__main__":
    harness.main(killed_at_any_moment, ends_within_five_seconds, registry_down, second_daemon_refused)
