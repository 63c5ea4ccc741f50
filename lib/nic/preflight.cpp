#include "nic/preflight.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "nic/hugepages.hpp"
#include "nic/pci_device.hpp"

namespace penstock::nic {

namespace {

using Sentence = std::optional<std::string>;

std::string in_mib(std::uint64_t bytes) { return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB"; }

std::string bind_command(const PciDevice& device) { return "run drivers-config/bind.sh " + device.address; }

std::string named(const PciDevice& device) {
  return "NIC " + device.address + (device.interface.empty() ? "" : " (" + device.interface + ")");
}

bool names(const std::vector<std::string>& devices, const std::string& address) {
  return std::ranges::any_of(devices, [&](const std::string& device) { return pci_address_of(device) == address; });
}

std::string present(const std::string& tree) {
  std::string text;
  for (const PciDevice& device : pci_network_devices(tree)) {
    text += (text.empty() ? "" : ", ") + device.address + " (" + (device.driver.empty() ? "no driver" : device.driver) +
            ")";
  }
  return text.empty() ? "none" : text;
}

// Has the command line kept the device from EAL?
Sentence kept_away(const Preflight& start, const std::string& address) {
  if (start.no_pci) return "--no-pci keeps EAL from NIC " + address + ": leave it out";
  if (!start.allowed.empty() && !names(start.allowed, address)) {
    return "NIC " + address + " is none of those that -a allows: add -a " + address;
  }
  if (names(start.blocked, address)) return "-b keeps EAL from NIC " + address + ": leave it out";
  return std::nullopt;
}

// The error of opening the file as EAL will; 0 when it can be opened.
int error_of_opening(const std::string& file) {
  const int opened = open(file.c_str(), O_RDWR | O_CLOEXEC);
  if (opened < 0) return errno;
  close(opened);
  return 0;
}

Sentence vfio_fault(const Preflight& start, const PciDevice& device) {
  if (!device.iommu_group) {
    return named(device) +
           " has no IOMMU group, though vfio-pci holds it: boot with intel_iommu=on iommu=pt (AMD: iommu=pt), then " +
           bind_command(device);
  }
  const std::string group =
      "/dev/vfio/" + std::string(device.group_is_unsafe ? "noiommu-" : "") + std::to_string(*device.iommu_group);
  const std::string file = start.tree + group;
  if (!device.group_drivers.empty()) {
    std::string others;
    for (const std::string& other : device.group_drivers) others += (others.empty() ? "" : ", ") + other;
    return named(device) + " shares its IOMMU group with " + others +
           ", which the kernel still drives: bind them to vfio-pci as well, or use another slot";
  }
  const int error = error_of_opening(file);
  if (error == ENOENT) return named(device) + " has no " + group + ": " + bind_command(device);
  // vfio lets one process have a group.
  if (error == EBUSY)
    return named(device) + " is in use by another process: `fuser -v " + group + "` names it; stop that one first";
  if (error != 0) {
    return "no permission to open " + group + ", the vfio group of " + named(device) +
           ": run drivers-config/bind.sh --owner USER " + device.address + " as root";
  }
  if (!start.is_root && start.lockable_bytes < start.memory_bytes) {
    return "vfio must lock " + in_mib(start.memory_bytes) + " of memory for " + named(device) + ", and the limit is " +
           in_mib(start.lockable_bytes) + ": raise it with `ulimit -l unlimited` or LimitMEMLOCK=infinity of systemd";
  }
  return std::nullopt;
}

Sentence device_fault(const Preflight& start, const std::string& address) {
  const auto device = find_pci_device(address, start.tree);
  if (!device) return "there is no NIC " + address + "; this machine has: " + present(start.tree);
  if (auto sentence = kept_away(start, address)) return sentence;
  if (stays_with_kernel(device->driver)) return std::nullopt;
  switch (handover_of(device->driver)) {
    case Handover::vfio: return vfio_fault(start, *device);
    case Handover::uio:
      if (start.is_root) return std::nullopt;
      return named(*device) + " is bound to " + device->driver + ", which only root may use: " + bind_command(*device) +
             " with an IOMMU on, or start as root";
    case Handover::none: break;
  }
  const std::string holder =
      device->driver.empty() ? " has no driver" : " is still with the kernel's driver " + device->driver;
  if (!device->iommu_group) {
    return named(*device) + holder + ", and no IOMMU is on: boot with intel_iommu=on iommu=pt (AMD: iommu=pt), then " +
           bind_command(*device);
  }
  return named(*device) + holder + ": " + bind_command(*device);
}

std::string reserve_command(const Preflight& start) {
  return "run hugepages-setup/reserve.sh --config " + start.config_file +
         (start.workers == 1 ? "" : " --workers " + std::to_string(start.workers));
}

Sentence hugepage_fault(const Preflight& start) {
  if (!start.hugepages) return std::nullopt;
  const auto pools = hugepage_pools(start.tree);
  if (free_bytes(pools) < start.memory_bytes) {
    return "too few hugepages: " + in_mib(start.memory_bytes) + " are needed, " + in_mib(free_bytes(pools)) +
           " are free (" + to_string(pools) + "): " + reserve_command(start) + ", or start with --no-huge";
  }
  if (start.in_memory) return std::nullopt;
  const auto mounts = hugepage_mounts(start.tree);
  if (mounts.empty()) {
    return "no hugetlbfs is mounted: " + reserve_command(start) + ", which mounts one, or start with --in-memory";
  }
  const auto writable = [&](const std::string& path) { return access((start.tree + path).c_str(), W_OK) == 0; };
  if (!start.huge_dir.empty()) {
    if (writable(start.huge_dir)) return std::nullopt;
    return "--huge-dir: " + start.huge_dir + ": " + std::strerror(errno) +
           ": make it in a hugetlbfs and give it to this user, or start with --in-memory";
  }
  if (std::ranges::any_of(mounts, [&](const HugepageMount& mount) { return writable(mount.path); }))
    return std::nullopt;
  return "no permission to write to the hugetlbfs " + mounts.front().path +
         ": start with --in-memory, or give it to this user";
}

}  // namespace

std::expected<void, std::string> preflight(const Preflight& start) {
  for (const std::string& port : start.ports) {
    const auto address = pci_address_of(port);
    if (!address) continue;
    if (const auto sentence = device_fault(start, *address)) return std::unexpected(*sentence);
  }
  if (const auto sentence = hugepage_fault(start)) return std::unexpected(*sentence);
  return {};
}

}  // namespace penstock::nic
