"""Every requirement R1-R209 is in docs/requirements.md once, with a test that exists, or with a reason why not.

A row: | R12 | shown | `e2e.first_share.direct`; `model.event_test...` | words |
State is `shown` (names at least one test), `part` (names a test, and says what is missing), `later` (says why), or `deviation`
(says what is done instead). Test names are looked for in the build directories given as arguments; a name may
end in * to mean every test that begins so. Exits 1 when a row is missing, double or empty, or a test does not exist.
"""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LAST = 209
STATES = {"shown", "part", "later", "deviation"}


def listed(build: str, *some: str) -> str:
    """What ctest says of the tests of a build directory, in JSON. Asked from another one, since ctest empties its log at each start,
    and another may be running there, as when this is one of its tests."""
    with tempfile.TemporaryDirectory() as beside:
        (pathlib.Path(beside) / "CTestTestfile.cmake").write_text(f'subdirs("{pathlib.Path(build).resolve()}")\n', encoding="utf-8")
        return subprocess.run(["ctest", "--show-only=json-v1", "--test-dir", beside, *some], capture_output=True, text=True,
                              check=False).stdout


def known_tests(builds: list[str]) -> set[str]:
    """Names of all tests of the first build directory, and of the unit and contract tests of the others. Where many tests of a
    GoogleTest program are one of ctest's (discover_tests in tests/CMakeLists.txt), the program is asked for them."""
    names = set()
    for build in builds:
        some = [] if build == builds[0] else ["-L", "unit|contract"]
        for test in json.loads(listed(build, *some) or "{}").get("tests", []):
            many = re.fullmatch(r"(.*\.)\w+_tests_0", test["name"])
            if many and "command" in test:
                names |= {many[1] + name for name in tests_of(test["command"][0])}
            names.add(test["name"].split()[0])
    return names


def tests_of(program: str) -> set[str]:
    told = subprocess.run([program, "--gtest_list_tests"], capture_output=True, text=True, check=False).stdout
    suite, names = "", set()
    for line in told.splitlines():
        word = line.split("#")[0].strip()
        if line.startswith("  "):
            names.add(suite + word)
        else:
            suite = word
    return names


def exists(name: str, tests: set[str]) -> bool:
    if name.endswith("*"):
        return any(test.startswith(name[:-1]) for test in tests)
    return name in tests


def rows(text: str):
    """(number, state, tests, words) of each row; a row may cover a range, R12-R14."""
    for line in text.splitlines():
        match = re.match(r"\| R(\d+)(?:-R(\d+))? \| (\w+) \|([^|]*)\|([^|]*)\|$", line)
        if match:
            first, last, state, tests, words = match.groups()
            for number in range(int(first), int(last or first) + 1):
                yield number, state, re.findall(r"`([^`]+)`", tests), words.strip()


def check(text: str, tests: set[str]) -> list[str]:
    problems, seen = [], {}
    for number, state, named, words in rows(text):
        if number in seen:
            problems.append(f"R{number} stands there twice")
        seen[number] = state
        if state not in STATES:
            problems.append(f"R{number}: {state!r} is none of {', '.join(sorted(STATES))}")
        if state in ("shown", "part") and not named:
            problems.append(f"R{number} is called {state} and names no test")
        if state in ("part", "later", "deviation") and not words:
            problems.append(f"R{number} is called {state} and does not say why")
        problems += [f"R{number}: there is no test {name}" for name in named if not exists(name, tests)]
    absent = [f"R{number}" for number in range(1, LAST + 1) if number not in seen]
    problems += [f"missing: {' '.join(absent)}"] if absent else []
    problems += [f"R{number} is no requirement" for number in seen if not 1 <= number <= LAST]
    return problems


def self_test() -> list[str]:
    good = "".join(f"| R{n} | later | | a reason |\n" for n in range(2, LAST + 1))
    cases = [
        ("| R1 | shown | `a.b` | |\n" + good, 0), ("| R1 | shown | `a.*` | |\n" + good, 0), (good, 1),
        ("| R1 | shown | `a.c` | |\n" + good, 1), ("| R1 | shown | | |\n" + good, 1), ("| R1 | later | | |\n" + good, 1),
        ("| R1-R2 | shown | `a.b` | |\n" + good, 1), ("| R1 | done | `a.b` | |\n" + good, 1),
    ]
    return [f"check_requirements.py itself: {text[:30]!r} gave {check(text, {'a.b'})}, not {wanted} problems"
            for text, wanted in cases if len(check(text, {"a.b"})) != wanted]


def main() -> int:
    builds = sys.argv[1:] or [str(ROOT / "build" / "check")]
    tests = known_tests(builds)
    text = (ROOT / "docs" / "requirements.md").read_text(encoding="utf-8")
    problems = self_test() + ([] if tests else [f"ctest knows no tests in {', '.join(builds)}"]) + check(text, tests)
    promises = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
    for line in promises.splitlines():
        if line.startswith("|"):
            problems += [f"docs/promises.md: there is no test {name}"
                         for name in re.findall(r"`((?:e2e|contract|style|docs|[a-z]+)\.[\w./*]+)`", line)
                         if not exists(name, tests)]
    states = [state for _, state, _, _ in rows(text)]
    counted = ", ".join(f"{states.count(state)} {state}" for state in ("shown", "part", "deviation", "later"))
    print("\n".join(problems) if problems else f"{LAST} requirements: {counted}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
