#!/usr/bin/env python3
"""run.py - the statistics socket under clients that mean no good, while the
original ikcp has its echoes: more clients than DPDK would serve, idle ones, one
that does not read, ones that leave in the middle, nonsense, and a flood of
commands. One penstock bears all of it.

One line per case, `ok NAME ...` or `FAIL NAME: reason`, and a closing
`telemetry: N passed, N failed`. The flood tells the gap between two turns of
the worker, quiet and under it, in one run; a figure, which decides nothing.
Needs root.
"""

import argparse
import json
import os
import pathlib
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "interop")]

from attackers import (STRANGE, Flood, ask, connect, fill_and_not_read, is_answered,  # noqa: E402
                       leave_in_the_middle)
from lab import Interrupted, Lab, LabError, raise_on_signals  # noqa: E402
from peer import install_peer, run_client, targets  # noqa: E402
from server import DEFAULT_BINARY, Server, cpus, listener  # noqa: E402
from telemetry import RUNTIME_DIR  # noqa: E402

PORT = 4000
FLOOD_S = 5
CLIENTS_MAX = 64  # StatsSocket's


def require(condition, sentence):
    if not condition:
        raise LabError(sentence)


class Traffic:
    """ikcp sessions that ask one after the other while a case runs, every byte compared."""

    def __init__(self, lab):
        self.lab, self.ended, self.runs, self.fault = lab, False, 0, None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.ended and self.fault is None:
            try:
                result = run_client(self.lab, targets(PORT), sessions=10, messages=20, sizes="1,1400,9000", run_ms=60000,
                                    log_name="telemetry")
                if not result["ok"]:
                    self.fault = f"sessions lost echoes: {result['errors_said']}"
                self.runs += 1
            except LabError as error:
                self.fault = str(error)

    def end(self):
        self.ended = True
        self.thread.join(120)
        require(self.fault is None, str(self.fault))
        require(self.runs > 0, "no traffic passed")
        return f"{self.runs * 200} echoes meanwhile, none lost"


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process_id()}/fd"))


def threads(server):
    return len(os.listdir(f"/proc/{server.process_id()}/task"))


def resident_kb(server):
    status = pathlib.Path(f"/proc/{server.process_id()}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1])


def wait_until(is_true, fault):
    deadline = time.monotonic() + 60
    while not is_true():
        require(time.monotonic() < deadline, fault)
        time.sleep(0.05)


def eleventh(server, path):
    """DPDK's socket has places for ten."""
    crowd = [connect(path) for _ in range(CLIENTS_MAX)]
    require(all(is_answered(one) for one in crowd), "not every client is answered")
    for one in crowd:
        one.close()
    return f"{CLIENTS_MAX} clients at once"


def all_idle(server, path):
    crowd = [connect(path) for _ in range(CLIENTS_MAX)]
    time.sleep(1.5)  # by then they count as idle
    with connect(path) as newcomer:
        require(is_answered(newcomer), "the newcomer is not answered")
    for one in crowd:
        one.close()
    return f"{CLIENTS_MAX} idle ones, and a newcomer has its answer"


def slow_reader(server, path):
    slow, asked = fill_and_not_read(path)
    with connect(path) as other:
        require(all(is_answered(other) for _ in range(200)), "another client is not answered beside it")
    replies = [slow.recv(1 << 17) for _ in range(asked)]
    require(all(json.loads(reply) for reply in replies), "a reply is not whole")
    slow.close()
    return f"{asked} replies kept until they were read"


def leavers(server, path):
    before = resident_kb(server)
    leave_in_the_middle(path, 3000)
    with connect(path) as client:
        require(is_answered(client), "nobody is answered afterwards")
    grown = resident_kb(server) - before
    require(grown < 4096, f"penstock grew by {grown} kB")
    return f"3000 times, {grown} kB more"


def strange(server, path):
    with connect(path) as client:
        for command in STRANGE:
            reply = ask(client, command)
            require(isinstance(json.loads(reply), dict), f"{command[:40]} is answered by {reply[:80]}")
        require(is_answered(client), "a command is not answered afterwards")
    return f"{len(STRANGE)} kinds, each answered by JSON"


def turn_gaps(client):
    reply = json.loads(ask(client, "/penstock/histogram,0,turn_gap_us"))["/penstock/histogram"]
    return dict(zip(reply["upper"], reply["counts"]))


def percentile(before, after, share):
    """Of what was counted between two looks at a histogram."""
    counted = sorted((upper, after[upper] - before.get(upper, 0)) for upper in after)
    rest = share * sum(count for _, count in counted)
    for upper, count in counted:
        rest -= count
        if rest <= 0:
            return upper
    return counted[-1][0]


def flood(server, path):
    with connect(path) as client:
        looks = [turn_gaps(client)]
        time.sleep(FLOOD_S)
        looks.append(turn_gaps(client))
        with Flood(path) as attack:
            time.sleep(FLOOD_S)
        looks.append(turn_gaps(client))
        require(is_answered(client), "a command is not answered afterwards")
    require(not attack.wrong, f"wrong answers: {attack.wrong[:3]}")
    quiet, flooded = (percentile(looks[i], looks[i + 1], 0.99) for i in (0, 1))
    return (f"{attack.answered / attack.seconds:,.0f} commands/s answered; gap between the worker's turns, p99: "
            f"{quiet} us quiet, {flooded} us under it")


CASES = {"eleventh-client": eleventh, "all-idle": all_idle, "slow-reader": slow_reader, "leave-in-the-middle": leavers,
         "strange-commands": strange, "flood": flood}


def run_case(name, lab, server, path):
    """The case with traffic beside it; afterwards the process is as it was."""
    with connect(path) as client:
        require(is_answered(client), "the socket does not answer")
    before = descriptors(server), threads(server)
    traffic = Traffic(lab)
    try:
        shown = CASES[name](server, path)
    finally:
        meanwhile = traffic.end()
    server.check_alive()
    wait_until(lambda: (descriptors(server), threads(server)) <= before,
               f"descriptors and threads were {before} and are {descriptors(server)}, {threads(server)}")
    return f"{shown}; {meanwhile}"


def run_all(names):
    passed = failed = 0
    with Lab() as lab:
        lab.add_veth()
        # A core of its own for the worker; control threads, attackers and clients have the others.
        server = Server(lab, DEFAULT_BINARY, name="telemetry", listeners=[listener(PORT)])
        server.start()
        if len(cpus()) > 1:
            os.sched_setaffinity(0, cpus()[:-1])
        path = f"{RUNTIME_DIR}/{server.file_prefix}/dpdk_telemetry.v2"
        for name in names:
            try:
                print(f"ok {name} {run_case(name, lab, server, path)}", flush=True)
                passed += 1
            except (LabError, OSError, ValueError) as error:
                print(f"FAIL {name}: {error}\n{server.log_tail()}", flush=True)
                failed += 1
        status = server.stop()
        if status != 0:
            print(f"FAIL end: penstock ended with status {status}")
            failed += 1
    print(f"telemetry: {passed} passed, {failed} failed", flush=True)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="SUBSTR", default="", help="cases whose name has this in it")
    arguments = parser.parse_args()
    raise_on_signals()
    try:
        install_peer()
        return 1 if run_all([name for name in CASES if arguments.only in name]) else 0
    except LabError as error:
        print(f"FAIL preparation: {error}\ntelemetry: 0 passed, 1 failed")
        return 1
    except Interrupted as stop:
        return stop.exit_code


if __name__ == "__main__":
    sys.exit(main())
