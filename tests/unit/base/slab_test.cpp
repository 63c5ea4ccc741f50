// Shows that Slab hands out each index once, constructs and destroys in place, prefers warm memory, and costs what it says.
// How: by example, and a random run against a set of taken indices.
#include "base/slab.hpp"

#include <catch2/catch.hpp>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "aborts.hpp"
#include "base/rng.hpp"

using namespace penstock;

namespace {

// Counts how many of it live.
struct Guest {
  explicit Guest(int& living, int number) : living_(&living), number_(number) { ++*living_; }
  ~Guest() { --*living_; }
  Guest(const Guest&) = delete;
  int* living_;
  int number_;
};

}  // namespace

TEST_CASE("a slab is taken to its capacity and then refuses", "[slab]") {
  HeapMemory memory(Slab<std::uint64_t>::cost(3));
  Arena arena(memory.bytes());
  Slab<std::uint64_t> slab(arena, 3);
  CHECK(slab.capacity() == 3);
  CHECK(slab.take(10u) == 0);
  CHECK(slab.take(11u) == 1);
  CHECK(slab.take(12u) == 2);
  CHECK(slab.in_use() == 3);
  CHECK(slab.take(13u) == Slab<std::uint64_t>::none);
  CHECK(slab.in_use() == 3);
  CHECK(slab[1] == 11);
}

TEST_CASE("the last one given back is taken first", "[slab]") {
  HeapMemory memory(Slab<int>::cost(8));
  Arena arena(memory.bytes());
  Slab<int> slab(arena, 8);
  for (int i = 0; i < 5; ++i) slab.take(i);
  slab.give(1);
  slab.give(3);
  CHECK(slab.take(0) == 3);
  CHECK(slab.take(0) == 1);
  CHECK(slab.take(0) == 5);
}

TEST_CASE("items are constructed when taken and destroyed when given", "[slab]") {
  int living = 0;
  HeapMemory memory(Slab<Guest>::cost(2));
  Arena arena(memory.bytes());
  Slab<Guest> slab(arena, 2);
  CHECK(living == 0);
  const auto first = slab.take(living, 1);
  const auto second = slab.take(living, 2);
  CHECK(living == 2);
  CHECK(slab[first].number_ == 1);
  CHECK(slab.take(living, 3) == Slab<Guest>::none);
  CHECK(living == 2);
  slab.give(first);
  CHECK(living == 1);
  slab.give(second);
  CHECK(living == 0);
  CHECK(slab.in_use() == 0);
}

TEST_CASE("a random run never hands out an index that is taken", "[slab]") {
  constexpr std::uint32_t capacity = 50;
  HeapMemory memory(Slab<std::uint64_t>::cost(capacity));
  Arena arena(memory.bytes());
  Slab<std::uint64_t> slab(arena, capacity);
  std::map<std::uint32_t, std::uint64_t> taken;
  Rng rng(6);
  for (int step = 0; step < 20'000; ++step) {
    if (rng.chance_ppm(520'000)) {
      const std::uint64_t value = rng.next();
      const auto index = slab.take(value);
      if (taken.size() == capacity) {
        REQUIRE(index == Slab<std::uint64_t>::none);
        continue;
      }
      REQUIRE(index < capacity);
      REQUIRE(taken.emplace(index, value).second);
    } else if (!taken.empty()) {
      auto it = taken.begin();
      std::advance(it, static_cast<std::ptrdiff_t>(rng.below(taken.size())));
      REQUIRE(slab[it->first] == it->second);
      slab.give(it->first);
      taken.erase(it);
    }
    REQUIRE(slab.in_use() == taken.size());
  }
  for (const auto& [index, value] : taken) REQUIRE(slab[index] == value);
}

TEST_CASE("cost covers the slab wherever the arena stands", "[slab]") {
  struct alignas(128) Wide {
    std::uint8_t bytes[128];
  };
  HeapMemory memory(64 * 1024);
  for (std::size_t before = 1; before < 130; ++before) {
    Arena arena(memory.bytes());
    arena.allocate(before, 1);
    std::size_t used = arena.used_bytes();
    Slab<std::uint8_t> narrow(arena, 13);
    REQUIRE(arena.used_bytes() - used <= Slab<std::uint8_t>::cost(13));
    used = arena.used_bytes();
    Slab<Wide> wide(arena, 3);
    REQUIRE(arena.used_bytes() - used <= Slab<Wide>::cost(3));
    REQUIRE(reinterpret_cast<std::uintptr_t>(&wide[0]) % 128 == 0);
  }
}

TEST_CASE("giving what cannot be taken is our own mistake", "[slab]") {
  HeapMemory memory(Slab<int>::cost(2));
  Arena arena(memory.bytes());
  Slab<int> slab(arena, 2);
  CHECK(test::aborts([&] { slab.give(0); }));
  slab.take(1);
  CHECK(test::aborts([&] { slab.give(2); }));
  CHECK(test::aborts([&] { slab.give(Slab<int>::none); }));
  CHECK_FALSE(test::aborts([&] { slab.give(0); }));
}
