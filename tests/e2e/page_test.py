"""The page: who is let in, and what two people do with it in two browsers at two daemons (tests/browser/play.mjs)."""

import contextlib
import fcntl
import gzip
import http.client
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import time
import urllib.parse
import zlib

sys.dont_write_bytecode = True

import harness
from harness import Skip, World, befriend, expect, sha256, wait_until

BROWSER = harness.ROOT / "tests" / "browser"


def address(daemon: harness.Daemon) -> str:
    """Of its page; Skip where this build has none."""
    answer = daemon.get("/v1/web")
    if not answer["built"]:
        raise Skip("this build has no page: there was no npm, or its registry could not be reached")
    return answer["address"]


class Visitor:
    """A browser, as far as its requests go."""

    def __init__(self, page: str):
        self.host = urllib.parse.urlsplit(page).netloc
        self.origin = page.rstrip("/")
        self.cookie = ""

    def line(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, timeout=30)

    def ask(self, method: str, path: str, body=None, **headers):
        """(status, JSON or bytes, headers); a header with None is left out."""
        sent = {"Host": self.host, "Origin": self.origin, "Sec-Fetch-Site": "same-origin", "Calbox-Page": "1"}
        if self.cookie:
            sent["Cookie"] = self.cookie
        if body is not None:
            sent["Content-Type"] = "application/json"
        sent.update({key.replace("_", "-"): value for key, value in headers.items()})
        line = self.line()
        try:
            line.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            data = json.dumps(body).encode() if body is not None else b""
            for key, value in sent.items():
                if value is not None:
                    line.putheader(key, value)
            if data:
                line.putheader("Content-Length", str(len(data)))
            try:
                line.endheaders(data)
            except (BrokenPipeError, ConnectionResetError):
                pass  # refused by the head alone, before the body was sent: the answer is there to be read
            answer = line.getresponse()
            raw = answer.read()
            if answer.headers.get("Content-Encoding") == "gzip":
                raw = gzip.decompress(raw)
            kind = answer.headers.get("Content-Type", "")
            return answer.status, json.loads(raw) if "json" in kind and raw else raw, answer.headers
        finally:
            line.close()

    def enter(self, url: str) -> int:
        """By a link of calboxctl web; the status."""
        status, _, head = self.ask("POST", "/web/session", {"link": urllib.parse.urlsplit(url).fragment.partition("=")[2]})
        if status == 201:
            self.cookie = head["Set-Cookie"].partition(";")[0]
        return status


