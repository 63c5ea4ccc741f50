"""takeover.py - one spoofed datagram with another conv and sn 0 from a
client's address: a server of kcp-go's closes the client's session for it,
penstock goes on serving.

The client is kcp-go's both times, in the middle of its messages; the datagram
leaves a raw socket in the client's namespace, so that nobody can tell it from
the client's own.
"""

import pathlib
import subprocess
import sys
import threading
import time

from lab import CLIENT_V4, SERVER_V4, Lab, LabError
from peer import GO_PEER, run_client
from server import KEEP_DIR, Server, listener

HERE = pathlib.Path(__file__).resolve().parent
PORT, CLIENT_PORT = 4000, 5000
GHOST_CONV = 0x6768_6F73
ATTACK_AFTER_S = 1.0
SERVE_S_MAX = 10


def require(condition, sentence):
    if not condition:
        raise LabError(sentence)


def attacked_client(lab, server_address, name):
    """A client of two seconds, attacked in the middle of them."""
    spoof = [sys.executable, str(HERE / "spoof.py"), f"--source={CLIENT_V4}:{CLIENT_PORT}",
             f"--to={server_address}:{PORT}", f"--conv={GHOST_CONV}"]
    faults = []

    def attack():
        try:
            lab.run_in(lab.client_ns, spoof)
        except LabError as error:
            faults.append(str(error))

    timer = threading.Timer(ATTACK_AFTER_S, attack)
    timer.start()
    result = run_client(lab, [f"{server_address}:{PORT}"], peer=GO_PEER, log_name=f"takeover-{name}", sessions=1,
                        messages=60, sizes="100,2000", pause_ms=40, stall_ms=4000, local_port=CLIENT_PORT, run_ms=60000)
    timer.join()
    require(not faults, "".join(faults))
    return result


def attack_kcp_go():
    with Lab() as lab:
        # Over loopback: the client's address is the server's as well.
        lab.add_veth()
        log_path = KEEP_DIR / "takeover-kcp-go.log"
        KEEP_DIR.mkdir(parents=True, exist_ok=True)
        with open(log_path, "wb") as log:
            server = subprocess.Popen(["ip", "netns", "exec", lab.client_ns, str(GO_PEER), "--serve", f"{CLIENT_V4}:{PORT}"],
                                      stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        lab.undo.add("end kcp-go's server", lambda: (server.kill(), server.wait(timeout=10)))
        deadline = time.monotonic() + SERVE_S_MAX
        while "serving" not in log_path.read_text():
            require(server.poll() is None and time.monotonic() < deadline, f"kcp-go does not serve; see {log_path}")
            time.sleep(0.02)
        result = attacked_client(lab, CLIENT_V4, "kcp-go")
        said = log_path.read_text()
    require(f"accepted conv={GHOST_CONV} " in said, f"the datagram did not reach kcp-go's server: {said}")
    require(not result["ok"] and 0 < result["messages"] < result["messages_wanted"],
            f"kcp-go did not fall (is it another version?): {result}")
    return result


def attack_penstock(binary, hugepages, key):
    with Lab() as lab:
        lab.add_veth()
        server = Server(lab, binary, name=f"takeover-{key}", hugepages=hugepages,
                        listeners=[listener(PORT, key=key)])
        server.start()
        result = attacked_client(lab, SERVER_V4, "penstock")
        with server.telemetry() as telemetry:
            totals = telemetry.totals()
        status = server.stop()
        require(status == 0, f"penstock ended with status {status};\n{server.log_tail()}")
    require(result["ok"], f"the attack broke the client's session: {result['errors_said']}")
    # The ghost was asked for a proof, which went to the client's address: the client knows nothing of it.
    require(totals["sessions"] == 1, f"there are {totals['sessions']} sessions and not the client's alone")
    require(totals["challenges_sent"] >= 2 and totals["challenges_proven"] == 1,
            f"{totals['challenges_proven']} of {totals['challenges_sent']} challenges were answered")
    return result


def show_takeover(binary, hugepages):
    broken = attack_kcp_go()
    served = [attack_penstock(binary, hugepages, key) for key in ("address+conv", "address")][-1]
    return (f"kcp-go's server dropped its client after {broken['messages']} of {broken['messages_wanted']} messages, "
            f"penstock served {served['messages']} of {served['messages_wanted']}")
