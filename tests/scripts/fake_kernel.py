"""What all fake tools know: the tree they act on, what its kernel is like, and where calls are noted."""

import json
import os
import pathlib

ROOT = pathlib.Path(os.environ["PENSTOCK_SYSROOT"])
KERNEL = json.loads((ROOT / "fake/kernel.json").read_text())
FAULTS = KERNEL["faults"]


def note(*words):
    with open(ROOT / "fake/calls", "a", encoding="utf-8") as calls:
        calls.write(" ".join(words) + "\n")
