#!/usr/bin/env python3
"""run.py - drives a built penstock through configurations and command lines
that will not do.

    tests/badinput/run.py build/app/penstock/penstock

Each of cases/*.toml goes in by --check-config and by --config, each line of
command_lines.txt as it stands, and some that no file can hold (a directory, a
pipe, a NUL byte, a file too large). Every one must end with status 2 and print
exactly one line on stderr, which names the file, line and key that the case
expects, or the option; nothing on stdout, and nothing may be left in DPDK's
runtime directory or in a hugepage mount. What only EAL can refuse (a core or a
driver that does not exist) must end with status 2, too, and its last line be
penstock's own. No root, no hugepages and no NIC are needed.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
GOOD = HERE.parents[1] / "docs/examples/laptop.toml"
PREFIX = f"badinput-{os.getpid()}"
# To be put before --, so that a penstock that accepts what it should not starts small and alone.
EAL_WORDS = [f"--file-prefix={PREFIX}", "-m", "64", "--no-huge", "--no-pci"]
RUN_S_MAX = 60
STATUS_REFUSED = 2
CONFIG_BYTES_MAX = 1 << 20


class Case:
    def __init__(self, name, words, expected, eal_speaks=False):
        self.name = name
        self.words = words
        self.expected = expected  # what penstock's line must contain
        self.eal_speaks = eal_speaks


def expected_of(path):
    """The beginning of the sentence, from "# expect: 7 listener.mtu"."""
    first = path.read_text(encoding="utf-8").split("\n", 1)[0]
    words = first.split(None, 3)
    if len(words) != 4 or words[:2] != ["#", "expect:"]:
        raise SystemExit(f"{path}: the first line is no '# expect: LINE KEY'")
    line, key = words[2:]
    return f"{path}: {key}: " if line == "0" else f"{path}:{line}: {key}: "


def both_ways(name, path, expected):
    return [Case(f"{name} (check)", ["--check-config", str(path)], expected),
            Case(f"{name} (run)", [*EAL_WORDS, "--", "--config", str(path)], expected)]


def config_cases():
    cases = []
    for path in sorted((HERE / "cases").glob("*.toml")):
        cases += both_ways(path.name, path, expected_of(path))
    return cases


def line_cases():
    cases = []
    for number, line in enumerate((HERE / "command_lines.txt").read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        beginning, words = line.split(" |", 1)
        known = {"{good}": str(GOOD), "{empty}": ""}
        words = [known.get(word, word.replace("{good}", str(GOOD))) for word in words.split()]
        cases.append(Case(f"command_lines.txt:{number}", words, f"penstock: {beginning}"))
    return cases


def odd_file_cases(scratch):
    good = GOOD.read_bytes()
    files = {
        "nul.toml": (good.replace(b"1024", b"10\0004", 1), ":9: syntax: a NUL byte"),
        "huge.toml": (good + b"#" * CONFIG_BYTES_MAX, ": is larger than"),
        "not-utf8.toml": (b'# \xff\xfe "\n' + good, ":1: syntax: "),
        "deep.toml": (b"[" + b"a." * 500000 + b"a]\n", ":1: syntax: "),
        "brackets.toml": (b"a = " + b"[" * 500000, ":1: syntax: "),
        "binary.toml": (bytes(range(256)) * 64, ":1: syntax: "),
    }
    cases = []
    for name, (content, said) in files.items():
        path = scratch / name
        path.write_bytes(content)
        cases += both_ways(name, path, f"{path}{said}" if said.startswith(":") else said)
    (scratch / "directory").mkdir()
    os.mkfifo(scratch / "pipe")
    (scratch / "loop").symlink_to("loop")
    (scratch / "dangling").symlink_to("nowhere")
    for name, said in (("directory", "is no regular file"), ("pipe", "is no regular file"),
                       ("loop", "cannot be opened"), ("dangling", "cannot be opened"),
                       ("none.toml", "cannot be opened"), ("pipe/below", "cannot be opened")):
        cases += both_ways(name, scratch / name, f"{scratch / name}: {said}")
    cases += both_ways("/dev/zero", "/dev/zero", "/dev/zero: is no regular file")
    if os.geteuid() != 0:  # root reads everything
        secret = scratch / "secret.toml"
        secret.write_bytes(good)
        secret.chmod(0)
        cases += both_ways("secret.toml", secret, f"{secret}: cannot be opened")
    return cases


def eal_cases(scratch):
    """What the words alone do not tell; the device is the configuration's."""
    config = scratch / "null.toml"
    config.write_text('[[port]]\ndevice = "net_null0"\naddresses = ["10.77.0.2/24"]\n'
                      '[[listener]]\nname = "echo"\nport = 4000\nservice = "echo"\n'
                      '[limits]\nsessions_max = 16\n')
    rest = ["--", "--config", str(config)]
    common = [f"--file-prefix={PREFIX}", "--no-pci"]
    return [
        Case("a core that is not there", [*common, "-l", "127", "--no-huge", "-m", "64", *rest],
             "penstock: ", eal_speaks=True),
        Case("a driver that is not there",
             [*common, "-l", "0", "--no-huge", "-m", "64", "--vdev=net_nosuch0", *rest],
             "penstock: ", eal_speaks=True),
        Case("a device that is not there", [*common, "-l", "0", "--no-huge", "-m", "64", *rest],
             "penstock: ", eal_speaks=True),
        Case("a driver's bad argument",
             [*common, "-l", "0", "--no-huge", "-m", "64", "--vdev=net_null0,size=x,foo=1", *rest],
             "penstock: ", eal_speaks=True),
        Case("more memory than there is",
             [*common, "-l", "0", "--no-huge", "-m", "2000000000", "--vdev=net_null0", *rest],
             "penstock: ", eal_speaks=True),
    ]


