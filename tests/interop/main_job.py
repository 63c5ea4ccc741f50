#!/usr/bin/env python3
"""main_job.py - the main job that run.sh shows: penstock on a software port
serves 200 sessions of the original ikcp over IPv4 and IPv6, messages from 1 B
to 100 kB, every byte compared.

While traffic runs it shows live figures from penstock's telemetry socket, then
a table, then one line: `main job: ok sessions=... messages=... mismatches=0`
or `main job: FAILED ...`. With --serve it keeps serving until Ctrl-C instead
and says how to talk to it. Needs root; what it made it takes back.
"""

import argparse
import sys
import time

from lab import Interrupted, Lab, LabError, raise_on_signals
from peer import client_command, install_peer, run_client, targets
from server import DEFAULT_BINARY, REPO, Server, listener

MESSAGE_PORT = 4000
STREAM_PORT = 4001
SIZES = "1,17,100,512,1375,1376,1377,2752,5000,16384,40000,100000"
SERVE_REPORT_S = 10


class LiveFigures:
    """Prints one line of penstock's own figures; rates since the last line."""

    def __init__(self, telemetry):
        self._telemetry = telemetry
        self._started = self._last_time = time.monotonic()
        self._last = telemetry.totals()

    def show(self, progress=None):
        now = time.monotonic()
        totals = self._telemetry.totals()
        seconds = max(now - self._last_time, 0.001)

        def rate(key):
            return (totals.get(key, 0) - self._last.get(key, 0)) / seconds

        parts = [f"{now - self._started:4.0f} s", f"sessions {totals.get('sessions', '?')}",
                 f"rx {rate('rx_packets'):,.0f} pkt/s {rate('rx_bytes') * 8e-6:,.0f} Mbit/s",
                 f"tx {rate('tx_packets'):,.0f} pkt/s {rate('tx_bytes') * 8e-6:,.0f} Mbit/s",
                 f"resent {totals.get('retransmissions', 0)}",
                 f"dropped {sum(self._telemetry.drops().values())}"]
        if progress is not None:
            parts.append(f"client {progress['messages']}/{progress['messages_wanted']} messages")
        print("  live: " + " | ".join(parts), flush=True)
        self._last, self._last_time = totals, now


def make_network(lab, tap):
    if tap:
        lab.add_tap()
        print("main job: namespace made; penstock will make the tap device in it", flush=True)
    else:
        lab.add_veth()
        print("main job: namespaces and veth pair made, penstock's end has no kernel address",
              flush=True)


def start_server(lab, arguments):
    # All of the client's sessions come at once, and a quarter of the limit is
    # remembered before its proof: nobody need repeat himself.
    server = Server(lab, arguments.binary, name="main-job", hugepages=not arguments.no_huge,
                    sessions_max=max(1024, 4 * arguments.sessions), poll="adaptive",
                    listeners=[listener(MESSAGE_PORT, name="echo-message"),
                               listener(STREAM_PORT, name="echo-stream", mode="stream")])
    print("main job: " + " ".join(server.command()), flush=True)
    server.start()
    print("main job: penstock serves "
          f"({'no hugepages' if arguments.no_huge else 'hugepages'}, 1 worker)", flush=True)
    return server


def run_job(lab, arguments):
    make_network(lab, arguments.tap)
    server = start_server(lab, arguments)
    with server.telemetry() as telemetry:
        if arguments.serve:
            return serve(lab, server, telemetry)
        print(f"main job: {arguments.sessions} ikcp sessions, half over IPv4 and half over IPv6, "
              f"{arguments.messages} messages each, 1 B to 100 kB", flush=True)
        live = LiveFigures(telemetry)

        def tick(progress):
            server.check_alive()
            live.show(progress)

        result = run_client(lab, targets(MESSAGE_PORT), on_tick=tick, log_name="main-job",
                            sessions=arguments.sessions, messages=arguments.messages,
                            sizes=SIZES, run_ms=240000)
        server.check_alive()
        live.show(result)
        totals, drops = telemetry.totals(), telemetry.drops()
    status = server.stop()
    show_table(result, totals, drops)
    return verdict(result, status)


def show_table(result, totals, drops):
    rtt = result["rtt_us"]
    rows = [("sessions", f"{result['finished']} of {result['sessions']} finished"),
            ("messages", f"{result['messages']:,} of {result['messages_wanted']:,} echoed"),
            ("bytes compared", f"{result['bytes']:,}"),
            ("wrong sessions", f"{result['mismatches']} mismatches, {result['timeouts']} timeouts"),
            ("RTT p50", f"{rtt['p50'] / 1000:.2f} ms"),
            ("RTT p99", f"{rtt['p99'] / 1000:.2f} ms"),
            ("duration", f"{result['elapsed_ms'] / 1000:.1f} s")]
    for key in ("rx_packets", "tx_packets", "retransmissions"):
        if key in totals:
            rows.append((f"penstock {key}", f"{totals[key]:,}"))
    rows += [(f"drops {reason}", f"{count:,}") for reason, count in drops.items()]
    if not drops:
        rows.append(("drops", "none"))
    width = max(len(name) for name, _ in rows)
    print()
    for name, value in rows:
        print(f"  {name.ljust(width)}  {value}")
    print(flush=True)


def verdict(result, status):
    if not result["ok"]:
        reason = (f"sessions={result['finished']}/{result['sessions']} "
                  f"messages={result['messages']}/{result['messages_wanted']} "
                  f"mismatches={result['mismatches']} timeouts={result['timeouts']}")
        if result["errors_said"]:
            print(result["errors_said"], file=sys.stderr)
        return failed(reason)
    if status != 0:
        return failed(f"penstock ended with status {status}, see build/interop/main-job.log")
    print(f"main job: ok sessions={result['sessions']} messages={result['messages']} "
          f"mismatches=0", flush=True)
    return 0


def failed(reason):
    print(f"main job: FAILED {reason}", flush=True)
    return 1


def serve(lab, server, telemetry):
    """Serves until a signal comes; penstock's death is a failure."""
    client = " ".join(client_command(targets(MESSAGE_PORT), sessions=10))
    stream = " ".join(client_command(targets(STREAM_PORT), sessions=10, mode="stream"))
    print(f"""
Penstock serves until Ctrl-C. In another shell, as root:
  cd {REPO}
  ip netns exec {lab.client_ns} {client}
  ip netns exec {lab.client_ns} {stream}
  dpdk-telemetry.py -f {server.file_prefix}     # then /penstock/info, /penstock/drops, /penstock/worker,0
  tail -f {server.log_path}
""", flush=True)
    live = LiveFigures(telemetry)
    while True:
        for _ in range(SERVE_REPORT_S):
            time.sleep(1)
            server.check_alive()
        live.show()


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tap", action="store_true", help="a tap device instead of a veth pair")
    parser.add_argument("--no-huge", action="store_true", help="run without hugepages")
    parser.add_argument("--serve", action="store_true", help="keep serving until Ctrl-C")
    parser.add_argument("--sessions", type=int, default=200, help="sessions of the client (200)")
    parser.add_argument("--messages", type=int, default=100, help="messages per session (100)")
    parser.add_argument("--binary", default=DEFAULT_BINARY, help="the penstock to run")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    raise_on_signals()
    try:
        install_peer()
        with Lab() as lab:
            return run_job(lab, arguments)
    except (LabError, OSError) as error:
        return failed(str(error))
    except Interrupted as interrupted:
        if arguments.serve:
            print("main job: served until it was told to stop", flush=True)
            return 0
        failed(str(interrupted))
        return interrupted.exit_code


if __name__ == "__main__":
    sys.exit(main())
