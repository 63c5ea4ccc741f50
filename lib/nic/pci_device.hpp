// pci_device: what the kernel says of a PCI network device: its driver, interface, IOMMU group and NUMA node.
//
// Reads sysfs and nothing else (plain POSIX, no DPDK), so it can be asked before EAL starts. `tree` is put before every path;
// tests give a folder of their own. Main thread, at start.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::nic {

struct PciDevice {
  std::string address;                  // 0000:3b:00.0
  std::string driver;                   // the kernel's name of it, vfio-pci too; empty when there is none
  std::string interface;                // of the kernel; empty when it has none
  int numa_node = -1;                   // -1: unknown or none
  std::optional<unsigned> iommu_group;  // none without an IOMMU
  bool group_is_unsafe = false;         // vfio's no-IOMMU mode made the group
  std::vector<std::string>
      group_drivers;  // drivers of the kernel that hold others of the group: "0000:3b:00.1 (ixgbe)"
};

// The full address, with its domain, of what EAL takes as a PCI device (0000:3b:00.0, 3b:00.0, perhaps with ",key=value");
// nothing when it is no PCI address.
std::optional<std::string> pci_address_of(std::string_view device);

// The device of a full address; nothing when this machine has none there.
std::optional<PciDevice> find_pci_device(const std::string& address, const std::string& tree = "");

// All network controllers, by address.
std::vector<PciDevice> pci_network_devices(const std::string& tree = "");

// Bifurcated: DPDK's driver works beside the kernel's and loses the device when it is bound away.
bool stays_with_kernel(std::string_view driver);

// A driver that hands the device to a user-space program.
enum class Handover : std::uint8_t { none, vfio, uio };
Handover handover_of(std::string_view driver);

}  // namespace penstock::nic
