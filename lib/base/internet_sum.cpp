#include "base/internet_sum.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace penstock {

namespace {

template <class Word>
Word load(const std::uint8_t* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// Fewer than eight bytes.
std::uint64_t tail_sum(const std::uint8_t* from, std::size_t left) {
  std::uint64_t sum = 0;
  if ((left & 4) != 0) {
    sum = load<std::uint32_t>(from);
    from += 4;
  }
  if ((left & 2) != 0) {
    sum += load<std::uint16_t>(from);
    from += 2;
  }
  return (left & 1) != 0 ? sum + *from : sum;
}

// A word more; a carry out of 64 bits counts as one, as in 16.
std::uint64_t word_added(std::uint64_t sum, std::uint64_t word) {
  sum += word;
  return sum + (sum < word ? 1 : 0);
}

constexpr std::size_t step_bytes = 32;

#ifdef __AVX2__

// From here on four lanes at once pay.
constexpr std::size_t wide_from = 256;
// Steps after which the sum of four lanes could not yet have overflowed: each adds up to 2^18.
constexpr std::size_t steps_max = 1u << 12;
// The words are added as signed ones, for which there is an instruction: each is 2^15 too small, 16 words a step.
constexpr std::uint32_t step_bias_bits = 19;

std::uint64_t lanes_sum(__m256i lanes) {
  const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
  const __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  return static_cast<std::uint64_t>(std::int64_t{_mm_cvtsi128_si32(two)} + _mm_extract_epi32(two, 1));
}

// The whole steps at the front, copied on the way to where `to` points.
template <bool copying>
[[gnu::noinline]] std::uint64_t wide_sum(const std::uint8_t* from, std::size_t left, std::uint8_t* to = nullptr) {
  const __m256i sign = _mm256_set1_epi16(-0x8000);
  const __m256i ones = _mm256_set1_epi16(1);
  std::uint64_t sum = 0;
  while (left >= step_bytes) {
    const std::size_t steps = std::min(left / step_bytes, steps_max);
    __m256i lanes = _mm256_setzero_si256();
#pragma GCC unroll 4
    for (std::size_t i = 0; i < steps; ++i, from += step_bytes) {
      const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
      if constexpr (copying) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), words);
        to += step_bytes;
      }
      lanes = _mm256_add_epi32(lanes, _mm256_madd_epi16(_mm256_xor_si256(words, sign), ones));
    }
    left -= steps * step_bytes;
    sum += lanes_sum(lanes) + (std::uint64_t{steps} << step_bias_bits);
  }
  return sum;
}

// Adds a step of four words, and the carry at last.
std::uint64_t step_sum(std::uint64_t sum, const std::uint8_t* from) {
  unsigned long long next = sum;
  unsigned char carry = _addcarry_u64(0, next, load<std::uint64_t>(from), &next);
  carry = _addcarry_u64(carry, next, load<std::uint64_t>(from + 8), &next);
  carry = _addcarry_u64(carry, next, load<std::uint64_t>(from + 16), &next);
  carry = _addcarry_u64(carry, next, load<std::uint64_t>(from + 24), &next);
  _addcarry_u64(carry, next, 0, &next);
  return next;
}

#else

constexpr std::size_t wide_from = std::numeric_limits<std::size_t>::max();

template <bool>
std::uint64_t wide_sum(const std::uint8_t*, std::size_t, std::uint8_t* = nullptr) {
  return 0;
}

std::uint64_t step_sum(std::uint64_t sum, const std::uint8_t* from) {
  for (std::size_t at = 0; at < step_bytes; at += 8) sum = word_added(sum, load<std::uint64_t>(from + at));
  return sum;
}

#endif

}  // namespace

std::uint64_t internet_sum(std::span<const std::uint8_t> bytes, std::uint64_t partial) {
  const std::uint8_t* from = bytes.data();
  std::size_t left = bytes.size();
  if (left >= wide_from) {
    const std::size_t wide = left - left % step_bytes;
    return internet_sum(bytes.subspan(wide), partial + wide_sum<false>(from, left));
  }
  std::uint64_t sum = 0;
  for (; left >= step_bytes; left -= step_bytes, from += step_bytes) sum = step_sum(sum, from);
#pragma GCC unroll 1
  for (; left >= 8; left -= 8, from += 8) sum = word_added(sum, load<std::uint64_t>(from));
  // Halves are added, so that a partial sum stays far from overflowing.
  partial += (sum & 0xffffffffu) + (sum >> 32);
  return left > 0 ? partial + tail_sum(from, left) : partial;
}

std::uint64_t internet_sum_copied(std::uint8_t* to, std::span<const std::uint8_t> bytes) {
  const std::size_t wide = bytes.size() >= wide_from ? bytes.size() - bytes.size() % step_bytes : 0;
  const std::uint64_t sum = wide > 0 ? wide_sum<true>(bytes.data(), wide, to) : 0;
  const auto rest = bytes.subspan(wide);
  std::ranges::copy(rest, to + wide);
  return internet_sum(rest, sum);
}

}  // namespace penstock
