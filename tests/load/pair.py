"""pair.py - a penstock and a penstock-load on one machine, joined by net_memif or another link, each on a core of its own.

    with Pair(build_dir, sessions=1000) as pair:
        run = pair.load(["--seconds", "2"])
        print(run.status, run.report["requests_per_s"])

The server starts with the block and ends with it; a load runs inside. The client ends first, always, as the surviving end of
a memif may crash. Files stay in build/load/: a configuration and a log of each end. Only the standard library is used.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "interop"))

from server import cpus, toml_table  # noqa: E402
from telemetry import RUNTIME_DIR, Telemetry, remove_runtime_dir  # noqa: E402

REPO = HERE.parents[1]
KEEP_DIR = REPO / "build/load"
SERVER_V4, CLIENT_V4, PREFIX_V4 = "10.99.0.1", "10.99.0.2", "10.128.0.0/9"
SERVER_V6, CLIENT_V6, PREFIX_V6 = "fd77::1", "fd77::2", "fd99::/64"
PORT = 4000
START_S_MAX = 60
STOP_S_MAX = 60
# A day: no session of a test ends by itself.
IDLE_TIMEOUT_S = 86400
KCP = {"nodelay": 1, "interval_ms": 10, "resend": 2, "nc": True, "snd_wnd": 1024, "rcv_wnd": 1024,
       "idle_timeout_s": IDLE_TIMEOUT_S}


# Of the server and of the client: device, and what makes it of a path that both know.
LINKS = {
    "memif": (("net_memif0", "role=server,socket={path},socket-abstract=no"),
              ("net_memif0", "role=client,socket={path},socket-abstract=no")),
    "vhost": (("net_vhost0", "iface={path},queues=1"),
              ("net_virtio_user0", "path={path},queues=1,queue_size=1024")),
    # The path is the name of a veth pair's end without its last letter; the pair is the caller's.
    "af_packet": (("net_af_packet0", "iface={path}s,blocksz=65536,framesz=2048,framecnt=4096"),
                  ("net_af_packet0", "iface={path}c,blocksz=65536,framesz=2048,framecnt=4096")),
}


class DriverCrash(Exception):
    """DPDK's driver of memif ended the server: nothing was shown, for or against."""


class PairError(Exception):
    """A sentence for the person who runs the test."""


class LoadRun:
    def __init__(self, status, output):
        self.status = status
        self.output = output
        last = output.rstrip("\n").rsplit("\n", 1)[-1]
        # What was refused or has crashed has no report.
        self.report = json.loads(last) if last.startswith("{") else None

    def tail(self, lines=12):
        return "\n".join(f"  | {line}" for line in self.output.splitlines()[-lines:])


