// SipHash-1-3: the keyed hash of every table that a stranger can fill (Aumasson and Bernstein, 2012).
//
// The key is drawn per boot, so collisions cannot be computed ahead. Pure functions, callable from any core.
#pragma once

#include <bit>
#include <cstdint>
#include <span>

namespace penstock {

struct SipKey {
  std::uint64_t k0 = 0;
  std::uint64_t k1 = 0;
};

// The hash of a byte string, as the reference defines it (little-endian words, length in the last byte).
std::uint64_t siphash13(SipKey key, std::span<const std::uint8_t> bytes);
// The same for whole 64-bit words: equal to hashing their little-endian bytes.
std::uint64_t siphash13_words(SipKey key, std::span<const std::uint64_t> words);

namespace detail {

struct SipState {
  std::uint64_t v0, v1, v2, v3;

  explicit SipState(SipKey key)
      : v0(key.k0 ^ 0x736f6d6570736575u),
        v1(key.k1 ^ 0x646f72616e646f6du),
        v2(key.k0 ^ 0x6c7967656e657261u),
        v3(key.k1 ^ 0x7465646279746573u) {}

  // Four columns, as the figure of the paper has them.
  // clang-format off
  void round() {
    v0 += v1; v1 = std::rotl(v1, 13); v1 ^= v0; v0 = std::rotl(v0, 32);
    v2 += v3; v3 = std::rotl(v3, 16); v3 ^= v2;
    v0 += v3; v3 = std::rotl(v3, 21); v3 ^= v0;
    v2 += v1; v1 = std::rotl(v1, 17); v1 ^= v2; v2 = std::rotl(v2, 32);
  }
  // clang-format on
  void take(std::uint64_t word) {
    v3 ^= word;
    round();
    v0 ^= word;
  }
  std::uint64_t finish() {
    v2 ^= 0xff;
    round();
    round();
    round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

}  // namespace detail

// Of a few words whose number the compiler knows: no loop is left of it.
inline std::uint64_t siphash13_words(SipKey key, std::span<const std::uint64_t> words) {
  detail::SipState state(key);
  for (const std::uint64_t word : words) state.take(word);
  state.take(std::uint64_t{(words.size() * 8) & 0xff} << 56);
  return state.finish();
}

}  // namespace penstock
