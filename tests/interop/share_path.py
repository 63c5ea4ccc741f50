#!/usr/bin/env python3
"""share_path.py - how penstock's flows share a bottleneck with the kernel's TCP CUBIC, and with each other, in real time.

  share_path.py [--congestion cubic,bbr] [--beside cubic,own] [--queue 1,2,4] [--seconds 60] [--json FILE]

No test: figures for docs/congestion.md. One penstock-wire of 20 Mbit/s and 40 ms with a queue of so many bandwidth-delay products
carries both flows to the client: penstock's, echoed to an unmodified ikcp that keeps 1,024 messages in flight, and beside it bulk over TCP
of the kernel (`cubic`, `reno` or `bbr`), or a second session of the same kind (`own`). Both begin at once; what is compared are the
bytes that arrive after the first sixth of the time. Needs root; namespaces are taken back.
"""

import argparse
import json
import socket
import subprocess
import sys
import threading
import time

from compare_senders import MESSAGE_BYTES, PORT, RATE_MBIT, WINDOW, WIRE, numbers, started, wired_lab
from lab import PREFIX_V4, SERVER_V4, Interrupted, Lab, LabError, raise_on_signals
from peer import DEFAULT_PEER, install_peer, run_client
from server import DEFAULT_BINARY, Server, free_hugepages_mb, listener

RTT_MS = 40
BDP_KB = RATE_MBIT * RTT_MS / 8
# The kernel's address on the interface that penstock's port is made of.
TCP_V4 = SERVER_V4.rsplit(".", 1)[0] + ".77"
TCP_PORT = 5001
TICK_S = 0.2


def serve_tcp(congestion):
    """Sends to whoever connects, until he goes."""
    with socket.create_server((TCP_V4, TCP_PORT)) as listening:
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion.encode())
        print("serving", flush=True)
        connection, _ = listening.accept()
        with connection:
            try:
                while True:
                    connection.sendall(bytes(65536))
            except OSError:
                return


def fetch_tcp(seconds):
    """Takes what comes, and tells every TICK_S how much it was."""
    with socket.create_connection((TCP_V4, TCP_PORT), timeout=10) as connection:
        begun, told, total = time.monotonic(), 0.0, 0
        while (now := time.monotonic() - begun) < seconds:
            total += len(connection.recv(65536))
            if now - told >= TICK_S:
                told = now
                print(json.dumps({"elapsed_ms": now * 1000, "bytes": total}), flush=True)


class Arrivals:
    """Bytes of one flow by time, and its rate from some moment on."""

    def __init__(self):
        self.points = []

    def add(self, told):
        self.points.append((told["elapsed_ms"] / 1000, told["bytes"]))

    def mbit(self, begin, end):
        within = [point for point in self.points if begin <= point[0] <= end]
        if len(within) < 2:
            raise LabError("a flow told too little of itself")
        (t0, b0), (t1, b1) = within[0], within[-1]
        return (b1 - b0) * 8e-6 / (t1 - t0)


def kcp_flow(lab, name, seconds, arrivals):
    messages = int(RATE_MBIT * 1e6 * 2 * seconds / 8 / MESSAGE_BYTES)
    run_client(lab, [f"{SERVER_V4}:{PORT}"], pin=False, log_name=name, sessions=1, run_ms=int(seconds * 1000),
               stall_ms=30000, snd_wnd=WINDOW, rcv_wnd=WINDOW, messages=messages, sizes=str(MESSAGE_BYTES),
               concurrency=WINDOW, on_tick=arrivals.add)


def tcp_flow(lab, seconds, arrivals):
    command = ["ip", "netns", "exec", lab.client_ns, sys.executable, __file__, "--fetch", str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        lab.undo.add("end the TCP client", process.kill)
        for line in process.stdout:
            arrivals.add(json.loads(line))


def measure(congestion, beside, bdps, seconds, binary, hugepages):
    with Lab() as lab:
        wire_ns, server_side, client_side = wired_lab(lab)
        wire, log = started(lab, wire_ns, [WIRE, "--from", server_side, "--to", client_side, "--rate", RATE_MBIT, "--queue",
                                           bdps * BDP_KB, "--rtt", RTT_MS, "--seconds", seconds * 2 + 60], "share-wire", "up")
        settings = {"nodelay": 1, "interval_ms": 10, "nc": False, "recovery": "rack", "congestion": congestion,
                    "snd_wnd": WINDOW, "rcv_wnd": WINDOW}
        Server(lab, binary, name=f"share-{congestion}", hugepages=hugepages, listeners=[listener(PORT, **settings)]).start()
        ours, other = Arrivals(), Arrivals()
        flows = [threading.Thread(target=kcp_flow, args=(lab, "share-ours", seconds, ours))]
        if beside == "own":
            flows.append(threading.Thread(target=kcp_flow, args=(lab, "share-other", seconds, other)))
        else:
            lab.run_in(lab.server_ns, ["ip", "addr", "add", f"{TCP_V4}/{PREFIX_V4}", "dev", lab.server_interface])
            started(lab, lab.server_ns, [sys.executable, __file__, "--serve", beside], "share-tcp", "serving")
            flows.append(threading.Thread(target=tcp_flow, args=(lab, seconds, other)))
        for flow in flows:
            flow.start()
        for flow in flows:
            flow.join()
        wire.terminate()
        wire.wait(timeout=10)
        on_wire = json.loads(log.read_text().strip().splitlines()[-1])["there"]
    ours_mbit, other_mbit = (flow.mbit(seconds / 6, seconds - 1) for flow in (ours, other))
    return {"congestion": congestion, "beside": beside, "queue_bdps": bdps, "mbit": ours_mbit, "beside_mbit": other_mbit,
            "share": ours_mbit / (ours_mbit + other_mbit), "queue_full": on_wire["queue_full"]}


def show(found):
    beside = "another of its kind" if found["beside"] == "own" else f"TCP {found['beside']}"
    print(f"{found['congestion']:8} beside {beside:20} queue {found['queue_bdps']:3g} BDP  {found['mbit']:5.2f} and "
          f"{found['beside_mbit']:5.2f} Mbit/s, share {found['share'] * 100:4.1f} %", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--binary", default=str(DEFAULT_BINARY), help="the penstock to measure")
    parser.add_argument("--congestion", type=numbers(str), default=["cubic", "bbr"], help="of penstock's listener")
    parser.add_argument("--beside", type=numbers(str), default=["cubic", "own"], help="cubic, reno or bbr of the kernel, or own")
    parser.add_argument("--queue", type=numbers(float), default=[1, 2, 4], help="in bandwidth-delay products")
    parser.add_argument("--seconds", type=float, default=60, help="of each run")
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--fetch", type=float, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve or args.fetch:
        serve_tcp(args.serve) if args.serve else fetch_tcp(args.fetch)
        return 0
    raise_on_signals()
    install_peer(DEFAULT_PEER)
    hugepages = free_hugepages_mb() >= 512
    told = []
    for beside in args.beside:
        for congestion in args.congestion:
            for bdps in args.queue:
                told.append(measure(congestion, beside, bdps, args.seconds, args.binary, hugepages))
                show(told[-1])
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"rate_mbit": RATE_MBIT, "rtt_ms": RTT_MS, "runs": told}, file, indent=1)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        print(f"share_path: {error}", file=sys.stderr)
        sys.exit(1)
    except Interrupted as interrupted:
        sys.exit(interrupted.exit_code)
