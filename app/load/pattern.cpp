#include "load/pattern.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/assert.hpp"

namespace penstock::load {

namespace {

constexpr std::uint64_t step = 0x9e3779b97f4a7c15u;  // odd, so that words of a message repeat only after 2^64
constexpr std::uint32_t word_bytes = 8;

static_assert(std::endian::native == std::endian::little);

std::uint64_t word_at(std::uint64_t key, std::uint32_t word) { return key + word * step; }

constexpr std::uint64_t factor1 = 0xbf58476d1ce4e5b9u;
constexpr std::uint64_t factor2 = 0x94d049bb133111ebu;

// SplitMix64's finalizer: every bit of the input reaches every bit of the result.
constexpr std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * factor1;
  value = (value ^ (value >> 27)) * factor2;
  return value ^ (value >> 31);
}

// The number that a factor is undone by: each round of Newton's doubles the bits that are right, of which odd numbers have
// three to begin with.
constexpr std::uint64_t inverse(std::uint64_t factor) {
  std::uint64_t result = factor;
  for (int i = 0; i < 5; ++i) result *= 2 - factor * result;
  return result;
}
static_assert(factor1 * inverse(factor1) == 1 && factor2 * inverse(factor2) == 1);

// What was mixed: a shift by n is undone by shifts by n, 2 n, … below 64.
constexpr std::uint64_t unmix(std::uint64_t value) {
  value = (value ^ (value >> 31) ^ (value >> 62)) * inverse(factor2);
  value = (value ^ (value >> 27) ^ (value >> 54)) * inverse(factor1);
  return value ^ (value >> 30) ^ (value >> 60);
}
static_assert(unmix(mix(0x0123'4567'89ab'cdef)) == 0x0123'4567'89ab'cdef);

// The pattern's bytes from `offset` on, at most up to the end of a word.
std::array<std::uint8_t, word_bytes> tail_of_word(std::uint64_t key, std::uint32_t offset) {
  std::uint64_t word = word_at(key, offset / word_bytes) >> (8 * (offset % word_bytes));
  return std::bit_cast<std::array<std::uint8_t, word_bytes>>(word);
}

// How many bytes stand before the next border of a word, and in the stretch at all.
std::size_t lead_bytes(std::uint32_t offset, std::size_t size) {
  return std::min<std::size_t>((word_bytes - offset % word_bytes) % word_bytes, size);
}

}  // namespace

Pattern::Pattern(std::uint64_t seed, std::uint32_t size_min, std::uint32_t size_max)
    : seed_(mix(seed ^ step)), size_min_(size_min), spread_(std::uint64_t{size_max} - size_min + 1) {
  PENSTOCK_ASSERT(size_min > 0);
  PENSTOCK_ASSERT(size_max >= size_min);
}

std::uint64_t Pattern::key_of(std::uint64_t origin) { return mix(origin); }

std::uint64_t Pattern::origin_of(std::span<const std::uint8_t> bytes) {
  PENSTOCK_ASSERT(bytes.size() >= origin_bytes);
  std::uint64_t first = 0;
  std::memcpy(&first, bytes.data(), sizeof first);
  return unmix(first);
}

void Pattern::fill(std::span<std::uint8_t> bytes, std::uint64_t key, std::uint32_t offset) {
  const std::size_t lead = lead_bytes(offset, bytes.size());
  if (lead > 0) std::memcpy(bytes.data(), tail_of_word(key, offset).data(), lead);
  std::uint8_t* to = bytes.data() + lead;
  const std::size_t words = (bytes.size() - lead) / word_bytes;
  std::uint64_t word = word_at(key, static_cast<std::uint32_t>((offset + lead) / word_bytes));
  for (std::size_t i = 0; i < words; ++i, word += step) std::memcpy(to + i * word_bytes, &word, word_bytes);
  const std::size_t rest = (bytes.size() - lead) % word_bytes;
  if (rest > 0) std::memcpy(to + words * word_bytes, &word, rest);
}

// Looks at all of it: what is compared is nearly always right, and a loop without exits is several times as fast.
bool Pattern::matches(std::span<const std::uint8_t> bytes, std::uint64_t key, std::uint32_t offset) {
  const std::size_t lead = lead_bytes(offset, bytes.size());
  if (lead > 0 && std::memcmp(bytes.data(), tail_of_word(key, offset).data(), lead) != 0) return false;
  const std::uint8_t* from = bytes.data() + lead;
  const std::size_t words = (bytes.size() - lead) / word_bytes;
  std::uint64_t expected = word_at(key, static_cast<std::uint32_t>((offset + lead) / word_bytes));
  std::uint64_t different = 0;
  for (std::size_t i = 0; i < words; ++i, expected += step) {
    std::uint64_t word = 0;
    std::memcpy(&word, from + i * word_bytes, word_bytes);
    different |= word ^ expected;
  }
  const std::size_t rest = (bytes.size() - lead) % word_bytes;
  return different == 0 && (rest == 0 || std::memcmp(from + words * word_bytes, &expected, rest) == 0);
}

}  // namespace penstock::load
