"""manual_cases.py - man pages and completion tell what --help tells, and penstock.toml(5) what docs/config.md does."""

import os
import pathlib
import re
import subprocess

from manager import WAIT_S_MAX, require
from stage import PROGRAMS

REPO = pathlib.Path(__file__).resolve().parents[2]
PAGES = {"penstock": "app/penstock/penstock.8", "penstock-load": "app/load/penstock-load.1",
         "penstock-top": "app/top/penstock-top.1", "penstock.toml": "app/penstock/penstock.toml.5"}
FUNCTIONS = {"penstock": "_penstock", "penstock-load": "_penstock_load", "penstock-top": "_penstock_top"}
OPTION = r"(?<![\w<-])(--?[a-zA-Z][\w-]*)"


def run(command, **more):
    return subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S_MAX, check=False, **more)


def help_options(stage, program):
    """The options that --help names."""
    said = run([stage.folder / "usr/bin" / program, "--help"])
    require(said.returncode == 0, f"{program} --help: {said.stderr}")
    # A range of a value, as in `--size A[-B]`, is no option.
    return set(re.findall(OPTION, re.sub(r"\[-\w\]", "", said.stdout)))


def clean(page):
    """Neither mandoc nor groff has anything to say about it."""
    linted = run(["mandoc", "-Tlint", "-W", "warning", str(REPO / page)])
    require(linted.returncode == 0 and not linted.stdout, f"mandoc: {linted.stdout}{linted.stderr}")
    shown = run(["man", "--warnings", "-l", str(REPO / page)], env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80"})
    require(shown.returncode == 0 and not shown.stderr, f"man: {shown.stderr}")
    require("NAME" in shown.stdout, "man shows no page")
    return f"{len(shown.stdout.splitlines())} lines"


def page_options(stage, program):
    text = (REPO / PAGES[program]).read_text()
    tags = "\n".join(line for line in text.splitlines() if line.startswith(".It Fl"))
    described = {f"-{name}" for name in re.findall(r"Fl (-?[\w-]+)", tags)}
    named = help_options(stage, program)
    require(described == named, f"only in the page: {sorted(described - named)}; only in --help: {sorted(named - described)}")
    return f"{len(named)} options"


def plain(text):
    """Text without markup, whichever of the two."""
    text = re.sub(r"\\f[BIR]|`|\[(?=[^\]]*\]\()|\]\([^)]*\)", "", text)
    for escape, char in (("\\-", "-"), ("\\(en", "–"), ("\\&", ""), ("...", "…")):
        text = text.replace(escape, char)
    return " ".join(text.split())


def documented_keys():
    """(range, default) by key of docs/config.md."""
    rows = re.findall(r"^\| `([\w.]+)` \| (.*?) \| (.*?) \| .* \|$", (REPO / "docs/config.md").read_text(), re.M)
    require(len(rows) > 50, f"docs/config.md has but {len(rows)} keys")
    return {key: (plain(values), plain(default)) for key, values, default in rows}


def page_keys():
    text = (REPO / PAGES["penstock.toml"]).read_text()
    found = {}
    for key, body in re.findall(r"^\.It Cm ([\w.]+)\n((?:(?!\.It|\.El).*\n)*)", text, re.M):
        told = re.search(r"Range: (.*)\. (?:Default: (.*)\.|(Required)\.)$", plain(body))
        require(told is not None, f"{key}: no range and default at the end of: {body}")
        found[key] = (told[1], "required" if told[3] else told[2])
    return found


def same_keys():
    documented, paged = documented_keys(), page_keys()
    wrong = {key for key in documented.keys() | paged.keys() if documented.get(key) != paged.get(key)}
    require(not wrong, "; ".join(f"{key}: {documented.get(key)} in docs/config.md, {paged.get(key)} in penstock.toml.5"
                                 for key in sorted(wrong)))
    return f"{len(paged)} keys"


def found_by_man(stage):
    for page in PAGES:
        shown = run(["man", "-M", str(stage.folder / "usr/share/man"), page])
        require(shown.returncode == 0 and page.upper() in shown.stdout.upper(), f"man {page}: {shown.stderr}")
    return f"{len(PAGES)} pages"


def complete(stage, program, line):
    """What bash would offer at the end of the line."""
    file = stage.folder / "usr/share/bash-completion/completions" / program
    script = f'source "{file}"; COMP_LINE=$1; COMP_POINT=${{#1}}; {FUNCTIONS[program]}; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = run(["bash", "-c", script, "complete", line], cwd=REPO)
    require(done.returncode == 0 and not done.stderr, f"completing '{line}': {done.stderr}")
    return set(done.stdout.split())


def completed_options(stage, program):
    """Before and behind -- together all of --help; before it what EAL knows, besides."""
    named = help_options(stage, program)
    offered = complete(stage, program, f"{program} ")
    if program != "penstock-top":
        source = (REPO / "lib/control/eal_arguments.cpp").read_text()
        eal = {name for pair in re.findall(r'Rule\{"([\w-]+)", "([\w-]*)"', source) for name in pair if name}
        missing = eal - {option.rstrip("=") for option in offered}
        require(len(eal) > 40 and not missing, f"EAL's options that are not offered: {sorted(missing)}")
        offered = {option for option in offered if option.rstrip("=") not in eal - named and option != "--"}
        offered |= complete(stage, program, f"{program} -l 1 -- ")
    offered = {option.rstrip("=") for option in offered}
    require(offered == named, f"only offered: {sorted(offered - named)}; only in --help: {sorted(named - offered)}")
    return f"{len(named)} options"


def completed_values(stage):
    """Names of values, files, and what stands behind '=' and ':'."""
    expected = {
        "penstock -l 1 -- --c": {"--config", "--check-config", "--capacity"},
        "penstock -l 1 -- --config docs/examples/lap": {"docs/examples/laptop.toml"},
        "penstock --check-config=docs/examples/lap": {"docs/examples/laptop.toml"},
        "penstock --vdev=net_af_p": {"net_af_packet0,iface="},
        "penstock --lcores=": set(),
        "penstock -l ": set(),
        "penstock-load -l 1 -- --shape c": {"closed", "churn", "connect"},
        "penstock-load -l 1 -- --flood=un": {"unknown", "unproven"},
        "penstock-top --by r": {"rate", "rtt", "retransmission"},
        "penstock-top --no-such": set(),
    }
    for line, wanted in expected.items():
        offered = complete(stage, line.split()[0], line)
        require(offered == wanted, f"'{line}' is completed by {sorted(offered)}, not {sorted(wanted)}")
    # This machine's own; behind the ':' readline has left them standing.
    nics = {path.parent.name for path in pathlib.Path("/sys/bus/pci/devices").glob("*/class")
            if path.read_text().startswith("0x02")}
    require(complete(stage, "penstock", "penstock -a ") == nics, f"the NICs are {sorted(nics)}")
    below = {nic.removeprefix("0000:") for nic in nics if nic.startswith("0000:")}
    require(complete(stage, "penstock", "penstock -a 0000:") == below, f"below 0000: are {sorted(below)}")
    return f"{len(expected)} lines, {len(nics)} NICs"


def cases(stage):
    found = {f"manual-clean-{name}": lambda page=page: clean(page) for name, page in PAGES.items()}
    found.update({f"manual-options-{program}": lambda program=program: page_options(stage, program) for program in PROGRAMS})
    found["manual-keys"] = same_keys
    found["manual-found"] = lambda: found_by_man(stage)
    found.update({f"completion-options-{program}": lambda program=program: completed_options(stage, program)
                  for program in PROGRAMS})
    found["completion-values"] = lambda: completed_values(stage)
    return found
