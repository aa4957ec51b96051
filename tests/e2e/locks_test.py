"""Locks for people, by calboxctl over real daemons (R148, R178-R182, R199)."""

import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True

import harness
from harness import EXIT_EXISTS, EXIT_NOT_FOUND, Person, World, expect
from hosts import PATIENCE, EditorSession


def two_people(world: World) -> tuple[Person, Person, str]:
    hub = world.hub()
    alice = world.edge("alice", hub).person("alice").register()
    bob = world.edge("bob", hub).person("bob").register()
    event = alice.add_event("Lecture", "2031-06-01 10:00+60m", ["bob"])
    bob.wait_event(event)
    return alice, bob, event


def said_by(session: EditorSession) -> str:
    """What calboxctl has written on its terminal, once it has ended."""
    text = b""
    try:
        while piece := os.read(session.terminal, 65536):
            text += piece
    except OSError:
        pass  # the other end is closed
    return text.decode().replace("\r\n", "\n")


def client_is_killed(world: World) -> None:
    """The lock lives as long as the client's connection: no editor that was killed keeps others out."""
    alice, bob, event = two_people(world)
    with EditorSession(world, alice, event) as session:
        bob.wait_event(event, PATIENCE, state="locked", locked_by="alice")
        bob.refused("events", "edit", event, "--place", "Elsewhere", status=EXIT_EXISTS)
        session.process.kill()
        session.process.wait()
        # The editor itself is still open: it must not keep the connection.
        bob.wait_event(event, PATIENCE, state="confirmed")
        bob.edit_event(event, place="Room 9")
        alice.wait_event(event, PATIENCE, place="Room 9")


def by_commands(world: World) -> None:
    alice, bob, event = two_people(world)
    expect("nobody is editing" in bob.do("lock", "show", event), "a free event is shown otherwise")
    bob.refused("lock", "release", event, status=EXIT_NOT_FOUND)
    with EditorSession(world, alice, event, title="By hand") as session:
        bob.wait_event(event, PATIENCE, state="locked", locked_by="alice")
        for words in (("lock", "show", event), ("events", "show", event)):
            text = bob.do(*words)
            expect("alice is editing since" in text and "on device 1" in text, f"{words}: {text}")
        found = json.loads(bob.do("--json", "lock", "show", event))
        expect((found["state"], found["lock"]["by"], found["lock"]["device"]) == ("locked", "alice", 1), f"{found}")
        waiting = subprocess.Popen([harness.CALBOXCTL, "--socket", str(bob.daemon.socket), "lock", "wait", event],
                                   env=bob.daemon.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        refusal = bob.refused("events", "rm", event, status=EXIT_EXISTS)
        for part in ("alice is editing since", "on device 1", "at most"):
            expect(part in refusal, f"the refusal does not say {part!r}: {refusal}")
        expect(waiting.poll() is None, f"lock wait has ended while alice edits: {waiting.stdout}")
        # She gives the lock up, and saves all the same, since nobody was faster.
        alice.do("lock", "release", event)
        expect(waiting.wait(timeout=PATIENCE) == 0, "lock wait has failed")
        waiting.stdout.close()
        session.close.touch()
        expect(session.process.wait(timeout=PATIENCE) == 0, f"not saved: {said_by(session)}")
    bob.wait_event(event, PATIENCE, title="By hand", state="confirmed")


def both_texts(world: World) -> None:
    """Whoever lost the lock to somebody who changed the event keeps his text, and is told where."""
    alice, bob, event = two_people(world)
    with EditorSession(world, alice, event, title="Mine") as session:
        bob.wait_event(event, PATIENCE, state="locked")
        alice.do("lock", "release", event)
        bob.wait_event(event, PATIENCE, state="confirmed")
        bob.edit_event(event, title="Theirs")
        alice.wait_event(event, PATIENCE, title="Theirs")
        session.close.touch()
        expect(session.process.wait(timeout=PATIENCE) == EXIT_EXISTS, "a lost update")
        said = said_by(session)
    expect("title: Theirs" in said, f"the event as it is now is not shown: {said}")
    at = said.find("your text is in ")
    expect(at >= 0, f"it is not said where the text is: {said}")
    path = said[at + len("your text is in "):].split()[0].rstrip(";,.")
    with open(path, encoding="utf-8") as kept:
        expect("title: Mine\n" in kept.read(), f"{path} has another text")
    os.unlink(path)
    expect(bob.event(event)["title"] == "Theirs", "it was saved")


if __name__ == "__main__":
    harness.main(client_is_killed, by_commands, both_texts)
