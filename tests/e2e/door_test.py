"""The door of a hosted edge: several people sign in from other machines, over TLS, by name and password (tests/browser/door.mjs)."""

import hashlib
import http.client
import os
import pathlib
import ssl
import sys

sys.dont_write_bytecode = True

import harness
from harness import World, befriend, expect, wait_until
from page_test import Visitor, address, drive


class Stranger(Visitor):
    """A browser of another machine, which trusts the host's certificate and nothing else; it comes from an address of loopback."""

    def __init__(self, door: dict, certificate: str, source: str = "127.0.0.1"):
        super().__init__(door["address"])
        self.trust = ssl.create_default_context(cadata=certificate)
        self.source = source

    def line(self) -> http.client.HTTPConnection:
        return http.client.HTTPSConnection("127.0.0.1", int(self.host.rpartition(":")[2]), timeout=30, context=self.trust,
                                           source_address=(self.source, 0))

    def sign_in(self, name: str, password: str, register: bool = False) -> int:
        status, _, head = self.ask("POST", "/web/session", {"name": name, "password": password, "register": register})
        if status == 201:
            self.cookie = head["Set-Cookie"].partition(";")[0]
        return status


def hosted(world: World, hub: harness.Daemon, **config) -> harness.Daemon:
    """An edge that is always on, with a door."""
    host = world.daemon("host", roles=["edge"], web__door__listen="127.0.0.1:0", web__door__names=["localhost"], **config)
    host.join(hub.invite("edge"))
    host.wait_connected()
    return host


def restart_slowly(host: harness.Daemon) -> None:
    """Where the disk is slow to give the door's sessions: nobody is answered on the socket before the door is there."""
    kept = pathlib.Path(host.config["data_dir"]) / "web.door.sessions"
    sessions = kept.read_bytes()
    kept.unlink()
    os.mkfifo(kept)  # whoever reads it waits for a writer
    host.launch()
    pipe = wait_until(lambda: os.open(kept, os.O_WRONLY | os.O_NONBLOCK), "the host reads the door's sessions")
    try:
        status, _ = host.api("GET", "/health", timeout=5)
        raise harness.Failure(f"answered on the socket without a door: {status}")
    except OSError:
        pass  # nobody listens
    finally:
        os.write(pipe, sessions)
        os.close(pipe)
    host.wait_ready()


def door(world: World) -> None:
    hub = world.hub()
    alice = world.edge("alice", hub).person("alice").register()
    bob = world.edge("bob", hub).person("bob").register()
    befriend(alice, bob)
    event = alice.add_event("Lunch", "tomorrow 12:00+30m")
    host = hosted(world, hub)
    address(host)
    shown = host.person("operator").ask("web", "--door")
    certificate = (pathlib.Path(host.config["data_dir"]) / "web.door.pem").read_text()
    port = int(shown["address"].rstrip("/").rpartition(":")[2])
    expect(shown["address"] == f"https://localhost:{port}/" and shown["own_certificate"], f"the door: {shown}")

    # Who asks is shown the certificate that the host tells of, and it is for the host's names.
    trust = ssl.create_default_context(cadata=certificate)
    with harness.socket.create_connection(("127.0.0.1", port), timeout=10) as raw, trust.wrap_socket(raw, server_hostname="localhost") as line:
        digest = hashlib.sha256(line.getpeercert(binary_form=True)).hexdigest().upper()
        expect(digest == shown["fingerprint"].replace(":", ""), f"{digest}, and told was {shown['fingerprint']}")
    with harness.socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        expect(not raw.recv(100).startswith(b"HTTP"), "the door speaks without TLS")

    # By name and password, each his own; no links, no accounts, no other name, nothing of the host's.
    one, two = Stranger(shown, certificate), Stranger(shown, certificate)
    expect(one.ask("GET", "/v1/events")[0] == 401 and one.ask("GET", "/")[0] == 200, "what a stranger sees")
    expect(one.sign_in("alice", "not her password") == 401, "a wrong password was taken")
    status, _, head = one.ask("POST", "/web/session", {"name": "alice", "password": alice.password})
    expect(status == 201 and head["Set-Cookie"].startswith("__Host-") and "; Secure" in head["Set-Cookie"], f"signing in: {status} {head.items()}")
    one.cookie = head["Set-Cookie"].partition(";")[0]
    expect(two.sign_in("bob", bob.password) == 201, "Bob may not come in")
    wait_until(lambda: [each["id"] for each in one.ask("GET", "/v1/events")[1]["events"]] == [event], "Alice's event is there")
    expect(two.ask("GET", "/v1/events")[1]["events"] == [], "Bob sees Alice's events")
    expect(two.ask("GET", "/v1/events", Calbox_User="alice")[1]["events"] == [], "Bob sees Alice's events by her name")
    draft = {"title": "Dinner", "start": "2031-01-01T19:00:00", "participants": ["bob"]}
    for name, headers in (("a rebound name", {"Host": f"evil.example:{port}"}), ("an address that is no name of it", {"Host": f"127.0.0.1:{port}"}),
                          ("without TLS", {"Origin": f"http://localhost:{port}"}), ("another site", {"Sec_Fetch_Site": "cross-site"}),
                          ("a form", {"Calbox_Page": None})):
        expect(one.ask("POST", "/v1/events", draft, **headers)[0] == 403, f"a change from {name}")
    for method, path in (("POST", "/v1/stop"), ("POST", "/v1/network/invitations"), ("POST", "/v1/session"), ("PUT", "/v1/discovery/strategy")):
        expect(one.ask(method, path, {})[0] == 403, f"at the door one may {method} {path}")
    status, made, _ = one.ask("POST", "/v1/events", draft)
    expect(status == 201, f"a change at the door: {status} {made}")
    wait_until(lambda: any(each["title"] == "Dinner" for each in bob.events()), "Bob sees it on his own machine")
    expect(Stranger(shown, certificate).sign_in("carol", "a long password of carol", register=True) == 403, "an account was made at the door")
    link = host.person("alice").do("--as", "alice", "web", "--print").strip().partition("=")[2]
    expect(Stranger(shown, certificate).ask("POST", "/web/session", {"link": link})[0] == 401, "a link of this machine opens the door")
    own = Visitor(address(host))
    own.cookie = one.cookie.removeprefix("__Host-")
    expect(own.ask("GET", "/v1/events")[0] == 401, "a session of the door is one of this machine's page, too")

    # Somebody who tries passwords all day keeps nobody else out.
    guesser = Stranger(shown, certificate, source="127.0.0.9")
    tries = [guesser.sign_in("alice", f"guess {number}") for number in range(25)]
    expect(tries[0] == 401 and tries[-1] == 429, f"tries: {tries}")
    expect(Stranger(shown, certificate).sign_in("bob", bob.password) == 201, "Bob was kept out")

    # Over a restart the certificate stays, and so do the sessions, where the port is a chosen one.
    host.config["web.door.listen"] = f"127.0.0.1:{port}"
    host.terminate()
    restart_slowly(host)
    expect(host.person("operator").ask("web", "--door") == shown, "the door is another one after a restart")
    expect(one.ask("GET", "/v1/events")[0] == 200, "a restart ended a session")


def phones(world: World) -> None:
    """Two people with phones, by touch."""
    host = hosted(world, world.hub(), web__door__register=True)
    address(host)
    drive(world, "door.mjs", host.person("operator").ask("web", "--door")["address"])


if __name__ == "__main__":
    harness.main(door, phones)
