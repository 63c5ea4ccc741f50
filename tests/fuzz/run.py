#!/usr/bin/env python3
"""Runs the fuzz harnesses: replays each corpus, then searches for so many seconds, two harnesses at a time.

  run.py [--seconds N] [--seed N] [--jobs N] [--only NAME]...   replay and search; `--seconds 0` only replays
  run.py --executions N [--at-most SECONDS]          replay, then legs of --seconds in turn until N executions are done in
                                                     all: for a build without sanitizers (README.md)
  run.py --only NAME --hex HEX                       one input, as a crash prints it
  run.py --merge NAME FOLDER...                      the corpus anew: the smallest inputs, of it and of the folders,
                                                     that reach all that they reach together

A corpus is tests/fuzz/corpus/NAME.hex, one input a line, in hexadecimal, and NAME.found.hex beside it: inputs that found a
fault, which no merge drops. One case a harness is counted, and one a planted
fault that must be found; the last line is `N passed, N failed`."""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True

from legs import Legs  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# By harness: the dictionary, and the longest input.
HARNESSES = {
    "frame": ("frame", 4096), "kcp_parse": ("kcp", 3000), "kcp_session": ("kcp", 3000), "kcp_pair": ("kcp", 2000),
    "config": ("config", 4096), "command_line": ("command_line", 1000), "telemetry": ("telemetry", 800),
    "packet_script": ("packet_script", 1500)}
# What some 15 s of search brought beside other work. A search with a given seed ends there, so that two of them do the same.
RUNS_SEEDED = {"frame": 25_000, "kcp_parse": 45_000, "kcp_session": 11_000, "kcp_pair": 6_000, "config": 60_000,
               "command_line": 6_000, "telemetry": 450_000, "packet_script": 5_000}
# Harnesses that are built with a fault of tests/planted in them, which must be found, starting from the corpus named.
PLANTED = {"una-beyond-what-was-sent-is-accepted": "kcp_session", "acknowledge-what-was-not-stored": "kcp_session"}
PLANTED_SECONDS = 120
# A leg is for number: what an input reaches counts and not how often, no file is written anew for being shorter, and three
# legs of four take short stories, which are over sooner and go wrong as well.
LEG_OPTIONS = ("-use_counters=0", "-entropic=0", "-reduce_inputs=0")
LEG_BYTES_SHORT, LEGS_PER_LONG_ONE = 128, 4
# A corpus is committed, so it has no long inputs.
CORPUS_INPUT_BYTES_MAX = 800


def corpus(name):
    paths = [HERE / "corpus" / f"{name}{kind}" for kind in (".hex", ".found.hex")]
    lines = [line for path in paths if path.exists() for line in path.read_text(encoding="ascii").split()]
    return [bytes.fromhex(line) for line in lines]


def unpacked(name, folder):
    folder.mkdir(parents=True)
    for number, data in enumerate(corpus(name)):
        (folder / f"{number:04}").write_bytes(data)
    return folder


def environment():
    return {**os.environ, "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
            "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
            "ASAN_SYMBOLIZER_PATH": shutil.which("llvm-symbolizer-19") or ""}


class Search:
    """One harness at work in folders of its own."""

    def __init__(self, build, name, binary=None, seed=0):
        self.name, self.seed = name, seed
        self.binary = build / "tests" / "fuzz" / (binary or f"fuzz_{name}")
        self.place = build / "fuzz" / (binary or name)
        shutil.rmtree(self.place, ignore_errors=True)
        self.inputs = unpacked(name, self.place / "corpus")

    def run(self, *arguments, limit=None, hang=60):
        """Status and output of the harness; 124 stands for an endless run. `hang`: seconds that an input may take."""
        # What is compared while it runs are addresses, too: a search with a given seed finds them where they were.
        fixed = ["setarch", "-R"] if self.seed else []
        command = [*fixed, str(self.binary), "-print_final_stats=1", f"-timeout={hang}", "-rss_limit_mb=4096",
                   f"-artifact_prefix={self.place}/", *arguments]
        try:
            done = subprocess.run(command, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, timeout=limit, check=False)
            return done.returncode, done.stdout.decode(errors="replace")
        except subprocess.TimeoutExpired:
            return 124, "it did not come to an end"

    def replay(self):
        return self.run("-runs=0", str(self.inputs), limit=900)

    def search(self, seconds, hang=60):
        return self.look(seconds, RUNS_SEEDED[self.name] if self.seed else -1, self.seed, hang)

    def leg(self, number, seconds, runs_max):
        """Status, output and executions of a search that goes on where the last one ended."""
        short = number % LEGS_PER_LONG_ONE != LEGS_PER_LONG_ONE - 1
        more = (*LEG_OPTIONS, f"-max_len={LEG_BYTES_SHORT}") if short else LEG_OPTIONS
        status, output = self.look(seconds, runs_max, self.seed + number if self.seed else 0, 60, *more)
        return status, output, figure(output, "number_of_executed_units")

    def look(self, seconds, runs, seed, hang, *more):
        dictionary, longest = HARNESSES[self.name]
        # New inputs go into the first folder, and the committed ones stay as they are.
        found = self.place / "found"
        found.mkdir(exist_ok=True)
        return self.run(f"-max_total_time={seconds}", f"-runs={runs}", f"-seed={seed}", f"-max_len={longest}",
                        "-reload=0", "-len_control=20", f"-dict={HERE}/dict/{dictionary}.dict", *more, str(found),
                        str(self.inputs), limit=seconds + 300, hang=hang)

    def crash(self):
        """The input that broke it, in hexadecimal; empty when there is none."""
        files = [path for path in self.place.glob("*-*") if path.is_file()]
        return files[0].read_bytes().hex() if files else ""


