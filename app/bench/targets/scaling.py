#!/usr/bin/env python3
"""scaling.py - `penstock-bench scaling`: rate, latency, memory and the cost of idling at 1 k to 10 M sessions.

Writes a JSON object to standard output, a row a number of sessions, which plot.py turns into a picture:

    penstock-bench scaling > scaling.json && app/bench/targets/plot.py scaling.json docs/scaling.svg
"""

import argparse
import json
import pathlib
import signal
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import rivals  # noqa: E402
from measures import quiet  # noqa: E402
from pair import Pair  # noqa: E402
from processes import MeasureError, REPO, memory_bytes, on_signal  # noqa: E402

SESSIONS = [1_000, 10_000, 100_000, 1_000_000, 10_000_000]
IDLE_SESSIONS_MIN = 10_000        # what fewer cost is lost in what a turn costs anyway
IKCP_SESSIONS_MAX = 1_000_000     # 4.6 GB
IN_FLIGHT = 4096


def penstock(build, sessions):
    """Sessions in turn, ACKs alone, and what the server's process weighs meanwhile."""
    words = f"--shape closed --pick round-robin --depth {IN_FLIGHT} --connect-rate 1000000"

    def run():
        # Below the 10 ms after which a client acknowledges alone, a session would come round again: then at once.
        with Pair(build, sessions=sessions, ack_delay_ms=10 if sessions >= 100_000 else 0) as pair:
            return pair.load(words, during=memory_bytes, connect_s=sessions / 50_000)
    found = quiet(run, 1)[0]
    return {"rate": found["requests_per_s"], "p50_us": found["rtt_p50_ns"] / 1000, "p99_us": found["rtt_p99_ns"] / 1000,
            "memory_bytes": found["during"], "connects_per_s": found["connects_per_s"],
            "datagrams_per_request": found["datagrams_out_per_request"] + found["datagrams_in_per_request"],
            "disturbed": found["disturbed"]}


def idle(build, sessions):
    """Instructions of an idle session a second, and of the longest turn while all of them run out of time at once."""
    words = ["idle", "--no-clock", "--json", "--idle-sessions", sessions]
    done = subprocess.run([str(word) for word in (build / "app/bench/penstock-bench", *words)],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MeasureError(done.stderr.strip())
    found = {line.get("name"): line for line in map(json.loads, done.stdout.splitlines()[1:])}
    return {"idle_instructions_per_s": found["idle-session"]["value"], "longest_turn": found["longest-turn"]["value"]}


def ikcp(build, sessions):
    """The better of its timers and of 64 and 4,096 in flight."""
    found = max((quiet(lambda d=depth: rivals.best_ikcp(build, sessions, d), 1, 1)[0] for depth in (64, IN_FLIGHT)
                 if depth <= sessions), key=lambda run: run["rate"])
    return {"rate": found["rate"], "p50_us": found["p50_us"], "p99_us": found["p99_us"],
            "memory_bytes": found["server"]["rss_kib"] * 1024, "disturbed": found["disturbed"]}


def main():
    parser = argparse.ArgumentParser(prog="penstock-bench scaling", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", type=pathlib.Path, default=REPO / "build", help=argparse.SUPPRESS)
    parser.add_argument("--sessions-min", type=int, default=SESSIONS[0], metavar="N", help="the first row (1000)")
    parser.add_argument("--sessions-max", type=int, default=SESSIONS[-1], metavar="N", help="the last row (10000000)")
    options = parser.parse_args()
    machine = subprocess.run([str(options.build / "app/bench/penstock-bench"), "machine", "--json"],
                             capture_output=True, text=True, check=True).stdout
    rivals.prepare_ikcp(options.build)
    rows = []
    for sessions in SESSIONS:
        if not options.sessions_min <= sessions <= options.sessions_max:
            continue
        row = {"sessions": sessions, "penstock": penstock(options.build, sessions)}
        if sessions >= IDLE_SESSIONS_MIN:
            row["penstock"].update(idle(options.build, sessions))
        if sessions <= IKCP_SESSIONS_MAX:
            row["ikcp"] = ikcp(options.build, sessions)
        rows.append(row)
        print(f"penstock-bench: {json.dumps(row)}", file=sys.stderr, flush=True)
    print(json.dumps({**json.loads(machine), "rows": rows}, indent=2))
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGHUP, on_signal)
    try:
        sys.exit(main())
    except MeasureError as error:
        print(f"penstock-bench: scaling: {error}", file=sys.stderr)
        sys.exit(3)
