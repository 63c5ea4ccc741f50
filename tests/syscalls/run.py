#!/usr/bin/env python3
"""run.py - the promise that workers make no system call, and what keeps it.

    tests/syscalls/run.py [--only TEXT] [--build DIR]

While a million requests are served over memif and over vhost, strace of the
worker threads alone must find no call, and a client under strict bypass (on
virtio_user and on memif) must come to its end; over af_packet strace must find
sendto. A node under strict bypass whose service makes a system call must end at once,
with status 3 and the call's name; one that keeps the promise must stop in good
order; ports and settings that cannot keep it are refused with status 2. One
line a case, and a closing `syscalls: N passed, N failed`. Needs root.
"""

import argparse
import collections
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "interop"), str(HERE.parent / "load")]

from lab import Interrupted, Lab, LabError, raise_on_signals  # noqa: E402
from pair import DriverCrash, Pair, PairError  # noqa: E402
from server import Server, cpus, listener  # noqa: E402
from telemetry import RUNTIME_DIR, remove_runtime_dir  # noqa: E402

STATUS_REFUSED = 2
STATUS_BROKEN = 3
RUN_S_MAX = 180
TRACED_S_MAX = 300
# The driver of memif may crash the server when its peer leaves; what was traced then shows nothing.
TRIES = 3
SESSIONS = 1000
REQUESTS = 1_000_000
# Each sendto takes strace some 100 us.
FEW_REQUESTS = 20_000
PREFIX = f"syscalls-{os.getpid()}"


def require(condition, sentence):
    if not condition:
        raise LabError(sentence)


def lcores(workers):
    """So many lcores on as many of the CPUs as there are."""
    return ["--lcores", ",".join(f"{n}@{cpus()[n % len(cpus())]}" for n in range(workers))]


class Planted:
    """A planted_bypass from its start to its end."""

    def __init__(self, build, call, workers):
        self._ours = not os.path.isdir(RUNTIME_DIR)
        self.process = subprocess.Popen(
            [f"{build}/tests/syscalls/planted_bypass", call, "--no-shconf", f"--file-prefix={PREFIX}",
             *lcores(workers)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        # What ends at once leaves its telemetry socket.
        remove_runtime_dir(PREFIX, parent_too=self._ours)

    def wait_until_serving(self):
        deadline = time.monotonic() + RUN_S_MAX
        for line in self.process.stdout:
            if "penstock: serving" in line:
                return
            require(time.monotonic() < deadline, "it does not serve")
        raise LabError(f"it ended before it served: {self.process.stderr.read()}")

    def end(self):
        said = self.process.communicate(timeout=RUN_S_MAX)[1]
        return self.process.returncode, said


def breach(build, call, workers):
    with Planted(build, call, workers) as node:
        status, said = node.end()
    sentence = rf"penstock: worker \d made the system call {call}, which --strict-bypass forbids"
    require(re.search(sentence, said), f"it did not name {call}: {said}")
    require(status == STATUS_BROKEN, f"it ended with status {status}, not {STATUS_BROKEN}")
    return f"status {status}: {said.strip().splitlines()[-1]}"


def ordered_stop(build, workers):
    with Planted(build, "none", workers) as node:
        node.wait_until_serving()
        # Longer than a planted breach would take.
        time.sleep(1)
        require(node.process.poll() is None, "it did not live on")
        threads = [(pathlib.Path("/proc") / str(node.process.pid) / "task" / tid / "status").read_text()
                   for tid in os.listdir(f"/proc/{node.process.pid}/task")]
        filtered = sum("\nSeccomp:\t2\n" in status for status in threads)
        require(filtered == workers, f"{filtered} threads have a filter, {workers} workers should")
        node.process.send_signal(signal.SIGTERM)
        status, said = node.end()
    require(status == 0, f"it ended with status {status}: {said}")
    return f"{filtered} of {len(threads)} threads had a filter"


def refused(build, strict_words, poll, expected):
    """A penstock on af_packet that may not start as it was asked to."""
    with Lab() as lab:
        lab.add_veth()
        server = Server(lab, f"{build}/app/penstock/penstock", name="syscalls-refused", poll=poll,
                        listeners=[listener(4000)])
        command = ["ip", "netns", "exec", lab.server_ns, *server.command(), *strict_words]
        ours = not os.path.isdir(RUNTIME_DIR)
        lab.undo.add("remove DPDK's runtime directory",
                     lambda: remove_runtime_dir(server.file_prefix, parent_too=ours))
        done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_S_MAX, check=False)
    said = done.stderr.strip().splitlines()[-1]
    require(done.returncode == STATUS_REFUSED, f"it ended with status {done.returncode}: {done.stderr}")
    require(re.fullmatch(expected, said), f"it said: {said}")
    return said


class Tracer:
    """An strace of the worker threads of a penstock; `calls` are those it saw, by name, once it ended."""

    def __init__(self, pid, path):
        self.path = pathlib.Path(path)
        self.tids = worker_threads(pid)
        self.calls = collections.Counter()

    def __enter__(self):
        command = ["strace", "-o", str(self.path)]
        for tid in self.tids:
            command += ["-p", str(tid)]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.PIPE, text=True, start_new_session=True)
        for _ in self.tids:
            line = self._process.stderr.readline()
            if "attached" not in line:
                self._process.kill()
                raise LabError(f"strace does not attach: {line}{self._process.stderr.read()}")
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=RUN_S_MAX)
        for line in self.path.read_text().splitlines():
            found = re.match(r"(?:\d+\s+)?(?:<\.\.\. )?(\w+)[( ]", line)
            if found:
                self.calls[found.group(1)] += 1


