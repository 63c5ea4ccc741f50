// Shows which class a kept payload goes to, that bytes survive the copy, and that compact() copies exactly where that saves.
// How: every length at the class borders, pools run dry class by class, and foreign blocks of many sizes.
#include "buf/small_blocks.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <vector>

#include "base/rng.hpp"

using namespace penstock;

namespace {

struct Bench {
  Bench(std::uint32_t count_128, std::uint32_t count_512, std::uint32_t count_2176)
      : counts{{count_128, count_512, count_2176}},
        memory(SmallBlocks::cost(counts)),
        arena(memory.bytes()),
        small(arena, counts) {}
  std::uint32_t in_use(std::uint32_t index) const {
    return small.pool(index).capacity() - small.pool(index).available();
  }
  SmallBlocks::Counts counts;
  HeapMemory memory;
  Arena arena;
  SmallBlocks small;
};

Segment foreign(HeapPool& pool, std::uint32_t offset, std::uint32_t length) {
  Block* block = pool.allocate();
  for (std::uint32_t i = 0; i < block->size; ++i) block->data[i] = static_cast<std::uint8_t>(i * 7 + 3);
  return Segment::adopt(block, offset, length);
}

std::vector<std::uint8_t> copy_of(const Segment& segment) { return {segment.bytes().begin(), segment.bytes().end()}; }

}  // namespace

TEST_CASE("a length goes to the smallest class that holds it", "[small_blocks]") {
  Bench bench(4, 4, 4);
  const std::uint32_t length = GENERATE(0u, 1u, 128u, 129u, 512u, 513u, 2176u);
  const Segment segment = bench.small.allocate(length);
  REQUIRE(segment.holds());
  CHECK(segment.length() == length);
  CHECK(bench.in_use(0) == (length <= 128 ? 1 : 0));
  CHECK(bench.in_use(1) == (length > 128 && length <= 512 ? 1 : 0));
  CHECK(bench.in_use(2) == (length > 512 ? 1 : 0));
}

TEST_CASE("nothing is longer than the largest class", "[small_blocks]") {
  Bench bench(4, 4, 4);
  CHECK_FALSE(bench.small.allocate(2177).holds());
  CHECK_FALSE(bench.small.copy(std::vector<std::uint8_t>(2177)).holds());
}

TEST_CASE("a dry class is made up for by the next larger one", "[small_blocks]") {
  Bench bench(1, 1, 1);
  const Segment first = bench.small.allocate(10);
  const Segment second = bench.small.allocate(10);
  const Segment third = bench.small.allocate(10);
  CHECK(bench.in_use(0) == 1);
  CHECK(bench.in_use(1) == 1);
  CHECK(bench.in_use(2) == 1);
  CHECK_FALSE(bench.small.allocate(10).holds());
  CHECK_FALSE(bench.small.copy(std::vector<std::uint8_t>(10)).holds());
}

TEST_CASE("a copy has the same bytes", "[small_blocks]") {
  Bench bench(2, 2, 2);
  Rng rng(1);
  for (const std::size_t length : {0u, 1u, 128u, 500u, 1'400u, 2'176u}) {
    std::vector<std::uint8_t> bytes(length);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(rng.next());
    const Segment copy = bench.small.copy(bytes);
    REQUIRE(copy.holds());
    CHECK(std::ranges::equal(copy.bytes(), bytes));
  }
}

TEST_CASE("one byte does not pin a large buffer", "[small_blocks]") {
  Bench bench(2, 2, 2);
  HeapPool rx(2176, 1);
  Segment kept = bench.small.compact(foreign(rx, 100, 1));
  CHECK(rx.whole());
  CHECK(bench.in_use(0) == 1);
  CHECK(kept.length() == 1);
  CHECK(kept.bytes()[0] == static_cast<std::uint8_t>(100 * 7 + 3));
}

