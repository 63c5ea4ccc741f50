// Headers: sizes, types and flags of Ethernet, ARP, IP, UDP and ICMP headers, and how addresses are read and written.
//
// Numbers are from IEEE 802.1Q, RFC 826, 791, 8200, 768, 792, 4443 and 4861. Pure; callable from any core.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include "base/cursor.hpp"
#include "net/address.hpp"

namespace penstock::net {

inline constexpr std::uint16_t ethernet_bytes = 14;
inline constexpr std::uint16_t tag_bytes = 4;
inline constexpr std::uint16_t ip4_bytes = 20;  // without options
inline constexpr std::uint16_t ip6_bytes = 40;
inline constexpr std::uint16_t udp_bytes = 8;
inline constexpr std::uint16_t arp_bytes = 28;  // Ethernet and IPv4 addresses
inline constexpr std::uint16_t icmp_bytes = 8;  // type, code, checksum and four bytes that depend on the type

inline constexpr std::uint16_t ethertype_ip4 = 0x0800;
inline constexpr std::uint16_t ethertype_arp = 0x0806;
inline constexpr std::uint16_t ethertype_ip6 = 0x86dd;
inline constexpr std::uint16_t ethertype_tag = 0x8100;          // 802.1Q
inline constexpr std::uint16_t ethertype_service_tag = 0x88a8;  // 802.1ad, the outer of two
inline constexpr std::uint16_t vlan_id_mask = 0x0fff;

inline constexpr std::uint8_t protocol_icmp4 = 1;
inline constexpr std::uint8_t protocol_udp = 17;
inline constexpr std::uint8_t protocol_icmp6 = 58;

inline constexpr std::uint16_t ip4_dont_fragment = 0x4000;
inline constexpr std::uint16_t ip4_fragment_mask =
    0x3fff;  // "more fragments" and the offset; either makes it a fragment
inline constexpr std::uint8_t hop_limit_default = 64;
inline constexpr std::uint8_t hop_limit_neighbor = 255;  // RFC 4861: proof that no router forwarded the packet

// The largest Ethernet header that we write or take: two tags.
inline constexpr std::uint16_t l2_bytes_max = ethernet_bytes + 2 * tag_bytes;

constexpr std::uint16_t l2_bytes_of(const TagStack& tags) {
  return static_cast<std::uint16_t>(ethernet_bytes + tag_bytes * tags.count);
}
constexpr std::uint16_t ip_header_bytes(bool is_v4) { return is_v4 ? ip4_bytes : ip6_bytes; }

// ff02::1, every node on the link.
constexpr IpAddress all_nodes() { return IpAddress::v6({0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}); }
// ff02::1:ffXX:XXXX, the group in which the owner of `address` hears solicitations (RFC 4291, 2.7.1).
constexpr IpAddress solicited_node(const IpAddress& address) {
  const auto& b = address.bytes();
  return IpAddress::v6({0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, b[13], b[14], b[15]});
}
// 33:33 and the last four bytes of an IPv6 group (RFC 2464, 7).
constexpr MacAddress multicast_mac(const IpAddress& group) {
  const auto& b = group.bytes();
  return {{0x33, 0x33, b[12], b[13], b[14], b[15]}};
}

// Fields at an offset that the caller checked against the length once: the headers of every packet are read and written this
// way, those of rare messages by a ByteReader and ByteWriter.
inline std::uint16_t be16_at(std::span<const std::uint8_t> bytes, std::size_t at) {
  std::uint16_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return to_big_endian(value);
}
inline MacAddress mac_at(std::span<const std::uint8_t> bytes, std::size_t at) {
  MacAddress mac;
  std::memcpy(mac.bytes.data(), bytes.data() + at, mac.bytes.size());
  return mac;
}
inline IpAddress ip4_at(std::span<const std::uint8_t> bytes, std::size_t at) {
  std::array<std::uint8_t, 4> quad{};
  std::memcpy(quad.data(), bytes.data() + at, quad.size());
  return IpAddress::v4(quad);
}
inline IpAddress ip6_at(std::span<const std::uint8_t> bytes, std::size_t at) {
  std::array<std::uint8_t, 16> whole{};
  std::memcpy(whole.data(), bytes.data() + at, whole.size());
  return IpAddress::v6(whole);
}

inline void be16_to(std::span<std::uint8_t> bytes, std::size_t at, std::uint16_t value) {
  const std::uint16_t turned = to_big_endian(value);
  std::memcpy(bytes.data() + at, &turned, sizeof turned);
}
template <std::size_t count>
void copy_to(std::span<std::uint8_t> bytes, std::size_t at, const std::array<std::uint8_t, count>& source) {
  std::memcpy(bytes.data() + at, source.data(), count);
}

// Each yields zeros when the reader is short; the caller asks ok().
inline MacAddress read_mac(ByteReader& in) {
  MacAddress mac;
  const auto bytes = in.bytes(mac.bytes.size());
  std::copy(bytes.begin(), bytes.end(), mac.bytes.begin());
  return mac;
}
inline IpAddress read_ip4(ByteReader& in) {
  std::array<std::uint8_t, 4> quad{};
  const auto bytes = in.bytes(quad.size());
  std::copy(bytes.begin(), bytes.end(), quad.begin());
  return IpAddress::v4(quad);
}
inline IpAddress read_ip6(ByteReader& in) {
  std::array<std::uint8_t, 16> whole{};
  const auto bytes = in.bytes(whole.size());
  std::copy(bytes.begin(), bytes.end(), whole.begin());
  return IpAddress::v6(whole);
}
inline void write_mac(ByteWriter& out, const MacAddress& mac) { out.bytes(mac.bytes); }
// Four bytes of an IPv4 address, sixteen of an IPv6 one.
inline void write_address(ByteWriter& out, const IpAddress& address) {
  if (address.is_v4()) out.bytes(address.v4_bytes());
  else out.bytes(address.bytes());
}

}  // namespace penstock::net
