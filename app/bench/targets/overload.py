#!/usr/bin/env python3
"""overload.py - `penstock-bench overload`: what is left of the peak rate beside a flood of prepared frames, over memif.

The peak is a closed loop's; the floods bring 1, 2, 5 and 10 times as many frames, through the same port. On two cores the load
generator's one sends both, so a line also tells the rate of the flood that was reached, and what the flood had to leave out.
A line a kind and a rate, whose value is the share of the peak. Exit status 1 when a line was not met, 3 when one could not be
measured. Needs what `penstock-bench targets` needs.
"""

import argparse
import pathlib
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from line import Line, median  # noqa: E402
from measures import judge, quiet  # noqa: E402
from pair import Pair  # noqa: E402
from processes import MeasureError, REPO, on_signal  # noqa: E402

KINDS = ["invalid", "unknown", "unproven", "newcomers"]
# What must be left at so many times the peak.
SHARES = {1: 0.95, 2: 0.90, 5: 0.85, 10: 0.80}
SESSIONS = 1_000
# Room for the 16,384 sessions that a flood of newcomers begins, beside those that exist.
SERVER_SESSIONS = SESSIONS + 32_768
# The share of the wanted flood below which a line shows less than it says.
REACHED_MIN = 0.9


def run_of(options, flood=""):
    """One load against a fresh server; the listener's bounds are the defaults."""
    with Pair(options.build, sessions=SESSIONS, server_sessions=SERVER_SESSIONS,
              server_listener={"half_open_timeout_s": 10}) as pair:
        return pair.load(f"--shape closed --pick same --depth {SESSIONS} {flood}", seconds=options.seconds)


def line_of(kind, times, peak, runs):
    """`peak` is the rate without a flood, requests and so frames a second."""
    share = median([run["requests_per_s"] for run in runs]) / peak
    middle = sorted(runs, key=lambda run: run["requests_per_s"])[len(runs) // 2]
    line = Line("overload", f"of the peak rate, beside {kind} frames at {times} times the peak", share, "share",
                f"≥ {SHARES[times]:.2f}", runs=len(runs),
                extra={"flood": kind, "times": times, "requests_per_s": middle["requests_per_s"], "peak_per_s": peak,
                       "flood_per_s": middle["flood_per_s"], "flood_missed_per_s": middle["flood_missed_per_s"],
                       "flood_times": middle["flood_per_s"] / peak, "retransmitted": middle["retransmitted"],
                       "p99_us": middle["rtt_p99_ns"] / 1000, "server_busy": middle["server"].get("busy")})
    judge(line, share >= SHARES[times], *runs)
    if middle["flood_per_s"] < REACHED_MIN * times * peak:
        line.met = False
        line.extra["note"] = f"the flood did not reach {times} times the peak"
    return line


def lines(options):
    peak = median([run["requests_per_s"] for run in quiet(lambda: run_of(options), options.runs)])
    for kind in options.kinds:
        for times in SHARES:
            flood = f"--flood {kind} --flood-rate {int(times * peak)}"
            yield line_of(kind, times, peak, quiet(lambda f=flood: run_of(options, f), options.runs, 1))


def arguments():
    parser = argparse.ArgumentParser(prog="penstock-bench overload", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", type=pathlib.Path, default=REPO / "build", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="a line of JSON each")
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=KINDS, metavar="A,B",
                        help=f"floods ({','.join(KINDS)})")
    parser.add_argument("--runs", type=int, default=1, metavar="K", help="runs, of which the median counts (1)")
    parser.add_argument("--seconds", type=int, default=3, metavar="N", help="measured in each run (3)")
    options = parser.parse_args()
    for kind in options.kinds:
        if kind not in KINDS:
            parser.error(f"--kinds: there is no flood {kind}; there are {', '.join(KINDS)}")
    if options.runs < 1 or options.seconds < 1:
        parser.error("--runs, --seconds: at least 1")
    options.build = options.build.resolve()
    return options


def main():
    options = arguments()
    machine = subprocess.run([str(options.build / "app/bench/penstock-bench"), "machine", *["--json"] * options.json],
                             capture_output=True, text=True, check=True)
    print(machine.stdout, end="", flush=True)
    missed = 0
    for line in lines(options):
        missed += line.met is False
        print(line.json() if options.json else line.text(), flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGHUP, on_signal)
    try:
        sys.exit(main())
    except MeasureError as error:
        print(f"penstock-bench: overload: {error}", file=sys.stderr)
        sys.exit(3)
    except KeyboardInterrupt:
        sys.exit(130)
