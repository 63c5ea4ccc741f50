"""The checkout as the rules see it: which files there are, their text, and their text without comments and strings."""

import dataclasses
import functools
import pathlib
import re
import subprocess

CPP = (".cpp", ".hpp")


@dataclasses.dataclass(frozen=True, order=True)
class Violation:
    path: str
    line: int
    rule: str
    sentence: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.rule}: {self.sentence}"


class Tree:
    """Files of one checkout: what git tracks or would track, without what it ignores."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        listed = subprocess.run(
            ["git", "-C", str(self.root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            check=True, capture_output=True).stdout.decode()
        self.files = sorted({f for f in listed.split("\0") if f and (self.root / f).is_file()})

    def under(self, *starts, ends=()):
        """Files whose path begins with one of `starts` (all of them when none is given) and ends with one of `ends`."""
        return [f for f in self.files
                if (not starts or f.startswith(tuple(starts))) and (not ends or f.endswith(tuple(ends)))]

    @functools.lru_cache(maxsize=None)
    def text(self, path):
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    @functools.lru_cache(maxsize=None)
    def code(self, path):
        """C++ text with comments, string contents and preprocessor lines blanked; lines and columns stay in place."""
        return blank(self.text(path))

    def scripts(self):
        """Files that begin with a shebang, and what it names."""
        for path in self.files:
            if not path.endswith(CPP) and self.text(path).startswith("#!"):
                yield path, self.text(path).split("\n", 1)[0]


_TOKENS = re.compile(
    r"""//(?:\\\n|[^\n])*            # line comment
      | /\*.*?\*/                    # block comment
      | R"([^()\s]*)\(.*?\)\1"       # raw string
      | "(?:\\.|[^"\\\n])*"          # string
      | (?<![0-9a-zA-Z_])'(?:\\.|[^'\\\n])+'   # character, not a digit separator
    """, re.X | re.S)
_DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.M)


def blank(text):
    def spaces(match):
        return re.sub(r"[^\n]", " ", match.group())

    def quoted(match):
        whole = match.group()
        if whole.startswith("/"):
            return spaces(match)
        return whole[0] + re.sub(r"[^\n]", " ", whole[1:-1]) + whole[-1]

    return _DIRECTIVE.sub(spaces, _TOKENS.sub(quoted, text))


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


@dataclasses.dataclass(frozen=True)
class Function:
    name: str
    first: int  # line where its declaration begins
    last: int   # line of its closing brace


_TYPE = re.compile(r"^(?:inline |static |constexpr |typedef |const )*(?:class|struct|union|enum)\b")
_NAME = re.compile(r"([~\w:]*(?:operator\s*\S+?)?)\s*\(")


def functions(code):
    """Bodies of functions at namespace or class level, in clang-formatted `code` that went through blank().

    Formatted code has a space between a declaration and its body and none before a brace that initialises, so braces
    can be told apart without parsing."""
    found, scopes, head, head_at = [], [], "", None
    for at, char in enumerate(code):
        outside = all(kind == "scope" for kind, _, _ in scopes)
        if char == "{":
            kind = _kind(head, code[at - 1] if at else " ") if outside else "other"
            scopes.append((kind, head.strip(), head_at))
            if kind in ("scope", "body"):
                head, head_at = "", None
        elif char == "}" and scopes:
            kind, name, start = scopes.pop()
            if kind == "body":
                match = _NAME.search(name)
                found.append(Function(match.group(1) if match else name[:40], line_of(code, start),
                                      line_of(code, at)))
            if kind != "other":
                head, head_at = "", None
        elif not outside:
            continue
        elif char == ";" or (char == ":" and head.strip() in ("public", "private", "protected")):
            head, head_at = "", None
        else:
            if head_at is None and not char.isspace():
                head_at = at
            head += char
    return found


def _kind(head, before):
    if before.isalnum() or before in "_>])(,":
        return "other"  # an initialiser: b_{1}, std::array<int, 2>{…}
    plain = re.sub(r"^\s*template\s*<[^{;]*?>\s*(?=[\w\[:~])", "", " ".join(head.split()))
    if re.search(r"\bnamespace\b", plain) or re.match(r'^extern ".*"$', plain) or _TYPE.match(plain):
        return "scope"
    flat = re.sub(r"operator\s*[^\s\w(]+", "operator", plain)
    while True:
        shorter = re.sub(r"\([^()]*\)", "()", flat.replace("()", "\0"))
        shorter = shorter.replace("\0", "@")
        if shorter == flat:
            break
        flat = shorter
    if "=" in re.sub(r"[<>=!]=", "", flat.split("@:", 1)[0]):
        return "other"
    return "body" if "@" in flat else "other"
