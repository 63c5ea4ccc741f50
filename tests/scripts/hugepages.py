"""The fake kernel's hugepages and hugetlbfs: pools by node whose sums are the pools of all, and memory that may be in pieces."""

import re
import sys

from fake_kernel import FAULTS, KERNEL, ROOT, note

NODES = sorted(KERNEL.get("nodes", {}))


def pool(node, size):
    home = "sys/kernel/mm" if node is None else f"sys/devices/system/node/node{node}"
    return ROOT / home / f"hugepages/hugepages-{size}kB"


def count(node, size, what):
    return int((pool(node, size) / f"{what}_hugepages").read_text())


def obtainable(node, size):
    if node is None:
        return sum(obtainable(one, size) for one in NODES)
    more = KERNEL.get("after_compaction", 0) if (ROOT / "fake/compacted").exists() else 0
    return KERNEL["nodes"][node]["obtainable"][size] + more


def change(node, size, goal):
    """As many pages as can be had, and never fewer than are in use."""
    have, free = count(node, size, "nr"), count(node, size, "free")
    goal = max(min(goal, max(have, obtainable(node, size))), have - free)
    (pool(node, size) / "nr_hugepages").write_text(f"{goal}\n")
    (pool(node, size) / "free_hugepages").write_text(f"{free + goal - have}\n")


def reserve(path, goal):
    """A write to nr_hugepages of a node, or of all: then the nodes give in turn."""
    size = re.search(r"hugepages-(\d+)kB", str(path)).group(1)
    of_node = re.search(r"/node(\d+)/", str(path))
    if not KERNEL.get("numa", True):
        change(None, size, goal)
        return
    if of_node:
        change(of_node.group(1), size, goal)
    else:
        left = goal - sum(count(node, size, "nr") for node in NODES)
        for node in NODES:
            have = count(node, size, "nr")
            change(node, size, max(have + left, 0))
            left -= count(node, size, "nr") - have
    for what in ("nr", "free"):
        (pool(None, size) / f"{what}_hugepages").write_text(f"{sum(count(node, size, what) for node in NODES)}\n")


def mount(words):
    point = words[-1].removeprefix(str(ROOT))
    note("mount", *words[:-1], point)
    if "mount" in FAULTS:
        return 32
    shown = {"2M": "2M", "1G": "1024M"}[words[words.index("-o") + 1].removeprefix("pagesize=")]
    with open(ROOT / "proc/mounts", "a", encoding="utf-8") as mounts:
        mounts.write(f"none {point} hugetlbfs rw,relatime,pagesize={shown} 0 0\n")
    return 0


def umount(words):
    point = words[-1].removeprefix(str(ROOT))
    note("umount", point)
    if "busy" in FAULTS:
        print("umount: target is busy.", file=sys.stderr)
        return 32
    mounts = ROOT / "proc/mounts"
    mounts.write_text("".join(line for line in mounts.read_text().splitlines(True) if line.split()[1] != point))
    return 0
