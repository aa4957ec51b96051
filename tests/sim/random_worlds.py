"""Plays one share of the seeds that every check plays, and holds a strategy to what it promises.

    random_worlds.py calbox-lab PLUGINS STRATEGY SHARE SHARES

1,000 seeds in all shares together, 100 of naive; with CALBOX_CHECK_RELEASE=1 200,000 of each. Nothing that the
strategy promises may break. One that does not promise linearizability must be seen to lack it: worlds in which nothing can go wrong show
nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

CLAIM_OF_TRAIT = "linearizable"
SEEDS = {"naive": 100, "organizer": 1000, "views": 1000, "etcd": 1000}


def main(program: str, plugins: str, strategy: str, share: int, shares: int) -> int:
    total = 200_000 if os.environ.get("CALBOX_CHECK_RELEASE") == "1" else SEEDS[strategy]
    first, last = total * (share - 1) // shares + 1, total * share // shares
    played = subprocess.run([program, "random", "--json", "--plugins", plugins, "--consensus", strategy,
                             "--seeds", f"{first}-{last}"], stdout=subprocess.PIPE, text=True, check=False)
    if played.returncode not in (0, 1) or not played.stdout:
        print(f"calbox-lab ended with {played.returncode}")
        return 1
    came = json.loads(played.stdout)
    print(f"{strategy}, seeds {first}-{last}: {came['failed']} failed, {came['operations']} operations, "
          f"{came['device_hours']:.1f} simulated hours of devices, trace {came['trace']}")
    print(f"not promised, and broken in so many seeds: {came['unpromised']}")
    for file in came["kept"]:
        print(f"replay with: calbox-lab random --replay {os.path.abspath(file)}")
    if came["seeds"] != last - first + 1 or played.returncode != 0:
        return 1
    if not came["promises_linearizability"] and came["unpromised"].get(CLAIM_OF_TRAIT, 0) == 0:
        print(f"{strategy} promises no linearizability, and no world shows that it lacks it")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5])))
