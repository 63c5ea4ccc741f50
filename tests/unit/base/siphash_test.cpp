// Shows that siphash13 is SipHash-1-3 as its authors define it, and that the form for words equals the one for bytes.
// How: vectors of an independent implementation, which also yields the published SipHash-2-4 value of the paper's appendix;
// the key is 00 01 … 0f, message n is 00 01 … n−1.
#include "base/siphash.hpp"

#include <array>
#include <bit>
#include <catch2/catch.hpp>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <set>
#include <vector>

#include "base/rng.hpp"

using namespace penstock;

namespace {

constexpr SipKey reference_key{0x0706050403020100u, 0x0f0e0d0c0b0a0908u};

constexpr std::array<std::uint64_t, 64> reference{
    0xabac0158050fc4dcu, 0xc9f49bf37d57ca93u, 0x82cb9b024dc7d44du, 0x8bf80ab8e7ddf7fbu, 0xcf75576088d38328u,
    0xdef9d52f49533b67u, 0xc50d2b50c59f22a7u, 0xd3927d989bb11140u, 0x369095118d299a8eu, 0x25a48eb36c063de4u,
    0x79de85ee92ff097fu, 0x70c118c1f94dc352u, 0x78a384b157b4d9a2u, 0x306f760c1229ffa7u, 0x605aa111c0f95d34u,
    0xd320d86d2a519956u, 0xcc4fdd1a7d908b66u, 0x9cf2689063dbd80cu, 0x8ffc389cb473e63eu, 0xf21f9de58d297d1cu,
    0xc0dc2f46a6cce040u, 0xb992abfe2b45f844u, 0x7ffe7b9ba320872eu, 0x525a0e7fdae6c123u, 0xf464aeb267349c8cu,
    0x45cd5928705b0979u, 0x3a3e35e3ca9913a5u, 0xa91dc74e4ade3b35u, 0xfb0bed02ef6cd00du, 0x88d93cb44ab1e1f4u,
    0x540f11d643c5e663u, 0x2370dd1f8c21d1bcu, 0x81157b6c16a7b60du, 0x4d54b9e57a8ff9bfu, 0x759f12781f2a753eu,
    0xcea1a3bebf186b91u, 0x2cf508d3ada26206u, 0xb6101c2da3c33057u, 0xb3f47496ae3a36a1u, 0x626b57547b108392u,
    0xc1d2363299e41531u, 0x667cc1923f1ad944u, 0x65704ffec8138825u, 0x24f280d1c28949a6u, 0xc2ca1cedfaf8876bu,
    0xc2164bfc9f042196u, 0xa16e9c9368b1d623u, 0x49fb169c8b5114fdu, 0x9f3143f8df074c46u, 0xc6fdaf2412cc86b3u,
    0x7eaf49d10a52098fu, 0x1cf313559d292f9au, 0xc44a30dda2f41f12u, 0x36fae98943a71ed0u, 0x318fb34c73f0bce6u,
    0xa27abf3670a7e980u, 0xb4bcc0db243c6d75u, 0x23f8d852fdb71513u, 0x8f035f4da67d8a08u, 0xd89cd0e5b7e8f148u,
    0xf6f4e6bcf7a644eeu, 0xaec59ad80f1837f2u, 0xc3b2f6154b6694e0u, 0x9d199062b7bbb3a8u};

std::vector<std::uint8_t> counting(std::size_t length) {
  std::vector<std::uint8_t> bytes(length);
  for (std::size_t i = 0; i < length; ++i) bytes[i] = static_cast<std::uint8_t>(i);
  return bytes;
}

}  // namespace

TEST_CASE("messages of 0 to 63 bytes hash to the reference", "[siphash]") {
  for (std::size_t length = 0; length < reference.size(); ++length) {
    INFO("length " << length);
    CHECK(siphash13(reference_key, counting(length)) == reference[length]);
  }
}

TEST_CASE("the length counts modulo 256", "[siphash]") {
  CHECK(siphash13(reference_key, counting(300)) == 0x4016a23bda5a2224u);
}

TEST_CASE("words hash as their little-endian bytes", "[siphash]") {
  Rng rng(3);
  for (std::size_t count = 0; count <= 40; ++count) {
    const SipKey key{rng.next(), rng.next()};
    std::vector<std::uint64_t> words(count);
    for (auto& word : words) word = rng.next();
    std::vector<std::uint8_t> bytes(count * 8);
    if (count > 0) std::memcpy(bytes.data(), words.data(), bytes.size());
    REQUIRE(siphash13_words(key, words) == siphash13(key, bytes));
  }
}

TEST_CASE("both halves of the key matter", "[siphash]") {
  const auto message = counting(8);
  const std::uint64_t hash = siphash13(reference_key, message);
  for (int bit = 0; bit < 64; ++bit) {
    const std::uint64_t flip = std::uint64_t{1} << bit;
    CHECK(siphash13({reference_key.k0 ^ flip, reference_key.k1}, message) != hash);
    CHECK(siphash13({reference_key.k0, reference_key.k1 ^ flip}, message) != hash);
  }
}

TEST_CASE("one bit of the message changes half of the hash", "[siphash]") {
  Rng rng(4);
  int changed = 0;
  for (int round = 0; round < 1'000; ++round) {
    std::array<std::uint64_t, 2> words{rng.next(), rng.next()};
    const std::uint64_t before = siphash13_words(reference_key, words);
    words[rng.below(2)] ^= std::uint64_t{1} << rng.below(64);
    changed += std::popcount(before ^ siphash13_words(reference_key, words));
  }
  CHECK(std::abs(changed - 32'000) < 1'300);
}

TEST_CASE("trailing zero bytes make another message", "[siphash]") {
  std::set<std::uint64_t> hashes;
  for (std::size_t length = 0; length < 32; ++length) {
    hashes.insert(siphash13(reference_key, std::vector<std::uint8_t>(length)));
  }
  CHECK(hashes.size() == 32);
}
