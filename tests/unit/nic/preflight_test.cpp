// Shows that each thing EAL would stumble over is found before it starts, and said with the command that mends it.
#include "nic/preflight.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "nic/fake_machine.hpp"

using namespace penstock::nic;
using namespace penstock::nic::test;

namespace {

constexpr const char* nic = "0000:3b:00.0";

// A machine on which everything is as it should be.
struct Fixture {
  Fixture() {
    machine.set_hugepages(512, 512);
    machine.write("/proc/mounts", "none /dev/hugepages hugetlbfs rw,pagesize=2M 0 0\n");
    std::filesystem::create_directories(machine.tree + "/dev/hugepages");
    machine.write("/dev/vfio/7", "");
    start = {.ports = {nic},
             .allowed = {nic},
             .blocked = {},
             .memory_bytes = 100 << 20,
             .config_file = "edge.toml",
             .tree = machine.tree};
  }
  std::string fault() const {
    const auto done = preflight(start);
    return done ? "" : done.error();
  }

  FakeMachine machine;
  Preflight start;
};

}  // namespace

TEST_CASE("preflight: a bound NIC and enough hugepages are good") {
  Fixture f;
  f.machine.add({.address = nic, .driver = "vfio-pci"});
  CHECK(f.fault() == "");
  f.start.allowed = {};
  CHECK(f.fault() == "");
  f.start.ports = {"net_tap0"};
  f.start.no_pci = true;
  CHECK(f.fault() == "");
}

TEST_CASE("preflight: a NIC that the kernel still drives is refused with the command that binds it") {
  Fixture f;
  f.machine.add({.address = nic, .driver = "ixgbe", .interface = "enp59s0f0"});
  CHECK(
      f.fault() ==
      "NIC 0000:3b:00.0 (enp59s0f0) is still with the kernel's driver ixgbe: run drivers-config/bind.sh 0000:3b:00.0");
}

TEST_CASE("preflight: a NIC without a driver is refused, too") {
  Fixture f;
  f.machine.add({.address = nic});
  CHECK(f.fault() == "NIC 0000:3b:00.0 has no driver: run drivers-config/bind.sh 0000:3b:00.0");
}

TEST_CASE("preflight: without an IOMMU the kernel's command line comes first") {
  Fixture f;
  f.machine.add({.address = nic, .driver = "ixgbe", .interface = "eth1", .group = {}});
  CHECK_THAT(f.fault(), Catch::Contains("no IOMMU is on: boot with intel_iommu=on iommu=pt"));
  Fixture g;
  g.machine.add({.address = nic, .driver = "vfio-pci", .group = {}});
  CHECK_THAT(g.fault(), Catch::Contains("has no IOMMU group") && Catch::Contains("intel_iommu=on"));
}

TEST_CASE("preflight: a bifurcated NIC stays with its driver") {
  Fixture f;
  f.machine.add({.address = nic, .driver = "mlx5_core", .interface = "ens1"});
  CHECK(f.fault() == "");
}

TEST_CASE("preflight: uio is root's alone") {
  Fixture f;
  f.machine.add({.address = nic, .driver = "uio_pci_generic", .group = {}});
  CHECK(f.fault() == "");
  f.start.is_root = false;
  CHECK_THAT(f.fault(), Catch::Contains("uio_pci_generic, which only root may use"));
}

TEST_CASE("preflight: a vfio group that is not there, not ours, or shared is refused") {
  Fixture f;
  f.machine.add({.address = nic, .driver = "vfio-pci", .group = 9});
  CHECK(f.fault() == "NIC 0000:3b:00.0 has no /dev/vfio/9: run drivers-config/bind.sh 0000:3b:00.0");
  f.machine.write("/sys/kernel/iommu_groups/9/name", "vfio-noiommu\n");
  CHECK_THAT(f.fault(), Catch::Contains("/dev/vfio/noiommu-9"));
  f.machine.add({.address = "0000:3b:00.1", .driver = "ixgbe", .group = 9});
  CHECK_THAT(f.fault(), Catch::Contains("shares its IOMMU group with 0000:3b:00.1 (ixgbe)"));
}

