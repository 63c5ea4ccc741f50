"""Rules that hold the lists of the code against the tests: what has a name must be named by a test that shows it."""

import re

from tree import Violation, line_of

# Each list: the file, how a row gives its name, and how a test names it.
LISTS = (
    ("drop_reasons", "lib/net/drop_reason.def", r"^DROP\((\w+)", (r"DropReason::{}\b", r'"{}"')),
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


RULES = [_rule(*entry) for entry in LISTS]
