#!/usr/bin/env python3
"""picture.py - draws docs/top.svg: penstock-top beside a load, as tmux shows it, and prints the other pages.

    tests/top/picture.py [--build DIR]

To be run when the screens change. The pages are printed for docs/top.md; nothing is judged. Only the attributes that
penstock-top uses are drawn: bold, dim, reverse and yellow.
"""

import argparse
import html
import re
import time

import node
from node import Load, REPO
from screen import Screen

from pair import Pair

SESSIONS = 2000
NAME = "edge1-server"
CELL = (8.4, 18)
COLOURS = {"back": "#16191d", "text": "#d5d8dc", "dim": "#8b9299", "alarm": "#e5c07b"}
SETTLE_S = 3


def spans(line):
    """(attributes, text) of a line with escape sequences."""
    on = set()
    for part in re.split(r"(\x1b\[[\d;]*m)", line):
        if not part.startswith("\x1b"):
            if part:
                yield frozenset(on), part
            continue
        for code in part[2:-1].split(";"):
            if code in ("", "0"):
                on.clear()
            elif code in ("39", "22", "27"):
                on -= {"39": {"33"}, "22": {"1", "2"}, "27": {"7"}}[code]
            else:
                on.add(code)


def draw(lines, columns):
    width, height = (columns + 2) * CELL[0], (len(lines) + 1) * CELL[1]
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" font-size="14" '
           'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" xml:space="preserve" style="white-space: pre">',
           f'<rect width="100%" height="100%" rx="6" fill="{COLOURS["back"]}"/>']
    for row, line in enumerate(lines):
        x, y = CELL[0], (row + 1) * CELL[1]
        for on, text in spans(line):
            fill = COLOURS["alarm"] if "33" in on else COLOURS["dim"] if "2" in on else COLOURS["text"]
            if "7" in on:  # bars go on to the edge
                out.append(f'<rect x="{x:.1f}" y="{y - CELL[1] * 0.75:.1f}" width="{columns * CELL[0]:.1f}" '
                           f'height="{CELL[1]}" fill="{fill}"/>')
                fill = COLOURS["back"]
            bold = ' font-weight="bold"' if "1" in on else ""
            if text.strip():
                out.append(f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}"{bold} textLength="{len(text) * CELL[0]:.1f}" '
                           f'lengthAdjust="spacingAndGlyphs">{html.escape(text)}</text>')
            x += len(text) * CELL[0]
    return "\n".join([*out, "</svg>"]) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", metavar="DIR", default=str(REPO / "build"), help="where everything was built")
    options = parser.parse_args()
    words = {"--sessions": str(SESSIONS), "--rate": "12000"}
    node.LOAD[:] = [words.get(before, word) for before, word in zip(["", *node.LOAD], node.LOAD)]
    pair = Pair(options.build, sessions=SESSIONS, memory_mb=768, impair={"loss": 0.005})
    top = [f"{options.build}/app/top/penstock-top", "-f", f"{pair.name}-server"]
    with pair, Load(pair), Screen(top, columns=80, rows=24) as screen:
        screen.wait_for(f"sessions {SESSIONS}/")
        for keys in ("1", "1 Enter", "2", "3", "3 Enter", "4", "5"):
            screen.keys(*keys.split())
            time.sleep(SETTLE_S)
            print(f"--- {keys}", *screen.lines(), sep="\n", flush=True)
            if keys == "3":
                lines = screen.coloured_lines()
                lines = [line.replace(f"{pair.name}-server", NAME) for line in lines]
                (REPO / "docs/top.svg").write_text(draw(lines, 80), encoding="utf-8")


if __name__ == "__main__":
    main()
