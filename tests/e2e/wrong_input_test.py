"""Wrong input, by people and by strangers on every socket: a clear error each, no crash, nothing half done."""

import contextlib
import os
import pathlib
import random
import re
import resource
import socket
import ssl
import subprocess
import sys
import threading

sys.dont_write_bytecode = True

import harness
from harness import (EXIT_DENIED, EXIT_EXISTS, EXIT_NO_DAEMON, EXIT_NOT_FOUND, EXIT_UNAVAILABLE, EXIT_USAGE, Daemon,
                     World, expect, sha256, wait_until)


def by_commands(world: World) -> None:
    hub = world.hub()
    alice = world.edge("alice", hub).person("alice")
    alice.refused("register", "Not A Name", "--password-stdin", stdin="a long password\n")
    alice.refused("register", "alice", "--password-stdin", stdin="\n")
    said = alice.refused("register", "alice", "--password-stdin", stdin="alice12345\n")
    expect("easy to guess" in said, f"a weak password: {said}")
    alice.register()
    kept = alice.add_event("Kept", "2031-08-01 10:00+60m")

    for title, when in (
        ("x", "31 February"), ("x", "2031-02-30 10:00"), ("x", "2031-13-01 10:00"), ("x", "tomorrow 25:00"),
        ("x", "2031-08-01 14:00 - 13:00"), ("x", "2031-08-02 - 2031-08-01"),
        ("x", "2031-08-01 10:60"), ("x", "whenever"), ("x", ""), ("x", "2031-08-01 10:00+-5m"),
        ("x", "99999-01-01 10:00"), ("", "tomorrow 10:00"), ("a\nb", "tomorrow 10:00"), ("t" * 256, "tomorrow 10:00"),
    ):
        alice.refused("events", "add", title, when, status=EXIT_USAGE)
    alice.refused("events", "add", "x", "tomorrow 10:00", "--with", "nobody-here")
    alice.refused("events", "add", "x", "tomorrow 10:00", "--with", "../../etc/passwd")
    alice.refused("events", "add", "x", "tomorrow 10:00", "--file", str(world.path / "not there"))
    alice.refused("events", "add", "x", "tomorrow 10:00", "--file", str(world.path))
    alice.refused("events", "show", "alice/9.9", status=EXIT_NOT_FOUND)
    alice.refused("events", "show", "not an id")
    alice.refused("events", "edit", kept, "--end", "2031-07-31T10:00:00", status=EXIT_USAGE)
    alice.refused("events", "rm", "bob/1.1")
    alice.refused("files", "add", kept, str(world.path / "not there"))
    alice.refused("files", "get", kept, "none.txt", "--output", str(world.path / "out"), status=EXIT_NOT_FOUND)
    expect(not (world.path / "out").exists(), "a refused download left a file")
    alice.refused("friends", "add", "nobody-here", status=EXIT_NOT_FOUND)
    alice.refused("friends", "add", "alice")
    alice.refused("network", "join", "calbox://join/garbage")
    alice.refused("network", "create", status=EXIT_EXISTS)
    another_network(world, hub)
    alice.refused("no-such-command", status=EXIT_USAGE)
    alice.refused("events", "list", "--no-such-option", status=EXIT_USAGE)

    # A title that is too long for a command line goes over the API.
    event = {"title": "t" * (10 << 20), "start": "2031-08-02T10:00:00", "zone": "UTC"}
    with contextlib.suppress(ConnectionError, BrokenPipeError):  # it may close before all is sent
        status, _ = alice.daemon.api("POST", "/v1/events", event)
        expect(status == 413, f"a title of 10 MB: {status}")
    same = world.file("same.txt", text="one")
    alice.add_file(kept, same)
    alice.refused("files", "add", kept, str(same), status=EXIT_EXISTS)
    expect(alice.titles() == ["Kept"], f"refused commands left events: {alice.titles()}")

    nobody = alice.daemon.person("alice")
    nobody.daemon.terminate()
    done = nobody.ctl("events", "list")
    expect(done.returncode == EXIT_NO_DAEMON and done.stderr.strip(), f"no daemon: {done.returncode} {done.stderr}")


