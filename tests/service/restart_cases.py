"""restart_cases.py - killed and started again: what the dead left is cleared, what lives is respected, clients are served.

The port is af_packet on a veth pair between namespaces of the test's own, the client the original ikcp (tests/interop).
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess

from booted import Booted
from manager import WAIT_S_MAX, ServiceError, require

from lab import SERVER_V4, Lab
from peer import run_client
from server import Server, cpus, listener

REPO = pathlib.Path(__file__).resolve().parents[2]
POOL = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB")
HUGEPAGES_MB = 256
TAG = f"service-{os.getpid()}"
STATUS_REFUSED = 2
PORT = 4000


@contextlib.contextmanager
def hugepages():
    """Reserves some for the test; the folder of their files."""
    reserve = [str(REPO / "hugepages-setup/reserve.sh"), "--tag", TAG]
    done = subprocess.run([*reserve, "--megabytes", str(HUGEPAGES_MB)], capture_output=True, text=True, check=False)
    try:
        require(done.returncode == 0, f"no hugepages: {done.stdout}{done.stderr}")
        mounts = [line.split() for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
        yield next(pathlib.Path(m[1]) for m in mounts if m[2] == "hugetlbfs" and "pagesize=2M" in m[3])
    finally:
        subprocess.run([*reserve, "--release"], capture_output=True, check=True)


def free_pages():
    return int((POOL / "free_hugepages").read_text())


class KillableServer(Server):
    """A Server with the memory that a test wants, which may be killed and started again."""

    def __init__(self, lab, build, memory, **options):
        super().__init__(lab, f"{build}/app/penstock/penstock", name="service-restart", listeners=[listener(PORT)],
                         sessions_max=64, **options)
        self._eal_before = [word for word in self.eal_args if word not in ("--no-huge", "--no-shconf", "-m", "512")]
        self.eal_args = self._eal_before + memory

    def remember(self, memory):
        self.eal_args = self._eal_before + memory

    def kill(self):
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


def echo(lab):
    result = run_client(lab, [f"{SERVER_V4}:{PORT}"], sessions=4, messages=10, log_name="service")
    require(result["ok"] and result["mismatches"] == 0, f"the client counted {result}")


def killed(build, memory, memory_after):
    """Killed with hugepages in files; the next start finds none of them in its way."""
    with hugepages() as mount, Lab() as lab:
        lab.add_veth()
        server = KillableServer(lab, build, memory)
        server.start()
        echo(lab)
        server.kill()
        files = sorted(mount.glob(f"{lab.name}map_*"))
        taken = free_pages()
        require(bool(files), "the dead left no hugepage files, so this shows nothing")
        server.remember(memory_after)
        server.start()
        require("penstock: removed" in server.log_text(), f"it cleared nothing:\n{server.log_text()}")
        echo(lab)
        require(server.stop() == 0, f"it did not stop in good order:\n{server.log_tail()}")
        # EAL itself leaves the files of an orderly stop to the next start.
        for path in mount.glob(f"{lab.name}map_*"):
            path.unlink()
        require(free_pages() > taken, f"{taken} pages were free beside the dead, {free_pages()} at last")
        return next(line for line in server.log_text().splitlines() if "removed" in line)


def second_refused(build, memory):
    """A second instance with the same prefix: one sentence with the process, and the first serves on."""
    with Lab() as lab:
        lab.add_veth()
        server = KillableServer(lab, build, memory)
        server.start()
        done = subprocess.run(["ip", "netns", "exec", lab.server_ns, *server.command()], capture_output=True, text=True,
                              timeout=WAIT_S_MAX, check=False)
        said = done.stderr.strip().splitlines()[-1]
        expected = (f"penstock: --file-prefix: process {server.process_id()} (penstock) runs with the prefix "
                    f"\"{lab.name}\": stop it (kill {server.process_id()}) or start with another --file-prefix=")
        require(done.returncode == STATUS_REFUSED and said == expected, f"status {done.returncode}: {done.stderr}")
        echo(lab)
        require(server.stop() == 0, f"it did not stop in good order:\n{server.log_tail()}")
        return said


UNIT_CONFIG = """
[eal]
args = ["-l", "{cpu}", "--no-pci", "--no-huge", "-m", "256", "--vdev=net_af_packet0,iface={interface}"]
[limits]
sessions_max = 64
drain_timeout_s = 1
[workers]
poll = "adaptive"
[[port]]
device = "net_af_packet0"
addresses = ["10.77.0.2/24"]
[[listener]]
name = "echo"
port = 4000
service = "echo"
"""


def reserving_unit(stage):
    """penstock-hugepages.service adds its pages, and gives them back when it is stopped."""
    before = int((POOL / "nr_hugepages").read_text())
    with Booted(stage) as system:
        system.write("/etc/default/penstock-hugepages", f"MEGABYTES={HUGEPAGES_MB}\n")
        system.ctl("start", "penstock-hugepages")
        try:
            free = free_pages() * 2
            found = system.run(["systemd-analyze", "verify", "penstock-hugepages.service"])
        finally:
            system.ctl("stop", "penstock-hugepages")
        left = int((POOL / "nr_hugepages").read_text())
        require(free >= HUGEPAGES_MB and left == before, f"{free} MB were free; {before} pages before it, {left} after")
        require(found == "", f"systemd-analyze verify: {found}")
        return f"{free} MB free while it was on, {left} pages after"


def unit_with_client(stage):
    """The unit with the drop-in for ports of the kernel's serves a client, is killed, and serves again."""
    drop_in = (stage / "usr/share/doc/penstock/examples/service/kernel-nic.conf").read_text()
    with Lab() as lab:
        lab.add_veth()
        with Booted(stage, network=lab.server_ns) as system:
            system.configure("edge1", UNIT_CONFIG.format(cpu=cpus()[-1], interface=lab.server_interface))
            system.log_to_file("edge1")
            system.drop_in("edge1", "kernel-nic", drop_in)
            system.start("edge1")
            echo(lab)
            system.ctl("kill", "-s", "KILL", "penstock@edge1")
            system.wait_for("penstock@edge1", "NRestarts", "1")
            system.wait_for("penstock@edge1", "ActiveState", "active")
            try:
                echo(lab)
            except ServiceError as error:
                raise ServiceError(f"{error}\n{system.said('edge1')}") from None
            user = system.run(["ps", "-o", "user=", "-p", system.show("penstock@edge1", "MainPID")])
            return f"served twice as {user}"


