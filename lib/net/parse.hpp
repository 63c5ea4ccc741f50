// Parse: Ethernet, IPv4, IPv6 and UDP headers of a received frame, layer by layer. Pure; callable from any core.
//
// Each function takes the bytes from its own header on and yields the header or the reason to drop the frame. What only
// the interface knows – whose address it is, whose MAC – the stack checks between the layers. Nothing is copied but
// addresses, and every loop is bounded by the bytes given: at most two tags and eight extension headers.
#pragma once

#include <cstdint>
#include <expected>
#include <span>

#include "net/address.hpp"
#include "net/drop_reason.hpp"
#include "net/frame.hpp"

namespace penstock::net {

template <class T>
using Parsed = std::expected<T, DropReason>;
using Bytes = std::span<const std::uint8_t>;

struct EthernetHeader {
  MacAddress destination;
  MacAddress source;
  TagStack tags;               // tags with VLAN id 0 carry a priority only and are not in it (802.1Q, 6.9)
  std::uint16_t type = 0;      // behind the tags; a length below 0x600 (802.3) is left as it stands
  std::uint16_t l2_bytes = 0;  // header with all tags
};

struct IpHeader {
  IpAddress source;
  IpAddress destination;
  bool is_v4 = false;
  std::uint8_t protocol = 0;  // of the payload behind all extension headers
  std::uint8_t hop_limit = 0;
  std::uint16_t header_bytes = 0;  // with IPv4 options or IPv6 extension headers
  std::uint32_t total_bytes = 0;   // header and payload; what lies behind is Ethernet padding
};

struct UdpHeader {
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint16_t length = 0;  // UDP header and data
};

inline constexpr std::uint32_t extension_headers_max = 8;

Parsed<EthernetHeader> parse_ethernet(Bytes frame);
// `checksum` is the port's word; `unknown` is looked up in software.
Parsed<IpHeader> parse_ip4(Bytes packet, ChecksumState checksum);
// Also refuses mapped addresses, so that IPv6 on the wire never passes for IPv4.
Parsed<IpHeader> parse_ip6(Bytes packet);
// `datagram` is the payload of `ip`. A zero checksum is no checksum in IPv4 and refused in IPv6 (RFC 8200, 8.1), whatever
// the port or the policy say.
Parsed<UdpHeader> parse_udp(Bytes datagram, const IpHeader& ip, ChecksumState checksum, RxChecksumPolicy policy);

}  // namespace penstock::net
