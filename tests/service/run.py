#!/usr/bin/env python3
"""run.py - penstock as a service: what a distribution and a service manager see of it.

    tests/service/run.py [--only TEXT] [--build DIR] [--install-build DIR]

What it tells systemd and when its watchdog starves (notify_cases.py), the unit
under a real systemd in namespaces of its own (systemd_cases.py), what a kill
leaves (restart_cases.py), what is installed (install_cases.py), and whether man
pages and completion tell the truth (manual_cases.py). One line a case, and a
closing `service: N passed, N failed`. Needs root.
"""

import argparse
import subprocess
import sys
import time

import install_cases
import manual_cases
import notify_cases
import restart_cases
import systemd_cases
from manager import LabError
from stage import Stage

sys.dont_write_bytecode = True

from lab import Interrupted, raise_on_signals  # noqa: E402  # manager.py tells where it is


def all_cases(build, stage):
    return {**notify_cases.cases(build), **systemd_cases.cases(build, stage.folder),
            **restart_cases.cases(build, stage.folder), **install_cases.cases(stage),
            **manual_cases.cases(stage)}


def run_case(name, case):
    """Runs it and says how it ended; whether it passed."""
    started = time.monotonic()
    try:
        shown = case()
    except (LabError, OSError, subprocess.SubprocessError) as error:
        print(f"FAIL {name}: {error}", flush=True)
        return False
    print(f"ok {name}: {shown} ({time.monotonic() - started:.1f} s)", flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="TEXT", default="", help="cases whose name holds TEXT")
    parser.add_argument("--build", metavar="DIR", default="build", help="where penstock was built")
    parser.add_argument("--install-build", metavar="DIR", default="build-install", help="one with --prefix=/usr")
    options = parser.parse_args()
    raise_on_signals()
    try:
        with Stage(options.install_build) as stage:
            ended = [run_case(name, case) for name, case in all_cases(options.build, stage).items() if options.only in name]
        passed, failed = ended.count(True), ended.count(False)
    except Interrupted as interrupted:
        print(f"service: {interrupted}", flush=True)
        return interrupted.exit_code
    print(f"service: {passed} passed, {failed} failed", flush=True)
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
