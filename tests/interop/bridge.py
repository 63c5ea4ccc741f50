"""bridge.py - joins the far end of a penstock's vhost port to a lab's veth pair, queue by queue, so that the real KCP client
reaches a port that no kernel interface has: dpdk-testpmd with a net_virtio_user and a net_af_packet port.

    bridge = Bridge(lab, socket_path, queues=2)   # penstock listens on the socket already
    bridge.start()                                # ends with the lab

The kernel spreads the client's flows over af_packet's queues as it likes; queue n becomes vhost's queue n.
"""

import os
import shutil
import subprocess
import time

from lab import LabError
from server import KEEP_DIR, cpus
from telemetry import RUNTIME_DIR, remove_runtime_dir

START_S_MAX = 180
READY_LINE = "Press enter to exit"


class Bridge:
    def __init__(self, lab, socket_path, *, queues):
        self.lab = lab
        self.prefix = f"{lab.name}-bridge"
        self.log_path = KEEP_DIR / f"{lab.name}.bridge.log"
        self._process = None
        ring = "blocksz=65536,framesz=2048,framecnt=4096"
        # testpmd forwards on any lcore but its first, and would keep its words to itself for long.
        cpu = cpus()[0]
        self.command = [
            "stdbuf", "-oL", "dpdk-testpmd", "--lcores", f"0@{cpu},1@{cpu}", "--no-pci", "--no-huge", "--no-shconf", "-m", "256",
            f"--file-prefix={self.prefix}",
            f"--vdev=net_virtio_user0,path={socket_path},queues={queues},queue_size=1024",
            f"--vdev=net_af_packet0,iface={lab.server_interface},qpairs={queues},{ring}",
            "--", "--forward-mode=io", f"--rxq={queues}", f"--txq={queues}", "--nb-cores=1", "--auto-start",
            "--total-num-mbufs=16384", "--stats-period=0"]

    def start(self):
        if shutil.which("dpdk-testpmd") is None:
            raise LabError("'dpdk-testpmd' is not installed (apt-get install dpdk-dev)")
        ours = not os.path.isdir(RUNTIME_DIR)
        self.lab.undo.add("remove the bridge's runtime directory",
                          lambda: remove_runtime_dir(self.prefix, parent_too=ours))
        self.lab.undo.add("end the bridge", self.stop)
        with open(self.log_path, "wb") as log:
            # It ends when its input does.
            self._process = subprocess.Popen(["ip", "netns", "exec", self.lab.server_ns, *self.command],
                                             stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + START_S_MAX
        while READY_LINE not in self.log_path.read_text(errors="replace"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise LabError(f"testpmd does not forward; see {self.log_path}")
            time.sleep(0.05)

    def stop(self):
        if self._process is None or self._process.poll() is not None:
            return
        self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=10)
