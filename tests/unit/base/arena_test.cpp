// Shows that Arena hands out zeroed, aligned, disjoint memory up to exactly its size, that cost() covers what make() takes,
// and that running out is our own mistake.
// How: by example, and with random allocations from memory that starts at every odd alignment.
#include "base/arena.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <cstring>
#include <vector>

#include "aborts.hpp"
#include "base/rng.hpp"

using namespace penstock;

namespace {

std::uintptr_t address_of(const void* place) { return reinterpret_cast<std::uintptr_t>(place); }

struct alignas(256) Wide {
  std::uint8_t bytes[256];
};

struct WithDefault {
  std::uint32_t value = 7;
};

}  // namespace

TEST_CASE("allocations are aligned, zeroed and disjoint", "[arena]") {
  HeapMemory memory(1 << 20);
  Arena arena(memory.bytes());
  Rng rng(1);
  const std::byte* last_end = memory.bytes().data();
  for (int i = 0; i < 1'000; ++i) {
    const std::size_t bytes = rng.below(300);
    const std::size_t alignment = std::size_t{1} << rng.below(9);
    std::byte* place = arena.allocate(bytes, alignment);
    REQUIRE(address_of(place) % alignment == 0);
    REQUIRE(place >= last_end);
    REQUIRE(std::all_of(place, place + bytes, [](std::byte b) { return b == std::byte{0}; }));
    std::memset(place, 0xff, bytes);
    last_end = place + bytes;
    REQUIRE(arena.used_bytes() == static_cast<std::size_t>(last_end - memory.bytes().data()));
  }
  CHECK(arena.used_bytes() <= arena.size_bytes());
}

TEST_CASE("the default alignment is a cache line", "[arena]") {
  HeapMemory memory(1024);
  Arena arena(memory.bytes());
  arena.allocate(1);
  CHECK(address_of(arena.allocate(1)) % cache_line_bytes == 0);
  CHECK(arena.used_bytes() == cache_line_bytes + 1);
}

TEST_CASE("all of the memory can be used and not one byte more", "[arena]") {
  HeapMemory memory(256);
  Arena arena(memory.bytes());
  arena.allocate(256);
  CHECK(arena.used_bytes() == 256);
  CHECK_FALSE(test::aborts([&] { arena.allocate(0, 1); }));
  CHECK(test::aborts([&] { arena.allocate(1, 1); }));
  CHECK(test::aborts([&] { Arena(memory.bytes()).allocate(257); }));
  // A request so large that offset + bytes would wrap around is refused too.
  CHECK(test::aborts([&] {
    Arena other(memory.bytes());
    other.allocate(64);
    other.allocate(SIZE_MAX - 32);
  }));
}

TEST_CASE("an alignment that is no power of two is our own mistake", "[arena]") {
  HeapMemory memory(256);
  CHECK(test::aborts([&] { Arena(memory.bytes()).allocate(8, 48); }));
}

TEST_CASE("make constructs values and starts them on a cache line", "[arena]") {
  HeapMemory memory(64 * 1024);
  Arena arena(memory.bytes());
  arena.allocate(3, 1);
  const auto numbers = arena.make<std::uint32_t>(10);
  CHECK(numbers.size() == 10);
  CHECK(address_of(numbers.data()) % cache_line_bytes == 0);
  CHECK(std::ranges::count(numbers, 0u) == 10);
  const auto defaults = arena.make<WithDefault>(3);
  CHECK(std::ranges::all_of(defaults, [](const WithDefault& d) { return d.value == 7; }));
  CHECK(address_of(arena.make<Wide>(2).data()) % 256 == 0);
  CHECK(arena.make<std::uint64_t>(0).empty());
}

TEST_CASE("cost covers what make takes, wherever the arena stands", "[arena]") {
  HeapMemory memory(64 * 1024);
  for (std::size_t before = 1; before <= 130; ++before) {
    for (const std::size_t count : {std::size_t{1}, std::size_t{5}, std::size_t{64}}) {
      Arena arena(memory.bytes());
      arena.allocate(before, 1);
      const std::size_t used = arena.used_bytes();
      arena.make<std::uint32_t>(count);
      REQUIRE(arena.used_bytes() - used <= Arena::cost<std::uint32_t>(count));
    }
  }
}

TEST_CASE("cost covers types that are aligned wider than a cache line", "[arena]") {
  HeapMemory memory(64 * 1024);
  for (std::size_t before = 1; before <= 300; ++before) {
    Arena arena(memory.bytes());
    arena.allocate(before, 1);
    const std::size_t used = arena.used_bytes();
    arena.make<Wide>(3);
    REQUIRE(arena.used_bytes() - used <= Arena::cost<Wide>(3));
  }
}

TEST_CASE("heap memory is page aligned, zeroed and of the size asked for", "[arena]") {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{4095}, std::size_t{4097}}) {
    HeapMemory memory(bytes);
    CHECK(memory.bytes().size() == bytes);
    CHECK(address_of(memory.bytes().data()) % 4096 == 0);
    CHECK(std::ranges::all_of(memory.bytes(), [](std::byte b) { return b == std::byte{0}; }));
    std::ranges::fill(memory.bytes(), std::byte{1});  // all of it is ours to write
  }
}
