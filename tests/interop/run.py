#!/usr/bin/env python3
"""run.py - the interop suite: the original ikcp (tests/interop/kcp_client.js)
and kcp-go (tests/interop/peer_go) against penstock on the kernel's software
ports, in namespaces of its own.

Each row of CASES starts a penstock, drives it with the real client, compares
every byte, and checks in the telemetry that no session was lost and that every
received packet is accounted for. One line per case, `ok NAME ...` or
`FAIL NAME: reason`, and a closing `interop: N passed, N failed`. Needs root.
Configurations and logs stay in build/interop/.
"""

import argparse
import dataclasses
import sys
import time

from bridge import Bridge
from lab import Interrupted, Lab, LabError, raise_on_signals
from mover import Mover
from narrower import Narrower
from peer import DEFAULT_PEER, GO_PEER, build_go_peer, install_peer, run_client, targets
from port_changer import PortChanger
from rehearsal import Rehearsal
from server import DEFAULT_BINARY, KEEP_DIR, Server, free_hugepages_mb, listener
from takeover import show_takeover

PORT = 4000
MOVED_SIZES = "1,500,3000,9000"
SIZES = "1,24,500,1375,1376,1377,2752,9000,40000,100000"
HUGEPAGES_MB_NEEDED = 512
# A sentence logged at a limited rate may come a moment after its cause.
LOG_WAIT_S = 5


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    kind: str = "veth"               # veth (af_packet), tap, or vhost (by a bridge)
    v4: bool = True
    v6: bool = True
    mode: str = "message"
    nodelay: int = 1
    workers: int = 1
    impair: dict = None              # [port.impair] of penstock
    partial_checksums: bool = False  # the client's interface keeps tx offload
    rx_checksum: str = "verify"
    served: bool = True              # False: every message must time out
    disturb: str = ""                # what happens under way: to the port link, mtu or rehearsal, to the way path
    roams: str = ""                  # the listener's key: the clients sit behind a NAT that forgets them twice
    poll: str = "busy"
    sessions: int = 40
    messages: int = 12
    peer: str = "ikcp"               # or kcp-go
    run: object = None               # a function in place of run_case
    long: bool = False               # with --long only


# A link that loses, doubles, delays and overtakes.
BAD_LINK = {"loss": 0.05, "reorder": 0.25, "duplicate": 0.05, "delay_ms": 5, "jitter_ms": 5, "seed": 11}
SATELLITE = {"loss": 0.01, "delay_ms": 300, "jitter_ms": 10, "seed": 12}
WORST_LINK = {"loss": 0.30, "reorder": 0.25, "duplicate": 0.10, "delay_ms": 25, "jitter_ms": 20, "seed": 13}


def peer_cases():
    """Both peers, both modes, over a clean and over a bad link; more of it with --long."""
    cases = [Case(f"kcp-go-{mode}", peer="kcp-go", mode=mode, sessions=20) for mode in ("message", "stream")]
    for peer in ("ikcp", "kcp-go"):
        for mode in ("message", "stream"):
            cases.append(Case(f"{peer}-bad-link-{mode}", peer=peer, mode=mode, impair=BAD_LINK, sessions=20,
                              messages=10))
            for nodelay in (0, 1):
                cases += [Case(f"{peer}-{name}-{mode}-nodelay{nodelay}", peer=peer, mode=mode, nodelay=nodelay,
                               impair=link, sessions=20, messages=10, long=True)
                          for name, link in (("satellite", SATELLITE), ("worst-link", WORST_LINK))]
                cases.append(Case(f"{peer}-two-workers-{mode}-nodelay{nodelay}", peer=peer, mode=mode, nodelay=nodelay,
                                  impair=BAD_LINK, workers=2, sessions=200, messages=40, long=True))
    return cases


def basic_cases():
    """af_packet with one worker: address family x mode x nodelay."""
    return [Case(f"af_packet-{'v4' if v4 else 'v6'}-{mode}-nodelay{nodelay}",
                 v4=v4, v6=not v4, mode=mode, nodelay=nodelay)
            for v4 in (True, False) for mode in ("message", "stream") for nodelay in (0, 1)]


