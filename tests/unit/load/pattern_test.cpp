// Shows that a pattern is the same whatever pieces it is written or compared in, and that no wrong byte passes.
// How: every offset and length of small stretches against the whole, every single bit flipped.
#include "load/pattern.hpp"

#include <catch2/catch.hpp>
#include <set>
#include <vector>

using namespace penstock::load;

namespace {

std::vector<std::uint8_t> whole(std::uint64_t key, std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  Pattern::fill(bytes, key, 0);
  return bytes;
}

}  // namespace

TEST_CASE("pieces at any offset make up the whole", "[pattern]") {
  const std::uint64_t key = Pattern(1, 64, 64).key(3, 4);
  const auto expected = whole(key, 80);
  for (std::uint32_t from = 0; from <= 40; ++from) {
    for (std::uint32_t length = 0; from + length <= expected.size(); ++length) {
      std::vector<std::uint8_t> piece(length, 0xee);
      Pattern::fill(piece, key, from);
      const std::vector<std::uint8_t> part(expected.begin() + from, expected.begin() + from + length);
      REQUIRE(piece == part);
      REQUIRE(Pattern::matches(part, key, from));
    }
  }
}

TEST_CASE("every flipped bit is found, and every stretch that moved", "[pattern]") {
  const std::uint64_t key = Pattern(1, 64, 64).key(3, 4);
  for (const std::size_t size : {1u, 7u, 8u, 9u, 64u, 77u}) {
    auto bytes = whole(key, size);
    for (std::size_t bit = 0; bit < 8 * size; ++bit) {
      bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
      REQUIRE_FALSE(Pattern::matches(bytes, key, 0));
      bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    }
    REQUIRE(Pattern::matches(bytes, key, 0));
  }
  CHECK(Pattern::matches({}, key, 0));
  const auto bytes = whole(key, 64);
  for (std::uint32_t offset = 1; offset < 200; ++offset) CHECK_FALSE(Pattern::matches(bytes, key, offset));
}

TEST_CASE("sessions, messages and seeds have contents of their own", "[pattern]") {
  std::set<std::vector<std::uint8_t>> seen;
  for (const std::uint64_t seed : {1u, 2u}) {
    const Pattern pattern(seed, 64, 64);
    for (std::uint32_t session = 0; session < 50; ++session) {
      for (std::uint32_t number = 0; number < 50; ++number) seen.insert(whole(pattern.key(session, number), 16));
    }
  }
  CHECK(seen.size() == 2 * 50 * 50);
}

TEST_CASE("the first word of a message tells what the next ones hold", "[pattern]") {
  const Pattern pattern(3, 64, 64);
  for (const std::uint32_t session : {0u, 7u, 0xffff'ffffu}) {
    for (const std::uint32_t number : {0u, 1u, 0xffff'fffeu}) {
      std::uint64_t origin = Pattern::origin_of(whole(pattern.key(session, number), 8));
      CHECK(Pattern::key_of(origin) == pattern.key(session, number));
      for (std::uint32_t i = 1; i < 5; ++i) {
        origin = Pattern::next_origin(origin);
        CHECK(Pattern::key_of(origin) == pattern.key(session, number + i));
      }
    }
  }
}

TEST_CASE("lengths fill their range and no more", "[pattern]") {
  std::set<std::uint32_t> seen;
  const Pattern pattern(9, 5, 12);
  for (std::uint32_t number = 0; number < 1000; ++number) seen.insert(pattern.length(pattern.key(1, number)));
  CHECK(seen == std::set<std::uint32_t>{5, 6, 7, 8, 9, 10, 11, 12});
  const Pattern one(9, 64, 64);
  for (std::uint32_t number = 0; number < 100; ++number) CHECK(one.length(one.key(1, number)) == 64);
}
