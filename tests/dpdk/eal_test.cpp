// Shows that Eal hands out the lcores and the rest of the line, and refuses a second start with a sentence.
#include <rte_lcore.h>

#include <catch2/catch.hpp>

#include "dpdk_fixture.hpp"

using namespace penstock::nic;

TEST_CASE("eal: the rest of the command line is what stood behind --") {
  CHECK(test::eal().rest() == std::vector<std::string>{"rest", "of the line"});
}

TEST_CASE("eal: the main lcore comes first") {
  const auto& lcores = test::eal().lcores();
  REQUIRE(lcores.size() == rte_lcore_count());
  CHECK(lcores.front().is_main);
  CHECK(lcores.front().id == rte_get_main_lcore());
  CHECK(lcores.front().cpu == 0);
}

TEST_CASE("eal: a second start is refused in one sentence") {
  const std::vector<std::string> arguments = {"again", "--no-huge", "--no-pci"};
  const auto again = Eal::start(arguments);
  REQUIRE_FALSE(again.has_value());
  CHECK_THAT(again.error(), Catch::StartsWith("EAL did not start: ") && Catch::Contains("only once"));
}

TEST_CASE("eal: what it holds of memory is told by node, in pages") {
  const auto memory = eal_memory();
  REQUIRE(memory.size() == 1);  // without hugepages all of it counts as node 0's
  CHECK(memory[0].numa_node == 0);
  CHECK(memory[0].total_bytes >= memory[0].used_bytes);
  CHECK(memory[0].used_bytes > 0);
  CHECK_THAT(memory[0].pages, Catch::StartsWith("4 KiB x "));
}
