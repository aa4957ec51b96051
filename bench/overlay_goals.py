#!/usr/bin/env python3
"""The goals of discovery that the lab's large worlds measure, of many seeds: runs bench/lab_worlds once for each scenario, strategy
and seed that has no result yet, one process at a time, and writes the worst of the seeds as the table of docs/track-record.md.

    overlay_goals.py run --worlds PROGRAM --plugins DIRECTORY --results DIRECTORY [--seeds 20] [--strategies random load_aware]
    overlay_goals.py table --results DIRECTORY [--strategies random load_aware]

Results are one JSON file each, as lab_worlds prints it; a run that was stopped is gone on with.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

# Scenario: edges and rendezvous.
WORLDS = {"balance": (10000, 100), "flash-crowd": (10000, 100), "uneven-rendezvous": (10000, 100), "tight-rendezvous": (10000, 100),
          "rendezvous-crash": (10000, 100), "storm": (10000, 2), "overload": (16000, 100)}
# Goal, what, scenario, figure, which of the seeds is the worst one, wanted of load_aware (of random, for G3).
ROWS = [
    ("G1", "load max/mean after 10 min", "balance", "load_max_over_mean_10min", max, "≤ 1.06"),
    ("G2", "load max/mean at 90 s, all arriving in 60 s", "balance", "load_max_over_mean_90s", max, "≤ 1.08"),
    ("G3", "flash crowd: least load max/mean", "flash-crowd", "load_max_over_mean", min, "`random`: ≥ 1.18"),
    ("G3", "flash crowd: most load max/mean", "flash-crowd", "load_max_over_mean", max, "`random`: ≤ 1.40"),
    ("G3", "flash crowd: least p of evenness", "flash-crowd", "load_evenness_p", min, "`random`: > 0.001"),
    ("", "load max/mean at the worst minute of 20 quiet ones", "balance", "load_max_over_mean_steady", max, ""),
    ("G4", "the same at most, from 15 s after a tenth crashed", "balance", "load_max_over_mean_after_crash", max, "≤ 1.10"),
    ("G5", "returned rendezvous: least/mean after 5 min", "balance", "refill_of_returned_5min", min, "≥ 0.85"),
    ("G6", "edges moved in 20 quiet minutes", "balance", "moves_steady_20min", max, "≤ 10"),
    ("G6", "moved after the crash", "balance", "moves_after_crash", max, "≤ 50"),
    ("G6", "moved after the return", "balance", "moves_after_return", max, "≤ 900"),
    ("G7", "moved twice within an hour", "balance", "moved_twice_within_an_hour", max, "0"),
    ("G8", "uneven rooms: utilisation max/mean", "uneven-rendezvous", "utilisation_max_over_mean", max, "≤ 1.12"),
    ("G8", "uneven rooms: leases refused", "uneven-rendezvous", "leases_refused", max, "0"),
    ("G9", "room for 15 % more, a tenth crashes: leases refused", "tight-rendezvous", "leases_refused", max, "≤ 10"),
    ("G10", "silent crash: fail-over p50, s", "rendezvous-crash", "failover_silent_p50", max, "≤ 12"),
    ("G10", "silent crash: p99, s", "rendezvous-crash", "failover_silent_p99", max, "≤ 18"),
    ("G10", "silent crash: max, s", "rendezvous-crash", "failover_silent_max", max, "≤ 25"),
    ("G11", "killed process: fail-over p99, s", "rendezvous-crash", "failover_killed_p99", max, "≤ 4"),
    ("G12", "given up although there, in all of it", "rendezvous-crash", "false_failovers", max, "0"),
    ("G13", "10,000 edges at 2 rendezvous, one is killed: p99, s", "storm", "failover_p99", max, "≤ 30"),
    ("G13", "refused, of all that come", "storm", "refused_share", max, "≤ 0.01"),
    ("G13", "requests in the busiest second", "storm", "busiest_second", max, "≤ 300"),
    ("G17", "messages of an edge in a minute", "rendezvous-crash", "messages", max, "≤ 15"),
    ("G21", "room for 100 each, 16,000 come: first lease p99, s", "overload", "first_lease_p99", max, "≤ 2"),
    ("G21", "without a lease at the end", "overload", "without_lease_at_end", max, "0"),
]


def seeds_of(text):
    first, _, last = text.rpartition("-")
    return range(int(first or 1), int(last) + 1)


def file_of(args, scenario, strategy, seed):
    return pathlib.Path(args.results) / f"{scenario}.{strategy}.{seed}.json"


def run(args):
    os.makedirs(args.results, exist_ok=True)
    environment = dict(os.environ, CALBOX_PLUGINS=args.plugins)
    for seed in seeds_of(args.seeds):
        for scenario, (edges, rendezvous) in WORLDS.items():
            for strategy in args.strategies:
                result = file_of(args, scenario, strategy, seed)
                if result.exists():
                    continue
                begun = time.monotonic()
                ended = subprocess.run([args.worlds, str(edges), str(rendezvous), scenario, str(seed), strategy],
                                       env=environment, capture_output=True, text=True)
                # 1: a goal was missed, which is a result, too.
                if ended.returncode not in (0, 1) or not ended.stdout:
                    sys.exit(f"{scenario}, {strategy}, seed {seed}: {ended.stderr}")
                json.loads(ended.stdout)
                unfinished = result.with_suffix(".part")
                unfinished.write_text(ended.stdout)
                unfinished.rename(result)
                print(f"{scenario} {strategy} {seed}: {time.monotonic() - begun:.1f} s", flush=True)


def values_of(args, scenario, strategy, name):
    """Of each seed that has a result: {seed: value}."""
    values = {}
    for path in pathlib.Path(args.results).glob(f"{scenario}.{strategy}.*.json"):
        for figure in json.loads(path.read_text())["figures"]:
            if figure["name"] == name:
                values[int(path.name.split(".")[2])] = figure["value"]
    return values


def shown(value):
    return f"{value:,.0f}" if value == int(value) else f"{value:.2f}" if value < 10 else f"{value:,.1f}"


def table(args):
    print("| goal | what | " + " | ".join(f"`{one}`" for one in args.strategies) + " | wanted |")
    print("| --- | --- | " + "--- | " * len(args.strategies) + "--- |")
    for goal, what, scenario, name, worst, wanted in ROWS:
        cells = []
        for strategy in args.strategies:
            values = values_of(args, scenario, strategy, name)
            cells.append(f"{shown(worst(values.values()))} ({len(values)})" if values else "–")
        print(f"| {goal} | {what} | " + " | ".join(cells) + f" | {wanted} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "table"])
    parser.add_argument("--worlds")
    parser.add_argument("--plugins")
    parser.add_argument("--results", required=True)
    parser.add_argument("--seeds", default="20", help="the last one, or first-last")
    parser.add_argument("--strategies", nargs="+", default=["random", "load_aware"])
    args = parser.parse_args()
    if args.what == "run" and not (args.worlds and args.plugins):
        parser.error("run takes --worlds and --plugins")
    run(args) if args.what == "run" else table(args)


main()
