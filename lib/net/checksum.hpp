// Checksums: the Internet checksum of IPv4, UDP and ICMP, over the sums of base/internet_sum.
//
// A "field" is the 16-bit checksum as its bytes lie in memory; field_write() and field_read() move it without turning
// them (RFC 1071, 2.B). Pure functions, callable from any core.
#pragma once

#include <cstdint>
#include <span>

#include "base/internet_sum.hpp"
#include "net/address.hpp"

namespace penstock::net {

// The sum of the pseudo-header of RFC 768 or RFC 8200, 8.1: addresses, protocol and `length`, the bytes of the upper layer's
// header and data. Both addresses are of one family.
std::uint64_t pseudo_header_sum(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                                std::uint32_t length);
// What a 16-bit word in host order adds to a sum.
constexpr std::uint64_t word_sum(std::uint16_t host_order) {
  return static_cast<std::uint16_t>((host_order << 8) | (host_order >> 8));
}
// The field of an IPv4 or ICMP checksum whose covered bytes, the field taken as zero, add up to `sum`.
inline std::uint16_t checksum_field(std::uint64_t sum) { return static_cast<std::uint16_t>(~sum_fold(sum)); }
// The same for UDP, where a computed zero is sent as all ones: zero means "no checksum" (RFC 768).
inline std::uint16_t udp_checksum_field(std::uint64_t sum) {
  const std::uint16_t field = checksum_field(sum);
  return field == 0 ? std::uint16_t{0xffff} : field;
}
// True when bytes that include their checksum add up to `sum`: all ones.
inline bool checksum_holds(std::uint64_t sum) { return sum_fold(sum) == 0xffff; }

// Moves a field to and from the first two of `place`.
void field_write(std::span<std::uint8_t> place, std::uint16_t field);
std::uint16_t field_read(std::span<const std::uint8_t> place);

}  // namespace penstock::net
