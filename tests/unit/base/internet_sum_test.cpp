// Shows that the sum is that of RFC 1071 whatever the length, alignment and split.
// How: the RFC's example, and random bytes against a naive sum of 16-bit words, split at odd and even places.
#include "base/internet_sum.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <span>
#include <vector>

#include "base/rng.hpp"

using namespace penstock;

namespace {

// RFC 1071, 1: big-endian 16-bit words, an odd last byte padded with zero, carries added at the end.
std::uint16_t naive(std::span<const std::uint8_t> bytes) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) sum += i % 2 == 0 ? bytes[i] * 256u : bytes[i];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

// What the memory order of the host makes of a sum: its bytes as they will be stored.
std::uint16_t as_stored(std::uint16_t folded) { return static_cast<std::uint16_t>((folded << 8) | (folded >> 8)); }

// 0 and 0xffff are the same number in ones' complement.
bool same(std::uint16_t a, std::uint16_t b) { return a % 0xffff == b % 0xffff; }

std::vector<std::uint8_t> random_bytes(Rng& rng, std::size_t length) {
  std::vector<std::uint8_t> bytes(length);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(rng.next());
  return bytes;
}

}  // namespace

TEST_CASE("the example of RFC 1071 gives ddf2", "[internet_sum]") {
  const std::vector<std::uint8_t> bytes{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  CHECK(as_stored(sum_fold(internet_sum(bytes))) == 0xddf2);
  // With its complement in place the whole sums to all ones: what a receiver checks.
  std::vector<std::uint8_t> with_sum = bytes;
  with_sum.push_back(0x22);
  with_sum.push_back(0x0d);
  CHECK(sum_fold(internet_sum(with_sum)) == 0xffff);
}

TEST_CASE("an IPv4 header that is known to be right sums to all ones", "[internet_sum]") {
  const std::vector<std::uint8_t> header{0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
                                         0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};
  CHECK(sum_fold(internet_sum(header)) == 0xffff);
}

TEST_CASE("every length agrees with the naive sum", "[internet_sum]") {
  Rng rng(1071);
  for (std::size_t length = 0; length < 300; ++length) {
    const auto bytes = random_bytes(rng, length);
    REQUIRE(same(as_stored(sum_fold(internet_sum(bytes))), naive(bytes)));
  }
}

TEST_CASE("bytes summed while they are copied give the same, and arrive", "[internet_sum]") {
  Rng rng(1073);
  for (std::size_t length = 0; length < 1'500; length += length < 300 ? 1 : 37) {
    const auto bytes = random_bytes(rng, length);
    std::vector<std::uint8_t> copy(length + 1, 0xa5);
    REQUIRE(same(sum_fold(internet_sum_copied(copy.data(), bytes)), sum_fold(internet_sum(bytes))));
    REQUIRE(std::equal(bytes.begin(), bytes.end(), copy.begin()));
    REQUIRE(copy.back() == 0xa5);
  }
}

TEST_CASE("bytes of all ones do not lose carries", "[internet_sum]") {
  for (const std::size_t length : {2u, 4u, 1'500u, 65'536u, 1'000'000u}) {
    const std::vector<std::uint8_t> bytes(length, 0xff);
    REQUIRE(sum_fold(internet_sum(bytes)) == 0xffff);
  }
}

TEST_CASE("folding carries round from every part of the accumulator", "[internet_sum]") {
  CHECK(sum_fold(0) == 0);
  CHECK(sum_fold(0xffff) == 0xffff);
  CHECK(sum_fold(0x10000) == 1);
  CHECK(sum_fold(0xffffffff) == 0xffff);
  CHECK(sum_fold(0x1'0000'0000) == 1);
  CHECK(sum_fold(UINT64_MAX) == 0xffff);
  Rng rng(5);
  for (int i = 0; i < 10'000; ++i) {
    const std::uint64_t partial = rng.next() >> rng.below(64);
    REQUIRE(sum_fold(partial) % 0xffff == partial % 0xffff);
  }
}

TEST_CASE("parts at even and odd offsets add up to the whole", "[internet_sum]") {
  Rng rng(17);
  for (int round = 0; round < 2'000; ++round) {
    const auto bytes = random_bytes(rng, rng.below(200));
    const std::span<const std::uint8_t> whole(bytes);
    std::uint64_t partial = 0;
    for (std::size_t offset = 0; offset < bytes.size();) {
      const std::size_t length = 1 + rng.below(bytes.size() - offset);
      partial = sum_add_at(partial, internet_sum(whole.subspan(offset, length)), offset);
      offset += length;
    }
    REQUIRE(same(sum_fold(partial), sum_fold(internet_sum(bytes))));
  }
}

TEST_CASE("a partial sum continues at an even offset", "[internet_sum]") {
  Rng rng(18);
  for (int round = 0; round < 500; ++round) {
    const auto bytes = random_bytes(rng, rng.below(100));
    const std::span<const std::uint8_t> whole(bytes);
    const std::size_t cut = rng.below(bytes.size() + 1) & ~std::size_t{1};
    const std::uint64_t partial = internet_sum(whole.subspan(cut), internet_sum(whole.first(cut)));
    REQUIRE(same(sum_fold(partial), sum_fold(internet_sum(bytes))));
  }
}
