"""One account with many events, in a real daemon over its socket: how soon it answers after a start, a month's list, a search, and
its memory.

The store is filled by importing iCalendar files, event by event, as a person's would be. A cold start ends with the first list that is
answered. Beside the times of the requests, one that does nothing; prints JSON.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import datetime
import json
import os
import pathlib
import random
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests" / "e2e"))
sys.dont_write_bytecode = True

import harness  # noqa: E402

SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
PER_FILE = 1_000
IMPORTS_AT_ONCE = 4
YEARS = 20


def word(chance: random.Random) -> str:
    """One of 20,000 words, of which a few are in many texts (Zipf)."""
    number = int(20_000 ** chance.random()) - 1
    return "".join(SYLLABLES[(number // 70**i + i * 7) % 70] for i in range(3))


def calendar(chance: random.Random, first: int, count: int, all_of_them: int) -> str:
    begin = datetime.datetime(2016, 1, 1)
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//CalendarBox//bench//EN"]
    for number in range(first, first + count):
        start = begin + datetime.timedelta(days=365 * YEARS * number / all_of_them)
        lines += ["BEGIN:VEVENT", f"UID:bench-{number}@example.org", f"DTSTAMP:{begin:%Y%m%dT%H%M%SZ}", f"DTSTART:{start:%Y%m%dT%H%M%SZ}",
                  "DURATION:PT30M", "SUMMARY:" + " ".join(word(chance) for _ in range(4)),
                  "DESCRIPTION:" + " ".join(word(chance) for _ in range(12)), f"LOCATION:Room {number % 40}", "END:VEVENT"]
    return "\r\n".join(lines + ["END:VCALENDAR", ""])


def memory_mb(daemon: harness.Daemon) -> dict[str, float]:
    text = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {"resident_mb": int(fields["VmRSS"].split()[0]) / 1e3, "peak_mb": int(fields["VmHWM"].split()[0]) / 1e3}


def processor_s(daemon: harness.Daemon) -> float:
    fields = pathlib.Path(f"/proc/{daemon.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def fsync_ms(folder: pathlib.Path) -> float:
    """What the disk takes to make a page durable: median of 31."""
    times = []
    with open(folder / "fsync", "wb") as file:
        for _ in range(31):
            file.write(bytes(4096))
            file.flush()
            begun = time.perf_counter()
            os.fsync(file.fileno())
            times.append((time.perf_counter() - begun) * 1e3)
    return round(statistics.median(times), 2)


def rest(daemon: harness.Daemon) -> float:
    """Until the daemon has nothing to do any more; how long that took."""
    begun, used = time.monotonic(), -1.0
    while (now := processor_s(daemon)) - used > 0.05:
        used = now
        time.sleep(0.5)
    return time.monotonic() - begun


def timed(asking: harness.UnixConnection, path: str) -> tuple[float, dict]:
    begun = time.perf_counter()
    asking.request("GET", path)
    answer = asking.getresponse()
    text = answer.read()
    taken = (time.perf_counter() - begun) * 1e3
    harness.expect(answer.status == 200, f"{path}: {answer.status} {text[:200]!r}")
    return taken, json.loads(text)


def summary(all_of_them: list[float]) -> dict[str, float]:
    ordered = sorted(all_of_them)
    return {"median_ms": round(statistics.median(ordered), 2), "p90_ms": round(ordered[len(ordered) * 9 // 10], 2),
            "longest_ms": round(ordered[-1], 2)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=101)
    options = parser.parse_args()
    chance = random.Random(20140512)
    found: dict = {"benchmark": "large_account", "events": options.events}
    with harness.World() as world:
        found["fsync_ms"] = fsync_ms(world.path)
        hub = world.daemon("hub", roles=["registry", "rendezvous"])
        harness.wait_until(lambda: hub.get("/v1/network")["id"], "the hub has founded a network")
        edge = world.edge("alice", hub)
        edge.person("alice").register()
        begun, used = time.monotonic(), processor_s(edge)

        def bring(first: int) -> None:
            count = min(PER_FILE, options.events - first)
            body = calendar(random.Random(first), first, count, options.events).encode()
            status, answer = edge.api("POST", "/v1/import", body=body, timeout=3600, headers={"Content-Type": "text/calendar"})
            harness.expect(status == 200 and answer["added"] == count, f"import: {status} {str(answer)[:300]}")

        with concurrent.futures.ThreadPoolExecutor(IMPORTS_AT_ONCE) as pool:
            list(pool.map(bring, range(0, options.events, PER_FILE)))
        found["import"] = {"seconds": round(time.monotonic() - begun, 1), "processor_s": round(processor_s(edge) - used, 1)}
        edge.terminate(60)
        found["store_mb"] = round(sum(one.stat().st_size for one in edge.home.rglob("*") if one.is_file()) / 1e6, 1)
        starts, processor = [], []
        for _ in range(3):
            begun = time.monotonic()
            edge.launch()
            edge.wait_ready(120)
            asking = harness.UnixConnection(edge.socket, timeout=120)
            timed(asking, "/v1/events?from=2020-05-01&to=2020-06-01")
            starts.append(time.monotonic() - begun)
            processor.append(processor_s(edge))
            asking.close()
            if len(starts) < 3:
                edge.terminate(60)
        found["cold_start"] = {"seconds": [round(one, 2) for one in starts], "processor_s": [round(one, 2) for one in processor]}
        found["memory_after_start"] = memory_mb(edge)
        asking = harness.UnixConnection(edge.socket, timeout=120)
        searches, nothing, listed, hits = [], [], 0, 0

        def list_months() -> list[float]:
            nonlocal listed
            times = []
            for number in range(options.requests):
                nothing.append(timed(asking, "/health")[0])
                year, month = 2016 + number % YEARS, 1 + number % 11
                taken, answer = timed(asking, f"/v1/events?from={year}-{month:02}-01&to={year}-{month + 1:02}-01")
                times.append(taken)
                listed += len(answer["events"])
            return times

        at_once = list_months()
        found["all_opened_after_s"] = round(rest(edge), 1)
        months = list_months()
        begun = time.monotonic()  # the first search makes the index
        timed(asking, "/v1/search?q=bada")
        found["first_search_s"] = round(time.monotonic() - begun, 2)
        for number in range(options.requests):
            typed = word(chance) if number % 3 else word(chance)[:4]
            taken, answer = timed(asking, f"/v1/search?q={typed}{'%20' + word(chance) if number % 3 == 1 else ''}")
            searches.append(taken)
            hits += len(answer["found"])
        found["nothing"], found["month"], found["search"] = summary(nothing), summary(months), summary(searches)
        found["month_right_after_the_start"] = summary(at_once)
        found["events_in_a_month"] = round(listed / options.requests / 2, 1)
        found["found_by_a_search"] = round(hits / options.requests, 1)
        found["memory"] = memory_mb(edge)
    harness.expect(listed > 0 and hits > 0, "nothing was listed, or found")
    print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
