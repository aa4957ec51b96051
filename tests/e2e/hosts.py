"""The hosts of section 6 of the report as processes, and steps that print what they show.

The report counts R1, R2, Z, A, B and C; the registry is a seventh process, because the report keeps it apart (R186) and the plan
kills both rendezvous. Heartbeats are short; nothing else of the daemons is set differently from a real network.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
import time

import harness
from harness import Daemon, Failure, Person, World, expect, sha256, wait_until

HEARTBEAT_S = 1
PATIENCE = 60.0  # for what is quick on an idle machine


class Steps:
    """Prints each step with the requirements that it shows, and how long it took."""

    def __init__(self) -> None:
        self.begun = time.monotonic()

    def title(self, text: str) -> None:
        print(f"       {text}", flush=True)

    def note(self, text: str) -> None:
        print(f"                 {text}", flush=True)

    @contextlib.contextmanager
    def shows(self, text: str, numbers: str):
        begun = time.monotonic()
        try:
            yield
        except BaseException:
            print(f"         FAILED  {text} [{numbers}]", flush=True)
            raise
        print(f"         ok      {text} [{numbers}] {time.monotonic() - begun:.1f} s", flush=True)

    def end(self) -> None:
        print(f"       {time.monotonic() - self.begun:.1f} s", flush=True)


class Hosts:
    """Registry, R1, R2, Z, A, B and C, each a process. R1 is the rendezvous that A uses, so that killing it means something."""

    def __init__(self, world: World, steps: Steps, kind: type = Daemon):
        self.world, self.steps, self.kind = world, steps, kind
        self.newcomers = 0
        with steps.shows("registry, R1, R2 and Z start before the peers; A, B and C join and register", "R193 R200 R208 R186"):
            self.registry = world.daemon("registry", kind=kind, roles=["registry"])
            wait_until(lambda: self.registry.get("/v1/network")["id"], "the registry has founded a network")
            self.rendezvous = [self.join(name, "rendezvous", rendezvous__heartbeat_s=HEARTBEAT_S) for name in ("r1", "r2")]
            first, second = self.rendezvous
            wait_until(lambda: first.status()["device"] in [peer["device"] for peer in second.get("/v1/peers")["peers"]],
                       "the rendezvous know each other", PATIENCE)
            self.z = self.join("z", "backup")
            self.z.wait_connected(PATIENCE)
            self.a, self.b, self.c = (self.person(host, name) for host, name in
                                      (("a", "alice"), ("b", "bob"), ("c", "carol")))
            self.people = [self.a, self.b, self.c]
            self.call_r1(self.lessor(self.a.daemon))
        with steps.shows("each of A, B and C sees that the others are online, whichever rendezvous they lease from",
                         "R36 R38 R61 R152"):
            for person in self.people:
                self.wait_online(person, [other.name for other in self.people if other is not person])
        steps.note(f"leases, chosen by chance: {', '.join(map(self.load, self.rendezvous))} (the registry's and their own "
                   f"included); R1 is {self.r1.name}, where A leases")

    def join(self, name: str, *roles: str, **config) -> Daemon:
        made = self.world.daemon(name, kind=self.kind, roles=list(roles), **config)
        made.join(self.registry.invite(*roles))
        return made

    def person(self, host: str, name: str) -> Person:
        edge = self.join(host, "edge")
        edge.wait_connected(PATIENCE)
        return edge.person(name).register()

    def load(self, rendezvous: Daemon) -> str:
        return f"{rendezvous.name} has {rendezvous.status()['edges']}"

    def lessor(self, edge: Daemon) -> Daemon | None:
        """The rendezvous that holds the edge's lease, among those that run."""
        device = edge.status()["rendezvous"]
        return next((one for one in self.rendezvous if one.running() and one.status()["device"] == device), None)

    def call_r1(self, first: Daemon) -> None:
        self.r1 = first
        self.r2 = next(one for one in self.rendezvous if one is not first)

    def edges(self) -> list[Daemon]:
        return [one for one in (self.z, *(person.daemon for person in self.people)) if one.running()]

    def wait_at(self, rendezvous: Daemon, edges: list[Daemon], seconds: float = PATIENCE) -> None:
        """Until all of them lease there."""
        device = rendezvous.status()["device"]
        for edge in edges:
            wait_until(lambda: (edge.status()["state"], edge.status()["rendezvous"]) == ("connected", device),
                       f"{edge.name} leases from {rendezvous.name}", seconds)

    def wait_online(self, person: Person, others: list[str]) -> None:
        """Until that person sees them online. Who shares with somebody sooner does not know yet where to deliver."""
        wait_until(lambda: set(others) <= {user["name"] for user in person.daemon.get("/v1/users", user=person.name)["users"]
                                           if user["online"]}, f"{person.name} sees {', '.join(others)} online", PATIENCE)

    def again(self, person: Person) -> None:
        """Starts the host of somebody again, on its data: no password, no registry is needed."""
        person.daemon.start()
        person.daemon.wait_connected(PATIENCE)

    def caught_up(self, person: Person) -> dict:
        """What recovery gave this host since its start, once an exchange has ended and nothing is behind."""
        def done():
            status = person.daemon.status()
            return status["recovery"] if status["caught_up"] and status["recovery"]["exchanges"] > 0 else None

        return wait_until(done, f"{person.daemon.name} has caught up", PATIENCE)

    def newcomer(self) -> Daemon:
        """A host that has never been there before; the registry lets it join."""
        self.newcomers += 1
        return self.join(f"new{self.newcomers}", "edge")

    def same_file(self, person: Person, event: str, file: pathlib.Path, name: str = "") -> None:
        """Fetches the file as that person and compares hashes."""
        name = name or file.name
        wait_until(lambda: name in [one["name"] for one in (person.event(event) or {"files": []})["files"]],
                   f"{person.name} sees the file {name} at {event}", PATIENCE)
        copy = self.world.path / f"{person.name} {time.monotonic_ns()} {name}"
        person.get_file(event, name, copy)
        expect(sha256(copy) == sha256(file), f"{name} differs at {person.name}")

    def operations(self, author: Person, guest: Person, title: str) -> None:
        """Files move, events are made, changed by both and deleted: "normal operations" in the words of the plan."""
        file = self.world.file(f"{title}.bin", 150_000)
        event = author.add_event(title, "2031-06-02 09:00+60m", [guest.name], [file])
        self.same_file(guest, event, file)
        guest.edit_event(event, place="Room 9")
        author.wait_event(event, PATIENCE, place="Room 9")
        author.edit_event(event, title=f"{title}, changed")
        guest.wait_event(event, PATIENCE, title=f"{title}, changed")
        author.remove_event(event)
        guest.wait_no_event(event, PATIENCE)


