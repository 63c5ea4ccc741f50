#!/usr/bin/env python3
"""controllers.py - each congestion controller of ours on paths of different kinds, in virtual time: a table, and a plot each.

  controllers.py [--path build/tests/path/penstock-path] [--plots docs]

The table goes to stdout as Markdown, as docs/congestion.md has it; the plots to FOLDER/congestion-NAME.svg. It reads no
clock: the same code brings the same figures.
"""

import argparse
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
KINDS = ("none", "kcp", "newreno", "cubic", "bbr")
RATE_MBIT, RTT_MS, WINDOW = 100, 40, 4096
BDP_KB = RATE_MBIT * RTT_MS / 8
SECONDS = 15
# Name, buffer in bandwidth-delay products, loss, what bbr is told to bear.
PATHS = (("buffer of 1 BDP", 1, 0, 2), ("of 4 BDP", 4, 0, 2), ("of 0.1 BDP", 0.1, 0, 2), ("4 BDP, 1 % lost", 4, 0.01, 2),
         ("4 BDP, 5 % lost", 4, 0.05, 7), ("4 BDP, 15 % lost", 4, 0.15, 22))
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM, GAP = 860, 210, 64, 20, 34, 36, 10
FLIGHT, WINDOW_COLOUR, QUEUE = "#0b6e99", "#9ca3af", "#c2410c"


def run(program, kind, buffer, loss, told, seconds=SECONDS, samples_ms=20):
    command = [program, "--rate", RATE_MBIT, "--rtt", RTT_MS, "--window", WINDOW, "--queue", buffer * BDP_KB, "--loss", loss,
               "--mb", RATE_MBIT * seconds / 8, "--seeds", 1, "--set", "recovery=rack", "--set", f"congestion={kind}",
               "--set", f"loss_percent={told}", "--json", "--samples", samples_ms]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def queue_ms(figures):
    waits = [queued * 8e-3 / RATE_MBIT for _, _, queued, _, _ in figures["samples"]]
    return sum(waits) / max(len(waits), 1)


def table(program):
    print("| path | " + " | ".join(KINDS) + " |\n|---|" + "---|" * len(KINDS))
    for name, buffer, loss, told in PATHS:
        cells = []
        for kind in KINDS:
            found = run(program, kind, buffer, loss, told)
            per_lost = found["resent_per_lost"]
            cells.append(f"{found['link_share'] * 100:.0f} %, {queue_ms(found):.0f} ms, "
                         f"{'–' if per_lost is None else f'{per_lost:.2f}'}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def text(x, y, words, anchor="middle", size=12, colour="#111"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{colour}">{words}</text>'


def curve(points, colour, width=1.5):
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


class Panel:
    """Time across, one quantity up, from 0 on."""

    def __init__(self, top, title, most, seconds):
        self.top, self.most, self.seconds = top + TOP, most, seconds
        self.bottom = top + HEIGHT - BOTTOM
        self.drawn = [text(LEFT, top + 20, title, "start", 13)]
        for share in (0, 0.5, 1):
            y = self.y(share * most)
            self.drawn += [f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#e5e5e5"/>',
                           text(LEFT - 8, y + 4, f"{share * most:.0f}", "end")]
        for second in range(0, seconds + 1):
            self.drawn.append(text(self.x(second), self.bottom + 18, f"{second} s"))

    def x(self, seconds):
        return LEFT + min(seconds / self.seconds, 1) * (WIDTH - LEFT - RIGHT)

    def y(self, value):
        return self.bottom - min(value / self.most, 1) * (self.bottom - self.top)

    def add(self, series, colour):
        self.drawn.append(curve([(self.x(seconds), self.y(value)) for seconds, value in series], colour))


def plot(program, kind, folder, seconds=6):
    """What is in flight and what waits in the queue, from the first segment on: a buffer of two BDPs, then with 1 % lost."""
    drawn, top = [], 0
    for loss in (0, 0.01):
        samples = [one for one in run(program, kind, 2, loss, 2, seconds * 2, 10)["samples"] if one[0] <= seconds * 1000]
        bdp = BDP_KB * 1000 / 1400
        flight = Panel(top, f"{kind}, {loss * 100:g} % lost: segments in flight, and what it allows (grey); the path holds {bdp:.0f}",
                       4 * bdp, seconds)
        flight.add([(ms / 1000, window) for ms, _, _, _, window in samples if window], WINDOW_COLOUR)
        flight.add([(ms / 1000, held) for ms, _, _, held, _ in samples], FLIGHT)
        queue = Panel(top + HEIGHT + GAP, f"{kind}, {loss * 100:g} % lost: wait in the bottleneck's queue, ms", 2 * RTT_MS, seconds)
        queue.add([(ms / 1000, queued * 8e-3 / RATE_MBIT) for ms, _, queued, _, _ in samples], QUEUE)
        drawn += flight.drawn + queue.drawn
        top += 2 * (HEIGHT + GAP)
    body = "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" font-family="sans-serif">',
                      f'<rect width="{WIDTH}" height="{top}" fill="white"/>', *drawn, "</svg>"]) + "\n"
    (pathlib.Path(folder) / f"congestion-{kind}.svg").write_text(body, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--path", default=str(ROOT / "build/tests/path/penstock-path"), help="the program")
    parser.add_argument("--plots", metavar="FOLDER", help="draw them there")
    args = parser.parse_args()
    table(args.path)
    if args.plots:
        for kind in KINDS:
            plot(args.path, kind, args.plots)
    return 0


if __name__ == "__main__":
    sys.exit(main())
