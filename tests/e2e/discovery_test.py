"""Several rendezvous as processes: fail-over, edges that move, exchange of the strategy, and what happens when there is none."""

import sys

sys.dont_write_bytecode = True

import time

import harness
from harness import Daemon, World, expect, wait_until

PATIENCE = 120.0  # for what takes seconds on an idle machine


class Place:
    """A registry, two rendezvous and some edges."""

    def __init__(self, world: World, edges: int, **config):
        # Edges are looked at: the registry is not to be promoted before them.
        self.registry = world.daemon("registry", roles=["registry"], **{**config, "network__on_no_rendezvous": "wait"})
        wait_until(lambda: self.registry.get("/v1/network")["id"], "the registry has founded a network")
        self.rendezvous = [self.join(world, name, "rendezvous", **config) for name in ("r1", "r2")]
        first, second = self.rendezvous
        wait_until(lambda: first.status()["device"] in [peer["device"] for peer in second.get("/v1/peers")["peers"]],
                   "the rendezvous know each other", PATIENCE)
        self.edges = [self.join(world, f"e{number}", "edge", **config) for number in range(edges)]
        for edge in self.edges:
            edge.wait_connected(PATIENCE)

    def join(self, world: World, name: str, role: str, **config) -> Daemon:
        made = world.daemon(name, roles=[role], **config)
        made.join(self.registry.invite(role))
        return made

    def at(self, rendezvous: Daemon) -> list[Daemon]:
        device = rendezvous.status()["device"]
        return [edge for edge in self.edges if edge.status()["rendezvous"] == device]


def ctl(daemon: Daemon, *words: str) -> str:
    return daemon.person("nobody").do(*words)


def killed_rendezvous(world: World) -> None:
    """kill -9 of a rendezvous: its edges are on the other one."""
    place = Place(world, 5)
    doomed, other = sorted(place.rendezvous, key=lambda one: -len(place.at(one)))
    orphans = place.at(doomed)
    expect(orphans, "no edge chose either")
    begun = time.monotonic()
    doomed.kill()
    wait_until(lambda: len(place.at(other)) == len(place.edges), "all edges lease from the other one", PATIENCE)
    print(f"       {len(orphans)} edges had another rendezvous after {time.monotonic() - begun:.2f} s (goal G11: 4 s)")


def edges_move(world: World) -> None:
    """A rendezvous that comes back empty is given edges by the other one, and nobody hears that they went."""
    place = Place(world, 4, rendezvous__heartbeat_s=1, discovery__plugin="load_aware",
                  discovery__settings__least_moved=1)
    empty, full = place.rendezvous
    empty.kill()
    wait_until(lambda: len(place.at(full)) == 4, "all edges lease from the one that is left", PATIENCE)
    empty.start()
    wait_until(lambda: place.at(empty), "an edge has moved", 4 * PATIENCE)
    wait_until(lambda: full.get("/v1/net")["moved_away"] >= 1, "the other one has let it go", PATIENCE)
    moved = place.at(empty)[0]
    expect("as it asked" in moved.log.read_text(), "the edge does not say that it moved")
    here = wait_until(lambda: [one for one in moved.get("/v1/net/rendezvous")["rendezvous"] if one["mine"]],
                      "it knows which is its own", PATIENCE)
    expect(here[0]["device"] == empty.status()["device"], f"another one is its own: {here}")
    chart = wait_until(lambda: (text := ctl(moved, "net", "rendezvous")).count(" of ") == 2 and text,
                       "it has heard of both loads", 4 * PATIENCE)
    expect("yes" in chart, f"the chart does not say which is its own:\n{chart}")
    print("       " + chart.replace("\n", "\n       ").rstrip())


def exchanged_strategy(world: World) -> None:
    """Goal G29: the strategy of every daemon is exchanged, again and again; no lease ends; the last one stays after a restart."""
    place = Place(world, 2, rendezvous__heartbeat_s=1)
    leases = {edge.name: edge.status()["rendezvous"] for edge in place.edges}
    names = ("load_aware", "two_choices", "random")
    for number in range(100):
        for daemon in (*place.rendezvous, *place.edges):
            status, body = daemon.api("PUT", "/v1/discovery/strategy", {"name": names[number % 3]})
            expect(status == 200 and body["strategy"] == names[number % 3], f"{daemon.name}: {status} {body}")
    for edge in place.edges:
        expect(edge.status()["rendezvous"] == leases[edge.name], f"{edge.name} leases elsewhere now")
        log = edge.log.read_text()
        expect("lost the rendezvous" not in log, f"{edge.name} lost its lease:\n{log}")
    edge = place.edges[0]
    ctl(edge, "discovery", "use", "load_aware")
    expect("load_aware" in ctl(edge, "net", "status"), "net status does not name the strategy")
    edge.person("nobody").refused("discovery", "use", "no_such", status=harness.EXIT_NOT_FOUND)
    edge.terminate()
    edge.start()
    edge.wait_connected(PATIENCE)
    expect(edge.get("/v1/discovery")["strategy"] == "load_aware", "the choice did not stay")
    edge.terminate()
    edge.config["discovery.plugin"] = "two_choices"
    edge.start()
    expect(edge.get("/v1/discovery")["strategy"] == "two_choices", "a new configuration does not count")


