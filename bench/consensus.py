"""What an edit costs, by the consensus strategy: real daemons, real TLS, SQLite with fsync on, everything on loopback.

An edit is a PATCH without a session: its device acquires the right, commits, and answers once the change is decided. Three
parts: one editor alone (three voters: the backup and the devices of two people), eight devices that all edit one event, and eight
that edit many events. In the same run: an fsync in the same file system, and a round trip over our TLS. Prints one JSON document.
`--strategies views etcd` compares two; etcd is three members of Debian's etcd-server that this starts.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import json
import os
import pathlib
import random
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "e2e"))
sys.dont_write_bytecode = True

import harness  # noqa: E402
from etcd import Cluster  # noqa: E402
from event_latency import fsync_times, summary  # noqa: E402

EDITORS = 8
LONGEST_PAUSE_S = 0.05  # of an editor who was refused because another one edits
# What a device refuses because somebody else is at it or was faster, and what it says when it could not find out in time.
MEETS_ANOTHER, UNDECIDED = (409, 412), (503, 504)


class Editor:
    """A person at a device of his own, and a connection to it that stays open."""

    def __init__(self, world: harness.World, hub: harness.Daemon, name: str, config: dict):
        self.name = name
        self.person = world.edge(name, hub, **config).person(name).register()
        self.connection = harness.UnixConnection(self.person.daemon.socket, timeout=60)
        self.chance = random.Random(name)
        self.edits, self.refused, self.undecided = 0, 0, 0

    def ask(self, method: str, path: str, body: dict) -> tuple[int, dict]:
        self.connection.request(method, path, body=json.dumps(body), headers={"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())

    def create(self, number: int, guests: list[str]) -> str:
        day, hour = divmod(number, 24)
        start = f"2031-{day // 28 + 1:02}-{day % 28 + 1:02}T{hour:02}:00:00"
        while True:
            status, event = self.ask("POST", "/v1/events", {"title": "new", "start": start, "participants": guests})
            if status == 201:
                return event["id"]
            # A guest who has just registered may not be known here.
            harness.expect(status in (404, 503), f"{self.name} cannot create: {status} {event}")

    def edit(self, event: str) -> bool:
        """Did it succeed? No, when somebody else is at it, or when there was no answer in time."""
        status, event = self.ask("PATCH", harness.url(event), {"title": f"{self.name} {self.edits} {time.time_ns()}"})
        if status in MEETS_ANOTHER:
            self.refused += 1
            return False
        if status in UNDECIDED:
            self.undecided += 1
            return False
        harness.expect(status == 200, f"{self.name} cannot edit: {status} {event}")
        self.edits += 1
        return True

    def edit_until(self, end: float, choose) -> list[float]:
        """How long each edit of these took, refusals and pauses included. The one that runs at the end is finished."""
        taken = []
        while time.monotonic() < end:
            event, begun = choose(self.chance), time.perf_counter()
            while not self.edit(event):
                time.sleep(self.chance.uniform(0, LONGEST_PAUSE_S))
            taken.append((time.perf_counter() - begun) * 1000)
        return taken


def at_once(editors: list[Editor], work) -> list:
    with concurrent.futures.ThreadPoolExecutor(len(editors)) as pool:
        return list(pool.map(work, editors))


def version(editor: Editor, event: str) -> int:
    return editor.person.event(event)["version"]


def alone(world: harness.World, config: dict, count: int) -> dict:
    hub = world.hub(**config)
    alice, bob = (Editor(world, hub, name, config) for name in ("alice", "bob"))
    event = alice.create(0, ["bob"])
    bob.person.wait_event(event)
    taken = []
    for _ in range(count + 10):
        begun = time.perf_counter()
        harness.expect(alice.edit(event), "an editor who is alone was refused")
        taken.append((time.perf_counter() - begun) * 1000)
    bob.person.wait_event(event, version=version(alice, event))
    return summary(taken[10:])  # the first ones dial


def together(world: harness.World, config: dict, seconds: float, count: int) -> dict:
    """Eight devices: all at one event, with three voters, and then each at any of `count`, of two people and the backup each."""
    hub = world.hub(**config)
    editors = [Editor(world, hub, f"editor{number}", config) for number in range(EDITORS)]
    names = [editor.name for editor in editors]
    found = {}

    def run(choose) -> dict:
        for editor in editors:
            editor.edits = editor.refused = editor.undecided = 0
        begun = time.monotonic()
        taken = at_once(editors, lambda editor: editor.edit_until(begun + seconds, choose(editor)))
        took = time.monotonic() - begun
        edits = [editor.edits for editor in editors]
        return {"edits": sum(edits), "edits_per_s": round(sum(edits) / took, 1), "least_editor": min(edits),
                "most_editor": max(edits), "refused": sum(editor.refused for editor in editors),
                "undecided": sum(editor.undecided for editor in editors),
                "edit": summary([one for each in taken for one in each])}

    one = editors[0].create(0, names[1:])
    for editor in editors:
        editor.person.wait_event(one)
    before = version(editors[0], one)
    found["one_event"] = run(lambda _editor: lambda _chance: one)
    # No edit that was acknowledged overwrote another one.
    least, most = (before + found["one_event"]["edits"] + more for more in (0, found["one_event"]["undecided"]))
    for editor in editors:
        harness.wait_until(lambda: least <= version(editor, one) <= most, f"{editor.name} sees version {least} to {most}")

    mine = {editor.name: [] for editor in editors}
    for events, guest in zip(at_once(editors, lambda editor: [
            editor.create(number, [names[(names.index(editor.name) + 1) % EDITORS]]) for number in range(count // EDITORS)]),
            names[1:] + names[:1]):
        mine[guest] += events
        mine[names[names.index(guest) - 1]] += events
    for editor in editors:
        harness.wait_until(lambda: {event["id"] for event in editor.person.events()} >= set(mine[editor.name]),
                           f"{editor.name} sees all events", 60)
    found["many_events"] = {"events": count // EDITORS * EDITORS, **run(lambda editor: lambda chance: chance.choice(mine[editor.name]))}
    return found


def measure(strategy: str, options) -> dict:
    found = {}
    for name, part in (("alone", lambda world, config: alone(world, config, options.edits)),
                       ("together", lambda world, config: together(world, config, options.seconds, options.events))):
        with harness.World() as world, contextlib.ExitStack() as stack:
            config = {"consensus.plugin": strategy}
            if strategy == "etcd":
                config = stack.enter_context(Cluster(world)).configuration()
            elif strategy == "views" and name == "together":
                config["consensus.settings.view_max"] = options.voters
            found[name] = part(world, config)
            stack.callback(world.stop)  # before the members end
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strategies", nargs="+", default=["views"], choices=["views", "organizer", "etcd"])
    parser.add_argument("--edits", type=int, default=1000, help="of the editor who is alone")
    parser.add_argument("--seconds", type=float, default=20, help="for which eight edit at once")
    parser.add_argument("--events", type=int, default=1000, help="that eight edit")
    parser.add_argument("--voters", type=int, default=3, help="of the event that eight edit by views")
    options = parser.parse_args()
    with harness.World() as world:
        found = {"benchmark": "consensus", "voters": options.voters, "fsync": fsync_times(world.path)}
    found["tls_round_trip"] = json.loads(
        subprocess.run([os.environ["CALBOX_TLS_ROUND_TRIP"]], check=True, capture_output=True, text=True).stdout)
    # Two rounds acquire and one commits; each is there and back, and durable at a voter.
    least = 3 * (found["fsync"]["median_ms"] + found["tls_round_trip"]["median_ms"])
    found["limit_ms"] = round(least, 3)
    for strategy in options.strategies:
        found[strategy] = measure(strategy, options)
        found[strategy]["alone_over_limit"] = round(found[strategy]["alone"]["median_ms"] / least, 2)
    if {"views", "etcd"} <= set(options.strategies):
        found["views_over_etcd"] = round(found["views"]["alone"]["median_ms"] / found["etcd"]["alone"]["median_ms"], 2)
    print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
