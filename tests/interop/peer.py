"""peer.py - runs kcp_client.js, the real KCP client, or kcp-go's in a lab's
namespace and gives back what it counted.

    result = run_client(lab, targets([4000]), sessions=200, messages=20)
    result["ok"], result["mismatches"], result["rtt_us"]["p50"]
"""

import json
import pathlib
import selectors
import subprocess
import time

from lab import LabError, SERVER_V4, SERVER_V6
from server import KEEP_DIR, REPO, cpus

HERE = pathlib.Path(__file__).resolve().parent
DEFAULT_PEER = REPO / "build/peers/node-kcp"
GO_PEER = REPO / "build/peers/peer_go"
# The client has guards of its own; this one is for a client that hangs.
KILL_AFTER_S = 60


def install_peer(directory=DEFAULT_PEER):
    """A peer that cannot be installed is a failure, never a skipped test."""
    done = subprocess.run([str(HERE / "install_peer.sh"), str(directory)],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"the peer cannot be installed: {(done.stderr or done.stdout).strip()}")


def build_go_peer():
    """The same holds for kcp-go's."""
    done = subprocess.run([str(HERE / "build_peer_go.sh"), str(GO_PEER)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"kcp-go's peer cannot be built: {(done.stderr or done.stdout).strip()}")


def targets(port, *, v4=True, v6=True):
    found = [f"{SERVER_V4}:{port}"] if v4 else []
    return found + ([f"[{SERVER_V6}]:{port}"] if v6 else [])


def client_command(targets_, peer=DEFAULT_PEER, **options):
    """The client's command line; options are its own, with _ for -."""
    # kcp-go's client has the same options, and tells the same.
    command = [str(peer)] if peer == GO_PEER else ["node", str(HERE / "kcp_client.js"), "--peer", str(peer)]
    for target in targets_:
        command += ["--target", target]
    for name, value in options.items():
        command += [f"--{name.replace('_', '-')}={value}"]
    return command


def run_client(lab, targets_, *, on_tick=None, pin=True, peer=DEFAULT_PEER, log_name="client",
               run_ms=180000, namespace=None, **options):
    """Runs the client to its end. `on_tick(progress)` is called about once a
    second with its latest figures. `pin` keeps it off penstock's CPU.
    `namespace` is where it runs, if not in the lab's client namespace."""
    command = ["ip", "netns", "exec", namespace or lab.client_ns]
    if pin and len(cpus()) > 1:
        command += ["taskset", "-c", ",".join(str(n) for n in cpus()[:-1])]
    command += client_command(targets_, peer, run_ms=run_ms, **options)
    KEEP_DIR.mkdir(parents=True, exist_ok=True)
    error_path = KEEP_DIR / f"{log_name}.client.log"
    started = []
    lab.undo.add("end the client", lambda: [_end(one) for one in started])
    with open(error_path, "wb") as errors:
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors,
                                        stdin=subprocess.DEVNULL, start_new_session=True))
    process = started[0]
    deadline = time.monotonic() + run_ms / 1000 + KILL_AFTER_S
    last = _read_lines(process, deadline, on_tick)
    _end(process)
    said = error_path.read_text(errors="replace").strip()
    if last is None or last.get("progress"):
        raise LabError(f"the client ended with status {process.returncode} and no result: {said}")
    last["exit_status"] = process.returncode
    last["errors_said"] = said
    return last


def _read_lines(process, deadline, on_tick):
    """The client's last JSON line; None if it wrote none."""
    last = None
    selector = selectors.DefaultSelector()
    selector.register(process.stdout, selectors.EVENT_READ)
    with process.stdout, selector:
        while True:
            if not selector.select(timeout=max(0.0, deadline - time.monotonic())):
                raise LabError("the client neither ended nor reported any more")
            # The client writes whole lines, so this does not block for long.
            line = process.stdout.readline()
            if not line:
                process.wait(timeout=KILL_AFTER_S)
                return last
            last = json.loads(line)
            if last.get("progress") and on_tick is not None:
                on_tick(last)


def _end(process):
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(timeout=5)
