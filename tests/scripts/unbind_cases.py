"""unbind.sh, the profiles that bind nothing, and status.sh."""

import shutil

from bind_cases import BIND, NIC, OTHER, UNBIND, expect_untouched, one_nic
from cases import case, expect, expect_done, expect_refused
from guard_cases import STATUS
from machine import ROOT


@case
def unbind_is_the_exact_undo(machines):
    machine = one_nic(machines)
    machine.add_nic(OTHER, "eth2", driver="ixgbe")
    picture = machine.picture()
    expect_done(machine.run(BIND, "eth1", "eth2"))
    expect_done(machine.run(UNBIND, "eth2"), f"{OTHER} is with ixgbe again, interface eth2")
    expect_done(machine.run(UNBIND, "--all"), f"{NIC} is with e1000e again, interface eth1")
    expect(machine.picture() == picture, "is not as it was")
    expect_done(machine.run(UNBIND, "--all"), "nothing is bound")
    expect_done(machine.run(UNBIND, "eth1"), "is with the kernel already")
    expect(machine.picture() == picture, "is not as it was")


@case
def unbind_dry_run_changes_nothing(machines):
    machine = one_nic(machines)
    machine.run(BIND, "--persist", "eth1")
    picture, told = machine.picture(), machine.told()
    expect_done(machine.run(UNBIND, "--dry-run", "--all"), f"would remove /etc/driverctl.d/pci-{NIC}",
                f"would run: dpdk-devbind.py --bind=e1000e {NIC}")
    expect(machine.picture() == picture and machine.told() == told, "something was done")


@case
def what_was_bound_by_hand_goes_where_the_kernel_says(machines):
    machine = one_nic(machines)
    machine.bound_by_hand(NIC)
    expect_done(machine.run(UNBIND, "--dry-run", NIC), "let the kernel choose")
    expect_done(machine.run(UNBIND, NIC), f"{NIC} is with e1000e again, interface eth1")


@case
def an_override_is_cleared_first(machines):
    machine = one_nic(machines)
    machine.bound_by_hand(NIC)
    machine.write(f"sys/bus/pci/devices/{NIC}/driver_override", "vfio-pci\n")
    expect_done(machine.run(UNBIND, NIC), "with e1000e again")


@case
def a_driver_that_went_is_loaded_again_or_replaced(machines):
    machine = one_nic(machines)
    machine.run(BIND, "eth1")
    machine.unload("e1000e")
    machine.kernel["modules"].append("e1000e")
    expect_done(machine.run(UNBIND, "eth1"), "with e1000e again")
    machine.run(BIND, "eth1")
    machine.write("run/penstock/bindings", f"{NIC} vfio-pci oldname eth1 -\n")
    expect_done(machine.run(UNBIND, "eth1"), "oldname did not take", "with e1000e again, interface eth1")


@case
def a_device_without_driver_goes_back_to_none(machines):
    machine = one_nic(machines)
    (machine.root / f"sys/bus/pci/devices/{NIC}/driver").unlink()
    machine.write(f"fake/kernel_driver/{NIC}", "not-there")
    expect_done(machine.run(BIND, NIC), "was without a driver")
    expect_done(machine.run(UNBIND, NIC), "has no driver, as before")
    expect(not machine.path("run/penstock").exists(), "a note is left")


@case
def what_does_not_come_back_is_told(machines):
    machine = one_nic(machines)
    machine.add_nic(OTHER, "eth2")
    machine.run(BIND, "eth1", "eth2")
    machine.write(f"fake/kernel_driver/{NIC}", "not-there")
    done = machine.run(UNBIND, "--all")
    expect(done.status == 1, "was taken for done", done)
    expect(f"no driver of the kernel took {NIC}" in done.err, "was not told", done)
    expect(f"{OTHER} is with e1000e again" in done.out, "one failure kept the other", done)


@case
def an_interface_that_does_not_come_back_is_told(machines):
    machine = one_nic(machines)
    machine.run(BIND, "eth1")
    machine.kernel["faults"] = ["no interface"]
    expect_refused(machine.run(UNBIND, "eth1"), "its interface eth1 did not come back")


