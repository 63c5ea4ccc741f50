#!/usr/bin/env python3
"""idle_cost.py - measures what `workers.poll = "adaptive"` saves and costs: the
CPU of a penstock without traffic, and the round trip of one session that asks
now and then, both ways of polling beside each other.

    tests/interop/idle_cost.py [--gaps-ms 0,1,10,100] [--seconds 4]

The client is a kernel socket in a namespace of its own (KCP by hand, so that
nothing but its gaps sets the pace), the port a veth pair with af_packet, which
has no receive interrupts: the worst case. Figures for docs/operations.md, not
a test: nothing here judges speed. Needs root.
"""

import argparse
import json
import os
import socket
import struct
import subprocess
import sys
import time

from lab import SERVER_V4, Lab, LabError, raise_on_signals
from server import DEFAULT_BINARY, Server, cpus, free_hugepages_mb, listener

PORT = 4000
HEADER = struct.Struct("<IBBHIIII")
PUSH, ACK = 81, 82
WINDOW = 128
ANSWER_S_MAX = 2
TICKS = os.sysconf("SC_CLK_TCK")


def segment(conv, command, sn, una, data=b"", ts=0):
    return HEADER.pack(conv, command, 0, WINDOW, ts, sn, una, len(data)) + data


def segments_of(datagram):
    while datagram:
        _conv, command, _frg, _wnd, ts, sn, _una, length = HEADER.unpack_from(datagram)
        yield command, ts, sn
        datagram = datagram[HEADER.size + length:]


def client(gap_ms, seconds):
    """Asks, waits for the echo, acknowledges it, waits for the gap; the round trips in µs."""
    conv = os.getpid()
    trips = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(ANSWER_S_MAX)
        link.connect((SERVER_V4, PORT))
        end = time.monotonic() + seconds
        sn = 0
        while time.monotonic() < end:
            sent = time.perf_counter()
            link.send(segment(conv, PUSH, sn, sn, b"x" * 64))
            echoed = None
            while echoed is None:
                for command, ts, number in segments_of(link.recv(65536)):
                    if command == PUSH and number == sn:
                        echoed = ts
            trips.append((time.perf_counter() - sent) * 1e6)
            link.send(segment(conv, ACK, sn, sn + 1, ts=echoed))
            sn += 1
            time.sleep(gap_ms / 1000)
    return sorted(trips[len(trips) // 10:])


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def cpu_share(pid, seconds):
    before, began = cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    return 100 * (cpu_seconds(pid) - before) / (time.monotonic() - began)


def run_client(lab, gap_ms, seconds):
    command = ["ip", "netns", "exec", lab.client_ns]
    if len(cpus()) > 1:
        command += ["taskset", "-c", ",".join(str(n) for n in cpus()[:-1])]
    command += [sys.executable, __file__, "--client", str(gap_ms), "--seconds", str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 30)
    if done.returncode != 0:
        raise LabError(f"the client failed: {done.stderr.strip()}")
    return json.loads(done.stdout)


def measure(poll, gaps_ms, seconds):
    with Lab() as lab:
        lab.add_veth()
        server = Server(lab, DEFAULT_BINARY, name=f"idle-{poll}", listeners=[listener(PORT)],
                        hugepages=free_hugepages_mb() >= 512, poll=poll)
        server.start()
        time.sleep(1)
        print(f"{poll}: without traffic {cpu_share(server.process_id(), seconds):.1f} % of a CPU")
        for gap_ms in gaps_ms:
            before, began = cpu_seconds(server.process_id()), time.monotonic()
            trips = run_client(lab, gap_ms, seconds)
            share = 100 * (cpu_seconds(server.process_id()) - before) / (time.monotonic() - began)
            p50, p99 = trips[len(trips) // 2], trips[len(trips) * 99 // 100]
            print(f"{poll}: asked every {gap_ms} ms: RTT p50 {p50:.0f} us, p99 {p99:.0f} us, "
                  f"{len(trips)} trips, {share:.1f} % of a CPU", flush=True)
        server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gaps-ms", default="0,1,10,100", help="pauses between two questions")
    parser.add_argument("--seconds", type=float, default=4, help="of each measurement")
    parser.add_argument("--client", type=float, metavar="GAP_MS", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.client is not None:
        print(json.dumps(client(arguments.client, arguments.seconds)))
        return 0
    raise_on_signals()
    gaps = [float(text) for text in arguments.gaps_ms.split(",")]
    try:
        for poll in ("busy", "adaptive"):
            measure(poll, gaps, arguments.seconds)
    except (LabError, OSError) as error:
        print(f"idle_cost.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
