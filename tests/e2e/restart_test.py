"""What was acknowledged is there after kill -9; SIGTERM ends cleanly within 5 s; signed-in daemons restart unattended."""

import json
import random
import statistics
import sys
import threading
import time

sys.dont_write_bytecode = True

import harness
from harness import RELEASE, Person, World, expect, wait_until
from hosts import PATIENCE

KILLS = 1000 if RELEASE else 20
KILLS_IN_COMMITS = 500 if RELEASE else 10


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


def edit_and_kill(author: Person, event: str, title: str, after: float) -> int:
    """Kills the author's daemon so many seconds after it was asked for the edit; its answer, or 0 when it gave none."""
    asking = harness.UnixConnection(author.daemon.socket, timeout=PATIENCE)
    begun = time.perf_counter()
    asking.request("PATCH", harness.url(event), body=json.dumps({"title": title}), headers={"Content-Type": "application/json"})
    while time.perf_counter() < begun + after:  # sleeping is not exact enough
        pass
    author.daemon.kill()
    try:
        answer = asking.getresponse()
        answer.read()
        return answer.status
    except (OSError, harness.http.client.HTTPException):
        return 0
    finally:
        asking.close()


def killed_around_a_commit(world: World) -> None:
    """The author of a shared event is killed while his edit is decided by three voters: it happened everywhere or nowhere, and
    what he was told has happened is there."""
    settings = {"consensus__settings__ttl_ms": 1000}  # a dead holder's lock ends soon
    hub = world.hub(**settings)
    alice = world.edge("alice", hub, **settings).person("alice").register()
    bob = world.edge("bob", hub, **settings).person("bob").register()
    events = [alice.add_event(f"first {number}", f"2031-05-{number + 3:02} 14:00+60m", ["bob"]) for number in range(8)]
    titles = {}
    for event in events:
        titles[event] = bob.wait_event(event, PATIENCE)["title"]
    taken = []
    for number in range(20):
        begun = time.perf_counter()
        status, answer = alice.daemon.api("PATCH", harness.url(events[0]), {"title": f"warm {number}"})
        taken.append(time.perf_counter() - begun)
        expect(status == 200, f"an edit: {status} {answer}")
        titles[events[0]] = f"warm {number}"
    usual = statistics.median(taken)
    bob.wait_event(events[0], PATIENCE, title=titles[events[0]])

    chance = random.Random(20140512)
    fates = {"acknowledged": 0, "happened, and nobody was told": 0, "did not happen": 0}
    acknowledged = []  # event and title

    def same(event: str):
        hers, his = alice.event(event), bob.event(event)
        return his if hers and his and (hers["version"], hers["state"], his["state"]) == (his["version"], "confirmed", "confirmed") else None

    for cycle in range(KILLS_IN_COMMITS):
        event, title = events[cycle % len(events)], f"edit {cycle}"
        status = edit_and_kill(alice, event, title, chance.uniform(0.4 * usual, 1.2 * usual))
        expect(status in (0, 200, 409, 412, 503, 504), f"kill {cycle + 1}: the edit was answered with {status}")
        alice.daemon.start()
        alice.daemon.wait_connected(PATIENCE)
        seen = wait_until(lambda: same(event), f"both see one version of {event} after kill {cycle + 1}", PATIENCE)
        hers = alice.event(event)
        expect((hers["version"], hers["title"]) == (seen["version"], seen["title"]) or hers["version"] > seen["version"],
               f"kill {cycle + 1}: alice has {hers['version']} {hers['title']!r}, bob {seen['version']} {seen['title']!r}")
        expect(seen["title"] in (title, titles[event]), f"kill {cycle + 1}: neither {title!r} nor {titles[event]!r}: {seen}")
        if status == 200:
            expect(seen["title"] == title, f"kill {cycle + 1} lost {title!r}, which was acknowledged: {seen}")
            acknowledged.append((event, title))
        fates["acknowledged" if status == 200 else "happened, and nobody was told" if seen["title"] == title
              else "did not happen"] += 1
        # What was accepted and not decided yet is decided by the next edit, whoever makes it.
        titles[event] = f"settled {cycle}"

        def settled():
            return bob.daemon.api("PATCH", harness.url(event), {"title": titles[event]})[0] == 200

        wait_until(settled, "bob can edit, once the lock has ended", PATIENCE)
        alice.wait_event(event, PATIENCE, title=titles[event])

    for event in events:
        held = [{version["version"]: version["title"] for version in
                 person.daemon.get(harness.url(event, "history"))["versions"] if version["readable"]} for person in (alice, bob)]
        both = held[0].keys() & held[1].keys()
        differ = {version: (held[0][version], held[1][version]) for version in both if held[0][version] != held[1][version]}
        expect(len(both) >= 2 and not differ, f"{event} differs: {differ}")
        lost = [title for of, title in acknowledged if of == event and title not in held[1].values()]
        expect(not lost, f"{event} has lost {lost}")
    print(f"       {KILLS_IN_COMMITS} kills, each {400 * usual:.1f} to {1200 * usual:.1f} ms after the question: "
          + ", ".join(f"{count} {fate}" for fate, count in fates.items()))


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
    harness.main(killed_at_any_moment, killed_around_a_commit, ends_within_five_seconds, registry_down, second_daemon_refused)
