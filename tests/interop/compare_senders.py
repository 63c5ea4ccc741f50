#!/usr/bin/env python3
"""compare_senders.py - penstock, ikcp and kcp-go as senders over one and the same bad path, toward an unmodified ikcp.

  compare_senders.py [--only SENDER]... [--loss 0.01,0.05,0.15] [--rtt 20,100,300] [--seconds 10] [--game-seconds 30]
                     [--json FILE]

No test: figures for docs/congestion.md, in real time, 40 minutes for all. Each sender is an echo server in a namespace of its
own; between it and the client, which is ikcp, lies a penstock-wire with a rate, a queue, a round trip and losses on the way
to the client alone; bbr is told what is lost, and some room. *Bulk*: the client keeps messages in flight, what comes back is the sender's work. *Game*: 64 bytes each 20
ms. What was sent, sent again and lost is counted on the wire, for all senders alike. Needs root; namespaces are taken back.
"""

import argparse
import dataclasses
import json
import math
import os
import subprocess
import sys
import time

from lab import CLIENT_V4, PREFIX_V4, SERVER_V4, Interrupted, Lab, LabError, raise_on_signals, run
from peer import DEFAULT_PEER, GO_PEER, build_go_peer, install_peer, run_client
from server import DEFAULT_BINARY, KEEP_DIR, REPO, Server, free_hugepages_mb, listener

PORT = 4000
WIRE = REPO / "build/tests/path/penstock-wire"
RATE_MBIT = 20
# A bandwidth-delay product of the longest path and then some: bufferbloat shows itself as delay, not as loss.
QUEUE_KB = 750
WINDOW = 1024
MESSAGE_BYTES = 1376
GAME_BYTES, GAME_MS = 64, 20
UP_S_MAX = 20


@dataclasses.dataclass(frozen=True)
class Sender:
    name: str
    program: str                    # penstock, ikcp or kcp-go
    settings: dict = None           # of penstock's listener


SENDERS = [Sender("penstock bbr", "penstock", {"recovery": "rack", "congestion": "bbr", "nc": False}),
           Sender("penstock none", "penstock", {"recovery": "rack", "congestion": "none", "nc": False}),
           Sender("penstock ikcp", "penstock", {"recovery": "ikcp", "nc": True}),
           Sender("ikcp turbo", "ikcp"),
           Sender("kcp-go", "kcp-go")]


def wired_lab(lab):
    """Two veth pairs and a namespace between them."""
    lab.kind = "veth"
    lab.server_ns, wire_ns = f"{lab.name}-server", f"{lab.name}-wire"
    for namespace in (lab.client_ns, lab.server_ns, wire_ns):
        lab.add_namespace(namespace)
    ends = {lab.client_ns: (lab.client_interface, f"pwc{os.getpid()}"), lab.server_ns: (lab.server_interface, f"pws{os.getpid()}")}
    for namespace, (near, far) in ends.items():
        run(["ip", "link", "add", near, "netns", namespace, "type", "veth", "peer", "name", far, "netns", wire_ns])
        lab.run_in(namespace, ["ethtool", "-K", near, "tx", "off", "gso", "off", "gro", "off"])
        for where, interface in ((namespace, near), (wire_ns, far)):
            lab.run_in(where, ["sh", "-c", f"echo 1 > /proc/sys/net/ipv6/conf/{interface}/disable_ipv6"])
            lab.run_in(where, ["ip", "link", "set", interface, "up"])
    lab.run_in(lab.client_ns, ["ip", "addr", "add", f"{CLIENT_V4}/{PREFIX_V4}", "dev", lab.client_interface])
    return wire_ns, ends[lab.server_ns][1], ends[lab.client_ns][1]


def started(lab, namespace, command, log_name, word):
    """A process whose log comes to say `word`."""
    KEEP_DIR.mkdir(parents=True, exist_ok=True)
    path = KEEP_DIR / f"{log_name}.log"
    with open(path, "wb") as log:
        process = subprocess.Popen(["ip", "netns", "exec", namespace, *map(str, command)], stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=log, start_new_session=True)
    lab.undo.add(f"end {log_name}", lambda: (process.kill(), process.wait(timeout=10)))
    deadline = time.monotonic() + UP_S_MAX
    while word not in path.read_text():
        if process.poll() is not None or time.monotonic() > deadline:
            raise LabError(f"{command[0]} does not come up: {path.read_text()[-500:]}")
        time.sleep(0.02)
    return process, path


def settings_of(sender, loss):
    settings = {"nodelay": 1, "interval_ms": 10, "resend": 2, "snd_wnd": WINDOW, "rcv_wnd": WINDOW, **sender.settings}
    if settings.get("congestion") == "bbr":
        settings["loss_percent"] = max(2, math.ceil(loss * 150 - 0.6))
    return settings