def worker_threads(pid):
    """Those that run a worker: the lcores' threads, the main one included, or under strict bypass those that stand in."""
    names = {int(tid): (pathlib.Path("/proc") / str(pid) / "task" / tid / "comm").read_text().strip()
             for tid in os.listdir(f"/proc/{pid}/task")}
    stand_ins = [tid for tid, name in names.items() if re.fullmatch(r"penstock-\d+", name)]
    return stand_ins or [pid] + [tid for tid, name in names.items() if name.startswith("rte-worker-")]


def serve_traced(build, link, requests, workers, **pair_options):
    """Serves so many requests while strace watches; gives back the calls that it saw, and the rate."""
    with Pair(build, sessions=SESSIONS, link=link, workers=workers, **pair_options) as pair:
        with Tracer(pair.server_pid(), f"{pair.socket}.strace") as tracer:
            run = pair.load(["--shape", "closed", "--depth", "64", "--sessions", str(SESSIONS),
                             "--requests", str(requests), "--warmup-s", "0"], limit_s=TRACED_S_MAX, to=["10.99.0.1:4000"])
            # The client has ended; the server must be whole.
        require(run.status == 0 and run.report and run.report["requests"] >= requests,
                f"the load ended with status {run.status}:\n{run.tail()}\n{pair.server_tail()}")
        status = pair.stop()
        # The load had all its answers and has left. The kernel logs no fault of a traced process, so its place is not known.
        if link == "memif" and status == -signal.SIGSEGV:
            raise DriverCrash
        require(status == 0, f"penstock ended with status {status}:\n{pair.server_tail()}")
    tracer.path.unlink()
    return tracer, run.report


def no_call(build, link, requests, strict):
    workers = {"server": {"strict_bypass": strict}, "client": {"strict_bypass": True}}
    for left in reversed(range(TRIES)):
        try:
            tracer, report = serve_traced(build, link, requests, workers)
            break
        except DriverCrash:
            require(left > 0, "memif's driver crashed the server each time that the load had left")
            print(f"again {link}: the server's driver crashed when the load had left", flush=True)
    require(not tracer.calls, f"strace saw {dict(tracer.calls)}")
    return f"{report['requests']} requests, {report['requests_per_s']:.0f}/s, no call of {len(tracer.tids)} worker"


def some_calls(build, requests):
    """What shows that the tracing would see a call: af_packet sends by sendto."""
    with Lab() as lab:
        lab.add_veth_between_ports()
        tracer, report = serve_traced(build, "af_packet", requests, None, path=lab.name_of_ports,
                                      around=["ip", "netns", "exec", lab.server_ns])
    require(tracer.calls["sendto"] > 0, f"strace saw no sendto, but {dict(tracer.calls)}")
    return f"{report['requests']} requests, {tracer.calls['sendto']} sendto"


def all_cases(build):
    cases = {f"breach-{call}-{workers}-workers": lambda call=call, workers=workers: breach(build, call, workers)
             for call in ("getpid", "sendto") for workers in (1, 2)}
    cases.update({f"ordered-stop-{workers}-workers": lambda workers=workers: ordered_stop(build, workers)
                  for workers in (1, 2)})
    cases["refused-af_packet"] = lambda: refused(
        build, ["--strict-bypass"], "busy",
        r"penstock: workers.strict_bypass: port net_af_packet0: driver net_af_packet makes system calls .*")
    cases["refused-adaptive"] = lambda: refused(
        build, ["--strict-bypass"], "adaptive",
        r'penstock: .*/syscalls-refused.toml:\d+: workers.poll: "adaptive" .* --strict-bypass forbids')
    cases.update({f"traced-{link}": lambda link=link: no_call(build, link, REQUESTS, False)
                  for link in ("memif", "vhost")})
    cases.update({f"strict-{link}": lambda link=link: no_call(build, link, REQUESTS, True)
                  for link in ("memif", "vhost")})
    cases["traced-af_packet"] = lambda: some_calls(build, FEW_REQUESTS)
    return cases


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="TEXT", default="", help="cases whose name holds TEXT")
    parser.add_argument("--build", metavar="DIR", default="build", help="where penstock was built")
    options = parser.parse_args()
    raise_on_signals()
    passed = failed = 0
    try:
        for name, case in all_cases(options.build).items():
            if options.only not in name:
                continue
            started = time.monotonic()
            try:
                shown = case()
            except (LabError, PairError, OSError, subprocess.TimeoutExpired) as error:
                failed += 1
                print(f"FAIL {name}: {error}", flush=True)
            else:
                passed += 1
                print(f"ok {name}: {shown} ({time.monotonic() - started:.1f} s)", flush=True)
    except Interrupted as interrupted:
        print(f"syscalls: {interrupted}", flush=True)
        return interrupted.exit_code
    print(f"syscalls: {passed} passed, {failed} failed", flush=True)
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
