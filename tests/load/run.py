#!/usr/bin/env python3
"""run.py - penstock-load against penstock over net_memif: two processes, a core each, every byte compared.

    tests/load/run.py [--long] [--only TEXT] [--build DIR] [--hugepages]

Each case starts a fresh pair, runs one load to its end and looks at its report, its exit status, and at what the server
counted. Sessions are of both families and begin from routed prefixes. The cases of spoofed.py go over af_packet. --long adds
1,000,000 and 10,000,000 sessions, which take minutes and 10 GiB. One line a case, and a closing `load: N passed, N failed`.
Root is needed for af_packet and hugepages.
"""

import argparse
import dataclasses
import sys
import time

import spoofed
from pair import DriverCrash, Pair, PairError
from spoofed import LabError

SESSIONS = 100_000


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    words: list                 # of the load
    sessions: int = SESSIONS
    expect: dict = dataclasses.field(default_factory=dict)  # of the report: exact values, or (least, most)
    status: int = 0
    server: dict = None         # changes of the server's listener
    impair: dict = None         # of the load's port
    dropped: tuple = ()         # for these reasons the server must have dropped something
    opened: tuple = None        # (least, most) sessions of the server, where they are not just the load's
    server_sessions: int = None
    to: tuple = None            # instead of both families
    limit_s: int = 60
    memory_mb: int = 768


TRIES = 3
V4_ONLY = ("10.99.0.1:4000",)
V6_ONLY = ("[fd77::1]:4000",)
SHORT = ["--seconds", "2", "--warmup-s", "0"]
FLOOD = ["--check-all", "--seconds", "1", "--warmup-s", "0", "--flood-rate", "200000", "--flood"]
# A flood proves nothing, so it opens no session; it reaches the bound of those that are remembered.
FLOODED = {"sessions": 500, "server_sessions": 10_000, "server": {"half_open_max": 600},
           "expect": {"connected": 500, "checked": 500, "requests": (500, None), "flood_per_s": (100, None)}}

CASES = [
    Case("piggy-100k-check-all", ["--check-all", *SHORT], expect={"connected": SESSIONS, "checked": SESSIONS}),
    Case("apart-100k", ["--pick", "round-robin", "--depth", "4096", *SHORT],
         expect={"connected": SESSIONS, "requests": (4096, None)}),
    # A hundredth is busy, by Zipf's law, while the others stay; messages of one to three segments.
    Case("zipf-of-a-hundredth", ["--pick", "zipf", "--depth", "256", "--active-fraction", "0.01", "--size", "1-3000",
                                 *SHORT], expect={"active": 1000}),
    Case("open-loop", ["--shape", "open", "--rate", "20000", "--pick", "uniform", *SHORT], sessions=10_000,
         expect={"requests": (20_000, 41_000)}),
    Case("bulk", ["--shape", "bulk", "--size", "20000", *SHORT], sessions=4, expect={"payload_bytes": (100_000, None)}),
    Case("one-way", ["--shape", "bulk", "--one-way", "--size", "1376", *SHORT], sessions=2, server={"service": "sink"},
         expect={"payload_bytes": (10_000_000, None)}),
    Case("one-way-lossy", ["--shape", "bulk", "--one-way", "--size", "3000", *SHORT], sessions=2, server={"service": "sink"},
         impair={"loss": 0.02, "reorder": 0.02}, expect={"retransmitted": (10, None)}),
    Case("one-way-to-an-echo", ["--shape", "bulk", "--one-way", *SHORT], sessions=1, status=1),
    Case("slow-readers", ["--shape", "slow", "--per-session", "1500", "--think-us", "20000", *SHORT], sessions=8),
    Case("bursts", ["--shape", "burst", "--depth", "2000", "--think-us", "100000", *SHORT], sessions=10_000),
    Case("churn", ["--shape", "churn", "--rate", "5000", "--seconds", "2", "--warmup-s", "3"], sessions=20_000, server={"idle_timeout_s": 1},
         expect={"requests": (1_000, 10_500)}, to=V6_ONLY),
    Case("mass-connect", ["--shape", "connect", "--connect-rate", "50000"], expect={"requests": SESSIONS,
                                                                                   "seconds": (1.9, None)}),
    Case("mass-disconnect", ["--shape", "disconnect"], expect={"requests": SESSIONS}),
    Case("idle-then-end", ["--shape", "idle", "--check-all", *SHORT], sessions=10_000, to=V4_ONLY),
    Case("lossy", ["--check-all", "--depth", "1000", *SHORT], sessions=5_000, impair={"loss": 0.02, "reorder": 0.02},
         expect={"retransmitted": (10, None)}),
    # Prepared frames beside the sessions: none of these is lost, and what is dropped is dropped by its name.
    Case("flood-of-invalid", [*FLOOD, "invalid"], **FLOODED, dropped=("udp_bad_checksum",)),
    Case("flood-of-unknown", [*FLOOD, "unknown"], **FLOODED, dropped=("session_not_opening",)),
    Case("flood-of-unproven", [*FLOOD, "unproven"], **FLOODED, opened=(500, 500)),
    Case("flood-of-newcomers", [*FLOOD, "newcomers"], **FLOODED, opened=(500, 500)),
    # What must fail does: a server that does not answer, and one that is not there.
    Case("discarding-server", ["--patience-s", "2"], sessions=100, server={"service": "discard"}, status=1),
    Case("nobody-there", ["--patience-s", "2"], sessions=100, to=("10.99.0.77:4000",), status=1),
    Case("too-many-sessions", ["--sessions", "101"], sessions=100, status=2),
]

