// Starts EAL once for all tests of the room, through the room's own Eal, and runs Catch2.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "dpdk_fixture.hpp"

namespace {

const penstock::nic::Eal* running_eal = nullptr;

}  // namespace

const penstock::nic::Eal& penstock::nic::test::eal() { return *running_eal; }

int main(int argc, char** argv) {
  const std::vector<std::string> arguments = {
      "nic_test",       "--no-huge",     "--no-pci",         "--no-shconf",      "-m", "256",  "-l",         "0",
      "--no-telemetry", "--log-level=4", "--vdev=net_null0", "--vdev=net_ring0", "--", "rest", "of the line"};
  const auto eal = penstock::nic::Eal::start(arguments);
  if (!eal) {
    std::fprintf(stderr, "%s\n", eal.error().c_str());
    return 1;
  }
  running_eal = &*eal;
  return Catch::Session().run(argc, argv);
}
