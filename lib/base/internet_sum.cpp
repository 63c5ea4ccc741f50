#include "base/internet_sum.hpp"

#include <algorithm>
#include <cstring>

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace penstock {

namespace {

std::uint64_t load(const std::uint8_t* from, std::size_t count) {
  std::uint64_t word = 0;
  std::memcpy(&word, from, count);
  return word;
}

// Fewer than eight bytes.
std::uint64_t tail_sum(const std::uint8_t* from, std::size_t left) {
  std::uint64_t sum = 0;
  if (left >= 4) {
    sum = load(from, 4);
    from += 4;
    left -= 4;
  }
  return left > 0 ? sum + load(from, left) : sum;
}

#ifdef __AVX2__

constexpr std::size_t step_bytes = 32;
// Steps after which the sum of four lanes could not yet have overflowed: each adds up to 2^18.
constexpr std::size_t steps_max = 1u << 12;
// The words are added as signed ones, for which there is an instruction: each is 2^15 too small, 16 words a step.
constexpr std::uint32_t step_bias_bits = 19;

std::uint64_t lanes_sum(__m256i lanes) {
  const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
  const __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
  return static_cast<std::uint64_t>(std::int64_t{_mm_cvtsi128_si32(two)} + _mm_extract_epi32(two, 1));
}

// Whole steps from the front of `from`; moves it behind them.
std::uint64_t wide_sum(const std::uint8_t*& from, std::size_t& left) {
  const __m256i sign = _mm256_set1_epi16(-0x8000);
  const __m256i ones = _mm256_set1_epi16(1);
  std::uint64_t sum = 0;
  while (left >= step_bytes) {
    const std::size_t steps = std::min(left / step_bytes, steps_max);
    __m256i lanes = _mm256_setzero_si256();
    for (std::size_t i = 0; i < steps; ++i, from += step_bytes) {
      const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
      lanes = _mm256_add_epi32(lanes, _mm256_madd_epi16(_mm256_xor_si256(words, sign), ones));
    }
    left -= steps * step_bytes;
    sum += lanes_sum(lanes) + (std::uint64_t{steps} << step_bias_bits);
  }
  return sum;
}

#else

std::uint64_t wide_sum(const std::uint8_t*&, std::size_t&) { return 0; }

#endif

}  // namespace

// The halves of 64-bit words are added into a 64-bit accumulator, which cannot overflow below 16 GiB.
std::uint64_t internet_sum(std::span<const std::uint8_t> bytes, std::uint64_t partial) {
  const std::uint8_t* from = bytes.data();
  std::size_t left = bytes.size();
  partial += wide_sum(from, left);
  for (; left >= 8; left -= 8, from += 8) {
    const std::uint64_t word = load(from, 8);
    partial += (word & 0xffffffffu) + (word >> 32);
  }
  return partial + tail_sum(from, left);
}

}  // namespace penstock
