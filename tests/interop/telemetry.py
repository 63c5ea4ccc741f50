"""telemetry.py - reads the DPDK telemetry socket (version 2) of a penstock.

A missing command or key reads as nothing, so that a test says what it found
instead of dying on a name that an older or newer penstock does not have.
"""

import json
import os
import socket
import time

RUNTIME_DIR = "/var/run/dpdk"
# DPDK's own limit is 16 KiB per reply; the greeting is smaller.
REPLY_BYTES_MAX = 1 << 17
WORKERS_MAX = 128
BUSY_S_MAX = 30


class Telemetry:
    """One connection; DPDK serves at most ten at a time, so close it."""

    def __init__(self, file_prefix, timeout_s=60.0):
        self.path = f"{RUNTIME_DIR}/{file_prefix}/dpdk_telemetry.v2"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(self.path)
            self.greeting = json.loads(self._socket.recv(REPLY_BYTES_MAX))
        except OSError:
            self._socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._socket.close()

    def ask(self, command):
        """The value of the one key of the reply; None if there is no such
        command or it has nothing to say. A worker that is busy is asked again:
        on a loaded machine it may have no CPU for longer than control waits."""
        deadline = time.monotonic() + BUSY_S_MAX
        while True:
            told = self._ask(command)
            busy = isinstance(told, dict) and str(told.get("error", "")).startswith("busy")
            if not busy or time.monotonic() > deadline:
                return told

    def _ask(self, command):
        self._socket.send(command.encode())
        reply = self._socket.recv(REPLY_BYTES_MAX)
        try:
            value = json.loads(reply)
        except ValueError:
            return None
        if not isinstance(value, dict) or not value:
            return None
        return next(iter(value.values()))

    def workers(self):
        """One dict of counters per worker."""
        found = []
        for number in range(WORKERS_MAX):
            worker = self.ask(f"/penstock/worker,{number}")
            if not isinstance(worker, dict) or not worker or "error" in worker:
                break
            found.append(worker)
        return found

    def each_session(self):
        """What `/penstock/session` tells of the sessions of each worker's first page."""
        for worker in range(len(self.workers())):
            for number in self.ask(f"/penstock/sessions,{worker},0")["id"]:
                yield self.ask(f"/penstock/session,{number}")

    def totals(self):
        """The workers' whole-number counters added up."""
        total = {}
        for worker in self.workers():
            for key, value in worker.items():
                if isinstance(value, int) and not isinstance(value, bool):
                    total[key] = total.get(key, 0) + value
        return total

    def drops(self):
        """Drop reasons with a count above zero, largest first."""
        reasons = self.ask("/penstock/drops")
        if not isinstance(reasons, dict):
            return {}
        counted = {k: v for k, v in reasons.items() if isinstance(v, int) and v > 0}
        return dict(sorted(counted.items(), key=lambda item: -item[1]))


def remove_runtime_dir(file_prefix, *, parent_too):
    """DPDK leaves the directory of an ended process behind. Only files that
    DPDK is known to make are removed. `parent_too` says that the directory of
    all DPDK processes was made for this one; it goes if nobody else came."""
    directory = f"{RUNTIME_DIR}/{file_prefix}"
    if not os.path.isdir(directory):
        return
    for name in os.listdir(directory):
        if name.startswith(("dpdk_telemetry", "penstock_admin", ".telemetry", "telemetry", "config", "fbarray_", "mp_socket",
                            "hugepage_info", "hugepage_data")):
            os.unlink(os.path.join(directory, name))
    os.rmdir(directory)
    if parent_too and not os.listdir(RUNTIME_DIR):
        os.rmdir(RUNTIME_DIR)