LONG_CASES = [
    Case("one-million", ["--check-all", "--pick", "round-robin", "--depth", "4096", "--seconds", "10"],
         sessions=1_000_000, expect={"connected": 1_000_000, "checked": 1_000_000}, limit_s=300, memory_mb=1_600),
    Case("ten-million", ["--check-all", "--pick", "round-robin", "--depth", "4096", "--active-fraction", "0.01",
                         "--seconds", "10"],
         sessions=10_000_000, expect={"connected": 10_000_000, "checked": 10_000_000}, limit_s=1_800, memory_mb=7_000),
]


def complaint_about(expected, value):
    if isinstance(expected, tuple):
        least, most = expected
        if (least is not None and value < least) or (most is not None and value > most):
            return f"is {value}, not within {least} and {most}"
    elif value != expected:
        return f"is {value}, not {expected}"
    return None


def check_report(case, run):
    if run.status != case.status:
        raise PairError(f"penstock-load ended with status {run.status}, not {case.status}:\n{run.tail()}")
    if case.status == 2:
        return
    if run.report is None:
        raise PairError(f"penstock-load gave no report:\n{run.tail()}")
    good = {"ok": True, "mismatches": 0, "lost": 0, "closed_early": 0} if case.status == 0 else {"ok": False}
    for key, expected in {**good, **case.expect}.items():
        complaint = complaint_about(expected, run.report[key])
        if complaint:
            raise PairError(f"{key} {complaint}:\n{run.tail()}")


def check_server(case, pair):
    """Every frame that the server received is accounted for, and its sessions are those of the load."""
    with pair.telemetry() as telemetry:
        drops = telemetry.drops()
        totals = telemetry.totals()
    if case.status == 0 and "idle_timeout_s" not in (case.server or {}):
        complaint = complaint_about(case.opened or case.sessions, totals.get("sessions_opened", 0))
        if complaint:
            raise PairError(f"what the server opened {complaint}: {drops}")
    if totals["mismatches"] > 0:
        raise PairError(f"the server's sink found {totals['mismatches']} messages to be wrong")
    missing = [reason for reason in case.dropped if reason not in drops]
    if missing:
        raise PairError(f"the server dropped nothing as {missing}, only {drops}")
    unexpected = {reason: count for reason, count in drops.items()
                  if reason.startswith(("kcp_bad", "udp_bad", "ip")) and reason not in case.dropped}
    if unexpected:
        raise PairError(f"the server dropped {unexpected}")


def run_in(pair, case):
    words = case.words if "--sessions" in case.words else ["--sessions", str(case.sessions), *case.words]
    run = pair.load(words, limit_s=case.limit_s, **({"to": case.to} if case.to else {}))
    check_report(case, run)
    if case.status == 0:
        check_server(case, pair)
    status = pair.stop()
    if status != 0:
        raise PairError(f"penstock ended with status {status}:\n{pair.server_tail()}")
    return run.report


def run_once(case, build_dir, hugepages):
    with Pair(build_dir, sessions=case.sessions, memory_mb=case.memory_mb, hugepages=hugepages, server=case.server,
              server_sessions=case.server_sessions, impair=case.impair) as pair:
        try:
            return run_in(pair, case)
        except (PairError, OSError):
            if pair.crashed_in_memif():
                raise DriverCrash from None
            raise


def run_case(case, build_dir, hugepages):
    """The driver of memif may crash the server when the load leaves: then the case is run again, and says so."""
    for _ in range(TRIES - 1):
        try:
            return run_once(case, build_dir, hugepages)
        except DriverCrash:
            print(f"again {case.name}: the server's memif driver crashed when the load had left", flush=True)
    return run_once(case, build_dir, hugepages)


def describe(report):
    if not report:
        return "refused as it should be"
    if not report["ok"]:
        return f"failed as it should: {report['failure']}"
    return (f"{report['connects_per_s']:.0f} connects/s, {report['requests']} requests, {report['requests_per_s']:.0f}/s, "
            f"p50 {report['rtt_p50_ns'] / 1000:.1f} us, p99 {report['rtt_p99_ns'] / 1000:.1f} us, "
            f"{report['retransmitted']} retransmitted")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true", help="1,000,000 and 10,000,000 sessions as well")
    parser.add_argument("--only", metavar="TEXT", default="", help="cases whose name holds TEXT, long ones too")
    parser.add_argument("--build", metavar="DIR", default="build", help="where penstock and penstock-load were built")
    parser.add_argument("--hugepages", action="store_true", help="hugepages instead of 4 KiB pages")
    options = parser.parse_args()
    cases = {case.name: lambda case=case: describe(run_case(case, options.build, options.hugepages))
             for case in CASES + (LONG_CASES if options.long or options.only else [])}
    cases.update(spoofed.cases(options.build))
    cases = {name: case for name, case in cases.items() if options.only in name}
    failed = 0
    for name, case in cases.items():
        started = time.monotonic()
        try:
            shown = case()
        except (PairError, DriverCrash, LabError, OSError) as error:
            failed += 1
            print(f"FAIL {name}: {error}", flush=True)
        else:
            print(f"ok {name}: {shown} ({time.monotonic() - started:.1f} s)", flush=True)
    print(f"load: {len(cases) - failed} passed, {failed} failed")
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
