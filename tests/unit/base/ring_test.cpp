// Shows that Ring is first-in-first-out, bounded by what was asked for, refuses without loss and destroys what is left.
// How: by example, and random runs against std::deque.
#include "base/ring.hpp"

#include <catch2/catch.hpp>
#include <cstdint>
#include <deque>
#include <memory>

#include "aborts.hpp"
#include "base/rng.hpp"

using namespace penstock;

TEST_CASE("items come out in the order they went in", "[ring]") {
  HeapMemory memory(Ring<int>::cost(4));
  Arena arena(memory.bytes());
  Ring<int> ring(arena, 4);
  CHECK(ring.empty());
  for (int i = 0; i < 4; ++i) CHECK(ring.push(int{i}));
  CHECK(ring.full());
  CHECK_FALSE(ring.push(4));
  CHECK(ring.count() == 4);
  CHECK(ring.room() == 0);
  CHECK(ring.front() == 0);
  for (int i = 0; i < 4; ++i) CHECK(ring.pop() == i);
  CHECK(ring.empty());
}

TEST_CASE("the bound is what was asked for, not the next power of two", "[ring]") {
  HeapMemory memory(Ring<int>::cost(5));
  Arena arena(memory.bytes());
  Ring<int> ring(arena, 5);
  CHECK(ring.capacity() == 5);
  for (int i = 0; i < 5; ++i) CHECK(ring.push(int{i}));
  CHECK(ring.full());
  CHECK_FALSE(ring.push(5));
}

TEST_CASE("a refused item stays with the caller", "[ring]") {
  HeapMemory memory(Ring<std::unique_ptr<int>>::cost(1));
  Arena arena(memory.bytes());
  Ring<std::unique_ptr<int>> ring(arena, 1);
  CHECK(ring.push(std::make_unique<int>(1)));
  auto second = std::make_unique<int>(2);
  CHECK_FALSE(ring.push(std::move(second)));
  REQUIRE(second != nullptr);
  CHECK(*second == 2);
  CHECK(*ring.pop() == 1);
  CHECK(ring.push(std::move(second)));
  CHECK(second == nullptr);
}

TEST_CASE("what is left in a ring is destroyed with it", "[ring]") {
  const auto counted = std::make_shared<int>(0);
  {
    HeapMemory memory(Ring<std::shared_ptr<int>>::cost(8));
    Arena arena(memory.bytes());
    Ring<std::shared_ptr<int>> ring(arena, 8);
    for (int i = 0; i < 6; ++i) ring.push(std::shared_ptr<int>(counted));
    CHECK(counted.use_count() == 7);
    ring.pop();
    CHECK(counted.use_count() == 6);
  }
  CHECK(counted.use_count() == 1);
}

TEST_CASE("a random run agrees with std::deque", "[ring]") {
  for (const std::uint32_t capacity : {1u, 2u, 3u, 7u, 8u, 100u}) {
    HeapMemory memory(Ring<std::uint64_t>::cost(capacity));
    Arena arena(memory.bytes());
    Ring<std::uint64_t> ring(arena, capacity);
    std::deque<std::uint64_t> model;
    Rng rng(capacity);
    for (int step = 0; step < 5'000; ++step) {
      if (rng.chance_ppm(500'000)) {
        const std::uint64_t item = rng.next();
        const bool taken = ring.push(std::uint64_t{item});
        REQUIRE(taken == (model.size() < capacity));
        if (taken) model.push_back(item);
      } else if (!model.empty()) {
        REQUIRE(ring.pop() == model.front());
        model.pop_front();
      }
      REQUIRE(ring.count() == model.size());
      REQUIRE(ring.room() == capacity - model.size());
      REQUIRE(ring.empty() == model.empty());
      for (std::uint32_t i = 0; i < model.size(); ++i) REQUIRE(ring.at(i) == model[i]);
    }
  }
}

TEST_CASE("reading what is not there is our own mistake", "[ring]") {
  HeapMemory memory(Ring<int>::cost(2));
  Arena arena(memory.bytes());
  Ring<int> ring(arena, 2);
  ring.push(1);
  CHECK(test::aborts([&] { ring.at(1); }));
  ring.pop();
  CHECK(test::aborts([&] { ring.pop(); }));
  CHECK(test::aborts([&] { ring.front(); }));
  CHECK(test::aborts([&] {
    HeapMemory other(1024);
    Arena space(other.bytes());
    Ring<int> none(space, 0);
  }));
}

TEST_CASE("cost covers the ring wherever the arena stands", "[ring]") {
  HeapMemory memory(64 * 1024);
  for (std::size_t before = 1; before < 70; ++before) {
    Arena arena(memory.bytes());
    arena.allocate(before, 1);
    const std::size_t used = arena.used_bytes();
    Ring<std::uint64_t> ring(arena, 33);
    REQUIRE(arena.used_bytes() - used <= Ring<std::uint64_t>::cost(33));
  }
}
