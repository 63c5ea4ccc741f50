// Shows that a chain keeps the order in which slots were put in, whatever is taken out, across the wrap of the numbers and
// while the ring grows under it.
// How: random steps beside a deque.
#include "proto/kcp/slot_chain.hpp"

#include <catch2/catch.hpp>
#include <deque>

#include "base/arena.hpp"
#include "base/rng.hpp"

using namespace penstock;
using namespace penstock::kcp;

namespace {

struct Bench {
  HeapMemory heap{BuddyMemory::cost(1 << 20)};
  Arena arena{heap.bytes()};
  BuddyMemory memory{arena, 1 << 20};
  SendRing ring;
  ~Bench() { ring.release(memory); }
};

}  // namespace

TEST_CASE("a chain keeps its order, whatever is taken out") {
  for (const std::uint32_t start : {0u, 0xffff'ffe0u, 0x0000'fff0u, 0x7fff'fff8u}) {
    Bench bench;
    const Seq32 first(start);
    SlotChain chain;
    std::deque<std::uint32_t> model;  // offsets from `first`, in order
    std::vector<bool> in(2000);
    Rng rng(start + 1);
    std::uint32_t end = 0;
    for (int step = 0; step < 20'000; ++step) {
      if (end < in.size() && rng.below(8) == 0) {
        REQUIRE(bench.ring.reserve(bench.memory, end + 1, first, first + end));
        bench.ring.place(first + end);
        ++end;
      }
      if (end == 0) continue;
      const auto at = static_cast<std::uint32_t>(rng.below(end));
      if (in[at]) {
        chain.remove(bench.ring, first + at);
        model.erase(std::ranges::find(model, at));
      } else {
        chain.push_back(bench.ring, first + at);
        model.push_back(at);
      }
      in[at] = !in[at];
      REQUIRE(chain.count() == model.size());
      if (!model.empty()) REQUIRE(chain.front(first) == first + model.front());
    }
    while (!model.empty()) {
      REQUIRE(chain.front(first) == first + model.front());
      chain.remove(bench.ring, first + model.front());
      model.pop_front();
    }
    CHECK(chain.empty());
  }
}