CASES = basic_cases() + [
    # The kernel may roll a flow over to the other queue, so that a datagram
    # comes to the wrong worker; every byte must arrive all the same.
    Case("af_packet-two-workers-message", workers=2, sessions=80),
    Case("af_packet-two-workers-stream", workers=2, sessions=80, mode="stream"),
    # vhost has no RSS: the kernel and the bridge decide who gets what, half of it wrongly.
    Case("vhost-message", kind="vhost"),
    Case("vhost-two-workers-message", kind="vhost", workers=2, sessions=80),
    Case("vhost-two-workers-stream", kind="vhost", workers=2, sessions=80, mode="stream"),
    Case("vhost-adaptive-message", kind="vhost", poll="adaptive"),
    # Nothing may wait longer than a sleep: frames, hand-overs, timers, held frames.
    Case("adaptive-message", poll="adaptive"),
    Case("adaptive-two-workers-stream", poll="adaptive", workers=2, sessions=80, mode="stream"),
    Case("adaptive-loss-10-percent", poll="adaptive", impair={"loss": 0.10, "seed": 9},
         sessions=20, messages=10),
    Case("tap-message", kind="tap"),
    Case("tap-stream", kind="tap", mode="stream"),
    # IPv4 only: the kernel takes the client's IPv6 address away with the link.
    Case("tap-link-flap", kind="tap", v6=False, disturb="link", sessions=20),
    # IPv4 only: a full packet of the client's has 1,428 bytes, which a veth of 1,424 still takes in (it bears with a tag).
    Case("af_packet-mtu-change", v6=False, disturb="mtu", sessions=20),
    # Not a byte may be lost, and somebody copies all that the clients send.
    Case("roaming-conv", v6=False, roams="conv", sessions=25),
    Case("roaming-address-conv-two-workers", v6=False, roams="address+conv", workers=2, sessions=25),
    # The way to the clients becomes narrow; with two workers the router's word comes to the wrong one, too.
    Case("path-becomes-narrow", v6=False, disturb="path", sessions=10),
    Case("path-becomes-narrow-two-workers", v6=False, disturb="path", workers=2, sessions=10),
    Case("loss-10-percent-message", impair={"loss": 0.10, "seed": 7}, sessions=20, messages=10),
    Case("loss-10-percent-stream", impair={"loss": 0.10, "seed": 8}, sessions=20, messages=10,
         mode="stream"),
    # Bursts of losses, holds and a cut, switched on and off under way by the admin socket; [port.impair] is there, without faults.
    Case("rehearsal", impair={"seed": 3}, disturb="rehearsal", v6=False, sessions=20),
    Case("rehearsal-two-workers", impair={"seed": 4}, disturb="rehearsal", workers=2, sessions=80),
    *peer_cases(),
    Case("kcp-go-takeover", run=show_takeover),
    Case("partial-checksums-verify", partial_checksums=True, served=False, sessions=4, messages=2),
    Case("partial-checksums-trust_local", partial_checksums=True, rx_checksum="trust_local"),
]


def require(condition, sentence):
    if not condition:
        raise LabError(sentence)


def run_case(case, binary, hugepages):
    """Runs one case; gives back what to show behind `ok NAME`."""
    if case.run:
        return case.run(binary, hugepages)
    with Lab() as lab:
        if case.kind == "tap":
            lab.add_tap()
        else:
            lab.add_veth(partial_checksums=case.partial_checksums)
        if case.kind == "vhost":
            lab.vhost_socket = KEEP_DIR / f"{lab.name}.vhost"
        port_settings = {"rx_checksum": case.rx_checksum}
        if case.impair:
            port_settings["impair"] = case.impair
        server = Server(lab, binary, name=case.name, workers=case.workers, hugepages=hugepages,
                        port_settings=port_settings, poll=case.poll,
                        listeners=[listener(PORT, mode=case.mode, nodelay=case.nodelay, **further_settings(case))])
        server.start()
        if case.kind == "vhost":
            Bridge(lab, lab.vhost_socket, queues=case.workers).start()
        if is_clean(case):
            meet_neighbours(lab, case)
        disturber = disturber_of(lab, server, case)
        if disturber:
            disturber.start()
        result = run_client(
            lab, targets(PORT, v4=case.v4, v6=case.v6), pin=case.workers == 1,
            peer=GO_PEER if case.peer == "kcp-go" else DEFAULT_PEER,
            log_name=case.name, sessions=case.sessions, messages=case.messages,
            sizes=MOVED_SIZES if case.roams or case.disturb == "path" else SIZES, **(disturber.client_options() if disturber else {}),
            mode=case.mode, nodelay=case.nodelay, run_ms=600000 if case.long else 180000,
            # Timeouts that double may wait for long behind some losses in a row.
            stall_ms=120000 if case.long else 90000 if case.served else 3000)
        server.check_alive()
        if disturber:
            disturber.check()
        check = check_served if case.served else check_refused
        shown = check(case, server, result)
        status = server.stop()
        require(status == 0, f"penstock ended with status {status};\n{server.log_tail()}")
        return shown