def gate(world: World) -> None:
    hub = world.hub()
    alice = world.edge("alice", hub).person("alice").register()
    page = address(alice.daemon)
    expect(page.startswith("http://127.0.0.1:"), f"the page is at {page}")
    expect(page in alice.do("status"), "calboxctl status does not say where the page is")
    event = alice.add_event("Lunch", "tomorrow 12:00+30m", [], [world.file("menu.html", text="<script>alert(1)</script>")])

    one = Visitor(page)
    expect(one.ask("GET", "/v1/events")[0] == 401, "the API answers without a session")
    url = alice.do("web", "--print").strip()
    expect(url.startswith(page + "#link="), f"calboxctl web --print: {url}")
    expect(one.enter(url) == 201, "the link did not open a session")
    expect(Visitor(page).enter(url) == 401, "the link was good twice")
    status, _, head = Visitor(page).ask("POST", "/web/session", {"link": alice.do("web", "--print").strip().partition("=")[2]})
    expect(status == 201 and "HttpOnly" in head["Set-Cookie"] and "SameSite=Strict" in head["Set-Cookie"], f"cookie: {head['Set-Cookie']}")
    status, seen, head = one.ask("GET", "/v1/events")
    expect(status == 200 and [each["id"] for each in seen["events"]] == [event], f"events on the page: {status} {seen}")
    expect("default-src 'none'" in head["Content-Security-Policy"], "no policy")
    expect("unsafe" not in head["Content-Security-Policy"], "a policy with holes")

    # Other names of this machine (DNS rebinding), and other sites that make the browser ask (CSRF).
    port = one.host.rpartition(":")[2]
    draft = {"title": "Forged", "start": "2031-01-01T10:00:00"}
    for name, headers in (("a rebound name", {"Host": f"evil.example:{port}"}), ("another port", {"Host": "127.0.0.1:1"}),
                          ("no host", {"Host": "127.0.0.1"}), ("another origin", {"Origin": "http://evil.example"}),
                          ("another port's origin", {"Origin": "http://127.0.0.1:1"}), ("no origin", {"Origin": "null"}),
                          ("another site", {"Sec_Fetch_Site": "cross-site"}), ("a program on another port", {"Sec_Fetch_Site": "same-site"}),
                          ("a form", {"Calbox_Page": None})):
        status, answer, _ = one.ask("POST", "/v1/events", draft, **headers)
        expect(status == 403, f"a change from {name}: {status} {answer}")
    expect(one.ask("GET", "/v1/events", Sec_Fetch_Site="same-site", Origin=None)[0] == 403, "another port may read events")
    expect(one.ask("GET", "/", Sec_Fetch_Site="cross-site", Origin=None)[0] == 200, "a link to the page is refused")
    expect(one.ask("POST", "/v1/events", draft, Host=f"localhost:{port}", Origin=f"http://localhost:{port}")[0] == 201, "localhost is refused")

    # Somebody else's name does not help, and neither does what is not the page's.
    bob = alice.daemon.person("bob").register()
    status, seen, _ = one.ask("GET", "/v1/events", Calbox_User="bob")
    expect(status == 200 and seen["events"][0]["organizer"] == "alice", "the page showed somebody else's events")
    for method, path in (("POST", "/v1/stop"), ("POST", "/v1/web"), ("POST", "/v1/session"), ("POST", "/v1/network"), ("POST", "/v1/network/invitations"),
                         ("POST", "/v1/network/strategy"), ("PUT", "/v1/discovery/strategy"), ("PUT", "/v1/recovery/strategy"), ("GET", "/v1/web")):
        expect(one.ask(method, path, {} if method != "GET" else None)[0] == 403, f"the page may {method} {path}")

    # Files are downloads, and can do nothing where they are opened all the same.
    status, body, head = one.ask("GET", harness.url(event, "files", "menu.html"))
    expect(status == 200 and b"<script>" in body, f"the file: {status}")
    expect(head["Content-Disposition"].startswith("attachment") and head["X-Content-Type-Options"] == "nosniff"
           and head["Content-Security-Policy"] == "sandbox", f"a file's head: {head.items()}")

    # By name and password; a wrong one; and a session ends with its user's sign-out, or by itself.
    two = Visitor(page)
    expect(two.ask("POST", "/web/session", {"name": "alice", "password": "not her password"})[0] == 401, "a wrong password was taken")
    status, answer, head = two.ask("POST", "/web/session", {"name": "bob", "password": bob.password})
    expect(status == 201 and answer["user"]["name"] == "bob", f"signing in: {status} {answer}")
    two.cookie = head["Set-Cookie"].partition(";")[0]
    expect(two.ask("GET", "/v1/events")[1]["events"] == [], "Bob sees Alice's events")
    expect(two.ask("DELETE", "/web/session")[0] == 204 and two.ask("GET", "/v1/events")[0] == 401, "the session did not end")
    alice.several = True
    alice.logout()
    expect(one.ask("GET", "/v1/events")[0] == 401, "the session outlived its user's sign-out")
    # Passwords can be tried so often, and no more.
    tries = [two.ask("POST", "/web/session", {"name": "a", "password": "x"})[0] for _ in range(25)]
    expect(tries[-1] == 429, f"tries: {tries}")

    # Address and sessions stay over a restart; nobody's browser sees the state, and no more; a daemon can do without.
    for _ in range(5):  # another program may take the port while nobody holds it; then the page moves
        page = address(alice.daemon)
        three = Visitor(page)
        expect(three.enter(bob.do("web", "--print").strip()) == 201, "no session for Bob")
        alice.daemon.terminate()
        alice.daemon.start()
        if address(alice.daemon) == page:
            break
    expect(address(alice.daemon) == page, f"the page moved from {page} to {address(alice.daemon)}")
    expect(three.ask("GET", "/v1/events")[0] == 200, "a restart ended a session")
    nobody = Visitor(address(hub))
    expect(nobody.enter(hub.person("operator").do("web", "--print").strip()) == 201, "no page for the hub")
    expect(nobody.ask("GET", "/v1/status")[0] == 200 and nobody.ask("GET", "/v1/users")[0] == 403, "what nobody sees")
    off = world.daemon("off", roles=["edge"], web__listen="off")
    expect(off.get("/v1/web")["address"] == "", "a page that is switched off has an address")
    off.person("x").refused("web", "--print", says="switched off")


