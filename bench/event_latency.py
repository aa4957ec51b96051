"""How long until an event that Alice creates is seen by Bob: real daemons, real TLS, fsync on.

From the first byte of Alice's request to the change that Bob's /v1/watch tells; one event at a time. In the same run: an fsync in
the same file system, and a round trip over our TLS. Prints one JSON document. Ratios say more than milliseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "e2e"))
sys.dont_write_bytecode = True

import harness  # noqa: E402


def summary(milliseconds: list[float]) -> dict:
    ordered = sorted(milliseconds)
    return {
        "count": len(ordered),
        "median_ms": round(statistics.median(ordered), 3),
        "p90_ms": round(ordered[len(ordered) * 90 // 100], 3),
        "p99_ms": round(ordered[len(ordered) * 99 // 100], 3),
        "max_ms": round(ordered[-1], 3),
    }


def fsync_times(folder: pathlib.Path, rounds: int = 300) -> dict:
    """Writes of 4 KiB within a file, each made durable: the least that one acknowledged change can cost. A file that grows
    costs more, because its length must become durable, too; a write-ahead log that is used again does not grow."""
    taken = []
    file = os.open(folder / "fsync", os.O_CREAT | os.O_WRONLY, 0o600)
    os.write(file, b"-" * 4096 * rounds)
    os.fsync(file)
    for number in range(rounds):
        begun = time.perf_counter()
        os.pwrite(file, b"x" * 4096, number * 4096)
        os.fdatasync(file)
        taken.append((time.perf_counter() - begun) * 1000)
    os.close(file)
    return summary(taken)


def event_times(world: harness.World, count: int, relayed: bool) -> dict:
    hub = world.hub()
    alice = world.edge("alice", hub).person("alice").register()
    bob = world.edge("bob", hub, **({"reach": "relay_only"} if relayed else {})).person("bob").register()
    asking = harness.UnixConnection(alice.daemon.socket, timeout=60)
    watching = harness.UnixConnection(bob.daemon.socket, timeout=60)
    watching.request("GET", "/v1/watch")
    told = watching.getresponse()
    taken = []
    for number in range(count + 10):
        day, minute = divmod(number, 1440)
        start = f"2031-{day // 28 + 1:02}-{day % 28 + 1:02}T{minute // 60:02}:{minute % 60:02}:00"
        draft = {"title": f"event {number}", "start": start, "end": start, "participants": ["bob"]}
        begun = time.perf_counter()
        asking.request("POST", "/v1/events", body=json.dumps(draft), headers={"Content-Type": "application/json"})
        wanted = f"event {number}".encode()
        while True:
            line = told.readline()
            if line.startswith(b"data:") and wanted in line:
                break
            # The stream says that it lives every 15 s, so that its own timeout does not come.
            if time.perf_counter() - begun > 60:
                raise harness.Failure(f"Bob's watch does not tell of event {number}; at Alice: {alice.events()[-1]}; "
                                      f"Bob has {len(bob.events())}")
        taken.append((time.perf_counter() - begun) * 1000)
        answer = asking.getresponse()
        harness.expect(answer.status == 201, f"event {number}: {answer.status} {answer.read()!r}")
        answer.read()
    return summary(taken[10:])  # the first ones dial


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1000)
    options = parser.parse_args()
    with harness.World() as world:
        found = {"benchmark": "event_latency", "fsync": fsync_times(world.path)}
        program = os.environ["CALBOX_TLS_ROUND_TRIP"]
        found["tls_round_trip"] = json.loads(subprocess.run([program], check=True, capture_output=True, text=True).stdout)
        found["event_direct"] = event_times(world, options.events, relayed=False)
    with harness.World() as world:
        found["event_relayed"] = event_times(world, options.events, relayed=True)
    # At best: durable at Alice, one way over TLS, durable at Bob.
    least = 2 * found["fsync"]["median_ms"] + found["tls_round_trip"]["median_ms"] / 2
    found["limit_ms"] = round(least, 3)
    found["direct_over_limit"] = round(found["event_direct"]["median_ms"] / least, 2)
    print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
