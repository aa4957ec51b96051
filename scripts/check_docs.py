"""Holds the documents against the sources: links lead somewhere, and the tables of docs/wire.md are the code's.

Prints every difference and exits 1 when there is one.
"""

from __future__ import annotations

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = ("architecture", "glossary", "api", "wire", "disk", "operations", "plugins", "promises", "requirements",
         "track-record")


def anchor(heading: str) -> str:
    text = re.sub(r"[`*]", "", heading.strip().lower())
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def without_fences(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def check_links(pages: list[pathlib.Path]) -> list[str]:
    problems = []
    for page in pages:
        for target in re.findall(r"\]\(([^)\s]+)\)", without_fences(page.read_text(encoding="utf-8"))):
            if re.match(r"[a-z]+:", target):
                continue  # the Web is not ours to test
            name, _, fragment = target.partition("#")
            file = (page.parent / name).resolve() if name else page
            where = page.relative_to(ROOT)
            if not file.exists():
                problems.append(f"{where}: there is no {target}")
            elif fragment and file.suffix == ".md":
                headings = re.findall(r"^#+ (.+)$", without_fences(file.read_text(encoding="utf-8")), re.MULTILINE)
                if fragment not in map(anchor, headings):
                    problems.append(f"{where}: {name or page.name} has no heading #{fragment}")
    return problems


def table(text: str, heading: str) -> list[list[str]]:
    """Rows of the first table under `heading`, cells without backquotes."""
    section = re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if not section:
        return []
    first = re.search(r"(?:^\|.*\n)+", section.group(1), re.MULTILINE)
    rows = [line.strip().strip("|").split("|") for line in first.group().splitlines()] if first else []
    return [[cell.strip().strip("`") for cell in row] for row in rows[2:]]


def value_of(expression: str) -> int:
    """The number that a constant of limits.hpp stands for."""
    expression = expression.replace("'", "")
    expression = re.sub(r"std::uint64_t\s*\{(\w+)\}", r"\1", expression)
    if not re.fullmatch(r"[\d\s*<()+]+", expression):
        raise ValueError(expression)
    return eval(expression, {"__builtins__": {}})  # noqa: S307  (digits and operators alone)


def limits_in_code() -> dict[str, int]:
    text = (ROOT / "core/src/wire/limits.hpp").read_text()
    found = {name: value_of(value) for name, value in re.findall(r"inline constexpr std::\w+ (\w+) = ([^;]+);", text)}
    for unit, name, value in re.findall(r"inline constexpr std::chrono::(\w+) (\w+)\{(\d+)\};", text):
        found[name] = int(value) * {"milliseconds": 1, "seconds": 1000, "minutes": 60_000, "days": 86_400_000}[unit]
    return found


def number_in(cell: str) -> int:
    """Reads "128 KiB", "10,000" or "10 s" (durations in milliseconds)."""
    match = re.fullmatch(r"([\d,]+)(?: (KiB|MiB|TiB|s|ms|days|bytes))?", cell)
    if not match:
        raise ValueError(cell)
    scale = {None: 1, "bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "TiB": 1 << 40, "s": 1000, "ms": 1, "days": 86_400_000}
    return int(match.group(1).replace(",", "")) * scale[match.group(2)]


def compare(what: str, code: dict, page: dict) -> list[str]:
    problems = [f"docs/wire.md, {what}: {name} is missing ({value})" for name, value in code.items() if name not in page]
    problems += [f"docs/wire.md, {what}: {name} is not in the code" for name in page if name not in code]
    problems += [f"docs/wire.md, {what}: {name} is {page[name]} there and {code[name]} in the code"
                 for name in code if name in page and code[name] != page[name]]
    return problems if code else [f"docs/wire.md, {what}: nothing found in the code to compare with"]


def check_limits(wire: str) -> list[str]:
    return compare("limits", limits_in_code(), {row[0]: number_in(row[1]) for row in table(wire, "Limits")})


def check_messages(wire: str) -> list[str]:
    """Numbers against the enumeration; senders and answers against the table in the source, where it can be read."""
    header = (ROOT / "core/src/wire/messages.hpp").read_text()
    body = re.search(r"enum class message_type[^{]*\{(.*?)\};", header, re.DOTALL).group(1)
    numbers = {name: int(number) for name, number in re.findall(r"(\w+) = (\d+)", body)}
    rows = {row[1]: row for row in table(wire, "Messages")}
    problems = compare("messages", numbers, {name: int(row[0]) for name, row in rows.items()})
    source = ROOT / "core/src/wire/messages.cpp"
    if source.exists():
        rules = re.findall(r"(\w+),\s*\"(\w+)\",\s*(?:\w+::)*(\w+),\s*(true|false)", source.read_text())
        problems += compare("who may send, and is it answered",
                            {name: (who, "yes" if answered == "true" else "no") for name, _, who, answered in rules},
                            {name: (row[2], row[3]) for name, row in rows.items()})
    problems += check_fields(header, rows)
    return problems


def check_fields(header: str, rows: dict[str, list[str]]) -> list[str]:
    """The fields column names exactly the fields of the struct, with their keys: `1 roles, 2 token`."""
    structs = {}
    for name, text in re.findall(r"^struct (\w+) \{(.*?)^\};", header, re.MULTILINE | re.DOTALL):
        structs[name] = ", ".join(f"{key} {member}" for key, member in re.findall(r"field<(-?\d+)>\(&\w+::(\w+)\)", text))
    problems = []
    for name, row in rows.items():
        struct = {"consensus": "consensus_message", "recovery": "recovery_message"}.get(name, name)
        if struct in structs and row[4] != structs[struct]:
            problems.append(f"docs/wire.md: the fields of {name} are {structs[struct]!r} in the code, {row[4]!r} there")
    return problems


def check_records(disk: str) -> list[str]:
    header = (ROOT / "core/include/calbox/storage.hpp").read_text()
    body = re.search(r"enum class record_kind[^{]*\{(.*?)\};", header, re.DOTALL).group(1)
    code = {name: int(number) for name, number in re.findall(r"(\w+) = (\d+)", body)}
    page = {row[1]: int(row[0]) for row in table(disk, "Records")}
    return [problem.replace("wire.md", "disk.md") for problem in compare("records", code, page)]


def main() -> int:
    missing = [f"docs/{name}.md is missing" for name in PAGES if not (ROOT / "docs" / f"{name}.md").exists()]
    missing += [f"{name} is missing" for name in ("README.md", "LICENSE") if not (ROOT / name).exists()]
    if missing:
        print("\n".join(missing))
        return 1
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "plugins").rglob("README.md"))]
    wire = (ROOT / "docs/wire.md").read_text(encoding="utf-8")
    problems = check_links(pages) + check_limits(wire) + check_messages(wire)
    problems += check_records((ROOT / "docs/disk.md").read_text(encoding="utf-8"))
    print("\n".join(problems) if problems else f"{len(pages)} pages agree with the sources")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
