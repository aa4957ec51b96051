"""What `recovery_bytes` prints, as tables for docs/track-record.md and as one picture: bytes beside
the missed envelopes, over how many were missed, both logarithmic.

recovery_plot.py FIGURES.json PICTURE.svg    prints the tables
"""

import json
import math
import sys

WORLDS = {
    "friends": "two friends and a backup, a spread of events missing",
    "backup": "a backup alone, a spread of events missing",
    "newest": "a backup alone, the newest events missing",
}
COLOURS = {"naive": "#8c564b", "id_diff": "#d62728", "rateless": "#1f77b4", "auto": "#2ca02c", "interval": "#9467bd"}
WIDTH, HEIGHT, LEFT, TOP, BOTTOM, RIGHT = 470, 300, 62, 34, 40, 92


def rows_of(figures, world):
    found = {}
    for one in figures:
        if one["world"] == world:
            found.setdefault(one["strategy"], {})[one["missing"]] = one
    return {name: found[name] for name in COLOURS if name in found}


def table(figures, world):
    rows = rows_of(figures, world)
    lines = [f"| missing | {' | '.join(f'`{name}`' for name in rows)} |", "| --- " * (len(rows) + 1) + "|"]
    for missing in sorted(next(iter(rows.values()))):
        cells = []
        for row in rows.values():
            one = row[missing]
            twice = f", {one['duplicates']:,} twice" if one["duplicates"] else ""
            cells.append(f"{one['beside']:,} in {one['rounds']}{twice}")
        lines.append(f"| {missing:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def place(value, least, most, start, length):
    return start + length * (math.log10(value) - math.log10(least)) / (math.log10(most) - math.log10(least))


def panel(figures, world, left, most_bytes):
    rows = rows_of(figures, world)
    counts = sorted(n for n in next(iter(rows.values())) if n > 0)
    span = WIDTH - LEFT - RIGHT
    drop = HEIGHT - TOP - BOTTOM

    def x(count):
        return left + place(count, counts[0], counts[-1], LEFT, span)

    def y(size):
        return TOP + drop - (place(max(size, 10), 10, most_bytes, 0, drop))

    out = [f'<text x="{left + LEFT}" y="20" class="title">{WORLDS[world]}</text>']
    for power in range(1, int(math.log10(most_bytes)) + 1):
        at = y(10**power)
        out.append(f'<line x1="{left + LEFT}" x2="{left + LEFT + span}" y1="{at:.1f}" y2="{at:.1f}" class="grid"/>')
        label = f"{10**power:,}"
        out.append(f'<text x="{left + LEFT - 5}" y="{at + 3:.1f}" text-anchor="end">{label}</text>')
    for count in counts:
        out.append(f'<text x="{x(count):.1f}" y="{HEIGHT - BOTTOM + 14}" text-anchor="middle">{count:,}</text>')
    out.append(f'<text x="{left + LEFT + span / 2}" y="{HEIGHT - 8}" text-anchor="middle">events missing</text>')
    names = []
    for name, row in rows.items():
        points = " ".join(f"{x(n):.1f},{y(row[n]['beside']):.1f}" for n in counts)
        out.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[name]}" stroke-width="2"/>')
        names.append([y(row[counts[-1]]["beside"]) + 3, name])
    names.sort()
    for before, after in zip(names, names[1:]):
        after[0] = max(after[0], before[0] + 12)
    for at, name in names:
        out.append(f'<text x="{left + LEFT + span + 5}" y="{at:.1f}" fill="{COLOURS[name]}">{name}</text>')
    return out


def picture(figures):
    most = 10 ** math.ceil(math.log10(max(one["beside"] for one in figures)))
    width = WIDTH * len(WORLDS)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT}" viewBox="0 0 {width} {HEIGHT}"'
        ' font-family="sans-serif" font-size="10" role="img">',
        "<title>Bytes beside the missed envelopes, by recovery strategy</title>",
        "<style>.grid{stroke:#ddd}.title{font-size:12px;font-weight:bold}</style>",
        f'<rect width="{width}" height="{HEIGHT}" fill="#fff"/>',
    ]
    for i, world in enumerate(WORLDS):
        out += panel(figures, world, i * WIDTH, most)
    return "\n".join(out + ["</svg>"]) + "\n"


def main():
    with open(sys.argv[1], encoding="utf-8") as source:
        figures = json.load(source)
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        out.write(picture(figures))
    for world, title in WORLDS.items():
        print(f"{title}:\n\n{table(figures, world)}\n")


if __name__ == "__main__":
    main()
