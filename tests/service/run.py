#!/usr/bin/env python3
"""run.py - penstock as a service: what a distribution and a service manager see of it.

    tests/service/run.py [--only TEXT] [--build DIR]

What it tells systemd and when its watchdog starves (notify_cases.py). One line
a case, and a closing `service: N passed, N failed`. Needs root.
"""

import argparse
import subprocess
import sys
import time

import notify_cases
from manager import LabError

sys.dont_write_bytecode = True

from lab import Interrupted, raise_on_signals  # noqa: E402  # manager.py tells where it is

MODULES = [notify_cases]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="TEXT", default="", help="cases whose name holds TEXT")
    parser.add_argument("--build", metavar="DIR", default="build", help="where penstock was built")
    options = parser.parse_args()
    raise_on_signals()
    passed = failed = 0
    try:
        for name, case in {n: c for module in MODULES for n, c in module.cases(options.build).items()}.items():
            if options.only not in name:
                continue
            started = time.monotonic()
            try:
                shown = case()
            except (LabError, OSError, subprocess.SubprocessError) as error:
                failed += 1
                print(f"FAIL {name}: {error}", flush=True)
            else:
                passed += 1
                print(f"ok {name}: {shown} ({time.monotonic() - started:.1f} s)", flush=True)
    except Interrupted as interrupted:
        print(f"service: {interrupted}", flush=True)
        return interrupted.exit_code
    print(f"service: {passed} passed, {failed} failed", flush=True)
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
