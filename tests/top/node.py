"""node.py - what penstock-top looks at: quiet penstocks on net_null, and the load on a busy one.

    with Node(build, "quiet") as node: …   # serves from here on, by a file prefix of its own
    with Load(pair): …                     # penstock-load runs against the pair's server
"""

import os
import pathlib
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "interop"), str(HERE.parent / "load")]

from pair import KEEP_DIR as PAIR_DIR  # noqa: E402
from server import cpus, toml_table  # noqa: E402
from telemetry import RUNTIME_DIR, remove_runtime_dir  # noqa: E402

REPO = HERE.parents[1]
KEEP_DIR = REPO / "build/top"
WAIT_S_MAX = 180
SESSIONS = 300
LOAD = ["--sessions", str(SESSIONS), "--shape", "open", "--rate", "3000", "--pick", "zipf", "--size", "64-2000",
        "--seconds", "3600", "--warmup-s", "0"]


class NodeError(Exception):
    """A sentence for the person who runs the test."""


def end(process):
    """Ends a program in good order, or else at once."""
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            process.send_signal(number)
        try:
            return process.wait(WAIT_S_MAX)
        except subprocess.TimeoutExpired:
            continue
    raise NodeError(f"process {process.pid} does not end, not even by SIGKILL")


class Node:
    def __init__(self, build_dir, name):
        self.prefix = f"top-{os.getpid()}-{name}"
        self._binary = pathlib.Path(build_dir) / "app/penstock/penstock"
        KEEP_DIR.mkdir(parents=True, exist_ok=True)
        self._config = KEEP_DIR / f"{name}.toml"
        self._log = KEEP_DIR / f"{name}.log"
        self._process = None
        self._runtime_was_there = os.path.isdir(RUNTIME_DIR)
        lines = toml_table("[limits]", {"sessions_max": 64, "drain_timeout_s": 0})
        lines += toml_table("[workers]", {"poll": "adaptive"})
        lines += toml_table("[[port]]", {"device": "net_null0", "addresses": ["10.77.0.2/24"]})
        for number in (1, 2):
            lines += toml_table("[[listener]]", {"name": f"quiet-{number}", "port": 4000 + number, "service": "echo"})
        self._config.write_text("\n".join(lines) + "\n")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        command = [str(self._binary), "-l", str(cpus()[0]), "--no-pci", "--no-huge", "--no-shconf", "-m", "256",
                   f"--file-prefix={self.prefix}", "--vdev=net_null0,no-rx=1", "--", "--config", str(self._config)]
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                             start_new_session=True)
        until = time.monotonic() + WAIT_S_MAX
        while "penstock: serving" not in self._log.read_text(errors="replace"):
            if self._process.poll() is not None or time.monotonic() > until:
                self.stop()
                raise NodeError(f"penstock does not serve; its log is {self._log}")
            time.sleep(0.05)

    def stop(self):
        if self._process is None:
            return
        end(self._process)
        self._process = None
        remove_runtime_dir(self.prefix, parent_too=not self._runtime_was_there)


class Load:
    """Runs until the block ends; the client ends before its server, as it must."""

    def __init__(self, pair):
        self._pair = pair
        self._process = None

    def __enter__(self):
        with open(PAIR_DIR / "client.log", "wb") as log:
            self._process = subprocess.Popen(self._pair.load_command(LOAD), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                             start_new_session=True)
        return self

    def __exit__(self, *_):
        end(self._process)
        remove_runtime_dir(f"{self._pair.name}-client", parent_too=False)
