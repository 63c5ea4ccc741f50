// Shows what is read of a PCI device, on machines made of files.
#include "nic/pci_device.hpp"

#include <catch2/catch.hpp>

#include "nic/fake_machine.hpp"

using namespace penstock::nic;
using namespace penstock::nic::test;

TEST_CASE("pci_device: an address is what EAL takes as one") {
  CHECK(pci_address_of("0000:3b:00.0") == "0000:3b:00.0");
  CHECK(pci_address_of("3b:00.0") == "0000:3b:00.0");
  CHECK(pci_address_of("0001:3B:0F.7,mprq_en=1") == "0001:3b:0f.7");
  for (const char* other : {"", "net_tap0", "net_af_packet0,iface=eth0", "3b:00", "0000:3b:00.0.", "000:3b:00.0",
                            "0000:3b:00.g", "0000-3b-00.0"}) {
    INFO(other);
    CHECK_FALSE(pci_address_of(other).has_value());
  }
}

TEST_CASE("pci_device: driver, interface, node and group are read") {
  FakeMachine machine;
  machine.add({.address = "0000:3b:00.0", .driver = "ixgbe", .interface = "enp59s0f0", .group = 12, .numa_node = 1});
  const auto found = find_pci_device("0000:3b:00.0", machine.tree);
  REQUIRE(found.has_value());
  CHECK(found->address == "0000:3b:00.0");
  CHECK(found->driver == "ixgbe");
  CHECK(found->interface == "enp59s0f0");
  CHECK(found->numa_node == 1);
  CHECK(found->iommu_group == 12u);
  CHECK_FALSE(found->group_is_unsafe);
  CHECK(found->group_drivers.empty());
  CHECK_FALSE(find_pci_device("0000:3b:00.1", machine.tree).has_value());
}

TEST_CASE("pci_device: virtio has its interface one device below, and no node means none") {
  FakeMachine machine;
  machine.add({.address = "0000:00:03.0",
               .driver = "virtio-pci",
               .interface = "eth0",
               .group = {},
               .numa_node = -1,
               .virtio = true});
  const auto found = find_pci_device("0000:00:03.0", machine.tree);
  REQUIRE(found.has_value());
  CHECK(found->interface == "eth0");
  CHECK(found->numa_node == -1);
  CHECK_FALSE(found->iommu_group.has_value());
}

TEST_CASE("pci_device: others of the group count while the kernel drives them") {
  FakeMachine machine;
  machine.add({.address = "0000:3b:00.0", .driver = "vfio-pci", .group = 12});
  machine.add({.address = "0000:3b:00.1", .driver = "ixgbe", .group = 12});
  machine.add({.address = "0000:3b:00.2", .driver = "vfio-pci", .group = 12});
  machine.add({.address = "0000:3b:00.3", .group = 12});
  machine.add({.address = "0000:3a:00.0", .driver = "pcieport", .group = 12, .pci_class = "0x060400"});
  machine.write("/sys/kernel/iommu_groups/12/name", "vfio-noiommu\n");
  const auto found = find_pci_device("0000:3b:00.0", machine.tree);
  REQUIRE(found.has_value());
  CHECK(found->group_drivers == std::vector<std::string>{"0000:3b:00.1 (ixgbe)"});
  CHECK(found->group_is_unsafe);
}

TEST_CASE("pci_device: network controllers are listed by address, others are not") {
  FakeMachine machine;
  machine.add({.address = "0000:5e:00.0", .driver = "mlx5_core", .pci_class = "0x020700"});
  machine.add({.address = "0000:3b:00.0", .driver = "ixgbe"});
  machine.add({.address = "0000:01:00.0", .driver = "nvme", .pci_class = "0x010802"});
  const auto found = pci_network_devices(machine.tree);
  REQUIRE(found.size() == 2);
  CHECK(found[0].address == "0000:3b:00.0");
  CHECK(found[1].driver == "mlx5_core");
  CHECK(pci_network_devices(machine.tree + "/nowhere").empty());
}

TEST_CASE("pci_device: who keeps a device and who hands it over") {
  for (const char* name : {"mlx4_core", "mlx5_core", "mana"}) CHECK(stays_with_kernel(name));
  CHECK_FALSE(stays_with_kernel("ixgbe"));
  CHECK(handover_of("vfio-pci") == Handover::vfio);
  CHECK(handover_of("uio_pci_generic") == Handover::uio);
  CHECK(handover_of("igb_uio") == Handover::uio);
  CHECK(handover_of("ixgbe") == Handover::none);
  CHECK(handover_of("") == Handover::none);
}