def serve(lab, sender, loss, binary, hugepages):
    if sender.program == "penstock":
        server = Server(lab, binary, name=f"senders-{sender.name.replace(' ', '-')}", hugepages=hugepages,
                        listeners=[listener(PORT, **settings_of(sender, loss))])
        server.start()
        return
    lab.run_in(lab.server_ns, ["ip", "addr", "add", f"{SERVER_V4}/{PREFIX_V4}", "dev", lab.server_interface])
    if sender.program == "ikcp":
        started(lab, lab.server_ns, ["node", REPO / "tests/interop/kcp_server.js", f"--address={SERVER_V4}",
                                     f"--port={PORT}", f"--snd-wnd={WINDOW}", f"--rcv-wnd={WINDOW}"], "senders-ikcp", "up")
    else:
        started(lab, lab.server_ns, [GO_PEER, "--serve", f"{SERVER_V4}:{PORT}", f"--snd-wnd={WINDOW}",
                                     f"--rcv-wnd={WINDOW}"], "senders-kcp-go", "serving")


def measure(sender, loss, rtt_ms, spans, binary, hugepages):
    """Bulk and game, each over a path of its own."""
    figures = {"sender": sender.name, "loss": loss, "rtt_ms": rtt_ms}
    for work, seconds in spans.items():
        with Lab() as lab:
            wire_ns, server_side, client_side = wired_lab(lab)
            wire, log = started(lab, wire_ns, [WIRE, "--from", server_side, "--to", client_side, "--rate", RATE_MBIT,
                                               "--queue", QUEUE_KB, "--rtt", rtt_ms, "--loss", loss,
                                               "--seconds", seconds * 4 + 60], "senders-wire", "up")
            serve(lab, sender, loss, binary, hugepages)
            if work == "bulk":
                messages = int(RATE_MBIT * 1e6 * seconds / 8 / MESSAGE_BYTES)
                options = {"messages": messages, "sizes": str(MESSAGE_BYTES), "concurrency": WINDOW}
            else:
                options = {"messages": int(seconds * 1000 / GAME_MS), "sizes": str(GAME_BYTES), "every_ms": GAME_MS}
            result = run_client(lab, [f"{SERVER_V4}:{PORT}"], pin=False, log_name="senders-client", sessions=1,
                                run_ms=int(seconds * 4000), stall_ms=30000, snd_wnd=WINDOW, rcv_wnd=WINDOW, **options)
            wire.terminate()
            wire.wait(timeout=10)
            on_wire = json.loads(log.read_text().strip().splitlines()[-1])
        figures[work] = {"done": result["ok"], "goodput_mbit": result["bytes"] * 8e-3 / max(result["elapsed_ms"], 1),
                         "echo_ms": {name: us / 1000 for name, us in result["rtt_us"].items()},
                         "resent_per_lost": on_wire["resent_bytes"] / max(on_wire["lost_bytes"], 1),
                         "resent": on_wire["resent"], "lost": on_wire["lost"],
                         "queue_kb_most": on_wire["there"]["queue_bytes_most"] / 1000}
    return figures


def show(figures):
    bulk, game = figures["bulk"], figures["game"]
    print(f"{figures['sender']:14} loss {figures['loss'] * 100:4.0f} %  rtt {figures['rtt_ms']:3} ms  "
          f"bulk {bulk['goodput_mbit']:5.1f} Mbit/s, resent {bulk['resent_per_lost']:5.2f} for each lost, queue "
          f"{bulk['queue_kb_most']:4.0f} KB{'' if bulk['done'] else ', NOT DONE'};  game p50 {game['echo_ms']['p50']:4.0f} p99 "
          f"{game['echo_ms']['p99']:5.0f} ms, resent {game['resent_per_lost']:4.2f}{'' if game['done'] else ', NOT DONE'}", flush=True)


def numbers(kind):
    return lambda text: [kind(word) for word in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", default=str(DEFAULT_BINARY), help="the penstock to measure")
    parser.add_argument("--only", action="append", metavar="SENDER", help="; ".join(one.name for one in SENDERS))
    parser.add_argument("--loss", type=numbers(float), default=[0.01, 0.05, 0.15])
    parser.add_argument("--rtt", type=numbers(int), default=[20, 100, 300], help="ms")
    parser.add_argument("--seconds", type=float, default=10, help="of bulk at the full rate")
    parser.add_argument("--game-seconds", type=float, default=30, help="of the game")
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    args = parser.parse_args()
    raise_on_signals()
    install_peer(DEFAULT_PEER)
    build_go_peer()
    hugepages = free_hugepages_mb() >= 512
    spans = {"bulk": args.seconds, "game": args.game_seconds}
    told = []
    for rtt_ms in args.rtt:
        for loss in args.loss:
            for sender in SENDERS:
                if args.only and sender.name not in args.only:
                    continue
                told.append(measure(sender, loss, rtt_ms, spans, args.binary, hugepages))
                show(told[-1])
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"rate_mbit": RATE_MBIT, "queue_kb": QUEUE_KB, "window": WINDOW, "runs": told}, file, indent=1)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LabError as error:
        print(f"compare_senders: {error}", file=sys.stderr)
        sys.exit(1)
    except Interrupted as interrupted:
        sys.exit(interrupted.exit_code)
