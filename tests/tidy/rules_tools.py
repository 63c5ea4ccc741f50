"""Rules that ask a tool: headers compile alone, code is formatted, shell scripts are sound.

What a tool found about a file does not change until the file, or what it includes, does; so answers are kept under
.cache/tidy by the hash of all that went in."""

import concurrent.futures
import functools
import hashlib
import os
import re
import shutil
import subprocess

from tree import CPP, Violation

FORMAT_MAJOR = "14"
JOBS = 2


class Cache:
    """Answers of one tool by the hash of its input."""

    def __init__(self, tree, tool):
        self.folder = tree.root / ".cache" / "tidy"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.tool = tool

    def ask(self, material, compute):
        place = self.folder / hashlib.sha256((self.tool + "\0" + material).encode()).hexdigest()
        try:
            return place.read_text()
        except FileNotFoundError:
            answer = compute()
            partial = place.with_suffix(f".{os.getpid()}")
            partial.write_text(answer)
            partial.replace(place)
            return answer


def _run(command, cwd, text=None):
    done = subprocess.run(command, cwd=cwd, input=text, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def _version(tool):
    return subprocess.run([tool, "--version"], capture_output=True, text=True, check=False).stdout.split("\n")[0]


def _in_parallel(work, items):
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        return list(pool.map(work, items))


def formatted(tree):
    """Code is as clang-format leaves it."""
    tool = next((t for t in ("clang-format-" + FORMAT_MAJOR, "clang-format") if shutil.which(t)), None)
    version = _version(tool) if tool else ""
    if f"version {FORMAT_MAJOR}." not in version:
        yield Violation(".clang-format", 1, "format", f"clang-format {FORMAT_MAJOR} is not installed")
        return
    cache = Cache(tree, version + tree.text(".clang-format"))

    def check(path):
        def compute():
            code, out = _run([tool, "--dry-run", "-Werror", path], tree.root)
            match = re.search(r":(\d+):\d+: error", out)
            return (match.group(1) if match else "1") if code else ""
        line = cache.ask(tree.text(path), compute)
        return Violation(path, int(line), "format", f"not as clang-format leaves it: {tool} -i {path}") if line else None

    yield from filter(None, _in_parallel(check, tree.under("lib/", "app/", "tests/", ends=CPP)))


def _closure(tree, path, folders):
    """The text of a header and of all project files that it includes, through others too."""
    seen, todo = {}, [path]
    while todo:
        one = todo.pop()
        if one in seen:
            continue
        seen[one] = tree.text(one)
        for target in re.findall(r'^\s*#\s*include\s+"([^"]+)"', seen[one], re.M):
            for folder in folders + (os.path.dirname(one),):
                inner = os.path.normpath(os.path.join(folder, target))
                if inner in tree_set(tree):
                    todo.append(inner)
                    break
    return "\0".join(f"{name}\0{text}" for name, text in sorted(seen.items()))


@functools.lru_cache(maxsize=None)
def tree_set(tree):
    return frozenset(tree.files)


def _first_include(text):
    match = re.search(r'^\s*#\s*include\s+["<]([^">]+)[">]', text, re.M)
    return match.group(1) if match else ""


def self_contained(tree):
    """Each header compiles alone: its source file includes it before all else, so that the build shows it; headers
    without a source file are compiled here."""
    folders = ("lib", "app", "tests", "tests/unit")
    flags = ["-std=c++23", "-march=x86-64-v3", "-fsyntax-only", "-Wall", "-Wextra", "-x", "c++"]
    flags += [f"-I{folder}" for folder in folders]
    code, dpdk = _run(["pkg-config", "--cflags", "libdpdk"], tree.root)
    dpdk_flags = dpdk.replace("-march=corei7", "").split() if code == 0 else None
    cache = Cache(tree, _version("g++") + " ".join(flags))

    def check(path):
        source = path[:-len(".hpp")] + ".cpp"
        if source in tree_set(tree):
            if os.path.basename(_first_include(tree.text(source))) == os.path.basename(path):
                return None
            return Violation(source, 1, "self_contained", f"does not include {path} before all else")
        material = _closure(tree, path, folders)
        needs_dpdk = bool(re.search(r"#\s*include\s+<(?:rte_|ethdev_|bus_)", material))
        if needs_dpdk and dpdk_flags is None:
            return Violation(path, 1, "self_contained", "needs DPDK's headers, which are not installed")
        extra = dpdk_flags if needs_dpdk else []

        def compute():
            command = ["g++", *extra, *flags, f"-I{os.path.dirname(path)}", "-"]
            code, out = _run(command, tree.root, f'#include "{path}"\n')
            return "" if code == 0 else next((line for line in out.split("\n") if "error" in line), out)[:200]
        error = cache.ask(path + "\0" + material, compute)
        return Violation(path, 1, "self_contained", f"does not compile alone: {error}") if error else None

    yield from filter(None, _in_parallel(check, tree.under("lib/", "app/", "tests/", ends=(".hpp",))))


def _sourced(tree, path):
    """The text of a script and of all that it sources, through others too."""
    seen, todo = {}, [path]
    while todo:
        one = todo.pop()
        if one not in seen and one in tree_set(tree):
            seen[one] = tree.text(one)
            todo += [os.path.normpath(os.path.join(os.path.dirname(one), inner))
                     for inner in re.findall(r"^\s*# shellcheck source=(\S+)", seen[one], re.M)]
    return "\0".join(f"{name}\0{text}" for name, text in sorted(seen.items()))


def shell(tree):
    """Shell scripts, with a suffix or without, parse, and shellcheck finds nothing."""
    scripts = sorted({p for p, shebang in tree.scripts() if re.search(r"\b(ba|da)?sh\b", shebang)} |
                     set(tree.under(ends=(".sh", ".bash"))))
    checker = shutil.which("shellcheck")
    if not checker:
        yield Violation("tests/tidy/rules_tools.py", 1, "shell", "shellcheck is not installed")
        return
    cache = Cache(tree, _version("shellcheck"))

    def check(path):
        def compute():
            code, out = _run(["bash", "-n", path], tree.root)
            if code == 0:
                code, out = _run([checker, "-x", "-P", "SCRIPTDIR", "-f", "gcc", path], tree.root)
            return out.strip() if code else ""
        found = cache.ask(path + "\0" + _sourced(tree, path), compute)
        result = []
        for line in filter(None, found.split("\n")):
            match = re.match(r"[^:]+:(?: line )?(\d+):(?:\d+:)? *(.*)", line)
            result.append(Violation(path, int(match.group(1)) if match else 1, "shell",
                                    match.group(2) if match else line))
        return result

    for found in _in_parallel(check, scripts):
        yield from found
