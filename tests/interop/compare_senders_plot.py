#!/usr/bin/env python3
"""compare_senders_plot.py - what compare_senders.py measured, as docs/congestion.md has it: a Markdown table on stdout, and a picture.

  compare_senders_plot.py MEASURED.json PICTURE.svg
"""

import json
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "app/bench/targets"))

from plot import line, text  # noqa: E402

COLOURS = {"penstock bbr": "#0b6e99", "penstock none": "#67b7d1", "penstock ikcp": "#9ca3af", "ikcp turbo": "#c2410c",
           "kcp-go": "#d9a441"}
WIDTH, HEIGHT, LEFT, TOP, BOTTOM, LEGEND = 310, 230, 56, 40, 34, 34
# Title, value of a run, and the most that is drawn: None for what was measured.
ROWS = (("bulk, Mbit/s", lambda run: run["bulk"]["goodput_mbit"], None),
        ("bulk, resent for each lost", lambda run: run["bulk"]["resent_per_lost"], 4),
        ("game, p99 in round trips", lambda run: run["game"]["echo_ms"]["p99"] / run["rtt_ms"], None))


def cell(run):
    bulk, game = run["bulk"], run["game"]
    return (f"{bulk['goodput_mbit']:.1f} Mbit/s, {bulk['resent_per_lost']:.2f}; {game['echo_ms']['p50']:.0f} / "
            f"{game['echo_ms']['p99']:.0f} ms")


def grouped(runs):
    """By round trip and loss: the runs, by sender."""
    found = {}
    for run in runs:
        found.setdefault((run["rtt_ms"], run["loss"]), {})[run["sender"]] = run
    return found


def table(runs):
    senders = list(dict.fromkeys(run["sender"] for run in runs))
    print("| path | " + " | ".join(senders) + " |\n|---|" + "---|" * len(senders))
    for (rtt_ms, loss), by_sender in grouped(runs).items():
        print(f"| {rtt_ms} ms, {loss * 100:g} % | " + " | ".join(cell(by_sender[sender]) for sender in senders) + " |")


def panel(title, values, most, left, top):
    """Bars in groups: `values` by group and sender."""
    most = most or 1.05 * max(value for group in values.values() for value in group.values())
    low, high = top + HEIGHT - BOTTOM, top + TOP
    drawn = [text(left + LEFT + (WIDTH - LEFT) / 2, top + 24, title, size=13, weight="bold")]
    for share in (0, 0.5, 1):
        y = low + (high - low) * share
        drawn += [line(left + LEFT, y, left + WIDTH - 8, y), text(left + LEFT - 8, y + 4, f"{share * most:.3g}", "end")]
    step = (WIDTH - LEFT - 8) / len(values)
    for at, (group, by_sender) in enumerate(values.items()):
        begin = left + LEFT + at * step
        bar = (step - 14) / len(by_sender)
        drawn.append(text(begin + step / 2, low + 18, group))
        for place, (sender, value) in enumerate(by_sender.items()):
            height = (low - high) * min(value / most, 1)
            drawn.append(f'<rect x="{begin + 7 + place * bar:.1f}" y="{low - height:.1f}" width="{bar - 1:.1f}" '
                         f'height="{height:.1f}" fill="{COLOURS[sender]}"/>')
    return drawn


def picture(runs):
    round_trips = sorted({run["rtt_ms"] for run in runs})
    senders = list(dict.fromkeys(run["sender"] for run in runs))
    width, height = WIDTH * len(round_trips), HEIGHT * len(ROWS) + LEGEND
    drawn = []
    for row, (title, value_of, most) in enumerate(ROWS):
        for column, rtt_ms in enumerate(round_trips):
            values = {f"{loss * 100:g} %": {sender: value_of(run) for sender, run in by_sender.items()}
                      for (rtt, loss), by_sender in grouped(runs).items() if rtt == rtt_ms}
            drawn += panel(f"{title}; {rtt_ms} ms", values, most, column * WIDTH, row * HEIGHT)
    for place, sender in enumerate(senders):
        x, y = LEFT + place * 150, height - 14
        drawn += [f'<rect x="{x}" y="{y - 10}" width="12" height="12" fill="{COLOURS[sender]}"/>', text(x + 18, y, sender, "start")]
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
                      f'<rect width="{width}" height="{height}" fill="white"/>', *drawn, "</svg>"]) + "\n"


def main():
    if len(sys.argv) != 3:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    runs = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))["runs"]
    table(runs)
    pathlib.Path(sys.argv[2]).write_text(picture(runs), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
