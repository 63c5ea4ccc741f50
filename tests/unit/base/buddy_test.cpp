// Shows that BuddyMemory never hands out overlapping blocks, accounts exactly, finds room while an aligned stretch is free,
// and is one piece again when everything is given back.
// How: random runs against a model that marks every 256-byte cell, over regions of many sizes.
#include "base/buddy.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <cstring>
#include <vector>

#include "aborts.hpp"
#include "base/rng.hpp"

using namespace penstock;

namespace {

constexpr std::size_t cell_bytes = BuddyMemory::smallest_bytes;

struct Held {
  std::uint8_t* block;
  std::size_t bytes;
  std::uint8_t mark;
};

// Which cells are taken, by naive marking.
class Model {
 public:
  explicit Model(std::size_t cells) : taken_(cells, false) {}

  // True when some aligned stretch of a power of two of cells is free.
  bool has_room(std::size_t cells) const {
    for (std::size_t start = 0; start + cells <= taken_.size(); start += cells) {
      const auto first = taken_.begin() + static_cast<std::ptrdiff_t>(start);
      if (std::none_of(first, first + static_cast<std::ptrdiff_t>(cells), [](bool t) { return t; })) return true;
    }
    return false;
  }
  void mark(std::size_t start, std::size_t cells, bool taken) {
    for (std::size_t i = start; i < start + cells; ++i) {
      REQUIRE(taken_.at(i) != taken);
      taken_[i] = taken;
    }
  }
  std::size_t cells_taken() const { return static_cast<std::size_t>(std::ranges::count(taken_, true)); }

