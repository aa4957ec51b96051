"""Holds the tables of docs/promises.md on partitions against what the lab finds.

Usage: partition_table.py LAB PLUGINS [--print]   (--print: the tables as they are to be in the document)
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
STRATEGIES = ("views", "organizer", "etcd", "naive")


def who(cell: str) -> str:
    """"A: yes B: no" is "A": on whose side it was done."""
    words = cell.split()
    return " ".join(name.rstrip(":") for name, answer in zip(words[::2], words[1::2]) if answer == "yes") or "–"


def table_of(lab: str, plugins: str, strategy: str) -> str:
    played = subprocess.run([lab, "run", "partition-matrix", "--consensus", strategy, "--plugins", plugins, "--json"],
                            capture_output=True, text=True, check=False)
    if played.returncode != 0:
        raise SystemExit(f"{strategy}: the scenario does not hold:\n{played.stdout[-2000:]}{played.stderr}")
    tables = json.loads(played.stdout)["runs"][0]["tables"]
    lines = [f"| `{strategy}`: sides | {' | '.join(tables[0]['columns'][1:])} |", "| --- " * len(tables[0]["columns"]) + "|"]
    for table in tables:
        for sides, *cells in table["rows"]:
            lines.append(f"| {sides.replace(' | ', ' / ')} | {' | '.join(map(who, cells))} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    lab, plugins, *options = sys.argv[1:]
    found = [table_of(lab, plugins, strategy) for strategy in STRATEGIES]
    if "--print" in options:
        print("\n".join(found))
        return 0
    page = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
    wrong = [one for one in found if one not in page]
    for one in wrong:
        print(f"docs/promises.md does not have this table, which the lab finds:\n{one}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