def bundle_is_small(world: World) -> None:
    """All scripts and styles, compressed as they are sent: at most 90 kB; and the icons of its manifest."""
    page = address(world.daemon("one", roles=["edge"]))
    visitor = Visitor(page)
    _, html, _ = visitor.ask("GET", "/")
    names = [part.partition('"')[0] for part in html.decode().split('"') if part.startswith("/assets/")]
    expect(any(name.endswith(".js") for name in names) and any(name.endswith(".css") for name in names), f"assets: {names}")
    total = sum(int(visitor.ask("HEAD", name)[2]["Content-Length"]) for name in set(names))
    expect(total <= 90_000, f"scripts and styles are {total} bytes")
    _, manifest, _ = visitor.ask("GET", "/calendarbox.webmanifest")
    icons = manifest["icons"]
    for icon in icons:
        status, picture, head = visitor.ask("GET", icon["src"])
        expect(status == 200 and head["Content-Type"] == icon["type"], f"{icon}: {status} {head['Content-Type']}")
        if icon["type"] == "image/png":
            expect(picture.startswith(b"\x89PNG") and "{}x{}".format(*struct.unpack(">II", picture[16:24])) == icon["sizes"], f"{icon} is another size")
    expect({"192x192", "512x512"} <= {icon["sizes"] for icon in icons}, f"icons: {icons}")
    expect(b"http://" not in html and b"https://" not in html and b"<style" not in html, "the page needs other places")


def tools() -> str:
    """What drives the browser is installed; Skip with the reason where it cannot be."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        raise Skip("there is no node or no npm (scripts/setup installs them)")
    if not shutil.which("chromium"):
        raise Skip("there is no chromium (scripts/setup --check installs it)")
    lock, stamp = (BROWSER / "package-lock.json").read_text(), BROWSER / "node_modules" / ".installed"
    with one_at_a_time(BROWSER):  # in a fresh clone, the first two tests come here together
        if not stamp.exists() or stamp.read_text() != lock:
            done = subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"], cwd=BROWSER,
                                  capture_output=True, text=True, timeout=300, check=False)
            if done.returncode != 0:
                raise Skip(f"npm could not install playwright-core: {done.stderr.strip()[-300:]}")
            stamp.write_text(lock)
    return node


@contextlib.contextmanager
def one_at_a_time(folder: pathlib.Path):
    """Of all processes that come with this folder."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def surroundings(world: World) -> dict:
    """Of a browser that leaves nothing behind."""
    home = world.path / "browser"
    home.mkdir(exist_ok=True)
    return {**os.environ, "HOME": str(home), "CHROMIUM": shutil.which("chromium")}


def drive(world: World, script: str, *words: str, seconds: float = 170) -> None:
    """A script of tests/browser; its failure is this test's."""
    node = tools()
    done = subprocess.run([node, str(BROWSER / script), *words], capture_output=True, text=True, timeout=seconds, check=False,
                          env=surroundings(world))
    expect(done.returncode == 0, f"{script}: {(done.stdout + done.stderr).strip()[-3000:]}")


def daemon_restarts(world: World) -> None:
    """The page says that the daemon is gone, and goes on where it was when it is back."""
    hub = world.hub()
    alice = world.edge("alice", hub).person("alice").register()
    address(alice.daemon)
    before = alice.add_event("Before", "tomorrow 10:00+30m")
    node = tools()
    with subprocess.Popen([node, str(BROWSER / "restart.mjs"), alice.do("web", "--print").strip()], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env=surroundings(world)) as watcher:

        def says(word: str) -> None:
            line = watcher.stdout.readline().strip()
            if line != word:
                watcher.kill()
                raise harness.Failure(f"restart.mjs was to say {word!r}: {line} {watcher.stdout.read()[-2000:]}")

        says("sees Before")
        alice.daemon.kill()
        says("sees that it is gone")
        alice.daemon.start()
        says("sees that it is back")
        alice.remove_event(before)
        alice.add_event("After", "tomorrow 11:00+30m")
        says("sees After")


