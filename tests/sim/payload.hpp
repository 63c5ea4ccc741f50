// Payload: the bytes of a conversation as a function of its key and the offset, so that whoever sees some of them can tell
// whether they are the right ones, without either side storing them.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace penstock::sim {

static_assert(std::endian::native == std::endian::little);

// The `number`th word of 8 bytes of the conversation with this key, lowest byte first (SplitMix64 over the number).
inline std::uint64_t payload_word(std::uint64_t key, std::uint64_t number) {
  std::uint64_t z = key + (number + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// Calls `take(i, word, count)` for each run of `length` bytes from `offset` on that lies in one word: the `count` lowest
// bytes of `word` are those from the i-th on. Ends when it returns false; false then.
template <typename Take>
bool payload_each(std::size_t length, std::uint64_t key, std::uint64_t offset, Take take) {
  for (std::size_t i = 0; i < length;) {
    const std::uint64_t at = offset + i;
    const std::size_t count = std::min<std::size_t>(8 - at % 8, length - i);
    if (!take(i, payload_word(key, at / 8) >> (at % 8 * 8), count)) return false;
    i += count;
  }
  return true;
}

inline void payload_fill(std::span<std::uint8_t> bytes, std::uint64_t key, std::uint64_t offset) {
  payload_each(bytes.size(), key, offset, [bytes](std::size_t i, std::uint64_t word, std::size_t count) {
    std::memcpy(bytes.data() + i, &word, count);
    return true;
  });
}

// True when `bytes` are those of the conversation from `offset` on.
inline bool payload_matches(std::span<const std::uint8_t> bytes, std::uint64_t key, std::uint64_t offset) {
  return payload_each(bytes.size(), key, offset, [bytes](std::size_t i, std::uint64_t word, std::size_t count) {
    return std::memcmp(bytes.data() + i, &word, count) == 0;
  });
}

}  // namespace penstock::sim
