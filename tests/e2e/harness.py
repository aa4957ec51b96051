"""Real processes for the end-to-end tests and for ./run: daemons, people with calboxctl, and waiting.

Only the standard library. Everything lives in one temporary directory of a World, which ends what it started (by process id)
and removes the directory. Nothing sleeps for a fixed time: wait_until asks again until the answer is right or time is up.
The spelling of every calboxctl command stands in Person, and of every configuration key in Daemon, once.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import http.client
import json
import os
import pathlib
import resource
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CALBOXD = os.environ.get("CALBOXD", "")
CALBOXCTL = os.environ.get("CALBOXCTL", "")
PLUGINS = os.environ.get("CALBOX_PLUGINS", "")  # directory with <kind>/<name>.so
REACH = os.environ.get("CALBOX_E2E_REACH", "")  # how edges reach each other, where a test does not say
RELEASE = os.environ.get("CALBOX_CHECK_RELEASE", "") == "1"  # larger numbers, hours allowed

SKIPPED = 77  # exit status of a test that cannot run here (SKIP_RETURN_CODE in CMakeLists.txt)

# Exit statuses of calboxctl (docs/api.md).
EXIT_USAGE, EXIT_NO_DAEMON, EXIT_NOT_FOUND, EXIT_EXISTS, EXIT_DENIED, EXIT_UNAVAILABLE = 2, 3, 4, 5, 6, 7


class Failure(AssertionError):
    """What a test found wrong."""


class Skip(Exception):
    """This machine cannot run the test; the text says why."""


class Ended(AssertionError):
    """A daemon ended that was to run; no use in asking it again."""


def expect(condition: object, text: str) -> None:
    if not condition:
        raise Failure(text)


def wait_until(question, what: str, seconds: float = 30.0):
    """Asks until the answer is true and returns it. Refusals on the way are answers too."""
    deadline = time.monotonic() + seconds
    pause, last = 0.01, None
    while True:
        try:
            answer = question()
            if answer:
                return answer
            last = answer
        except (Failure, OSError, http.client.HTTPException) as problem:
            last = problem
        if time.monotonic() > deadline:
            raise Failure(f"after {seconds:g} s still not: {what} (last answer: {last!r})")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)


SANITIZERS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", ": runtime error: ")


def expect_clean(text: str, what: str) -> None:
    """In a build with sanitizers: what they found in a program that ended is a failure, whatever its status was."""
    at = min((text.find(mark) for mark in SANITIZERS if mark in text), default=-1)
    expect(at < 0, f"{what}: {text[max(at - 200, 0):at + 4000]}")


def sha256(path: pathlib.Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _prepare_child(limits: dict[int, int]) -> None:
    """In the child: a test that is killed outright leaves no daemon behind."""
    for kind, value in limits.items():
        resource.setrlimit(kind, (value, value))
    pr_set_pdeathsig = 1
    with contextlib.suppress(OSError):
        ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGTERM)


def _toml(value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(str(value))  # a JSON string is a TOML basic string


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: pathlib.Path, timeout: float):
        super().__init__("calbox", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Daemon:
    """One calboxd. Made by World.daemon; may be started again after it ended, on the same data."""

    def __init__(self, world: "World", name: str, config: dict):
        self.name = name
        self.home = world.path / name
        self.home.mkdir(mode=0o700)
        self.socket = world.path / f"{name}.sock"
        self.log = world.path / f"{name}.log"
        self.config_file = world.path / f"{name}.toml"
        self.config = {
            "data_dir": self.home / "data",
            "socket": self.socket,
            "listen": "127.0.0.1:0",
            # Cheap password hashing: these tests are not about its price.
            "kdf.memory_mib": 8,
            "kdf.passes": 1,
            **({"plugins.directories": [PLUGINS]} if PLUGINS else {}),
            **({"reach": REACH} if REACH and config.get("roles") == ["edge"] else {}),
            **config,
        }
        self.limits: dict[int, int] = {}  # of the system, for the process: resource.RLIMIT_...
        self.process: subprocess.Popen | None = None

    def command(self) -> list[str]:
        return [CALBOXD, "--config", str(self.config_file)]

    def environment(self) -> dict[str, str]:
        """Nothing of the caller's own calendar can be reached: every XDG directory is ours."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "CALBOX"))}
        kept.update(
            HOME=str(self.home),
            XDG_CONFIG_HOME=str(self.home / "config"),
            XDG_DATA_HOME=str(self.home / "share"),
            XDG_STATE_HOME=str(self.home / "state"),
            XDG_CACHE_HOME=str(self.home / "cache"),
            XDG_RUNTIME_DIR=str(self.home),
        )
        return kept

    def write_config(self) -> None:
        self.config_file.write_text("".join(f"{key} = {_toml(value)}\n" for key, value in self.config.items()))

    def launch(self) -> None:
        """Starts the process and does not wait for it."""
        expect(not self.running(), f"{self.name} runs already")
        self.write_config()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment(),
                cwd=self.home, start_new_session=True, preexec_fn=lambda: _prepare_child(self.limits))

    def start(self) -> "Daemon":
        self.launch()
        self.wait_ready()
        return self

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def wait_ready(self, seconds: float = 20.0) -> None:
        def ready():
            if not self.running():
                raise Ended(f"{self.name} ended with status {self.process.returncode}:\n{self.log_tail()}")
            return self.api("GET", "/health")[0] == 200

        wait_until(ready, f"{self.name} answers on {self.socket}", seconds)

    def kill(self) -> None:
        """kill -9, and wait for it."""
        if self.running():
            self.process.kill()
        if self.process:
            self.process.wait()

    def terminate(self, seconds: float = 5.0) -> float:
        """SIGTERM; how long it took. More than `seconds`, or another status than 0, is a failure."""
        expect(self.running(), f"{self.name} does not run")
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"{self.name} did not end within {seconds:g} s of SIGTERM") from None
        expect(status == 0, f"{self.name} ended with status {status} after SIGTERM:\n{self.log_tail()}")
        return time.monotonic() - begun

    def log_tail(self, lines: int = 40) -> str:
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def api(self, method: str, path: str, body=None, user: str = "", timeout: float = 30.0, headers=None):
        """(status, JSON or bytes) of one request on the Unix socket."""
        connection = UnixConnection(self.socket, timeout)
        try:
            sent = dict(headers or {})
            data = None
            if isinstance(body, bytes):
                data = body
                sent.setdefault("Content-Type", "application/octet-stream")
            elif body is not None:
                data = json.dumps(body).encode()
                sent.setdefault("Content-Type", "application/json")
            if user:
                sent["Calbox-User"] = user
            connection.request(method, path, body=data, headers=sent)
            answer = connection.getresponse()
            raw = answer.read()
            kind = answer.headers.get("Content-Type", "")
            return answer.status, (json.loads(raw) if "json" in kind and raw else raw)
        finally:
            connection.close()

    def get(self, path: str, user: str = ""):
        status, body = self.api("GET", path, user=user)
        expect(status == 200, f"GET {path} at {self.name}: {status} {body!r}")
        return body

    def status(self) -> dict:
        return self.get("/v1/status")

    def addresses(self) -> list[str]:
        return self.status()["addresses"]

    def invite(self, *roles: str) -> str:
        status, body = self.api("POST", "/v1/network/invitations", {"roles": list(roles) or ["edge"]})
        expect(status == 201, f"no invitation from {self.name}: {status} {body!r}")
        return body["invitation"]

    def join(self, invitation: str) -> None:
        status, body = self.api("POST", "/v1/network/join", {"invitation": invitation})
        expect(status == 200, f"{self.name} could not join: {status} {body!r}")

    def wait_connected(self, seconds: float = 30.0) -> None:
        wait_until(lambda: self.status()["state"] == "connected", f"{self.name} is connected to a rendezvous", seconds)

    def person(self, name: str, password: str = "correct horse battery") -> "Person":
        return Person(self, name, password)


