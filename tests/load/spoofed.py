"""spoofed.py - 1,000 sessions over af_packet beside ten times as many frames from forged sources.

Two floods of each kind one after the other, against one server: no session may be lost to either, and the second may leave
nothing behind that the first did not: no session, no half-open entry, no block, no page.
"""

import pathlib
import re
import sys
import time

from pair import Pair, PairError

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "interop"))

from lab import Lab, LabError  # noqa: E402, F401

SESSIONS = 1_000
REQUESTS_PER_S = 2_000
FLOOD_PER_REQUEST = 10
KINDS = ("invalid", "unknown", "unproven", "newcomers")
WORDS = ["--sessions", str(SESSIONS), "--shape", "open", "--rate", str(REQUESTS_PER_S), "--pick", "uniform", "--seconds", "3",
         "--warmup-s", "0", "--flood-rate", str(REQUESTS_PER_S * FLOOD_PER_REQUEST), "--flood"]
RUN_S_MAX = 240
SETTLE_S_MAX = 120
HALF_OPEN_TIMEOUT_S = 2
IDLE_TIMEOUT_S = 3
# What an allocator of the control plane may take between two looks.
PAGES_KB_MAX = 1024


def resident_kb(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE).group(1))


def levels(telemetry):
    totals = telemetry.totals()
    return {key: value for key, value in totals.items()
            if key in ("sessions", "half_open", "window_bytes_used") or (key.endswith("_free") and key != "blocks_free")}


def settled(pair):
    """The levels once every session and every half-open entry has timed out."""
    deadline = time.monotonic() + SETTLE_S_MAX
    while True:
        with pair.telemetry() as telemetry:
            now = levels(telemetry)
        if now["sessions"] == 0 and now["half_open"] == 0:
            return now
        if time.monotonic() > deadline:
            raise PairError(f"sessions or half-open entries are left: {now}")
        time.sleep(0.2)


def flood_once(pair, kind):
    run = pair.load([*WORDS, kind], to=["10.99.0.1:4000"], limit_s=RUN_S_MAX)
    report = run.report
    if run.status != 0 or report is None:
        raise PairError(f"penstock-load ended with status {run.status}:\n{run.tail()}")
    sent = (report["flood_per_s"] + report["flood_missed_per_s"]) * report["seconds"]
    if sent < 0.99 * FLOOD_PER_REQUEST * report["requests"]:
        raise PairError(f"{sent:.0f} frames of the flood beside {report['requests']} requests:\n{run.tail()}")
    for key in ("lost", "mismatches", "closed_early"):
        if report[key] != 0:
            raise PairError(f"{key} is {report[key]}:\n{run.tail()}")
    return report


def spoofed(build_dir, kind):
    with Lab() as lab:
        lab.add_veth_between_ports()
        server = {"half_open_max": 600, "half_open_timeout_s": HALF_OPEN_TIMEOUT_S, "idle_timeout_s": IDLE_TIMEOUT_S}
        with Pair(build_dir, sessions=SESSIONS, server_sessions=10_000, server=server, link="af_packet",
                  path=lab.name_of_ports, around=["ip", "netns", "exec", lab.server_ns]) as pair:
            flood_once(pair, kind)
            before, pages_before = settled(pair), resident_kb(pair.server_pid())
            report = flood_once(pair, kind)
            after, pages_after = settled(pair), resident_kb(pair.server_pid())
            with pair.telemetry() as telemetry:
                opened = telemetry.totals()["sessions_opened"]
            if opened != 2 * SESSIONS:
                raise PairError(f"the server opened {opened} sessions, of which {2 * SESSIONS} are the load's")
            if before != after:
                raise PairError(f"the second flood left {after}, the first {before}")
            if pages_after > pages_before + PAGES_KB_MAX:
                raise PairError(f"the second flood took memory: {pages_before} kB before, {pages_after} kB after")
            status = pair.stop()
            if status != 0:
                raise PairError(f"penstock ended with status {status}:\n{pair.server_tail()}")
    return (f"{report['requests']} requests, none lost, beside {report['flood_per_s'] * report['seconds']:.0f} frames; p50 "
            f"{report['rtt_p50_ns'] / 1000:.0f} us, p99 {report['rtt_p99_ns'] / 1000:.0f} us; {pages_before} kB, then "
            f"{pages_after} kB")


def cases(build_dir):
    return {f"spoofed-{kind}": lambda kind=kind: spoofed(build_dir, kind) for kind in KINDS}
