"""server.py - starts and stops one penstock inside a lab's namespace.

    server = Server(lab, binary, name="v4", listeners=[listener(4000)])
    server.start()                 # returns when penstock serves
    with server.telemetry() as t: print(t.drops())
    status = server.stop()

The configuration and the log are kept under build/interop/ for reading
afterwards; a penstock that dies or does not come up is a LabError with the end
of its log.
"""

import os
import pathlib
import signal
import subprocess
import time

from lab import LabError, PREFIX_V4, PREFIX_V6, SERVER_V4, SERVER_V6
from telemetry import RUNTIME_DIR, Telemetry, remove_runtime_dir

REPO = pathlib.Path(__file__).resolve().parents[2]
DEFAULT_BINARY = REPO / "build/app/penstock/penstock"
KEEP_DIR = REPO / "build/interop"
SERVING_LINE = "penstock: serving"
START_S_MAX = 180
# KCP has no goodbye, so the sessions of a client that is gone never drain by
# themselves; the tests do not wait for them any longer than this.
DRAIN_TIMEOUT_S = 1
# After SIGTERM penstock drains; a second signal stops it at once.
DRAIN_S_MAX = 60
STOP_S_MAX = 60
LOG_TAIL_LINES = 15


def listener(port, **changes):
    """An echo listener with the settings that the peer uses as well."""
    settings = {
        "name": f"echo-{port}", "protocol": "kcp", "port": port, "service": "echo",
        "key": "address+conv", "mode": "message", "nodelay": 1, "interval_ms": 10,
        "resend": 2, "nc": True, "snd_wnd": 1024, "rcv_wnd": 1024, "mtu": 1400,
    }
    settings.update(changes)
    return settings


def toml_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def toml_table(heading, table):
    """The lines of one table; a dict inside it becomes a sub-table."""
    name = heading.strip("[]")
    lines = [heading]
    lines += [f"{k} = {toml_value(v)}" for k, v in table.items() if not isinstance(v, dict)]
    for key, value in table.items():
        if isinstance(value, dict):
            lines += toml_table(f"[{name}.{key}]", value)
    return lines


def cpus():
    return sorted(os.sched_getaffinity(0))


def free_hugepages_mb():
    pool = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")
    return int(pool.read_text()) * 2 if pool.exists() else 0


def lcore_args(workers):
    """One worker takes the last CPU and leaves the others to the client; more
    workers start at the first, and share if there are too few."""
    available = cpus()
    if workers == 1:
        return ["-l", str(available[-1])]
    pairs = [f"{n}@{available[n % len(available)]}" for n in range(workers)]
    return ["--lcores", ",".join(pairs)]


def memory_args(hugepages):
    # --no-huge cannot go with --in-memory (DPDK 22.11); --no-shconf keeps
    # files out of the runtime directory and leaves the telemetry socket there.
    return ["--in-memory"] if hugepages else ["--no-huge", "--no-shconf", "-m", "512"]


class Server:
    def __init__(self, lab, binary, *, name, listeners, workers=1, hugepages=False,
                 port_settings=None, sessions_max=1024, poll="busy"):
        self.lab = lab
        self.binary = pathlib.Path(binary)
        self.workers = workers
        self.file_prefix = lab.name
        KEEP_DIR.mkdir(parents=True, exist_ok=True)
        self.config_path = KEEP_DIR / f"{name}.toml"
        self.log_path = KEEP_DIR / f"{name}.log"
        self._process = None
        vdev, device = lab.vdev(workers)
        self.eal_args = [*lcore_args(workers), "--no-pci", f"--file-prefix={self.file_prefix}",
                         *memory_args(hugepages), vdev]
        port = {"device": device, "mtu": 1500, "rx_checksum": "verify",
                "addresses": [f"{SERVER_V4}/{PREFIX_V4}", f"{SERVER_V6}/{PREFIX_V6}"]}
        port.update(port_settings or {})
        self._write_config(port, listeners, sessions_max, poll)

    def _write_config(self, port, listeners, sessions_max, poll):
        lines = [f"# Written by {pathlib.Path(__file__).name} for one run.",
                 *toml_table("[limits]", {"sessions_max": sessions_max,
                                          "drain_timeout_s": DRAIN_TIMEOUT_S}),
                 *toml_table("[workers]", {"poll": poll}),
                 *toml_table("[[port]]", port)]
        for one in listeners:
            lines += toml_table("[[listener]]", one)
        self.config_path.write_text("\n".join(lines) + "\n")

    def command(self):
        return [str(self.binary), *self.eal_args, "--", "--config", str(self.config_path)]

    def start(self):
        if not os.access(self.binary, os.X_OK):
            raise LabError(f"there is no penstock at '{self.binary}'; "
                           "build it with: ninja -C build app/penstock/penstock")
        ours = not os.path.isdir(RUNTIME_DIR)
        self.lab.undo.add("remove DPDK's runtime directory",
                          lambda: remove_runtime_dir(self.file_prefix, parent_too=ours))
        self.lab.undo.add("stop penstock", self.stop)
        with open(self.log_path, "wb") as log:
            # A session of its own: a Ctrl-C at the terminal reaches only us,
            # and we stop penstock when its client is gone.
            self._process = subprocess.Popen(
                ["ip", "netns", "exec", self.lab.server_ns, *self.command()],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self._wait_until_serving()
        if self.lab.kind == "tap":
            self.lab.address_tap()

    def _wait_until_serving(self):
        deadline = time.monotonic() + START_S_MAX
        while SERVING_LINE not in self.log_text():
            status = self._process.poll()
            if status is not None:
                raise LabError(f"penstock ended with status {status} before it served;\n"
                               + self.log_tail())
            if time.monotonic() > deadline:
                raise LabError(f"penstock did not say '{SERVING_LINE}' within {START_S_MAX} s;\n"
                               + self.log_tail())
            time.sleep(0.02)

    def log_text(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_tail(self):
        lines = self.log_text().splitlines()[-LOG_TAIL_LINES:]
        return f"the end of its log ({self.log_path.relative_to(REPO)}):\n" + \
            "\n".join(f"  | {line}" for line in lines)

    def check_alive(self):
        status = self._process.poll()
        if status is not None:
            raise LabError(f"penstock died with status {status};\n" + self.log_tail())

    def process_id(self):
        """Of penstock itself: `ip netns exec` becomes it."""
        return self._process.pid

    def telemetry(self):
        try:
            return Telemetry(self.file_prefix)
        except OSError as error:
            self.check_alive()
            raise LabError(f"penstock's telemetry socket does not answer: {error}") from None

    def stop(self):
        """Drains and ends penstock; gives back its exit status. May be called
        again."""
        if self._process is None:
            return None
        for number, wait_s in ((signal.SIGTERM, DRAIN_S_MAX), (signal.SIGTERM, STOP_S_MAX),
                               (signal.SIGKILL, STOP_S_MAX)):
            if self._process.poll() is None:
                self._process.send_signal(number)
            try:
                return self._process.wait(timeout=wait_s)
            except subprocess.TimeoutExpired:
                continue
        raise LabError(f"penstock (pid {self._process.pid}) does not end, not even by SIGKILL")