class Person:
    """Somebody at one daemon, with calboxctl. Every command is spelled here and nowhere else."""

    def __init__(self, daemon: Daemon, name: str, password: str):
        self.daemon, self.name, self.password = daemon, name, password
        self.several = False  # others are signed in at the same daemon: say who is meant
        self.shown = None     # a function that is told every command and its output

    def ctl(self, *arguments: str, stdin: str | None = None, timeout: float = 60.0, as_name: str | None = None):
        """Runs one command; the finished process with text output. Its status is the caller's to judge."""
        command = [CALBOXCTL, "--socket", str(self.daemon.socket)]
        chosen = as_name if as_name is not None else (self.name if self.several else "")
        if chosen:
            command += ["--as", chosen]
        command += [str(argument) for argument in arguments]
        environment = {**self.daemon.environment(), "NO_COLOR": "1", "TZ": "UTC"}
        done = subprocess.run(command, input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
                              capture_output=True, text=True, errors="replace", timeout=timeout,
                              env=environment, cwd=self.daemon.home, check=False)
        expect_clean(done.stderr, f"calboxctl {arguments[:2]}")
        if self.shown:
            self.shown(["calboxctl", *command[1:]], stdin, done)
        return done

    def do(self, *arguments: str, stdin: str | None = None, timeout: float = 60.0) -> str:
        """A command that must succeed; its output."""
        done = self.ctl(*arguments, stdin=stdin, timeout=timeout)
        expect(done.returncode == 0,
               f"{self.name}: calboxctl {shlex.join(map(str, arguments))} ended with {done.returncode}: "
               f"{done.stdout.strip()} {done.stderr.strip()}")
        return done.stdout

    def ask(self, *arguments: str, stdin: str | None = None, timeout: float = 60.0):
        """A command that must succeed, with --json; what it printed."""
        text = self.do("--json", *arguments, stdin=stdin, timeout=timeout)
        try:
            return json.loads(text)
        except ValueError:
            raise Failure(f"{self.name}: calboxctl --json {shlex.join(map(str, arguments))} "
                          f"printed no JSON: {text!r}") from None

    def refused(self, *arguments: str, status: int | None = None, stdin: str | None = None, says: str = "") -> str:
        """A command that must be refused with one clear sentence, and with `status` when given; the sentence."""
        done = self.ctl(*arguments, stdin=stdin)
        what = f"calboxctl {shlex.join(argument[:60] for argument in map(str, arguments))}"
        expect(done.returncode not in (0, -signal.SIGSEGV, -signal.SIGABRT),
               f"{what} was to be refused, and ended with {done.returncode}: {done.stdout}")
        if status is not None:
            expect(done.returncode == status,
                   f"{what} ended with {done.returncode}, not {status}: {done.stderr.strip()}")
        text = done.stderr.strip()
        expect(text and len(text) < 2000, f"{what} gave no clear sentence: {text[:300]!r}")
        expect(says.lower() in text.lower(), f"{what} does not say {says!r}: {text!r}")
        expect(self.daemon.running(), f"{what} ended the daemon:\n{self.daemon.log_tail()}")
        return text

    # Accounts
    def register(self) -> "Person":
        self.do("register", self.name, "--password-stdin", stdin=self.password + "\n")
        return self

    def login(self) -> "Person":
        self.do("login", self.name, "--password-stdin", stdin=self.password + "\n")
        return self

    def logout(self) -> None:
        self.do("logout")

    # Events
    def add_event(self, title: str, when: str, guests=(), files=(), **more: str) -> str:
        """The new event's id, for example "alice/1.1"."""
        command = ["events", "add", title, when]
        for guest in guests:
            command += ["--with", guest]
        for file in files:
            command += ["--file", str(file)]
        for key, value in more.items():
            command += [f"--{key.replace('_', '-')}", value]
        return self.ask(*command)["id"]

    def edit_event(self, event: str, **changes: str) -> None:
        command = ["events", "edit", event]
        for key, value in changes.items():
            command += [f"--{key.replace('_', '-')}", value]
        self.do(*command)

    def remove_event(self, event: str) -> None:
        self.do("events", "rm", event)

    # Files
    def add_file(self, event: str, path: pathlib.Path) -> None:
        self.do("files", "add", event, str(path), timeout=300)

    def update_file(self, event: str, path: pathlib.Path, name: str) -> None:
        self.do("files", "update", event, str(path), "--name", name, timeout=300)

    def remove_file(self, event: str, name: str) -> None:
        self.do("files", "rm", event, name)

    def get_file(self, event: str, name: str, into: pathlib.Path) -> pathlib.Path:
        self.do("files", "get", event, name, "--output", str(into), timeout=300)
        return into

    # Contacts
    def ask_friend(self, name: str) -> None:
        self.do("friends", "add", name)

    def accept_friend(self, name: str) -> None:
        self.do("friends", "accept", name)

    # What he sees, over the API: polled often, and exact.
    def _api_user(self) -> str:
        return self.name

    def events(self) -> list[dict]:
        return self.daemon.get("/v1/events", user=self._api_user())["events"]

    def event(self, event: str) -> dict | None:
        return next((one for one in self.events() if one["id"] == event), None)

    def titles(self) -> list[str]:
        return sorted(one["title"] for one in self.events())

    def friend_state(self, name: str) -> str:
        found = self.daemon.get("/v1/friends", user=self._api_user())["friends"]
        return next((one["state"] for one in found if one["name"] == name), "")

    def wait_event(self, event: str, seconds: float = 30.0, **fields) -> dict:
        def there():
            one = self.event(event)
            return one if one and all(one.get(key) == value for key, value in fields.items()) else None

        return wait_until(there, f"{self.name} at {self.daemon.name} sees {event} {fields or ''}", seconds)

    def wait_no_event(self, event: str, seconds: float = 30.0) -> None:
        wait_until(lambda: self.event(event) is None, f"{self.name} no longer sees {event}", seconds)


