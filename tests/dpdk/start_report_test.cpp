// Shows what the start prints about a port, its addresses, the workers and the memory, and when it warns of the wrong NUMA node.
// How: a net_ring port and seats on lcores that are made up. What real cards make of it tests/qemu/run.py reads.
#include "runtime/start_report.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

#include "dpdk_fixture.hpp"

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

// The report of a node whose one port is on NUMA node 0 and whose workers are on these.
std::vector<std::string> whole_report(std::initializer_list<unsigned> lcore_nodes) {
  const nic::test::RingDevice device;
  const auto config = control::parse_config("[limits]\nsessions_max = 64\n[[port]]\ndevice = \"" + device.name() +
                                                "\"\naddresses = [\"10.0.0.1/24\", \"fd00::1/64\"]\n"
                                                "[[listener]]\nname = \"echo\"\nport = 4000\nservice = \"echo\"\n",
                                            "report.toml");
  REQUIRE(config.has_value());
  const Plan plan = plan_node(*config, static_cast<std::uint32_t>(lcore_nodes.size()));
  std::vector<std::unique_ptr<Seat>> seats;
  for (const unsigned node : lcore_nodes) {
    const auto index = static_cast<std::uint32_t>(seats.size());
    seats.push_back(std::make_unique<Seat>(
        index, nic::Lcore{.id = 10 + index, .cpu = -1, .numa_node = node, .is_main = index == 0}));
  }
  const auto pool = nic::test::make_pool(4096);
  const std::vector<nic::QueuePools> pools = {{.blocks = pool.get(), .indirect = nullptr}};
  std::vector<std::unique_ptr<nic::DpdkPort>> ports;
  auto port = nic::DpdkPort::open(nic::test::settings_for(device.name()), pools);
  if (!port) FAIL(port.error());
  ports.push_back(std::move(*port));
  return start_report(*config, plan, ports, seats);
}

bool says(const std::vector<std::string>& report, const std::string& beginning) {
  return std::ranges::any_of(report, [&](const std::string& line) { return line.starts_with(beginning); });
}

}  // namespace

TEST_CASE("start_report: the port, its offloads, the addresses, the workers and the memory have a line each") {
  const std::vector<std::string> report = whole_report({0});
  INFO(Catch::StringMaker<std::vector<std::string>>::convert(report));
  REQUIRE_FALSE(report.empty());
  const std::string port = report.front().substr(0, report.front().find(": "));
  CHECK_THAT(report.front(), Catch::Contains(": driver net_ring, MAC ") && Catch::Contains(", NUMA node 0, 1 of ") &&
                                 Catch::Contains(" descriptors, MTU 1500, link up"));
  CHECK(says(report, port + ": checksums by the port: receive IPv4 no UDP no, send IPv4 no UDP no; RSS no"));
  CHECK(says(report, port + ": offloads in use: receive none, send none; offered and left alone: receive "));
  CHECK(says(report, port + ": system calls to receive and to send: none"));
  const std::string name = port.substr(std::string("port ").size());
  CHECK(says(report, "address 10.0.0.1/24 on " + name));
  CHECK(says(report, "address fd00::1/64 on " + name));
  CHECK(says(report, "1 worker on lcore 10 (node 0), polling all the time, 64 sessions each, "));
  CHECK(says(report, "memory of NUMA node 0: "));
  CHECK_FALSE(says(report, "warning: "));
}

TEST_CASE("start_report: the warning of a far worker ends the report") {
  const std::vector<std::string> report = whole_report({1});
  INFO(Catch::StringMaker<std::vector<std::string>>::convert(report));
  REQUIRE_FALSE(report.empty());
  CHECK_THAT(report.back(), Catch::StartsWith("warning: port ") &&
                                Catch::Contains(" is on NUMA node 0, and worker 0 (lcore 10, node 1) is not"));
}

TEST_CASE("start_report: workers on the port's node, or a port of no node, need no warning") {
  CHECK(warning(1, {1, 1}).empty());
  CHECK(warning(-1, {0, 1}).empty());
}

TEST_CASE("start_report: a listener that challenges nobody is named") {
  ListenerConfig listener;
  listener.name = "game";
  CHECK(runtime::challenge_warning(listener).empty());
  listener.challenge = false;
  CHECK(runtime::challenge_warning(listener) ==
        "warning: listener game challenges nobody: whoever forges addresses fills its half-open sessions and shuts "
        "newcomers "
        "out; set challenge = true unless its peers cannot answer");
}

TEST_CASE("start_report: each worker on another node is named, and where to look for better lcores") {
  CHECK(warning(1, {1, 0}) ==
        "warning: port 0000:3b:00.0 is on NUMA node 1, and worker 1 (lcore 11, node 0) is not: every frame crosses "
        "between "
        "the nodes; give -l the lcores of node 1, which /sys/devices/system/node/node1/cpulist names");
  CHECK_THAT(warning(0, {1, 0, 2}),
             Catch::Contains("worker 0 (lcore 10, node 1), worker 2 (lcore 12, node 2) are not"));
}
