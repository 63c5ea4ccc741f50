"""booted.py - a systemd of the test's own, with an installed penstock, in namespaces that nobody else sees.

    with Booted(stage) as system:                   # what `meson install --destdir stage` made
        system.configure("edge1", text)             # /etc/penstock/edge1.toml
        system.ctl("start", "penstock@edge1")
        system.show("penstock@edge1", "StatusText")

/usr is the machine's with the stage on top, /etc the machine's with changes that go with the namespace; /run is new, and so are
the process tree, the control groups below one of ours, and the network unless a namespace is given. Of systemd's units there
are penstock's and empty targets: no journal, no udev. The user comes from our sysusers.d, directories from our tmpfiles.d.
Root and the package systemd are needed.
"""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

from manager import WAIT_S_MAX, ServiceError, require

SYSTEMD = "/usr/lib/systemd/systemd"
TARGETS = ("basic", "exit", "final", "multi-user", "shutdown", "sysinit", "umount")
# Run by the first process of the namespaces, with its own folder, the stage, and the process's group of its own.
BOOT = r"""
set -euo pipefail
folder=$1 stage=$2
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/lock "$folder/etc"
mount -t tmpfs -o mode=755 tmpfs "$folder/etc"
mkdir "$folder"/etc/{upper,work}
mount -t overlay -o "lowerdir=/etc,upperdir=$folder/etc/upper,workdir=$folder/etc/work" overlay /etc
mount -t overlay -o "lowerdir=$stage/usr:/usr" overlay /usr
mount -t tmpfs -o mode=755 tmpfs /etc/systemd/system
mount -t cgroup2 none /sys/fs/cgroup
systemd-sysusers
systemd-tmpfiles --create penstock.conf
touch "$folder/prepared"
exec env -i PATH=/usr/sbin:/usr/bin container=test SYSTEMD_UNIT_PATH="/etc/systemd/system:$folder/units" \
    "$3" --system --unit=multi-user.target --log-target=console --show-status=no
"""