def unit_with_hugepages(stage):
    """The unit's user takes hugepages without files, and with the drop-in in files of its own folder; a kill, and the next start
    clears them."""
    drop_in = (stage / "usr/share/doc/penstock/examples/service/hugepage-files.conf").read_text()
    config = re.sub(r"args = .*", f'args = ["-l", "{cpus()[-1]}", "--no-pci", "--vdev=net_null0,no-rx=1"]', UNIT_CONFIG)
    folder = pathlib.Path("/dev/hugepages/penstock")
    with hugepages() as mount, Booted(stage) as system:
        require(mount == folder.parent and not folder.exists(), f"the hugetlbfs is {mount}, or {folder} is there already")
        system.configure("edge1", config.replace("af_packet", "null"), eal_args="--in-memory")
        system.log_to_file("edge1")
        system.start("edge1")
        system.ctl("stop", "penstock@edge1")
        system.drop_in("edge1", "files", drop_in)
        system.write("/etc/default/penstock-edge1", f"EAL_ARGS=--huge-dir={folder}\n")
        try:
            system.start("edge1")
            taken = len(list(folder.iterdir()))
            system.ctl("kill", "-s", "KILL", "penstock@edge1")
            system.wait_for("penstock@edge1", "NRestarts", "1")
            system.wait_for("penstock@edge1", "ActiveState", "active")
            removed = re.findall(rf"removed .*\b{taken} hugepage files", system.said("edge1"))
            require(taken > 0 and removed, f"{taken} files; it said:\n{system.said('edge1')}")
            system.ctl("stop", "penstock@edge1")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return f"without files, and in {taken} files that a kill left"


def cases(build, stage):
    in_files, in_memory = ["-m", "128"], ["--in-memory"]
    return {
        "killed-then-in-memory": lambda: killed(build, in_files, in_memory),
        "killed-then-in-files": lambda: killed(build, in_files, in_files),
        "second-refused-shared": lambda: second_refused(build, ["--no-huge", "-m", "256"]),
        "second-refused-no-shconf": lambda: second_refused(build, ["--no-huge", "--no-shconf", "-m", "256"]),
        "systemd-hugepages": lambda: unit_with_hugepages(stage),
        "systemd-reserves": lambda: reserving_unit(stage),
        "systemd-client": lambda: unit_with_client(stage),
    }
