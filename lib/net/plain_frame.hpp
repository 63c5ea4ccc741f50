// PlainFrame: the frame that nearly every datagram comes and goes in, judged and made in one go.
//
// Untagged Ethernet, IPv4 of 20 bytes that is no fragment, UDP with ports: looks_plain() says whether a frame is of that
// shape and whole, by fields at fixed places. It says nothing of a frame that is not, which parse.hpp then judges layer by
// layer and names the reason for which it is dropped. write_plain() makes such a frame as build.hpp would, with both sums.
// Pure functions on bytes, any core.
#pragma once

#include <cstdint>
#include <cstring>

#include "net/address.hpp"
#include "net/checksum.hpp"
#include "net/headers.hpp"
#include "net/parse.hpp"

namespace penstock::net {

// Where the fields of such a frame lie.
inline constexpr std::uint32_t plain_ip_at = ethernet_bytes;
inline constexpr std::uint32_t plain_udp_at = plain_ip_at + ip4_bytes;
inline constexpr std::uint32_t plain_payload_at = plain_udp_at + udp_bytes;

namespace detail {

template <class T>
T field_at(const std::uint8_t* frame, std::uint32_t at) {
  T value;
  std::memcpy(&value, frame + at, sizeof value);
  return value;
}

}  // namespace detail

// True when Ethernet type, IP version, header length, total length, fragment bits, protocol, UDP length and ports are
// those of a plain frame. Addresses and checksums are not looked at.
inline bool looks_plain(Bytes frame) {
  if (frame.size() < plain_payload_at) return false;
  const std::uint8_t* at = frame.data();
  // The Ethernet type and the first two bytes of the IP header, the second of which is free (DSCP and ECN).
  if ((detail::field_at<std::uint32_t>(at, 12) & 0x00ff'ffff) != 0x0045'0008) return false;
  if ((detail::field_at<std::uint16_t>(at, plain_ip_at + 6) & to_big_endian(ip4_fragment_mask)) != 0) return false;
  if (at[plain_ip_at + 9] != protocol_udp) return false;
  const std::uint32_t total = be16_at(frame, plain_ip_at + 2);
  const std::uint32_t length = be16_at(frame, plain_udp_at + 4);
  if (total > frame.size() - plain_ip_at || length < udp_bytes || total < ip4_bytes || length > total - ip4_bytes) {
    return false;
  }
  return detail::field_at<std::uint16_t>(at, plain_udp_at) != 0 &&
         detail::field_at<std::uint16_t>(at, plain_udp_at + 2) != 0;
}

// Both MAC addresses and the destination: the same for most frames of a burst, which then need be judged but once.
struct PlainWay {
  std::uint64_t front = 0;
  std::uint32_t back = 0;
  std::uint32_t destination = 0;
  bool operator==(const PlainWay&) const = default;
};
inline PlainWay plain_way(Bytes frame) {
  const std::uint8_t* at = frame.data();
  return {detail::field_at<std::uint64_t>(at, 0), detail::field_at<std::uint32_t>(at, 8),
          detail::field_at<std::uint32_t>(at, plain_ip_at + 16)};
}

// The two addresses as one word, the source in its low half.
inline std::uint64_t plain_addresses(Bytes frame) {
  return detail::field_at<std::uint64_t>(frame.data(), plain_ip_at + 12);
}

// The IP header's sum holds, in software.
inline bool plain_ip_sum_holds(Bytes frame) {
  const std::uint8_t* ip = frame.data() + plain_ip_at;
  std::uint64_t sum = plain_addresses(frame);
  sum = (sum & 0xffff'ffff) + (sum >> 32);
  sum += detail::field_at<std::uint32_t>(ip, 0);
  sum += detail::field_at<std::uint32_t>(ip, 4);
  sum += detail::field_at<std::uint32_t>(ip, 8);
  return checksum_holds(sum);
}

// The UDP checksum holds, in software; a datagram without one passes.
inline bool plain_udp_sum_holds(Bytes frame) {
  if (detail::field_at<std::uint16_t>(frame.data(), plain_udp_at + 6) == 0) return true;
  const std::uint16_t length = be16_at(frame, plain_udp_at + 4);
  const std::uint64_t addresses = plain_addresses(frame);
  const std::uint64_t pseudo =
      (addresses & 0xffff'ffff) + (addresses >> 32) + word_sum(protocol_udp) + word_sum(length);
  return checksum_holds(internet_sum(frame.subspan(plain_udp_at, length), pseudo));
}

// Writes the headers of a plain frame at `out`, in front of `payload_bytes` whose Internet sum is `payload_sum`. Both
// addresses are IPv4.
inline void write_plain(std::uint8_t* out, const MacAddress& to_mac, const MacAddress& from_mac, const Endpoint& source,
                        const Endpoint& destination, std::uint32_t payload_bytes, std::uint64_t payload_sum) {
  const auto put = [out](std::uint32_t at, auto value) { std::memcpy(out + at, &value, sizeof value); };
  const auto last_word = [](const IpAddress& address) { return static_cast<std::uint32_t>(address.words()[1] >> 32); };
  const std::uint32_t from = last_word(source.address);
  const std::uint32_t to = last_word(destination.address);
  const auto length = static_cast<std::uint16_t>(udp_bytes + payload_bytes);
  const std::uint16_t total = to_big_endian(static_cast<std::uint16_t>(ip4_bytes + length));
  const std::uint16_t udp_length = to_big_endian(length);
  const std::uint32_t ports = std::uint32_t{to_big_endian(destination.port)} << 16 | to_big_endian(source.port);
  static constexpr std::uint16_t version_length = 0x0045;  // as they lie in memory, like the others
  static constexpr std::uint16_t limit_protocol = protocol_udp << 8 | hop_limit_default;
  static constexpr std::uint16_t dont_fragment = to_big_endian(ip4_dont_fragment);
  const std::uint64_t addresses = std::uint64_t{from} + to;
  const std::uint64_t ip_sum = addresses + total + version_length + limit_protocol + dont_fragment;
  // The length counts twice: in the pseudo-header, whose protocol is the upper byte of its word, and in the header.
  const std::uint64_t udp_sum = addresses + payload_sum + ports + 2u * udp_length + (protocol_udp << 8);
  put(0, to_mac.bytes);
  put(6, from_mac.bytes);
  put(12, std::uint32_t{version_length} << 16 | to_big_endian(ethertype_ip4));
  put(16, std::uint64_t{limit_protocol} << 48 | std::uint64_t{dont_fragment} << 32 | total);
  put(24, checksum_field(ip_sum));
  put(26, std::uint64_t{to} << 32 | from);
  put(34, ports);
  put(38, udp_length);
  put(40, udp_checksum_field(udp_sum));
}

}  // namespace penstock::net
