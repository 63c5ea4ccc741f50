// FakeMachine: a folder that looks like /sys, /proc and /dev of a machine with the NICs and hugepages that a test wants.
#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

namespace penstock::nic::test {

struct FakeNic {
  std::string address;
  std::string driver = {};            // empty: none
  std::string interface = {};         // empty: none
  std::optional<unsigned> group = 7;  // none: no IOMMU
  int numa_node = 0;
  bool virtio = false;  // its interface belongs to a device below it
  std::string pci_class = "0x020000";
};

class FakeMachine {
 public:
  FakeMachine() {
    std::string name = std::filesystem::temp_directory_path() / "penstock-machine-XXXXXX";
    REQUIRE(mkdtemp(name.data()) != nullptr);
    tree = name;
    std::filesystem::create_directories(tree + "/sys/bus/pci/devices");
    std::filesystem::create_directories(tree + "/dev/vfio");
    write("/proc/mounts", "");
  }
  ~FakeMachine() { std::filesystem::remove_all(tree); }
  FakeMachine(const FakeMachine&) = delete;
  FakeMachine& operator=(const FakeMachine&) = delete;

  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(tree + path).parent_path());
    std::ofstream(tree + path) << text;
  }

  void add(const FakeNic& nic) {
    namespace fs = std::filesystem;
    const std::string device = "/sys/bus/pci/devices/" + nic.address;
    write(device + "/class", nic.pci_class + "\n");
    write(device + "/numa_node", std::to_string(nic.numa_node) + "\n");
    if (!nic.driver.empty()) fs::create_symlink("../../drivers/" + nic.driver, tree + device + "/driver");
    if (!nic.interface.empty())
      fs::create_directories(tree + device + (nic.virtio ? "/virtio3/net/" : "/net/") + nic.interface);
    if (!nic.group) return;
    const std::string group = "/sys/kernel/iommu_groups/" + std::to_string(*nic.group);
    fs::create_directories(tree + group + "/devices");
    fs::create_symlink(tree + group, tree + device + "/iommu_group");
    fs::create_symlink(tree + device, tree + group + "/devices/" + nic.address);
  }

  // Pages of 2 MiB, the only size this machine has.
  void set_hugepages(std::uint64_t total, std::uint64_t free) {
    const std::string pool = "/sys/kernel/mm/hugepages/hugepages-2048kB/";
    write(pool + "nr_hugepages", std::to_string(total) + "\n");
    write(pool + "free_hugepages", std::to_string(free) + "\n");
  }

  std::string tree;
};

}  // namespace penstock::nic::test
