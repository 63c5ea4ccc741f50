// Build: Ethernet, IPv4, IPv6 and UDP headers in front of what is sent. Pure but for the bytes they write; any core.
//
// A UDP frame is made in place: the headers go into the headroom of the datagram's head block. The frames that the stack
// makes itself (ARP, ND, ICMP) are written into a block of their own with the same header writers.
#pragma once

#include <cstdint>

#include "base/cursor.hpp"
#include "buf/out_datagram.hpp"
#include "net/address.hpp"
#include "net/frame.hpp"

namespace penstock::net {

// What stands in the Ethernet header; it only refers to its parts.
struct LinkHeader {
  const MacAddress& destination;
  const MacAddress& source;
  const TagStack& tags;
};

// The largest stack of headers that build_udp() writes: two tags, IPv6, UDP.
inline constexpr std::uint32_t udp_headers_bytes_max = 14 + 2 * 4 + 40 + 8;

// One tag is written as 802.1Q (0x8100), of two the outer one as 802.1ad (0x88a8).
void write_ethernet(ByteWriter& out, const LinkHeader& link, std::uint16_t type);
// `payload_bytes` is what follows the IP header. IPv4: "don't fragment" is set and the identification 0, as RFC 6864 allows
// for packets that are never cut; the checksum is computed.
void write_ip(ByteWriter& out, const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
              std::uint8_t hop_limit, std::uint32_t payload_bytes);

// Takes the datagram over and makes `frame` of it from `source` to `destination`, both of one family. Its head has
// udp_headers_bytes_max free in front; its size fits a UDP length. What the port offers in `traits` is left to it.
void build_udp(OutDatagram& datagram, const LinkHeader& link, const Endpoint& source, const Endpoint& destination,
               const PortTraits& traits, TxFrame& frame);

}  // namespace penstock::net
