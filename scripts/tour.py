"""The tour of ./run: a small network on loopback, and one event with a file from Alice to Bob.

Prints every command as a person would type it, and what it answered. Called by ./run with the programs' paths in CALBOXD,
CALBOXCTL and CALBOX_PLUGINS; stays up until Ctrl-C, unless --once.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import shlex
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "e2e"))
sys.dont_write_bytecode = True

import harness  # noqa: E402

BOLD, DIM, GREEN, PLAIN = ("\033[1m", "\033[2m", "\033[32m", "\033[0m") if sys.stdout.isatty() else ("",) * 4


def say(text: str = "") -> None:
    print(text, flush=True)


def heading(text: str) -> None:
    say(f"\n{BOLD}{text}{PLAIN}")


def show(command: list[str], stdin: str | None, done) -> None:
    """A command as typed, and its output."""
    typed = shlex.join(command)
    if stdin is not None:
        typed = f"printf %s {shlex.quote(stdin.strip())} | {typed}"
    say(f"{GREEN}$ {typed}{PLAIN}")
    for line in (done.stdout + done.stderr).splitlines():
        say(f"  {line}")


def show_typed(typed: str, answer: str = "") -> None:
    say(f"{GREEN}$ {typed}{PLAIN}")
    if answer:
        say(f"  {answer}")


def start(world: harness.World, name: str, roles: list[str]) -> harness.Daemon:
    daemon = world.daemon(name, start=False, roles=roles)
    daemon.write_config()
    show_typed(f"calboxd --config {daemon.config_file} &", f"roles: {', '.join(roles)}")
    daemon.start()
    return daemon


def make_network(world: harness.World):
    heading("A network: one daemon that is registry, rendezvous and backup; Alice's; Bob's")
    hub = start(world, "hub", ["registry", "rendezvous", "backup"])
    harness.wait_until(lambda: hub.get("/v1/network")["id"], "the hub has founded a network")
    operator = hub.person("operator")
    operator.shown = show
    people = []
    for name in ("alice", "bob"):
        edge = start(world, name, ["edge"])
        invitation = operator.do("network", "invite").split()
        link = next((word for word in invitation if word.startswith("calbox://")), "")
        harness.expect(link, "calboxctl network invite printed no calbox:// link")
        person = edge.person(name, f"{name} likes long passwords")
        person.shown = show
        person.do("network", "join", link)
        edge.wait_connected()
        people.append(person)
    return people


def tour(world: harness.World) -> tuple[harness.Person, harness.Person]:
    begun = time.monotonic()
    alice, bob = make_network(world)

    heading("Two people: first use of a name registers it; the password never leaves the device")
    alice.register()
    bob.register()
    alice.ask_friend("bob")
    harness.wait_until(lambda: bob.friend_state("alice") == "asks", "Bob sees Alice's request")
    bob.accept_friend("alice")
    harness.wait_until(lambda: alice.friend_state("bob") == "friend", "Alice sees Bob's answer")

    heading("One event with a file, from Alice to Bob")
    slides = world.file("slides.txt", text="Distributed systems, lecture 1: there is no global clock.\n" * 4000)
    alice.do("events", "add", "DS meeting", "tomorrow 14:00+60m", "--with", "bob", "--place", "Room 2",
             "--file", str(slides))
    mine = harness.wait_until(alice.events, "Alice sees her event")[0]["id"]
    seen = bob.wait_event(mine)
    harness.expect(seen["title"] == "DS meeting", f"Bob sees another title: {seen['title']!r}")
    bob.do("events", "list")

    heading("Bob downloads the file, and it is the same one")
    copy = bob.get_file(mine, "slides.txt", world.path / "bob-slides.txt")
    sent, received = harness.sha256(slides), harness.sha256(copy)
    show_typed(f"sha256sum {slides} {copy}", f"{sent}  {slides}\n  {received}  {copy}")
    harness.expect(sent == received, "the file at Bob differs from Alice's")
    say(f"\n{BOLD}The same bytes at both. The tour took {time.monotonic() - begun:.1f} s.{PLAIN}")
    return alice, bob


def stay(alice: harness.Person, bob: harness.Person, hub: harness.Daemon) -> None:
    heading("The network stays up until Ctrl-C. Try it in another terminal:")
    programs = pathlib.Path(harness.CALBOXCTL).parent
    say(f'  export PATH="{programs}:$PATH"')
    for person in (alice, bob):
        say(f"  calboxctl --socket {person.daemon.socket} watch          # as {person.name}")
    say(f'  calboxctl --socket {bob.daemon.socket} events add "Lunch" "tomorrow 12:00+30m" --with alice')
    for person in (alice, bob):
        page = person.daemon.get("/v1/web")
        if page["built"] and page["address"]:
            say(f"  {page['address']}          # {person.name}'s page in your browser; the password: {person.password}")
        else:
            say(f"  ({person.name} has no page: this build went without npm)")
    say(f"  calboxctl --socket {hub.socket} status          # registry, rendezvous and backup")
    say(f"  curl --unix-socket {alice.daemon.socket} http://calbox/v1/status")
    while all(daemon.running() for daemon in (alice.daemon, bob.daemon, hub)):
        time.sleep(0.2)
    raise harness.Failure("a daemon ended")


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run", description=__doc__.splitlines()[0])
    parser.add_argument("--once", action="store_true", help="end after the tour, with its exit status")
    parser.add_argument("--keep", action="store_true", help="leave the directory with data and logs behind")
    options = parser.parse_args()

    def stop(_signal, _frame):
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    os.umask(0o022)
    try:
        with harness.World(keep=options.keep) as world:
            alice, bob = tour(world)
            if not options.once:
                stay(alice, bob, world.daemons[0])
    except KeyboardInterrupt:
        say("\nstopped; nothing is left behind" if not options.keep else "\nstopped")
        return 130 if options.once else 0
    except AssertionError as problem:
        print(f"run: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
