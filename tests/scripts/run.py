#!/usr/bin/env python3
"""run.py - runs the operators' scripts on machines that are only files.

    tests/scripts/run.py [-k TEXT]

Each case makes a machine of its own (machine.py): a tree with the parts of sysfs, proc, dev and run that the scripts read,
and tools first in their PATH (fake_tool.py) that do to the tree what the kernel would. So what no test machine has is
shown as well: mlx5, several NUMA nodes, an ssh session, no IOMMU, memory in pieces. Nothing else is in the scripts' PATH,
and nothing of the machine that runs the tests is read or changed. Needs no root."""

import argparse
import concurrent.futures
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import amount_cases  # noqa: E402, F401
import bind_cases  # noqa: E402, F401
import guard_cases  # noqa: E402, F401
import persist_cases  # noqa: E402, F401
import reserve_cases  # noqa: E402, F401
import unbind_cases  # noqa: E402, F401
import verify_cases  # noqa: E402, F401
from cases import CASES, Wrong  # noqa: E402
from machine import Machine  # noqa: E402

JOBS = 2


def complaint_of(function):
    """What a case found, or nothing."""
    with tempfile.TemporaryDirectory(prefix="penstock-scripts-") as name:
        made = []

        def machines(**options):
            made.append(None)
            place = pathlib.Path(name) / str(len(made))
            place.mkdir()
            return Machine(place, **options)

        try:
            function(machines)
        except (Wrong, subprocess.TimeoutExpired, AssertionError, OSError) as wrong:
            return str(wrong)
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("-k", metavar="TEXT", default="", help="only cases whose name holds TEXT")
    options = parser.parse_args()
    chosen = [function for function in CASES if options.k in function.__name__]
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        complaints = list(pool.map(complaint_of, chosen))
    failed = 0
    for function, complaint in zip(chosen, complaints):
        if complaint is not None:
            failed += 1
            print(f"FAILED {function.__name__}: {complaint.strip()}")
    print(f"scripts: {len(chosen) - failed} passed, {failed} failed")
    return 1 if failed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
