#!/usr/bin/env python3
"""Shows that every rule of tests/tidy/run finds what it is there for.

Plants one violation after another in a copy of the checkout and expects the rule to report it at its place, and nothing
there before. Closes with `N passed, N failed`."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import importlib.machinery  # noqa: E402
import importlib.util  # noqa: E402

from tree import Tree, blank, functions  # noqa: E402

loader = importlib.machinery.SourceFileLoader("tidy_run", str(HERE / "run"))
run = importlib.util.module_from_spec(importlib.util.spec_from_loader("tidy_run", loader))
loader.exec_module(run)

HEADER = "// Planted: a header of the self-test.\n#pragma once\n\n{}\n"
SOURCE = "// Planted: a source of the self-test.\n{}\n"
MARK = "TO" + "DO"
FAULT = """[[fault]]
name = "planted-fault"
file = "lib/base/ring.hpp"
find = "#pragma once"
replace = ""
why = "the self-test wants it"
caught_by = ["unit:base"]
breaks = ["{}"]
"""

# rule, file, its text, and what is shown. {old} stands for the text that the file had.
PLANTED = (
    ("includes", "lib/buf/planted.hpp", HEADER.format('#include "net/address.hpp"'), "buf does not see net"),
    ("includes", "lib/proto/kcp/planted.hpp", HEADER.format('#include "session/listener.hpp"'), "proto sees no session"),
    ("includes", "lib/proto/kcp/planted.hpp", HEADER.format('#include "proto/utp/session.hpp"'), "kcp sees no utp"),
    ("includes", "lib/engine/planted.hpp", HEADER.format('#include "nic/eal.hpp"'), "engine sees no nic"),
    ("includes", "app/penstock/planted.hpp", HEADER.format('#include "engine/worker.hpp"'), "a service sees no worker"),
    ("includes", "lib/base/planted.hpp", HEADER.format('#include "../base/seq.hpp"'), "no path goes up"),
    ("dpdk", "lib/engine/planted.hpp", HEADER.format("#include <rte_mbuf.h>"), "no DPDK header in engine"),
    ("dpdk", "app/penstock/planted.cpp", SOURCE.format("void rte_exit(int);"), "no DPDK call in a service"),
    ("dpdk", "lib/buf/meson.build", "{old}\nx = declare_dependency(dependencies: dpdk)\n", "meson hands out no DPDK"),
    ("file_size", "lib/base/planted.cpp", SOURCE.format("int a;\n" * 500), "more than 500 lines"),
    ("function_size", "lib/base/planted.cpp", SOURCE.format("int f() {\n" + "  g();\n" * 69 + "}"), "71 lines in C++"),
    ("function_size", "tests/planted.py", "def f():\n" + "    g()\n" * 70, "71 lines in Python"),
    ("first_line", "lib/base/planted.hpp", "#pragma once\n", "a header that does not introduce itself"),
    ("first_line", "lib/base/planted.hpp", "// Planted: a header of the self-test.\n", "no #pragma once"),
    ("first_line", "planted.sh", "#!/bin/bash\nset -e\n", "a script that does not introduce itself"),
    ("mirror", "lib/base/planted.cpp", SOURCE.format(""), "no test file"),
    ("built", "tests/unit/base/planted_test.cpp", SOURCE.format(""), "a test that meson does not know"),
    ("room_readme", "lib/planted/a.hpp", HEADER.format(""), "a room without README"),
    ("forbidden_calls", "lib/proto/planted.hpp", HEADER.format("auto f() { return std::chrono::steady_clock::now(); }"),
     "a clock"),
    ("forbidden_calls", "lib/engine/planted.hpp", HEADER.format("auto f() { return time(nullptr); }"), "time()"),
    ("forbidden_calls", "lib/net/planted.hpp", HEADER.format("int f() { return rand(); }"), "rand()"),
    ("forbidden_calls", "lib/buf/planted.hpp", HEADER.format("auto f() { return new int; }"), "new"),
    ("forbidden_calls", "lib/session/planted.hpp", HEADER.format("std::vector<int> f();"), "a growing container"),
    ("forbidden_calls", "lib/session/planted.hpp", HEADER.format("std::function<void()> f;"), "std::function"),
    ("forbidden_calls", "lib/proto/planted.hpp", HEADER.format("inline double srtt;"), "floating point"),
    ("forbidden_calls", "lib/net/planted.hpp", HEADER.format("void f() { std::cout << 1; }"), "iostream"),
    ("forbidden_calls", "lib/session/planted.hpp", HEADER.format("inline std::mutex m;"), "a lock"),
    ("forbidden_calls", "lib/proto/planted.hpp", HEADER.format("void f() { throw 1; }"), "an exception"),
    ("unfinished", "docs/planted.md", f"{MARK}: write this\n", "a mark of unfinished work"),
    ("machine_paths", "docs/planted.md", "see /wor" + "k/main/lib\n", "a path of one machine"),
    ("drop_reasons", "lib/net/drop_reason.def", '{old}\nDROP(planted_reason, net, "planted")\n', "an untested drop"),
    ("close_reasons", "lib/proto/close_reason.def", '{old}\nCLOSE(planted_close, "planted")\n', "an untested close"),
    ("kcp_refusals", "lib/proto/kcp/refusal.def", "{old}\nREFUSAL(planted_refusal, kcp_closed)\n", "an untested refusal"),
    ("kcp_rules", "tests/vectors/rules_4A.txt", "{old}\nplanted-rule\n", "an untested rule"),
    ("planted", "lib/base/ring.hpp", HEADER.format(""), "a fault whose code is gone"),
    ("invariants", "tests/planted/invariants.txt", "{old}frugality: no memory is used\n", "an invariant that nothing breaks"),
    ("invariants", "tests/planted/planted.toml", FAULT.format("unheard-of"), "a fault that breaks no invariant of the list"),
    ("divergences", "tests/diff/divergence.def", '{old}\nDIVERGENCE(planted_row, "planted")\n', "a divergence without reason"),
    ("divergences", "docs/divergences.md", "{old}\n| planted_row | - | - | - | - |\n", "a divergence of nobody"),
    ("attacks", "tests/packets/attacks.txt", "{old}a planted attack: attacks/planted\n", "an attack that nothing plays"),
    ("attacks", "tests/packets/attacks.txt", "{old}a planted attack: tests/sim/meddler.cpp#no such words\n", "a test that is gone"),
    ("attacks", "tests/packets/attacks/planted.pkt", "listener port=4000\nwait\n", "a script of no attack"),
    ("messages", "docs/troubleshooting.md", "{old}\n| message | |\n|---|---|\n| `planted words of nobody` | |\n", "a message of nobody"),
    ("messages", "lib/nic/planted.cpp", SOURCE.format('auto f() { return std::unexpected("a planted refusal"); }'),
     "a refusal that is not in the page"),
    ("messages", "drivers-config/planted.sh", 'die "$1 is planted,$(wc "$2") and" \\\n    "so on"\n', "a script's refusal"),
    ("format", "lib/base/planted.cpp", SOURCE.format("int  a ;"), "not formatted"),
    ("shell", "planted.sh", "#!/bin/bash\n# Planted: a script of the self-test.\nif true; then\n", "does not parse"),
    ("shell", "tests/planted-tool", "#!/usr/bin/env bash\n# Planted: a script of the self-test.\nrm $1\n", "unquoted, no suffix"),
    ("shell", "drivers-config/fit.sh", "{old}\nplanted() { rm $1; }\n", "a part that is sourced"),
    ("self_contained", "lib/base/planted.hpp", HEADER.format("inline std::uint32_t x;"), "a missing include"),
    ("self_contained", "lib/base/buddy.cpp", SOURCE.format('#include <cstdint>\n#include "base/buddy.hpp"\n'),
     "a header that is not included first"),
)

# Text, and the functions found in it as (name, lines): the finder is a heuristic, so its cases are written down.
FUNCTIONS = (
    ("int f(int a = 0) {\n  return a;\n}\n", [("f", 3)]),
    ("Foo::Foo(int a)\n    : a_(a), b_{1} {\n  g();\n}\n", [("Foo::Foo", 4)]),
    ("struct alignas(64) S {\n  int a = 1;\n  int f() const {\n    return a;\n  }\n};\n", [("f", 3)]),
    ("template <class T = int>\nbool operator==(T a, T b) {\n  return true;\n}\n", [("operator==", 4)]),
    ("constexpr std::array<int, 2> table = {\n    1,\n    2,\n};\nenum class E { a, b };\n", []),
    ("namespace {\nvoid f() {\n  if (a) {\n    b();\n  }\n  auto g = [](int x) { return x; };\n}\n}\n", [("f", 6)]),
    ("template <class S>\nconcept C = requires(S s) {\n  s.f();\n};\nvoid g() {\n}\n", [("g", 2)]),
    ('const char* s = "{";\n// void f() {\nvoid g() {\n  char c = \'{\';\n}\n', [("g", 3)]),
    ("class A {\n public:\n  void f() {\n    int a = 1'000;\n  }\n\n private:\n  int b_{2};\n};\n", [("f", 3)]),
)


def copy_of(root, target):
    tree = Tree(root)
    for path in tree.files:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / path, target / path)
    subprocess.run(["git", "init", "-q", str(target)], check=True)
    # Answers about files that did not change are the same in the copy.
    (root / ".cache").mkdir(exist_ok=True)
    (target / ".cache").symlink_to(root / ".cache")


def planted_is_found(copy, baseline, rule, path, text):
    place = copy / path
    old = place.read_text() if place.exists() else None
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text.replace("{old}", old or ""))
    try:
        found = {str(violation) for violation in run.RULES[rule](Tree(copy))}
    finally:
        if old is None:
            place.unlink()
        else:
            place.write_text(old)
    room = "/".join(path.split("/")[:2])
    # A fault that cannot be planted any more is reported where the fault stands.
    return any(line.startswith((path + ":", room + ":", "tests/planted/")) for line in found - baseline)


def main():
    root = pathlib.Path(subprocess.run(["git", "-C", str(HERE), "rev-parse", "--show-toplevel"], check=True,
                                       capture_output=True, text=True).stdout.strip())
    passed = failed = 0

    def tell(good, what):
        nonlocal passed, failed
        passed, failed = passed + good, failed + (not good)
        print(f"{'ok' if good else 'FAILED'}: {what}")

    for text, expected in FUNCTIONS:
        found = [(f.name, f.last - f.first + 1) for f in functions(blank(text))]
        tell(found == expected, f"functions of {text.splitlines()[0]!r}" + ("" if found == expected else f": {found}"))
    with tempfile.TemporaryDirectory(prefix="tidy-") as folder:
        copy = pathlib.Path(folder)
        copy_of(root, copy)
        baselines = {}
        for rule, path, text, shown in PLANTED:
            if rule not in baselines:
                baselines[rule] = {str(violation) for violation in run.RULES[rule](Tree(copy))}
            tell(planted_is_found(copy, baselines[rule], rule, path, text), f"{rule}: {shown}")
    unshown = sorted(set(run.RULES) - {rule for rule, *_ in PLANTED})
    tell(not unshown, "every rule has something planted" + (f", but {unshown}" if unshown else ""))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    os.chdir("/")
    sys.exit(main())
