// Shows that Segments count their block's holders exactly, that the last to let go returns the block once, that bounds
// stay inside the block, and that bytes shared with others cannot be written.
// How: by example over a HeapPool that must be whole at the end, and random operations against a model of the holders.
#include "buf/segment.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "aborts.hpp"
#include "base/rng.hpp"
#include "buf/arena_pool.hpp"

using namespace penstock;

static_assert(!std::is_copy_constructible_v<Segment> && !std::is_copy_assignable_v<Segment>);
static_assert(std::is_nothrow_move_constructible_v<Segment> && std::is_nothrow_move_assignable_v<Segment>);

namespace {

Segment whole_block(HeapPool& pool) {
  Block* block = pool.allocate();
  return Segment::adopt(block, 0, block->size);
}

}  // namespace

TEST_CASE("an empty segment holds nothing", "[segment]") {
  Segment segment;
  CHECK_FALSE(segment.holds());
  CHECK_FALSE(segment.unique());
  CHECK(segment.empty());
  CHECK(segment.bytes().empty());
  CHECK(segment.tailroom() == 0);
  segment.reset();
  CHECK(segment.detach() == nullptr);
}

TEST_CASE("the last to let go returns the block", "[segment]") {
  HeapPool pool(256, 2);
  {
    Segment first = whole_block(pool);
    CHECK(pool.available() == 1);
    CHECK(first.unique());
    Segment second = first.share();
    CHECK_FALSE(first.unique());
    CHECK(first.block()->refs == 2);
    CHECK(second.bytes().data() == first.bytes().data());
    first.reset();
    CHECK_FALSE(first.holds());
    CHECK(first.length() == 0);
    CHECK(pool.available() == 1);
    CHECK(second.unique());
  }
  CHECK(pool.whole());
}

TEST_CASE("moving hands the hold over", "[segment]") {
  HeapPool pool(256, 2);
  Segment a = whole_block(pool);
  Segment b = std::move(a);
  CHECK_FALSE(a.holds());
  CHECK(a.length() == 0);
  CHECK(b.unique());
  CHECK(b.length() == 256);
  Segment c = whole_block(pool);
  c = std::move(b);
  CHECK(pool.available() == 1);  // what c held before went back
  CHECK(c.unique());
  Segment& itself = c;
  c = std::move(itself);
  CHECK(c.unique());
  CHECK(c.length() == 256);
  c = Segment();
  CHECK(pool.whole());
}

TEST_CASE("a detached block keeps its reference until it is adopted again", "[segment]") {
  HeapPool pool(256, 1);
  Segment segment = whole_block(pool);
  Block* block = segment.detach();
  CHECK_FALSE(segment.holds());
  CHECK(segment.empty());
  CHECK(block->refs == 1);
  CHECK(pool.available() == 0);
  { Segment again = Segment::adopt(block, 10, 20); }
  CHECK(pool.whole());
}

TEST_CASE("a part is shared by its place in the segment", "[segment]") {
  HeapPool pool(256, 1);
  Segment segment = whole_block(pool);
  const auto bytes = segment.writable();
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i);
  segment.trim_front(16);
  Segment part = segment.share(4, 8);
  CHECK(part.offset() == 20);
  CHECK(part.length() == 8);
  CHECK(part.bytes()[0] == 20);
  CHECK(segment.share(240, 0).empty());
}

TEST_CASE("trimming and extending move the bounds within the block", "[segment]") {
  HeapPool pool(256, 1);
  Segment segment = Segment::adopt(pool.allocate(), 100, 50);
  CHECK(segment.tailroom() == 106);
  segment.trim_front(10);
  segment.trim_back(5);
  CHECK(segment.offset() == 110);
  CHECK(segment.length() == 35);
  CHECK(segment.tailroom() == 111);
  segment.extend_front(110);
  segment.extend_back(111);
  CHECK(segment.offset() == 0);
  CHECK(segment.length() == 256);
  CHECK(segment.tailroom() == 0);
  segment.trim_front(256);
  CHECK(segment.empty());
  CHECK(segment.holds());
}