 private:
  std::vector<bool> taken_;
};

// A pool over its own memory, with the address of its first byte.
struct Region {
  explicit Region(std::size_t bytes) : memory(BuddyMemory::cost(bytes)), arena(memory.bytes()), buddy(arena, bytes) {
    // The lowest block is handed out of a fresh region only if nothing smaller is free, so look for the lowest address.
    std::vector<void*> all;
    while (void* block = buddy.take(1)) all.push_back(block);
    if (!all.empty()) first = static_cast<std::uint8_t*>(*std::ranges::min_element(all));
    for (void* block : all) buddy.give(block, 1);
  }
  HeapMemory memory;
  Arena arena;
  BuddyMemory buddy;
  std::uint8_t* first = nullptr;
};

void run_against_model(std::size_t cells, std::uint64_t seed) {
  Region region(cells * cell_bytes);
  Model model(cells);
  std::vector<Held> held;
  Rng rng(seed);
  for (int step = 0; step < 3'000; ++step) {
    if (held.empty() || rng.chance_ppm(550'000)) {
      const std::size_t bytes = 1 + rng.below(rng.chance_ppm(200'000) ? cells * cell_bytes : 8 * cell_bytes);
      const std::size_t wanted = BuddyMemory::rounded(bytes) / cell_bytes;
      const bool room = model.has_room(wanted);
      auto* block = static_cast<std::uint8_t*>(region.buddy.take(bytes));
      REQUIRE((block != nullptr) == room);
      if (block == nullptr) continue;
      const auto start = static_cast<std::size_t>(block - region.first);
      REQUIRE(start % cell_bytes == 0);
      model.mark(start / cell_bytes, wanted, true);
      const auto mark = static_cast<std::uint8_t>(rng.next());
      std::memset(block, mark, bytes);
      held.push_back({block, bytes, mark});
    } else {
      const std::size_t index = rng.below(held.size());
      const Held gone = held[index];
      held[index] = held.back();
      held.pop_back();
      REQUIRE(std::all_of(gone.block, gone.block + gone.bytes, [&](std::uint8_t b) { return b == gone.mark; }));
      model.mark(static_cast<std::size_t>(gone.block - region.first) / cell_bytes,
                 BuddyMemory::rounded(gone.bytes) / cell_bytes, false);
      region.buddy.give(gone.block, gone.bytes);
    }
    REQUIRE(region.buddy.in_use_bytes() == model.cells_taken() * cell_bytes);
  }
  for (const Held& one : held) region.buddy.give(one.block, one.bytes);
  REQUIRE(region.buddy.in_use_bytes() == 0);
}

}  // namespace

TEST_CASE("requests are rounded to a power of two of cells", "[buddy]") {
  CHECK(BuddyMemory::rounded(0) == 256);
  CHECK(BuddyMemory::rounded(1) == 256);
  CHECK(BuddyMemory::rounded(256) == 256);
  CHECK(BuddyMemory::rounded(257) == 512);
  CHECK(BuddyMemory::rounded(1025) == 2048);
}

TEST_CASE("random runs agree with a model of cells", "[buddy]") {
  const std::size_t cells = GENERATE(1u, 2u, 3u, 7u, 16u, 33u, 100u, 257u);
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    INFO("cells " << cells << " seed " << seed);
    run_against_model(cells, seed);
  }
}

TEST_CASE("a thousand small blocks given back in any order make one large one again", "[buddy]") {
  constexpr std::size_t bytes = 1024 * cell_bytes;
  Region region(bytes);
  Rng rng(5);
  for (int round = 0; round < 20; ++round) {
    std::vector<void*> blocks;
    while (void* block = region.buddy.take(200)) blocks.push_back(block);
    REQUIRE(blocks.size() == 1024);
    REQUIRE(region.buddy.in_use_bytes() == region.buddy.capacity_bytes());
    REQUIRE(region.buddy.take(bytes) == nullptr);
    for (std::size_t left = blocks.size(); left > 0; --left) {
      std::swap(blocks[rng.below(left)], blocks[left - 1]);
      region.buddy.give(blocks[left - 1], 200);
    }
    void* whole = region.buddy.take(bytes);
    REQUIRE(whole != nullptr);
    region.buddy.give(whole, bytes);
  }
}

TEST_CASE("the block given back last is taken first, whole", "[buddy]") {
  Region region(64 * cell_bytes);
  void* first = region.buddy.take(1'000);
  void* second = region.buddy.take(1'000);
  region.buddy.give(first, 1'000);
  region.buddy.give(second, 1'000);
  CHECK(region.buddy.in_use_bytes() == 0);
  CHECK(region.buddy.take(1'024) == second);
  CHECK(region.buddy.take(600) == first);
}

TEST_CASE("blocks kept whole melt when a request finds nothing else", "[buddy]") {
  Region region(64 * cell_bytes);
  std::vector<void*> blocks;
  while (void* block = region.buddy.take(1)) blocks.push_back(block);
  REQUIRE(blocks.size() == 64);
  // Fewer than are kept of an order, so that all of them are.
  static_assert(BuddyMemory::warm_max >= 32);
  for (std::size_t i = 0; i < 32; ++i) {
    region.buddy.give(blocks.back(), 1);
    blocks.pop_back();
  }
  void* large = region.buddy.take(32 * cell_bytes);
  CHECK(region.buddy.take(1) == nullptr);
  REQUIRE(large != nullptr);
  region.buddy.give(large, 32 * cell_bytes);
}

TEST_CASE("a region that is no power of two is used to its last cell", "[buddy]") {
  Region region(13 * cell_bytes + 100);
  CHECK(region.buddy.capacity_bytes() == 13 * cell_bytes);
  CHECK(region.buddy.take(8 * cell_bytes) != nullptr);
  CHECK(region.buddy.take(4 * cell_bytes) != nullptr);
  CHECK(region.buddy.take(cell_bytes) != nullptr);
  CHECK(region.buddy.take(1) == nullptr);
}

TEST_CASE("each kind of large request has three eighths of the memory, by what it really takes", "[buddy]") {
  using Kind = BuddyMemory::Kind;
  Region region(32 * cell_bytes);
  BuddyMemory& buddy = region.buddy;
  CHECK(buddy.take_large(Kind::sent, 16 * cell_bytes) == nullptr);
  CHECK(buddy.take_large(Kind::sent, 9 * cell_bytes) == nullptr);  // which would take 16
  void* first = buddy.take_large(Kind::sent, 8 * cell_bytes);
  REQUIRE(first != nullptr);
  void* second = buddy.take_large(Kind::sent, 3 * cell_bytes);  // which takes four
  REQUIRE(second != nullptr);
  CHECK(buddy.take_large(Kind::sent, 1) == nullptr);
  // The other kind has as much, whatever the first one took.
  void* other = buddy.take_large(Kind::received, 8 * cell_bytes);
  REQUIRE(other != nullptr);
  CHECK(buddy.take_large(Kind::received, 4 * cell_bytes) != nullptr);
  CHECK(buddy.take_large(Kind::received, 1) == nullptr);
  // What is left is for small ones, and what comes back may be taken again.
  CHECK(buddy.take(8 * cell_bytes) != nullptr);
  buddy.give_large(Kind::received, other, 8 * cell_bytes);
  CHECK(buddy.take_large(Kind::sent, cell_bytes) == nullptr);
  CHECK(buddy.take_large(Kind::received, 8 * cell_bytes) != nullptr);
  buddy.give_large(Kind::sent, second, 3 * cell_bytes);
  CHECK(buddy.take_large(Kind::sent, 4 * cell_bytes) != nullptr);
}

TEST_CASE("what is short of memory takes nothing of its share", "[buddy]") {
  Region region(16 * cell_bytes);
  REQUIRE(region.buddy.take(16 * cell_bytes) != nullptr);
  for (int i = 0; i < 10; ++i) CHECK(region.buddy.take_large(BuddyMemory::Kind::sent, 2 * cell_bytes) == nullptr);
  CHECK(region.buddy.in_use_bytes() == 16 * cell_bytes);
}

TEST_CASE("blocks stand on a cache line", "[buddy]") {
  HeapMemory memory(64 * 1024);
  Arena arena(memory.bytes());
  arena.allocate(5, 1);
  BuddyMemory buddy(arena, 8 * cell_bytes);
  for (int i = 0; i < 8; ++i) CHECK(reinterpret_cast<std::uintptr_t>(buddy.take(1)) % cache_line_bytes == 0);
}

TEST_CASE("nothing larger than the largest order is handed out", "[buddy]") {
  const std::size_t largest = cell_bytes << (BuddyMemory::orders - 1);
  Region region(2 * largest);
  CHECK(region.buddy.take(largest + 1) == nullptr);
  void* a = region.buddy.take(largest);
  void* b = region.buddy.take(largest);
  REQUIRE(a != nullptr);
  REQUIRE(b != nullptr);
  CHECK(region.buddy.take(1) == nullptr);
  region.buddy.give(a, largest);
  region.buddy.give(b, largest);
  CHECK(region.buddy.in_use_bytes() == 0);
  CHECK(region.buddy.take(largest) != nullptr);
}

TEST_CASE("a region smaller than a block has nothing to give", "[buddy]") {
  HeapMemory memory(1024);
  Arena arena(memory.bytes());
  BuddyMemory buddy(arena, cell_bytes - 1);
  CHECK(buddy.capacity_bytes() == 0);
  CHECK(buddy.take(1) == nullptr);
}

TEST_CASE("giving twice, or what was never taken, is our own mistake", "[buddy]") {
  Region region(16 * cell_bytes);
  auto* block = static_cast<std::byte*>(region.buddy.take(256));
  CHECK(test::aborts([&] { region.buddy.give(block + 8, 256); }));
  CHECK(test::aborts([&] { region.buddy.give(block + 64 * cell_bytes, 256); }));
  CHECK(test::aborts([&] { region.buddy.give(block - 64 * cell_bytes, 256); }));
  auto* neighbour = static_cast<std::byte*>(region.buddy.take(256));
  region.buddy.give(block, 256);
  CHECK(test::aborts([&] { region.buddy.give(block, 256); }));
  region.buddy.give(neighbour, 256);
}

TEST_CASE("cost covers the region wherever the arena stands", "[buddy]") {
  HeapMemory memory(64 * 1024);
  for (std::size_t before = 1; before < 70; ++before) {
    for (const std::size_t bytes : {std::size_t{100}, std::size_t{256}, std::size_t{5'000}, std::size_t{16'384}}) {
      Arena arena(memory.bytes());
      arena.allocate(before, 1);
      const std::size_t used = arena.used_bytes();
      BuddyMemory buddy(arena, bytes);
      REQUIRE(arena.used_bytes() - used <= BuddyMemory::cost(bytes));
    }
  }
}
