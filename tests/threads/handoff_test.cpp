// Shows that blocks cross between threads through the hand-off rings whole, in order and once, and that a full ring
// refuses without losing the block.
// How: two threads give each other marked datagrams as fast as they can; ThreadSanitizer watches.
#include "engine/handoff.hpp"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstdint>
#include <thread>

#include "locked_pool.hpp"

using namespace penstock;

namespace {

constexpr std::uint32_t datagrams = 20'000;
constexpr std::uint32_t block_bytes = 128;

// What one thread saw.
struct Tally {
  std::uint64_t refused = 0;
  std::uint32_t taken = 0;
  bool in_order = true;
  bool whole = true;
};

void give(HandoffRings::HandoffRing& ring, BlockPool& pool, std::uint32_t number, Tally& tally) {
  Block* block = pool.allocate();
  while (block == nullptr) {
    std::this_thread::yield();
    block = pool.allocate();
  }
  Segment segment = Segment::adopt(block, 0, block_bytes);
  std::ranges::fill(segment.writable(), static_cast<std::uint8_t>(number));
  HandoffRecord record;
  record.offset = number;
  record.length = block_bytes;
  record.block = segment.detach();
  while (!ring.push(record)) {
    ++tally.refused;
    std::this_thread::yield();
  }
}

void take(HandoffRings::HandoffRing& ring, Tally& tally) {
  HandoffRecord record;
  while (ring.pop(record)) {
    tally.in_order = tally.in_order && record.offset == tally.taken;
    const Segment segment = Segment::adopt(record.block, 0, record.length);
    tally.whole = tally.whole && segment.unique() &&
                  std::ranges::count(segment.bytes(), static_cast<std::uint8_t>(record.offset)) == block_bytes;
    ++tally.taken;
  }
}

void work(HandoffRings& rings, std::uint32_t self, BlockPool& pool, Tally& tally) {
  const std::uint32_t other = 1 - self;
  for (std::uint32_t number = 0; number < datagrams; ++number) {
    give(rings.ring(self, other), pool, number, tally);
    // Taking only now and then lets the rings fill up.
    if (number % 64 == 0) take(rings.ring(other, self), tally);
  }
  while (tally.taken < datagrams) {
    take(rings.ring(other, self), tally);
    std::this_thread::yield();
  }
}

}  // namespace

TEST_CASE("blocks cross between two threads whole and in order", "[handoff]") {
  HandoffRings rings(2);
  // More than both rings hold, so that neither thread waits for blocks that lie in the other's ring.
  test::LockedPool pool(block_bytes, 2 * HandoffRings::ring_records + 64);
  std::array<Tally, 2> tallies;
  std::thread first([&] { work(rings, 0, pool, tallies[0]); });
  std::thread second([&] { work(rings, 1, pool, tallies[1]); });
  first.join();
  second.join();
  for (const Tally& tally : tallies) {
    CHECK(tally.taken == datagrams);
    CHECK(tally.in_order);
    CHECK(tally.whole);
  }
  CHECK(pool.available() == pool.capacity());
}

TEST_CASE("a full ring refuses and the giver still has the block", "[handoff]") {
  HandoffRings rings(2);
  test::LockedPool pool(block_bytes, HandoffRings::ring_records + 1);
  HandoffRecord record;
  for (std::size_t i = 0; i < HandoffRings::ring_records; ++i) {
    record.block = pool.allocate();
    REQUIRE(rings.ring(0, 1).push(record));
  }
  record.block = pool.allocate();
  CHECK_FALSE(rings.ring(0, 1).push(record));
  CHECK(record.block->refs == 1);
  Segment::adopt(record.block, 0, 0).reset();
  while (rings.ring(0, 1).pop(record)) Segment::adopt(record.block, 0, 0).reset();
  CHECK(pool.available() == pool.capacity());
}

TEST_CASE("each ordered pair of workers has a ring of its own", "[handoff]") {
  HandoffRings rings(3);
  for (std::uint32_t from = 0; from < 3; ++from) {
    for (std::uint32_t to = 0; to < 3; ++to) {
      HandoffRecord record;
      record.offset = 10 * from + to;
      REQUIRE(rings.ring(from, to).push(record));
    }
  }
  for (std::uint32_t from = 0; from < 3; ++from) {
    for (std::uint32_t to = 0; to < 3; ++to) {
      HandoffRecord record;
      REQUIRE(rings.ring(from, to).pop(record));
      CHECK(record.offset == 10 * from + to);
      CHECK_FALSE(rings.ring(from, to).pop(record));
    }
  }
}
