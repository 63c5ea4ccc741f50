"""Rules about where things stand: who includes whom, sizes, first lines, mirrored tests, what meson builds."""

import ast
import posixpath
import re

from tree import CPP, Violation, functions, line_of

# Who may include whom (DESIGN 2): a room sees itself and these.
CORE = {"base", "buf", "net", "proto", "envelope", "session"}
SEES = {
    "base": set(),
    "buf": {"base"},
    "net": {"base", "buf"},
    "proto": {"base", "buf"},
    "envelope": {"base", "buf"},
    "session": CORE,
    "engine": CORE,
    "impair": CORE | {"engine"},
    "nic": CORE | {"engine"},
    "control": CORE | {"engine"},
    "runtime": CORE | {"engine", "impair", "nic", "control"},
}
ROOMS = set(SEES)
# What a service may know of the engine; the rest of it is for those who compose a node.
SERVICE_HEADERS = {"engine/application.hpp", "engine/connection.hpp"}
SERVICE_ROOMS = {"base", "buf"}
# What stands around a port instead of being a service: it sees what impair sees.
APP_PORTS = ("app/load/flood.",)

# Where DPDK may be seen; meson hands the dependency to nobody else.
DPDK_PLACES = ("lib/nic/", "lib/control/telemetry.cpp", "lib/runtime/", "app/bench/rivals/", "tests/dpdk/")
DPDK_MESON = ("meson.build", "lib/nic/meson.build", "lib/control/meson.build", "lib/runtime/meson.build",
              "app/penstock/meson.build", "app/load/meson.build", "app/bench/meson.build", "app/meson.build",
              "tests/dpdk/meson.build", "tests/meson.build")

LINES_MAX, LINES_AIM, FUNCTION_LINES_MAX = 500, 250, 70

# Sources without a test file of their own name, with the reason.
UNMIRRORED = {
    "lib/engine/world.cpp": "the tests of every stage show it: admission, egress and worker above all",
    "lib/runtime/crew.cpp": "needs a running node: tests/interop, and tests/syscalls under strict bypass",
    "lib/runtime/keeper.cpp": "needs a running node: tests/interop stops it by signals and reads its hints",
    "lib/runtime/node.cpp": "needs a running node: tests/interop, tests/badinput",
    "lib/runtime/seat.cpp": "needs a running node: tests/interop",
}
# Functions that are one table, with the reason.
LONG_FUNCTIONS = {
    ("tests/unit/engine/malformed_test.cpp", "rows"): "a table, a row a drop reason",
}


def visible(path):
    """Rooms and single headers that `path` may include, or None when it is free to see everything."""
    parts = path.split("/")
    if parts[0] == "lib":
        return SEES.get(parts[1], set()) | {parts[1]}, set()
    if parts[0] == "app":
        if parts[-1] in ("main.cpp", "main.hpp") or parts[1] == "bench":
            return ROOMS, set()
        if path.startswith(APP_PORTS):
            return SEES["impair"], set()
        return SERVICE_ROOMS, SERVICE_HEADERS
    if path.startswith("tests/unit/") and parts[2] in ROOMS:
        return SEES[parts[2]] | {parts[2]}, set()
    if path.startswith(("tests/sim/", "tests/threads/")):
        return CORE | {"engine", "impair"}, set()
    if path.startswith("tests/fuzz/"):
        return CORE | {"engine", "control"}, set()
    return ROOMS, set()


def includes(tree):
    for path in tree.under("lib/", "app/", "tests/", ends=CPP):
        rooms, headers = visible(path)
        for match in re.finditer(r'^\s*#\s*include\s+"([^"]+)"', tree.text(path), re.M):
            target = match.group(1)
            room = target.split("/")[0]
            line = line_of(tree.text(path), match.start())
            if room in ROOMS and room not in rooms and target not in headers:
                yield Violation(path, line, "includes", f'"{target}" may not be seen from here (DESIGN 2)')
            for one, other in (("kcp", "utp"), ("utp", "kcp")):
                if path.startswith(f"lib/proto/{one}/") and target.startswith(f"proto/{other}/"):
                    yield Violation(path, line, "includes", f"{one} and {other} never see each other")
            if target.startswith("../") or "/../" in target:
                yield Violation(path, line, "includes", "include paths are relative to lib/, without ..")


def dpdk(tree):
    for path in tree.under("lib/", "app/", "tests/", ends=CPP):
        if path.startswith(DPDK_PLACES):
            continue
        for number, line in enumerate(tree.text(path).split("\n"), 1):
            if re.match(r"\s*#\s*include\s+<(rte_|ethdev_|bus_)", line):
                yield Violation(path, number, "dpdk", "DPDK headers are for lib/nic, telemetry.cpp and lib/runtime")
        match = re.search(r"\brte_\w+", tree.code(path))
        if match:
            yield Violation(path, line_of(tree.code(path), match.start()), "dpdk",
                            f"{match.group()} belongs into lib/nic, telemetry.cpp or lib/runtime")
    for path in tree.under(ends=("meson.build",)):
        match = re.search(r"dependencies:.*\bdpdk\b", tree.text(path))
        if match and path not in DPDK_MESON:
            yield Violation(path, line_of(tree.text(path), match.start()), "dpdk", "this room gets no DPDK dependency")


