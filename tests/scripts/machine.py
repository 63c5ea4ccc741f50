"""A machine that is only files: the parts of /sys, /proc, /dev, /run and /var that the operators' scripts look at.

The scripts find it through PENSTOCK_SYSROOT. Beside the tree stands bin/, first in their PATH, whose tools
(fake_tool.py under many names) do to the tree what the kernel would; `told` are the commands they were called with."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# Tools of the scripts that only read, or write where they are told: the real ones. There is nothing else in their PATH,
# so nothing that a script calls can reach the machine that the tests run on.
REAL_TOOLS = ("awk", "basename", "bash", "cat", "dirname", "env", "find", "flock", "grep", "head", "id", "ls", "mkdir", "mv", "paste",
              "readlink", "rm", "rmdir", "sed", "sleep", "sort", "stat", "tac", "tail", "tr", "true", "uname", "wc")
TOOLS = ("dpdk-devbind.py", "driverctl", "modprobe", "lspci", "ip", "ss", "tee", "mount", "umount", "chown", "sync", "penstock")
RUN_SECONDS = 60


class Done:
    """How a script ended: its status, and what it said on both outputs."""

    def __init__(self, process):
        self.status, self.out, self.err = process.returncode, process.stdout, process.stderr
        self.said = self.out + self.err

    def __str__(self):
        return f"status {self.status}\n{self.said}"


class Machine:
    def __init__(self, place, iommu=True):
        self.root, self.bin, self.iommu = place / "root", place / "bin", iommu
        for path in ("sys/bus/pci/devices", "sys/bus/pci/drivers", "sys/class/net", "sys/kernel/iommu_groups", "sys/module",
                     "proc/net", "proc/sys/vm", "dev/vfio", "run", "var/lib", "fake/stash", "etc/driverctl.d"):
            (self.root / path).mkdir(parents=True)
        self.bin.mkdir()
        for tool in TOOLS:
            script = self.bin / tool
            script.write_text(f'#!{shutil.which("sh")}\nexec {sys.executable} -S {HERE}/fake_tool.py {tool} "$@"\n')
            script.chmod(0o755)
        for tool in REAL_TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        self.write("sys/bus/pci/drivers_probe", "")
        self.write("proc/net/route", "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n")
        self.write("proc/net/ipv6_route", "")
        self.write("proc/cpuinfo", "vendor_id\t: GenuineIntel\n")
        self.write("proc/cmdline", "quiet intel_iommu=on\n" if iommu else "quiet\n")
        self.write("proc/mounts", "")
        # What the fake kernel knows: modules that can be loaded, addresses, routes, faults.
        self.kernel = {"modules": ["vfio-pci", "uio_pci_generic"], "interfaces": {}, "routes": {}, "default_routes": {}, "ssh": [],
                       "faults": []}
        self.load("vfio-pci")
        self.groups = 0

    def path(self, name):
        return self.root / name

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def read(self, name):
        return (self.root / name).read_text()

    def link(self, name, target):
        """A relative link, as those of sysfs are."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(os.path.relpath(self.root / target, path.parent))

    def load(self, driver):
        """A PCI driver that is loaded."""
        (self.root / "sys/bus/pci/drivers" / driver).mkdir(parents=True, exist_ok=True)
        (self.root / "sys/module" / driver.replace("-", "_")).mkdir(exist_ok=True)

    def unload(self, driver):
        (self.root / "sys/bus/pci/drivers" / driver).rmdir()

    def bound_by_hand(self, address, driver="vfio-pci"):
        """As after dpdk-devbind.py without us: no note of ours."""
        done = self.run("drivers-config/bind.sh", address, "--driver", driver)
        assert done.status == 0, done
        shutil.rmtree(self.root / "run/penstock")

    def devbind(self, driver, address):
        """dpdk-devbind.py, called by hand."""
        self.write("fake/kernel.json", json.dumps(self.kernel))
        subprocess.run([self.bin / "dpdk-devbind.py", f"--bind={driver}", address], check=True, timeout=RUN_SECONDS,
                       env={**os.environ, "PENSTOCK_SYSROOT": str(self.root)})

    def pull_out(self, address):
        """A card that is unplugged, or a virtual function that is removed."""
        shutil.rmtree(self.root / f"sys/bus/pci/devices/{address}")

    def reboot(self):
        """What a boot leaves of notes and bindings: the kernel has forgotten both, and driverctl has put its own back."""
        shutil.rmtree(self.root / "run/penstock", ignore_errors=True)
        for saved in sorted((self.root / "etc/driverctl.d").iterdir()):
            assert self.driver(saved.name.removeprefix("pci-")) == saved.read_text().strip(), saved

    def add_nic(self, address, interface, driver="e1000e", vendor="0x8086", group=None, node=0, virtio=None, device="0x10d3"):
        """A PCI network device with its kernel driver and interface; `virtio` is the string of its feature bits."""
        home = f"sys/bus/pci/devices/{address}"
        for name, text in (("class", "0x020000"), ("vendor", vendor), ("device", device), ("numa_node", str(node)),
                           ("driver_override", "(null)")):
            self.write(f"{home}/{name}", text + "\n")
        self.load(driver)
        self.link(f"{home}/driver", f"sys/bus/pci/drivers/{driver}")
        self.write(f"fake/kernel_driver/{address}", driver)
        if interface:
            level = f"{home}/virtio0" if virtio is not None else home
            if virtio is not None:
                self.write(f"{level}/features", virtio + "\n")
            self.write(f"{level}/net/{interface}/flags", "0x1002\n")
            self.write(f"{level}/net/{interface}/operstate", "down\n")
            self.write(f"{level}/net/{interface}/address", "02:00:00:00:00:01\n")
            self.link(f"{level}/net/{interface}/device", level)
            self.link(f"sys/class/net/{interface}", f"{level}/net/{interface}")
        if self.iommu:
            self.join_group(address, group if group is not None else self.groups)
            self.groups += 1

    def join_group(self, address, group):
        self.link(f"sys/bus/pci/devices/{address}/iommu_group", f"sys/kernel/iommu_groups/{group}")
        self.link(f"sys/kernel/iommu_groups/{group}/devices/{address}", f"sys/bus/pci/devices/{address}")
        self.write(f"sys/kernel/iommu_groups/{group}/type", "identity\n")

    def add_device(self, address, driver, group, pci_class="0x010601"):
        """A PCI device that is no NIC."""
        self.write(f"sys/bus/pci/devices/{address}/class", pci_class + "\n")
        if driver:
            self.load(driver)
            self.link(f"sys/bus/pci/devices/{address}/driver", f"sys/bus/pci/drivers/{driver}")
        self.join_group(address, group)

    def add_interface(self, name, lower=(), kind=None):
        """An interface without a device: a bridge, a VLAN, a veth."""
        self.write(f"sys/class/net/{name}/flags", "0x1003\n")
        self.write(f"sys/class/net/{name}/operstate", "up\n")
        for other in lower:
            self.link(f"sys/class/net/{name}/lower_{other}", f"sys/class/net/{other}")
        self.kernel["interfaces"].setdefault(name, {})["kind"] = kind

    def set_up(self, interface, *addresses):
        self.write(f"sys/class/net/{interface}/flags", "0x1003\n")
        self.kernel["interfaces"].setdefault(interface, {})["addresses"] = list(addresses)

    def route_by(self, interface, family=4):
        if family == 4:
            self.write("proc/net/route", self.read("proc/net/route") +
                       f"{interface}\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\n")
        else:
            zero = "0" * 32
            self.write("proc/net/ipv6_route", f"{zero} 00 {zero} 00 {zero} 00000400 00000001 00000000 00000003 {interface}\n")

    def add_node(self, number, free_mb=8192, obtainable=None, sizes=(2048, 1048576)):
        """A NUMA node with memory. `obtainable` says how many pages of 2 MiB and 1 GiB can be made there; what is free
        says it unless told."""
        largest = dict(zip((2048, 1048576), obtainable or (free_mb // 2, free_mb // 1024)))
        home = f"sys/devices/system/node/node{number}"
        self.write(f"{home}/meminfo", f"Node {number} MemTotal: {free_mb * 2048} kB\nNode {number} MemFree: {free_mb * 512} kB\n"
                   f"Node {number} Active(file): {free_mb * 256} kB\nNode {number} Inactive(file): {free_mb * 256} kB\n")
        nodes = self.kernel.setdefault("nodes", {})
        nodes[str(number)] = {"free_mb": free_mb, "obtainable": {str(size): largest[size] for size in sizes}}
        for size in sizes:
            for place in (home, "sys/kernel/mm"):
                for count in ("nr_hugepages", "free_hugepages"):
                    self.write(f"{place}/hugepages/hugepages-{size}kB/{count}", "0\n")
        available = sum(node["free_mb"] for node in nodes.values())
        self.write("proc/meminfo", f"MemTotal: {available * 2048} kB\nMemAvailable: {available * 1024} kB\n")
        pieces = "".join(f"Node {one}, zone   Normal      9      8      7      6      5      4      3      2      1      4      3\n"
                         for one in sorted(nodes))
        self.write("proc/buddyinfo", pieces)

    def pages(self, number=None, size=2048):
        """(reserved, free) of a node, or of all."""
        home = "sys/kernel/mm" if number is None else f"sys/devices/system/node/node{number}"
        pool = f"{home}/hugepages/hugepages-{size}kB"
        return int(self.read(f"{pool}/nr_hugepages")), int(self.read(f"{pool}/free_hugepages"))

    def set_pages(self, number, count, size=2048):
        """Somebody else writes to nr_hugepages of a node; all of its pages are free."""
        change = count - self.pages(number, size)[0]
        for home in (f"sys/devices/system/node/node{number}", "sys/kernel/mm"):
            for what in ("nr_hugepages", "free_hugepages"):
                path = f"{home}/hugepages/hugepages-{size}kB/{what}"
                self.write(path, f"{int(self.read(path)) + change}\n")

    def use_pages(self, number, count, size=2048):
        """A process takes so many free pages of a node."""
        for home in (f"sys/devices/system/node/node{number}", "sys/kernel/mm"):
            path = f"{home}/hugepages/hugepages-{size}kB/free_hugepages"
            self.write(path, f"{int(self.read(path)) - count}\n")

    def driver(self, address):
        link = self.root / f"sys/bus/pci/devices/{address}/driver"
        return os.path.basename(os.readlink(link)) if link.is_symlink() else None

    def interfaces(self):
        return {path.name for path in (self.root / "sys/class/net").iterdir()}

    def hold(self, file, pid=4242, name="penstock"):
        """A process that has a file open."""
        (self.root / f"proc/{pid}/fd").mkdir(parents=True)
        (self.root / f"proc/{pid}/fd/7").symlink_to(file)
        self.write(f"proc/{pid}/comm", f"{name}\n")

    def run(self, script, *words, **environment):
        self.write("fake/kernel.json", json.dumps(self.kernel))
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SSH_")}
        env = {**inherited, "PENSTOCK_SYSROOT": str(self.root), "LC_ALL": "C", "PATH": str(self.bin), **environment}
        return Done(subprocess.run([str(ROOT / script), *words], env=env, stdin=subprocess.DEVNULL, capture_output=True,
                                   text=True, timeout=RUN_SECONDS, check=False, start_new_session=True))

    def told(self):
        """The commands that would change a machine, in their order."""
        path = self.root / "fake/calls"
        return path.read_text().splitlines() if path.exists() else []

    def picture(self):
        """All of the tree but the notes of the fakes: equal pictures, equal machines."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            name = str(path.relative_to(self.root))
            if name.split("/")[0] == "fake":
                continue
            found[name] = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else "directory"
        return found
