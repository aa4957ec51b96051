"""Real partitions between real processes, in network namespaces; skipped where the machine does not allow them."""

import sys
import time

sys.dont_write_bytecode = True

import harness
from harness import World, delivered_to_backup, expect, wait_until
from hosts import PATIENCE, Hosts, Steps
from netns import Inside, Network

LONG = 150.0  # after a partition: time-outs of requests, retries and retransmissions add up


def two_sides(world: World) -> None:
    """A and B on one side, C and Z on the other, events made on both; after that everybody has everything."""
    steps = Steps()
    with Network(world, right=("r2", "registry", "c", "z")) as network:
        on = Hosts(world, steps, Inside)
        a, b, c = on.people
        left, right = on.rendezvous
        by_a = a.add_event("By Alice", "2031-05-03 10:00+60m", ["bob", "carol"])
        by_c = c.add_event("By Carol", "2031-05-03 12:00+60m", ["alice", "bob"])
        for person in on.people:
            person.wait_event(by_a, PATIENCE)
            person.wait_event(by_c, PATIENCE)

        with steps.shows("parted: each side finds its own rendezvous", "R106 R195"):
            network.part()
            on.wait_at(left, [a.daemon, b.daemon])
            on.wait_at(right, [c.daemon, on.z])
            # Whoever changed his rendezvous asks everybody who is said to be online, and gives up those who are silent.
            for person in on.people:
                wait_until(lambda person=person: person.daemon.status()["caught_up"], f"{person.name} has caught up", PATIENCE)
        with steps.shows("events are made and changed on both sides", "R106 R26"):
            fresh_left = a.add_event("Left", "2031-05-04 10:00+60m", ["bob", "carol"])
            a.edit_event(by_a, place="Left")
            b.wait_event(fresh_left, PATIENCE)
            b.wait_event(by_a, PATIENCE, place="Left")
            fresh_right = c.add_event("Right", "2031-05-04 12:00+60m", ["alice", "bob"])
            c.edit_event(by_c, place="Right")
            wait_until(lambda: delivered_to_backup(c.event(fresh_right)), "Z has stored it", PATIENCE)
            expect(c.event(fresh_left) is None and a.event(fresh_right) is None, "this was no partition")
        with steps.shows("healed: A, B, C and Z have everything of both sides", "R106 R101 R104"):
            network.heal()
            for person in on.people:
                person.wait_event(fresh_left, LONG, title="Left")
                person.wait_event(fresh_right, LONG, title="Right")
                person.wait_event(by_a, LONG, place="Left")
                person.wait_event(by_c, LONG, place="Right")
                expect(person.titles() == ["By Alice", "By Carol", "Left", "Right"], f"{person.name}: {person.titles()}")
            for event in (fresh_left, by_a):
                wait_until(lambda event=event: delivered_to_backup(a.event(event)), f"Z has {event}", LONG)
    steps.end()


def silent_rendezvous(world: World) -> None:
    """R1's link goes down: no connection ends, nobody answers. Its edges find out by themselves."""
    steps = Steps()
    with Network(world) as network:
        on = Hosts(world, steps, Inside)
        a, b, c = on.people
        event = a.add_event("Before", "2031-05-03 10:00+60m", ["bob", "carol"])
        for guest in (b, c):
            guest.wait_event(event, PATIENCE)
        moving = [edge for edge in on.edges() if on.lessor(edge) is on.r1]
        with steps.shows(f"R1 falls silent; {len(moving)} of its edges move to R2", "R175 R176 R177 R195"):
            begun = time.monotonic()
            network.unplug(on.r1.name)
            on.wait_at(on.r2, moving)
            steps.note(f"all moved {time.monotonic() - begun:.1f} s after the link went down (heartbeat 1 s)")
        with steps.shows("A, B and C go on", "R195"):
            on.operations(a, c, "After the silence")
            on.operations(b, a, "And again")
        with steps.shows("R1's link is up again: a newcomer is taken in, at whichever rendezvous", "R195"):
            network.plug_in(on.r1.name)
            newcomer = on.newcomer()
            newcomer.wait_connected(PATIENCE)
            dave = newcomer.person("dave").register()
            on.wait_online(a, ["dave"])
            dave.wait_event(a.add_event("Welcome", "2031-05-05 10:00+60m", ["dave"]), LONG)
    steps.end()


def asymmetric_path(world: World) -> None:
    """What A sends to B is lost, so that no connection between them comes about; both reach the rendezvous, which relays."""
    steps = Steps()
    with Network(world) as network:
        on = Hosts(world, steps, Inside)
        a, b, _ = on.people
        on.z.kill()  # so that files have no other way either
        for person in (a, b):
            person.daemon.terminate()
        network.block("a", "b")
        for person in (a, b):
            on.again(person)
        file = world.file("relayed.bin", 200_000)
        with steps.shows("A shares an event and a file with B through the relay", "R39 R126 R124"):
            event = a.add_event("Around", "2031-05-03 10:00+60m", ["bob"])
            b.wait_event(event, LONG)
            a.add_file(event, file)
            on.same_file(b, event, file)
        with steps.shows("B changes it; A has the change", "R39 R25"):
            b.edit_event(event, place="Room 8")
            a.wait_event(event, LONG, place="Room 8")
        ways = [peer["relayed"] for peer in a.daemon.get("/v1/peers")["peers"] if "bob" in peer["users"]]
        expect(ways == [True], f"A's way to B is relayed: {ways}")
    steps.end()


if __name__ == "__main__":
    harness.main(two_sides, silent_rendezvous, asymmetric_path)