def holds_in_the_clear(daemon: Daemon, words: list[bytes]) -> list[str]:
    """Files of that daemon in which one of the words can be read."""
    return [str(path.relative_to(daemon.home)) for path in sorted(daemon.home.rglob("*"))
            if path.is_file() and any(word in path.read_bytes() for word in words)]


class EditorSession:
    """Somebody has an event open in an editor, by `calboxctl events edit`. At the end he gives `title` to the event, or gives up."""

    def __init__(self, world: World, person: Person, event: str, title: str | None = None, *options: str):
        self.opened = world.path / f"opened {time.monotonic_ns()}"
        self.close = world.path / f"close {time.monotonic_ns()}"
        script = world.path / f"slow-editor-{time.monotonic_ns()}"
        script.write_text(f"#!/bin/sh\n: > '{self.opened}'\nwhile [ ! -e '{self.close}' ]; do sleep 0.05; done\n"
                          + (f"sed -i 's/^title: .*/title: {title}/' \"$1\"\n" if title else "exit 1\n"))
        script.chmod(0o755)
        self.terminal, inner = os.openpty()  # an editor is opened on a terminal only
        self.process = subprocess.Popen(
            [harness.CALBOXCTL, "--socket", str(person.daemon.socket), "events", "edit", event, *options],
            env={**person.daemon.environment(), "VISUAL": str(script), "TZ": "UTC"}, stdin=inner, stdout=inner, stderr=inner,
            cwd=person.daemon.home)
        os.close(inner)

    def __enter__(self) -> "EditorSession":
        try:
            wait_until(lambda: self.opened.exists(), "the editor is open", PATIENCE)
        except Failure:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_ending) -> None:
        self.close.touch()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.terminal)


def keep_others_out(world: World, editor: Person, others: list[Person], event: str) -> None:
    """While one has the event open in his editor, the others see that, and cannot change or delete it."""
    with EditorSession(world, editor, event):
        for other in others:
            other.wait_event(event, PATIENCE, state="locked", locked_by=editor.name)
            other.refused("events", "edit", event, "--place", "Elsewhere", status=harness.EXIT_EXISTS)
            other.refused("events", "rm", event, status=harness.EXIT_EXISTS)
    for other in others:
        other.wait_event(event, PATIENCE, state="confirmed")
