#include "base/siphash.hpp"

#include <cstring>

namespace penstock {

std::uint64_t siphash13(SipKey key, std::span<const std::uint8_t> bytes) {
  detail::SipState state(key);
  const std::uint64_t length_tag = std::uint64_t{bytes.size() & 0xff} << 56;
  while (bytes.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), 8);
    state.take(word);
    bytes = bytes.subspan(8);
  }
  std::uint64_t last = 0;
  if (!bytes.empty()) std::memcpy(&last, bytes.data(), bytes.size());
  state.take(last | length_tag);
  return state.finish();
}

}  // namespace penstock
