"""transcript.py - what an operator types and reads from a bare machine to served
clients and back, as it stands in docs/deployment.md and as a run brings it.

    transcript.check(text)             # the page has the steps of this run, in this order
    transcript.check_refusals(text)    # and the wrong steps, each with its sentence

Figures differ from run to run, so of what the steps print only the heads of
tables and penstock's refusals are compared.
"""

import pathlib
import re

from lab import LabError

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/deployment.md"
is_written = False  # by a run with --write-transcript

HEAD = """# A deployment, from the first look to the last

What an operator types and reads: a look at the machine, bind the NIC, reserve hugepages, start, a client, a look at what it does,
stop, and everything given back. It is the transcript of a test: `tests/qemu/run.py --write-transcript` wrote it, in a
virtual machine with an IOMMU and a NIC of two queues, and each run of the suite goes the same way and compares the steps. The
clients are the original ikcp on another machine. The configuration:

```toml
[limits]
sessions_max = 1024

[[port]]
device = "0000:00:10.0"
addresses = ["10.77.0.2/24", "fd77::2/64"]
rx_checksum = "trust_local"    # a virtual machine's NIC; on a real one leave it out

[[listener]]
name = "echo"
port = 4000
service = "echo"
```

[operations.md](operations.md) tells each step and what else there is.

```
"""


REFUSALS = """
## Wrong steps

The same way on another NIC, an e1000e, with each step tried too early or wrongly first. Each such step ends at once with one
sentence that says what is wrong and what mends it; where it tells to bind or to reserve, the test went on by that very command.

```
"""
END = "```\n"
# Tables of penstock-top that every sample has, and those that are there when there is something to tell.
TABLES = ("port", "worker", "listener")
MORE_TABLES = ("reason", "session")


def steps(text):
    return [line for line in text.splitlines() if line.startswith("# ") and not line.startswith("# A ")]


def heads(text):
    """The heads of penstock-top's tables, by their first word; their widths are those of the figures."""
    shown = text.partition("# penstock-top")[2]
    found = {name: re.search(rf"^ *({name} .*)$", shown, re.M) for name in TABLES + MORE_TABLES}
    return {name: head[1].split() for name, head in found.items() if head}


def sentences(text):
    """Penstock's refusals, without what differs from run to run. What bind.sh finds depends on how far an interface has come."""
    return [re.sub(r"\d+", "N", line) for line in text.splitlines() if line.startswith("penstock: ")]


def parts():
    """Of the page: the steps, and the wrong ones."""
    right, _, wrong = PAGE.read_text(encoding="utf-8").partition(REFUSALS)
    return right, wrong.removesuffix(END)


def compare(what, written, now):
    for old, new in zip(written, now):
        if old != new:
            raise LabError(f"docs/deployment.md has the {what} '{old}', and it is '{new}' now (--write-transcript)")
    if len(written) != len(now):
        raise LabError(f"docs/deployment.md has {len(written)} {what}s, and there are {len(now)} (--write-transcript)")


def check(text):
    right, wrong = parts()
    if is_written:
        PAGE.write_text(HEAD + text.strip() + "\n" + END + REFUSALS + wrong + END, encoding="utf-8")
        return
    compare("step", steps(right), steps(text))
    written, now = heads(right), heads(text)
    for name in written.keys() & now.keys() | set(TABLES):
        if written.get(name) != now.get(name):
            raise LabError(f"docs/deployment.md has a table '{written.get(name)}', and it is '{now.get(name)}' now "
                           "(--write-transcript)")


def check_refusals(text):
    right, wrong = parts()
    if is_written:
        PAGE.write_text(right + REFUSALS + text.strip() + "\n" + END, encoding="utf-8")
        return
    compare("wrong step", steps(wrong), steps(text))
    compare("refusal", sentences(wrong), sentences(text))
