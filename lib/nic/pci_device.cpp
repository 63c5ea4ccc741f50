#include "nic/pci_device.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace penstock::nic {

namespace {

namespace fs = std::filesystem;

std::string devices_dir(const std::string& tree) { return tree + "/sys/bus/pci/devices"; }

// Where a link of sysfs points to, its last part; empty when there is none.
std::string link_name(const fs::path& link) {
  std::error_code error;
  const fs::path target = fs::read_symlink(link, error);
  return error ? std::string() : target.filename().string();
}

std::string first_line(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

std::optional<unsigned> number_of(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The interface of the kernel: of the device itself or, with virtio, of the device below it.
std::string interface_of(const fs::path& device) {
  std::error_code error;
  std::vector<fs::path> places{device / "net"};
  for (const auto& entry : fs::directory_iterator(device, error)) {
    if (entry.path().filename().string().starts_with("virtio")) places.push_back(entry.path() / "net");
  }
  for (const fs::path& place : places) {
    for (const auto& entry : fs::directory_iterator(place, error)) return entry.path().filename().string();
  }
  return "";
}

// vfio takes a group as a whole: every device of it must be with vfio, without a driver, or a bridge.
std::vector<std::string> others_of_group(const fs::path& device, const std::string& address) {
  std::vector<std::string> others;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(device / "iommu_group/devices", error)) {
    const std::string name = entry.path().filename().string();
    const std::string driver = link_name(entry.path() / "driver");
    if (name == address || driver.empty() || driver == "pcieport" || handover_of(driver) == Handover::vfio) continue;
    others.push_back(name + " (" + driver + ")");
  }
  std::ranges::sort(others);
  return others;
}

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// Does `text` have the form of `shape`, in which x stands for a hexadecimal digit?
bool fits(std::string_view text, std::string_view shape) {
  return std::ranges::equal(text, shape, [](char c, char s) { return s == 'x' ? is_hex(c) : c == s; });
}

}  // namespace

std::optional<std::string> pci_address_of(std::string_view device) {
  const std::string_view name = device.substr(0, device.find(','));
  std::string address;
  if (fits(name, "xxxx:xx:xx.x")) address = name;
  else if (fits(name, "xx:xx.x")) address = "0000:" + std::string(name);
  else return std::nullopt;
  std::ranges::transform(address, address.begin(),
                         [](char c) { return c >= 'A' && c <= 'F' ? char(c - 'A' + 'a') : c; });
  return address;
}

std::optional<PciDevice> find_pci_device(const std::string& address, const std::string& tree) {
  const fs::path device = fs::path(devices_dir(tree)) / address;
  std::error_code error;
  if (!fs::exists(device, error)) return std::nullopt;
  PciDevice found;
  found.address = address;
  found.driver = link_name(device / "driver");
  found.interface = interface_of(device);
  if (const std::string node = first_line(device / "numa_node"); node != "-1") {
    found.numa_node = static_cast<int>(number_of(node).value_or(0));
  }
  found.iommu_group = number_of(link_name(device / "iommu_group"));
  found.group_is_unsafe = first_line(device / "iommu_group/name") == "vfio-noiommu";
  found.group_drivers = others_of_group(device, address);
  return found;
}

std::vector<PciDevice> pci_network_devices(const std::string& tree) {
  std::vector<PciDevice> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(devices_dir(tree), error)) {
    // The class of network controllers begins with 02.
    if (!first_line(entry.path() / "class").starts_with("0x02")) continue;
    if (auto device = find_pci_device(entry.path().filename().string(), tree)) found.push_back(std::move(*device));
  }
  std::ranges::sort(found, {}, &PciDevice::address);
  return found;
}

bool stays_with_kernel(std::string_view driver) {
  constexpr std::array names = {"mlx4_core", "mlx5_core", "mana"};
  return std::ranges::find(names, driver) != names.end();
}

Handover handover_of(std::string_view driver) {
  if (driver == "vfio-pci") return Handover::vfio;
  if (driver == "uio_pci_generic" || driver == "igb_uio") return Handover::uio;
  return Handover::none;
}

}  // namespace penstock::nic
