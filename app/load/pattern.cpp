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

// Words that follow each other, written or compared at once; compilers without such registers make several of it.
using Stride = std::uint64_t __attribute__((vector_size(4 * word_bytes)));
constexpr Stride stride_step = {4 * step, 4 * step, 4 * step, 4 * step};

Stride stride_at(std::uint64_t key, std::uint32_t word) {
  const std::uint64_t first = word_at(key, word);
  const Stride words = {first, first + step, first + 2 * step, first + 3 * step};
  return words;
}

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
  std::size_t left = bytes.size() - lead;
  Stride words = stride_at(key, static_cast<std::uint32_t>((offset + lead) / word_bytes));
  for (; left >= sizeof words; left -= sizeof words, to += sizeof words, words += stride_step) {
    std::memcpy(to, &words, sizeof words);
  }
  if (left > 0) std::memcpy(to, &words, left);
}

// Looks at all of it: what is compared is nearly always right, and a loop without exits is several times as fast.
bool Pattern::matches(std::span<const std::uint8_t> bytes, std::uint64_t key, std::uint32_t offset) {
  const std::size_t lead = lead_bytes(offset, bytes.size());
  if (lead > 0 && std::memcmp(bytes.data(), tail_of_word(key, offset).data(), lead) != 0) return false;
  const std::uint8_t* from = bytes.data() + lead;
  std::size_t left = bytes.size() - lead;
  Stride expected = stride_at(key, static_cast<std::uint32_t>((offset + lead) / word_bytes));
  Stride different = {};
  for (; left >= sizeof expected; left -= sizeof expected, from += sizeof expected, expected += stride_step) {
    Stride words;
    std::memcpy(&words, from, sizeof words);
    different |= words ^ expected;
  }
  const std::uint64_t any = different[0] | different[1] | different[2] | different[3];
  return any == 0 && (left == 0 || std::memcmp(from, &expected, left) == 0);
}

}  // namespace penstock::load
