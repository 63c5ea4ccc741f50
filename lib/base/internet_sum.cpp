#include "base/internet_sum.hpp"

#include <cstring>

namespace penstock {

namespace {

std::uint64_t load(const std::uint8_t* from, std::size_t count) {
  std::uint64_t word = 0;
  std::memcpy(&word, from, count);
  return word;
}

}  // namespace

// 32-bit words are added into a 64-bit accumulator, which cannot overflow below 16 GiB; the compiler makes vector adds
// of the loop.
std::uint64_t internet_sum(std::span<const std::uint8_t> bytes, std::uint64_t partial) {
  const std::uint8_t* from = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 4; left -= 4, from += 4) partial += load(from, 4);
  if (left > 0) partial += load(from, left);
  return partial;
}

std::uint64_t copy_and_sum(std::uint8_t* target, std::span<const std::uint8_t> source) {
  const std::uint8_t* from = source.data();
  std::size_t left = source.size();
  std::uint64_t partial = 0;
  for (; left >= 4; left -= 4, from += 4, target += 4) {
    const std::uint64_t word = load(from, 4);
    std::memcpy(target, &word, 4);
    partial += word;
  }
  if (left > 0) {
    std::memcpy(target, from, left);
    partial += load(from, left);
  }
  return partial;
}

std::uint16_t sum_fold(std::uint64_t partial) {
  partial = (partial & 0xffffffffu) + (partial >> 32);
  partial = (partial & 0xffffffffu) + (partial >> 32);
  partial = (partial & 0xffffu) + (partial >> 16);
  partial = (partial & 0xffffu) + (partial >> 16);
  return static_cast<std::uint16_t>(partial);
}

}  // namespace penstock
