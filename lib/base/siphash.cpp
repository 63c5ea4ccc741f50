#include "base/siphash.hpp"

#include <bit>
#include <cstring>

namespace penstock {

namespace {

struct State {
  std::uint64_t v0, v1, v2, v3;

  explicit State(SipKey key)
      : v0(key.k0 ^ 0x736f6d6570736575u),
        v1(key.k1 ^ 0x646f72616e646f6du),
        v2(key.k0 ^ 0x6c7967656e657261u),
        v3(key.k1 ^ 0x7465646279746573u) {}

  // Four columns, as the figure of the paper has them.
  // clang-format off
  void round() {
    v0 += v1; v1 = std::rotl(v1, 13); v1 ^= v0; v0 = std::rotl(v0, 32);
    v2 += v3; v3 = std::rotl(v3, 16); v3 ^= v2;
    v0 += v3; v3 = std::rotl(v3, 21); v3 ^= v0;
    v2 += v1; v1 = std::rotl(v1, 17); v1 ^= v2; v2 = std::rotl(v2, 32);
  }
  // clang-format on
  void take(std::uint64_t word) {
    v3 ^= word;
    round();
    v0 ^= word;
  }
  std::uint64_t finish() {
    v2 ^= 0xff;
    round();
    round();
    round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

}  // namespace

std::uint64_t siphash13(SipKey key, std::span<const std::uint8_t> bytes) {
  State state(key);
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

std::uint64_t siphash13_words(SipKey key, std::span<const std::uint64_t> words) {
  State state(key);
  for (const std::uint64_t word : words) state.take(word);
  state.take(std::uint64_t{(words.size() * 8) & 0xff} << 56);
  return state.finish();
}

}  // namespace penstock
