"""bind.sh: what it refuses, each by one sentence with the command that mends it, and leaves the machine as it was."""

from bind_cases import BIND, NIC, OTHER, UNBIND, expect_untouched, one_nic, refused
from cases import case, expect, expect_done, expect_refused

STATUS = "drivers-config/status.sh"
CHOOSE_ANOTHER = "choose another device"


@case
def a_kernel_without_vfio_is_told(machines):
    machine = one_nic(machines)
    machine.unload("vfio-pci")
    machine.kernel["modules"] = []
    refused(machine, "eth1", said=["no module vfio-pci", "install the modules"])
    refused(machine, "--dry-run", "eth1", said=["no module vfio-pci", "install the modules"])


@case
def the_default_route_is_refused(machines):
    for family in (4, 6):
        machine = one_nic(machines)
        machine.route_by("eth1", family)
        refused(machine, "eth1", said=["eth1, which carries the default route", CHOOSE_ANOTHER, "--force"])
        refused(machine, "--dry-run", "--driver", "uio_pci_generic", NIC, said=["default route"])


@case
def each_leg_and_each_table_of_default_routes_is_seen(machines):
    # As ip prints them; /proc/net/route has only the first leg, and only the main table.
    for family, route in (
            ("4", "proto static metric 100 \\\tnexthop via 192.0.2.1 dev eth0 weight 1 \\\tnexthop via 198.51.100.1 dev eth1 weight 1 "),
            ("4", "via 198.51.100.1 dev eth1 table 100 proto static "),
            ("6", "via fe80::1 dev eth1 table 100 proto ra metric 1024 pref medium")):
        machine = one_nic(machines)
        machine.route_by("eth0")
        machine.kernel["default_routes"] = {"6": ["dev lo metric 4294967295 error -101"]}
        expect_done(machine.run(BIND, "--dry-run", "eth1"))
        machine.kernel["default_routes"] = {family: ["via 192.0.2.1 dev eth0 proto dhcp ", route]}
        refused(machine, "eth1", said=["eth1, which carries the default route"])


@case
def without_ip_status_knows_the_default_routes_of_proc(machines):
    machine = one_nic(machines)
    machine.route_by("eth1")
    (machine.bin / "ip").unlink()
    expect_done(machine.run(STATUS), "carries the default route: NEVER")


@case
def the_default_route_is_found_below_a_bridge_a_bond_and_a_vlan(machines):
    machine = one_nic(machines)
    machine.add_interface("bond0", lower=["eth1"])
    machine.add_interface("bond0.7", lower=["bond0"])
    machine.add_interface("br0", lower=["bond0.7"])
    machine.route_by("br0")
    refused(machine, "eth1", said=["eth1, which carries the default route"])


@case
def the_default_route_of_many_interfaces_is_still_found(machines):
    machine = one_nic(machines)
    machine.route_by("eth1")
    for number in range(3000):
        machine.kernel["interfaces"][f"tun{number:04}"] = {}
    machine.write("proc/net/route", machine.read("proc/net/route") + "".join(
        f"tun{number:04}\t00000000\t00000000\t0001\t0\t0\t0\t00000000\n" for number in range(3000)))
    refused(machine, "eth1", said=["eth1, which carries the default route"])


@case
def a_virtual_function_with_the_default_route_keeps_its_parent(machines):
    machine = one_nic(machines)
    machine.add_nic("0000:3b:02.0", "eth1v0", driver="iavf")
    machine.link(f"sys/bus/pci/devices/{NIC}/virtfn0", "sys/bus/pci/devices/0000:3b:02.0")
    machine.write(f"sys/bus/pci/devices/{NIC}/sriov_numvfs", "1\n")
    refused(machine, "eth1", said=["1 virtual functions", "sriov_numvfs"])
    machine.route_by("eth1v0")
    refused(machine, "eth1", said=["eth1v0, which carries the default route"])


@case
def ssh_is_refused(machines):
    machine = one_nic(machines)
    machine.kernel["interfaces"]["eth1"] = {"addresses": ["198.51.100.5/24"]}
    picture = machine.picture()
    done = machine.run(BIND, "eth1", SSH_CONNECTION="203.0.113.9 50000 198.51.100.5 22")
    expect_refused(done, "eth1, which carries an ssh connection")
    done = machine.run(BIND, "eth1", SSH_CONNECTION="fe80::9%eth1 50000 fe80::1%eth1 22")
    expect_refused(done, "eth1, which carries an ssh connection")
    expect_untouched(machine, picture)


