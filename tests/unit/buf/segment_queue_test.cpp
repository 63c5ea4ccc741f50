// Shows that SegmentQueue keeps order, counts and bytes, refuses without loss when its chunk pool is dry, and returns every
// chunk and every hold.
// How: by example at chunk borders, and random runs of several queues over one pool against std::deque.
#include "buf/segment_queue.hpp"

#include <catch2/catch.hpp>
#include <cstdint>
#include <deque>
#include <vector>

#include "aborts.hpp"
#include "base/rng.hpp"
#include "buf/arena_pool.hpp"

using namespace penstock;

namespace {

// Blocks and chunks for a test; both must be whole at its end.
struct Bench {
  explicit Bench(std::uint32_t chunks)
      : memory(SegmentChunkPool::cost(chunks)), arena(memory.bytes()), pool(arena, chunks) {}
  Segment segment(std::uint32_t length) { return Segment::adopt(blocks.allocate(), 0, length); }
  bool whole() const { return blocks.whole() && pool.available() == pool.capacity(); }

  HeapPool blocks{64, 256};
  HeapMemory memory;
  Arena arena;
  SegmentChunkPool pool;
};

}  // namespace

TEST_CASE("segments come out in order across chunk borders", "[segment_queue]") {
  Bench bench(4);
  SegmentQueue queue(bench.pool);
  CHECK(queue.empty());
  for (std::uint32_t length = 0; length < 20; ++length) CHECK(queue.push_back(bench.segment(length)));
  CHECK(queue.count() == 20);
  CHECK(queue.bytes() == 190);
  CHECK(bench.pool.available() == 1);
  for (std::uint32_t length = 0; length < 20; ++length) {
    CHECK(queue.front().length() == length);
    CHECK(queue.pop_front().length() == length);
  }
  CHECK(queue.empty());
  CHECK(queue.bytes() == 0);
  CHECK(bench.whole());
}

TEST_CASE("a queue holds seven segments a chunk and then refuses, leaving its argument", "[segment_queue]") {
  Bench bench(2);
  SegmentQueue queue(bench.pool);
  for (int i = 0; i < 14; ++i) REQUIRE(queue.push_back(bench.segment(1)));
  Segment extra = bench.segment(33);
  CHECK_FALSE(queue.push_back(std::move(extra)));
  CHECK(extra.holds());
  CHECK(extra.length() == 33);
  CHECK(queue.count() == 14);
  CHECK(queue.bytes() == 14);
  // A chunk is free again once its seven are gone, not before.
  for (int i = 0; i < 6; ++i) queue.pop_front();
  CHECK_FALSE(queue.push_back(std::move(extra)));
  queue.pop_front();
  CHECK(queue.push_back(std::move(extra)));
  CHECK_FALSE(extra.holds());
}

TEST_CASE("a queue without a chunk stays empty and usable", "[segment_queue]") {
  Bench bench(1);
  SegmentQueue first(bench.pool), second(bench.pool);
  CHECK(first.push_back(bench.segment(1)));
  Segment refused = bench.segment(2);
  CHECK_FALSE(second.push_back(std::move(refused)));
  CHECK(second.empty());
  first.clear();
  CHECK(second.push_back(std::move(refused)));
  CHECK(second.pop_front().length() == 2);
}

TEST_CASE("clearing and destruction let go of everything", "[segment_queue]") {
  Bench bench(8);
  {
    SegmentQueue queue(bench.pool);
    for (int i = 0; i < 30; ++i) queue.push_back(bench.segment(1));
    queue.clear();
    CHECK(bench.whole());
    CHECK(queue.empty());
    for (int i = 0; i < 30; ++i) queue.push_back(bench.segment(1));
    CHECK_FALSE(bench.whole());
  }
  CHECK(bench.whole());
}

TEST_CASE("moving a queue moves its holds and leaves an empty, usable one", "[segment_queue]") {
  Bench bench(8);
  SegmentQueue a(bench.pool);
  for (std::uint32_t i = 0; i < 10; ++i) a.push_back(bench.segment(i));
  a.pop_front();
  SegmentQueue b = std::move(a);
  CHECK(a.empty());
  CHECK(a.bytes() == 0);
  CHECK(b.count() == 9);
  CHECK(b.bytes() == 45);
  CHECK(a.push_back(bench.segment(5)));
  a = std::move(b);
  CHECK(a.count() == 9);
  CHECK(b.empty());
  SegmentQueue& itself = a;
  a = std::move(itself);
  CHECK(a.count() == 9);
  for (std::uint32_t i = 1; i < 10; ++i) CHECK(a.pop_front().length() == i);
  CHECK(bench.whole());
}

TEST_CASE("taking from an empty queue is our own mistake", "[segment_queue]") {
  Bench bench(1);
  SegmentQueue queue(bench.pool);
  CHECK(test::aborts([&] { queue.front(); }));
  CHECK(test::aborts([&] { queue.pop_front(); }));
}

TEST_CASE("random runs of three queues over one pool agree with std::deque", "[segment_queue]") {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    Bench bench(6);
    Rng rng(seed);
    std::vector<SegmentQueue> queues;
    for (int i = 0; i < 3; ++i) queues.emplace_back(bench.pool);
    std::vector<std::deque<std::uint32_t>> models(3);
    for (int step = 0; step < 5'000; ++step) {
      const std::size_t at = rng.below(3);
      SegmentQueue& queue = queues[at];
      auto& model = models[at];
      const std::uint64_t kind = rng.below(100);
      if (kind < 55) {
        const auto length = static_cast<std::uint32_t>(rng.below(65));
        const bool chunk_free = bench.pool.available() > 0;
        if (queue.push_back(bench.segment(length))) model.push_back(length);
        else REQUIRE_FALSE(chunk_free);
      } else if (kind < 98) {
        if (model.empty()) continue;
        REQUIRE(queue.pop_front().length() == model.front());
        model.pop_front();
      } else if (kind == 98) {
        queue.clear();
        model.clear();
      } else {
        std::swap(queues[at], queues[(at + 1) % 3]);
        std::swap(models[at], models[(at + 1) % 3]);
      }
      std::uint64_t bytes = 0;
      for (const std::uint32_t length : models[at]) bytes += length;
      REQUIRE(queues[at].count() == models[at].size());
      REQUIRE(queues[at].bytes() == bytes);
      auto expected = models[at].begin();
      queues[at].for_each([&](const Segment& segment) { REQUIRE(segment.length() == *expected++); });
      REQUIRE(expected == models[at].end());
    }
    queues.clear();
    REQUIRE(bench.whole());
  }
}

TEST_CASE("the chunk pool counts and does not take back more than it gave", "[segment_queue]") {
  Bench bench(2);
  SegmentChunk* chunk = bench.pool.take();
  SegmentChunk* other = bench.pool.take();
  CHECK(chunk != other);
  CHECK(bench.pool.take() == nullptr);
  bench.pool.give(chunk);
  bench.pool.give(other);
  CHECK(bench.pool.available() == 2);
  CHECK(test::aborts([&] { bench.pool.give(chunk); }));
}
