// Shows that a ring finds every sn by mask across the wrap, carries its slots along when it grows, takes memory only while
// in use, and stays as it was when memory is short.
// How: windows of all sizes laid over the wrap of the sn circle.
#include "proto/kcp/slot_ring.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "base/arena.hpp"

using namespace penstock;
using namespace penstock::kcp;

namespace {

struct Slot {
  static constexpr BuddyMemory::Kind kind = BuddyMemory::Kind::received;
  std::uint64_t value = 0;
  std::uint64_t other = 0;
};

struct SentSlot : Slot {
  static constexpr BuddyMemory::Kind kind = BuddyMemory::Kind::sent;
};

struct Bench {
  explicit Bench(std::size_t bytes) : heap(BuddyMemory::cost(bytes)), arena(heap.bytes()), memory(arena, bytes) {}
  HeapMemory heap;
  Arena arena;
  BuddyMemory memory;
};

}  // namespace

TEST_CASE("a ring grows under its window and keeps every slot") {
  Bench bench(1 << 20);
  for (const std::uint32_t start : {0u, 7u, 0xffff'fff0u, 0xffff'ff00u, 0x7fff'fff0u}) {
    SlotRing<Slot> ring;
    const Seq32 first(start);
    for (std::uint32_t i = 0; i < 1000; ++i) {
      REQUIRE(ring.reserve(bench.memory, i + 1, first, first + i));
      REQUIRE(ring.capacity() >= i + 1);
      ring[first + i].value = i + 1;
      for (std::uint32_t back = 0; back <= i; back += 97) REQUIRE(ring[first + back].value == back + 1);
    }
    CHECK(ring.capacity() == 1024);
    CHECK(bench.memory.in_use_bytes() == 1024 * sizeof(Slot));
    ring.release(bench.memory);
    CHECK(bench.memory.in_use_bytes() == 0);
  }
}

TEST_CASE("the first ring is one smallest block") {
  Bench bench(1 << 16);
  SlotRing<Slot> ring;
  REQUIRE(ring.reserve(bench.memory, 1, Seq32(5), Seq32(5)));
  CHECK(ring.capacity() == 16);
  CHECK(bench.memory.in_use_bytes() == 256);
  ring.release(bench.memory);
  ring.release(bench.memory);
  CHECK(bench.memory.in_use_bytes() == 0);
}

TEST_CASE("a ring that cannot grow is as it was") {
  Bench bench(8192);
  SlotRing<Slot> ring;
  REQUIRE(ring.reserve(bench.memory, 100, Seq32(0), Seq32(0)));
  for (std::uint32_t i = 0; i < 100; ++i) ring[Seq32(i)].value = i;
  CHECK(!ring.reserve(bench.memory, 129, Seq32(0), Seq32(100)));
  CHECK(ring.capacity() == 128);
  for (std::uint32_t i = 0; i < 100; ++i) CHECK(ring[Seq32(i)].value == i);
  ring.release(bench.memory);
}

TEST_CASE("the last quarter of the memory is for smallest rings") {
  Bench bench(1 << 16);
  // Two peers fill all that rings of their kind may have with gaps; neither they nor a third one get a longer ring …
  SlotRing<Slot> greedy, other, longer;
  REQUIRE(greedy.reserve(bench.memory, 1024, Seq32(0), Seq32(0)));
  REQUIRE(other.reserve(bench.memory, 512, Seq32(0), Seq32(0)));
  CHECK(bench.memory.in_use_bytes() == 3 << 13);
  CHECK_FALSE(other.reserve(bench.memory, 513, Seq32(0), Seq32(0)));
  CHECK_FALSE(longer.reserve(bench.memory, longer.smallest + 1, Seq32(0), Seq32(0)));
  CHECK(other.capacity() == 512);
  // … a service that has to answer what they sent does …
  SlotRing<SentSlot> answers, more_answers;
  REQUIRE(answers.reserve(bench.memory, 1024, Seq32(0), Seq32(0)));
  REQUIRE(more_answers.reserve(bench.memory, 512, Seq32(0), Seq32(0)));
  CHECK_FALSE(more_answers.reserve(bench.memory, 513, Seq32(0), Seq32(0)));
  // … and who asks for one segment is served, 64 times.
  std::vector<SlotRing<Slot>> honest(64);
  for (auto& ring : honest) CHECK(ring.reserve(bench.memory, 1, Seq32(0), Seq32(0)));
  CHECK_FALSE(longer.reserve(bench.memory, 1, Seq32(0), Seq32(0)));
  for (auto& ring : honest) ring.release(bench.memory);
  greedy.release(bench.memory);
  other.release(bench.memory);
  answers.release(bench.memory);
  more_answers.release(bench.memory);
  CHECK(bench.memory.in_use_bytes() == 0);
}

TEST_CASE("a ring constructs a slot when it is placed, and takes placed ones along") {
  Bench bench(1 << 16);
  SlotRing<Slot> ring;
  const Seq32 first(0xffff'fffd);
  for (std::uint32_t i = 0; i < 500; ++i) {
    REQUIRE(ring.reserve(bench.memory, i + 1, first, first + i));
    CHECK(ring.place(first + i, Slot{.value = i, .other = 7}).value == i);
  }
  for (std::uint32_t i = 0; i < 500; ++i) {
    CHECK(ring[first + i].value == i);
    CHECK(ring[first + i].other == 7);
  }
  ring.release(bench.memory);
  CHECK(bench.memory.in_use_bytes() == 0);
}
