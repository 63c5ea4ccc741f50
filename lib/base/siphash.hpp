// SipHash-1-3: the keyed hash of every table that a stranger can fill (Aumasson and Bernstein, 2012).
//
// The key is drawn per boot, so collisions cannot be computed ahead. Pure functions, callable from any core.
#pragma once

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

}  // namespace penstock
