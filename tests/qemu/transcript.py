"""transcript.py - what an operator types and reads from a bare machine to served
clients and back, as it stands in docs/deployment.md and as a run brings it.

    transcript.check(text)    # the page has the steps of this run, in this order

Figures differ from run to run, so the steps are compared, not what they print.
"""

import pathlib

from lab import LabError

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/deployment.md"
is_written = False  # by a run with --write-transcript

HEAD = """# A deployment, from the first look to the last

What an operator types and reads: a look at the machine, bind the NIC, reserve hugepages, start, a client, a look at what it does,
stop, and everything given back. It is the transcript of a test: `tests/qemu/run.py --only virtio --write-transcript` wrote it, in a
virtual machine with an IOMMU and a NIC of two queues, and each run of the suite goes the same way and compares the steps. The
clients are the original ikcp on another machine. The configuration is the smallest there is:

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


def steps(text):
    return [line for line in text.splitlines() if line.startswith("# ") and not line.startswith("# A ")]


def check(text):
    if is_written:
        PAGE.write_text(HEAD + text.strip() + "\n```\n", encoding="utf-8")
        return
    written, now = steps(PAGE.read_text(encoding="utf-8")), steps(text)
    for old, new in zip(written, now):
        if old != new:
            raise LabError(f"docs/deployment.md has the step '{old}', and it is '{new}' now (--write-transcript)")
    if len(written) != len(now):
        raise LabError(f"docs/deployment.md has {len(written)} steps, and there are {len(now)} (--write-transcript)")