@case
def ssh_of_others_and_after_sudo_is_refused(machines):
    for ours in ("198.51.100.5:22", "[::ffff:198.51.100.5]:22"):
        machine = one_nic(machines)
        machine.kernel["interfaces"]["eth1"] = {"addresses": ["198.51.100.5/24"]}
        machine.kernel["ssh"] = [["192.0.2.2:22", "192.0.2.7:999"], [ours, "203.0.113.9:50000"]]
        refused(machine, "eth1", said=["eth1, which carries an ssh connection"])
    # "::ffff:" in the middle is a part of the address.
    machine = one_nic(machines)
    machine.kernel["interfaces"]["eth1"] = {"addresses": ["2001:db8::ffff:5/64"]}
    machine.kernel["ssh"] = [["[2001:db8::ffff:5]:22", "[2001:db8:1::7]:50000"]]
    refused(machine, "eth1", said=["eth1, which carries an ssh connection"])
    expect_done(machine.run(STATUS), "carries an ssh connection: NEVER")
    machine = one_nic(machines)
    machine.kernel["ssh"] = [["[fe80::1%eth1]:22", "[fe80::9%eth1]:50000"]]
    refused(machine, "eth1", said=["eth1, which carries an ssh connection"])


@case
def the_way_back_of_ssh_is_refused(machines):
    machine = one_nic(machines)
    machine.kernel["ssh"] = [["192.0.2.2:22", "203.0.113.9:50000"]]
    machine.kernel["routes"] = {"203.0.113.9": "eth1"}
    refused(machine, "eth1", said=["eth1, which carries an ssh connection"])


@case
def a_connection_of_another_service_is_not_in_the_way(machines):
    machine = one_nic(machines)
    machine.kernel["routes"] = {"198.51.100.7": "eth1"}
    expect_done(machine.run(BIND, "eth1"))


@case
def an_active_interface_is_refused(machines):
    machine = one_nic(machines)
    machine.set_up("eth1")
    refused(machine, "eth1", said=["is active: it is up", "ip link set eth1 down"])
    machine.set_up("eth1", "10.1.2.3/24")
    refused(machine, "eth1", said=["is active: it has addresses", "ip addr flush dev eth1"])
    machine.add_interface("bond0", lower=["eth1"])
    machine.link("sys/class/net/eth1/master", "sys/class/net/bond0")
    refused(machine, "eth1", said=["belongs to bond0", "nomaster"])


@case
def force_takes_what_is_in_use_and_says_so(machines):
    machine = one_nic(machines)
    machine.set_up("eth1", "10.1.2.3/24")
    machine.route_by("eth1")
    done = machine.run(BIND, "--force", "eth1")
    expect_done(done, "WARNING: binding takes away eth1, which carries the default route", "WARNING: eth1",
                "is bound to vfio-pci")
    expect(f"dpdk-devbind.py --force --bind=vfio-pci {NIC}" in machine.told(), "devbind was not told", machine.told())


@case
def force_takes_no_device_that_a_process_uses(machines):
    machine = one_nic(machines)
    machine.run(BIND, "eth1")
    machine.hold("/dev/vfio/0")
    picture, told = machine.picture(), machine.told()
    for words in (["--driver", "uio_pci_generic"], ["--persist"]):
        expect_refused(machine.run(BIND, "--force", *words, "eth1"), "in use by process 4242 (penstock)", "kill -TERM 4242")
    expect(machine.picture() == picture and machine.told() == told, "something was done")


@case
def without_an_iommu_the_mending_is_named(machines):
    for cpu, cmdline, said in (
            ("vendor_id : GenuineIntel\n", "quiet\n", ["VT-d", "add 'intel_iommu=on iommu=pt'", "update-grub"]),
            ("vendor_id : GenuineIntel\n", "quiet intel_iommu=on\n", ["VT-d", "has intel_iommu=on already"]),
            ("vendor_id : AuthenticAMD\n", "quiet\n", ["AMD-Vi", "add 'iommu=pt'"]),
            ("vendor_id : AuthenticAMD\nflags : fpu hypervisor lahf\n", "quiet\n", ["give this virtual machine an IOMMU"])):
        machine = one_nic(machines, iommu=False)
        machine.write("proc/cpuinfo", cpu)
        machine.write("proc/cmdline", cmdline)
        refused(machine, "eth1", said=["has no IOMMU, which vfio-pci needs", "--driver uio_pci_generic", *said])


