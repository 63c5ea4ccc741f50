"""systemd_cases.py - penstock@.service under a real systemd: started, watched, killed, stuck, and fenced in as it says.

Every case boots a systemd of its own (booted.py) with what `meson install` put into a stage. penstock serves on net_null.
"""

import json
import pathlib
import re
import resource
import time

from booted import Booted
from manager import lcores, require

REPO = pathlib.Path(__file__).resolve().parents[2]
UNIT = "penstock@edge1.service"
EAL_ARGS = '"{lcores} --no-pci --no-huge -m 256 --vdev=net_null0,no-rx=1"'
CAP_SYS_RESOURCE = 24
CONFIG = """
[limits]
sessions_max = 64
drain_timeout_s = 1
[workers]
poll = "{poll}"
strict_bypass = {strict}
[[port]]
device = "net_null0"
addresses = ["10.77.0.2/24"]
[[listener]]
name = "echo"
port = 4000
service = "echo"
"""


def configure(system, *, strict=False, workers=1, eal_args=EAL_ARGS):
    system.configure("edge1", CONFIG.format(poll="busy" if strict else "adaptive", strict=str(strict).lower()),
                     eal_args=eal_args.format(lcores=" ".join(lcores(workers, on_one_cpu=strict))))
    system.log_to_file("edge1")


def main_pid(system):
    return int(system.show(UNIT, "MainPID"))


def status_of(system, pid):
    """The lines of /proc/PID/status as a dict; the pid is the namespace's."""
    lines = system.run(["cat", f"/proc/{pid}/status"]).splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def ask(system, command):
    """What an operator asks, as root and with the prefix alone."""
    script = f"echo {command} | dpdk-telemetry.py -f edge1"
    return json.loads(re.search(r"^\{.*\}$", system.run(["bash", "-c", script]).splitlines()[-1])[0])


def may_raise_limits():
    capabilities = re.search(r"^CapEff:\s+(\w+)", pathlib.Path("/proc/self/status").read_text(), re.M)[1]
    return bool(int(capabilities, 16) >> CAP_SYS_RESOURCE & 1)


def check_fence_of_a_nic(system):
    """What a bound NIC needs, which penstock does not miss on net_null: VFIO's devices and no others, and memory to lock."""
    asked = system.show(UNIT, "LimitMEMLOCK")
    require(asked == "infinity", f"LimitMEMLOCK is {asked}")
    # A systemd without CAP_SYS_RESOURCE, as in a container, gives what it has.
    has = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]
    most = "unlimited" if has == resource.RLIM_INFINITY or may_raise_limits() else str(has)
    limits = system.run(["cat", f"/proc/{main_pid(system)}/limits"])
    require(re.search(rf"^Max locked memory +{most} +{most} ", limits, re.M), f"it may not lock what it wants: {limits}")
    policy, devices = system.show(UNIT, "DevicePolicy"), system.show(UNIT, "DeviceAllow").splitlines()
    # ProtectClock= adds the clock, which may be read.
    require(policy == "closed" and set(devices) - {"char-rtc r"} == {"/dev/vfio/vfio rw", "char-vfio rw"},
            f"the devices of its control group are: {policy}, {devices}")