TEST_CASE("compacting copies where it frees at least twice what it takes", "[small_blocks]") {
  struct Row {
    std::uint32_t block_bytes, length;
    bool copied;
  };
  const Row row = GENERATE(Row{256, 128, true}, Row{255, 128, false}, Row{1024, 512, true}, Row{1023, 512, false},
                           Row{1023, 128, true}, Row{2176, 513, false}, Row{4352, 513, true}, Row{4352, 2176, true},
                           Row{4351, 2176, false}, Row{9000, 2177, false}, Row{128, 1, false});
  Bench bench(2, 2, 2);
  HeapPool rx(row.block_bytes, 1);
  Segment segment = foreign(rx, 0, row.length);
  const auto before = copy_of(segment);
  Segment kept = bench.small.compact(std::move(segment));
  CHECK_FALSE(segment.holds());
  INFO("block " << row.block_bytes << " length " << row.length);
  CHECK(rx.whole() == row.copied);
  CHECK(copy_of(kept) == before);
}

TEST_CASE("a scarce foreign block is freed even where nothing is saved", "[small_blocks]") {
  Bench bench(2, 2, 2);
  HeapPool rx(2176, 2);
  Segment kept = bench.small.compact(foreign(rx, 0, 1'400), true);
  CHECK(rx.whole());
  CHECK(bench.in_use(2) == 1);
  // What no class holds stays where it is.
  HeapPool jumbo(9000, 1);
  Segment long_one = bench.small.compact(foreign(jumbo, 0, 2'177), true);
  CHECK_FALSE(jumbo.whole());
  CHECK(long_one.length() == 2'177);
}

TEST_CASE("a block that others hold is not copied, as that would free nothing", "[small_blocks]") {
  Bench bench(2, 2, 2);
  HeapPool rx(2176, 1);
  Segment segment = foreign(rx, 0, 10);
  const Segment other = segment.share();
  const Segment kept = bench.small.compact(std::move(segment));
  CHECK(kept.block() == other.block());
  CHECK(bench.in_use(0) == 0);
}

TEST_CASE("what is ours already stays where it is", "[small_blocks]") {
  Bench bench(2, 2, 2);
  Segment large = bench.small.allocate(2'000);
  large.trim_back(1'999);
  const Block* block = large.block();
  const Segment kept = bench.small.compact(std::move(large), true);
  CHECK(kept.block() == block);
  CHECK(bench.in_use(0) == 0);
}

TEST_CASE("when the fitting class is dry, a larger one is taken only if it still saves", "[small_blocks]") {
  Bench bench(0, 1, 1);
  HeapPool big(2176, 2), medium(600, 1);
  // 2,176 B for 512 B saves.
  const Segment first = bench.small.compact(foreign(big, 0, 10));
  CHECK(bench.in_use(1) == 1);
  // 2,176 B for 2,176 B does not, nor would 600 B for 512 B have.
  const Segment second = bench.small.compact(foreign(big, 0, 10));
  CHECK(bench.in_use(2) == 0);
  CHECK(big.available() == 1);
  const Segment third = bench.small.compact(foreign(medium, 0, 10));
  CHECK_FALSE(medium.whole());
  // Unless the foreign block is scarce.
  Segment fourth = bench.small.compact(foreign(big, 0, 10), true);
  CHECK(bench.in_use(2) == 1);
}

TEST_CASE("compacting with every class dry returns the segment as it was", "[small_blocks]") {
  Bench bench(0, 0, 0);
  HeapPool rx(2176, 1);
  Segment segment = foreign(rx, 50, 10);
  const Block* block = segment.block();
  const Segment kept = bench.small.compact(std::move(segment), true);
  CHECK(kept.block() == block);
  CHECK(kept.offset() == 50);
  CHECK(kept.length() == 10);
}

TEST_CASE("nothing stays nothing", "[small_blocks]") {
  Bench bench(1, 1, 1);
  CHECK_FALSE(bench.small.compact(Segment()).holds());
}
