// ICMP: echo and port unreachable, versions 4 (RFC 792) and 6 (RFC 4443). Pure; callable from any core.
//
// A "message" is the payload of the IP packet: from the ICMP type on.
#pragma once

#include <cstdint>

#include "base/cursor.hpp"
#include "net/address.hpp"
#include "net/parse.hpp"

namespace penstock::net {

inline constexpr std::uint8_t icmp4_echo_reply = 0;
inline constexpr std::uint8_t icmp4_unreachable = 3;
inline constexpr std::uint8_t icmp4_echo_request = 8;
inline constexpr std::uint8_t icmp4_port_unreachable_code = 3;
inline constexpr std::uint8_t icmp6_unreachable = 1;
inline constexpr std::uint8_t icmp6_echo_request = 128;
inline constexpr std::uint8_t icmp6_echo_reply = 129;
inline constexpr std::uint8_t icmp6_port_unreachable_code = 4;
inline constexpr std::uint8_t icmp6_neighbor_solicitation = 135;
inline constexpr std::uint8_t icmp6_neighbor_advertisement = 136;

struct IcmpHeader {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
};

// Checks length and checksum. The checksum is always made in software: ports rarely judge it, and a policy for UDP does not
// concern it.
Parsed<IcmpHeader> parse_icmp(Bytes message, const IpHeader& ip);
// True for an echo request of the packet's family that asks for an answer.
bool is_echo_request(const IcmpHeader& icmp, bool is_v4);

// Fills in the checksum of `message`, whose field is taken as zero.
void finish_icmp(std::span<std::uint8_t> message, const IpAddress& source, const IpAddress& destination);
// Writes the answer to the echo `request`, as long as it; from `source` to `destination`.
void write_echo_reply(ByteWriter& out, Bytes request, const IpAddress& source, const IpAddress& destination);
// How many bytes of a packet of `packet_bytes`, whose IP and UDP headers are `headers_bytes`, to quote in an unreachable, so
// that this is neither longer than the packet itself (bytes out ≤ bytes in) nor than hosts must accept (RFC 1812, 4.3.2.3;
// RFC 4443, 2.4). 0: the headers do not fit into that, so say nothing.
std::uint32_t unreachable_quote_bytes(bool is_v4, std::uint32_t packet_bytes, std::uint32_t headers_bytes);
// Writes icmp_bytes and the quote.
void write_port_unreachable(ByteWriter& out, Bytes quote, const IpAddress& source, const IpAddress& destination);

}  // namespace penstock::net
