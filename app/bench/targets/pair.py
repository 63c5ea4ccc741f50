"""pair.py - penstock and penstock-load, two processes with a core each, joined by memif or by vhost and virtio_user.

    with Pair(build, "memif", sessions=1000) as pair:
        run = pair.load("--shape closed --depth 1000 --seconds 5")
        run["requests_per_s"], run["server"]["busy"]
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from processes import Hugepages, MeasureError, Process, REPO, core_round_trip_ns, cpus, waited_ns

sys.path.insert(0, str(REPO / "tests" / "interop"))
from telemetry import RUNTIME_DIR, Telemetry, remove_runtime_dir  # noqa: E402

SERVER, LOAD, PORT = "10.77.0.1", "10.77.0.2", 4000
CLIENTS = "10.128.0.0/9"
START_S = 120
# penstock-load gives up by itself when nothing is answered; this is for one that hangs.
LOAD_EXTRA_S = 180
SAMPLE_S = 0.25
SPARE_MB = 768

LISTENER = {"nodelay": 1, "interval_ms": 10, "resend": 2, "nc": "true", "snd_wnd": 1024, "rcv_wnd": 1024, "mtu": 1400,
            "idle_timeout_s": 3600, "half_open_timeout_s": 60, "half_open_per_prefix_max": 0}
# A session is connected when its client has acknowledged the challenge, an interval of 10 ms after it came.
CONNECT_DEPTH = 16384
WIRES = {
    "memif": (["--vdev=net_memif0,role=server,socket={0},socket-abstract=no"],
              ["--vdev=net_memif0,role=client,socket={0},socket-abstract=no"], "net_memif0", "net_memif0"),
    "vhost": (["--vdev=net_vhost0,iface={0},queues=1"],
              ["--single-file-segments", "--vdev=net_virtio_user0,path={0},queues=1,queue_size=1024"],
              "net_vhost0", "net_virtio_user0"),
}


def config(sessions, device, port, listener):
    tables = [("[limits]", {"sessions_max": sessions, "drain_timeout_s": 0}), ("[[port]]", {"device": device, **port}),
              ("[[listener]]", listener)]
    lines = []
    for heading, keys in tables:
        lines.append(heading)
        for key, value in keys.items():
            text = value if value == "true" else json.dumps(value)
            lines.append(f"{key} = {text}")
    return "\n".join(lines) + "\n"


class Pair:
    def __init__(self, build, wire="memif", sessions=1000, ack_delay_ms=10, hugepages_mb=None, server_listener=None,
                 server_sessions=None, load_listener=None):
        self.build = pathlib.Path(build)
        self.wire = wire
        self.sessions = sessions
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="penstock-bench-"))
        self.prefix = f"bench-{os.getpid()}"
        self.server_cpu, self.load_cpu = cpus()
        server_vdev, load_vdev, server_device, load_device = WIRES[wire]
        self.socket = self.folder / "wire.sock"
        self.server_config = self.folder / "server.toml"
        server_sessions = server_sessions or sessions
        self.server_config.write_text(config(
            server_sessions, server_device, {"addresses": [f"{SERVER}/24"], "gateway": LOAD},
            {"name": "echo", "service": "echo", "port": PORT, **LISTENER, **(server_listener or {})}))
        self.load_config = self.folder / "load.toml"
        self.load_config.write_text(config(
            sessions, load_device, {"addresses": [f"{LOAD}/24"], "local_prefixes": [CLIENTS]},
            {"name": "load", "service": "load", "port": 5000, **LISTENER, "ack_delay_ms": ack_delay_ms,
             **(load_listener or {})}))
        self.server_words = [self.build / "app/penstock/penstock", *self._eal(self.server_cpu, "server", server_vdev),
                             "--", "--config", self.server_config]
        self.load_words = [self.build / "app/load/penstock-load", *self._eal(self.load_cpu, "load", load_vdev), "--",
                           "--config", self.load_config, "--to", f"{SERVER}:{PORT}", "--sessions", sessions, "--json",
                           "--connect-depth", CONNECT_DEPTH]
        self.hugepages_mb = hugepages_mb
        self.hugepages = None
        self.server = None
        self._runtime_dir_is_ours = not os.path.isdir(RUNTIME_DIR)

    def _eal(self, cpu, role, vdev):
        return ["-l", cpu, "--no-pci", "--in-memory", f"--file-prefix={self.prefix}-{role}",
                *(word.format(self.socket) for word in vdev)]

    def _megabytes(self):
        """Twice the server's sum, as the load runs the same engine, and a spare."""
        try:
            done = subprocess.run([self.build / "app/penstock/penstock", "--capacity", self.server_config],
                                  capture_output=True, text=True, check=False)
        except OSError as error:
            raise MeasureError(f"penstock: {error.strerror}; is it built?") from None
        found = re.search(r"^sum: ([\d.]+) MiB", done.stdout, re.M)
        if not found:
            raise MeasureError(f"penstock --capacity: {done.stderr.strip() or done.stdout.strip()}")
        return int(2 * float(found.group(1)) + self.sessions * 64 / 1e6 + SPARE_MB)

    def __enter__(self):
        try:
            self.hugepages = Hugepages(self.hugepages_mb or self._megabytes())
            self.hugepages.__enter__()
            self.server = Process(self.server_words, self.folder / "server.log")
            self.server.wait_for("penstock: serving", START_S)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.server is not None:
            self.server.stop()
        for role in ("server", "load"):
            remove_runtime_dir(f"{self.prefix}-{role}", parent_too=self._runtime_dir_is_ours)
        if self.hugepages is not None:
            self.hugepages.__exit__()
        shutil.rmtree(self.folder)

    def load(self, words, seconds=5, warmup_s=1, during=None, connect_s=60):
        """Runs penstock-load to its end; its report, under `server` what the server's counters did meanwhile, and under
        `server_mismatches` what a sink found wrong. `during(pid)` is called once, in the measured time, and its value stands
        under `during`."""
        command = [*self.load_words, *words.split(), "--seconds", seconds, "--warmup-s", warmup_s]
        watch = Watch(self.server.pid, f"{self.prefix}-server", seconds, during)
        distance_ns = core_round_trip_ns(self.build)
        with Process(command, self.folder / "load.log") as load:
            watcher = threading.Thread(target=watch.run, args=(load,))
            watcher.start()
            status = load.wait(seconds + warmup_s + connect_s + LOAD_EXTRA_S)
            watcher.join()
            lines = load.text().strip().splitlines()
        report = self._report(lines, status)
        server = watch.rates()
        if not server or (during is not None and "during" not in watch.seen):
            raise MeasureError("penstock's telemetry could not be read while it was under load")
        distance_ns = max(distance_ns, core_round_trip_ns(self.build))
        return {**report, "server": server, "disturbed": server["disturbed"], "core_round_trip_ns": distance_ns, **watch.seen}

    def _report(self, lines, status):
        """The load's last line, when all went well."""
        died = self.server.child.poll()
        try:
            report = json.loads(lines[-1])
        except (ValueError, IndexError):
            report = {"ok": False, "failure": f"status {status}: {' / '.join(lines[-3:])}"}
        # The driver of memif may kill the process whose peer goes while it polls: then all answers are in already.
        if died is not None and not (report["ok"] and self.wire == "memif"):
            raise MeasureError(f"penstock died with status {died}: {self.server.tail()}")
        if not report["ok"]:
            raise MeasureError(f"penstock-load: {report['failure']}")
        return report