def delivered_to_backup(event: dict) -> bool:
    return any(place.startswith("backup") for place in event.get("stored_on", []))


def has_heard_the_decision(person: Person, event: str) -> bool:
    """A voter that is killed before that asks the others what became of its vote as soon as it is back (plugins/consensus/views)."""
    return person.daemon.get(f"/v1/events/{event}/lock")["strategy"].get("decided", True)


class World:
    """A temporary directory and the daemons in it. Use as a context manager."""

    def __init__(self, keep: bool = False):
        self.keep = keep
        self.daemons: list[Daemon] = []

    def __enter__(self) -> "World":
        for variable, value in (("CALBOXD", CALBOXD), ("CALBOXCTL", CALBOXCTL)):
            if not value or not os.access(value, os.X_OK):
                raise SystemExit(f"set {variable} to the program to test (it is {value!r})")
        # Short, because the path of a Unix socket may have 107 bytes.
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="calbox-", dir="/tmp"))
        return self

    def __exit__(self, kind, problem, _trace) -> None:
        if problem is not None and not isinstance(problem, (KeyboardInterrupt, SystemExit, Skip)):
            for daemon in self.daemons:
                print(f"--- the end of {daemon.name}'s log\n{daemon.log_tail()}", file=sys.stderr)
        self.end()

    def end(self) -> None:
        """Ends every daemon of this world and removes its directory; returns when nothing is left."""
        self.stop()
        logs = {daemon.name: daemon.log.read_text(errors="replace") for daemon in self.daemons if daemon.log.exists()}
        if self.keep:
            print(f"kept: {self.path}", file=sys.stderr)
        else:
            shutil.rmtree(self.path, ignore_errors=True)
        for name, log in logs.items():
            expect_clean(log, f"{name}'s log")

    def stop(self) -> None:
        """Ends every daemon of this world."""
        for daemon in self.daemons:
            if daemon.running():
                daemon.process.send_signal(signal.SIGTERM)
        for daemon in self.daemons:
            if daemon.process:
                try:
                    daemon.process.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    daemon.kill()

    def daemon(self, name: str, start: bool = True, kind: type = Daemon, **config) -> Daemon:
        """Keys of the configuration with a dot are written with two underscores: network__join."""
        made = kind(self, name, {key.replace("__", "."): value for key, value in config.items()})
        self.daemons.append(made)
        if start:
            made.start()
        return made

    def hub(self, **config) -> Daemon:
        """Registry, rendezvous and backup in one: it founds a network at its first start."""
        hub = self.daemon("hub", roles=["registry", "rendezvous", "backup"], **config)
        wait_until(lambda: hub.get("/v1/network")["id"], "the hub has founded a network")
        return hub

    def edge(self, name: str, hub: Daemon, **config) -> Daemon:
        edge = self.daemon(name, roles=["edge"], **config)
        edge.join(hub.invite("edge"))
        edge.wait_connected()
        return edge

    def file(self, name: str, size: int = 0, text: str = "") -> pathlib.Path:
        """A file with `text`, or with `size` bytes that do not compress and are the same in every run."""
        path = self.path / "files" / name
        path.parent.mkdir(exist_ok=True)
        if text:
            path.write_text(text)
            return path
        with open(path, "wb") as out:
            block, number = b"", 0
            while out.tell() < size:
                block = hashlib.sha256(f"{name} {number}".encode()).digest() * 32
                number += 1
                out.write(block[:size - out.tell()])
        return path