TEST_CASE("preflight: no permission on the vfio group names who could give it") {
  // Root may open everything, so the question is asked by somebody else; 65534 is nobody.
  if (geteuid() != 0) return;
  Fixture f;
  f.machine.add({.address = nic, .driver = "vfio-pci"});
  REQUIRE(chmod(f.machine.tree.c_str(), 0755) == 0);
  REQUIRE(chmod((f.machine.tree + "/dev/vfio/7").c_str(), 0600) == 0);
  f.start.is_root = false;
  REQUIRE(seteuid(65534) == 0);
  const std::string said = f.fault();
  REQUIRE(seteuid(0) == 0);
  CHECK(
      said ==
      "no permission to open /dev/vfio/7, the vfio group of NIC 0000:3b:00.0: run drivers-config/bind.sh --owner USER "
      "0000:3b:00.0 as root");
}

TEST_CASE("preflight: vfio needs to lock what it maps, unless it is root's") {
  Fixture f;
  f.machine.add({.address = nic, .driver = "vfio-pci"});
  f.start.lockable_bytes = 8 << 20;
  CHECK(f.fault() == "");
  f.start.is_root = false;
  CHECK_THAT(f.fault(), Catch::Contains("must lock 100 MiB") && Catch::Contains("the limit is 8 MiB") &&
                            Catch::Contains("LimitMEMLOCK=infinity"));
}

TEST_CASE("preflight: a NIC that is not there is refused with those that are") {
  Fixture f;
  f.machine.add({.address = "0000:5e:00.0", .driver = "mlx5_core"});
  f.machine.add({.address = "0000:5f:00.0"});
  CHECK(f.fault() ==
        "there is no NIC 0000:3b:00.0; this machine has: 0000:5e:00.0 (mlx5_core), 0000:5f:00.0 (no driver)");
}

TEST_CASE("preflight: a NIC that the command line keeps from EAL is refused") {
  Fixture f;
  f.machine.add({.address = nic, .driver = "vfio-pci"});
  f.start.allowed = {"0000:5e:00.0"};
  CHECK_THAT(f.fault(), Catch::Contains("add -a 0000:3b:00.0"));
  f.start.allowed = {"3b:00.0,some=key"};
  CHECK(f.fault() == "");
  f.start.allowed = {};
  f.start.blocked = {nic};
  CHECK_THAT(f.fault(), Catch::Contains("-b keeps EAL from NIC 0000:3b:00.0"));
  f.start.no_pci = true;
  CHECK_THAT(f.fault(), Catch::Contains("--no-pci keeps EAL from NIC"));
}

TEST_CASE("preflight: too few hugepages are told with what is free and how to get more") {
  Fixture f;
  f.machine.add({.address = nic, .driver = "vfio-pci"});
  f.machine.set_hugepages(512, 49);
  CHECK(f.fault() ==
        "too few hugepages: 100 MiB are needed, 98 MiB are free (2 MiB pages: 49 of 512 free): run "
        "hugepages-setup/reserve.sh --config edge.toml, or start with --no-huge");
  f.start.workers = 4;
  CHECK_THAT(f.fault(), Catch::Contains("reserve.sh --config edge.toml --workers 4, or start"));
  f.machine.set_hugepages(512, 50);
  CHECK(f.fault() == "");
  f.machine.set_hugepages(0, 0);
  f.start.hugepages = false;
  CHECK(f.fault() == "");
}

TEST_CASE("preflight: pages without a mount will do in memory only") {
  Fixture f;
  f.machine.add({.address = nic, .driver = "vfio-pci"});
  f.machine.write("/proc/mounts", "");
  CHECK_THAT(f.fault(),
             Catch::Contains("no hugetlbfs is mounted: run hugepages-setup/reserve.sh --config edge.toml, "));
  f.start.in_memory = true;
  CHECK(f.fault() == "");
}

TEST_CASE("preflight: the folder of --huge-dir is asked instead of the mounts") {
  Fixture f;
  f.machine.add({.address = nic, .driver = "vfio-pci"});
  f.start.huge_dir = "/dev/hugepages/penstock";
  CHECK_THAT(f.fault(), Catch::StartsWith("--huge-dir: /dev/hugepages/penstock: No such file or directory: make it"));
  std::filesystem::create_directories(f.machine.tree + "/dev/hugepages/penstock");
  CHECK(f.fault() == "");
}
