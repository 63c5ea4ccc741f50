// Payload: the bytes of a conversation as a function of its key and the offset, so that whoever sees some of them can tell
// whether they are the right ones, without either side storing them.
#pragma once

#include <cstdint>
#include <span>

namespace penstock::sim {

// The byte at `offset` of the conversation with this key (SplitMix64 over the number of its 8-byte word).
inline std::uint8_t payload_byte(std::uint64_t key, std::uint64_t offset) {
  std::uint64_t z = key + (offset / 8 + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  z ^= z >> 31;
  return static_cast<std::uint8_t>(z >> (offset % 8 * 8));
}

inline void payload_fill(std::span<std::uint8_t> bytes, std::uint64_t key, std::uint64_t offset) {
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = payload_byte(key, offset + i);
}

// True when `bytes` are those of the conversation from `offset` on.
inline bool payload_matches(std::span<const std::uint8_t> bytes, std::uint64_t key, std::uint64_t offset) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != payload_byte(key, offset + i)) return false;
  }
  return true;
}

}  // namespace penstock::sim