def url(event: str, *more: str) -> str:
    """The path of an event, or of what belongs to it, on the API."""
    organizer, seq = event.split("/")
    parts = ["/v1/events", organizer, seq, *(urllib.parse.quote(part, safe="") for part in more)]
    return "/".join(parts)


def befriend(one: Person, other: Person) -> None:
    one.ask_friend(other.name)
    wait_until(lambda: other.friend_state(one.name) == "asks", f"{other.name} is asked")
    other.accept_friend(one.name)
    wait_until(lambda: one.friend_state(other.name) == "friend", f"{one.name} and {other.name} are friends")


def main(*tests) -> None:
    """Runs the tests given as functions of a World; exits 1 when one fails, 77 when none did and one cannot run here.
    `script.py NAME` runs one of them."""
    chosen = [test for test in tests if len(sys.argv) < 2 or test.__name__ in sys.argv[1:]]
    if not chosen:
        raise SystemExit(f"no such test; there are: {', '.join(test.__name__ for test in tests)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # whoever ends it finds nothing left, either
    failed, skipped = [], []
    for test in chosen:
        begun = time.monotonic()
        try:
            with World(keep=os.environ.get("CALBOX_KEEP", "") == "1") as world:
                test(world)
        except Skip as why:
            print(f"skipped {test.__name__}: {why}", flush=True)
            skipped.append(test.__name__)
            continue
        except (AssertionError, subprocess.TimeoutExpired, OSError, http.client.HTTPException, LookupError, ValueError):
            traceback.print_exc()
            failed.append(test.__name__)
        word = "FAILED" if test.__name__ in failed else "ok"
        print(f"{word:7}{test.__name__} ({time.monotonic() - begun:.1f} s)", flush=True)
    raise SystemExit(1 if failed else SKIPPED if skipped else 0)