TEST_CASE("bounds beyond the block are our own mistake", "[segment]") {
  HeapPool pool(256, 1);
  Segment segment = Segment::adopt(pool.allocate(), 100, 50);
  CHECK(test::aborts([&] { segment.trim_front(51); }));
  CHECK(test::aborts([&] { segment.trim_back(51); }));
  CHECK(test::aborts([&] { segment.extend_front(101); }));
  CHECK(test::aborts([&] { segment.extend_back(107); }));
  CHECK(test::aborts([&] { segment.share(0, 51); }));
  CHECK(test::aborts([&] { segment.share(51, 0); }));
  CHECK(test::aborts([&] { segment.share(1, UINT32_MAX); }));
  CHECK(test::aborts([&] { Segment().share(); }));
  CHECK_FALSE(test::aborts([&] { segment.share(50, 0); }));
}

TEST_CASE("adopting what nobody holds, or beyond the block, is our own mistake", "[segment]") {
  HeapPool pool(256, 1);
  Block* block = pool.allocate();
  CHECK(test::aborts([&] { Segment::adopt(nullptr, 0, 0); }));
  CHECK(test::aborts([&] { Segment::adopt(block, 0, 257); }));
  CHECK(test::aborts([&] { Segment::adopt(block, 257, 0); }));
  CHECK(test::aborts([&] { Segment::adopt(block, 1, UINT32_MAX); }));
  Segment::adopt(block, 256, 0).reset();
  CHECK(test::aborts([&] { Segment::adopt(block, 0, 0); }));
}

TEST_CASE("bytes that others hold cannot be written, nor the bounds moved outward", "[segment]") {
  HeapPool pool(256, 1);
  Segment segment = Segment::adopt(pool.allocate(), 100, 50);
  {
    const Segment other = segment.share();
    CHECK(test::aborts([&] { segment.writable(); }));
    CHECK(test::aborts([&] { segment.extend_front(1); }));
    CHECK(test::aborts([&] { segment.extend_back(1); }));
    segment.trim_front(1);  // each holder narrows its own view
    CHECK(other.length() == 50);
  }
  CHECK(segment.writable().size() == 49);
}

TEST_CASE("a hold lost to a miscount is found when it is let go", "[segment]") {
  HeapPool pool(256, 1);
  Segment segment = whole_block(pool);
  CHECK(test::aborts([&] {
    segment.block()->refs = 0;
    segment.reset();
  }));
}

TEST_CASE("whatever is shared, moved and let go, holders and blocks add up", "[segment]") {
  constexpr std::uint32_t blocks = 8;
  HeapPool pool(128, blocks);
  Rng rng(31);
  std::vector<Segment> held;
  for (int step = 0; step < 20'000; ++step) {
    const std::uint64_t kind = rng.below(5);
    const std::size_t at = held.empty() ? 0 : rng.below(held.size());
    if (kind == 0) {
      if (Block* block = pool.allocate(); block != nullptr) held.push_back(Segment::adopt(block, 0, 128));
    } else if (!held.empty() && kind == 1 && held.size() < 100) {
      const auto from = static_cast<std::uint32_t>(rng.below(held[at].length() + 1));
      held.push_back(held[at].share(from, held[at].length() - from));
    } else if (!held.empty() && kind == 2) {
      Segment moved = std::move(held[at]);
      held[at] = std::move(held.back());
      held.back() = std::move(moved);
    } else if (!held.empty()) {
      held[at] = std::move(held.back());
      held.pop_back();
    }
    std::vector<const Block*> seen;
    for (const Segment& one : held) {
      const auto holders = std::ranges::count_if(held, [&](const Segment& s) { return s.block() == one.block(); });
      REQUIRE(one.block()->refs == static_cast<std::uint32_t>(holders));
      if (std::ranges::find(seen, one.block()) == seen.end()) seen.push_back(one.block());
    }
    REQUIRE(pool.available() + seen.size() == blocks);
  }
  held.clear();
  CHECK(pool.whole());
}
