#!/usr/bin/env python3
"""Shows that the suite can fail: puts one fault after another into a copy of the code and expects a test to notice.

The copy and its build (release, no DPDK) stay in build/planted/tree, so that a fault costs what depends on its file.
First the copy must pass without a fault. Prints `caught NAME by PART in S s` or `MISSED NAME`, and closes with
`N passed, N failed`."""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from fault import FaultError, load  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLACE = ROOT / "build" / "planted"
TREE, LOG = PLACE / "tree", PLACE / "log"
BUILD = TREE / "build"
# The options and the place of test.sh's release build: ccache then has all but what a fault changes.
OPTIONS = ["--buildtype=release", "-Ddpdk=false"]
# For harnesses of tests/fuzz: the build for number, as test.sh makes it, since what a fault breaks are claims.
FUZZ_BUILD = TREE / "build-fuzz"
FUZZ_OPTIONS = ["-Ddpdk=false", "-Dfuzzing=true", "-Db_lundef=false", "--buildtype=release", "-Doptimization=2"]
FUZZ_ENVIRONMENT = {"CC": "ccache clang-19", "CXX": "ccache clang++-19"}
FUZZ_EXECUTIONS = 150_000
BUILD_SECONDS, TEST_SECONDS = 1800, 300
# Faults that make an endless loop are found when a part takes so many times as long as it did without them.
PATIENCE, PATIENCE_SECONDS = 10, 40
SIM_SEEDS = 60
# What test.sh made of the fetched ikcp.c, and how long it is compared.
DIFF = ["--ikcp", str(ROOT / "build/diff/libikcp.so"), "--steps", "200000", "--schedules", "64", "--conversations", "20"]
# Parts that are run as they stand.
SCRIPTS = {"scripts": ["python3", "tests/scripts/run.py"]}


def tool(command, seconds, log, more_environment=None):
    """Exit status, or None when the time ran out."""
    with open(log, "w", encoding="utf-8") as out:
        try:
            return subprocess.run(command, cwd=TREE, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=seconds,
                                  env={**os.environ, **(more_environment or {})}, check=False).returncode
        except subprocess.TimeoutExpired:
            return None


def write(path, text):
    """Only what differs is written, so that ninja builds no more than needed."""
    if path.exists() and path.read_bytes() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text)


def copy_tree():
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            check=True, capture_output=True).stdout
    files = {name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()}
    for name in files:
        write(TREE / name, (ROOT / name).read_bytes())
        (TREE / name).chmod((ROOT / name).stat().st_mode)
    for path in TREE.rglob("*"):
        name = path.relative_to(TREE)
        if path.is_file() and name.parts[0] not in (BUILD.name, FUZZ_BUILD.name) and str(name) not in files:
            path.unlink()


def targets_of(part):
    """What ninja must build for a part of the suite, as paths below the build directory; nothing for scripts."""
    if part in SCRIPTS:
        return []
    if part.startswith("fuzz:"):
        return [f"tests/fuzz/fuzz_{part.partition(':')[2]}"]
    listed = subprocess.run(["ninja", "-C", str(BUILD), "-t", "targets", "all"], check=True, capture_output=True,
                            text=True).stdout
    places = {"diff": r"tests/diff/penstock-diff", "sim": r"tests/sim/penstock-sim", "sim:unit": r"tests/sim/\w+_test",
              "packets": r"tests/packets/penstock-packets", "reflection": r"tests/packets/reflection_test"}
    pattern = places.get(part) or rf"tests/unit/{part.partition(':')[2]}/[\w/]*_test"
    return re.findall(rf"^({pattern}): ", listed, re.M)


