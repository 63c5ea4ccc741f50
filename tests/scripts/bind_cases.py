"""bind.sh: what it chooses, does and notes."""

from cases import case, expect, expect_done, expect_refused

BIND, UNBIND = "drivers-config/bind.sh", "drivers-config/unbind.sh"
NIC, OTHER = "0000:3b:00.0", "0000:3b:00.1"
NOIOMMU = "sys/module/vfio/parameters/enable_unsafe_noiommu_mode"


def one_nic(machines, **more):
    iommu = more.pop("iommu", True)
    machine = machines(iommu=iommu)
    machine.add_nic(NIC, "eth1", **more)
    return machine


def expect_untouched(machine, picture):
    expect(machine.picture() == picture, "the machine is not as it was")
    expect(not machine.told(), f"commands were run: {machine.told()}")


def refused(machine, *words, said=(), status=1):
    """The call is refused for a reason that holds these words, and nothing was touched."""
    picture = machine.picture()
    done = machine.run(BIND, *words)
    expect_refused(done, *said, status=status)
    expect_untouched(machine, picture)
    return done


@case
def binds_and_says_how_to_start(machines):
    machine = one_nic(machines)
    done = machine.run(BIND, "eth1")
    expect_done(done, f"{NIC} (eth1, e1000e): vfio-pci fits: IOMMU group 0", "was e1000e, interface eth1",
                f"start penstock with: -a {NIC}\n")
    expect(machine.driver(NIC) == "vfio-pci", "is not bound", done)
    expect(machine.read("run/penstock/bindings") == f"{NIC} vfio-pci e1000e eth1 -\n", "the note is wrong")


@case
def loads_the_module_when_it_is_not_there(machines):
    machine = one_nic(machines)
    machine.unload("vfio-pci")
    expect_done(machine.run(BIND, "eth1"), "loaded vfio-pci")
    expect(machine.told()[0] == "modprobe vfio-pci", "modprobe was not first")


@case
def dry_run_changes_nothing(machines):
    machine = one_nic(machines)
    machine.unload("vfio-pci")
    picture = machine.picture()
    done = machine.run(BIND, "--dry-run", "--persist", "--owner", "root", "eth1")
    expect_done(done, "would run: modprobe vfio-pci", f"would run: driverctl set-override {NIC} vfio-pci", "to root")
    expect_done(machine.run(BIND, "--dry-run", "eth1"), f"would run: dpdk-devbind.py --bind=vfio-pci {NIC}")
    expect_untouched(machine, picture)


@case
def bound_already_changes_nothing(machines):
    machine = one_nic(machines)
    machine.run(BIND, "eth1")
    picture, told = machine.picture(), machine.told()
    for name in ("eth1", NIC, NIC.upper(), "3b:00.0"):
        expect_done(machine.run(BIND, name), "is bound to vfio-pci already", f"start penstock with: -a {NIC}\n")
    expect(machine.picture() == picture and machine.told() == told, "something was done again")


@case
def several_devices_are_looked_at_before_one_is_touched(machines):
    machine = one_nic(machines)
    machine.add_nic(OTHER, "eth2")
    machine.set_up("eth2", "10.1.2.3/24")
    refused(machine, "eth1", "eth2", said=["eth2", "is active"])
    machine.set_up("eth2")
    machine.write("sys/class/net/eth2/flags", "0x1002\n")
    expect_done(machine.run(BIND, "eth1", OTHER, "eth2"), f"start penstock with: -a {NIC} -a {OTHER}\n")


@case
def no_iommu_mode_is_switched_on_by_force_and_off_again(machines):
    machine = one_nic(machines, iommu=False)
    machine.add_nic(OTHER, "eth2")
    machine.write(NOIOMMU, "N\n")
    picture = machine.picture()
    done = machine.run(BIND, "--force", "--persist", "eth1")
    expect_done(done, "WARNING: without an IOMMU", "must run as root", "/etc/modprobe.d", "is bound to vfio-pci")
    expect_done(machine.run(BIND, "eth1"), "is bound to vfio-pci already")
    expect_refused(machine.run(BIND, "eth1", "--owner", "root"), "only root can drive")
    expect_done(machine.run(UNBIND, "--all"), "interface eth1", "switched vfio's no-IOMMU mode off again")
    expect(machine.picture() == picture, "is not as it was")