class Watch:
    """The server's counters while the load measures, sampled by its telemetry socket."""

    def __init__(self, pid, prefix, seconds, during):
        self.pid, self.prefix, self.seconds, self.during = pid, prefix, seconds, during
        self.samples, self.seen = [], {}

    def run(self, load):
        """Until the load ends. A server that dies is noticed by what the load then says."""
        measuring_since = None
        with contextlib.suppress(OSError), Telemetry(self.prefix) as telemetry:
            while load.child.poll() is None:
                time.sleep(SAMPLE_S)
                # The load tells of it up to a second late.
                if measuring_since is None and "measuring" in load.text():
                    measuring_since = time.monotonic()
                if measuring_since is None or time.monotonic() > measuring_since + max(self.seconds - 1.5, 1):
                    continue
                waited = (waited_ns(self.pid), waited_ns(load.pid))
                totals = telemetry.totals()
                self.seen["server_mismatches"] = totals.get("mismatches", self.seen.get("server_mismatches"))
                self.samples.append((time.monotonic(), totals, waited))
                if self.during is not None and "during" not in self.seen:
                    self.seen["during"] = self.during(self.pid)
            self.seen["server_mismatches"] = telemetry.totals().get("mismatches", self.seen.get("server_mismatches"))

    def rates(self):
        """By the second; nothing when the run was too short to tell."""
        if len(self.samples) < 2:
            return {}
        (t0, first, waited0), (t1, last, waited1) = self.samples[0], self.samples[-1]
        each = {key: (last[key] - first[key]) / (t1 - t0) for key in last if key in first}
        found = {"messages_per_s": each["messages_received"], "bytes_received_per_s": each["bytes_received"],
                 "packets_per_s": each["rx_packets"] + each["tx_packets"],
                 "disturbed": max(b - a for a, b in zip(waited0, waited1)) / 1e9 / (t1 - t0)}
        busy = each.get("cycles_busy", 0)
        if busy > 0:
            found["busy"] = busy / (busy + each["cycles_idle"])
            found["capacity_per_s"] = found["messages_per_s"] / found["busy"]
        return found
