"""Rules that hold the lists of the code against the tests: what has a name must be named by a test that shows it."""

import pathlib
import re
import sys

from tree import Violation, line_of

# Each list: the file, how a row gives its name, and how a test names it.
LISTS = (
    ("drop_reasons", "lib/net/drop_reason.def", r"^DROP\((\w+)", (r"DropReason::{}\b", r'"{}[" ]')),
    ("close_reasons", "lib/proto/close_reason.def", r"^CLOSE\((\w+)", (r"CloseReason::{}\b",)),
    ("kcp_refusals", "lib/proto/kcp/refusal.def", r"^\w+\((\w+)", (r"Refusal::{}\b",)),
    ("kcp_rules", "tests/vectors/rules_4A.txt", r"^(?!#)(\S+)", (r"// rule: 4\.A {}(?![\w-])",)),
)


def _tested(tree):
    return [tree.text(f) for f in tree.under("tests/", ends=(".cpp", ".hpp", ".py", ".js"))
            if not f.startswith(("tests/tidy/", "tests/planted/"))]


def _check(tree, rule, listed, row, ways):
    if listed not in tree.files:
        return [Violation(listed, 1, rule, "the list is missing")]
    text, tests, missing = tree.text(listed), _tested(tree), []
    for match in re.finditer(row, text, re.M):
        name = match.group(1)
        patterns = [re.compile(way.format(re.escape(name))) for way in ways]
        if not any(p.search(t) for t in tests for p in patterns):
            missing.append(Violation(listed, line_of(text, match.start()), rule, f"no test names {name}"))
    return missing


def _rule(name, listed, row, ways):
    def rule(tree):
        return _check(tree, name, listed, row, ways)
    rule.__name__ = name
    rule.__doc__ = f"Every row of {listed} is named by a test."
    return rule



def planted(tree):
    """Every planted fault can be put in, so that it goes on showing something when the code moves."""
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "planted"))
    from fault import FaultError, load  # pylint: disable=import-outside-toplevel

    folder = "tests/planted/"
    try:
        faults = load(tree.root / folder)
    except (FaultError, ValueError) as error:
        return [Violation(folder, 1, "planted", str(error))]
    found = []
    for fault in faults:
        origin = folder + fault.origin
        line = line_of(tree.text(origin), tree.text(origin).find(f'"{fault.name}"'))
        try:
            if fault.file not in tree.files:
                raise FaultError(f"{fault.name}: there is no {fault.file}")
            if fault.applied_to(tree.text(fault.file)) == tree.text(fault.file):
                raise FaultError(f"{fault.name}: changes nothing")
        except FaultError as error:
            found.append(Violation(origin, line, "planted", str(error)))
    return found


def invariants(tree):
    """Every invariant has a planted fault that breaks it, and faults break none that there is not."""
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "planted"))
    import fault as planted_fault  # pylint: disable=import-outside-toplevel

    folder, listed = "tests/planted/", "tests/planted/invariants.txt"
    if listed not in tree.files:
        return [Violation(listed, 1, "invariants", "the list is missing")]
    try:
        faults = planted_fault.load(tree.root / folder)
    except (planted_fault.FaultError, ValueError):
        return []  # the rule above tells it
    names = planted_fault.invariants(tree.root / folder)
    broken = {name for fault in faults for name in fault.breaks}
    return [Violation(listed, line_of(tree.text(listed), tree.text(listed).find(f"\n{name}:") + 1), "invariants",
                      f"no planted fault breaks {name}") for name in names if name not in broken] + \
           [Violation(folder + fault.origin, 1, "invariants", f"{fault.name} breaks {name}, which is no invariant")
            for fault in faults for name in fault.breaks if name not in names]


def divergences(tree):
    """The ledger of divergences from ikcp has the rows that penstock-diff counts, and no others."""
    listed, page = "tests/diff/divergence.def", "docs/divergences.md"
    rows = re.compile(r"^DIVERGENCE\((\w+)", re.M), re.compile(r"^\| (\w+) \|", re.M)
    counted, told = ({m.group(1): line_of(tree.text(path), m.start()) for m in row.finditer(tree.text(path))}
                     for path, row in zip((listed, page), rows))
    told.pop("name", None)
    return [Violation(listed, line, "divergences", f"{page} does not tell of {name}")
            for name, line in counted.items() if name not in told] + \
           [Violation(page, line, "divergences", f"{listed} does not list {name}")
            for name, line in told.items() if name not in counted]


def attacks(tree):
    """Every attack of the list is played by what it names, and every script of an attack is named by it."""
    listed, folder = "tests/packets/attacks.txt", "tests/packets/"
    if listed not in tree.files:
        return [Violation(listed, 1, "attacks", "the list is missing")]
    found, named = [], set()
    for line, row in enumerate(tree.text(listed).split("\n"), 1):
        if not row or row.startswith("#"):
            continue
        attack, _, players = row.partition(": ")
        for player in players.split("; "):
            path, _, words = player.partition("#")
            path = path if path in tree.files else f"{folder}{path}.pkt"
            named.add(path)
            if path not in tree.files:
                found.append(Violation(listed, line, "attacks", f"'{player}' plays '{attack}', and there is none"))
            elif words not in tree.text(path):
                found.append(Violation(listed, line, "attacks", f"{path} does not have '{words}'"))
    scripts = tree.under(folder + "attacks/", ends=(".pkt",))
    return found + [Violation(path, 1, "attacks", f"{listed} does not name it") for path in scripts if path not in named]


RULES = [_rule(*entry) for entry in LISTS] + [planted, invariants, divergences, attacks]
