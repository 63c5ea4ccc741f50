// PlainFrame: the frame that nearly every datagram comes in, judged in one go.
//
// Untagged Ethernet, IPv4 of 20 bytes that is no fragment, UDP with ports: looks_plain() says whether a frame is of that
// shape and whole, by fields at fixed places. It says nothing of a frame that is not, which parse.hpp then judges layer by
// layer and names the reason for which it is dropped. Pure functions on bytes, any core.
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

}  // namespace penstock::net
