#include "base/internet_sum.hpp"

#include <cstring>

namespace penstock {

namespace {

std::uint64_t load(const std::uint8_t* from, std::size_t count) {
  std::uint64_t word = 0;
  std::memcpy(&word, from, count);
  return word;
}

// The last, fewer than eight bytes.
std::uint64_t tail_sum(const std::uint8_t* from, std::size_t left) {
  std::uint64_t sum = 0;
  if (left >= 4) {
    sum = load(from, 4);
    from += 4;
    left -= 4;
  }
  return left > 0 ? sum + load(from, left) : sum;
}

}  // namespace

// The halves of 64-bit words are added into 64-bit accumulators, which cannot overflow below 16 GiB; the compiler makes
// vector adds of the loops, and a short header takes few steps.
std::uint64_t internet_sum(std::span<const std::uint8_t> bytes, std::uint64_t partial) {
  const std::uint8_t* from = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; left -= 8, from += 8) {
    const std::uint64_t word = load(from, 8);
    partial += (word & 0xffffffffu) + (word >> 32);
  }
  return partial + tail_sum(from, left);
}

std::uint64_t copy_and_sum(std::uint8_t* target, std::span<const std::uint8_t> source) {
  const std::uint8_t* from = source.data();
  std::size_t left = source.size();
  std::uint64_t partial = 0;
  for (; left >= 8; left -= 8, from += 8, target += 8) {
    const std::uint64_t word = load(from, 8);
    std::memcpy(target, &word, 8);
    partial += (word & 0xffffffffu) + (word >> 32);
  }
  if (left > 0) std::memcpy(target, from, left);
  return partial + tail_sum(from, left);
}

}  // namespace penstock