@case
def a_kernel_without_no_iommu_mode_is_told(machines):
    machine = one_nic(machines, iommu=False)
    (machine.root / "sys/module/vfio").mkdir()
    refused(machine, "--force", "eth1", said=["no no-IOMMU mode (CONFIG_VFIO_NOIOMMU)", "uio_pci_generic"])


@case
def uio_under_a_translating_iommu_is_refused(machines):
    machine = one_nic(machines)
    machine.write("sys/kernel/iommu_groups/0/type", "DMA-FQ\n")
    refused(machine, "--driver", "uio_pci_generic", "eth1", said=["reaches no memory", "iommu=pt"])


@case
def mlx5_with_the_default_route_is_refused(machines):
    machine = one_nic(machines, driver="mlx5_core", vendor="0x15b3")
    machine.route_by("eth1")
    refused(machine, "eth1", said=["penstock takes the frames of eth1, which carries the default route"])


@case
def a_profile_for_another_device_is_refused(machines):
    machine = one_nic(machines)
    refused(machine, "--profile", "mlx5", "eth1", said=["is of vendor 0x8086", "mlx5 is for 0x15b3"])
    refused(machine, "--profile", "virtio", "eth1", said=["leave out --profile"])


@case
def company_in_the_iommu_group_is_named_and_refused(machines):
    machine = one_nic(machines, group=7)
    machine.add_nic(OTHER, "eth2", group=7)
    machine.add_device("0000:3a:00.0", "pcieport", 7, "0x060400")
    machine.add_device("0000:3b:00.2", None, 7)
    refused(machine, "eth1", said=["shares IOMMU group 7", f"{OTHER} (eth2, e1000e), so"])
    done = machine.run(BIND, "eth1", "eth2")
    expect_done(done, f"-a {NIC} -a {OTHER}\n")
    machine.add_device("0000:3b:00.3", "ahci", 7)
    machine.run(UNBIND, "eth1")
    expect_refused(machine.run(BIND, "--force", "eth1"), "0000:3b:00.3 (ahci), so")


@case
def missing_tools_are_named(machines):
    for tool, words, said in (("driverctl", ["--persist", "eth1"], "apt-get install driverctl"),
                              ("dpdk-devbind.py", ["eth1"], "apt-get install dpdk"),
                              ("lspci", ["eth1"], "apt-get install pciutils")):
        machine = one_nic(machines)
        (machine.bin / tool).unlink()
        refused(machine, *words, said=[said])


@case
def what_is_no_nic_is_refused(machines):
    machine = one_nic(machines)
    machine.add_device("0000:00:1f.2", "ahci", 30)
    machine.add_interface("pen0", kind="veth")
    refused(machine, "0000:00:1f.2", said=["is no network device (class 0x010601)"])
    refused(machine, "0000:77:00.0", said=["there is no PCI device 0000:77:00.0", "status.sh"])
    refused(machine, "pen0", said=["no PCI device that could be bound", "--profile af_packet pen0"])
    refused(machine, "eth9", said=["neither a PCI device nor an interface 'eth9'"])


@case
def wrong_use_ends_with_2(machines):
    machine = one_nic(machines)
    for words, said in (([], "which DEVICE"), (["--driver"], "--driver needs a value"), (["--driver", "ixgbe", "eth1"], "'ixgbe'"),
                        (["--frce", "eth1"], "'--frce'"), (["--profile", "dpdk", "eth1"], "'dpdk' is none of af_packet"),
                        (["--profile", "uio", "--driver", "vfio-pci", "eth1"], "leave out --driver"),
                        # As `bind.sh "$NIC"` with a variable that is not set: no device is meant, and none is taken.
                        ([""], "'' cannot be the name"), (["."], "'.' cannot be"), (["eth1", "../eth1"], "'../eth1' cannot be"),
                        (["--profile", "af_packet", "."], "'.' cannot be the name")):
        refused(machine, *words, said=[said, "see --help"], status=2)
    expect_done(machine.run(BIND, "--help"), "Usage: bind.sh", "Exit: 0 done")
