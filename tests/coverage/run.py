#!/usr/bin/env python3
"""Counts the branches of lib/proto and lib/session that the tests take, and fails when a room has less than its share.

  run.py [--build DIR] [--missing] [--reuse]     --missing lists the branches that nothing took; --reuse counts what ran last

Runs the unit tests, the packet scripts, the fuzz corpora and some worlds of the simulator in a build with -Dcoverage=true
(clang-19), and reads what llvm-cov tells. A branch is a condition that was true, or was false: `a && b` has four. Those
within PENSTOCK_ASSERT do not count, since no test can make one of them false. A case is counted for each program that ran
and for each room; the last line is `N passed, N failed`."""

import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
ROOMS = {"lib/proto/": 90.0, "lib/session/": 90.0}
SEEDS = 50
PROGRAM_SECONDS = 1800
UNIT = ["proto", "session", "engine"]
FUZZED = ["kcp_parse", "kcp_session", "kcp_pair", "packet_script"]


def programs(inputs):
    """Targets of the build and how they are run; `inputs` is where the corpora are unpacked."""
    runs = [(f"tests/unit/{room}/{room}_test", []) for room in UNIT]
    runs.append(("tests/packets/penstock-packets", [str(ROOT / "tests/packets")]))
    runs.append(("tests/sim/penstock-sim", ["--seed", "1", "--seeds", str(SEEDS), "--jobs", "2"]))
    return runs + [(f"tests/fuzz/fuzz_{name}", ["-runs=0", str(inputs / name)]) for name in FUZZED]


def unpack(inputs):
    for name in FUZZED:
        (inputs / name).mkdir()
        paths = [ROOT / "tests/fuzz/corpus" / f"{name}{kind}" for kind in (".hex", ".found.hex")]
        lines = [line for path in paths if path.exists() for line in path.read_text(encoding="ascii").split()]
        for number, line in enumerate(lines):
            (inputs / name / f"{number:04}").write_bytes(bytes.fromhex(line))


def run_all(build, counts):
    """Runs each program; the number that went well."""
    shutil.rmtree(counts, ignore_errors=True)
    counts.mkdir(parents=True)
    passed = 0
    with tempfile.TemporaryDirectory() as folder:
        inputs = pathlib.Path(folder)
        unpack(inputs)
        for number, (target, arguments) in enumerate(programs(inputs)):
            environment = {**os.environ, "LLVM_PROFILE_FILE": f"{counts}/{number:02}-%p.profraw"}
            done = subprocess.run([build / target, *arguments], env=environment, stdin=subprocess.DEVNULL, cwd=folder,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PROGRAM_SECONDS, check=False)
            passed += done.returncode == 0
            if done.returncode != 0:
                print(f"{target}: FAILED\n{done.stdout.decode(errors='replace')[-2000:]}", flush=True)
    return passed


def exported(build, counts):
    """What llvm-cov has to say of the files of the rooms."""
    merged = counts / "merged.profdata"
    subprocess.run(["llvm-profdata-19", "merge", "-sparse", "-o", merged, *sorted(counts.glob("*.profraw"))], check=True)
    objects = [build / target for target, _ in programs(pathlib.Path())]
    more = [argument for one in objects[1:] for argument in ("-object", str(one))]
    sources = [str(path) for room in ROOMS for path in sorted((ROOT / room).rglob("*")) if path.suffix in (".cpp", ".hpp")]
    text = subprocess.run(["llvm-cov-19", "export", f"-instr-profile={merged}", str(objects[0]), *more, *sources],
                          check=True, capture_output=True).stdout
    return json.loads(text)["data"][0]["files"]


def asserted(text):
    """Lines of a source that belong to a PENSTOCK_ASSERT."""
    lines = set()
    for match in re.finditer(r"\bPENSTOCK_ASSERT\(", text):
        end, depth = match.end(), 1
        while depth > 0:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        first = text.count("\n", 0, match.start()) + 1
        lines |= set(range(first, first + text.count("\n", match.start(), end) + 1))
    return lines


def branches_of(file):
    """By place and way: whether the branch was taken in any instance of a template."""
    text = pathlib.Path(file["filename"]).read_text(encoding="utf-8")
    skipped, taken = asserted(text), collections.defaultdict(bool)
    for line, column, _, _, true, false, *_ in file["branches"]:
        if line not in skipped:
            taken[line, column, "true"] |= true > 0
            taken[line, column, "false"] |= false > 0
    return taken


def tell(files, missing):
    """Prints a row a file; passed and failed rooms."""
    sums = {room: [0, 0] for room in ROOMS}
    for file in files:
        name = str(pathlib.Path(file["filename"]).resolve().relative_to(ROOT))
        branches = branches_of(file)
        room = next(room for room in ROOMS if name.startswith(room))
        count, all_of = sum(branches.values()), len(branches)
        sums[room][0] += count
        sums[room][1] += all_of
        if all_of > 0:
            print(f"{name:45} {count:5} of {all_of:5} branches {100 * count / all_of:6.1f} %")
        if missing:
            for line, column, way in sorted(place for place, was in branches.items() if not was):
                print(f"    {name}:{line}:{column}: never {way}")
    passed = 0
    for room, (count, all_of) in sums.items():
        share = 100 * count / all_of if all_of else 0.0
        good = share >= ROOMS[room]
        passed += good
        print(f"{room:45} {count:5} of {all_of:5} branches {share:6.1f} %, wanted {ROOMS[room]:.0f} %"
              f"{'' if good else ': FAILED'}")
    return passed, len(sums) - passed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build-coverage", help="the build with -Dcoverage=true")
    parser.add_argument("--missing", action="store_true", help="list the branches that nothing took")
    parser.add_argument("--reuse", action="store_true", help="count what the last run left, and run nothing")
    parser.add_argument("--targets", action="store_true", help="tell what must be built, and stop")
    options = parser.parse_args()
    wanted = programs(pathlib.Path())
    if options.targets:
        print("\n".join(target for target, _ in wanted))
        return 0
    build = options.build.resolve()
    ran = len(wanted) if options.reuse else run_all(build, build / "counts")
    passed, failed = tell(exported(build, build / "counts"), options.missing)
    passed, failed = passed + ran, failed + len(wanted) - ran
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
