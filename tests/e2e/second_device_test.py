"""The same name and password on another device bring back every event and file (R51, R93); strangers get nothing (R97)."""

import contextlib
import os
import pty
import sys

sys.dont_write_bytecode = True

import harness
from harness import EXIT_DENIED, World, expect, sha256, wait_until


def second_device(world: World) -> None:
    hub = world.hub()
    alice = world.edge("laptop", hub).person("alice").register()
    bob = world.edge("bob", hub).person("bob").register()
    notes = world.file("notes.bin", 300_000)
    own = alice.add_event("Dentist", "2031-03-04 09:00+30m")
    shared = alice.add_event("Review", "2031-03-05 10:00+60m", ["bob"], [notes])
    received = bob.add_event("Party", "2031-03-06 20:00+180m", ["alice"])
    alice.wait_event(received)
    alice.remove_event(alice.add_event("A mistake", "2031-03-07 09:00+30m"))
    wait_until(lambda: alice.daemon.status()["outbox"] == 0, "the laptop owes nobody anything")
    alice.daemon.terminate()  # everything must come from the backup and from Bob

    tablet = world.edge("tablet", hub).person("alice", alice.password)
    tablet.login()
    for event in (own, shared, received):
        tablet.wait_event(event)
    expect(tablet.titles() == ["Dentist", "Party", "Review"], f"on the tablet: {tablet.titles()}")
    copy = tablet.get_file(shared, "notes.bin", world.path / "copy.bin")
    expect(sha256(copy) == sha256(notes), "the file differs on the second device")

    # What the second device makes has numbers of its own and reaches the first when that returns.
    fresh = tablet.add_event("From the tablet", "2031-03-08 09:00+30m", ["bob"])
    expect(fresh not in (own, shared, received), f"{fresh} was given twice")
    bob.wait_event(fresh)
    alice.daemon.start()
    alice.wait_event(fresh)

    # Whoever leaves an event on one device has left it on the other.
    tablet.do("events", "leave", received)
    for device in (tablet, alice):
        device.wait_no_event(received)


def wrong_passwords(world: World) -> None:
    hub = world.hub()
    world.edge("alice", hub).person("alice").register()
    other = world.edge("other", hub)
    thief = other.person("alice", "another long password")
    thief.refused("login", "alice", "--password-stdin", stdin=thief.password + "\n", status=EXIT_DENIED)
    thief.refused("login", "alice", "--password-stdin", stdin="\n")
    # A known name with another password: choose another name or try again (R50).
    said = thief.refused("register", "alice", "--password-stdin", stdin=thief.password + "\n")
    expect("another name" in said, f"no advice in: {said}")
    # The answer for a name that nobody has is the same.
    unknown = other.person("nobody", "another long password")
    unknown.refused("login", "nobody", "--password-stdin", stdin=unknown.password + "\n", status=EXIT_DENIED)
    expect(other.get("/v1/session")["users"] == [], "somebody is signed in after refused attempts")
    status, _ = other.api("GET", "/v1/events")
    expect(status == 401, f"events without signing in: {status}")
    other.person("alice", "correct horse battery").login()


def typed_by_a_person(world: World) -> None:
    """`calboxctl login` on a terminal: a name that is new is registered by the same password once more (R47, R49)."""
    alone = world.daemon("alone")

    def login(name: str, *typed: str) -> tuple[int, str]:
        asked, answers = 0, list(typed)
        environment = {**alone.environment(), "NO_COLOR": "1"}
        child, terminal = pty.fork()
        if child == 0:
            os.execve(harness.CALBOXCTL, [harness.CALBOXCTL, "--socket", str(alone.socket), "login", name], environment)
        said = b""
        with contextlib.suppress(OSError):  # how the end of a terminal is told
            while piece := os.read(terminal, 4096):
                said += piece
                if said.count(b": ") > asked and said.endswith(b": ") and answers:
                    asked = said.count(b": ")
                    os.write(terminal, answers.pop(0).encode() + b"\n")
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said.decode()

    status, said = login("alice", "correct horse battery", "another long password")
    expect(status == harness.EXIT_USAGE and "differ" in said, f"two passwords: {status} {said}")
    expect(alone.get("/v1/session")["users"] == [], "a typo made an account")
    status, said = login("alice", "correct horse battery", "correct horse battery")
    expect(status == 0 and "Registered" in said, f"a new name: {status} {said}")
    expect("correct horse" not in said, f"the password was echoed: {said}")
    alone.person("alice").logout()
    status, said = login("alice", "another long password", "another long password")
    expect(status == harness.EXIT_EXISTS and "another name" in said, f"a known name: {status} {said}")
    status, said = login("alice", "correct horse battery")
    expect(status == 0 and "Signed in" in said, f"the right password: {status} {said}")


def password(world: World) -> None:
    """Another password is the one for signing in from then on, and devices that were signed in stay so (R96)."""
    hub = world.hub()
    desk = world.edge("desk", hub).person("alice").register()
    phone = world.edge("phone", hub).person("alice", desk.password).login()
    new = "tundra quilt 7 harbour"
    desk.refused("account", "password", "--password-stdin", stdin=f"not her password\n{new}\n", status=EXIT_DENIED, says="until now")
    desk.refused("account", "password", "--password-stdin", stdin=f"{desk.password}\npassword123\n", says="guess")
    desk.refused("account", "password", "--password-stdin", stdin=f"{desk.password}\n", says="standard input")
    desk.do("account", "password", "--password-stdin", stdin=f"{desk.password}\n{new}\n")
    tablet = world.edge("tablet", hub)
    tablet.person("alice", desk.password).refused("login", "alice", "--password-stdin", stdin=desk.password + "\n", status=EXIT_DENIED)
    tablet.person("alice", new).login()
    for daemon in (hub, phone.daemon):  # what they know is on the disk
        daemon.kill()
        daemon.start()
    event = phone.add_event("Dentist", "2031-03-04 09:00+30m")
    tablet.person("alice").wait_event(event)
    cupboard = world.edge("cupboard", hub)
    cupboard.person("alice", desk.password).refused("login", "alice", "--password-stdin", stdin=desk.password + "\n", status=EXIT_DENIED)
    cupboard.person("alice", new).login()


if __name__ == "__main__":
    harness.main(second_device, wrong_passwords, typed_by_a_person, password)
