#!/usr/bin/env python3
"""run.py - `penstock-bench targets`: measures the targets T1 to T10 and T12 and prints a line each.

The rivals run in the same call. A target is met or not; a line without a verdict is what others are held against. Exit
status 1 when a target was not met, 3 when one could not be measured. Needs root, two CPUs, hugepages for the sessions (some
GB for ten million) and the Debian packages of test.sh. Ten million sessions take minutes; --sessions-max 1000000 spares
them."""

import argparse
import pathlib
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from measures import MEASURES, RUNS, Bench  # noqa: E402
from processes import MeasureError, REPO, on_signal  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(prog="penstock-bench targets", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", type=pathlib.Path, default=REPO / "build", help=argparse.SUPPRESS)
    parser.add_argument("--only", metavar="T1,T2", help="these targets")
    parser.add_argument("--json", action="store_true", help="a line of JSON each")
    parser.add_argument("--runs", type=int, default=RUNS, metavar="K", help=f"runs, of which the median counts ({RUNS})")
    parser.add_argument("--sessions-max", type=int, default=10_000_000, metavar="N",
                        help="leave out what needs more sessions (10000000)")
    options = parser.parse_args()
    options.names = options.only.split(",") if options.only else list(MEASURES)
    for name in options.names:
        if name not in MEASURES:
            parser.error(f"--only: there is no target {name}; there are {', '.join(MEASURES)}")
    if options.runs < 1:
        parser.error("--runs: at least 1")
    return options


def main():
    options = arguments()
    bench = Bench(options.build.resolve(), options.sessions_max, options.runs)
    machine = subprocess.run([str(bench.build / "app/bench/penstock-bench"), "machine", *["--json"] * options.json],
                             capture_output=True, text=True, check=True)
    print(machine.stdout, end="", flush=True)
    missed, failed = 0, 0
    started = time.monotonic()
    for name in options.names:
        try:
            for line in MEASURES[name](bench):
                missed += line.met is False
                print(line.json() if options.json else line.text(), flush=True)
        except MeasureError as error:
            failed += 1
            print(f"penstock-bench: {name}: {error}", file=sys.stderr, flush=True)
    print(f"penstock-bench: {len(options.names)} targets in {time.monotonic() - started:.0f} s, "
          f"{missed} lines not met, {failed} targets not measured", file=sys.stderr)
    return 3 if failed else int(missed > 0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGHUP, on_signal)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