class Booted:
    def __init__(self, stage, *, network=None):
        self.stage = pathlib.Path(stage)
        self._around = ["ip", "netns", "exec", network] if network else []
        self._new_network = [] if network else ["--net"]
        self._folder = tempfile.TemporaryDirectory(prefix="penstock-booted-")
        self.folder = pathlib.Path(self._folder.name)
        self._process = None
        self._systemd = None

    def __enter__(self):
        # The service's user must find its log.
        self.folder.chmod(0o755)
        units = self.folder / "units"
        units.mkdir()
        for target in TARGETS:
            (units / f"{target}.target").write_text(f"[Unit]\nDescription={target}\nDefaultDependencies=no\n")
        for unit in (self.stage / "usr/lib/systemd/system").iterdir():
            shutil.copy(unit, units)
        self._cgroup = self._make_cgroup()
        try:
            self._boot()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _make_cgroup(self):
        """A control group of the unified hierarchy, wherever this machine has it."""
        mount = self.folder / "cgroup"
        mount.mkdir()
        subprocess.run(["mount", "-t", "cgroup2", "none", str(mount)], check=True)
        group = mount / f"penstock-{os.getpid()}-{time.monotonic_ns()}"
        group.mkdir()
        return group

    def _boot(self):
        self.log = self.folder / "systemd.log"
        command = [*self._around, "unshare", "--mount", "--pid", "--fork", "--kill-child", "--cgroup", "--uts", "--ipc",
                   *self._new_network, "bash", "-c", BOOT, "boot", str(self.folder), str(self.stage), SYSTEMD]
        with open(self.log, "wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=lambda: (self._cgroup / "cgroup.procs").write_text("0"))
        deadline = time.monotonic() + WAIT_S_MAX
        while not (self.folder / "prepared").exists() or self.ctl("is-system-running", check=False) not in (
                "running", "degraded"):
            require(time.monotonic() < deadline and self._process.poll() is None,
                    f"systemd does not come up (status {self._process.poll()}):\n{self.log_tail()}")
            time.sleep(0.05)

    def __exit__(self, *_):
        if self._process is not None:
            # unshare takes its child along, and the end of the first process ends all others of its namespace.
            self._process.kill()
            self._process.wait()
        self._remove_cgroup()
        self._folder.cleanup()

    def _remove_cgroup(self):
        deadline = time.monotonic() + WAIT_S_MAX
        fault = None
        while self._cgroup.exists() and time.monotonic() < deadline:
            try:
                for folder, _, _ in os.walk(self._cgroup, topdown=False):
                    os.rmdir(folder)
            except OSError as error:  # the last processes are still on their way out
                fault = error
                time.sleep(0.05)
        left = f"the control group stays: {fault}; in it: {self._inhabitants()}" if self._cgroup.exists() else ""
        subprocess.run(["umount", str(self.folder / "cgroup")], check=True)
        require(not left, left)

    def _inhabitants(self):
        """Who is in the control group, each with its state: "4711 penstock (R)", …"""
        found = []
        for path in self._cgroup.rglob("cgroup.procs"):
            for pid in path.read_text().split():
                try:
                    status = pathlib.Path(f"/proc/{pid}/status").read_text()
                except OSError:
                    continue
                name, state = (re.search(rf"^{key}:\s+(\S+)", status, re.M)[1] for key in ("Name", "State"))
                found.append(f"{pid} {name} ({state})")
        return ", ".join(found) or "nobody"

    def log_tail(self):
        return self.log.read_text(errors="replace")[-2000:]

    def _first_process(self):
        if self._systemd is None:
            children = pathlib.Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
            require(len(children) == 1, f"unshare has the children {children}")
            self._systemd = children[0]
        return self._systemd

    def run(self, command, *, check=True):
        """Runs a command as root inside; gives back its output."""
        try:
            done = subprocess.run(
                ["nsenter", "-t", self._first_process(), "-a", "env", "-i", "PATH=/usr/sbin:/usr/bin", *command],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=WAIT_S_MAX, check=False)
        except subprocess.TimeoutExpired:
            raise ServiceError(f"'{' '.join(command)}' did not end within {WAIT_S_MAX} s; there are {self._inhabitants()}; "
                               f"systemd said:\n{self.log_tail()}") from None
        if check and done.returncode != 0:
            raise ServiceError(f"'{' '.join(command)}' ended with status {done.returncode}: {done.stderr}{done.stdout}\n"
                               + self.log_tail())
        return done.stdout.strip()

    def ctl(self, *words, check=True):
        return self.run(["systemctl", "--no-pager", *words], check=check)

    def show(self, unit, key):
        return self.ctl("show", "-P", key, unit)

    def wait_for(self, unit, key, wanted):
        """Waits until the unit's property is what is wanted, or is taken by a function."""
        good = wanted if callable(wanted) else lambda value: value == wanted
        deadline = time.monotonic() + WAIT_S_MAX
        while not good(value := self.show(unit, key)):
            require(time.monotonic() < deadline, f"{unit}: {key} is {value}; systemd said:\n{self.log_tail()}")
            time.sleep(0.1)
        return value

    def write(self, path, text):
        """Writes a file of /etc inside."""
        self.run(["mkdir", "-p", os.path.dirname(path)])
        with tempfile.NamedTemporaryFile("w", dir=self.folder, suffix=".txt") as file:
            file.write(text)
            file.flush()
            # mktemp's mode is for root alone.
            os.chmod(file.name, 0o644)
            self.run(["cp", file.name, path])

    def configure(self, instance, text, *, eal_args=""):
        self.write(f"/etc/penstock/{instance}.toml", text)
        if eal_args:
            self.write(f"/etc/default/penstock-{instance}", f"EAL_ARGS={eal_args}\n")

    def drop_in(self, instance, name, text):
        self.write(f"/etc/systemd/system/penstock@{instance}.service.d/{name}.conf", text)
        self.ctl("daemon-reload")

    def start(self, instance):
        try:
            self.ctl("start", f"penstock@{instance}")
        except ServiceError as error:
            raise ServiceError(f"{error}\n{self.said(instance)}") from None

    def said(self, instance):
        """What the instance printed, when log_to_file() was asked for."""
        return (self.folder / f"{instance}.log").read_text(errors="replace")

    def log_to_file(self, instance):
        log = self.folder / f"{instance}.log"
        self.drop_in(instance, "log", f"[Service]\nStandardOutput=append:{log}\nStandardError=append:{log}\n")
