"""One seed, one run, however it was built: two builds of calbox-lab play the same worlds, and must see the same trace.

    same_trace.py calbox-lab PLUGINS OTHER-calbox-lab OTHER-PLUGINS
"""

from __future__ import annotations

import json
import subprocess
import sys

SEEDS = "1-40"


def trace(program: str, plugins: str, strategy: str) -> tuple[str, int]:
    played = subprocess.run([program, "random", "--json", "--plugins", plugins, "--consensus", strategy, "--seeds", SEEDS],
                            stdout=subprocess.PIPE, text=True, check=False)
    if not played.stdout:
        sys.exit(f"{program} ended with {played.returncode}")
    came = json.loads(played.stdout)
    return came["trace"], came["events"]


def main(program: str, plugins: str, other: str, other_plugins: str) -> int:
    different = 0
    for strategy in ("naive", "organizer", "views"):
        one, events = trace(program, plugins, strategy)
        two, others = trace(other, other_plugins, strategy)
        print(f"{strategy}, seeds {SEEDS}: {one} after {events} events, {two} after {others}")
        different += (one, events) != (two, others)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:5]))
