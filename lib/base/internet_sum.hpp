// The ones' complement sum of RFC 1071.
//
// A partial sum is a 64-bit accumulator of little-endian 16-bit words: the sum is the same in either byte order as long
// as it is stored the way it was read (RFC 1071, 2.B). Parts that start at an odd offset of the datagram are added
// through `sum_add_at`. Pure functions, callable from any core.
#pragma once

#include <bit>
#include <cstdint>
#include <span>

namespace penstock {

// Adds `bytes` (from an even offset) to a partial sum.
std::uint64_t internet_sum(std::span<const std::uint8_t> bytes, std::uint64_t partial = 0);
// The same of `bytes` while they are copied to `to`, which they may not overlap: one pass instead of two.
std::uint64_t internet_sum_copied(std::uint8_t* to, std::span<const std::uint8_t> bytes);
// Folds a partial sum into 16 bits; not inverted. Stored with a plain 16-bit write.
constexpr std::uint16_t sum_fold(std::uint64_t partial) {
  // Either half is added to the other; the carry out of the lower one lands in the upper one, as ones' complement wants.
  const std::uint64_t halves = partial + std::rotl(partial, 32);
  const auto word = static_cast<std::uint32_t>(halves >> 32);
  return static_cast<std::uint16_t>((word + std::rotl(word, 16)) >> 16);
}
// Adds `part`, the sum of a part that begins `offset` bytes into the whole: an odd offset swaps its bytes.
inline std::uint64_t sum_add_at(std::uint64_t partial, std::uint64_t part, std::size_t offset) {
  const std::uint16_t folded = sum_fold(part);
  return partial + (offset % 2 == 0 ? folded : static_cast<std::uint16_t>((folded << 8) | (folded >> 8)));
}

}  // namespace penstock
