"""One real rendezvous with many edges on loopback (goal G28): accepts per second, memory per edge, processor while idle.

The edges are one process of TLS sessions without a calendar: they enrol (not counted), connect, lease, and say every 10 s that they
live. In the same run: a server that only shakes hands over the same TLS, with as many clients. Prints one JSON document. The
clients run on the same cores, so that accepts per second are those of both ends together.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "e2e"))
sys.dont_write_bytecode = True

import harness  # noqa: E402

EDGES = os.environ["CALBOX_RENDEZVOUS_EDGES"]
TICK = os.sysconf("SC_CLK_TCK")


def memory_kb(process: int) -> int:
    for line in pathlib.Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise harness.Failure(f"process {process} tells no VmRSS")


def cpu_seconds(process: int) -> float:
    fields = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


class Tool:
    """rendezvous_edges; next_line() is what it says."""

    def __init__(self, *arguments: str):
        self.process = subprocess.Popen([EDGES, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def next_line(self, stage: str | None = None) -> dict:
        line = self.process.stdout.readline()
        harness.expect(line, f"rendezvous_edges ended with {self.process.poll()}")
        said = json.loads(line)
        harness.expect(stage is None or said["stage"] == stage, f"{stage}: {said}")
        return said

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=60)


def bare_tls(count: int) -> dict:
    server = Tool("serve")
    where = server.next_line()
    before, used = memory_kb(server.process.pid), cpu_seconds(server.process.pid)
    clients = Tool("clients", where["address"], where["device"], count)
    connected = clients.next_line("connected")
    made = {"accepts_per_second": round(connected["per_second"]),
            "server_ms_per_accept": round((cpu_seconds(server.process.pid) - used) * 1000 / count, 3),
            "kb_per_connection": round((memory_kb(server.process.pid) - before) / count, 2)}
    clients.end()
    server.end()
    return made


def rendezvous(world: harness.World, count: int, seconds: int) -> dict:
    hub = world.daemon("hub", roles=["registry", "rendezvous"], rendezvous__edges_max=max(count + 10, 10_000))
    process = hub.process.pid
    tool = Tool("edges", hub.addresses()[0], hub.get("/v1/network")["id"], count, seconds)
    tool.next_line("enrolled")
    before, used = memory_kb(process), cpu_seconds(process)
    connected = tool.next_line("connected")
    accepting = cpu_seconds(process) - used
    after_connecting = memory_kb(process)
    leased = tool.next_line("leased")
    held = hub.status()["edges"]
    harness.expect(held == count, f"{held} of {count} have a lease")
    idle, begun = cpu_seconds(process), time.monotonic()
    lived = tool.next_line("lived")
    share = (cpu_seconds(process) - idle) / (time.monotonic() - begun)
    harness.expect(lived["failed"] == 0 and lived["heartbeats"] > 0, f"heartbeats: {lived}")
    after = memory_kb(process)
    tool.end()
    return {"accepts_per_second": round(connected["per_second"]),
            "server_ms_per_accept": round(accepting * 1000 / count, 3),
            "leases_per_second": round(leased["per_second"]),
            "kb_per_session": round((after_connecting - before) / count, 2),
            "kb_per_edge": round((after - before) / count, 2),
            "resident_mb": round(after / 1024, 1),
            "idle_percent_of_a_core": round(share * 100, 2),
            "heartbeats": lived["heartbeats"]}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--edges", type=int, default=10_000)
    options.add_argument("--seconds", type=int, default=60, help="of heartbeats")
    given = options.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    harness.expect(hard > given.edges + 200, f"only {hard} files may be open: ulimit -n")
    found = {"edges": given.edges}
    with harness.World() as world:
        found["rendezvous"] = rendezvous(world, given.edges, given.seconds)
    found["bare_tls"] = bare_tls(given.edges)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
