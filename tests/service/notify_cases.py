"""notify_cases.py - what a penstock tells the service manager, and when it keeps silent.

The manager is a socket of the test's own; penstock serves on net_null, which needs no network.
"""

import os
import pathlib
import signal

from manager import PREFIX, Manager, lcores, require

EAL = ["--no-pci", "--no-huge", "--no-shconf", "-m", "256", f"--file-prefix={PREFIX}"]
NULL = "--vdev=net_null0,no-rx=1"
CONFIG = """
[limits]
sessions_max = 64
drain_timeout_s = 7
[workers]
poll = "{poll}"
strict_bypass = {strict}
[[port]]
device = "{device}"
addresses = ["10.77.0.2/24"]
[[listener]]
name = "echo"
port = 4000
service = "echo"
"""
STATUS_REFUSED = 2


def penstock(manager, build, *, workers=1, poll="adaptive", strict=False, device="net_null0", vdev=NULL):
    config = manager.config(CONFIG.format(poll=poll, strict=str(strict).lower(), device=device))
    return [f"{build}/app/penstock/penstock", *EAL, *lcores(workers, on_one_cpu=poll == "busy"), vdev, "--", "--config", config]


def ordered_life(build, abstract):
    """READY, then STOPPING with the time to drain; all of it by the main process."""
    with Manager(abstract=abstract) as manager:
        node = manager.start(penstock(manager, build))
        ready = node.wait_for("READY", value="1")
        require(ready.get("STATUS") == "serving: 0 sessions, 1 worker", f"the status was {ready.get('STATUS')}")
        require("penstock: serving" in node.said(), "it was ready before it served")
        if not abstract:
            node.wait_for("STATUS")
        node.process.send_signal(signal.SIGTERM)
        stopping = node.wait_for("STOPPING", value="1")
        extended = int(stopping.get("EXTEND_TIMEOUT_USEC", 0))
        require(extended >= 7_000_000, f"the manager was asked for {extended} us, drain_timeout_s is 7")
        status = node.wait()
        require(status == 0, f"it ended with status {status}")
        require(node.told["READY"] == 1 and node.told["WATCHDOG"] == 0 and node.foreign == 0,
                f"it told {dict(node.told)}, {node.foreign} by another process")
        return f"told {dict(node.told)}"


def watchdog_fed(build, workers, poll, strict):
    with Manager() as manager:
        node = manager.start(penstock(manager, build, workers=workers, poll=poll, strict=strict), watchdog_s=1)
        node.wait_for("READY")
        for _ in range(4):
            node.wait_for("WATCHDOG", value="1")
        tasks = pathlib.Path(f"/proc/{node.process.pid}/task").glob("*/status")
        filtered = sum("\nSeccomp:\t2\n" in task.read_text() for task in tasks)
        require(filtered == (workers if strict else 0), f"{filtered} threads have a filter")
        status = node.end()
        require(status == 0, f"it ended with status {status}")
        return f"told {dict(node.told)}, {filtered} threads behind a filter"


def watchdog_of_another(build):
    with Manager() as manager:
        node = manager.start(penstock(manager, build), watchdog_s=0.2, watchdog_pid=os.getpid())
        node.wait_for("READY")
        node.hear_for(2)
        require(node.told["WATCHDOG"] == 0, "it fed a watchdog that is another process's")
        require(node.end() == 0, "it did not stop in good order")
        return f"told {dict(node.told)}"


def watchdog_starved(build, worker):
    """One worker of two is stuck: the manager hears no more."""
    with Manager() as manager:
        node = manager.start([f"{build}/tests/service/planted_stuck", str(worker), "1", "--no-shconf",
                              f"--file-prefix={PREFIX}", *lcores(2)], watchdog_s=1)
        node.wait_for("READY")
        node.wait_until_said(f"penstock: worker {worker} makes no turns: the watchdog is not fed")
        fed = node.told["WATCHDOG"]
        node.hear_for(2.5)
        require(node.process.poll() is None, "it ended by itself")
        require(node.told["WATCHDOG"] == fed, "it was fed although a worker is stuck")
        # What systemd then does, by WatchdogSignal=.
        status = node.end(signal.SIGABRT)
        require(status == -signal.SIGABRT, f"SIGABRT ended it with status {status}")
        return f"fed {fed} times, then never"


def failure_told(build):
    with Manager() as manager:
        node = manager.start(penstock(manager, build, device="net_absent0"))
        said = node.wait_for("STATUS")["STATUS"]
        status = node.wait()
        require("net_absent0" in said, f"the status was {said}")
        require(status == STATUS_REFUSED and node.told["READY"] == 0, f"status {status}, told {dict(node.told)}")
        return said


def link_down(build):
    """A memif without a peer has no link: known to be down after a while, and the node is ready all the same."""
    with Manager() as manager:
        memif = f"--vdev=net_memif0,role=server,socket={manager.folder}/memif.sock,socket-abstract=no"
        node = manager.start(penstock(manager, build, device="net_memif0", vdev=memif))
        status = node.wait_for("READY")["STATUS"]
        require(status.endswith(", 1 link down"), f"the status was {status}")
        require(node.end() == 0, "it did not stop in good order")
        return status


def no_manager(build):
    """A socket that is not there is told in a sentence, and the node serves."""
    with Manager() as manager:
        manager.address = "/nowhere/notify"
        node = manager.start(penstock(manager, build))
        node.wait_until_said("penstock: serving")
        require('NOTIFY_SOCKET "/nowhere/notify": No such file or directory: the service manager will be told nothing'
                in node.said(), f"it said:\n{node.said()}")
        require(node.end() == 0, "it did not stop in good order")
        return "told in a sentence, served"


def cases(build):
    return {
        "ordered-life-path": lambda: ordered_life(build, False),
        "ordered-life-abstract": lambda: ordered_life(build, True),
        "watchdog-fed-adaptive": lambda: watchdog_fed(build, 2, "adaptive", False),
        "watchdog-fed-strict-bypass": lambda: watchdog_fed(build, 2, "busy", True),
        "watchdog-of-another": lambda: watchdog_of_another(build),
        "watchdog-starved-main-lcore": lambda: watchdog_starved(build, 0),
        "watchdog-starved-other-lcore": lambda: watchdog_starved(build, 1),
        "failure-told": lambda: failure_told(build),
        "link-down": lambda: link_down(build),
        "no-manager": lambda: no_manager(build),
    }
