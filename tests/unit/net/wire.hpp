// Wire: makes frames for tests, right or wrong in any field, without the code under test: checksums are summed byte pair by
// byte pair in network order, headers are written from plain integers.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "net/address.hpp"

namespace penstock::net::wire {

using Bytes = std::vector<std::uint8_t>;

inline MacAddress mac(std::string_view text) { return parse_mac(text).value(); }
inline IpAddress ip(std::string_view text) { return parse_ip(text).value(); }
inline const MacAddress us = mac("02:00:00:00:00:02");
inline const MacAddress them = mac("02:00:00:00:00:01");

inline Bytes hex(std::string_view text) {
  const auto digit = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(digit(text[i]) << 4 | digit(text[i + 1])));
  }
  return bytes;
}
inline Bytes join(std::initializer_list<Bytes> parts) {
  Bytes whole;
  for (const Bytes& part : parts) whole.insert(whole.end(), part.begin(), part.end());
  return whole;
}
inline Bytes be16(unsigned value) { return {static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)}; }
inline Bytes be32(unsigned value) { return join({be16(value >> 16), be16(value & 0xffff)}); }
inline Bytes of(const MacAddress& address) { return {address.bytes.begin(), address.bytes.end()}; }
// Four or sixteen bytes; an IPv6 packet may carry a mapped address as sixteen.
inline Bytes of(const IpAddress& address, bool sixteen = false) {
  const auto& b = address.bytes();
  return {b.begin() + (address.is_v4() && !sixteen ? 12 : 0), b.end()};
}
inline void put16(Bytes& bytes, std::size_t at, unsigned value) {
  bytes.at(at) = static_cast<std::uint8_t>(value >> 8);
  bytes.at(at + 1) = static_cast<std::uint8_t>(value);
}
// RFC 1071 as a textbook does it.
inline unsigned checksum(Bytes bytes) {
  if (bytes.size() % 2 != 0) bytes.push_back(0);
  unsigned long sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2) sum += static_cast<unsigned>(bytes[i] << 8 | bytes[i + 1]);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<unsigned>(~sum & 0xffff);
}

struct Link {
  MacAddress to = us;
  MacAddress from = them;
  std::vector<unsigned> tags = {};  // tag control words, outermost first
  unsigned outer_type = 0x8100;
};
inline Bytes ethernet(unsigned type, const Bytes& payload, const Link& link = {}) {
  Bytes frame = join({of(link.to), of(link.from)});
  for (std::size_t i = 0; i < link.tags.size(); ++i) {
    frame = join({frame, be16(i == 0 ? link.outer_type : 0x8100), be16(link.tags[i])});
  }
  return join({frame, be16(type), payload});
}

struct Ip {
  IpAddress from;
  IpAddress to;
  unsigned protocol = 17;
  unsigned hop_limit = 64;
};
inline const Ip to_us4{ip("10.0.0.1"), ip("10.0.0.2")};
inline const Ip to_us6{ip("fd77::1"), ip("fd77::2")};

inline Bytes ip4(const Ip& h, const Bytes& payload, unsigned flags_offset = 0x4000, const Bytes& options = {}) {
  const auto header_bytes = static_cast<unsigned>(20 + options.size());
  Bytes header = join({{static_cast<std::uint8_t>(0x40 + header_bytes / 4), 0},
                       be16(header_bytes + static_cast<unsigned>(payload.size())),
                       be16(0),
                       be16(flags_offset),
                       {static_cast<std::uint8_t>(h.hop_limit), static_cast<std::uint8_t>(h.protocol)},
                       be16(0),
                       of(h.from),
                       of(h.to),
                       options});
  put16(header, 10, checksum(header));
  return join({header, payload});
}
// `first` is the next header field when extension headers stand at the front of `payload`; else the protocol.
inline Bytes ip6(const Ip& h, const Bytes& payload, int first = -1) {
  const unsigned next = first < 0 ? h.protocol : static_cast<unsigned>(first);
  return join({be32(0x60000000),
               be16(static_cast<unsigned>(payload.size())),
               {static_cast<std::uint8_t>(next), static_cast<std::uint8_t>(h.hop_limit)},
               of(h.from, true),
               of(h.to, true),
               payload});
}
inline Bytes packet(const Ip& h, const Bytes& payload) { return h.to.is_v4() ? ip4(h, payload) : ip6(h, payload); }
inline Bytes packet_frame(const Ip& h, const Bytes& payload, const Link& link = {}) {
  return ethernet(h.to.is_v4() ? 0x0800 : 0x86dd, packet(h, payload), link);
}
inline Bytes pseudo(const Ip& h, std::size_t length) {
  return join({of(h.from), of(h.to), be32(static_cast<unsigned>(length)), be32(h.protocol)});
}
inline Bytes udp(const Ip& h, const Bytes& data, unsigned from_port = 5000, unsigned to_port = 4000) {
  Bytes datagram = join({be16(from_port), be16(to_port), be16(static_cast<unsigned>(8 + data.size())), be16(0), data});
  const unsigned sum = checksum(join({pseudo(h, datagram.size()), datagram}));
  put16(datagram, 6, sum == 0 ? 0xffff : sum);
  return datagram;
}
inline Bytes udp_frame(const Ip& h, const Bytes& data, const Link& link = {}) {
  return packet_frame(h, udp(h, data), link);
}
// `message` with its checksum filled in.
inline Bytes icmp(Ip h, Bytes message) {
  h.protocol = h.to.is_v4() ? 1 : 58;
  put16(message, 2, 0);
  put16(message, 2, checksum(h.to.is_v4() ? message : join({pseudo(h, message.size()), message})));
  return message;
}
inline Bytes icmp_frame(Ip h, const Bytes& message, const Link& link = {}) {
  const Bytes summed = icmp(h, message);
  h.protocol = h.to.is_v4() ? 1 : 58;
  return packet_frame(h, summed, link);
}
inline Bytes echo(unsigned type, const Bytes& data) {
  return join({{static_cast<std::uint8_t>(type), 0}, be16(0), be16(0x1234), be16(7), data});
}
// A neighbour solicitation (135) or advertisement (136); `option` is a whole option or nothing.
inline Bytes nd(unsigned type, unsigned flags, const IpAddress& target, const Bytes& option = {}) {
  return join({{static_cast<std::uint8_t>(type), 0}, be16(0), be32(flags), of(target, true), option});
}
inline Bytes nd_option(unsigned type, const MacAddress& address) {
  return join({{static_cast<std::uint8_t>(type), 1}, of(address)});
}
inline Bytes nd_frame(const IpAddress& from, const IpAddress& to, const Bytes& message, const Link& link = {}) {
  return icmp_frame(Ip{from, to, 58, 255}, message, link);
}
inline Bytes arp(unsigned operation, const MacAddress& from_mac, const IpAddress& from, const MacAddress& to_mac,
                 const IpAddress& to) {
  return join({be16(1), be16(0x0800), {6, 4}, be16(operation), of(from_mac), of(from), of(to_mac), of(to)});
}

}  // namespace penstock::net::wire
