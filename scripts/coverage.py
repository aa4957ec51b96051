"""Runs the tests of a build with source coverage, and says how much of the code that decides and replicates they reach.

Usage: coverage.py BUILD   (made by cmake --preset coverage; ./check --coverage does both)

Lines and branches of each file of plugins/consensus, core/src/replica and core/src/wire. Exits 1 when a folder is below the goal, or
a test fails. Counted are the unit tests of replica, wire and node, the contract tests and the lab's own without its random worlds; with
end-to-end tests it would be more, and they kill what they test before it can write what it counted.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ("plugins/consensus", "core/src/replica", "core/src/wire")
LINES, BRANCHES = 95.0, 85.0  # per cent
RUN = r"^(replica|wire|node|contract|sim)\."
# Faulty builds of the plugins, the programs of people, and what plays thousands of worlds.
NOT_RUN = r"mutants|random_worlds|mutation_gate|as_a_program|partition_table"


def objects(build: pathlib.Path) -> list[pathlib.Path]:
    """Programs of tests, libraries and plugins: everything that holds counters."""
    found = [one for folder in ("core", "plugins") for one in (build / folder).rglob("*.so*") if not one.is_symlink()]
    found += [one for one in (build / "tests").rglob("*") if one.is_file() and os.access(one, os.X_OK) and not one.suffix]
    return sorted(found)


def run_tests(build: pathlib.Path, raw: pathlib.Path, jobs: int) -> bool:
    raw.mkdir(exist_ok=True)
    for old in raw.glob("*.profraw"):
        old.unlink()
    # One file for each program or plugin, which every run of it adds to.
    environment = {**os.environ, "LLVM_PROFILE_FILE": str(raw / "%m.profraw")}
    return subprocess.run(["ctest", "--test-dir", str(build), "-R", RUN, "-E", NOT_RUN, "-j", str(jobs),
                           "--output-on-failure", "--no-tests=error"],
                          env=environment, check=False).returncode == 0


def counts(build: pathlib.Path, raw: pathlib.Path) -> dict[str, dict]:
    """What llvm-cov knows of each file in the folders, by its path in the tree."""
    merged = build / "coverage.profdata"
    subprocess.run(["llvm-profdata-19", "merge", "-sparse", "-o", str(merged), *map(str, sorted(raw.glob("*.profraw")))], check=True)
    first, *more = objects(build)
    command = ["llvm-cov-19", "export", "-summary-only", f"-instr-profile={merged}", str(first)]
    for one in more:
        command += ["-object", str(one)]
    report = json.loads(subprocess.run([*command, *(str(ROOT / folder) for folder in FOLDERS)], check=True,
                                       capture_output=True, text=True).stdout)
    return {str(pathlib.Path(one["filename"]).relative_to(ROOT)): one["summary"] for one in report["data"][0]["files"]}


def per_cent(files: list[dict], what: str) -> float:
    count, covered = (sum(one[what][key] for one in files) for key in ("count", "covered"))
    return 100.0 * covered / count if count else 100.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--counted", action="store_true", help="report of the last run of the tests")
    options = parser.parse_args()
    build = options.build.resolve()
    raw = build / "profiles"
    passed = options.counted or run_tests(build, raw, options.jobs)
    files = counts(build, raw)
    print(f"{'lines':>8} {'branches':>9}")
    enough = True
    for folder in FOLDERS:
        inside = {name: one for name, one in files.items() if name.startswith(folder + "/")}
        if not inside:
            print(f"{folder}: nothing of it was counted")
            return 1
        lines, branches = per_cent(list(inside.values()), "lines"), per_cent(list(inside.values()), "branches")
        for name, one in sorted(inside.items()):
            print(f"{per_cent([one], 'lines'):7.1f}% {per_cent([one], 'branches'):8.1f}%  {name}")
        fine = lines >= LINES and branches >= BRANCHES
        enough = enough and fine
        print(f"{lines:7.1f}% {branches:8.1f}%  {folder} in all: {'enough' if fine else 'BELOW'} "
              f"({LINES:g} % of lines, {BRANCHES:g} % of branches)\n")
    return 0 if passed and enough else 1


if __name__ == "__main__":
    sys.exit(main())
