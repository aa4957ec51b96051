"""What moving files costs (goals F1 to F9): two real daemons on loopback, and in the same run what others need for the same bytes.

CPU seconds are of whole processes, user and system, for each GiB; ratios say more than seconds, since everything of one round runs
in turn on the same machine. Compared with: one TLS stream of asio::ssl into memory (tls_stream), nginx with curl and with aria2c over
TLS to the disk, and, for small files, a folder of syncthing. What is not installed is left out, and the output says so (they are
Debian's nginx, curl, aria2 and syncthing). Prints one JSON document.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "e2e"))
sys.dont_write_bytecode = True

import harness  # noqa: E402
from chaos_proxy import Proxy, Weather  # noqa: E402
from harness import expect, wait_until  # noqa: E402

GIB = 1 << 30
MIB = 1 << 20
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_of(*pids: int) -> float:
    """Seconds that these processes have used, their threads included and their children not."""
    total = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def summary(size: int, seconds: float, receiver: float, sender: float) -> dict:
    return {"mib_per_s": round(size / MIB / seconds, 1), "receiver_cpu_s_per_gib": round(receiver * GIB / size, 3),
            "sender_cpu_s_per_gib": round(sender * GIB / size, 3)}


class Bench:
    """Alice shares events with Bob; nobody keeps copies of files, so that every byte that moves is asked for."""

    def __init__(self, world: harness.World, names=("alice", "bob"), through: dict[str, Proxy] | None = None):
        self.world = world
        self.hub = world.daemon("hub", roles=["registry", "rendezvous"])
        wait_until(lambda: self.hub.get("/v1/network")["id"], "the hub has founded a network")
        self.people = {}
        for name in names:
            edge = world.daemon(name, roles=["edge"], reach="direct_only")
            if through and name in through:
                address = edge.addresses()[0]
                edge.terminate()
                edge.config["advertise"] = [through[name].way_to(address)]
                edge.start()
            edge.join(self.hub.invite("edge"))
            edge.wait_connected()
            self.people[name] = edge.person(name).register()
        self.number = 0

    def __getitem__(self, name: str) -> harness.Person:
        return self.people[name]

    def event(self, title: str = "Film", files=()) -> str:
        alice, *others = self.people.values()
        made = alice.add_event(title, "2031-01-01 10:00+60m", [one.name for one in others])
        for one in others:
            one.wait_event(made)
        for file in files:
            alice.add_file(made, file)
        for one in others:
            wait_until(lambda: len(one.event(made)["files"]) == len(files), f"{one.name} sees the files", 60)
        return made

    def fetch(self, name: str, event: str, file: str, timeout: float = 3600) -> float:
        begun = time.perf_counter()
        status, answer = self[name].daemon.api("POST", harness.url(event, "files", file, "fetch"), {}, timeout=timeout)
        expect(status == 200, f"{name} could not fetch {file}: {status} {answer}")
        return time.perf_counter() - begun

    def held(self, name: str, event: str, at: int = 0) -> dict:
        return self[name].event(event)["files"][at]


def ours(world: harness.World, data: pathlib.Path, rounds: int, between) -> dict:
    """One file a round: sealed and stored by Alice, fetched by Bob, deciphered for a client of his."""
    bench = Bench(world)
    size = data.stat().st_size
    found = {"import": [], "fetch": [], "read": []}
    for number in range(rounds):
        event = bench.event(f"round {number}")
        alice, bob = (bench[name].daemon.process.pid for name in ("alice", "bob"))
        before, begun = cpu_of(alice), time.perf_counter()
        bench["alice"].add_file(event, data)
        seconds = time.perf_counter() - begun
        found["import"].append({"mib_per_s": round(size / MIB / seconds, 1),
                                "cpu_s_per_gib": round((cpu_of(alice) - before) * GIB / size, 3)})
        wait_until(lambda: bench["bob"].event(event)["files"], "Bob sees the file", 60)
        sent, received = cpu_of(alice), cpu_of(bob)
        seconds = bench.fetch("bob", event, data.name)
        found["fetch"].append(summary(size, seconds, cpu_of(bob) - received, cpu_of(alice) - sent))
        received, begun = cpu_of(bob), time.perf_counter()
        got = bench["bob"].get_file(event, data.name, world.path / "got")
        seconds = time.perf_counter() - begun
        found["read"].append({"mib_per_s": round(size / MIB / seconds, 1),
                              "cpu_s_per_gib": round((cpu_of(bob) - received) * GIB / size, 3)})
        if number == 0:
            expect(harness.sha256(got) == harness.sha256(data), "another file came")
        got.unlink()
        between()
    return found


@contextlib.contextmanager
def nginx(folder: pathlib.Path, served: pathlib.Path):
    """Serves the file over TLS 1.3; gives its address and the worker's process id."""
    home = folder / "nginx"
    home.mkdir()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=localhost", "-days", "2",
                    "-keyout", home / "key.pem", "-out", home / "cert.pem"], check=True, capture_output=True)
    port = free_port()
    (home / "nginx.conf").write_text(f"""
daemon off; master_process off; pid {home}/pid; error_log {home}/error.log;
events {{ worker_connections 64; }}
http {{ access_log off; sendfile on; server {{ listen 127.0.0.1:{port} ssl; root {served.parent};
  ssl_certificate {home}/cert.pem; ssl_certificate_key {home}/key.pem; ssl_protocols TLSv1.3; ssl_buffer_size 16k; }}
  client_body_temp_path {home}/a; proxy_temp_path {home}/b; fastcgi_temp_path {home}/c; uwsgi_temp_path {home}/d; scgi_temp_path {home}/e; }}
""")
    process = subprocess.Popen(["nginx", "-c", str(home / "nginx.conf"), "-e", str(home / "error.log")],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def answers() -> bool:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True

    try:
        wait_until(answers, "nginx answers")
        yield f"https://127.0.0.1:{port}/{served.name}", process.pid
    finally:
        process.terminate()
        process.wait()


def by_client(command: list[str], server: int, size: int, target: pathlib.Path) -> dict:
    sent, before, begun = cpu_of(server), resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seconds, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    expect(target.stat().st_size == size, f"{command[0]} fetched something else")
    target.unlink()
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return summary(size, seconds, used, cpu_of(server) - sent)


class Others:
    """The same bytes by other programs, once for each call of round()."""

    def __init__(self, folder: pathlib.Path, data: pathlib.Path, stack: contextlib.ExitStack, wanted: list[str]):
        self.folder, self.data = folder, data
        self.found, self.left_out = {}, {}
        self.server = None
        self.wanted = []
        for name, programs in (("tls_stream", [os.environ["CALBOX_TLS_STREAM"]]), ("curl", ["nginx", "curl", "openssl"]),
                               ("aria2c", ["nginx", "aria2c", "openssl"])):
            missing = [one for one in programs if not shutil.which(one)]
            if name not in wanted:
                self.left_out[name] = "not asked for"
            elif missing:
                self.left_out[name] = f"not installed: {', '.join(missing)}"
            else:
                self.wanted.append(name)
        if "curl" in self.wanted or "aria2c" in self.wanted:
            self.address, self.server = stack.enter_context(nginx(folder, data))

    def round(self) -> None:
        size, target = self.data.stat().st_size, self.folder / "fetched"
        for name in self.wanted:
            if name == "tls_stream":
                said = subprocess.run([os.environ["CALBOX_TLS_STREAM"], str(size)], check=True, capture_output=True, text=True)
                raw = json.loads(said.stdout)
                made = summary(size, raw["seconds"], raw["receiver_cpu_s"], raw["sender_cpu_s"])
            elif name == "curl":
                made = by_client(["curl", "-sk", "--tlsv1.3", "-o", str(target), self.address], self.server, size, target)
            else:
                made = by_client(["aria2c", "-q", "-x4", "-s4", "--check-certificate=false", "--file-allocation=none",
                                  "--allow-overwrite=true", "-d", str(self.folder), "-o", target.name, self.address],
                                 self.server, size, target)
            self.found.setdefault(name, []).append(made)


def three_sources(world: harness.World, size: int) -> dict:
    """F5: three holders behind lines of 100 Mbit/s each, and Dave who has none of it."""
    line = 100e6 / 8
    with contextlib.ExitStack() as stack:
        names = ("alice", "bob", "carol", "dave")  # who dials whom is left to them: a line lies before everybody
        proxies = {name: stack.enter_context(Proxy(Weather(bytes_per_s=line), seed=at)) for at, name in enumerate(names)}
        bench = Bench(world, names, proxies)
        data = world.file("shared.bin", size)
        event = bench.event(files=[data])
        for name in ("bob", "carol"):
            bench.fetch(name, event, data.name)
        before = sum(one.carried for one in proxies.values())
        seconds = bench.fetch("dave", event, data.name)
        carried = sum(one.carried for one in proxies.values()) - before
        return {"mib": size // MIB, "mib_per_s": round(size / MIB / seconds, 2), "of_the_sum": round(size / seconds / (3 * line), 3),
                "carried_over_size": round(carried / size, 5)}


def killed(world: harness.World, size: int, kills: int, seed: int) -> dict:
    """F6: Bob is killed at random moments; how much is carried beyond the file's own bytes, for each kill."""
    chance = random.Random(seed)
    with contextlib.ExitStack() as stack:
        proxies = {name: stack.enter_context(Proxy(Weather(bytes_per_s=40e6), seed=seed)) for name in ("alice", "bob")}
        bench = Bench(world, through=proxies)
        data = world.file("killed.bin", size)
        event = bench.event(files=[data])
        bob = bench["bob"]
        before, done = sum(one.carried for one in proxies.values()), 0
        for _ in range(kills):
            bob.do("files", "resume", event, data.name)
            aim = done + (size - done) * chance.uniform(0.05, 0.4)
            wait_until(lambda: bench.held("bob", event)["fetched"] > aim, "some of it has come", 120)
            bob.daemon.kill()
            done = max(done, int(aim))
            bob.daemon.start()
            bob.daemon.wait_connected()
        # Right after his start there may be nobody yet whom he could ask.
        fetch = harness.url(event, "files", data.name, "fetch")
        wait_until(lambda: bob.daemon.api("POST", fetch, {}, timeout=3600)[0] == 200, "Bob fetches it", 120)
        carried = sum(one.carried for one in proxies.values()) - before
        got = bob.get_file(event, data.name, world.path / "got")
        expect(harness.sha256(got) == harness.sha256(data), "another file came after kills")
        return {"mib": size // MIB, "kills": kills, "again_mib_per_kill": round((carried - size) / MIB / kills, 2)}


def corrupting(world: harness.World, size: int) -> dict:
    """F7: of three holders one has damaged bytes on its disk, and serves them as they are."""
    bench = Bench(world, ("alice", "bob", "carol", "dave"))
    seconds = {}
    for kind in ("sound", "corrupt"):
        data = world.file(f"{kind}.bin", size)
        event = bench.event(kind, files=[data])
        for name in ("bob", "carol"):
            bench.fetch(name, event, data.name)
        root = bench.held("carol", event)["root"]
        if kind == "corrupt":
            blob = next((bench["carol"].daemon.home / "data").rglob(root))
            with open(blob, "r+b") as file:
                for at in range(0, blob.stat().st_size, 50_000):
                    file.seek(at)
                    file.write(b"damaged")
        seconds[kind] = bench.fetch("dave", event, data.name)
        got = bench["dave"].get_file(event, data.name, world.path / kind)
        expect(harness.sha256(got) == harness.sha256(data), f"{kind}: another file came")
    return {"mib": size // MIB, "bad_bytes": 0, "slowdown": round(seconds["corrupt"] / seconds["sound"], 2)}


def form_of(files: list[tuple[str, bytes]]) -> tuple[bytes, dict]:
    """As browsers and curl send files; body and head."""
    edge = b"--" + random.Random(1).randbytes(16).hex().encode()
    body = b"".join(b'%s\r\nContent-Disposition: form-data; name="f"; filename="%s"\r\n\r\n%s\r\n' % (edge, name.encode(), data)
                    for name, data in files)
    return body + edge + b"--\r\n", {"Content-Type": "multipart/form-data; boundary=" + edge[2:].decode()}


def small_files(world: harness.World, count: int, each: int, one_by_one: bool = False) -> dict:
    """F8: files of 10 KiB, 200 at an event: attached together and fetched together, or each by requests of its own."""
    bench = Bench(world)
    alice, bob = bench["alice"], bench["bob"]
    per_event = min(200, count)
    events = [bench.event(f"photos {first}") for first in range(0, count, per_event)]
    contents = [[(f"{number}.bin", random.Random(first + number).randbytes(each)) for number in range(per_event)]
                for first in range(0, count, per_event)]
    forms = [form_of(files) for files in contents]
    pid, other = bob.daemon.process.pid, alice.daemon.process.pid
    used, begun = cpu_of(other), time.perf_counter()
    for event, files, (body, head) in zip(events, contents, forms):
        for name, data in files if one_by_one else ():
            status, answer = alice.daemon.api("POST", harness.url(event, "files", name), data)
            expect(status == 201, f"attaching: {status} {answer}")
        if not one_by_one:
            status, answer = alice.daemon.api("POST", harness.url(event, "files"), body, headers=head, timeout=300)
            expect(status == 201, f"attaching: {status} {answer}")
    attached, attaching = time.perf_counter() - begun, cpu_of(other) - used
    for event in events:
        wait_until(lambda: len(bob.event(event)["files"]) == per_event, "Bob sees them", 120)
    received, sent, begun = cpu_of(pid), cpu_of(other), time.perf_counter()
    for event in events:
        for number in range(per_event) if one_by_one else ():
            status, answer = bob.daemon.api("POST", harness.url(event, "files", f"{number}.bin", "resume"), {})
            expect(status == 200, f"asking: {status} {answer}")
        if not one_by_one:
            status, answer = bob.daemon.api("POST", harness.url(event, "fetch"), {}, timeout=300)
            expect(status == 200 and all(file["held"] == "here" for file in answer["files"]), f"fetching: {status}")
    wait_until(lambda: all(file["held"] == "here" for event in events for file in bob.event(event)["files"]), "all are here", 300)
    seconds = time.perf_counter() - begun
    receiving, sending = cpu_of(pid) - received, cpu_of(other) - sent
    name, data = contents[-1][-1]
    status, got = bob.daemon.api("GET", harness.url(events[-1], "files", name))
    expect(status == 200 and got == data, "another file came")
    count = per_event * len(events)
    return {"files": count, "bytes_each": each, "attached_per_s": round(count / attached, 1), "fetched_per_s": round(count / seconds, 1),
            "author_cpu_ms_per_file": round(attaching * 1000 / count, 3),
            "receiver_cpu_ms_per_file": round(receiving * 1000 / count, 3),
            "sender_cpu_ms_per_file": round(sending * 1000 / count, 3), "fsync_ms": round(fsync_ms(world.path), 2)}


def fsync_ms(folder: pathlib.Path) -> float:
    """Median of an fsync of 10 KiB on this disk, now."""
    times = []
    with open(folder / "fsync", "wb") as file:
        for _ in range(21):
            file.write(bytes(10 * 1024))
            file.flush()
            begun = time.perf_counter()
            os.fsync(file.fileno())
            times.append((time.perf_counter() - begun) * 1000)
    return statistics.median(times)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return door.getsockname()[1]


class Syncthing:
    """One of two that share a folder over loopback, and talk to nobody else."""

    def __init__(self, folder: pathlib.Path, name: str):
        self.home, self.shared = folder / f"syncthing-{name}", folder / f"shared-{name}"
        (self.shared / ".stfolder").mkdir(parents=True)
        self.listen, self.gui = free_port(), free_port()
        subprocess.run(["syncthing", "generate", "--home", self.home, "--no-default-folder"], check=True, capture_output=True)
        said = subprocess.run(["syncthing", "--home", self.home, "--device-id"], check=True, capture_output=True, text=True)
        self.id = said.stdout.strip()
        self.process = None

    def start(self, other: "Syncthing") -> None:
        file = self.home / "config.xml"
        config = xml.etree.ElementTree.parse(file)
        root = config.getroot()
        for old in root.findall("folder") + root.findall("device"):
            root.remove(old)
        shared = xml.etree.ElementTree.SubElement(root, "folder", id="photos", path=str(self.shared), type="sendreceive",
                                                  rescanIntervalS="3600", fsWatcherEnabled="false")
        for one in (self, other):
            xml.etree.ElementTree.SubElement(shared, "device", id=one.id)
            device = xml.etree.ElementTree.SubElement(root, "device", id=one.id, compression="never")
            xml.etree.ElementTree.SubElement(device, "address").text = f"tcp://127.0.0.1:{one.listen}"
        options = root.find("options")
        for key, value in {"listenAddress": f"tcp://127.0.0.1:{self.listen}", "globalAnnounceEnabled": "false",
                           "localAnnounceEnabled": "false", "relaysEnabled": "false", "natEnabled": "false", "startBrowser": "false",
                           "crashReportingEnabled": "false", "urAccepted": "-1", "autoUpgradeIntervalH": "0"}.items():
            for old in options.findall(key):
                options.remove(old)
            xml.etree.ElementTree.SubElement(options, key).text = value
        gui = root.find("gui")
        gui.find("address").text = f"127.0.0.1:{self.gui}"
        self.key = gui.find("apikey").text
        config.write(file)
        self.process = subprocess.Popen(["syncthing", "serve", "--home", self.home, "--no-browser", "--no-upgrade", "--no-restart"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "HOME": str(self.home)})

    def ask(self, method: str, path: str):
        connection = http.client.HTTPConnection("127.0.0.1", self.gui, timeout=120)
        connection.request(method, path, headers={"X-API-Key": self.key})
        answer = connection.getresponse()
        text = answer.read()
        expect(answer.status == 200, f"syncthing: {path}: {answer.status} {text[:200]!r}")
        return json.loads(text) if text.startswith(b"{") else text

    def cpu(self) -> float:
        """It watches over itself with a second process."""
        pid = self.process.pid
        children = [one for file in pathlib.Path(f"/proc/{pid}/task").glob("*/children") for one in file.read_text().split()]
        return cpu_of(pid, *map(int, children))

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait()


def syncthing_folder(folder: pathlib.Path, count: int, each: int) -> dict:
    """The same small files in a folder; from when Alice is told to look at it. Both sides' processor is of the whole time."""
    alice, bob = (Syncthing(folder, name) for name in ("alice", "bob"))
    try:
        alice.start(bob)
        bob.start(alice)
        wait_until(lambda: bob.ask("GET", "/rest/system/connections")["connections"][alice.id]["connected"], "they are connected", 60)
        for number in range(count):
            (alice.shared / f"{number}.bin").write_bytes(random.Random(number).randbytes(each))
        received, sent, begun = bob.cpu(), alice.cpu(), time.perf_counter()
        alice.ask("POST", "/rest/db/scan?folder=photos")
        wait_until(lambda: sum(1 for one in bob.shared.glob("*.bin") if not one.name.startswith(".")) == count, "all are here", 600)
        seconds = time.perf_counter() - begun
        return {"fetched_per_s": round(count / seconds, 1),
                "receiver_cpu_ms_per_file": round((bob.cpu() - received) * 1000 / count, 3),
                "sender_cpu_ms_per_file": round((alice.cpu() - sent) * 1000 / count, 3)}
    finally:
        alice.stop()
        bob.stop()


def latency(world: harness.World, size: int, events: int, bytes_per_s: float) -> dict:
    """F9: how much later Bob is told of Alice's events while he fetches a file from her. Over a line of `bytes_per_s`, where that is not 0."""
    with contextlib.ExitStack() as stack:
        proxies = {}
        if bytes_per_s:
            proxies = {name: stack.enter_context(Proxy(Weather(bytes_per_s=bytes_per_s))) for name in ("alice", "bob")}
        bench = Bench(world, through=proxies)
        data = world.file("stream.bin", size)
        film = bench.event(files=[data])
        alice, bob = bench["alice"], bench["bob"]
        watching = harness.UnixConnection(bob.daemon.socket, timeout=120)
        watching.request("GET", "/v1/watch")
        told = watching.getresponse()

        def once(number: int) -> float:
            draft = {"title": f"event {number}.", "start": "2031-01-01T10:00:00", "participants": ["bob"]}
            begun = time.perf_counter()
            status, answer = alice.daemon.api("POST", "/v1/events", draft, timeout=120)
            expect(status == 201, f"event {number}: {status} {answer}")
            while not (line := told.readline()).startswith(b"data:") or draft["title"].encode() not in line:
                pass
            return (time.perf_counter() - begun) * 1000

        idle = [once(number) for number in range(events + 5)][5:]
        fetching = threading.Thread(target=bench.fetch, args=("bob", film, data.name))
        fetching.start()
        wait_until(lambda: bench.held("bob", film)["fetched"] > 0, "the file comes", 60)
        busy = []
        while len(busy) < events and bench.held("bob", film)["held"] != "here":
            busy.append(once(10_000 + len(busy)))
        if fetching.is_alive():
            bob.ctl("files", "pause", film, data.name)  # enough is known
        watching.close()
        fetching.join()

        def of(times: list[float]) -> dict:
            ordered = sorted(times)
            return {"count": len(times), "median_ms": round(statistics.median(times), 2), "p99_ms": round(ordered[len(ordered) * 99 // 100], 2)}

        return {"line_mib_per_s": round(bytes_per_s / MIB, 2), "idle": of(idle), "streaming": of(busy) if busy else None}


def median_of(rows: list[dict]) -> dict:
    return {key: round(statistics.median(row[key] for row in rows), 3) for key in rows[0]}


def ratios(found: dict) -> dict:
    mine, made = found["fetch"], {}
    if "tls_stream" in found["others"]:
        raw = found["others"]["tls_stream"]
        made["F3_throughput_over_tls_stream"] = round(mine["mib_per_s"] / raw["mib_per_s"], 3)
        made["sender_cpu_over_tls_stream"] = round(mine["sender_cpu_s_per_gib"] / raw["sender_cpu_s_per_gib"], 2)
    if "curl" in found["others"]:
        made["F1_receiver_cpu_over_curl"] = round(mine["receiver_cpu_s_per_gib"] / found["others"]["curl"]["receiver_cpu_s_per_gib"], 2)
    if "aria2c" in found["others"]:
        made["F4_throughput_over_aria2c"] = round(mine["mib_per_s"] / found["others"]["aria2c"]["mib_per_s"], 3)
    return made


PARTS = ("transfer", "sources", "kills", "corrupt", "small", "latency")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mib", type=int, default=1024, help="the large file")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--small", type=int, default=10_000, help="how many small files")
    parser.add_argument("--one-by-one", action="store_true", help="each small file by requests of its own")
    parser.add_argument("--events", type=int, default=200, help="whose latency is measured")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--others", nargs="*", default=["tls_stream", "curl", "aria2c", "syncthing"])
    options = parser.parse_args()
    size = options.mib * MIB
    found: dict = {"benchmark": "files", "mib": options.mib}
    if "transfer" in options.parts:
        with harness.World() as world, contextlib.ExitStack() as stack:
            data = world.file("large.bin", size)
            others = Others(world.path, data, stack, options.others)
            rows = ours(world, data, options.rounds, others.round)
            found.update({key: median_of(value) for key, value in rows.items()})
            found["others"] = {key: median_of(value) for key, value in others.found.items()}
            found["left_out"] = others.left_out
            found["ratios"] = ratios(found)
    smaller = max(size // 4, 8 * MIB)
    for part, run in (("sources", lambda world: three_sources(world, smaller)),
                      ("kills", lambda world: killed(world, smaller, options.kills, 1)),
                      ("corrupt", lambda world: corrupting(world, smaller)),
                      ("small", lambda world: small_files(world, options.small, 10 * 1024, options.one_by_one))):
        if part in options.parts:
            with harness.World() as world:
                found[part] = run(world)
                if part == "small" and "syncthing" in options.others:
                    missing = not shutil.which("syncthing")
                    found[part]["syncthing"] = "not installed" if missing else syncthing_folder(world.path, options.small, 10 * 1024)
            print(f"{part}: {json.dumps(found[part])}", file=sys.stderr, flush=True)
    if "latency" in options.parts:
        found["latency"] = []
        for line in (0, 1e6):
            with harness.World() as world:
                found["latency"].append(latency(world, size if not line else smaller, options.events, line))
    print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
