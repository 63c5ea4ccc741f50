"""bind.sh --persist and its undo, at once and after a reboot."""

import shutil

from bind_cases import BIND, NIC, OTHER, UNBIND, one_nic
from cases import case, expect, expect_done, expect_refused
from unbind_cases import STATUS

OVERRIDE = f"etc/driverctl.d/pci-{NIC}"


@case
def a_persistent_binding_is_driverctls(machines):
    machine = one_nic(machines)
    picture = machine.picture()
    expect_done(machine.run(BIND, "--persist", "eth1"), "is bound to vfio-pci")
    expect(machine.told() == [f"driverctl set-override {NIC} vfio-pci"], "was done otherwise", machine.told())
    expect_done(machine.run(BIND, "--persist", NIC), "already", "over a reboot already")
    expect(len(machine.told()) == 1, "was done again", machine.told())
    expect_done(machine.run(UNBIND, "eth1"), "no longer kept", "interface eth1")
    expect(machine.picture() == picture, "is not as it was")


@case
def a_bound_device_is_made_persistent_unless_at_work(machines):
    machine = one_nic(machines)
    machine.run(BIND, "eth1")
    machine.hold("/dev/vfio/0")
    expect_refused(machine.run(BIND, "--persist", "eth1"), "in use by process 4242 (penstock)")
    (machine.root / "proc/4242/fd/7").unlink()
    expect_done(machine.run(BIND, "--persist", "eth1"), "keeps vfio-pci over a reboot")


def after_reboot(machines, *interfaces):
    """A machine whose NICs were bound for good before its boot, and what it was like before that."""
    machine = one_nic(machines)
    machine.add_nic(OTHER, "eth2", driver="ixgbe")
    picture = machine.picture()
    expect_done(machine.run(BIND, "--persist", *interfaces))
    machine.reboot()
    return machine, picture


@case
def a_persistent_binding_is_undone_after_a_reboot(machines):
    for interfaces, words in ((["eth1", "eth2"], ["--all"]), (["eth1"], ["eth1"]), (["eth2"], [OTHER])):
        machine, picture = after_reboot(machines, *interfaces)
        expect_done(machine.run(STATUS), "bound to vfio-pci by bind.sh; before: driver", "at each boot")
        done = machine.run(UNBIND, *words)
        expect_done(done, "no longer kept", *(f"interface {name}" for name in interfaces))
        expect(machine.picture() == picture, "is not as it was", done)
        expect_done(machine.run(UNBIND, "--all"), "nothing is bound")


@case
def only_what_is_bound_for_good_is_noted_for_good(machines):
    machine = one_nic(machines)
    machine.add_nic(OTHER, "eth2")
    expect_done(machine.run(BIND, "eth1"))
    expect_done(machine.run(BIND, "--persist", "eth2"))
    expect(machine.read("run/penstock/bindings") == f"{NIC} vfio-pci e1000e eth1 -\n", "the note of this boot is wrong")
    expect(machine.read("var/lib/penstock/bindings") == f"{OTHER} vfio-pci e1000e eth2 -\n", "the lasting note is wrong")
    expect_done(machine.run(UNBIND, "--all"), "interface eth1", "interface eth2")


@case
def a_note_that_an_earlier_boot_left_is_not_believed(machines):
    machine, _ = after_reboot(machines, "eth1")
    expect_done(machine.run(UNBIND, "eth1"))
    # As after `driverctl unset-override` by hand, and a new name for the interface.
    machine.write("var/lib/penstock/bindings", f"{NIC} vfio-pci oldname eth9 -\n")
    expect_done(machine.run(BIND, "eth1"))
    expect_done(machine.run(UNBIND, "eth1"), "with e1000e again, interface eth1")


@case
def the_override_of_a_device_that_the_kernel_has_is_removed(machines):
    for words in (["--all"], [NIC]):
        machine, picture = after_reboot(machines, "eth1")
        machine.devbind("e1000e", NIC)
        machine.set_up("eth1", "10.1.2.3/24")
        told, override = machine.told(), machine.read(OVERRIDE)
        expect_done(machine.run(UNBIND, "--dry-run", *words), "with the kernel already", f"would remove /{OVERRIDE}")
        expect(machine.read(OVERRIDE) == override, "was removed in a dry run")
        expect_done(machine.run(UNBIND, *words), "with the kernel already", "no longer kept")
        # It may be at work again: nothing but the override is touched.
        expect(machine.told() == told, "the device was touched", machine.told()[len(told):])
        machine.write("sys/class/net/eth1/flags", "0x1002\n")
        expect(machine.picture() == picture, "is not as it was")


@case
def an_override_to_a_driver_of_the_kernel_is_left_alone(machines):
    machine = one_nic(machines)
    machine.write(OVERRIDE, "e1000e\n")
    picture = machine.picture()
    expect_done(machine.run(UNBIND, "eth1"), "with the kernel already")
    expect(machine.picture() == picture, "something was changed")


@case
def a_persistent_binding_of_a_device_without_driver_is_undone(machines):
    machine = machines()
    machine.add_nic(NIC, None)
    (machine.root / f"sys/bus/pci/devices/{NIC}/driver").unlink()
    machine.write(f"fake/kernel_driver/{NIC}", "not-there")
    picture = machine.picture()
    expect_done(machine.run(BIND, "--persist", NIC), "was without a driver")
    machine.reboot()
    expect_done(machine.run(UNBIND, "--all"), "has no driver, as before")
    expect(machine.picture() == picture, "is not as it was")


@case
def the_undo_needs_no_driverctl(machines):
    machine, picture = after_reboot(machines, "eth1")
    (machine.bin / "driverctl").unlink()
    expect_done(machine.run(UNBIND, "--all"), "no longer kept", "interface eth1")
    expect(machine.picture() == picture, "is not as it was")


@case
def persisting_moves_the_note(machines):
    machine = one_nic(machines)
    picture = machine.picture()
    expect_done(machine.run(BIND, "eth1"))
    expect_done(machine.run(BIND, "--persist", "eth1"))
    expect(machine.read("var/lib/penstock/bindings") == f"{NIC} vfio-pci e1000e eth1 -\n", "the note is wrong")
    expect(not machine.path("run/penstock").exists(), "there are two notes")
    machine.reboot()
    expect_done(machine.run(UNBIND, "--all"), "interface eth1")
    expect(machine.picture() == picture, "is not as it was")


@case
def what_was_bound_by_hand_and_persisted_is_given_back(machines):
    for saved in (None, "vfio-pci\n"):
        machine = one_nic(machines)
        picture = machine.picture()
        machine.bound_by_hand(NIC)
        if saved:
            machine.write(OVERRIDE, saved)
        machine.hold("/dev/vfio/0")
        if not saved:
            expect_refused(machine.run(BIND, "--persist", NIC), "in use by process 4242")
            expect_done(machine.run(UNBIND, "--all"), "nothing is bound")
        shutil.rmtree(machine.path("proc/4242"))
        expect_done(machine.run(BIND, "--persist", NIC), "keeps vfio-pci over a reboot")
        machine.reboot()
        expect_done(machine.run(UNBIND, "--all"), "with e1000e again, interface eth1")
        expect(machine.picture() == picture, "is not as it was")