def another_network(world: World, hub: Daemon) -> None:
    """Who answers at the invitation's address must be the network that it names."""
    stranger = world.daemon("stranger", roles=["edge"]).person("alice")
    invitation = hub.invite("edge")
    found = re.search("network=([0-9a-f]+)", invitation).group(1)
    other = invitation.replace(found, found[:-1] + ("0" if found[-1] != "0" else "1"))
    stranger.refused("network", "join", other)
    expect(stranger.daemon.get("/v1/network")["id"] == "", "it joined a network that it was not invited to")
    stranger.refused("register", "carol", "--password-stdin", stdin="another long password\n", status=EXIT_UNAVAILABLE)
    stranger.refused("network", "create", status=EXIT_DENIED, says="role registry")
    stranger.do("network", "join", invitation)


def founded_when_told(world: World) -> None:
    """With network.found = false a registry waits for `network create`."""
    hub = world.daemon("hub", roles=["registry", "rendezvous", "backup"], network__found=False)
    operator = hub.person("operator")
    operator.refused("network", "invite")
    hub.terminate()
    hub.start()
    expect(operator.ask("network", "show")["id"] == "", "it founded a network unasked")
    made = operator.ask("network", "create")
    expect(made["id"] and made["founded_here"], f"network create: {made}")
    operator.refused("network", "create", status=EXIT_EXISTS)
    world.edge("alice", hub).person("alice").register()
    hub.terminate()
    hub.start()
    expect(operator.ask("network", "show")["id"] == made["id"], "a restart founded another network")


def by_api(world: World) -> None:
    alone = world.daemon("alone")
    alone.person("alice").register()
    good = {"title": "x", "start": "2031-08-01T10:00:00", "zone": "UTC"}
    for change in (
        {"title": ""}, {"title": 5}, {"title": None}, {"start": "yesterday"}, {"start": "2031-02-30T10:00:00"},
        {"end": "2031-07-31T10:00:00"}, {"zone": "Mars/Olympus"}, {"zone": "../../etc/passwd"}, {"participants": "bob"},
        {"participants": ["nobody-here"]}, {"guests_may": ["fly"]}, {"all_day": "yes"}, {"unknown_key": 1},
        {"title": "\u202egnp.exe"} , {"info": "i" * (64 * 1024 + 1)}, {"place": "p" * 256},
    ):
        status, answer = alone.api("POST", "/v1/events", {**good, **change})
        if change == {"title": "\u202egnp.exe"}:  # allowed in a title or not, but never a failure of ours
            expect(status < 500, f"{change}: {status}")
            continue
        expect(400 <= status < 500, f"{str(change)[:80]}: {status} {answer}")
        expect(answer["status"] == status and answer["code"] and answer["detail"], f"no problem document: {answer}")
    for body, headers in (
        (b"", {}), (b"{", {}), (b"null", {}), (b"[" * 100_000, {}), (b'{"title":"\xff"}', {}), (b"{}", {}),
        (b'{"title":"x","start":"2031-08-01T10:00:00"}', {"Content-Type": "text/plain"}),
    ):
        sent = {"Content-Type": "application/json", **headers}
        status, answer = alone.api("POST", "/v1/events", body, headers=sent)
        expect(400 <= status < 500, f"{body[:40]!r}: {status} {answer}")
    for method, path, wanted in (
        ("GET", "/v1/nothing", 404), ("POST", "/v1/status", 405), ("GET", "/v1/events/alice/x", 400),
        ("GET", "/v1/events/%2e%2e/1.1", 404), ("GET", "/v1/events?from=never", 400),
        ("GET", "/../../etc/passwd", 404), ("PATCH", "/v1/events/alice/1.1", 400),
    ):
        status, answer = alone.api(method, path)
        expect(400 <= status < 500, f"{method} {path}: {status} (about {wanted} expected) {answer}")
    remaining = [event["title"] for event in alone.get("/v1/events")["events"]]
    expect(all(title.endswith("gnp.exe") for title in remaining), f"refused requests left events: {remaining}")

    status, event = alone.api("POST", "/v1/events", good)
    expect(status == 201, f"a good event: {status} {event}")
    for name in ("..", ".", "a/b", "a\x00b", "n" * 256, "\u202egnp.exe", "line\nbreak"):
        status, answer = alone.api("POST", harness.url(event["id"], "files", name), b"bytes")
        expect(400 <= status < 500, f"a file named {name!r}: {status} {answer}")
    # If-Match with an old version: the change is refused and nothing is overwritten.
    path = harness.url(event["id"])
    status, _ = alone.api("PATCH", path, {"title": "first"}, headers={"If-Match": '"1-1"'})
    expect(status == 200, f"a change of the version seen: {status}")
    status, answer = alone.api("PATCH", path, {"title": "second"}, headers={"If-Match": '"1-1"'})
    expect(status == 412 and answer["code"] == "conflict", f"a change of an old version: {status} {answer}")
    expect(alone.get(path)["title"] == "first", "an old version won")


