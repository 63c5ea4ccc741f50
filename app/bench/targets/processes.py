"""processes.py - the processes and hugepages of a measurement, all of them taken back at its end, whatever happens."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

REPO = pathlib.Path(__file__).resolve().parents[3]
STOP_S_MAX = 15


class MeasureError(Exception):
    """A measurement that cannot be made, or went wrong; the sentence tells why."""


def on_signal(number, _):
    """What was started and reserved is taken back on the way out."""
    sys.exit(128 + number)


class Process:
    """A child with its output in a log; ended by stop(), at the latest when the stack it was entered on is unwound."""

    def __init__(self, command, log):
        self.command = [str(word) for word in command]
        self.log = pathlib.Path(log)
        with open(self.log, "wb") as out:
            try:
                self.child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                              start_new_session=True)
            except OSError as error:
                raise MeasureError(f"{self.command[0]}: {error.strerror}; is it built and installed?") from None
        self.pid = self.child.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def text(self):
        return self.log.read_text(errors="replace")

    def tail(self):
        return " / ".join(self.text().strip().splitlines()[-3:]) or "it said nothing"

    def wait_for(self, words, seconds):
        """Until the log holds `words`."""
        end = time.monotonic() + seconds
        while words not in self.text():
            if self.child.poll() is not None:
                raise MeasureError(f"{self.command[0]} ended with status {self.child.returncode}: {self.tail()}")
            if time.monotonic() > end:
                raise MeasureError(f"{self.command[0]} did not say '{words}' within {seconds} s: {self.tail()}")
            time.sleep(0.05)

    def wait(self, seconds):
        """Its exit status."""
        try:
            return self.child.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise MeasureError(f"{self.command[0]} did not end within {seconds} s: {self.tail()}") from None

    def stop(self, number=signal.SIGTERM):
        for one in (number, signal.SIGTERM, signal.SIGKILL):
            if self.child.poll() is None:
                self.child.send_signal(one)
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self.child.wait(timeout=STOP_S_MAX)
        raise MeasureError(f"{self.command[0]} (pid {self.pid}) does not end")


class Hugepages:
    """So many MB of free 2 MiB pages, given back on exit."""

    def __init__(self, megabytes):
        self.megabytes = megabytes
        self.tag = f"bench-{os.getpid()}"

    def _call(self, *words):
        done = subprocess.run([REPO / "hugepages-setup/reserve.sh", *words, "--tag", self.tag], capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            raise MeasureError((done.stderr or done.stdout).strip())

    def __enter__(self):
        self._call("--megabytes", str(self.megabytes))
        return self

    def __exit__(self, *_):
        self._call("--release")


def waited_ns(pid):
    """Nanoseconds that the threads of a process were ready to run and did not, as somebody else had the CPU."""
    total = 0
    for stat in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):
            total += int(stat.read_text().split()[1])
    return total


def memory_bytes(pid):
    """What a process holds: resident pages and hugepages."""
    kib = 0
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            kib += int(line.split()[1])
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("HugetlbPages:"):
            kib += int(line.split()[1])
    return kib * 1024


def core_round_trip_ns(build):
    """Of a cache line between the two CPUs, which their host may have moved since it was last asked."""
    done = subprocess.run([pathlib.Path(build) / "app/bench/penstock-bench", "machine", "--json"], capture_output=True, text=True,
                          check=True)
    return json.loads(done.stdout)["core_round_trip_ns"]


def cpus():
    """The two CPUs that a pair runs on: the server's and the load's."""
    available = sorted(os.sched_getaffinity(0))
    if len(available) < 2:
        raise MeasureError("a server and its load need a CPU each; this process may use one only")
    return available[:2]