@case
def no_iommu_mode_that_was_on_stays_on(machines):
    machine = one_nic(machines, iommu=False)
    machine.write(NOIOMMU, "Y\n")
    expect_done(machine.run(BIND, "--force", "eth1"))
    expect_done(machine.run(UNBIND, "--all"))
    expect(machine.read(NOIOMMU) == "Y\n", "was switched off")


@case
def no_iommu_mode_goes_back_with_the_last_that_needs_it(machines):
    for by_hand in (False, True):
        machine = one_nic(machines, iommu=False)
        machine.add_nic(OTHER, "eth2")
        machine.write(NOIOMMU, "N\n")
        picture = machine.picture()
        expect_done(machine.run(BIND, "--force", "eth1"))
        if by_hand:
            machine.devbind("vfio-pci", OTHER)
        else:
            expect_done(machine.run(BIND, "--force", "eth2"))
        done = machine.run(UNBIND, "eth1")
        expect_done(done, "interface eth1")
        expect(machine.read(NOIOMMU) == "Y\n", "was switched off under the other", done)
        if by_hand:
            machine.devbind("e1000e", OTHER)
        expect_done(machine.run(UNBIND, *(["--all"] if by_hand else [OTHER])), "switched vfio's no-IOMMU mode off again")
        expect(machine.picture() == picture, "is not as it was")


@case
def no_iommu_mode_goes_back_after_a_binding_that_failed(machines):
    machine = one_nic(machines, iommu=False)
    machine.write(NOIOMMU, "N\n")
    machine.kernel["faults"] = ["vfio-pci"]
    picture = machine.picture()
    done = machine.run(BIND, "--force", "eth1")
    expect(done.status == 1 and machine.picture() == picture, "is not as it was", done)


@case
def the_profile_vfio_pci_binds_to_it(machines):
    machine = one_nic(machines)
    machine.bound_by_hand(NIC, "uio_pci_generic")
    # Also where another driver of DPDK's has it, which would be kept without the profile.
    expect_done(machine.run(BIND, "--profile", "vfio-pci", NIC), "is bound to vfio-pci", f"start penstock with: -a {NIC}\n")
    machine = one_nic(machines)
    expect_done(machine.run(BIND, "--profile", "vfio-pci", "eth1"), "was e1000e, interface eth1", f"-a {NIC}\n")
    expect(machine.driver(NIC) == "vfio-pci", "is not bound")
    expect_done(machine.run(UNBIND, "eth1"), "with e1000e again, interface eth1")
    # The profile insists where no driver would be chosen.
    refused(one_nic(machines, iommu=False), "--profile", "vfio-pci", "eth1", said=["has no IOMMU, which vfio-pci needs"])


@case
def uio_is_taken_only_when_asked_for(machines):
    for words in (["--driver", "uio_pci_generic"], ["--profile", "uio"]):
        machine = one_nic(machines, iommu=False)
        done = machine.run(BIND, *words, "eth1")
        expect_done(done, "loaded uio_pci_generic", "WARNING: with uio_pci_generic nothing keeps", f"-a {NIC}\n")
        expect(machine.driver(NIC) == "uio_pci_generic", "is not bound", done)
        expect_done(machine.run(BIND, NIC), "is bound to uio_pci_generic already")
        expect_done(machine.run(UNBIND, "eth1"), "with e1000e again, interface eth1")


@case
def a_change_of_driver_goes_back_to_the_first(machines):
    machine = one_nic(machines)
    machine.run(BIND, "--driver", "uio_pci_generic", "eth1")
    expect_done(machine.run(BIND, "eth1"), "is bound to vfio-pci (was uio_pci_generic")
    expect_done(machine.run(UNBIND, "eth1"), "with e1000e again, interface eth1")


@case
def mlx5_stays_with_the_kernel(machines):
    machine = one_nic(machines, driver="mlx5_core", vendor="0x15b3")
    (machine.root / f"sys/bus/pci/devices/{NIC}/infiniband/mlx5_0").mkdir(parents=True)
    machine.write("usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0/librte_net_mlx5.so", "")
    machine.set_up("eth1", "10.1.2.3/24")
    picture = machine.picture()
    for words in (["eth1"], [NIC, "--profile", "mlx5"], ["--force", "eth1"]):
        done = machine.run(BIND, *words)
        expect_done(done, f"{NIC} stays with mlx5_core: nothing is to be done", f"start penstock with: -a {NIC}\n")
        expect("WARNING" not in done.said, "warned", done)
    refused(machine, "--driver", "vfio-pci", "--force", "eth1", said=["is never bound to vfio-pci"])
    refused(machine, "--profile", "uio", "eth1", said=["is never bound to uio_pci_generic"])
    expect_untouched(machine, picture)


