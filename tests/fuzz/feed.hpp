// Feed: numbers and bytes taken one after the other from a fuzzer's input. Behind its end there are zeros, so that any input
// means something and a shorter one means less.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

namespace penstock::fuzz {

class Feed {
 public:
  Feed() = default;
  explicit Feed(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

  bool empty() const { return rest_.empty(); }
  std::span<const std::uint8_t> rest() const { return rest_; }
  std::uint8_t u8() {
    if (rest_.empty()) return 0;
    const std::uint8_t byte = rest_[0];
    rest_ = rest_.subspan(1);
    return byte;
  }
  std::uint16_t u16() {
    const std::uint8_t low = u8();
    return static_cast<std::uint16_t>(low | u8() << 8);
  }
  std::uint32_t u32() {
    const std::uint32_t low = u16();
    return low | std::uint32_t{u16()} << 16;
  }
  // A number near 0 in either direction, from one byte.
  std::int32_t step() { return static_cast<std::int8_t>(u8()); }
  // At most `count` bytes.
  std::span<const std::uint8_t> take(std::size_t count) {
    const auto taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }

 private:
  std::span<const std::uint8_t> rest_;
};

}  // namespace penstock::fuzz
