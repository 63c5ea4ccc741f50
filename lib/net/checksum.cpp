#include "net/checksum.hpp"

#include <cstring>

#include "base/assert.hpp"

namespace penstock::net {

namespace {

std::uint64_t half_sums(std::uint64_t word) { return (word & 0xffffffffu) + (word >> 32); }

}  // namespace

std::uint64_t pseudo_header_sum(const IpAddress& source, const IpAddress& destination, std::uint8_t protocol,
                                std::uint32_t length) {
  PENSTOCK_ASSERT(source.is_v4() == destination.is_v4());
  const auto from = source.words();
  const auto to = destination.words();
  const std::uint64_t rest = word_sum(protocol) + word_sum(static_cast<std::uint16_t>(length >> 16)) +
                             word_sum(static_cast<std::uint16_t>(length & 0xffff));
  // The last four bytes are all there is of an IPv4 address.
  if (source.is_v4()) return (from[1] >> 32) + (to[1] >> 32) + rest;
  return half_sums(from[0]) + half_sums(from[1]) + half_sums(to[0]) + half_sums(to[1]) + rest;
}

void field_write(std::span<std::uint8_t> place, std::uint16_t field) {
  PENSTOCK_ASSERT(place.size() >= sizeof field);
  std::memcpy(place.data(), &field, sizeof field);
}

std::uint16_t field_read(std::span<const std::uint8_t> place) {
  PENSTOCK_ASSERT(place.size() >= 2);
  std::uint16_t field = 0;
  std::memcpy(&field, place.data(), sizeof field);
  return field;
}

}  // namespace penstock::net