def sized(tree):
    return tree.under("lib/", "app/", "tests/", ends=CPP + (".def", ".py", ".js", ".sh")) + \
        [path for path, _ in tree.scripts() if "." not in posixpath.basename(path)]


def file_size(tree):
    for path in sized(tree):
        lines = tree.text(path).count("\n")
        if lines > LINES_MAX:
            yield Violation(path, lines, "file_size", f"{lines} lines; {LINES_MAX} at most, {LINES_AIM} aimed at")


def long_files(tree):
    """Notes, not violations: files above the aim."""
    for path in sized(tree):
        lines = tree.text(path).count("\n")
        if LINES_AIM < lines <= LINES_MAX:
            yield f"{path}: {lines} lines, {LINES_AIM} aimed at"


def function_size(tree):
    def check(path, name, first, last):
        if last - first + 1 > FUNCTION_LINES_MAX and (path, name) not in LONG_FUNCTIONS:
            return [Violation(path, first, "function_size",
                              f"{name} has {last - first + 1} lines; {FUNCTION_LINES_MAX} at most")]
        return []

    for path in tree.under("lib/", "app/", "tests/", ends=CPP):
        for function in functions(tree.code(path)):
            yield from check(path, function.name, function.first, function.last)
    pythons = {p for p, shebang in tree.scripts() if "python3" in shebang} | set(tree.under(ends=(".py",)))
    for path in sorted(pythons):
        for node in ast.walk(ast.parse(tree.text(path), path)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield from check(path, node.name, node.lineno, node.end_lineno)


def first_line(tree):
    """A newcomer learns from the first line what a file is for."""
    sources = set(tree.files)
    for path in tree.under("lib/", "app/", "tests/", ends=CPP + (".def",)):
        # A source is introduced by the header of its name.
        if path.endswith(".cpp") and path[:-4] + ".hpp" in sources:
            continue
        if not re.match(r"// \S.{15,}", tree.text(path)):
            yield Violation(path, 1, "first_line", "the first line tells what the file is for: // Name: …")
    for path, _ in tree.scripts():
        # JavaScript's 'use strict' has to be a script's first statement, but nothing forbids it above the comment.
        second = tree.text(path).replace("'use strict';\n", "").partition("\n")[2]
        if not re.match(r'(#|//|""") ?\S.{15,}', second):
            yield Violation(path, 2, "first_line", "the line below the shebang tells what the script does")
    for path in tree.under("lib/", "app/", "tests/", ends=(".hpp",)):
        if not re.search(r"^#pragma once$", tree.text(path), re.M):
            yield Violation(path, 1, "first_line", "a header says #pragma once")


def mirror(tree):
    files = set(tree.files)
    for path in tree.under("lib/", ends=(".cpp",)):
        inner = path[len("lib/"):-len(".cpp")] + "_test.cpp"
        places = {"tests/unit/" + inner, "tests/dpdk/" + inner, "tests/dpdk/" + posixpath.basename(inner)}
        if not places & files and path not in UNMIRRORED:
            yield Violation(path, 1, "mirror", f"no test file tests/unit/{inner} (nor in tests/dpdk)")
    for path, reason in UNMIRRORED.items():
        if path not in files or not reason:
            yield Violation("tests/tidy/rules_layout.py", 1, "mirror", f"the exception for {path} is out of date")


def built(tree):
    """A source that no meson.build names is never compiled, a test never run."""
    mesons = {path: tree.text(path) for path in tree.under(ends=("meson.build",))}
    for path in tree.under("lib/", "app/", "tests/", ends=(".cpp",)):
        folder = posixpath.dirname(path)
        while True:
            name = posixpath.relpath(path, folder)
            meson = posixpath.join(folder, "meson.build") if folder else "meson.build"
            if re.search(rf"['/]{re.escape(name)}'", mesons.get(meson, "")):
                break
            if not folder:
                yield Violation(path, 1, "built", "no meson.build names this file")
                break
            folder = posixpath.dirname(folder)


def room_readme(tree):
    rooms = {"/".join(path.split("/")[:2]) for path in tree.under("lib/") if path.count("/") > 1}
    for room in sorted(rooms | {"drivers-config", "hugepages-setup"}):
        if f"{room}/README.md" not in tree.files:
            yield Violation(room, 1, "room_readme", "a room has a README.md that tells what it is")