def no_rendezvous(world: World) -> None:
    """network.on_no_rendezvous: with exit the daemon ends (6.7, step 6), with wait it goes on."""
    place = Place(world, 2, rendezvous__heartbeat_s=1, discovery__profile="lan-test")
    leaving, staying = place.edges
    for edge in place.edges:
        edge.terminate()
    for one in place.rendezvous:
        one.kill()
    staying.start()
    leaving.config["network.on_no_rendezvous"] = "exit"
    begun = time.monotonic()
    leaving.launch()
    wait_until(lambda: not leaving.running(), "the edge ends", PATIENCE)
    expect(leaving.process.returncode == 1, f"with status {leaving.process.returncode}:\n{leaving.log_tail()}")
    expect("network.on_no_rendezvous says exit" in leaving.log_tail(), f"it does not say why:\n{leaving.log_tail()}")
    print(f"       it ended after {time.monotonic() - begun:.1f} s")
    wait_until(lambda: "going on trying" in staying.log.read_text(), "the other one says that it waits", PATIENCE)
    place.rendezvous[0].start()
    staying.wait_connected(PATIENCE)


def acting(edges: list[Daemon]) -> list[Daemon]:
    return [edge for edge in edges if edge.get("/v1/net")["acting"]]


def led_by_one(edges: list[Daemon]) -> Daemon | None:
    """The one that acts as rendezvous, where it is one and all the others lease from it."""
    chosen = acting(edges)
    if len(chosen) != 1:
        return None
    device = chosen[0].status()["device"]
    return chosen[0] if all(edge.status()["rendezvous"] == device for edge in edges) else None


def promoted(world: World) -> None:
    """network.on_no_rendezvous = promote: both rendezvous die, an edge becomes one, and is an edge again when one has come back."""
    place = Place(world, 3, rendezvous__heartbeat_s=1, discovery__profile="lan-test", network__on_no_rendezvous="promote")
    alice, bob = (edge.person(name).register() for edge, name in zip(place.edges, ("alice", "bob")))
    begun = time.monotonic()
    for one in place.rendezvous:
        one.kill()
    chosen = wait_until(lambda: led_by_one(place.edges), "one edge acts as rendezvous for all", PATIENCE)
    print(f"       {chosen.name} acts as rendezvous, and all lease from it, after {time.monotonic() - begun:.1f} s")
    expect("acting as rendezvous" in ctl(chosen, "net", "status"), "net status does not say so")
    event = alice.add_event("lecture", "2031-06-02 09:00+60m", ["bob"])
    bob.wait_event(event, PATIENCE, title="lecture")
    begun = time.monotonic()
    place.rendezvous[0].start()
    wait_until(lambda: len(place.at(place.rendezvous[0])) == 3 and not acting(place.edges), "all lease from the real one",
               PATIENCE)
    print(f"       all lease from the real one {time.monotonic() - begun:.1f} s after its start")
    alice.edit_event(event, title="changed")
    bob.wait_event(event, PATIENCE, title="changed")
    for edge in place.edges:
        dropped = edge.get("/v1/net")["dropped_advertisements"]
        expect(dropped["forged"] == dropped["unsigned"] == 0, f"{edge.name} dropped what is good: {dropped}")


def local_network(world: World) -> None:
    """Neither registry nor rendezvous is left: edges that start without any session find each other by multicast, and only by it."""
    place = Place(world, 3, rendezvous__heartbeat_s=1, discovery__profile="lan-test", network__on_no_rendezvous="promote",
                  network__lan_search=False)
    for daemon in (*place.edges, place.registry, *place.rendezvous):
        daemon.kill()
    for edge in place.edges:
        edge.start()
    wait_until(lambda: len(acting(place.edges)) == 3, "without a search each is alone", PATIENCE)
    for edge in place.edges:
        edge.terminate()
        edge.config["network.lan_search"] = True
    begun = time.monotonic()
    for edge in place.edges:
        edge.start()
    if wait_until(lambda: led_by_one(place.edges) or "not searched for in the local network" in place.edges[0].log.read_text(),
                  "they have found each other", PATIENCE) is True:
        raise harness.Skip("this machine allows no multicast on its loopback interface")
    print(f"       one leads all, {time.monotonic() - begun:.1f} s after the first has started")


