// Shows that Rng is xoshiro256++ seeded by SplitMix64, repeats from its seed, draws evenly in any range, and that children
// do not depend on what was drawn.
// How: known outputs computed by an independent program, and counts of many draws against wide, fixed bounds.
#include "base/rng.hpp"

#include <array>
#include <bit>
#include <catch2/catch.hpp>
#include <cstdint>
#include <cstdlib>
#include <set>

#include "aborts.hpp"

using namespace penstock;

TEST_CASE("the first draws of a seed are those of the published generators", "[rng]") {
  Rng rng(1234567);
  for (const std::uint64_t expected :
       {0x0610e053dd55ab68u, 0x70c979e26e27fbacu, 0xfb95f99f9f6bb2deu, 0x03890aaecd9fa80au, 0x536acabd892d9406u}) {
    CHECK(rng.next() == expected);
  }
}

TEST_CASE("equal seeds draw equally, different seeds do not", "[rng]") {
  Rng a(7), b(7), c(8);
  int same = 0;
  for (int i = 0; i < 1'000; ++i) {
    const std::uint64_t draw = a.next();
    REQUIRE(draw == b.next());
    same += draw == c.next() ? 1 : 0;
  }
  CHECK(same == 0);
}

TEST_CASE("seed 0 is as good as any", "[rng]") {
  Rng rng(0);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1'000; ++i) seen.insert(rng.next());
  CHECK(seen.size() == 1'000);
}

TEST_CASE("below stays below and is even", "[rng]") {
  Rng rng(11);
  for (const std::uint64_t bound : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{3}, std::uint64_t{10},
                                    std::uint64_t{1'000'003}, std::uint64_t{1} << 63, UINT64_MAX}) {
    for (int i = 0; i < 1'000; ++i) REQUIRE(rng.below(bound) < bound);
  }
  // Ten cells of 100,000 draws expect 10,000 each with a deviation of 95; ten deviations are no accident.
  std::array<int, 10> cells{};
  for (int i = 0; i < 100'000; ++i) ++cells[rng.below(10)];
  for (const int count : cells) CHECK(std::abs(count - 10'000) < 950);
}

TEST_CASE("a bound that does not divide the range is not biased", "[rng]") {
  // Of 3 · 2^62 a plain remainder would hit the lowest third twice as often as the others.
  Rng rng(12);
  const std::uint64_t bound = 3u * (std::uint64_t{1} << 62);
  int lowest = 0;
  for (int i = 0; i < 30'000; ++i) lowest += rng.below(bound) < bound / 3 ? 1 : 0;
  CHECK(std::abs(lowest - 10'000) < 820);
}

TEST_CASE("between includes both ends and the whole signed range", "[rng]") {
  Rng rng(13);
  std::set<std::int64_t> seen;
  for (int i = 0; i < 1'000; ++i) seen.insert(rng.between(-2, 2));
  CHECK(seen == std::set<std::int64_t>{-2, -1, 0, 1, 2});
  CHECK(rng.between(5, 5) == 5);
  int negative = 0;
  for (int i = 0; i < 1'000; ++i) {
    negative += rng.between(INT64_MIN, INT64_MAX) < 0 ? 1 : 0;
    REQUIRE(rng.between(INT64_MIN, 0) <= 0);
    REQUIRE(rng.between(INT64_MAX - 1, INT64_MAX) >= INT64_MAX - 1);
  }
  CHECK(std::abs(negative - 500) < 160);
}

TEST_CASE("chances of none, all and one in ten", "[rng]") {
  Rng rng(14);
  int hits = 0;
  for (int i = 0; i < 100'000; ++i) {
    REQUIRE_FALSE(rng.chance_ppm(0));
    REQUIRE(rng.chance_ppm(1'000'000));
    hits += rng.chance_ppm(100'000) ? 1 : 0;
  }
  CHECK(std::abs(hits - 10'000) < 950);
}

TEST_CASE("a child depends on seed and label only", "[rng]") {
  Rng fresh(21), drawn(21);
  for (int i = 0; i < 100; ++i) drawn.next();
  Rng a = fresh.child(5), b = drawn.child(5);
  for (int i = 0; i < 100; ++i) REQUIRE(a.next() == b.next());
  // Making children does not move the parent.
  Rng untouched(21);
  CHECK(fresh.next() == untouched.next());
}

TEST_CASE("children of different labels, their parent and their children share no stream", "[rng]") {
  Rng parent(22);
  std::set<std::uint64_t> seen;
  for (std::uint64_t label = 0; label < 1'000; ++label) {
    seen.insert(parent.child(label).next());
    seen.insert(parent.child(label).child(0).next());
  }
  seen.insert(Rng(parent).next());
  CHECK(seen.size() == 2'001);
}

TEST_CASE("bits of parent and child agree half of the time", "[rng]") {
  Rng parent(23), child = parent.child(0);
  int agreeing = 0;
  for (int i = 0; i < 1'000; ++i) agreeing += 64 - std::popcount(parent.next() ^ child.next());
  CHECK(std::abs(agreeing - 32'000) < 1'300);
}

TEST_CASE("an empty range is our own mistake", "[rng]") {
  CHECK(test::aborts([] { Rng(1).below(0); }));
  CHECK(test::aborts([] { Rng(1).between(2, 1); }));
}
