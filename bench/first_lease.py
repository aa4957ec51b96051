"""How soon an edge that knows its rendezvous has a lease again after a restart (goal G14): real processes, real TLS.

There are --rendezvous of them, as far away as --delay-ms says, each way, through the proxy of the tests, which answers the TCP
handshake itself: of a real network, add one round trip. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "e2e"))
sys.dont_write_bytecode = True

import harness  # noqa: E402
from chaos_proxy import Proxy, Weather  # noqa: E402
from chaos_test import behind  # noqa: E402

LOOK_EVERY_S = 0.005


def first_leases(delay_ms: float, starts: int, rendezvous: int) -> dict:
    taken = []
    with harness.World() as world, Proxy(Weather(delay_ms=delay_ms)) as proxy:
        hub = behind(proxy, world, "hub", roles=["registry", "rendezvous"])
        for number in range(2, rendezvous + 1):
            more = behind(proxy, world, f"rendezvous{number}", roles=["rendezvous"])
            more.join(hub.invite("rendezvous"))
        edge = world.daemon("edge", roles=["edge"])
        edge.join(hub.invite())
        edge.wait_connected(60)
        harness.wait_until(lambda: len(edge.get("/v1/net/rendezvous")["rendezvous"]) == rendezvous, "the edge knows all of them", 120)
        for _ in range(starts):
            time.sleep(1.5)  # until what it remembers is on its disk
            edge.terminate()
            edge.start()
            begun = time.monotonic()
            while edge.status()["state"] != "connected":
                harness.expect(time.monotonic() - begun < 60, "it has no lease after a minute")
                time.sleep(LOOK_EVERY_S)
            taken.append(time.monotonic() - begun)
    ordered = sorted(taken)
    return {"rendezvous": rendezvous, "round_trip_ms": 2 * delay_ms, "starts": starts, "p50_s": round(statistics.median(ordered), 3),
            "max_s": round(ordered[-1], 3)}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--starts", type=int, default=100)
    options.add_argument("--rendezvous", type=int, default=1)
    options.add_argument("--delay-ms", type=float, nargs="*", default=[0, 25, 100])
    given = options.parse_args()
    print(json.dumps([first_leases(delay, given.starts, given.rendezvous) for delay in given.delay_ms], indent=2))


if __name__ == "__main__":
    main()
