"""A planted fault: one small change of the code that the suite must notice, and how it is put in.

Faults stand in tests/planted/*.toml as [[fault]] tables:

  name       what is done wrong, in a few words joined by dashes
  file       the file it is in
  find       the code as it is; must be there exactly once, white space aside, so formatting does not matter
  replace    the code as it would be with the mistake
  why        what would happen to an operator or a peer
  caught_by  parts of the suite that notice it, tried in this order: "unit:ROOM", "sim", "sim:unit", "diff",
             "packets", "reflection", "scripts", and "fuzz:NAME" of a harness of tests/fuzz
  breaks     invariants of invariants.txt that it breaks; may be left out
"""

import dataclasses
import pathlib
import re
import tomllib

FIELDS = {"name", "file", "find", "replace", "why", "caught_by"}
PARTS = re.compile(r"unit:\w+|fuzz:\w+|sim|sim:unit|diff|packets|reflection|scripts")


class FaultError(Exception):
    """A fault that cannot be planted; the sentence tells why."""


@dataclasses.dataclass(frozen=True)
class Fault:
    name: str
    file: str
    find: str
    replace: str
    why: str
    caught_by: tuple
    origin: str  # the .toml file
    breaks: tuple = ()

    def applied_to(self, text):
        """`text` with the fault in it."""
        matches = list(_pattern(self.find).finditer(text))
        if len(matches) != 1:
            raise FaultError(f"{self.name}: the code to find is there {len(matches)} times in {self.file}, not once")
        start, end = matches[0].span()
        return text[:start] + self.replace.strip() + text[end:]


def _pattern(find):
    tokens = re.findall(r"\w+|[^\w\s]", find)
    pattern = ""
    for before, token in zip([""] + tokens, tokens):
        both_words = before[-1:].isalnum() and token[:1].isalnum()
        pattern += (r"\s+" if both_words else r"\s*") if before else ""
        pattern += re.escape(token)
    return re.compile(pattern)


def invariants(folder):
    """The names of invariants.txt."""
    lines = (pathlib.Path(folder) / "invariants.txt").read_text(encoding="utf-8").split("\n")
    return [line.partition(":")[0] for line in lines if line and not line.startswith("#")]


def load(folder):
    """All faults of the folder, in the order of file name and place."""
    faults = []
    for path in sorted(pathlib.Path(folder).glob("*.toml")):
        for table in tomllib.loads(path.read_text(encoding="utf-8")).get("fault", []):
            if set(table) - {"breaks"} != FIELDS:
                raise FaultError(f"{path.name}: a fault has the fields {', '.join(sorted(FIELDS))}, not {sorted(table)}")
            if not table["caught_by"] or not all(PARTS.fullmatch(part) for part in table["caught_by"]):
                raise FaultError(f"{table['name']}: caught_by names no part of the suite: {table['caught_by']}")
            lists = {field: tuple(table.get(field, ())) for field in ("caught_by", "breaks")}
            faults.append(Fault(**{**table, **lists}, origin=path.name))
    names = [fault.name for fault in faults]
    for name in names:
        if names.count(name) > 1:
            raise FaultError(f"{name}: two faults have this name")
    return faults
