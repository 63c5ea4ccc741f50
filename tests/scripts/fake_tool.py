"""The tools that the scripts call, and the kernel behind them, over the tree of machine.py: `fake_tool.py TOOL ARGUMENTS`.

Each does what the real one does to the files that the scripts read, as far as they rely on it."""

import os
import pathlib
import shutil
import signal
import sys

sys.dont_write_bytecode = True

from fake_kernel import FAULTS, KERNEL, ROOT, note  # noqa: E402
import hugepages  # noqa: E402

DEVICES, DRIVERS = ROOT / "sys/bus/pci/devices", ROOT / "sys/bus/pci/drivers"
DPDK = ("vfio-pci", "uio_pci_generic", "igb_uio")


def relative(path, target):
    path.symlink_to(os.path.relpath(target, path.parent))


def driver_of(address):
    link = DEVICES / address / "driver"
    return os.path.basename(os.readlink(link)) if link.is_symlink() else None


def interface_level(address):
    level = DEVICES / address
    return level / "virtio0" if (level / "virtio0").is_dir() else level


def detach(address):
    """What the kernel does when a driver lets a device go."""
    if driver_of(address) is None:
        return
    (DEVICES / address / "driver").unlink()
    net = interface_level(address) / "net"
    if net.is_dir():
        for interface in net.iterdir():
            (ROOT / "sys/class/net" / interface.name).unlink()
        shutil.move(str(net), str(ROOT / "fake/stash" / address))
    group = DEVICES / address / "iommu_group"
    if group.is_symlink():
        number = os.path.basename(os.readlink(group))
        (ROOT / "dev/vfio" / number).unlink(missing_ok=True)
        if (ROOT / "dev/vfio" / f"noiommu-{number}").exists():
            (ROOT / "dev/vfio" / f"noiommu-{number}").unlink()
            group.unlink()
            shutil.rmtree(ROOT / "sys/kernel/iommu_groups" / number)


def set_override(address, text):
    """The kernel shows the empty override as "(null)"."""
    (DEVICES / address / "driver_override").write_text((text.strip("\0\n") or "(null)") + "\n")


def attach(address, driver):
    """Whether the kernel lets a driver have a device."""
    override = (DEVICES / address / "driver_override").read_text().strip()
    natural = (ROOT / "fake/kernel_driver" / address).read_text()
    if driver in FAULTS or (driver in DPDK and address in FAULTS) or not (DRIVERS / driver).is_dir():
        return False
    if override not in ("(null)", driver) or (override != driver and driver != natural):
        return False
    if driver == "vfio-pci" and not vfio_takes(address):
        return False
    relative(DEVICES / address / "driver", DRIVERS / driver)
    stash = ROOT / "fake/stash" / address
    if driver not in DPDK and stash.is_dir() and "no interface" not in FAULTS:
        net = interface_level(address) / "net"
        shutil.move(str(stash), str(net))
        for interface in net.iterdir():
            relative(ROOT / "sys/class/net" / interface.name, interface)
    return True


def vfio_takes(address):
    group = DEVICES / address / "iommu_group"
    if group.is_symlink():
        (ROOT / "dev/vfio" / os.path.basename(os.readlink(group))).write_text("")
        return True
    switch = ROOT / "sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
    if not switch.exists() or switch.read_text().strip() != "Y":
        return False
    groups = ROOT / "sys/kernel/iommu_groups"
    number = next(number for number in range(90, 100) if not (groups / str(number)).exists())
    (groups / str(number)).mkdir()
    (groups / str(number) / "name").write_text("vfio-noiommu\n")
    relative(group, groups / str(number))
    (ROOT / f"dev/vfio/noiommu-{number}").write_text("")
    return True


def devbind(words):
    note("dpdk-devbind.py", *words)
    driver = next((word[len("--bind="):] for word in words if word.startswith("--bind=")), None)
    address = words[-1]
    if driver is None:
        detach(address)
        return 0
    if not (DRIVERS / driver).is_dir():
        print(f"Error: Driver '{driver}' is not loaded.", file=sys.stderr)
        return 1
    before = driver_of(address)
    detach(address)
    set_override(address, driver if driver in DPDK else "")
    bound = attach(address, driver)
    set_override(address, "")
    if "killed" in FAULTS:
        os.killpg(0, signal.SIGKILL)
    if not bound:
        print(f"Error: bind failed for {address} - Cannot bind to driver {driver}", file=sys.stderr)
        if before is not None and "no way back" not in FAULTS:
            attach(address, before)
    # The real one ends with 0 after a failure, too.
    return 0


