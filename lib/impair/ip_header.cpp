#include "impair/ip_header.hpp"

#include "net/headers.hpp"

namespace penstock::impair {

namespace {

constexpr std::uint32_t type_at = 12;  // of the EtherType, behind the MAC addresses
constexpr std::size_t ip4_sum_at = 10;

bool is_tag(std::uint16_t type) { return type == net::ethertype_tag || type == net::ethertype_service_tag; }

}  // namespace

std::optional<IpHeader> ip_header_of(std::span<const std::uint8_t> frame) {
  std::uint32_t at = net::ethernet_bytes;
  if (frame.size() < at) return std::nullopt;
  std::uint16_t type = net::be16_at(frame, type_at);
  for (int tags = 0; tags < 2 && is_tag(type); ++tags) {
    if (frame.size() < at + net::tag_bytes) return std::nullopt;
    type = net::be16_at(frame, at + 2);
    at += net::tag_bytes;
  }
  const auto packet = frame.subspan(at);
  if (type == net::ethertype_ip4 && packet.size() >= net::ip4_bytes && packet[0] >> 4 == 4)
    return IpHeader{at, net::be16_at(packet, 2), true, static_cast<Ecn>(packet[1] & 3)};
  if (type == net::ethertype_ip6 && packet.size() >= net::ip6_bytes && packet[0] >> 4 == 6)
    return IpHeader{at, std::uint32_t{net::be16_at(packet, 4)} + net::ip6_bytes, false,
                    static_cast<Ecn>(packet[1] >> 4 & 3)};
  return std::nullopt;
}

void mark_ce(std::span<std::uint8_t> frame, const IpHeader& header) {
  const auto packet = frame.subspan(header.at);
  if (!header.is_v4) {
    // The traffic class lies across the first two bytes.
    packet[1] |= 0x30;
    return;
  }
  const std::uint32_t before = net::be16_at(packet, 0);
  packet[1] |= 0x03;
  const std::uint32_t after = net::be16_at(packet, 0);
  // HC' = ~(~HC + ~m + m'), in one's complement.
  std::uint32_t sum = (~std::uint32_t{net::be16_at(packet, ip4_sum_at)} & 0xffff) + (~before & 0xffff) + after;
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  net::be16_to(packet, ip4_sum_at, static_cast<std::uint16_t>(~sum));
}

}  // namespace penstock::impair