def played(world: World) -> None:
    hub = world.hub()
    pages = [address(world.edge(name, hub)) for name in ("alice", "bob")]
    file = world.file("slides.bin", 300_000)
    saved = world.path / "saved.bin"
    drive(world, "play.mjs", *pages, str(file), str(saved))
    expect(sha256(pathlib.Path(saved)) == sha256(file), "what Bob downloaded is another file")


def demo(world: World) -> None:
    """The rest of the report's demo (6.3 to 6.6) in pages: a rendezvous is killed, a daemon is killed and comes back, and somebody signs
    in on a second device (tests/browser/demo.mjs)."""
    registry = world.daemon("registry", roles=["registry", "backup"], network__on_no_rendezvous="wait")
    wait_until(lambda: registry.get("/v1/network")["id"], "the registry has founded a network")
    rendezvous = []
    for name in ("r1", "r2"):
        rendezvous.append(world.daemon(name, roles=["rendezvous"]))
        rendezvous[-1].join(registry.invite("rendezvous"))
    alice, bob = (world.edge(name, registry).person(name).register() for name in ("alice", "bob"))
    tablet = world.edge("tablet", registry)
    links = [one.do("web", "--print").strip() for one in (alice, bob)]
    with subprocess.Popen([tools(), str(BROWSER / "demo.mjs"), *links, address(tablet), alice.password], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=surroundings(world)) as browser:

        def when_it_says(word: str, then) -> None:
            line = browser.stdout.readline()
            if line != word + "\n":
                browser.kill()
                raise harness.Failure(f"demo.mjs was to say {word!r}: {(line + browser.stdout.read()).strip()[-2000:]}")
            then()
            browser.stdin.write("done\n")
            browser.stdin.flush()

        def kill_a_rendezvous() -> None:
            device = alice.daemon.status()["rendezvous"]
            doomed = next(one for one in rendezvous if one.status()["device"] == device)
            doomed.kill()
            for one in (alice, bob):
                wait_until(lambda one=one: one.daemon.status()["state"] == "connected" and one.daemon.status()["rendezvous"] != device,
                           f"{one.name} has another rendezvous", 120)

        when_it_says("kill a rendezvous", kill_a_rendezvous)
        when_it_says("kill the daemon of bob", bob.daemon.kill)
        when_it_says("start the daemon of bob", bob.daemon.start)
        said = browser.stdout.read()
    expect(browser.returncode == 0, f"demo.mjs: {said.strip()[-3000:]}")


def series(world: World) -> None:
    """A weekly event in two pages: one time moved, one taken out, the rest split off (tests/browser/series.mjs)."""
    hub = world.hub()
    people = [world.edge(name, hub).person(name).register() for name in ("alice", "bob")]
    address(people[0].daemon)
    drive(world, "series.mjs", *(one.do("web", "--print").strip() for one in people))


def coloured(world: World) -> None:
    """Categories and colours in two pages, each colour with its contrast (tests/browser/colours.mjs)."""
    hub = world.hub()
    people = [world.edge(name, hub).person(name).register() for name in ("alice", "bob")]
    address(people[0].daemon)
    drive(world, "colours.mjs", *(one.do("web", "--print").strip() for one in people))


def joined(world: World) -> None:
    """An open event: its link in one page, and taking part by it in another (tests/browser/join.mjs)."""
    hub = world.hub()
    alice, bob = (world.edge(name, hub).person(name).register() for name in ("alice", "bob"))
    address(alice.daemon)
    alice.add_event("Course", "tomorrow 10:00+60m")
    drive(world, "join.mjs", *(one.do("web", "--print").strip() for one in (alice, bob)))