class Suite:
    """Builds and runs parts of the suite over the copy."""

    def __init__(self):
        PLACE.mkdir(parents=True, exist_ok=True)
        copy_tree()
        self.configure(BUILD, OPTIONS)
        self.fuzzes = False
        self.limits = {}

    @staticmethod
    def configure(build, options, environment=None):
        setup = ["meson", "setup", *(["--reconfigure"] if (build / "build.ninja").exists() else []), str(build), *options]
        if tool(setup, BUILD_SECONDS, LOG, environment) != 0:
            sys.exit(f"planted: the copy cannot be configured, see {LOG}")

    def builds(self, parts):
        fuzzed = [part for part in parts if part.startswith("fuzz:")]
        if fuzzed and not self.fuzzes:
            self.configure(FUZZ_BUILD, FUZZ_OPTIONS, FUZZ_ENVIRONMENT)
            self.fuzzes = True
        work = [(FUZZ_BUILD, fuzzed), (BUILD, [part for part in parts if part not in fuzzed])]
        for build, some in work:
            targets = [target for part in some for target in targets_of(part)]
            if targets and tool(["ninja", "-j2", "-C", str(build), *targets], BUILD_SECONDS, LOG) != 0:
                return False
        return True

    def is_sound(self, part):
        """Whether the part passes without a fault; what it took then bounds what it may take with one."""
        start = time.monotonic()
        if not self.passes(part):
            return False
        self.limits[part] = min(TEST_SECONDS, max(PATIENCE_SECONDS, round(PATIENCE * (time.monotonic() - start))))
        return True

    def passes(self, part):
        seconds = self.limits.get(part, TEST_SECONDS)
        if part in SCRIPTS:
            return tool(SCRIPTS[part], seconds, LOG) == 0
        if part.startswith("fuzz:"):
            search = ["python3", "tests/fuzz/run.py", "--build", str(FUZZ_BUILD), "--only", part.partition(":")[2],
                      "--seed", "1", "--executions", str(FUZZ_EXECUTIONS)]
            return tool(search, seconds, LOG) == 0
        targets = targets_of(part)
        if not targets:
            sys.exit(f"planted: there is no part {part} in the suite")
        arguments = {"sim": ["--seed", "1", "--seeds", str(SIM_SEEDS), "--jobs", "2"], "diff": DIFF,
                     "packets": ["tests/packets"]}
        # A test that runs out of its time has noticed as well: the fault made an endless loop.
        return all(tool([str(BUILD / target), *arguments.get(part, [])], seconds, LOG) == 0 for target in targets)


def is_caught(suite, fault):
    """Plants a fault, tells what became of it, and takes it back."""
    place = TREE / fault.file
    sound = place.read_bytes()
    start = time.monotonic()
    try:
        write(place, fault.applied_to(sound.decode()).encode())
        for part in fault.caught_by:
            if not suite.builds([part]):
                print(f"MISSED {fault.name}: does not compile, see {LOG}", flush=True)
                return False
            if not suite.passes(part):
                print(f"caught {fault.name} by {part} in {time.monotonic() - start:.0f} s", flush=True)
                return True
        print(f"MISSED {fault.name}: {fault.why}", flush=True)
        return False
    except FaultError as error:
        print(f"MISSED {error}", flush=True)
        return False
    finally:
        write(place, sound)


def chosen(faults, options):
    if options.only:
        return [fault for fault in faults if fault.name in options.only]
    if options.some is None:
        return faults
    # Turns follow each other without gap, so that in N turns every fault comes up once.
    first = options.turn * options.some
    return [faults[(first + i) % len(faults)] for i in range(min(options.some, len(faults)))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--all", action="store_true", help="every fault; what happens unless told otherwise")
    parser.add_argument("--some", type=int, metavar="N", help="N faults, chosen by --turn")
    parser.add_argument("--turn", type=int, default=0, metavar="K", help="with --some: the K-th N faults of the list")
    parser.add_argument("--only", action="append", metavar="NAME", help="this fault; may be repeated")
    parser.add_argument("--list", action="store_true", help="tell the faults and stop")
    options = parser.parse_args()
    try:
        faults = load(pathlib.Path(__file__).resolve().parent)
    except FaultError as error:
        sys.exit(f"planted: {error}")
    if options.list:
        print("\n".join(f"{fault.name}: {fault.why}" for fault in faults))
        return 0
    faults = chosen(faults, options)
    if not faults:
        sys.exit("planted: no fault is chosen")
    suite = Suite()
    parts = sorted({part for fault in faults for part in fault.caught_by})
    start = time.monotonic()
    if not suite.builds(parts) or not all(suite.is_sound(part) for part in parts):
        sys.exit(f"planted: the suite fails without a fault already, see {LOG}")
    print(f"sound: {', '.join(parts)} in {time.monotonic() - start:.0f} s", flush=True)
    caught = sum(is_caught(suite, fault) for fault in faults)
    print(f"{caught} passed, {len(faults) - caught} failed")
    return 0 if caught == len(faults) else 1


if __name__ == "__main__":
    sys.exit(main())