def vanishing_file(world: World) -> None:
    """An upload that stops in the middle, and a file that shrinks while it is read, leave nothing behind."""
    alone = world.daemon("alone")
    alice = alone.person("alice").register()
    event = alice.add_event("Upload", "2031-08-01 10:00+60m")
    for _ in range(5):
        half = socket.socket(socket.AF_UNIX)
        half.connect(str(alone.socket))
        path = harness.url(event, "files", "half.bin")
        half.sendall(f"POST {path} HTTP/1.1\r\nHost: calbox\r\nContent-Type: application/octet-stream\r\n"
                     "Content-Length: 10000000\r\n\r\n".encode() + b"x" * 300_000)
        half.close()

    shrinking = world.file("shrinking.bin", 64 << 20)
    stop = threading.Event()

    def shrink() -> None:
        if not stop.wait(0.02):
            os.truncate(shrinking, 1000)

    thread = threading.Thread(target=shrink)
    thread.start()
    done = alice.ctl("files", "add", event, str(shrinking))
    stop.set()
    thread.join()
    names = [file["name"] for file in alone.get(harness.url(event, "files"))["files"]]
    expect(names == (["shrinking.bin"] if done.returncode == 0 else []),
           f"after status {done.returncode} the event has {names}")
    expect(done.returncode == 0 or done.stderr.strip(), "a file that vanished, and no word of it")
    expect(alice.events()[0]["files"] == [] or done.returncode == 0, "the event points to half a file")


def lost_by_the_disk(world: World) -> None:
    """A file's bytes vanish, are cut or are turned at the device that serves them: fetched again, or said."""
    hub = world.hub()
    alice = world.edge("alice", hub).person("alice").register()
    bob = world.edge("bob", hub).person("bob").register()
    photo = world.file("photo.bin", 1 << 20)
    event = alice.add_event("Photos", "2031-08-01 10:00+60m", ["bob"], [photo])
    wait_until(lambda: bob.event(event)["files"], "Bob sees the file")
    bob.get_file(event, "photo.bin", world.path / "first.bin")

    def stored() -> pathlib.Path:
        root = bob.event(event)["files"][0]["root"]
        return next(path for path in bob.daemon.home.rglob(f"{root}") if "files" in path.parts)

    def turn_a_byte(path: pathlib.Path) -> None:
        with open(path, "r+b") as file:
            file.seek(500_000)
            byte = file.read(1)[0]
            file.seek(500_000)
            file.write(bytes([byte ^ 1]))

    for number, harm in enumerate((pathlib.Path.unlink, lambda path: os.truncate(path, 300_000))):
        harm(stored())
        copy = bob.get_file(event, "photo.bin", world.path / f"again{number}.bin")
        expect(sha256(copy) == sha256(photo), "a file that was fetched again differs")
    # Bytes that were turned are noticed while they are read, and never given as the file.
    turn_a_byte(stored())
    broken = world.path / "broken.bin"
    bob.refused("files", "get", event, "photo.bin", "--output", str(broken))
    expect(not broken.exists(), "a damaged file was saved")
    copy = bob.get_file(event, "photo.bin", world.path / "healed.bin")
    expect(sha256(copy) == sha256(photo), "a damaged file was not fetched again")
    # With nobody to ask it is said, and all else goes on.
    for daemon in (hub, alice.daemon):
        daemon.terminate()
    stored().unlink()
    bob.refused("files", "get", event, "photo.bin", "--output", str(broken), status=EXIT_UNAVAILABLE, says="photo.bin")
    expect(bob.titles() == ["Photos"], "the event went with its file")


