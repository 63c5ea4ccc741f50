// Shows what a start asks of the machine, by configuration and EAL's words.
#include "runtime/start_check.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>

#include "runtime/plan.hpp"

using namespace penstock;
using namespace penstock::runtime;

namespace {

control::Config config_with_ports() {
  control::Config config;
  config.file = "edge.toml";
  config.limits.sessions_max = 1000;
  config.ports.resize(2);
  config.ports[0].device = "0000:3b:00.0";
  config.ports[1].device = "net_tap0";
  return config;
}

}  // namespace

TEST_CASE("start_check: ports, what EAL may have of PCI, and kinds of memory") {
  const nic::Preflight start =
      start_check(config_with_ports(), {"-l", "1-2", "-a", "3b:00.0", "-a", "3b:00.1,key=1", "--in-memory"});
  CHECK(start.ports == std::vector<std::string>{"0000:3b:00.0", "net_tap0"});
  CHECK(start.allowed == std::vector<std::string>{"3b:00.0", "3b:00.1,key=1"});
  CHECK(start.blocked.empty());
  CHECK_FALSE(start.no_pci);
  CHECK(start.hugepages);
  CHECK(start.in_memory);
  CHECK(start.config_file == "edge.toml");
  CHECK(start.is_root == (geteuid() == 0));

  const nic::Preflight other = start_check(config_with_ports(), {"--no-pci", "--no-huge", "-m", "512"});
  CHECK(other.no_pci);
  CHECK_FALSE(other.hugepages);
  CHECK_FALSE(other.in_memory);
  CHECK(start_check(config_with_ports(), {"--huge-dir", "/mnt/huge"}).huge_dir == "/mnt/huge");
  CHECK(start_check(config_with_ports(), {"-b", "3b:00.0"}).blocked == std::vector<std::string>{"3b:00.0"});
}

TEST_CASE("start_check: memory is that of as many workers as the words name") {
  const control::Config config = config_with_ports();
  const auto of = [&](std::uint32_t workers) {
    const Plan plan = plan_node(config, workers);
    return capacity_of(plan.node, plan.buffers).node_bytes;
  };
  CHECK(start_check(config, {"-l", "0-3"}).memory_bytes == of(4));
  CHECK(start_check(config, {"-l", "0-3"}).workers == 4);
  CHECK(start_check(config, {}).memory_bytes == of(1));
  CHECK(of(4) > of(1));
}
