#include "net/too_big.hpp"

#include "net/headers.hpp"

namespace penstock::net {

namespace {

constexpr std::uint8_t icmp4_fragmentation_needed_code = 4;
constexpr std::uint8_t icmp6_packet_too_big = 2;

std::optional<QuotedDatagram> quoted_udp(Bytes quote, const IpAddress& from, const IpAddress& to, std::size_t udp_at) {
  if (quote.size() < udp_at + udp_bytes) return std::nullopt;
  const std::uint16_t source = be16_at(quote, udp_at), destination = be16_at(quote, udp_at + 2);
  return QuotedDatagram{Path{{from, source}, {to, destination}, 0},
                        static_cast<std::uint32_t>(icmp_bytes + udp_at + udp_bytes)};
}

}  // namespace

bool is_too_big(const IcmpHeader& icmp, bool is_v4) {
  if (is_v4) return icmp.type == icmp4_unreachable && icmp.code == icmp4_fragmentation_needed_code;
  return icmp.type == icmp6_packet_too_big;
}

// What we send has no options and no extension headers, and its parts are no parts.
std::optional<QuotedDatagram> quoted_datagram(Bytes message, bool is_v4) {
  if (message.size() < icmp_bytes) return std::nullopt;
  const Bytes quote = message.subspan(icmp_bytes);
  if (is_v4) {
    if (quote.size() < ip4_bytes || quote[0] != 0x45 || quote[9] != protocol_udp) return std::nullopt;
    if ((be16_at(quote, 6) & ip4_fragment_mask) != 0) return std::nullopt;
    return quoted_udp(quote, ip4_at(quote, 12), ip4_at(quote, 16), ip4_bytes);
  }
  if (quote.size() < ip6_bytes || quote[0] >> 4 != 6 || quote[6] != protocol_udp) return std::nullopt;
  return quoted_udp(quote, ip6_at(quote, 8), ip6_at(quote, 24), ip6_bytes);
}

}  // namespace penstock::net