def objects_survive(world: World) -> None:
    """Who holds a shared event is found by each policy of the resolver, and after a rendezvous was killed."""
    place = Place(world, 3, rendezvous__heartbeat_s=1)
    alice, bob, carol = (edge.person(name).register() for edge, name in zip(place.edges, ("alice", "bob", "carol")))
    event = alice.add_event("review", "2027-03-01 10:00", guests=("bob", "carol"))
    devices = {edge.status()["device"] for edge in place.edges}

    def holders(person) -> set[str]:
        return {one["device"] for one in person.ask("net", "holders", event, "--copies", "5")["answered"]}

    def found_by_all() -> bool:
        return all(holders(person) == devices - {edge.status()["device"]}
                   for person, edge in zip((alice, bob, carol), place.edges))

    for person in (bob, carol):
        person.wait_event(event)
    wait_until(found_by_all, "everybody finds the two others", PATIENCE)
    wait_until(lambda: all(one.get("/v1/net/objects")["kept_entries"] == 3 for one in place.rendezvous),
               "both rendezvous keep the list", PATIENCE)
    expect(len(alice.ask("net", "holders", event, "--copies", "1")["answered"]) == 1, "more answered than were asked")
    doomed, other = sorted(place.rendezvous, key=lambda one: -len(place.at(one)))
    doomed.kill()
    wait_until(lambda: len(place.at(other)) == len(place.edges), "all edges lease from the other one", PATIENCE)
    wait_until(found_by_all, "they are found by the rendezvous that is left", PATIENCE)
    edge = place.edges[0]
    for policy in ("decentralised", "centralised"):
        edge.terminate()
        edge.config["resolver.policy"] = policy
        edge.start()
        edge.wait_connected(PATIENCE)
        expect(edge.get("/v1/net/objects")["resolver"]["policy"] == policy, "the policy is another one")
        wait_until(lambda: holders(alice) == devices - {edge.status()["device"]}, f"found, {policy}", PATIENCE)


def idle_one_retires(world: World) -> None:
    """rendezvous.retires: one of two that are hardly used ends, its edges are on the other one before; the last one stays."""
    place = Place(world, 4, rendezvous__heartbeat_s=1, discovery__profile="lan-test", rendezvous__retires=True)
    wait_until(lambda: not all(one.running() for one in place.rendezvous), "one ends", PATIENCE)
    gone, left = sorted(place.rendezvous, key=lambda one: one.running())
    expect(gone.process.wait(PATIENCE) == 0, f"with status {gone.process.returncode}:\n{gone.log_tail()}")
    expect("the other rendezvous have room for all" in gone.log.read_text(), f"it does not say why:\n{gone.log_tail()}")
    wait_until(lambda: len(place.at(left)) == len(place.edges), "all edges lease from the other one", PATIENCE)
    for edge in place.edges:
        expect("lost the rendezvous" not in edge.log.read_text(), f"{edge.name} lost its lease:\n{edge.log_tail()}")
        wait_until(lambda: edge.get("/v1/net")["reachable"] == "yes", f"{edge.name} was dialled back", PATIENCE)
    expect(left.running(), "the last one ended, too")


def lost_one_is_replaced(world: World) -> None:
    """rendezvous.min and rendezvous.open_command: of two rendezvous one dies, the other asks for a third."""
    asked, script = world.path / "asked", world.path / "open"
    script.write_text(f"#!/bin/sh\necho \"$CALBOX_COUNT\" >> '{asked}'\n")
    script.chmod(0o755)
    place = Place(world, 2, rendezvous__heartbeat_s=1, discovery__profile="lan-test", rendezvous__min=2,
                  rendezvous__open_command=[str(script)])
    # The first one may have asked while it was alone. Whoever went on asking would do so each 4.5 s, which is what a new one has to come.
    def nobody_asks() -> bool:
        asked.unlink(missing_ok=True)
        time.sleep(6)
        return not asked.exists()

    wait_until(nobody_asks, "nobody asks for a third one while both are there", 40)
    doomed, other = place.rendezvous
    begun = time.monotonic()
    doomed.kill()
    wait_until(lambda: asked.exists() and asked.read_text(), "another one is asked for", PATIENCE)
    print(f"       asked for after {time.monotonic() - begun:.1f} s")
    expect(asked.read_text().splitlines()[0] == "1", f"it asks for {asked.read_text()!r}")
    third = place.join(world, "r3", "rendezvous", rendezvous__heartbeat_s=1, discovery__profile="lan-test")
    device = third.status()["device"]
    for edge in place.edges:
        wait_until(lambda: device in [one["device"] for one in edge.get("/v1/net/rendezvous")["rendezvous"]],
                   f"{edge.name} has heard of the new one", PATIENCE)
    other.kill()
    wait_until(lambda: len([edge for edge in place.edges if edge.status()["rendezvous"] == device]) == 2,
               "all lease from the new one", PATIENCE)


if __name__ == "__main__":
    harness.main(killed_rendezvous, edges_move, exchanged_strategy, no_rendezvous, promoted, local_network, lost_one_is_replaced,
                 objects_survive, idle_one_retires)
