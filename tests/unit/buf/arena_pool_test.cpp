// Shows that ArenaPool and HeapPool hand out each block once with one holder, refuse when dry, take back what is theirs,
// and that HeapPool is dry exactly when a test says so.
// How: by example, and random turns of taking and giving with the bytes of each block marked.
#include "buf/arena_pool.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <set>
#include <vector>

#include "aborts.hpp"
#include "base/rng.hpp"
#include "buf/segment.hpp"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

using namespace penstock;

TEST_CASE("a fresh pool is full and every block is set up", "[arena_pool]") {
  HeapMemory memory(ArenaPool::cost(2176, 5));
  Arena arena(memory.bytes());
  ArenaPool pool(arena, 2176, 5);
  CHECK(pool.capacity() == 5);
  CHECK(pool.available() == 5);
  CHECK(pool.block_bytes() == 2176);
  std::vector<Segment> held;
  std::set<const std::uint8_t*> places;
  for (int i = 0; i < 5; ++i) {
    Block* block = pool.allocate();
    REQUIRE(block != nullptr);
    CHECK(block->refs == 1);
    CHECK(block->size == 2176);
    CHECK(block->pool == &pool);
    CHECK(block->owner == nullptr);
    CHECK(reinterpret_cast<std::uintptr_t>(block->data) % cache_line_bytes == 0);
    places.insert(block->data);
    held.push_back(Segment::adopt(block, 0, 2176));
  }
  CHECK(places.size() == 5);
  CHECK(pool.allocate() == nullptr);
  CHECK(pool.available() == 0);
}

TEST_CASE("blocks do not overlap and come back whole", "[arena_pool]") {
  HeapPool pool(100, 20);
  Rng rng(41);
  std::vector<std::pair<Segment, std::uint8_t>> held;
  for (int step = 0; step < 10'000; ++step) {
    if (rng.chance_ppm(520'000)) {
      Block* block = pool.allocate();
      REQUIRE((block == nullptr) == (held.size() == 20));
      if (block == nullptr) continue;
      Segment segment = Segment::adopt(block, 0, 100);
      const auto mark = static_cast<std::uint8_t>(rng.next());
      std::ranges::fill(segment.writable(), mark);
      held.emplace_back(std::move(segment), mark);
    } else if (!held.empty()) {
      std::swap(held[rng.below(held.size())], held.back());
      const auto& [segment, mark] = held.back();
      REQUIRE(std::ranges::count(segment.bytes(), mark) == 100);
      held.pop_back();
    }
    REQUIRE(pool.available() == 20 - held.size());
  }
  held.clear();
  CHECK(pool.whole());
}

TEST_CASE("cost is enough for the pool wherever the arena stands", "[arena_pool]") {
  HeapMemory memory(64 * 1024);
  for (std::size_t before = 1; before < 70; ++before) {
    for (const std::uint32_t bytes : {1u, 64u, 65u, 512u}) {
      Arena arena(memory.bytes());
      arena.allocate(before, 1);
      const std::size_t used = arena.used_bytes();
      ArenaPool pool(arena, bytes, 7);
      REQUIRE(arena.used_bytes() - used <= ArenaPool::cost(bytes, 7));
    }
  }
}

TEST_CASE("a pool takes back only its own blocks, unheld, once", "[arena_pool]") {
  HeapMemory memory(2 * ArenaPool::cost(64, 2));
  Arena arena(memory.bytes());
  ArenaPool pool(arena, 64, 2), other(arena, 64, 2);
  Block* block = pool.allocate();
  CHECK(test::aborts([&] { pool.release(block); }));  // still held
  CHECK(test::aborts([&] {
    block->refs = 0;
    other.release(block);
  }));
  CHECK(test::aborts([&] {
    block->refs = 0;
    pool.release(block);
    pool.release(block);
  }));
  Segment::adopt(block, 0, 0).reset();
  CHECK(pool.available() == 2);
}

TEST_CASE("a heap pool runs dry on demand and recovers", "[arena_pool]") {
  HeapPool pool(64, 4);
  Segment held = Segment::adopt(pool.allocate(), 0, 64);
  pool.keep_back(2);
  CHECK(pool.available() == 1);
  Segment second = Segment::adopt(pool.allocate(), 0, 64);
  CHECK(pool.available() == 0);
  CHECK(pool.allocate() == nullptr);
  CHECK(pool.refused() == 1);
  held.reset();
  CHECK(pool.available() == 1);
  pool.keep_back(pool.capacity());
  CHECK(pool.available() == 0);
  CHECK(pool.allocate() == nullptr);
  CHECK(pool.refused() == 2);
  pool.keep_back(0);
  CHECK(pool.available() == 3);
  CHECK_FALSE(pool.whole());
  second.reset();
  CHECK(pool.whole());
}

TEST_CASE("a heap pool names itself as the one to return to", "[arena_pool]") {
  HeapPool pool(64, 1);
  for (int round = 0; round < 3; ++round) {
    Segment segment = Segment::adopt(pool.allocate(), 0, 64);
    CHECK(segment.block()->pool == &pool);
    CHECK(pool.block_bytes() == 64);
    segment.reset();
    CHECK(pool.whole());
  }
}

#if defined(__SANITIZE_ADDRESS__)
TEST_CASE("the bytes of a free block are poisoned under AddressSanitizer", "[arena_pool]") {
  HeapPool pool(64, 1);
  Segment segment = Segment::adopt(pool.allocate(), 0, 64);
  const std::uint8_t* stale = segment.bytes().data();
  CHECK(__asan_address_is_poisoned(stale) == 0);
  segment.reset();
  CHECK(__asan_address_is_poisoned(stale) == 1);
  CHECK(__asan_address_is_poisoned(stale + 63) == 1);
}
#endif
