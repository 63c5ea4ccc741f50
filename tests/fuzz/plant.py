#!/usr/bin/env python3
"""Writes a source with a fault of tests/planted in it: plant.py FAULT ROOT OUT.

Linked in front of the libraries it takes the place of the sound one, so that run.py can show that the fuzzer finds it."""

import pathlib
import sys

sys.dont_write_bytecode = True


def main():
    name, root, out = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    sys.path.insert(0, str(root / "tests" / "planted"))
    from fault import load  # noqa: E402

    fault = next(fault for fault in load(root / "tests" / "planted") if fault.name == name)
    out.write_text(fault.applied_to((root / fault.file).read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