def driverctl(words):
    """Binds first and saves then, so that it fails without a trace in its folder."""
    note("driverctl", *words)
    command, address, driver = words
    if command != "set-override":
        sys.exit(f"driverctl: not known here: {words}")
    detach(address)
    set_override(address, driver)
    if not attach(address, driver):
        return 1
    (ROOT / "etc/driverctl.d" / f"pci-{address}").write_text(driver + "\n")
    return 0


def modprobe(words):
    name = words[-1]
    if name not in KERNEL["modules"]:
        return 1
    if "--dry-run" not in words:
        note("modprobe", name)
        (DRIVERS / name).mkdir(exist_ok=True)
        (ROOT / "sys/module" / name.replace("-", "_")).mkdir(exist_ok=True)
        if name == "vfio-pci":
            (ROOT / "sys/module/vfio/parameters").mkdir(parents=True, exist_ok=True)
            if "noiommu" in KERNEL:
                (ROOT / "sys/module/vfio/parameters/enable_unsafe_noiommu_mode").write_text(KERNEL["noiommu"] + "\n")
    return 0


def ip(words):
    family = 6 if "-6" in words else 4
    words = [word for word in words if not word.startswith("-")]
    interfaces = KERNEL["interfaces"]
    if words[:3] == ["addr", "show", "dev"]:
        for address in interfaces.get(words[3], {}).get("addresses", []):
            print(f"3: {words[3]}    {'inet6' if ':' in address else 'inet'} {address} scope global {words[3]}")
    elif words[:3] == ["addr", "show", "to"]:
        for name, interface in interfaces.items():
            for address in interface.get("addresses", []):
                if address.split("/")[0] == words[3]:
                    print(f"3: {name}    inet {address} scope global {name}")
    elif words == ["route", "show", "table", "all", "default"]:
        for route in KERNEL["default_routes"].get(str(family), []):
            print(f"default {route}")
    elif words[:2] == ["route", "get"]:
        if words[2] not in KERNEL["routes"]:
            return 2
        print(f"{words[2]} via 192.0.2.1 dev {KERNEL['routes'][words[2]]} src 192.0.2.2 uid 0")
    elif words[:3] == ["link", "show", "dev"]:
        kind = interfaces.get(words[3], {}).get("kind")
        peer = "@pen1" if kind == "veth" else ""
        print(f"5: {words[3]}{peer}: <BROADCAST,UP> mtu 1500 \\ link/ether 02:00:00:00:00:05 \\ {kind or ''} addrgenmode eui64")
    else:
        sys.exit(f"ip: not known here: {words}")
    return 0


def ss(_words):
    for ours, peer in KERNEL["ssh"]:
        print(f"0 0 {ours} {peer} users:((\"sshd\",pid=77,fd=4))")
    print('0 0 198.51.100.9:80 198.51.100.7:4000 users:(("nginx",pid=78,fd=9))')
    return 0


def tee(words):
    """What the kernel is told by a write to one of its files."""
    path, text = pathlib.Path(words[-1]), sys.stdin.read()
    note("tell", text.strip(), str(path.relative_to(ROOT)))
    if path == ROOT / "sys/bus/pci/drivers_probe":
        address = text.strip()
        natural = (ROOT / "fake/kernel_driver" / address).read_text()
        return 0 if driver_of(address) is None and attach(address, natural) else 1
    if path.name == "driver_override":
        set_override(path.parent.name, text)
    elif path.name == "nr_hugepages":
        hugepages.reserve(path, int(text))
    elif path.name == "compact_memory":
        (ROOT / "fake/compacted").write_text("")
    else:
        path.write_text(text)
    return 0


def chown(words):
    note("chown", words[0], str(pathlib.Path(words[1]).relative_to(ROOT)))
    return 0


def penstock(words):
    """penstock --capacity: so much for each worker, as KERNEL["capacity_mib"] says."""
    note("penstock", *words)
    if "penstock" in FAULTS:
        print("penstock: a.toml:7: listener.mtu: is too large", file=sys.stderr)
        return 2
    first, last = (words[words.index("-l") + 1] if "-l" in words else "0-0").split("-")
    workers, each = int(last) - int(first) + 1, KERNEL["capacity_mib"]
    print(f"buffers of one worker\n  1 x 1 B = {each:.1f} MiB  payload that sessions hold\n"
          f"sum: {each:.1f} MiB a worker, {each * workers:.1f} MiB for {workers} worker{'s' if workers > 1 else ''}")
    return 0


def main():
    tool, words = sys.argv[1], sys.argv[2:]
    known = {"dpdk-devbind.py": devbind, "driverctl": driverctl, "modprobe": modprobe, "ip": ip, "ss": ss, "tee": tee,
             "chown": chown, "lspci": lambda _: 0, "sync": lambda _: 0, "penstock": penstock, "mount": hugepages.mount,
             "umount": hugepages.umount}
    return known[tool](words)


if __name__ == "__main__":
    sys.exit(main())