class Pair:
    def __init__(self, build_dir, *, sessions, memory_mb=768, hugepages=False, server=None, server_sessions=None, load=None,
                 impair=None, link="memif", path=None, workers=None, around=()):
        """`workers` are the [workers] of both ends, {"server": …, "client": …}; `path` is where they meet if the link makes no
        socket, `around` what stands before both commands (ip netns exec …)."""
        self.build_dir = pathlib.Path(build_dir)
        self.sessions = {"server": server_sessions or sessions, "client": sessions}
        self.memory = ["-m", str(memory_mb), *([] if hugepages else ["--no-huge", "--no-shconf"])]
        self.name = f"load-{os.getpid()}"
        KEEP_DIR.mkdir(parents=True, exist_ok=True)
        self.socket = KEEP_DIR / f"{self.name}.sock"
        self.path = path or self.socket
        self.ends = dict(zip(("server", "client"), LINKS[link]))
        self.workers = workers or {}
        self.around = list(around)
        self._process = None
        self._runtime_was_there = os.path.isdir(RUNTIME_DIR)
        self._write("server", [f"{SERVER_V4}/24", f"{SERVER_V6}/64"], {
            "routes": [{"prefix": PREFIX_V4, "via": CLIENT_V4}, {"prefix": PREFIX_V6, "via": CLIENT_V6}],
        }, {"name": "echo", "port": PORT, "service": "echo", **KCP, "half_open_max": sessions, **(server or {})}, None)
        self._write("client", [f"{CLIENT_V4}/24", f"{CLIENT_V6}/64"], {"local_prefixes": [PREFIX_V4, PREFIX_V6]},
                    {"name": "load", "port": 5000, "service": "load", **KCP, "ack_delay_ms": 10, **(load or {})}, impair)

    def _write(self, end, addresses, port, listener, impair):
        routes = port.pop("routes", [])
        lines = toml_table("[limits]", {"sessions_max": self.sessions[end], "drain_timeout_s": 0})
        if end in self.workers:
            lines += toml_table("[workers]", self.workers[end])
        lines += toml_table("[[port]]", {"device": self.ends[end][0], "addresses": addresses, **port})
        if routes:
            inner = ", ".join(f'{{ prefix = "{r["prefix"]}", via = "{r["via"]}" }}' for r in routes)
            lines.append(f"routes = [{inner}]")
        if impair:
            lines += toml_table("[port.impair]", impair)
        lines += toml_table("[[listener]]", listener)
        (KEEP_DIR / f"{end}.toml").write_text("\n".join(lines) + "\n")

    def _command(self, program, end, cpu):
        device, arguments = self.ends[end]
        vdev = f"--vdev={device},{arguments.format(path=self.path)}"
        return [*self.around, str(self.build_dir / "app" / program), "--lcores", f"0@{cpu}", "--no-pci", *self.memory,
                f"--file-prefix={self.name}-{end}", vdev, "--", "--config", str(KEEP_DIR / f"{end}.toml")]

    def __enter__(self):
        self.socket.unlink(missing_ok=True)
        self.log_path = KEEP_DIR / "server.log"
        with open(self.log_path, "wb") as log:
            # A session of its own: a Ctrl-C at the terminal reaches only us, and the server ends after its client.
            self._process = subprocess.Popen(self._command("penstock/penstock", "server", cpus()[0]),
                                             stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + START_S_MAX
        while "penstock: serving" not in self.log_path.read_text(errors="replace"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise PairError("penstock does not serve; the end of its log:\n" + self.server_tail())
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self.stop()

    def server_tail(self):
        lines = self.log_path.read_text(errors="replace").splitlines()[-12:]
        return "\n".join(f"  | {line}" for line in lines)

    def server_pid(self):
        return self._process.pid

    def telemetry(self):
        return Telemetry(f"{self.name}-server")

    def load_command(self, words, to=(f"{SERVER_V4}:{PORT}", f"[{SERVER_V6}]:{PORT}")):
        """What runs penstock-load against the server, for those who start and end it themselves."""
        command = self._command("load/penstock-load", "client", cpus()[-1])
        for one in to:
            command += ["--to", one]
        return [*command, *words, "--json"]

    def load(self, words, *, limit_s=60, **more):
        """Runs penstock-load to its end. Its log stays in build/load/client.log."""
        command = self.load_command(words, **more)
        log_path = KEEP_DIR / "client.log"
        with open(log_path, "wb") as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
            try:
                process.wait(limit_s)
            except subprocess.TimeoutExpired:
                raise PairError(f"penstock-load did not end within {limit_s} s") from None
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
                remove_runtime_dir(f"{self.name}-client", parent_too=not self._runtime_was_there)
        return LoadRun(process.returncode, log_path.read_text(errors="replace"))

    def crashed_in_memif(self):
        """Whether the server ended in the driver of memif, as it may when its peer leaves while it polls."""
        if self._process is None or self._process.poll() != -signal.SIGSEGV:
            return False
        told = subprocess.run(["dmesg"], capture_output=True, text=True, check=False).stdout
        return re.search(rf"\[{self._process.pid}\]: segfault .* in librte_net_memif", told) is not None

    def stop(self):
        """Ends the server and gives back its exit status. May be called again."""
        if self._process is None:
            return None
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is None:
                self._process.send_signal(number)
            try:
                self._process.wait(STOP_S_MAX)
                break
            except subprocess.TimeoutExpired:
                continue
        self.socket.unlink(missing_ok=True)
        remove_runtime_dir(f"{self.name}-server", parent_too=not self._runtime_was_there)
        return self._process.returncode