def is_clean(case):
    """Nothing is lost and nothing overtaken on the way."""
    return case.served and not (case.impair or case.disturb or case.roams or case.workers > 1)


def meet_neighbours(lab, case):
    """While the client's kernel looks for the server's MAC address it keeps some datagrams and throws the oldest away, and
    so the beginnings of conversations. The first question may come before the server listens, the next a second later."""
    hosts = [target.rpartition(":")[0].strip("[]") for target in targets(PORT, v4=case.v4, v6=case.v6)]
    greet = ("import socket, sys\n"
             "for host in sys.argv[1:]:\n"
             "    socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', (host, 9))\n")
    lab.run_in(lab.client_ns, [sys.executable, "-c", greet, *hosts])
    deadline = time.monotonic() + 10
    while True:
        known = [line.split()[0] for line in lab.run_in(lab.client_ns, ["ip", "neigh"]).splitlines() if "lladdr" in line]
        if all(host in known for host in hosts):
            return
        require(time.monotonic() < deadline, f"the client's kernel knows {known} and not {hosts}")
        time.sleep(0.05)


def disturber_of(lab, server, case):
    if case.roams:
        return Mover(lab, server, case.sessions)
    if case.disturb == "rehearsal":
        return Rehearsal(lab, server)
    if case.disturb == "path":
        return Narrower(lab, server, case.sessions)
    return PortChanger(lab, server, case.disturb) if case.disturb else None


def further_settings(case):
    if case.disturb == "path":
        # Without `nc`, which would be a controller of its own.
        return {"recovery": "rack", "path_mtu": "search"}
    if not case.roams:
        return {}
    return {"key": case.roams, **({"roaming": True} if case.roams == "address+conv" else {})}


def check_served(case, server, result):
    require(result["mismatches"] == 0,
            f"{result['mismatches']} sessions got wrong bytes: {result['errors_said']}")
    require(result["ok"], f"{result['finished']} of {result['sessions']} sessions finished, "
                          f"{result['messages']} of {result['messages_wanted']} messages: "
                          f"{result['errors_said']}\n{server.log_tail()}")
    with server.telemetry() as telemetry:
        workers, drops = telemetry.workers(), telemetry.drops()
    check_sessions(case, workers)
    check_books(workers)
    check_rest(case, workers)
    check_steering(case, workers)
    check_openings(case, workers, drops)
    require("udp_bad_checksum" not in drops,
            f"{drops.get('udp_bad_checksum')} datagrams were dropped as udp_bad_checksum")
    if case.impair:
        # Without this a penstock that ignores the setting would pass.
        require(any("impair" in reason for reason in drops),
                f"[port.impair] {case.impair} dropped nothing; drops: {drops}")
    return describe(result, drops)


def check_refused(_case, server, result):
    """Half-made checksums under rx_checksum = "verify": nothing is served, and
    penstock says why and what to set."""
    require(result["messages"] == 0, f"{result['messages']} messages were echoed although "
                                     "their checksums are wrong")
    require(result["timeouts"] == result["sessions"],
            f"only {result['timeouts']} of {result['sessions']} sessions timed out: "
            f"{result['errors_said']}")
    with server.telemetry() as telemetry:
        check_books(telemetry.workers())
        drops = telemetry.drops()
    require(drops.get("udp_bad_checksum", 0) > 0,
            f"the drop counter udp_bad_checksum did not move; drops: {drops}")
    deadline = time.monotonic() + LOG_WAIT_S
    while not says_what_to_do(server.log_text()):
        require(time.monotonic() < deadline,
                "the log has no sentence that tells to set rx_checksum = \"trust_local\" "
                f"or 'ethtool -K ... tx off';\n{server.log_tail()}")
        time.sleep(0.1)
    return f"refused as it should be, drops {show_drops(drops)}"


def says_what_to_do(log):
    return any("trust_local" in line or ("ethtool" in line and "tx off" in line)
               for line in log.splitlines())


def check_sessions(case, workers):
    """KCP has no goodbye, so all sessions of the client are still there."""
    known = [worker["sessions"] for worker in workers if "sessions" in worker]
    if known:
        require(sum(known) == case.sessions,
                f"penstock has {sum(known)} sessions, the client opened {case.sessions}")


