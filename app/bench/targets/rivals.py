"""rivals.py - what stands beside penstock: the ikcp server over loopback, and DPDK's testpmd over the same pair."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import pathlib

from pair import WIRES
from processes import Hugepages, MeasureError, Process, REPO, core_round_trip_ns, cpus, waited_ns

IKCP_OPEN_S = 150
TESTPMD_MB = 1024


def prepare_ikcp(build):
    """Fetches and builds ikcp once; any failure is an error, as there is nothing to compare with then."""
    done = subprocess.run([REPO / "app/bench/rivals/build_ikcp.sh", pathlib.Path(build) / "rivals/libikcp.so"],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MeasureError(f"ikcp cannot be built: {done.stderr.strip()}")


def ikcp_echo(build, sessions, in_flight, seconds=5, warm=1, check=False):
    """A run of the ikcp server: the client's report, and under `server` what the server used."""
    program = pathlib.Path(build) / "app/bench/ikcp-echo"
    server_cpu, client_cpu = cpus()
    port = 20000 + os.getpid() % 20000
    folder = pathlib.Path(tempfile.mkdtemp(prefix="penstock-bench-"))
    try:
        words = [program, "--cpu", server_cpu, "server", "--port", port, "--quiet-until", sessions]
        with Process(words + (["--check"] if check else []), folder / "server.log") as server:
            server.wait_for("ready", 10)
            done = subprocess.run([str(word) for word in (
                program, "--cpu", client_cpu, "client", "--port", port, "--sessions", sessions, "--in-flight", in_flight,
                "--seconds", seconds, "--warm", warm, "--server-pid", server.pid)],
                capture_output=True, text=True, timeout=seconds + warm + IKCP_OPEN_S, check=False)
            server.stop(signal.SIGTERM)
            if done.returncode != 0:
                raise MeasureError(done.stderr.strip() or "ikcp-echo client failed")
            report = json.loads(done.stdout)
            report["server"] = json.loads(server.text().strip().splitlines()[-1])
    finally:
        shutil.rmtree(folder)
    report["capacity"] = report["requests"] / report["server_cpu_s"]
    report["disturbed"] = report["waited_s"] / report["seconds"]
    return report


def best_ikcp(build, sessions, in_flight, seconds=5, warm=1):
    """The better of the two ways to run its timers."""
    before = core_round_trip_ns(build)
    best = max((ikcp_echo(build, sessions, in_flight, seconds, warm, check) for check in (False, True)),
               key=lambda report: report["rate"])
    return {**best, "core_round_trip_ns": max(before, core_round_trip_ns(build))}


def testpmd_pair(build, wire, seconds, frame_bytes=154):
    """Packets a second, in plus out, of testpmd 5tswap, against testpmd flowgen on the other side, in steady state."""
    server_vdev, load_vdev, _, _ = WIRES[wire]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="penstock-bench-"))
    prefix = f"bench-{os.getpid()}"
    common = ["--no-pci", "--in-memory", "--no-telemetry"]

    def command(role, cpu, vdev, options):
        # The main lcore only prints once a second.
        return ["dpdk-testpmd", "--lcores", f"0@{cpu},1@{cpu}", *common, f"--file-prefix={prefix}-{role}",
                *(word.format(folder / "wire.sock") for word in vdev), "--", "--auto-start", "--nb-cores=1",
                "--stats-period=1", "--no-flush-rx", *options]
    server_cpu, load_cpu = cpus()
    distance_ns = core_round_trip_ns(build)
    try:
        with Hugepages(2 * TESTPMD_MB), \
                Process(command("server", server_cpu, server_vdev, ["--forward-mode=5tswap"]),
                        folder / "server.log") as server:
            server.wait_for("Port statistics", 60)
            with Process(command("load", load_cpu, load_vdev, ["--forward-mode=flowgen", f"--txpkts={frame_bytes}"]),
                         folder / "load.log") as load:
                load.wait_for("Port statistics", 60)
                time.sleep(2)
                waited, started = (waited_ns(server.pid), waited_ns(load.pid)), time.monotonic()
                time.sleep(seconds)
                waited = [b - a for a, b in zip(waited, (waited_ns(server.pid), waited_ns(load.pid)))]
                disturbed = max(waited) / 1e9 / (time.monotonic() - started)
                load.stop(signal.SIGINT)
            server.stop(signal.SIGINT)
            rates = [int(a) + int(b) for a, b in re.findall(
                r"Rx-pps:\s+(\d+).*?Tx-pps:\s+(\d+)", server.text(), re.S)]
    finally:
        shutil.rmtree(folder)
    steady = sorted(rate for rate in rates if rate > 0)
    if not steady:
        raise MeasureError("testpmd forwarded nothing")
    return {"packets_per_s": steady[len(steady) // 2], "disturbed": disturbed,
            "core_round_trip_ns": max(distance_ns, core_round_trip_ns(build))}
