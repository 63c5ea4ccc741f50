#include "proto/kcp/wire.hpp"

namespace penstock::kcp {

std::optional<Header> peek(std::span<const std::uint8_t> datagram) {
  if (datagram.size() < header_bytes) return std::nullopt;
  return decode(datagram.data());
}

}  // namespace penstock::kcp
