"""Two daemons with a bad network between them: delay, stalls, resets, silence and half-open connections (chaos_proxy.py).

Nothing here asserts how long something takes on a bad line; it is printed.
"""

import sys
import time

sys.dont_write_bytecode = True

import harness
from chaos_proxy import Proxy, Weather
from harness import Daemon, Person, World, delivered_to_backup, expect, has_heard_the_decision, sha256, wait_until

LONG = 120.0


def behind(proxy: Proxy, world: World, name: str, **config) -> Daemon:
    """A daemon that others are told to reach through the proxy."""
    made = world.daemon(name, **config)
    address = made.addresses()[0]
    made.terminate()  # it keeps its port
    made.config["advertise"] = [proxy.way_to(address)]
    return made.start()


def member(edge: Daemon, hub: Daemon, name: str) -> Person:
    edge.join(hub.invite("edge"))
    edge.wait_connected(LONG)
    return edge.person(name).register()


def wait_online(person: Person, other: Person) -> None:
    """Until the one sees the other online, and so knows where to deliver."""
    wait_until(lambda: other.name in [user["name"] for user in person.daemon.get("/v1/users")["users"] if user["online"]],
               f"{person.name} sees {other.name} online", LONG)


def pair(world: World, proxy: Proxy) -> tuple[Person, Person]:
    """Alice and Bob, who reach each other through the proxy only. There is no backup that could help with files."""
    hub = world.daemon("hub", roles=["registry", "rendezvous"])
    wait_until(lambda: hub.get("/v1/network")["id"], "the hub has founded a network")
    alice, bob = (member(behind(proxy, world, name, roles=["edge"], reach="direct_only"), hub, name)
                  for name in ("alice", "bob"))
    wait_online(alice, bob)
    wait_online(bob, alice)
    return alice, bob


def report(what: str, begun: float, proxy: Proxy) -> None:
    print(f"       {what}: {time.monotonic() - begun:.2f} s; {proxy.connections} connections, {proxy.carried} bytes, "
          f"{proxy.stalls} stalls, {proxy.resets} resets so far", flush=True)


def slow_and_stalling(world: World) -> None:
    """100 ms +/- 20 ms one way, 4 MB/s, and about once a second nothing for 0.4 s; then silence for a while."""
    weather = Weather(delay_ms=100, jitter_ms=20, bytes_per_s=4e6, stall_every_s=1, stall_s=0.4)
    with Proxy(weather, seed=7) as proxy:
        alice, bob = pair(world, proxy)
        begun = time.monotonic()
        event = alice.add_event("Far away", "2031-05-03 10:00+60m", ["bob"])
        bob.wait_event(event, LONG)
        report("an event to somebody never met", begun, proxy)
        begun = time.monotonic()
        bob.edit_event(event, place="Porto")
        alice.wait_event(event, LONG, place="Porto")
        report("an edit back", begun, proxy)

        file, before = world.file("photo.bin", 1_500_000), proxy.carried
        alice.add_file(event, file)
        wait_until(lambda: bob.event(event)["files"], "Bob sees the file", LONG)
        begun = time.monotonic()
        copy = bob.get_file(event, "photo.bin", world.path / "copy.bin")
        expect(sha256(copy) == sha256(file), "the file differs at Bob")
        report("1.5 MB", begun, proxy)
        expect(proxy.carried - before > 1_500_000, "the file came another way than through the proxy")
        expect(proxy.stalls > 0, "nothing ever stalled")

        begun = time.monotonic()
        proxy.silence()
        alice.edit_event(event, place="Nowhere")
        time.sleep(2)  # part of the weather: nothing gets through for two seconds
        expect(bob.event(event)["place"] == "Porto", "an edit came through a silent line")
        proxy.speak()
        bob.wait_event(event, LONG, place="Nowhere")
        report("an edit over 2 s of silence", begun, proxy)


