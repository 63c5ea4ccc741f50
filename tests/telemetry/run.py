#!/usr/bin/env python3
"""run.py - the statistics socket under clients that mean no good, while the
original ikcp has its echoes: more clients than DPDK would serve, idle ones, one
that does not read, ones that leave in the middle, nonsense, and a flood of
commands. One penstock bears all of it.

One line per case, `ok NAME ...` or `FAIL NAME: reason`, and a closing
`telemetry: N passed, N failed`. The flood tells the round trip times of the
echoes and the gap between two turns of the worker, quiet and under it, in one
run; figures, which decide nothing. Needs root.
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
CLIENTS_MAX = 64  # StatsSocket's
IDLE_S = 1        # the same: who is quiet that long may be sent away for a newcomer
WAIT_S_MAX = 180  # a guard against a hang
# The flood goes on until as much was offered as five seconds of 100,000 a second are, and until the echoes beside it were told.
OFFERED_MIN = 500_000
GROWN_KB_MAX = 4096
SIZES = "1,1400,9000"


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
                result = run_client(self.lab, targets(PORT), sessions=10, messages=20, sizes=SIZES, run_ms=120000,
                                    log_name="telemetry")
                if not result["ok"]:
                    self.fault = f"sessions lost echoes: {result['errors_said']}"
                self.runs += 1
            except LabError as error:
                self.fault = str(error)

    def end(self):
        self.ended = True
        self.thread.join(WAIT_S_MAX)
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
    deadline = time.monotonic() + WAIT_S_MAX
    while not is_true():
        require(time.monotonic() < deadline, fault)
        time.sleep(0.05)


def eleventh(lab, server, path):
    """DPDK's socket has places for ten."""
    crowd = [connect(path) for _ in range(CLIENTS_MAX)]
    require(all(is_answered(one) for one in crowd), "not every client is answered")
    for one in crowd:
        one.close()
    return f"{CLIENTS_MAX} clients at once"


def sixty_fifth(lab, server, path):
    """Where all places are those of active clients a newcomer is sent away without a greeting, and nobody else notices."""
    crowd = [connect(path) for _ in range(CLIENTS_MAX)]
    refused = served = 0
    deadline = time.monotonic() + WAIT_S_MAX
    while not refused:
        require(time.monotonic() < deadline, "the clients were never all active within the same second")
        asked = time.monotonic()
        require(all(is_answered(one) for one in crowd), f"a client is not answered after {served} newcomers were served")
        with connect(path, greeted=False) as newcomer:
            greeting = newcomer.recv(1 << 17)
            quick = time.monotonic() - asked < IDLE_S
            refused += greeting == b""
            served += greeting != b""
            require(not greeting or not quick, f"a newcomer had a place though all {CLIENTS_MAX} were active: {greeting[:80]}")
        if greeting:  # on a slow machine somebody was idle, and went for it
            for one in crowd:
                one.close()
            crowd = [connect(path) for _ in range(CLIENTS_MAX)]
    require(all(is_answered(one) for one in crowd), "not every client is answered after one was refused")
    for one in crowd:
        one.close()
    with connect(path) as newcomer:
        require(is_answered(newcomer), "a newcomer is not answered when there are places again")
    return f"refused beside {CLIENTS_MAX} active ones, which all have their answers"


def all_idle(lab, server, path):
    crowd = [connect(path) for _ in range(CLIENTS_MAX)]
    time.sleep(1.5 * IDLE_S)  # by then they count as idle
    with connect(path) as newcomer:
        require(is_answered(newcomer), "the newcomer is not answered")
    for one in crowd:
        one.close()
    return f"{CLIENTS_MAX} idle ones, and a newcomer has its answer"


def slow_reader(lab, server, path):
    slow, asked = fill_and_not_read(path)
    with connect(path) as other:
        require(all(is_answered(other) for _ in range(200)), "another client is not answered beside it")
    replies = [slow.recv(1 << 17) for _ in range(asked)]
    require(all(json.loads(reply) for reply in replies), "a reply is not whole")
    slow.close()
    return f"{asked} replies kept until they were read"


def leavers(lab, server, path):
    leave_in_the_middle(path, 3000)
    with connect(path) as client:
        require(is_answered(client), "nobody is answered afterwards")
    return "3000 times"


def strange(lab, server, path):
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


def echoes(lab):
    """The p99 of some thousand echoes' round trip times."""
    result = run_client(lab, targets(PORT), sessions=10, messages=200, sizes=SIZES, run_ms=120000, log_name="telemetry-rtt")
    require(result["ok"], f"sessions lost echoes: {result['errors_said']}")
    return result["rtt_us"]["p99"]


def flood(lab, server, path):
    with connect(path) as client:
        looks = [turn_gaps(client)]
        quiet_us = echoes(lab)
        looks.append(turn_gaps(client))
        with Flood(path) as attack:
            flooded_us = echoes(lab)
            wait_until(lambda: attack.offered >= OFFERED_MIN or attack.failed,
                       f"only {attack.offered} commands were offered")
        looks.append(turn_gaps(client))
        require(is_answered(client), "a command is not answered afterwards")
    require(not attack.failed, f"attackers came to grief: {attack.failed[:3]}")
    require(not attack.wrong, f"wrong answers: {attack.wrong[:3]}")
    require(attack.answered > 0, "nobody in the flood was answered")
    quiet, flooded = (percentile(looks[i], looks[i + 1], 0.99) for i in (0, 1))
    offered, taken, answered = (count / attack.seconds for count in (attack.offered, attack.taken, attack.answered))
    return (f"{attack.offered:,} commands offered, {offered:,.0f} /s, of which the kernel took {taken:,.0f} /s and "
            f"{answered:,.0f} /s were answered; p99, quiet and under it: round trips {quiet_us / 1000:.1f} and "
            f"{flooded_us / 1000:.1f} ms, gap between the worker's turns {quiet} and {flooded} us")


CASES = {"eleventh-client": eleventh, "sixty-fifth-client": sixty_fifth, "all-idle": all_idle, "slow-reader": slow_reader, "leave-in-the-middle": leavers,
         "strange-commands": strange, "flood": flood}


def run_case(name, lab, server, path):
    """The case with traffic beside it; afterwards the process is as it was, but for a little memory."""
    with connect(path) as client:
        require(is_answered(client), "the socket does not answer")
    before, before_kb = (descriptors(server), threads(server)), resident_kb(server)
    traffic = Traffic(lab)
    try:
        shown = CASES[name](lab, server, path)
    finally:
        meanwhile = traffic.end()
    server.check_alive()
    wait_until(lambda: (descriptors(server), threads(server)) <= before,
               f"descriptors and threads were {before} and are {descriptors(server)}, {threads(server)}")
    grown_kb = resident_kb(server) - before_kb
    require(grown_kb <= GROWN_KB_MAX, f"penstock grew by {grown_kb} kB")
    return f"{shown}; {meanwhile}; {grown_kb} kB more"


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
