#!/usr/bin/env python3
"""run.py - holds the instruction counts of penstock-bench (T3, T4, T6) against tests/speed/baseline.json.

A figure that is more than the slack above its baseline fails. One that is more than the slack below passes and asks for
the baseline to be lowered: `tests/speed/run.py --write`. Counts of another compiler cannot be compared, so the baseline
names its own. One line a figure, and a closing `speed: N passed, N failed`. Needs valgrind; takes half a minute."""

import argparse
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BENCH = ROOT / "build" / "app" / "bench" / "penstock-bench"
BASELINE = pathlib.Path(__file__).resolve().parent / "baseline.json"
TARGETS = ["T3", "T4", "T6"]
SECONDS = 300
SLACK = 0.03


class SpeedError(Exception):
    """There is nothing to compare; the sentence tells why."""


def measure(bench):
    """The compiler, and the figures by name."""
    command = [str(bench), *TARGETS, "--json", "--quick", "--no-clock"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SpeedError(f"{bench}: {error}") from error
    if done.returncode != 0:
        raise SpeedError(done.stderr.strip() or f"{bench} ended with status {done.returncode}")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    figures = {line["name"]: line["value"] for line in lines[1:] if line["unit"].startswith("instructions")}
    return lines[0]["compiler"], figures


def judge(name, value, baseline):
    """A line, and whether it is good."""
    change = value / baseline - 1
    line = f"{name}: {value:,.1f}, {change:+.1%} of the baseline's {baseline:,.1f}"
    if change > SLACK:
        return f"FAIL {line}", False
    if change < -SLACK:
        return f"ok {line}: lower the baseline (tests/speed/run.py --write)", True
    return f"ok {line}", True


def compare(compiler, figures, baseline):
    """Lines and verdicts, a pair each; a figure of one side alone is a failure."""
    if compiler != baseline["compiler"]:
        yield f"FAIL compiler: the baseline is of '{baseline['compiler']}', this is '{compiler}'", False
        return
    for name, expected in baseline["instructions"].items():
        if name in figures:
            yield judge(name, figures[name], expected)
        else:
            yield f"FAIL {name}: not measured any more", False
    for name in figures.keys() - baseline["instructions"].keys():
        yield f"FAIL {name}: {figures[name]:,.1f} has no baseline yet (--write)", False


def check_judgement():
    """The test can fail: what is just inside and just outside the slack is told apart."""
    before = {"compiler": "c", "instructions": {"a": 1000.0}}
    rows = [("c", {"a": 1029.0}, True), ("c", {"a": 1031.0}, False), ("c", {"a": 500.0}, True), ("c", {}, False),
            ("c", {"a": 1000.0, "b": 1.0}, False), ("d", {"a": 1000.0}, False)]
    for compiler, figures, good in rows:
        if all(verdict for _, verdict in compare(compiler, figures, before)) != good:
            raise SpeedError(f"the comparison misjudges {figures} of compiler {compiler}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--bench", type=pathlib.Path, default=BENCH, help="the program; build/app/bench/penstock-bench")
    parser.add_argument("--write", action="store_true", help="make what is measured now the baseline")
    options = parser.parse_args()
    try:
        check_judgement()
        compiler, figures = measure(options.bench)
    except SpeedError as error:
        print(f"speed: {error}\nspeed: 0 passed, 1 failed")
        return 1
    if options.write:
        content = {"compiler": compiler, "instructions": figures}
        BASELINE.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        print(f"speed: wrote {len(figures)} figures to {BASELINE.relative_to(ROOT)}")
        return 0
    verdicts = list(compare(compiler, figures, json.loads(BASELINE.read_text(encoding="utf-8"))))
    for line, _ in verdicts:
        print(line)
    failed = sum(not good for _, good in verdicts)
    print(f"speed: {len(verdicts) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