def resets(world: World) -> None:
    """Every connection is reset after 300 to 700 kB: events arrive, and a file that fits into none is resumed until it is whole."""
    size = 3_000_000
    with Proxy(Weather(delay_ms=10, jitter_ms=5, reset_after=(300_000, 700_000)), seed=11) as proxy:
        alice, bob = pair(world, proxy)
        file = world.file("movie.bin", size)
        begun = time.monotonic()
        event = alice.add_event("Movie night", "2031-05-03 20:00+60m", ["bob"], [file])
        wait_until(lambda: (bob.event(event) or {"files": []})["files"], "Bob sees the event with its file", LONG)
        before, copy, tries = proxy.carried, world.path / "copy.bin", 0
        while not copy.exists():
            tries += 1
            expect(tries <= 60, "60 tries, and the file is still not whole")
            done = bob.ctl("files", "get", event, "movie.bin", "--output", str(copy), timeout=LONG)
            expect(done.returncode == 0 or done.stderr.strip(), f"a get that failed without a sentence: {done.returncode}")
        expect(sha256(copy) == sha256(file), "the file differs at Bob")
        report(f"3 MB in {tries} tries, {(proxy.carried - before) / size:.1f} times its size on the line", begun, proxy)
        expect(proxy.resets >= 4, f"only {proxy.resets} resets: it cannot have come through the proxy")

        # Events, while the line breaks again and again.
        begun = time.monotonic()
        made = []
        for number in range(6):
            made.append(alice.add_event(f"Night {number}", f"2031-06-0{number + 1} 20:00+60m", ["bob"]))
            if number % 3 == 1:
                proxy.reset_all()
        for event in made:
            bob.wait_event(event, LONG)
        expect(len(bob.titles()) == 7, f"Bob has {bob.titles()}")
        report("6 events and 2 resets", begun, proxy)


def half_open(world: World) -> None:
    """Bob's ends of the connections are gone and Alice is not told: both sides' edits arrive all the same."""
    with Proxy(Weather(delay_ms=20)) as proxy:
        alice, bob = pair(world, proxy)
        event = alice.add_event("Half", "2031-05-03 10:00+60m", ["bob"])
        bob.wait_event(event, LONG)
        time.sleep(3)  # a younger session is taken for one that both sides dialled at once, and is kept for longer
        proxy.half_open()
        begun = time.monotonic()
        fresh = alice.add_event("Into the void", "2031-05-04 10:00+60m", ["bob"])
        other = bob.add_event("From the other side", "2031-05-05 10:00+60m", ["alice"])
        alice.wait_event(other, LONG)
        report("from the side that knows", begun, proxy)
        bob.wait_event(fresh, LONG)
        report("from the side that does not", begun, proxy)


def far_rendezvous(world: World) -> None:
    """The rendezvous is 60 ms away. Who comes back waits to hear who is online, and then asks friends before the backup."""
    with Proxy(Weather(delay_ms=60)) as proxy:
        hub = behind(proxy, world, "hub", roles=["registry", "rendezvous"])
        backup = world.daemon("backup", roles=["backup"])
        backup.join(hub.invite("backup"))
        backup.wait_connected(LONG)
        alice, bob, carol = (member(world.daemon(name, roles=["edge"]), hub, name) for name in ("alice", "bob", "carol"))
        wait_online(alice, bob)
        wait_online(alice, carol)
        event = alice.add_event("Far", "2031-05-03 10:00+60m", ["bob", "carol"])
        carol.wait_event(event, LONG)
        # Else she asks the other voters when she is back, and may have the edit from them before she asks for what she missed.
        wait_until(lambda: has_heard_the_decision(carol, event), "Carol has heard that the event is decided", LONG)
        carol.daemon.kill()
        alice.edit_event(event, place="Near")
        bob.wait_event(event, LONG, place="Near")
        wait_until(lambda: delivered_to_backup(alice.event(event)), "the backup has stored it", LONG)
        alice.daemon.kill()
        begun = time.monotonic()
        carol.daemon.start()
        carol.wait_event(event, LONG, place="Near")
        report("Carol is back", begun, proxy)
        recovery = wait_until(lambda: carol.daemon.status()["caught_up"] and carol.daemon.status()["recovery"], "it is over", LONG)
        expect(recovery["friends"]["envelopes"] >= 1, f"Bob gave nothing: {recovery}")
        expect(recovery["backups"]["envelopes"] == 0, f"the backup gave what Bob has: {recovery}")


if __name__ == "__main__":
    harness.main(slow_and_stalling, resets, half_open, far_rendezvous)
