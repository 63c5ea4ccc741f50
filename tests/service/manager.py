"""manager.py - a service manager for one test: it starts a penstock as systemd would and hears what it tells.

    with Manager() as manager:                      # or Manager(abstract=True)
        node = manager.start([binary, ...], watchdog_s=1)
        told = node.wait_for("READY")               # a dict of the datagram that says so

A node that does not tell within its time, or ends, is a ServiceError with what it said. Leaving the block ends what was
started and removes DPDK's directory of the prefix. Only the standard library is used.
"""

import collections
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "interop"))

from lab import LabError  # noqa: E402
from telemetry import RUNTIME_DIR, remove_runtime_dir  # noqa: E402

WAIT_S_MAX = 180  # a guard against a hang: a machine of two CPUs that others use may stand still for a minute
PREFIX = f"service-{os.getpid()}"


class ServiceError(LabError):
    """A sentence for the person who runs the test."""


def require(condition, sentence):
    if not condition:
        raise ServiceError(sentence)


def cpus():
    return sorted(os.sched_getaffinity(0))


def lcores(workers, *, on_one_cpu=False):
    """So many lcores on as many of the CPUs as there are, or all on the last. Workers that poll all the time leave a machine of
    two CPUs nothing for anybody else unless they share one."""
    used = cpus()[-1:] if on_one_cpu else cpus()
    return ["--lcores", ",".join(f"{n}@{used[n % len(used)]}" for n in range(workers))]


class Manager:
    def __init__(self, *, abstract=False):
        self._folder = tempfile.TemporaryDirectory(prefix="penstock-service-")
        self.folder = pathlib.Path(self._folder.name)
        name = f"\0penstock-service-{os.getpid()}" if abstract else str(self.folder / "notify")
        self.address = name.replace("\0", "@")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        # The kernel then names the sender of each datagram.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind(name)
        self._nodes = []
        self._ours = not os.path.isdir(RUNTIME_DIR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for node in self._nodes:
            node.kill()
        self._socket.close()
        self._folder.cleanup()
        remove_runtime_dir(PREFIX, parent_too=self._ours)

    def start(self, command, *, watchdog_s=None, watchdog_pid=None):
        environment = {**os.environ, "NOTIFY_SOCKET": self.address}
        if watchdog_s is not None:
            environment["WATCHDOG_USEC"] = str(int(watchdog_s * 1_000_000))
        if watchdog_pid is not None:
            environment["WATCHDOG_PID"] = str(watchdog_pid)
        node = Node(self, command, environment)
        self._nodes.append(node)
        return node

    def config(self, text):
        path = self.folder / "penstock.toml"
        path.write_text(text)
        return str(path)

    def hear(self, timeout_s):
        """The next datagram as (pid, {name: value}), or None."""
        self._socket.settimeout(max(timeout_s, 0.001))
        try:
            data, ancillary, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(12))
        except TimeoutError:
            return None
        pid = next((struct.unpack("iII", content)[0] for level, kind, content in ancillary
                    if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS)), 0)
        return pid, dict(line.split("=", 1) for line in data.decode().split("\n"))


class Node:
    """A started process, and all that it told the manager, in order and counted by name."""

    def __init__(self, manager, command, environment):
        self._manager = manager
        self.log = manager.folder / f"log-{time.monotonic_ns()}"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                                            start_new_session=True)
        self.told = collections.Counter()
        self.foreign = 0  # datagrams that another process sent

    def said(self):
        return self.log.read_text(errors="replace")

    def hear(self, timeout_s):
        heard = self._manager.hear(timeout_s)
        if heard is None:
            return {}
        self.foreign += heard[0] != self.process.pid
        self.told.update(heard[1].keys())
        return heard[1]

    def wait_for(self, name, *, value=None):
        """The first datagram that names it (with this value)."""
        deadline = time.monotonic() + WAIT_S_MAX
        while time.monotonic() < deadline:
            told = self.hear(0.2)
            if name in told and (value is None or told[name] == value):
                return told
            if not told and self.process.poll() is not None:
                break
        raise ServiceError(f"no {name} was told (status {self.process.poll()}), but {dict(self.told)}; it said:\n"
                           + self.said()[-1500:])

    def hear_for(self, seconds):
        """What is told in that time, as a count by name."""
        before, deadline = self.told.copy(), time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.hear(deadline - time.monotonic())
        return self.told - before

    def wait_until_said(self, text):
        deadline = time.monotonic() + WAIT_S_MAX
        while text not in self.said():
            require(time.monotonic() < deadline and self.process.poll() is None,
                    f"it did not say '{text}' (status {self.process.poll()}), but:\n{self.said()[-1500:]}")
            self.hear(0.1)

    def end(self, number=signal.SIGTERM):
        """Its exit status after that signal."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self):
        try:
            return self.process.wait(WAIT_S_MAX)
        except subprocess.TimeoutExpired:
            raise ServiceError(f"it does not end; it said:\n{self.said()[-1500:]}") from None

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