@case
def a_device_that_is_gone_is_forgotten(machines):
    for persist, words in (([], ["--all"]), (["--persist"], ["--all"]), ([], ["eth1"])):
        machine = one_nic(machines)
        machine.add_nic(OTHER, "eth2")
        expect_done(machine.run(BIND, *persist, "eth1", "eth2"))
        machine.pull_out(NIC)
        picture = machine.picture()
        expect_done(machine.run(UNBIND, "--dry-run", *words), f"{NIC} is gone")
        expect(machine.picture() == picture, "something was done")
        expect_refused(machine.run(BIND, "eth1"), f"there is no PCI device {NIC}")
        expect_done(machine.run(UNBIND, *words), f"{NIC} is gone")
        expect_done(machine.run(UNBIND, "--all"), "interface eth2" if words == ["eth1"] else "nothing is bound")
        expect(not any(machine.path(name).exists() for name in ("run/penstock", "var/lib/penstock", f"etc/driverctl.d/pci-{NIC}")),
               "something is left")


@case
def a_device_in_use_is_not_pulled_away(machines):
    machine = one_nic(machines)
    machine.run(BIND, "eth1")
    machine.hold("/dev/vfio/0")
    picture = machine.picture()
    for words in (["eth1"], ["--all"], ["--dry-run", "--all"]):
        expect_refused(machine.run(UNBIND, *words), "in use by process 4242 (penstock)", "kill -TERM 4242")
    expect_refused(machine.run(BIND, "--driver", "uio_pci_generic", "eth1"), "in use by process 4242")
    expect(machine.picture() == picture, "something was done")


@case
def wrong_use_of_unbind_ends_with_2(machines):
    machine = one_nic(machines)
    machine.run(BIND, "eth1")
    picture = machine.picture()
    for words, said in (([], "which DEVICE"), (["--all", "eth1"], "not both"), (["--frce", "eth1"], "'--frce'"),
                        ([""], "'' cannot be the name of a device"), (["."], "'.' cannot be"), (["eth1", ""], "'' cannot be")):
        expect_refused(machine.run(UNBIND, *words), said, status=2)
    expect(machine.picture() == picture, "something was done")
    expect_done(machine.run(UNBIND, "--help"), "Usage: unbind.sh")


@case
def each_profile_tells_itself(machines):
    machine = machines()
    listed = machine.run(BIND, "--list-profiles")
    names = [line.split()[0] for line in listed.out.splitlines()]
    expect(names == sorted(["vfio-pci", "mlx5", "virtio", "uio", "af_xdp", "af_packet", "tap"]), "the list is wrong", listed)
    for name in names:
        expect_done(machine.run(BIND, "--profile", name), f"{name}: ", "  - ", "EAL arguments: ")


@case
def af_packet_binds_nothing(machines):
    machine = one_nic(machines)
    machine.add_nic(OTHER, "eth2")
    machine.set_up("eth1")
    machine.set_up("eth2")
    picture = machine.picture()
    done = machine.run(BIND, "--profile", "af_packet", "eth1", "eth2")
    expect_done(done, "--no-pci --vdev=net_af_packet0,iface=eth1 --vdev=net_af_packet1,iface=eth2\n")
    expect("WARNING" not in done.said, "warned", done)
    expect_untouched(machine, picture)


@case
def af_packet_looks_at_the_interface(machines):
    machine = one_nic(machines)
    expect_done(machine.run(BIND, "--profile", "af_packet", "eth1"), "eth1 is down", "ip link set eth1 up")
    machine.set_up("eth1", "10.1.2.3/24")
    expect_done(machine.run(BIND, "--profile", "af_packet", "eth1"), "(10.1.2.3/24)", "ip addr flush dev eth1")
    # Nobody is told to cut himself off.
    machine.route_by("eth1")
    expect_done(machine.run(BIND, "--profile", "af_packet", "eth1"), "eth1 carries the default route",
                "(10.1.2.3/24), which must stay")
    machine.add_interface("pen0", kind="veth")
    expect_done(machine.run(BIND, "--profile", "af_packet", "pen0"), "ethtool -K pen1 tx off")
    expect_refused(machine.run(BIND, "--profile", "af_packet", "eth9"), "there is no interface 'eth9'")
    expect_refused(machine.run(BIND, "--profile", "af_packet", "--persist", "eth1"), "for devices that are bound", status=2)