def why(output):
    lines = [line for line in output.split("\n")
             if re.search(r"broken claim|assert|ERROR: |runtime error|SUMMARY|^ +#\d+ .*/(lib|tests)/", line)]
    return "\n".join(f"    {line.strip()[:180]}" for line in (lines[:12] or output.split("\n")[-5:]))


def figure(output, name):
    match = re.search(rf"stat::{name}:\s+(\d+)", output)
    return int(match.group(1)) if match else 0


def tell_crash(search, output):
    print(f"{search.name}: FAILED\n{why(output)}", flush=True)
    if search.crash():
        print(f"  again by: tests/fuzz/run.py --only {search.name} --hex {search.crash()}", flush=True)


def one(build, name, seconds, seed):
    """Replays and searches; true when nothing broke."""
    search = Search(build, name, seed=seed)
    started = time.monotonic()
    status, output = search.replay()
    executions = len(corpus(name))
    if status == 0 and executions == 0:
        status, output = 1, "there is no corpus"
    replayed = time.monotonic() - started
    if status == 0 and seconds > 0:
        status, output = search.search(seconds)
        executions += figure(output, "number_of_executed_units")
    if status != 0:
        tell_crash(search, output)
        return False
    rate = figure(output, "average_exec_per_sec")
    print(f"{name}: {len(corpus(name))} inputs replayed in {replayed:.1f} s, {executions} executions, {rate}/s",
          flush=True)
    return True


def finds(build, fault, seed):
    """A search of a harness with a fault in it; true when it found the fault."""
    search = Search(build, PLANTED[fault], f"planted_{fault}", seed)
    started = time.monotonic()
    # A fault may make an endless loop as well.
    status, _ = search.search(PLANTED_SECONDS, hang=5)
    found = status != 0 and search.crash() != ""
    print(f"planted {fault}: {'found' if found else 'NOT FOUND, FAILED'} in {time.monotonic() - started:.0f} s",
          flush=True)
    return found


def legs(build, names, options):
    """As many executions as asked for, by all harnesses together; how many of these broke nothing."""
    searches = [Search(build, name, seed=options.seed) for name in names]
    broken = []
    for search in searches:
        status, output = search.replay()
        if status != 0:
            tell_crash(search, output)
            broken.append(search)
    search = Legs([one for one in searches if one not in broken], options.executions, options.seconds, options.at_most,
                  options.jobs)
    search.run(tell_crash)
    return len(names) - len(broken) - len(search.broken)


def merge(build, name, folders):
    search = Search(build, name)
    out = search.place / "merged"
    out.mkdir()
    longest = min(HARNESSES[name][1], CORPUS_INPUT_BYTES_MAX)
    # What an input reaches counts, not how often it does.
    status, output = search.run("-merge=1", "-use_counters=0", f"-max_len={longest}", "-reload=0", str(out), str(search.inputs), *folders)
    if status != 0:
        tell_crash(search, output)
        return 1
    inputs = sorted({path.read_bytes() for path in out.iterdir()}, key=lambda data: (len(data), data))
    (HERE / "corpus").mkdir(exist_ok=True)
    (HERE / "corpus" / f"{name}.hex").write_text("".join(data.hex() + "\n" for data in inputs if data),
                                                 encoding="ascii")
    print(f"{name}: {len(inputs)} inputs of {sum(map(len, inputs))} bytes")
    return 0


def one_input(build, name, text):
    search = Search(build, name)
    with tempfile.NamedTemporaryFile() as file:
        file.write(bytes.fromhex(text))
        file.flush()
        status, output = search.run(file.name, limit=300)
    print(output)
    return 1 if status != 0 else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build-fuzz", help="the build with -Dfuzzing=true")
    parser.add_argument("--seconds", type=int, default=20, help="to search with each harness; 0: replay only")
    parser.add_argument("--seed", type=int, default=0, help="of the chance that a search has; 0 draws one")
    parser.add_argument("--jobs", type=int, default=2, help="harnesses at a time")
    parser.add_argument("--executions", type=int, help="to do in all, in legs of --seconds that the harnesses take in turn")
    parser.add_argument("--at-most", type=int, default=10**9, metavar="SECONDS", help="with --executions: end then anyway")
    parser.add_argument("--only", action="append", choices=HARNESSES, help="this harness; may be repeated")
    parser.add_argument("--hex", help="with --only: this one input")
    parser.add_argument("--merge", nargs="+", metavar=("NAME", "FOLDER"), help="make the corpus anew")
    options = parser.parse_args()
    build = options.build.resolve()
    if options.merge:
        return merge(build, options.merge[0], options.merge[1:])
    names = options.only or list(HARNESSES)
    if options.hex:
        return one_input(build, names[0], options.hex)
    if options.executions:
        passed = legs(build, names, options)
        print(f"{passed} passed, {len(names) - passed} failed")
        return 0 if passed == len(names) else 1
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        cases = [pool.submit(one, build, name, options.seconds, options.seed) for name in names]
        if not options.only:
            cases += [pool.submit(finds, build, fault, options.seed) for fault in PLANTED]
        passed = sum(case.result() for case in cases)
    print(f"{passed} passed, {len(cases) - passed} failed")
    return 0 if passed == len(cases) else 1


if __name__ == "__main__":
    sys.exit(main())
