// Shows that ACKs keep their order, that equal ones are owed once, that the list is bounded, and that it holds memory only
// while it is long.
// How: a random run against std::vector, then floods and dry memory.
#include "proto/kcp/ack_list.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

#include "base/arena.hpp"
#include "base/rng.hpp"

using namespace penstock;
using namespace penstock::kcp;

namespace {

struct Bench {
  explicit Bench(std::size_t bytes) : heap(BuddyMemory::cost(bytes)), arena(heap.bytes()), memory(arena, bytes) {}
  HeapMemory heap;
  Arena arena;
  BuddyMemory memory;
};

AckEntry entry(std::uint32_t sn, std::uint32_t stamp = 0) { return {Seq32(sn), Stamp32(stamp)}; }

}  // namespace

TEST_CASE("two ACKs need no memory, more do until the list drains") {
  Bench bench(1 << 16);
  AckList list;
  REQUIRE(list.add(bench.memory, entry(1)));
  REQUIRE(list.add(bench.memory, entry(2)));
  CHECK(bench.memory.in_use_bytes() == 0);
  REQUIRE(list.add(bench.memory, entry(3)));
  CHECK(bench.memory.in_use_bytes() == 256);
  for (std::uint32_t sn = 1; sn <= 3; ++sn) {
    CHECK(list.front().sn.raw() == sn);
    list.drop(1, bench.memory);
  }
  CHECK(list.empty());
  CHECK(bench.memory.in_use_bytes() == 0);
}

TEST_CASE("a run of adding and taking keeps the order") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    Bench bench(1 << 16);
    Rng rng(seed);
    AckList list;
    std::vector<std::uint32_t> model;
    std::uint32_t next = 0;
    const std::uint64_t bias = 40 + rng.below(25);
    for (int step = 0; step < 3000; ++step) {
      if (rng.below(100) < bias) {
        const bool added = list.add(bench.memory, entry(next, next * 3));
        REQUIRE(added == (model.size() < AckList::entries_max));
        if (added) model.push_back(next);
        ++next;
      } else if (!model.empty()) {
        REQUIRE(list.front().sn.raw() == model.front());
        REQUIRE(list.front().stamp.raw() == model.front() * 3);
        list.drop(1, bench.memory);
        model.erase(model.begin());
      }
      REQUIRE(list.count() == model.size());
    }
    list.clear(bench.memory);
    CHECK(bench.memory.in_use_bytes() == 0);
  }
}

TEST_CASE("a duplicate of the network is owed one ACK, a resend of the peer another") {
  Bench bench(1 << 16);
  AckList list;
  for (int i = 0; i < 1'000'000; ++i) REQUIRE(list.add(bench.memory, entry(7, 100)));
  CHECK(list.count() == 1);
  REQUIRE(list.add(bench.memory, entry(7, 101)));
  CHECK(list.count() == 2);
  list.clear(bench.memory);
}

TEST_CASE("a flood ends at the bound, and what is full refuses") {
  Bench bench(1 << 16);
  AckList list;
  std::uint32_t added = 0;
  for (std::uint32_t sn = 0; sn < 1'000'000; ++sn) added += list.add(bench.memory, entry(sn));
  CHECK(added == AckList::entries_max);
  CHECK(bench.memory.in_use_bytes() == AckList::entries_max * sizeof(AckEntry));
  CHECK(list.front().sn.raw() == 0);
  list.clear(bench.memory);
  CHECK(bench.memory.in_use_bytes() == 0);
}

TEST_CASE("without memory the two in place still work") {
  Bench bench(256);
  void* taken = bench.memory.take(256);
  REQUIRE(taken != nullptr);
  AckList list;
  REQUIRE(list.add(bench.memory, entry(1)));
  REQUIRE(list.add(bench.memory, entry(2)));
  CHECK(!list.add(bench.memory, entry(3)));
  list.drop(1, bench.memory);
  CHECK(list.add(bench.memory, entry(3)));
  CHECK(list.front().sn.raw() == 2);
  list.clear(bench.memory);
  bench.memory.give(taken, 256);
}

TEST_CASE("of a run that una has passed only the latest is named") {
  Bench bench(1 << 16);
  AckList list;
  REQUIRE(list.add(bench.memory, entry(1, 5)));  // a question, say
  for (std::uint32_t sn = 10; sn < 40; ++sn) REQUIRE(list.add_passed(bench.memory, entry(sn, sn)));
  REQUIRE(list.count() == 2);
  CHECK(list.owed()[0].sn.raw() == 1);
  CHECK(list.owed()[1].sn.raw() == 39);
  CHECK(list.owed()[1].stamp.raw() == 39);
  // What came between stays, and ends the run.
  REQUIRE(list.add_fresh(bench.memory, entry(50)));
  REQUIRE(list.add_passed(bench.memory, entry(40)));
  REQUIRE(list.add_passed(bench.memory, entry(41)));
  REQUIRE(list.count() == 4);
  CHECK(list.owed()[2].sn.raw() == 50);
  CHECK(list.owed()[3].sn.raw() == 41);
  list.drop(4, bench.memory);
  REQUIRE(list.add_passed(bench.memory, entry(60)));
  CHECK(list.count() == 1);
  list.clear(bench.memory);
}

TEST_CASE("what una jumps over is forgotten, and nothing else") {
  Bench bench(1 << 16);
  AckList list;
  for (const std::uint32_t sn : {9u, 12u, 15u, 11u, 13u, 10u}) REQUIRE(list.add(bench.memory, entry(sn)));
  list.forget(Seq32(10), Seq32(14), bench.memory);
  REQUIRE(list.count() == 2);
  CHECK(list.owed()[0].sn.raw() == 9);
  CHECK(list.owed()[1].sn.raw() == 15);
  list.forget(Seq32(9), Seq32(16), bench.memory);
  CHECK(list.empty());
  CHECK(bench.memory.in_use_bytes() == 0);
}