def fenced_in(stage):
    """Ready, without root, without a capability, seen by the stock tools; stopped in good order without a trace."""
    with Booted(stage) as system:
        configure(system, strict=True, workers=2)
        system.start("edge1")
        status = status_of(system, main_pid(system))
        user = system.run(["id", "-u", "penstock"])
        require(status["Uid"].split() == [user] * 4, f"it runs as {status['Uid']}, the user is {user}")
        require(all(int(status[key], 16) == 0 for key in ("CapPrm", "CapEff", "CapBnd", "CapAmb")),
                f"it has capabilities: {status}")
        require(status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", f"it is not fenced in: {status}")
        check_fence_of_a_nic(system)
        told = system.show(UNIT, "StatusText")
        require(told == "serving: 0 sessions, 2 workers", f"its status is '{told}'")
        info = ask(system, "/penstock/info")["/penstock/info"]
        require(info["workers"] == 2, f"telemetry told {info}")
        system.ctl("stop", UNIT)
        result = system.show(UNIT, "Result")
        require(result == "success", f"the stop ended with {result}:\n{system.said('edge1')}")
        left = system.run(["ls", "/run/dpdk"])
        require(left == "", f"it left /run/dpdk/{left}")
        return f"uid {user}, no capability, {status['Seccomp_filters']} filters, status '{told}'"


def refused_once(stage):
    """What another try does not mend is not tried again."""
    with Booted(stage) as system:
        configure(system, eal_args='"-l 0 --no-pci --no-huge -m 256"')
        system.ctl("start", UNIT, check=False)
        system.wait_for(UNIT, "ActiveState", "failed")
        status, restarts = system.show(UNIT, "ExecMainStatus"), system.show(UNIT, "NRestarts")
        require((status, restarts) == ("2", "0"), f"status {status}, {restarts} restarts")
        told, said = system.show(UNIT, "StatusText"), system.said("edge1").splitlines()[-1]
        require(said == f"penstock: {told}", f"its status is '{told}', it said: {said}")
        return told


def killed(stage):
    """SIGKILL leaves sockets and files of the runtime; systemd starts it again and it serves."""
    with Booted(stage) as system:
        configure(system)
        system.start("edge1")
        before = main_pid(system)
        killed_at = time.monotonic()
        system.ctl("kill", "-s", "KILL", UNIT)
        system.wait_for(UNIT, "NRestarts", "1")
        system.wait_for(UNIT, "StatusText", "serving: 0 sessions, 1 worker")
        seconds = time.monotonic() - killed_at
        after = main_pid(system)
        require(before != after and ask(system, "/penstock/info"), f"the pids were {before} and {after}")
        return f"pid {before}, then {after}, serving again after {seconds:.1f} s"


def stuck(stage, build):
    """systemd itself ends a node of which one of two workers is stuck, and starts it again."""
    with Booted(stage) as system:
        system.run(["cp", str(pathlib.Path(build).resolve() / "tests/service/planted_stuck"), "/run/planted_stuck"])
        system.log_to_file("edge1")
        system.drop_in("edge1", "stuck", "[Service]\nExecStart=\nWatchdogSec=1\nLimitCORE=0\n"
                       f"ExecStart=/run/planted_stuck 1 1 {' '.join(lcores(2))} --no-shconf --file-prefix=edge1\n")
        system.start("edge1")
        # It shows while systemd waits for RestartSec=.
        system.wait_for(UNIT, "Result", "watchdog")
        system.wait_for(UNIT, "NRestarts", "1")
        system.wait_for(UNIT, "ActiveState", "active")
        require("worker 1 makes no turns" in system.said("edge1"), f"it said:\n{system.said('edge1')}")
        return "ended by the watchdog, started again"


def verified(stage):
    """systemd finds no fault in the unit, nor udev in the rule."""
    with Booted(stage) as system:
        found = system.run(["systemd-analyze", "verify", UNIT])
        require(found == "", f"systemd-analyze verify: {found}")
        rules = system.run(["bash", "-c", "udevadm test /sys/class/net/lo 2>&1"])
        ours = [line for line in rules.splitlines() if "60-penstock-vfio.rules" in line]
        require(len(ours) == 1 and ours[0].startswith("Reading rules file"), f"udev says: {ours or rules}")
        return "systemd-analyze verify and udevadm are silent"


def exposure(stage):
    """The figure in the documentation is the unit's."""
    unit = stage / "usr/lib/systemd/system/penstock@.service"
    documented = float(re.search(r"exposure level (?:of )?(\d+\.\d)", (REPO / "docs/operations.md").read_text())[1])
    with Booted(stage) as system:
        told = system.run(["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)])
    level = float(re.search(r"Overall exposure level for \S+: (\d+\.\d)", told)[1])
    require(level == documented, f"the exposure is {level}, docs/operations.md says {documented}")
    return f"{level}, as documented"


def cases(build, stage):
    return {
        "systemd-fenced-in": lambda: fenced_in(stage),
        "systemd-refused-once": lambda: refused_once(stage),
        "systemd-killed": lambda: killed(stage),
        "systemd-stuck": lambda: stuck(stage, build),
        "systemd-verified": lambda: verified(stage),
        "systemd-exposure": lambda: exposure(stage),
    }
