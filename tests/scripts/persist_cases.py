"""bind.sh --persist and its undo, at once and after a reboot."""

from bind_cases import BIND, NIC, UNBIND, one_nic
from cases import case, expect, expect_done, expect_refused

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