class SmallDiskDaemon(Daemon):
    """A daemon whose data directory is a file system of 6 MiB of its own, in a mount namespace of its own."""

    def hold(self) -> None:
        """Makes the namespace; it lasts while the holder runs, over restarts of the daemon."""
        self.disk = self.home / "disk"
        self.disk.mkdir()
        self.config["data_dir"] = self.disk / "data"
        as_root = [] if os.getuid() == 0 else ["--user", "--map-root-user"]
        self.holder = subprocess.Popen(
            ["unshare", *as_root, "--mount", "sh", "-c",
             'mount -t tmpfs -o size=6m,mode=700 tmpfs "$1" && echo ready && exec cat', "hold", str(self.disk)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        expect(self.holder.stdout.readline() == b"ready\n", "this system lets nobody mount a tmpfs of his own")
        self.seen = pathlib.Path(f"/proc/{self.holder.pid}/root{self.disk}")

    def release(self) -> None:
        self.holder.stdin.close()
        self.holder.wait(timeout=10)

    def command(self) -> list[str]:
        into = ["nsenter", f"--target={self.holder.pid}", "--mount"]
        if os.getuid() != 0:
            into += ["--user", "--preserve-credentials"]
        return [*into, "--wd=/", *super().command()]

    def fill(self) -> None:
        with open(self.seen / "filler", "ab", buffering=0) as filler, contextlib.suppress(OSError):
            for size in (1 << 16, 1):
                with contextlib.suppress(OSError):
                    while True:
                        filler.write(b"x" * size)

    def make_room(self) -> None:
        (self.seen / "filler").unlink()


def full_disk(world: World) -> None:
    """Everything that writes is refused with a sentence and changes nothing; everything that reads goes on."""
    alone = world.daemon("alone", start=False, kind=SmallDiskDaemon)
    alone.hold()
    try:
        alone.start()
        alice = alone.person("alice").register()
        small = world.file("small.bin", 100_000)
        event = alice.add_event("Kept", "2031-08-01 10:00+60m", files=[small])

        alice.refused("files", "add", event, str(world.file("big.bin", 20 << 20)), status=1, says="no space left")
        parts = list((alone.seen / "data/store/parts").iterdir())
        expect(not parts, f"a refused upload left {parts}")

        alone.fill()
        for command in (["events", "add", "Lost", "2031-08-02 10:00+60m", "--info", "i" * 60_000],
                        ["events", "edit", event, "--title", "Lost"], ["events", "rm", event], ["logout"],
                        ["files", "add", event, str(world.file("other.bin", 100_000))]):
            alice.refused(*command, status=1)
        status, answer = alone.api("POST", "/v1/events", {"title": "x", "start": "2031-08-02T10:00:00"})
        expect((status, answer["code"]) == (507, "disk_full"), f"an event on a full disk: {status} {answer}")
        expect(alice.titles() == ["Kept"], f"refused changes are there: {alice.titles()}")
        copy = alice.get_file(event, "small.bin", world.path / "copy.bin")
        expect(sha256(copy) == sha256(small), "a file cannot be read on a full disk")

        # It can be started on the full disk, to look and to make room.
        alone.terminate()
        alone.start()
        expect(alice.titles() == ["Kept"], f"after a start on a full disk: {alice.titles()}")
        alone.kill()
        alone.start()
        alice.refused("events", "edit", event, "--title", "Lost", status=1)
        alone.make_room()
        alice.edit_event(event, title="Changed")
        second = alice.add_event("After", "2031-08-02 10:00+60m")
        expect(second == "alice/1.2", f"numbers went lost: {second}")
        alone.kill()
        alone.start()
        expect(alice.titles() == ["After", "Changed"], f"in the end: {alice.titles()}")
        alone.terminate()
    finally:
        alone.kill()
        alone.release()


def files_that_may_not_grow(world: World) -> None:
    """RLIMIT_FSIZE, as `ulimit -f` and systemd set it: a refusal, and no end of the daemon."""
    alone = world.daemon("alone", start=False)
    alone.limits = {resource.RLIMIT_FSIZE: 4 << 20}
    alone.start()
    alice = alone.person("alice").register()
    event = alice.add_event("Kept", "2031-08-01 10:00+60m")
    alice.refused("files", "add", event, str(world.file("big.bin", 8 << 20)), status=1)
    alice.edit_event(event, title="Changed")
    expect(alice.titles() == ["Changed"], f"after a refused file: {alice.titles()}")


def _garbage(chance: random.Random):
    """What strangers may send: noise, other protocols, lengths that lie, TLS that stops in the middle."""
    yield b""
    yield b"\x00" * 10_000
    yield b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    yield b"SSH-2.0-OpenSSH_9.2\r\n"
    yield b"\x16\x03\x01\xff\xff" + b"\x01" * 100                        # a record longer than allowed
    yield b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03" + b"\x00" * 20  # a truncated ClientHello
    yield b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"
    yield b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n"
    yield b"POST /v1/events HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n"
    yield b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n"
    yield b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000
    for _ in range(40):
        yield chance.randbytes(chance.randrange(1, 4000))


def _send(address, data: bytes) -> None:
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as peer, contextlib.suppress(OSError):
        peer.settimeout(2)
        peer.connect(address)
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        while peer.recv(65536):
            pass


def garbage_on_sockets(world: World) -> None:
    hub = world.hub()
    alice = world.edge("alice", hub).person("alice").register()
    bob = world.edge("bob", hub).person("bob").register()
    chance = random.Random(7)
    for daemon in (hub, alice.daemon):
        host, port = daemon.addresses()[0].rsplit(":", 1)
        for data in _garbage(chance):
            _send((host, int(port)), data)
            _send(str(daemon.socket), data)
        expect(daemon.running(), f"garbage ended {daemon.name}:\n{daemon.log_tail()}")

        # TLS to the end, but without a certificate, and with the wrong protocol name.
        for protocols in (["calbox/1"], ["h2"], []):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            if protocols:
                context.set_alpn_protocols(protocols)
            with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=2) as raw:
                with context.wrap_socket(raw) as channel:
                    channel.sendall(b"\xff" * 1000)
                    expect(channel.recv(1000) == b"", "a peer without a certificate got an answer")
        expect(daemon.running(), f"a stranger's TLS ended {daemon.name}:\n{daemon.log_tail()}")

    # Many that connect and say nothing do not keep others out.
    host, port = hub.addresses()[0].rsplit(":", 1)
    silent = [socket.create_connection((host, int(port)), timeout=5) for _ in range(200)]
    bob.wait_event(alice.add_event("Still working", "2031-08-01 10:00+60m", ["bob"]))
    for peer in silent:
        peer.close()
    wait_until(lambda: hub.status()["version"], "the hub still answers")


def wrong_configuration(world: World) -> None:
    for number, config in enumerate((
        {"no_such_key": 1}, {"roles": ["king"]}, {"roles": []}, {"listen": "nowhere"}, {"listen": "127.0.0.1:99999"},
        {"reach": "teleport"}, {"log.level": "loud"}, {"kdf.passes": -1}, {"data_dir": "/proc/nowhere"},
    )):
        daemon = world.daemon(f"wrong{number}", start=False)
        daemon.config.update(config)
        daemon.launch()
        try:
            status = daemon.process.wait(timeout=10)
        finally:
            daemon.kill()
        expect(status not in (0, -6, -11), f"{config}: ended with {status}\n{daemon.log_tail()}")
        key = next(iter(config)).split(".")[-1]
        expect(key.split("_")[0] in daemon.log_tail(), f"{config}: the message does not name it:\n{daemon.log_tail()}")


if __name__ == "__main__":
    harness.main(by_commands, founded_when_told, by_api, vanishing_file, lost_by_the_disk, full_disk,
                 files_that_may_not_grow, garbage_on_sockets, wrong_configuration)
