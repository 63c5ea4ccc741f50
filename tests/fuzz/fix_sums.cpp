#include "fix_sums.hpp"

#include <algorithm>
#include <cstddef>

namespace penstock::fuzz {

namespace {

using Bytes = std::span<std::uint8_t>;

unsigned be16(Bytes bytes, std::size_t at) { return static_cast<unsigned>(bytes[at] << 8 | bytes[at + 1]); }
void put16(Bytes bytes, std::size_t at, unsigned value) {
  bytes[at] = static_cast<std::uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<std::uint8_t>(value);
}
std::uint32_t sum_of(Bytes bytes, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i < bytes.size(); ++i) sum += i % 2 == 0 ? unsigned{bytes[i]} << 8 : bytes[i];
  return sum;
}
unsigned folded(std::uint32_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

// `pseudo` is the sum of the addresses.
void fix_transport(Bytes l4, unsigned protocol, std::uint32_t pseudo) {
  const bool udp = protocol == 17;
  const bool icmp4 = protocol == 1;
  if (!udp && !icmp4 && protocol != 58) return;
  const std::size_t place = udp ? 6 : 2;
  if (l4.size() < place + 2) return;
  if (udp) l4 = l4.first(std::min<std::size_t>(l4.size(), std::max(8u, be16(l4, 4))));
  put16(l4, place, 0);
  const std::uint32_t begun = icmp4 ? 0 : pseudo + protocol + static_cast<std::uint32_t>(l4.size());
  const unsigned sum = folded(sum_of(l4, begun));
  put16(l4, place, udp && sum == 0 ? 0xffff : sum);
}

void fix_ip4(Bytes packet) {
  if (packet.size() < 20) return;
  const std::size_t header = std::size_t{packet[0] & 15u} * 4;
  if (header < 20 || header > packet.size()) return;
  put16(packet, 10, 0);
  put16(packet, 10, folded(sum_of(packet.first(header))));
  const std::size_t total = std::clamp<std::size_t>(be16(packet, 2), header, packet.size());
  fix_transport(packet.subspan(header, total - header), packet[9], sum_of(packet.subspan(12, 8)));
}

void fix_ip6(Bytes packet) {
  if (packet.size() < 40) return;
  const std::uint32_t addresses = sum_of(packet.subspan(8, 32));
  unsigned next = packet[6];
  Bytes rest = packet.subspan(40, std::min<std::size_t>(packet.size() - 40, be16(packet, 4)));
  while ((next == 0 || next == 43 || next == 60) && rest.size() >= 8) {
    const std::size_t bytes = 8 + std::size_t{rest[1]} * 8;
    if (bytes > rest.size()) return;
    next = rest[0];
    rest = rest.subspan(bytes);
  }
  fix_transport(rest, next, addresses);
}

}  // namespace

void fix_sums(Bytes frame) {
  std::size_t at = 12;
  for (int tags = 0; tags < 2 && frame.size() >= at + 6; ++tags) {
    const unsigned type = be16(frame, at);
    if (type != 0x8100 && type != 0x88a8) break;
    at += 4;
  }
  if (frame.size() < at + 2) return;
  const unsigned type = be16(frame, at);
  if (type == 0x0800) fix_ip4(frame.subspan(at + 2));
  if (type == 0x86dd) fix_ip6(frame.subspan(at + 2));
}

}  // namespace penstock::fuzz
