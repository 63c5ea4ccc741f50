// Shows that a cache line of two workers is found, wherever the two regions touch it, and told with both holders; that one
// and the same hand-off ring is the only thing that two may have; and that a worker tells of all it writes to.
// How: maps of bytes of an array, and of the workers of a rig.
#include "engine/memory_map.hpp"

#include <array>
#include <catch2/catch.hpp>

#include "rig.hpp"

using namespace penstock;
using namespace penstock::test;

namespace {

struct Memory {
  alignas(64) std::array<std::byte, 1024> bytes{};
  std::span<const std::byte> part(std::size_t first, std::size_t count) const {
    return std::span(bytes).subspan(first, count);
  }
};

std::string fault_of(std::span<const MemoryMap> maps) {
  const auto found = no_common_line(maps);
  return found ? "" : found.error();
}

}  // namespace

TEST_CASE("regions that share no line are good, up to the last byte", "[memory_map]") {
  const Memory memory;
  std::array<MemoryMap, 2> maps;
  maps[0].add("a", memory.part(0, 64));
  maps[1].add("b", memory.part(64, 64));
  maps[0].add("c", memory.part(128, 1));
  maps[1].add("d", memory.part(255, 1));
  CHECK(fault_of(maps).empty());
  CHECK(fault_of({}).empty());
}

TEST_CASE("a common line is found though no byte is common, and named", "[memory_map]") {
  const Memory memory;
  std::array<MemoryMap, 3> maps;
  maps[0].add("its table", memory.part(0, 100));
  maps[1].add("elsewhere", memory.part(512, 100));
  maps[2].add("its flag", memory.part(127, 1));
  CHECK(fault_of(maps) == "a cache line belongs to \"its table\" of worker 0 and to \"its flag\" of worker 2");
}

TEST_CASE("a region within another one's is found behind smaller neighbours", "[memory_map]") {
  const Memory memory;
  std::array<MemoryMap, 2> maps;
  maps[0].add("all of it", memory.part(0, 1024));
  for (std::size_t i = 0; i < 8; ++i) maps[0].add("a part", memory.part(i * 64, 64));
  CHECK(fault_of(maps).empty());
  maps[1].add("inside", memory.part(900, 4));
  CHECK(fault_of(maps) == "a cache line belongs to \"all of it\" of worker 0 and to \"inside\" of worker 1");
}

TEST_CASE("one exchanged region may be in two maps, two of them may not share a line", "[memory_map]") {
  const Memory memory;
  std::array<MemoryMap, 2> maps;
  for (MemoryMap& map : maps) map.add("ring", memory.part(0, 128), true);
  CHECK(fault_of(maps).empty());
  SECTION("another ring begins in its last line") {
    for (MemoryMap& map : maps) map.add("other ring", memory.part(120, 128), true);
    CHECK_FALSE(fault_of(maps).empty());
  }
  SECTION("something of a worker's own lies in its last line") {
    maps[0].add("own", memory.part(127, 1));
    CHECK_FALSE(fault_of(maps).empty());
  }
  SECTION("only one of them says that it is exchanged") {
    maps[0].add("mine", memory.part(256, 64), true);
    maps[1].add("mine", memory.part(256, 64));
    CHECK_FALSE(fault_of(maps).empty());
  }
}

TEST_CASE("an empty region is none, and covering takes all bytes", "[memory_map]") {
  const Memory memory;
  MemoryMap map;
  map.add("nothing", memory.part(0, 0));
  CHECK(map.regions().empty());
  map.add("some", memory.part(64, 64));
  const auto first = reinterpret_cast<std::uintptr_t>(memory.bytes.data());
  CHECK(map.covers(first + 64, 64));
  CHECK(map.covers(first + 127, 1));
  CHECK_FALSE(map.covers(first + 63, 2));
  CHECK_FALSE(map.covers(first + 64, 65));
}

TEST_CASE("two workers and what they work with share no line but their rings", "[memory_map]") {
  Rig rig(small_node(2));
  std::array<MemoryMap, 2> maps;
  for (std::uint32_t i = 0; i < 2; ++i) {
    rig.worker(i).add_memory(maps[i]);
    maps[i].add("arena", rig.seats[i]->memory.bytes());
    maps[i].add_object("mailbox", rig.seats[i]->mailbox);
    maps[i].add_object("snapshot", *rig.seats[i]->published);
    rig.handoff->add_memory(i, maps[i]);
    CHECK(maps[i].regions().size() >= 6);
    CHECK(maps[i].covers(reinterpret_cast<std::uintptr_t>(&rig.world(i)), sizeof(World)));
  }
  CHECK(fault_of(maps).empty());
}