# What is right and says a figure that others rely on: hugepages-setup reads the last line of --capacity.
SUM = re.compile(r"sum: ([0-9]+\.[0-9]) MiB a worker, ([0-9]+\.[0-9]) MiB for ([0-9]+) workers?")


def capacity_complaints(binary, scratch):
    """One for each line of --capacity that does not follow the lcores of the words and of the file."""
    bare = scratch / "no-lcores.toml"
    bare.write_text(GOOD.read_text(encoding="utf-8").replace('"-l", "0-1", ', ""))
    for words, file, workers in (([], bare, 1), (["-l", "2-5"], bare, 4), (["-c", "0x6"], bare, 2), ([], GOOD, 2),
                                 (["-l", "1"], GOOD, 1)):
        done = subprocess.run([binary, *words, "--capacity", str(file)], stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=RUN_S_MAX, check=False, text=True)
        last = done.stdout.splitlines()[-1] if done.stdout else ""
        figures = SUM.fullmatch(last)
        right = figures and int(figures[3]) == workers and abs(float(figures[1]) * workers - float(figures[2])) < 0.1 * workers
        yield None if done.returncode == 0 and right else f"--capacity {words} {file.name}: said {last!r} {done.stderr!r}"


def runtime_dir():
    if os.geteuid() == 0:
        return pathlib.Path("/var/run/dpdk")
    return pathlib.Path(os.environ.get("XDG_RUNTIME_DIR", "/tmp")) / "dpdk"


def hugepage_mounts():
    with open("/proc/mounts", encoding="utf-8") as mounts:
        return [line.split()[1] for line in mounts if line.split()[2] == "hugetlbfs"]


def leftovers():
    """Files with our prefix; those of the runtime directory are removed."""
    found = []
    directory = runtime_dir() / PREFIX
    if directory.exists():
        found += [str(directory), *(str(path) for path in sorted(directory.iterdir()))]
        for path in directory.iterdir():
            path.unlink()
        directory.rmdir()
    for mount in hugepage_mounts():
        found += [str(path) for path in pathlib.Path(mount).glob(f"{PREFIX}*")]
    return found


def complaint_about(case, status, out, err):
    """Nothing, or what is wrong with how the case ended."""
    if status != STATUS_REFUSED:
        return f"ended with status {status}"
    lines = err.decode(errors="replace").splitlines()
    if not lines or not err.endswith(b"\n"):
        return "said nothing, or half a line"
    if any(ord(c) < 0x20 or ord(c) == 0x7f for c in lines[-1]):
        return "its line holds control characters"
    if case.expected not in lines[-1] or not lines[-1].startswith("penstock: "):
        return f"its line does not hold {case.expected!r}"
    if not case.eal_speaks and (len(lines) != 1 or out):
        return "said more than one line"
    if "penstock: serving" in out.decode(errors="replace"):
        return "had begun to serve"
    return None


def run_case(binary, case, cwd):
    try:
        done = subprocess.run([binary, *case.words], stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=RUN_S_MAX, cwd=cwd, check=False)
    except subprocess.TimeoutExpired:
        return f"did not end within {RUN_S_MAX} s", b""
    complaint = complaint_about(case, done.returncode, done.stdout, done.stderr)
    left = leftovers()
    if complaint is None and left:
        complaint = f"left behind {' '.join(left)}"
    if complaint is None and any(cwd.glob("core*")):
        complaint = "left a core dump"
    return complaint, done.stderr


def main():
    parser = argparse.ArgumentParser(description="Malformed input for a built penstock.")
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("-k", metavar="TEXT", default="", help="only cases whose name holds TEXT")
    options = parser.parse_args()
    binary = options.binary.resolve()
    with tempfile.TemporaryDirectory(prefix="penstock-badinput-") as name:
        scratch = pathlib.Path(name)
        work = scratch / "work"
        work.mkdir()
        cases = config_cases() + line_cases() + odd_file_cases(scratch) + eal_cases(scratch)
        cases = [case for case in cases if options.k in case.name]
        sums = list(capacity_complaints(binary, scratch)) if options.k in "capacity" else []
        failed = sum(complaint is not None for complaint in sums)
        print("".join(f"FAILED {complaint}\n" for complaint in sums if complaint), end="")
        for case in cases:
            complaint, said = run_case(binary, case, work)
            if complaint is not None:
                failed += 1
                print(f"FAILED {case.name}: {complaint}\n  words: {case.words}\n  said: {said[-600:]!r}")
    print(f"badinput: {len(cases) + len(sums) - failed} passed, {failed} failed")
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
