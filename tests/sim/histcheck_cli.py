"""calbox-histcheck as people use it: good, bad and garbage files, standard input, and its options."""

from __future__ import annotations

import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

PROGRAM = sys.argv[1]
CREATE = '{"client":"alice","call":0,"ret":1,"op":"create","key":"alice/1.7","value":"a","res":"ok","version":1}\n'
EDIT = '{"client":"carol","call":2,"ret":15,"op":"cas","key":"alice/1.7","expect":1,"value":"b","res":"ok","version":2}\n'
STALE = '{"client":"bob","call":20,"ret":22,"op":"read","key":"alice/1.7","value":"a","res":"ok","version":1}\n'
FRESH = '{"client":"bob","call":20,"ret":22,"op":"read","key":"alice/1.7","value":"b","res":"ok","version":2}\n'
SENTENCE = "alice/1.7: bob's read at 20 returned version 1, though version 2 was acknowledged to carol at 15"


def run(*words: str, given: str | bytes = "") -> tuple[int, str, str]:
    given = given.encode() if isinstance(given, str) else given
    done = subprocess.run([PROGRAM, *words], input=given, capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def expect(what: str, got: object, wanted: object) -> None:
    if got != wanted:
        sys.exit(f"{what}: got {got!r}, wanted {wanted!r}")


def good(folder: pathlib.Path) -> None:
    file = folder / "good.jsonl"
    file.write_text("# one event\n" + CREATE + EDIT + "\n" + FRESH)
    expect("a legal file", run(str(file)), (0, "legal: 3 operations, 1 event\n", ""))
    expect("an empty one", run("-"), (0, "legal: 0 operations, 0 events\n", ""))
    status, out, _ = run("--json", "-", given=CREATE + EDIT + FRESH)
    expect("as JSON", (status, json.loads(out)), (0, {"legal": True, "operations": 3, "events": 1, "contradictions": []}))


def bad(folder: pathlib.Path) -> None:
    file = folder / "bad.jsonl"
    file.write_text(CREATE + EDIT + STALE)
    status, out, err = run(str(file))
    expect("status of an illegal file", (status, err), (1, ""))
    lines = out.splitlines()
    expect("its sentence", lines[0], SENTENCE)
    expect("the two operations", [json.loads(line)["client"] for line in lines[1:3]], ["carol", "bob"])
    expect("its last line", lines[3:], ["illegal: 3 operations, 1 event, 1 of them contradictory"])
    status, out, _ = run("-", "--json", given=CREATE + EDIT + STALE)
    document = json.loads(out)
    expect("as JSON", (status, document["legal"], document["contradictions"][0]["sentence"]), (1, False, SENTENCE))
    expect("operations as JSON", document["contradictions"][0]["operations"], [json.loads(EDIT), json.loads(STALE)])


def garbage(folder: pathlib.Path) -> None:
    for what, given, sentence in (
        ("no JSON", CREATE + "hello\n", "standard input: line 2: not a JSON object"),
        ("a wrong word", CREATE.replace("create", "make"), 'standard input: line 1: op cannot be "make"'),
        ("a client in two places", CREATE + EDIT + FRESH.replace("bob", "carol").replace("20", "10"),
         "standard input: operation 3: client carol asks before operation 2 was answered"),
        ("a binary", bytes(range(256)) * 4, "standard input: line 1: not a JSON object"),
    ):
        expect(what, run("-", given=given), (2, "", f"calbox-histcheck: {sentence}\n"))
        status, out, err = run("--json", "-", given=given)
        expect(what + " as JSON", (status, json.loads(out), err), (2, {"error": sentence}, ""))
    expect("a missing file", run(str(folder / "none")), (2, "", f"calbox-histcheck: {folder}/none: cannot be opened\n"))
    expect("a directory", run(str(folder)), (2, "", f"calbox-histcheck: {folder}: line 1: cannot be read\n"))
    chance = random.Random(1)
    for _ in range(100):
        text = bytearray((CREATE + EDIT + STALE).encode())
        for _ in range(chance.randrange(1, 8)):
            text[chance.randrange(len(text))] = chance.randrange(256)
        status, _, _ = run("-", given=bytes(text))
        if status not in (0, 1, 2):
            sys.exit(f"status {status} for {bytes(text)!r}")


def options(_: pathlib.Path) -> None:
    status, out, _ = run("--help")
    expect("help", (status, "Exit status" in out, "calbox-histcheck" in out), (0, True, True))
    expect("no file", run()[0], 2)
    expect("an unknown option", run("--jsn", "-")[0], 2)
    expect("version", run("--version")[0], 0)


def large(folder: pathlib.Path) -> None:
    """A hundred thousand operations, as a real history has them, in a bearable time."""
    file = folder / "large.jsonl"
    chance = random.Random(2)
    with file.open("w") as out:
        for event in range(200):
            key, version, now = f"alice/1.{event}", 1, 10
            out.write(CREATE.replace("alice/1.7", key).replace('"alice"', f'"a{event}"'))
            for _ in range(499):
                client, now = f"{event}.{chance.randrange(50)}", now + 3
                row = {"client": client, "call": now, "ret": now + 2, "key": key, "res": "ok", "op": "read", "version": version}
                if chance.random() < 0.5:
                    row |= {"op": "cas", "expect": version, "value": str(now), "version": version + 1}
                    version += 1
                out.write(json.dumps(row) + "\n")
    begun = os.times().elapsed
    expect("a large file", run(str(file))[:2], (0, "legal: 100000 operations, 200 events\n"))
    print(f"100000 operations read and judged in {os.times().elapsed - begun:.2f} s")


with tempfile.TemporaryDirectory() as name:
    for test in (good, bad, garbage, options, large):
        test(pathlib.Path(name))
print("calbox-histcheck keeps its word")
