#!/usr/bin/env python3
"""plot.py - draws what `penstock-bench scaling` measured as SVG: sessions against request rate, and against memory.

Usage: app/bench/targets/plot.py MEASURED.json PICTURE.svg
"""

import json
import math
import pathlib
import sys

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, GAP = 480, 340, 76, 44, 52, 24
SERIES = (("penstock", "Penstock", "#0b6e99"), ("ikcp", "ikcp, kernel UDP", "#c2410c"))
PANELS = (("rate", "requests a second", 1.0), ("memory_bytes", "memory of the server, MB", 1e6))


def label(value):
    for size, unit in ((1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


class Scale:
    """A logarithmic axis over whole decades, from `low` to `high` on the paper."""

    def __init__(self, values, low, high):
        self.first = math.floor(math.log10(min(values)))
        self.last = max(math.ceil(math.log10(max(values))), self.first + 1)
        self.low, self.high = low, high

    def at(self, value):
        share = (math.log10(value) - self.first) / (self.last - self.first)
        return self.low + share * (self.high - self.low)

    def decades(self):
        return [10.0 ** power for power in range(self.first, self.last + 1)]


def text(x, y, words, anchor="middle", size=12, weight="normal"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}">{words}</text>'


def line(x1, y1, x2, y2, colour="#d4d4d4"):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def panel(rows, key, title, unit, left):
    series = [(name, colour, [(row["sessions"], row[source][key] / unit) for row in rows if source in row])
              for source, name, colour in SERIES]
    points = [point for _, _, found in series for point in found]
    across = Scale([x for x, _ in points], left + LEFT, left + WIDTH - 16)
    up = Scale([y for _, y in points], HEIGHT - BOTTOM, TOP)
    drawn = [text(left + WIDTH / 2 + 30, 24, title, size=14, weight="bold"),
             text(left + WIDTH / 2 + 30, HEIGHT - 12, "sessions")]
    for value in across.decades():
        drawn += [line(across.at(value), up.low, across.at(value), up.high),
                  text(across.at(value), up.low + 18, label(value))]
    for value in up.decades():
        drawn += [line(across.low, up.at(value), across.high, up.at(value)),
                  text(across.low - 8, up.at(value) + 4, label(value), "end")]
    for name, colour, found in series:
        if not found:
            continue
        places = [(across.at(x), up.at(y)) for x, y in found]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        drawn += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in places]
        x, y = places[-1]
        drawn.append(f'<g fill="{colour}">{text(x - 8, y - 10, name, "end", 12, "bold")}</g>')
    return drawn


def picture(measured):
    width = len(PANELS) * WIDTH + GAP
    drawn = [part for i, (key, title, unit) in enumerate(PANELS)
             for part in panel(measured["rows"], key, title, unit, i * (WIDTH + GAP))]
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" '
                      'font-family="sans-serif">', f'<rect width="{width}" height="{HEIGHT}" fill="white"/>',
                      *drawn, "</svg>"]) + "\n"


def main():
    if len(sys.argv) != 3:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    measured = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    pathlib.Path(sys.argv[2]).write_text(picture(measured), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
