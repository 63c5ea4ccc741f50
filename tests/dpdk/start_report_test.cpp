// Shows when the start warns of the wrong NUMA node. The whole report is read by the tests that start penstock.
#include "runtime/start_report.hpp"

#include <catch2/catch.hpp>

using namespace penstock;
using namespace penstock::runtime;

namespace {

std::string warning(int port_node, std::initializer_list<unsigned> lcore_nodes) {
  nic::PortReport port;
  port.device = "0000:3b:00.0";
  port.numa_node = port_node;
  std::vector<nic::Lcore> lcores;
  for (const unsigned node : lcore_nodes) {
    lcores.push_back({.id = static_cast<unsigned>(10 + lcores.size()), .cpu = -1, .numa_node = node, .is_main = false});
  }
  return numa_warning(port, lcores);
}

}  // namespace

TEST_CASE("start_report: workers on the port's node, or a port of no node, need no warning") {
  CHECK(warning(1, {1, 1}).empty());
  CHECK(warning(-1, {0, 1}).empty());
}

TEST_CASE("start_report: each worker on another node is named, and where to look for better lcores") {
  CHECK(warning(1, {1, 0}) ==
        "warning: port 0000:3b:00.0 is on NUMA node 1, and worker 1 (lcore 11, node 0) is not: every frame crosses "
        "between "
        "the nodes; give -l the lcores of node 1, which /sys/devices/system/node/node1/cpulist names");
  CHECK_THAT(warning(0, {1, 0, 2}),
             Catch::Contains("worker 0 (lcore 10, node 1), worker 2 (lcore 12, node 2) are not"));
}
