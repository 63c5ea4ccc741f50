// Checksums: the Internet checksum of IPv4, UDP and ICMP, over the sums of base/internet_sum.
//
// A "field" is the 16-bit checksum as its bytes lie in memory; field_write() stores it without turning it (RFC 1071, 2.B).
// Pure functions, callable from any core.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "base/assert.hpp"
#include "base/internet_sum.hpp"
#include "net/address.hpp"

namespace penstock::net {

// What a 16-bit word in host order adds to a sum.
constexpr std::uint64_t word_sum(std::uint16_t host_order) {
  return static_cast<std::uint16_t>((host_order << 8) | (host_order >> 8));
}
// What two addresses of one family add: the last four bytes of each are all there is of an IPv4 address.
inline std::uint64_t address_sum(const IpAddress& source, const IpAddress& destination) {
  const auto halves = [](std::uint64_t word) { return (word & 0xffffffffu) + (word >> 32); };
  const auto from = source.words();
  const auto to = destination.words();
  if (source.is_v4()) return (from[1] >> 32) + (to[1] >> 32);
  return halves(from[0]) + halves(from[1]) + halves(to[0]) + halves(to[1]);
}
// The sum of the pseudo-header of RFC 768 or RFC 8200, 8.1: addresses, protocol and `length`, the bytes of the upper layer's
// header and data. Both addresses are of one family.
inline std::uint64_t pseudo_header_sum(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                                       std::uint32_t length) {
  PENSTOCK_ASSERT(source.is_v4() == destination.is_v4());
  return address_sum(source, destination) + word_sum(protocol) + word_sum(static_cast<std::uint16_t>(length >> 16)) +
         word_sum(static_cast<std::uint16_t>(length & 0xffff));
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

// Stores a field in the first two bytes of `place`.
inline void field_write(std::span<std::uint8_t> place, std::uint16_t field) {
  PENSTOCK_ASSERT(place.size() >= sizeof field);
  std::memcpy(place.data(), &field, sizeof field);
}

}  // namespace penstock::net