def check_steering(case, workers):
    """Ownership is computed: without RSS about half of the flows come to the wrong one of two workers."""
    if case.workers == 1:
        require(all(worker["steered_wrong"] == 0 for worker in workers), "a single worker has nobody to steer wrongly to")
        return
    # Where clients may move the owner is computed from the conversation, which no port looks at.
    counted = "handed_out" if case.roams else "steered_wrong"
    require(sum(worker[counted] for worker in workers) > 0, f"no datagram is counted as {counted}")
    require(all(worker["sessions"] > 0 for worker in workers),
            f"sessions by worker: {[worker['sessions'] for worker in workers]}")


def check_openings(case, workers, drops):
    """Every session began with a proof; and where nothing is lost or overtaken, nothing that a client sent before it had to come
    again: their first message and what of their window follows it waited at their half-open entries."""
    proven = sum(worker["challenges_proven"] for worker in workers)
    require(proven == case.sessions, f"{proven} challenges were answered by {case.sessions} sessions")
    if not is_clean(case):
        return
    held = sum(worker["half_open_held"] for worker in workers)
    require(held >= case.sessions, f"{held} datagrams waited for the proofs of {case.sessions} sessions")
    turned_away = sum(worker["half_open_not_held"] + worker["half_open_stateless"] for worker in workers)
    require(turned_away == 0 and "session_not_opening" not in drops,
            f"{turned_away} datagrams found no room to wait in; drops: {drops}")


def check_rest(case, workers):
    for number, worker in enumerate(workers):
        require(worker["cycles_busy"] > 0 and worker["cycles_idle"] > 0,
                f"worker {number} counts no cycles: {worker['cycles_busy']} busy, {worker['cycles_idle']} idle")
        require((worker["sleeps"] > 0) == (case.poll == "adaptive"),
                f"worker {number} slept {worker['sleeps']} times under poll = \"{case.poll}\"")


def check_books(workers):
    """A snapshot is one moment of one worker, so its sum must hold exactly, hand-over between workers included."""
    for number, worker in enumerate(workers):
        keys = ("rx_packets", "handed_in", "delivered", "handed_out", "held", "dropped")
        missing = [key for key in keys if not isinstance(worker.get(key), int)]
        require(not missing, f"worker {number} does not tell {', '.join(missing)}")
        received, handed_in, delivered, handed_out, held, dropped = (worker[key] for key in keys)
        require(received + handed_in == delivered + handed_out + held + dropped,
                f"worker {number}: received {received} + handed in {handed_in} is not delivered {delivered} + "
                f"handed out {handed_out} + held {held} + dropped {dropped}")


def show_drops(drops):
    return " ".join(f"{reason}={count}" for reason, count in drops.items()) or "none"


def describe(result, drops):
    rtt = result["rtt_us"]
    return (f"sessions={result['sessions']} messages={result['messages']} "
            f"bytes={result['bytes']} rtt_p50={rtt['p50']}us rtt_p99={rtt['p99']}us "
            f"drops: {show_drops(drops)}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="SUBSTR", default="",
                        help="run the cases whose name contains this")
    parser.add_argument("--long", action="store_true", help="worse links and more sessions, too: minutes")
    parser.add_argument("--list", action="store_true", help="show the names of the cases")
    parser.add_argument("--binary", default=DEFAULT_BINARY, help="the penstock to test")
    parser.add_argument("--no-huge", action="store_true",
                        help="no hugepages, even if enough are free")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    cases = [case for case in CASES if arguments.only in case.name and (arguments.long or not case.long)]
    if arguments.list:
        print("\n".join(case.name for case in cases))
        return 0
    if not cases:
        print(f"run.py: --only: no case contains '{arguments.only}'", file=sys.stderr)
        return 2
    raise_on_signals()
    passed = failed = 0
    try:
        install_peer(DEFAULT_PEER)
        build_go_peer()
        hugepages = not arguments.no_huge and free_hugepages_mb() >= HUGEPAGES_MB_NEEDED
        for case in cases:
            started = time.monotonic()
            try:
                shown = run_case(case, arguments.binary, hugepages)
            except (LabError, OSError) as error:
                failed += 1
                print(f"FAIL {case.name}: {error}", flush=True)
            else:
                passed += 1
                print(f"ok {case.name} {shown} ({time.monotonic() - started:.1f} s)", flush=True)
    except LabError as error:
        print(f"FAIL install: {error}", flush=True)
        failed += 1
    except Interrupted as interrupted:
        print(f"interop: {interrupted}; {passed} passed, {failed} failed before", flush=True)
        return interrupted.exit_code
    print(f"interop: {passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