@case
def af_xdp_refuses_the_default_route(machines):
    machine = one_nic(machines)
    machine.set_up("eth1")
    expect_done(machine.run(BIND, "--profile", "af_xdp", "eth1"), "--vdev=net_af_xdp0,iface=eth1\n")
    machine.route_by("eth1")
    expect_refused(machine.run(BIND, "--profile", "af_xdp", "eth1"), "takes the frames of eth1", "default route")


@case
def tap_needs_a_new_name(machines):
    machine = one_nic(machines)
    expect_done(machine.run(BIND, "--profile", "tap", "pen-tap0"), "--no-pci --vdev=net_tap0,iface=pen-tap0\n")
    expect_refused(machine.run(BIND, "--profile", "tap", "eth1"), "there is an interface eth1 already")
    expect_refused(machine.run(BIND, "--profile", "tap", "a/b"), "cannot be the name", status=2)


@case
def status_tells_fit_node_group_and_binding(machines):
    machine = machines()
    machine.add_nic("0000:00:03.0", "eth0", driver="virtio-pci", vendor="0x1af4", virtio="1" * 64, group=4)
    machine.add_nic("0000:3b:00.0", "eth1", driver="ixgbe", node=0, group=12)
    machine.add_nic("0000:86:00.0", "eth2", driver="mlx5_core", vendor="0x15b3", node=1, group=40)
    machine.add_nic("0000:87:00.0", "eth3", driver="i40e", node=1, group=41)
    machine.add_device("0000:87:00.1", "ahci", 41)
    machine.add_nic("0000:88:00.0", "eth4", driver="ixgbe", group=42)
    machine.add_interface("br0", lower=["eth0"])
    machine.write("sys/class/net/lo/operstate", "unknown\n")
    machine.route_by("br0")
    machine.set_up("eth4", "198.51.100.5/24")
    machine.kernel["ssh"] = [["198.51.100.5:22", "203.0.113.9:50000"]]
    machine.run(BIND, "--persist", "eth1")
    machine.hold("/dev/vfio/12")
    picture = machine.picture()
    done = machine.run(STATUS)
    expect_done(done, "driver vfio-pci, interface none, NUMA node 0, IOMMU group 12",
                "vfio-pci fits: IOMMU group 12 confines", "bound to vfio-pci by bind.sh; before: driver ixgbe, interface eth1",
                "driverctl binds it to vfio-pci at each boot", "in use by process 4242 (penstock)",
                "driver mlx5_core, interface eth2, NUMA node 1, IOMMU group 40", "stays with its driver: DPDK works beside",
                "but the group holds devices of kernel drivers: 0000:87:00.1 (ahci)", "IOMMU\n  on, 5 groups")
    lines = {line.split()[0]: line for line in done.out.splitlines() if line.startswith("  ") and line.split()}
    for name, words in (("eth0", "carries the default route: NEVER"), ("br0", "carries the default route: NEVER"),
                        ("eth2", "keep this driver"), ("eth3", "can be bound"),
                        ("eth4", "carries an ssh connection: NEVER")):
        expect(words in lines[name], f"does not say {words!r} of {name}", done)
    expect(machine.picture() == picture, "something was changed")
    expect_refused(machine.run(STATUS, "eth0"), "unknown argument", status=2)


@case
def status_of_a_machine_without_iommu(machines):
    machine = one_nic(machines, iommu=False)
    expect_done(machine.run(STATUS), "no driver fits: there is no IOMMU for it", "IOMMU\n  off: ")


@case
def the_scripts_work_where_they_are_installed(machines):
    machine = one_nic(machines)
    share = machine.root / "usr/share/penstock"
    shutil.copytree(ROOT / "drivers-config", share / "drivers-config")
    (machine.root / "usr/sbin").mkdir()
    (machine.root / "usr/sbin/penstock-bind").symlink_to("../share/penstock/drivers-config/bind.sh")
    expect_done(machine.run(machine.root / "usr/sbin/penstock-bind", "--list-profiles"), "vfio-pci")
    expect_done(machine.run(machine.root / "usr/sbin/penstock-bind", "eth1"), "is bound to vfio-pci")
    expect_done(machine.run(share / "drivers-config/unbind.sh", "--all"), "interface eth1")
