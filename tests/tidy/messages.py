"""The sentences of the sources, as rules_messages compares them: their fixed words, with a gap where a value goes.

A sentence is a list of parts; what is put in between at run time (`{}` of fmt, a C++ expression, a `$variable`) divides
them. A site is a place in a source that says one: its line, and the parts of all its strings."""

import dataclasses
import re

from tree import blank, line_of

_PARTS = re.compile(r'//[^\n]*|/\*.*?\*/|R"([^()\s]*)\(.*?\)\1"|"((?:\\.|[^"\\\n])*)"', re.S)
_GAP = re.compile(r"\{\{|\}\}|\{[^{}]*\}")
# Formatted code has a space before a brace that opens a block, and none before one that initialises.
_END = re.compile(r"(?<= )\{|;|^ *\}", re.M)
_SPEAKS = re.compile(r"\b(?:return|Failure|Sentence|refuse|unexpected|fault|fail\w*|untold|say|emplace_back|push_back"
                     r"|sentence)\b")
_COMMAND = re.compile(r"(?<![\w$.-])(die|warn|wrong|fault|refuse_unless_forced|say|echo)(?= +\"| +\\\n)")
# What a script says so that somebody acts; say and echo tell what was done.
_REFUSES = ("die", "warn", "wrong", "fault", "refuse_unless_forced")


@dataclasses.dataclass(frozen=True)
class Site:
    line: int
    parts: tuple
    refuses: bool

    def length(self):
        return sum(map(len, self.parts))


def _clean(part):
    return " ".join(part.split())


def cpp_sites(text):
    """Statements that hand a sentence on, and their strings; strings side by side are one."""
    code, sites, start = blank(text), [], 0
    for stop in [*(match.end() for match in _END.finditer(code)), len(code)]:
        statement, slice_ = code[start:stop], text[start:stop]
        first, start = start + len(statement) - len(statement.lstrip()), stop
        joined, end = [], None
        for piece in _PARTS.finditer(slice_):
            if piece.group(2) is None:
                continue
            value = re.sub(r"\\(.)", lambda escape: " " if escape.group(1) in "nt" else escape.group(1), piece.group(2))
            if end is not None and not slice_[end:piece.start()].strip():
                joined[-1] += value
            else:
                joined.append(value)
            end = piece.end()
        parts = tuple(p for value in joined for p in map(_clean, _GAP.split(value)) if p)
        if parts:
            sites.append(Site(line_of(text, first), parts, bool(_SPEAKS.search(statement))))
    return sites


def shell_sites(text):
    """Calls of a script's own words for speaking, and the strings behind them."""
    sites = []
    for match in _COMMAND.finditer(text):
        at, parts = match.end(), []
        while True:
            at += len(re.match(r"(?:[ \t]|\\\n)*", text[at:]).group())
            if text[at:at + 1] != '"':
                break
            at, more = _shell_string(text, at + 1)
            # Words are told with a space between them.
            parts = [*parts[:-1], f"{parts[-1]} {more[0]}", *more[1:]] if parts else more
        parts = tuple(p for p in map(_clean, parts) if p)
        if parts:
            sites.append(Site(line_of(text, match.start()), parts, match.group(1) in _REFUSES))
    return sites


def _shell_string(text, at):
    """The parts of a string whose opening quote is behind us, and the place behind its closing one."""
    parts, part = [], ""
    while text[at] != '"':
        if text[at] == "\\":
            part, at = part + text[at + 1], at + 2
        elif text[at] == "$":
            parts.append(part)
            part, at = "", _behind_expansion(text, at + 1)
        else:
            part, at = part + text[at], at + 1
    return at + 1, parts + [part]


def _behind_expansion(text, at):
    closing = {"(": ")", "{": "}"}.get(text[at])
    if closing is None:
        return at + max(1, len(re.match(r"\w*", text[at:]).group()))
    opening, depth = text[at], 0
    while True:
        if text[at] == '"':
            at, _ = _shell_string(text, at + 1)
            continue
        depth += (text[at] == opening) - (text[at] == closing)
        at += 1
        if depth == 0:
            return at
