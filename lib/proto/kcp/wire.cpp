#include "proto/kcp/wire.hpp"

#include <array>
#include <bit>
#include <cstring>

#include "base/assert.hpp"

namespace penstock::kcp {

static_assert(std::endian::native == std::endian::little, "headers are copied to and from little-endian words");

void encode(const Header& header, std::span<std::uint8_t> target) {
  PENSTOCK_ASSERT(target.size() >= header_bytes);
  const std::uint32_t command_word = static_cast<std::uint32_t>(header.command) | std::uint32_t{header.fragment} << 8 |
                                     std::uint32_t{header.window} << 16;
  const std::array<std::uint32_t, 6> words = {header.conv,     command_word,     header.stamp.raw(),
                                              header.sn.raw(), header.una.raw(), header.length};
  static_assert(sizeof(words) == header_bytes);
  std::memcpy(target.data(), words.data(), header_bytes);
}

Header decode(std::span<const std::uint8_t> bytes) {
  PENSTOCK_ASSERT(bytes.size() >= header_bytes);
  std::array<std::uint32_t, 6> words;
  std::memcpy(words.data(), bytes.data(), header_bytes);
  return {.conv = words[0],
          .command = static_cast<Command>(words[1] & 0xff),
          .fragment = static_cast<std::uint8_t>(words[1] >> 8),
          .window = static_cast<std::uint16_t>(words[1] >> 16),
          .stamp = Stamp32(words[2]),
          .sn = Seq32(words[3]),
          .una = Seq32(words[4]),
          .length = words[5]};
}

bool known(Command command) { return command >= Command::push && command <= Command::wins; }

std::optional<Header> peek(std::span<const std::uint8_t> datagram) {
  if (datagram.size() < header_bytes) return std::nullopt;
  return decode(datagram);
}

bool SegmentReader::next() {
  const std::size_t rest = bytes_.size() - end_;
  if (rest < header_bytes) return false;
  header_ = decode(bytes_.subspan(end_));
  if (header_.length > rest - header_bytes) {
    malformed_ = true;
    return false;
  }
  end_ += header_bytes + header_.length;
  return true;
}

}  // namespace penstock::kcp
