"""vm.py - one guest under QEMU: a machine with an IOMMU and network cards.

    vm = Vm(lab, image, job, script="deploy.sh", cards=[Card("e1000e", "qt0")])
    vm.start(); vm.wait_for("served"); vm.tell("go on"); vm.wait()

QEMU runs without KVM, which the machines of CI do not have, inside the lab's
namespace, where the far ends of the cards are. Guest and test speak through
files in `job`: the guest's `signal NAME` makes one, `wait_for_test NAME` waits
for one. The guest's console is `console.log` there.
"""

import dataclasses
import json
import os
import socket
import subprocess
import time

from lab import LabError

# TCG at its slowest, beside other work: a guard against hanging, nothing else.
PATIENCE_S = 300
MEMORY_MB = 2048


@dataclasses.dataclass(frozen=True)
class Card:
    """A network card of the guest, whose cable ends in tap device `tap`."""
    model: str            # e1000e, e1000, virtio, vmxnet3
    tap: str
    queues: int = 1
    slot: int = 0x10      # its PCI address is 0000:00:SLOT.0
    iommu: bool = True
    mtu_max: int = 0      # what a virtio device says that it bears; 0: it says nothing

    @property
    def address(self):
        return f"0000:00:{self.slot:02x}.0"

    @property
    def mac(self):
        return f"02:77:00:00:01:{self.slot:02x}"

    def arguments(self):
        many = f",queues={self.queues}" if self.queues > 1 else ""
        network = f"tap,id={self.tap},ifname={self.tap},script=no,downscript=no{many}"
        if self.model == "virtio":
            network += ",vhost=off"
            model = f"virtio-net-pci,mq={'on' if self.queues > 1 else 'off'},vectors={2 * self.queues + 2}"
            model += f",host_mtu={self.mtu_max}" if self.mtu_max else ""
            model += ",rss=on,hash=on" if self.queues > 1 else ""
            # A virtio device goes through the IOMMU only when it says so; of old
            # (transitional) ones uio takes the registers.
            model += ",disable-legacy=on,iommu_platform=on" if self.iommu else ""
        else:
            model = self.model
        # Without romfile= each card would try to boot from the network.
        return ["-netdev", network, "-device",
                f"{model},netdev={self.tap},id=card-{self.tap},mac={self.mac},bus=pcie.0,addr={self.slot:#x},romfile="]


class Vm:
    """One guest, from power on to power off."""

    def __init__(self, lab, image, job, repository, *, script, cards, cpus=2, iommu=True, settings=None):
        self.lab, self.image, self.job, self.repository = lab, image, job, repository
        self.cards, self.cpus, self.iommu, self.script = cards, cpus, iommu, script
        self.settings = {"CARDS": " ".join(card.address for card in cards), **(settings or {})}
        self.console = job / "console.log"
        self.process = None
        # A socket's path has 107 bytes at most, which a build folder may pass.
        self.monitor = f"/tmp/penstock-qemu-{os.getpid()}-{lab.name}.sock"

    def command(self):
        command = ["qemu-system-x86_64", "-M", "q35", "-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max,la57=off",
                   "-smp", str(self.cpus), "-m", str(MEMORY_MB), "-nodefaults", "-nographic", "-no-reboot",
                   "-serial", f"file:{self.console}", "-qmp", f"unix:{self.monitor},server=on,wait=off",
                   "-kernel", str(self.image.kernel), "-initrd", str(self.image.initramfs)]
        words = "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable"
        if self.iommu:
            command += ["-device", "intel-iommu,intremap=on,aw-bits=48"]
            words += " intel_iommu=on iommu=pt"
        command += ["-append", words]
        for tag, path, mode in (("host", "/", ",readonly=on,multidevs=remap"),
                                ("repository", self.repository, ",readonly=on"), ("job", self.job, "")):
            command += ["-fsdev", f"local,id={tag},path={path},security_model=none{mode}",
                        "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]
        for card in self.cards:
            command += card.arguments()
        return command

    def start(self):
        (self.job / "script").write_text(self.script + "\n")
        (self.job / "settings").write_text("".join(f"{key}='{value}'\n" for key, value in self.settings.items()))
        self.lab.undo.add("end the guest", self.end)
        with open(self.job / "qemu.log", "wb") as log:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", self.lab.client_ns, "timeout", "--kill-after=5", str(2 * PATIENCE_S),
                 *self.command()], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def console_text(self):
        return self.console.read_text(errors="replace") if self.console.exists() else ""

    def tail(self, lines=40):
        said = (self.job / "qemu.log").read_text(errors="replace")
        return "\n".join((said + self.console_text()).splitlines()[-lines:])

    def wait_for(self, name):
        """Waits until the guest's script has come to `signal name`."""
        self._wait(lambda: (self.job / f"guest.{name}").exists(), f"did not come to '{name}'")

    def wait_for_log(self, sentence):
        """Waits until penstock has said so since it serves."""
        log = self.job / "penstock.log"
        self._wait(lambda: sentence in log.read_text(errors="replace").rpartition("serving")[2],
                   f"did not come to '{sentence}'")

    def tell(self, name):
        """Lets the guest's `wait_for_test name` go on."""
        (self.job / f"test.{name}").touch()

    def wait(self):
        """Waits for the guest's end; its script must have ended well."""
        self._wait(lambda: self.process.poll() is not None, "did not power off")
        if "GUEST-ENDED 0" not in self.console_text():
            raise LabError(f"the guest's script failed:\n{self.tail()}")

    def _wait(self, is_true, fault):
        deadline = time.monotonic() + PATIENCE_S
        while not is_true():
            if self.process.poll() is not None and not is_true():
                raise LabError(f"the guest ended, and {fault}:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise LabError(f"the guest {fault} within {PATIENCE_S} s:\n{self.tail()}")
            time.sleep(0.1)

    def set_link(self, card, up):
        """Pulls a card's cable, or puts it back."""
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.settimeout(30)
            monitor.connect(self.monitor)
            lines = monitor.makefile("rw")
            lines.readline()
            for request in ({"execute": "qmp_capabilities"},
                            {"execute": "set_link", "arguments": {"name": f"card-{card.tap}", "up": up}}):
                lines.write(json.dumps(request) + "\n")
                lines.flush()
                while "return" not in (reply := json.loads(lines.readline())):
                    if "error" in reply:
                        raise LabError(f"QEMU refuses {request}: {reply['error']}")

    def end(self):
        if self.process is not None and self.process.poll() is None:
            # `timeout` hands the signal on to QEMU.
            self.process.terminate()
            self.process.wait(timeout=15)
        if os.path.exists(self.monitor):
            os.unlink(self.monitor)