@case
def mlx5_without_verbs_or_driver_is_told(machines):
    machine = one_nic(machines, driver="mlx5_core", vendor="0x15b3")
    expect_done(machine.run(BIND, "eth1"), "modprobe mlx5_ib", "no driver net_mlx5")
    (machine.root / f"sys/bus/pci/devices/{NIC}/driver").unlink()
    expect_refused(machine.run(BIND, NIC), "has no driver", "drivers_probe")


@case
def mana_is_told_by_its_mac(machines):
    machine = one_nic(machines, driver="mana", vendor="0x1414", device="0x00ba")
    expect_done(machine.run(BIND, "eth1"), f"-a {NIC},mac=02:00:00:00:00:01\n", "no driver net_mana")


@case
def virtio_behind_the_iommu_is_bound(machines):
    machine = one_nic(machines, driver="virtio-pci", vendor="0x1af4", virtio="1" * 64)
    done = machine.run(BIND, "--profile", "virtio", "eth1")
    expect_done(done, "was virtio-pci, interface eth1", f"start penstock with: -a {NIC}\n")
    expect_done(machine.run(UNBIND, "eth1"), "with virtio-pci again, interface eth1")


@case
def virtio_past_the_iommu_needs_physical_addresses(machines):
    machine = one_nic(machines, driver="virtio-pci", vendor="0x1af4", virtio="1" * 33 + "0" + "1" * 30)
    for _ in range(2):
        expect_done(machine.run(BIND, "3b:00.0"), "goes past the IOMMU", f"-a {NIC} --iova-mode=pa\n")


@case
def the_owner_gets_the_file_of_the_group(machines):
    machine = one_nic(machines, group=12)
    expect_done(machine.run(BIND, "--owner", "nobody", "eth1"), f"/dev/vfio/12 of {NIC} belongs to nobody")
    expect("chown nobody dev/vfio/12" in machine.told(), "was not given", machine.told())
    expect_done(machine.run(BIND, "--owner", "nobody", "eth1"), "already", "belongs to nobody")
    refused(one_nic(machines), "--owner", "no-such-user", "eth1", said=["there is no user"], status=2)
    refused(one_nic(machines), "--owner", "nobody", "--driver", "uio_pci_generic", "eth1", said=["only root can drive"])


@case
def a_failed_binding_is_taken_back(machines):
    for faults in (["vfio-pci"], ["vfio-pci", "no way back"]):
        machine = one_nic(machines)
        machine.kernel["faults"] = faults
        done = machine.run(BIND, "eth1")
        expect_refused(done, "could not be bound to vfio-pci", "dmesg", "Cannot bind to driver vfio-pci")
        expect(machine.driver(NIC) == "e1000e" and "eth1" in machine.interfaces(), "the kernel did not get it back", done)
        expect(not machine.path("run/penstock").exists(), "a note is left")


@case
def a_kill_in_the_middle_loses_nothing(machines):
    machine = one_nic(machines)
    picture = machine.picture()
    machine.kernel["faults"] = ["killed"]
    expect(machine.run(BIND, "eth1").status == -9, "was not killed")
    machine.kernel["faults"] = []
    expect_done(machine.run(UNBIND, "--all"), "with e1000e again, interface eth1")
    expect(machine.picture() == picture, "is not as it was")


@case
def a_failure_leaves_the_others_bound_and_noted(machines):
    machine = one_nic(machines)
    machine.add_nic(OTHER, "eth2")
    machine.kernel["faults"] = [OTHER]
    expect_refused(machine.run(BIND, "eth1", "eth2"), f"{OTHER} could not be bound", "dpdk-devbind.py said")
    expect(machine.read("run/penstock/bindings") == f"{NIC} vfio-pci e1000e eth1 -\n", "the note is wrong")
    expect_done(machine.run(UNBIND, "--all"), "interface eth1")


@case
def a_nic_of_another_namespace_is_told(machines):
    machine = one_nic(machines)
    machine.add_nic(OTHER, None)
    expect_done(machine.run(BIND, OTHER), "another network namespace", "is bound to vfio-pci")