def reminded(world: World) -> None:
    """Reminders and busy times in the page (tests/browser/remind.mjs); `calboxctl watch` tells what falls due."""
    hub = world.hub()
    device = world.edge("home", hub)
    alice, bob = device.person("alice").register(), device.person("bob").register()
    alice.several = bob.several = True
    world.edge("carol", hub).person("carol").register()
    address(device)
    befriend(alice, bob)
    bob.add_event("Secret", "tomorrow 10:00+60m")
    event = alice.add_event("Tea", "tomorrow 16:00+30m")
    drive(world, "remind.mjs", "open", alice.do("web", "--print").strip(), event)
    with subprocess.Popen([harness.CALBOXCTL, "--socket", str(device.socket), "--as", "alice", "--json", "watch"],
                          stdout=subprocess.PIPE, text=True, env=device.environment()) as watching:
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
        status, answer = device.api("PUT", harness.url(event, "reminders"), {"minutes": [], "at": [at]}, user="alice")
        expect(status == 200, f"reminders: {status} {answer}")
        told = next(change for line in watching.stdout if (change := json.loads(line))["what"] == "reminder")
        expect(told["id"] == event and "Tea" in told["text"], f"watch says {told}")
        watching.kill()
    drive(world, "remind.mjs", "missed", alice.do("web", "--print").strip(), event)


def png(width: int, height: int, colour) -> bytes:
    """A picture of one colour, or of rows that each have one: `colour(row)` (PNG, RFC 2083)."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = b"".join(b"\0" + bytes(colour(row) if callable(colour) else colour) * width for row in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b""))


def stopped(world: World) -> None:
    """A backup is stopped from its status page, which asks twice (tests/browser/stop.mjs)."""
    hub = world.hub()
    backup = world.daemon("store", roles=["backup"])
    backup.join(hub.invite("backup"))
    backup.wait_connected()
    address(backup)
    drive(world, "stop.mjs", backup.person("operator").do("web", "--print").strip())
    expect(backup.process.wait(20) == 0, "the backup did not end well")
    expect(hub.get("/health")["ok"], "it took the rendezvous along")


def by_keyboard(world: World) -> None:
    """Without a mouse; photos; and 200 hostile texts (tests/browser/keyboard.mjs)."""
    alice = world.edge("alice", world.hub()).person("alice").register()
    address(alice.daemon)
    photo = world.path / "harbour.png"
    photo.write_bytes(png(640, 400, (200, 30, 60)))
    drive(world, "keyboard.mjs", alice.do("web", "--print").strip(), str(photo), str(world.file("slides.bin", 3000)))


def reached(world: World) -> None:
    """All that can be done on the page is reached without a mouse (tests/browser/reach.mjs), what is there when others are gone, too."""
    hub = world.daemon("hub", roles=["registry", "rendezvous"])  # no backup, which would vote and keep the files
    wait_until(lambda: hub.get("/v1/network")["id"], "a network is founded")
    host = world.edge("host", hub)
    people = [host.person(name) for name in ("bob", "carol", "dora", "emil", "fred", "gina", "hugo")]
    for one in people:
        one.several = True
        one.register()
    alice = world.edge("alice", hub).person("alice").register()
    photos = [world.path / f"{name}.png" for name in ("harbour", "pier")]
    for photo in photos:
        photo.write_bytes(png(64, 40, (200, 30, 60)))
    links = [person.do("web", "--print").strip() for person in (*people[:2], hub.person("operator"))]
    with subprocess.Popen([tools(), str(BROWSER / "reach.mjs"), address(alice.daemon), *links, alice.password, *map(str, photos),
                           str(world.file("slides.bin", 3000))], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, env=surroundings(world)) as browser:
        line = browser.stdout.readline()
        if line == "alone\n":
            host.kill()
            browser.stdin.write("done\n")
            browser.stdin.flush()
        said = browser.stdout.read()
    expect(browser.returncode == 0, f"reach.mjs: {(line + said).strip()[-3000:]}")


if __name__ == "__main__":
    harness.main(gate, bundle_is_small, daemon_restarts, played, demo, series, coloured, joined, reminded, stopped, by_keyboard, reached)
