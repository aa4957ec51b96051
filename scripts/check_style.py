"""House rules that a machine can check. Prints every breach as file:line: sentence, and exits 1 when there is one.

Rules about time, chance and threads hold outside of *_real.cpp and daemon/main.cpp: everything else takes them from the
environment that is handed to it, so that a test can decide them. Budgets of length are warnings: they make one look twice.
"""

from __future__ import annotations

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROOMS = ("core", "plugins", "daemon", "ctl", "lab")  # what the rules are about; tests may use real clocks

REAL_WORLD = [
    (r"\b(system_clock|steady_clock|high_resolution_clock|utc_clock)\s*::\s*now\b", "takes the time from the injected clock"),
    (r"\b(::)?(clock_gettime|gettimeofday|time)\s*\(\s*(nullptr|NULL|0|CLOCK_)", "takes the time from the injected clock"),
    (r"\brandom_device\b|\bmt19937(_64)?\b|\bs?rand\s*\(|\bgetrandom\s*\(|\brandombytes_buf\s*\(|\bRAND_bytes\s*\(",
     "takes randomness from the injected source"),
    (r"\bthis_thread\s*::\s*sleep_(for|until)\b|(?<![\w:.])u?sleep\s*\(|\bnanosleep\s*\(", "waits with sleep_for on the injected clock"),
    (r"\bstd\s*::\s*j?thread\b|\bpthread_create\b|\bstd\s*::\s*async\b", "hands blocking work to an injected worker"),
    (r"\basio\s*::\s*(steady_timer|system_timer|high_resolution_timer)\b", "uses the injected timer queue"),
]
EVERYWHERE = [
    (r"\basio\s*::\s*detached\b", "spawns in a task_scope, never detached"),
    (r"\benable_shared_from_this\b", "has one owner: enable_shared_from_this is not used"),
    (r"\bstd\s*::\s*cout\b(?!.*NOLINT)", "logs, or writes through the caller's stream"),
]
OUTSIDE_OF_BASE = [(r"\bco_spawn\s*\(", "spawns through task_scope")]
IN_TEXT = [
    (r"\b(TODO|FIXME|XXX|HACK)\b", "is finished, or the matter is an issue"),
    (r"\t", "is indented with spaces"),
    (r"[ \t]+$", "has no spaces at the end of a line"),
]
BUDGETS = {"public header": 250, "source": 500}
LITERALS = re.compile(r'R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'|//[^\n]*|/\*.*?\*/', re.DOTALL)


def code_only(text: str) -> str:
    """The text with comments and literals blanked, line numbers kept."""
    return LITERALS.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), text)


def is_real(path: pathlib.PurePath) -> bool:
    return path.name.endswith("_real.cpp") or path.as_posix() == "daemon/main.cpp"


def breaches(path: pathlib.PurePath, text: str):
    """(line, sentence) for each rule that `text`, standing at `path` in the tree, breaks."""
    code = code_only(text)
    rules = list(EVERYWHERE)
    if path.parts[0] == "ctl":
        # A client that runs and ends: it prints, and has the person's clock.
        rules = [rule for rule in rules if "cout" not in rule[0]]
    elif not is_real(path):
        rules += REAL_WORLD
    if path.parts[:3] != ("core", "src", "base"):
        rules += OUTSIDE_OF_BASE
    for pattern, sentence in rules:
        for found in re.finditer(pattern, code):
            yield code.count("\n", 0, found.start()) + 1, f"{found.group().strip()}: this code {sentence}"
    for pattern, sentence in IN_TEXT:
        for found in re.finditer(pattern, text, re.MULTILINE):
            yield text.count("\n", 0, found.start()) + 1, f"this file {sentence}"
    if path.suffix == ".hpp":
        if "#pragma once" not in text:
            yield 1, "a header begins with #pragma once, after its comment"
        if not text.startswith("//"):
            yield 1, "a header opens with a comment: what it is, who owns it, which thread"
    if path.parts[0] == "plugins" or path.parts[:2] == ("core", "include"):
        for found in re.finditer(r'^#include [<"](boost/|base/|crypto/|wire/|net/|node/|model/|replica/|overlay/)', text, re.M):
            yield text.count("\n", 0, found.start()) + 1, f"{found.group(1)} is not for plugins nor public headers"


def warnings(path: pathlib.PurePath, text: str):
    lines = text.count("\n")
    kind = "public header" if path.parts[:2] == ("core", "include") else "source"
    if lines > BUDGETS[kind]:
        yield f"{lines} lines: more than the {BUDGETS[kind]} of a {kind}; look twice"


def self_test() -> list[str]:
    """A check that cannot fail is none: every rule must see its example, and not see it in a comment."""
    examples = [
        ("core/src/net/a.cpp", "auto t = std::chrono::steady_clock::now();\n", 1),
        ("core/src/net/a_real.cpp", "auto t = std::chrono::steady_clock::now();\n", 0),
        ("daemon/main.cpp", "std::random_device d;\n", 0),
        ("core/src/net/a.cpp", "// steady_clock::now() is never called here\n", 0),
        ("core/src/net/a.cpp", 'log("steady_clock::now");\n', 0),
        ("core/src/net/a.cpp", "co_spawn(ex, f(), asio::detached);\n", 2),
        ("core/src/base/a.cpp", "co_spawn(ex, f(), token);\n", 0),
        ("core/src/net/a.cpp", "std::this_thread::sleep_for(1s);\n", 1),
        ("core/src/net/a.cpp", "co_await sleep_for(env_, 1s);\n", 0),
        ("plugins/discovery/x/plugin.cpp", "#include <boost/asio.hpp>\n", 1),
        ("core/src/net/a.hpp", "// A header.\n#pragma once\nint a; // TODO\n", 1),
        ("ctl/main.cpp", "std::cout << std::chrono::system_clock::now();\n", 0),
    ]
    wrong = []
    for path, text, wanted in examples:
        found = list(breaches(pathlib.PurePosixPath(path), text))
        if len(found) != wanted:
            wrong.append(f"check_style.py itself: {path}: {text.strip()!r} gave {found}, and not {wanted} breaches")
    return wrong


def main() -> int:
    problems, looked_at = self_test(), 0
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.[ch]pp")):
            looked_at += 1
            path = pathlib.PurePosixPath(file.relative_to(ROOT).as_posix())
            text = file.read_text(encoding="utf-8")
            problems += [f"{path}:{line}: {sentence}" for line, sentence in breaches(path, text)]
            for sentence in warnings(path, text):
                print(f"{path}: warning: {sentence}")
    if looked_at < 10:
        problems.append(f"only {looked_at} sources found under {ROOT}: nothing was checked")
    print("\n".join(problems) if problems else f"{looked_at} sources keep the house rules")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
