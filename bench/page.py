"""The page with a large calendar, in Debian's Chromium at real daemons: until the first event is painted, a year by months, and until
what Alice creates is painted on Bob's page.

Beside each, its limit on this machine in the same run: to fetch and read the list without drawing it, and one request of the page.
Prints one JSON document; 77 where there is no browser or no page.
"""

from __future__ import annotations

import argparse
import datetime
import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "e2e"))
sys.dont_write_bytecode = True

import harness  # noqa: E402
import page_test  # noqa: E402


def fill(person, count: int) -> None:
    """`count` events over the year around today, none overlapping another, every second one with categories."""
    first = datetime.datetime.now(datetime.timezone.utc).replace(hour=0, minute=0, second=0, microsecond=0) - datetime.timedelta(days=30)
    step = datetime.timedelta(days=395) / count
    asking = harness.UnixConnection(person.daemon.socket, timeout=60)
    for number in range(count):
        start, end = first + number * step, first + number * step + step * 0.8
        draft = {"title": f"event {number}", "start": start.strftime("%Y-%m-%dT%H:%M:%S"), "end": end.strftime("%Y-%m-%dT%H:%M:%S"),
                 "categories": [f"kind {number % 40}", "bench"] if number % 2 else []}
        asking.request("POST", "/v1/events", body=json.dumps(draft), headers={"Content-Type": "application/json"})
        answer = asking.getresponse()
        harness.expect(answer.status == 201, f"event {number}: {answer.status} {answer.read()!r}")
        answer.read()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--changes", type=int, default=50)
    options = parser.parse_args()
    try:
        node = page_test.tools()
        with harness.World() as world:
            hub = world.hub()
            alice, bob = (world.edge(name, hub).person(name).register() for name in ("alice", "bob"))
            page_test.address(alice.daemon)
            fill(alice, options.events)
            done = subprocess.run([node, str(pathlib.Path(__file__).with_name("page.mjs")), alice.do("web", "--print").strip(),
                                   bob.do("web", "--print").strip(), str(options.changes)],
                                  capture_output=True, text=True, timeout=600, check=False, env=page_test.surroundings(world))
            harness.expect(done.returncode == 0, f"page.mjs: {(done.stdout + done.stderr).strip()[-3000:]}")
    except harness.Skip as why:
        print(f"skipped: {why}")
        return harness.SKIPPED
    found = {"benchmark": "page", "events": options.events, **json.loads(done.stdout)}
    found["first_paint_over_limit"] = round(found["first_paint"]["median_ms"] / found["list_alone"]["median_ms"], 2)
    found["change_over_limit"] = round(found["change_at_the_other_page"]["median_ms"] / found["request"]["median_ms"], 2)
    print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
