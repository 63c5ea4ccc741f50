// Wire: frames and KCP datagrams for tests, written from plain integers without the code under test, so that any field can
// be wrong. The far side is a gateway at 10.0.0.254; clients live behind it at any address.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "net/address.hpp"

namespace penstock::test {

using Bytes = std::vector<std::uint8_t>;

inline const net::MacAddress server_mac{{2, 0, 0, 0, 0, 1}};
inline const net::MacAddress gateway_mac{{2, 0, 0, 0, 0, 0xfe}};
inline const net::IpAddress server_ip = net::IpAddress::v4(10, 0, 0, 1);
inline const net::IpAddress second_ip = net::IpAddress::v4(10, 0, 0, 2);  // the server's other address
inline const net::IpAddress gateway_ip = net::IpAddress::v4(10, 0, 0, 254);
inline const net::IpAddress server_ip6 = net::IpAddress::v6({0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
inline const net::IpAddress client_ip6 = net::IpAddress::v6({0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9});
inline constexpr std::uint16_t server_port = 4000;

inline Bytes be16(unsigned v) { return {static_cast<std::uint8_t>(v >> 8), static_cast<std::uint8_t>(v)}; }
inline Bytes be32(std::uint32_t v) {
  return {static_cast<std::uint8_t>(v >> 24), static_cast<std::uint8_t>(v >> 16), static_cast<std::uint8_t>(v >> 8),
          static_cast<std::uint8_t>(v)};
}
inline Bytes le32(std::uint32_t v) {
  return {static_cast<std::uint8_t>(v), static_cast<std::uint8_t>(v >> 8), static_cast<std::uint8_t>(v >> 16),
          static_cast<std::uint8_t>(v >> 24)};
}
inline Bytes join(std::initializer_list<Bytes> parts) {
  Bytes whole;
  for (const Bytes& part : parts) whole.insert(whole.end(), part.begin(), part.end());
  return whole;
}
inline Bytes of(const net::MacAddress& mac) { return {mac.bytes.begin(), mac.bytes.end()}; }
inline Bytes of(const net::IpAddress& address) {
  return {address.bytes().begin() + (address.is_v4() ? 12 : 0), address.bytes().end()};
}
inline unsigned get16(std::span<const std::uint8_t> b, std::size_t at) { return unsigned{b[at]} << 8 | b[at + 1]; }
inline std::uint32_t get32_le(std::span<const std::uint8_t> b, std::size_t at) {
  return std::uint32_t{b[at]} | std::uint32_t{b[at + 1]} << 8 | std::uint32_t{b[at + 2]} << 16 |
         std::uint32_t{b[at + 3]} << 24;
}
// `bytes` with the one at `at` replaced.
inline Bytes with(Bytes bytes, std::size_t at, unsigned value) {
  bytes.at(at) = static_cast<std::uint8_t>(value);
  return bytes;
}
inline Bytes cut(Bytes bytes, std::size_t length) {
  bytes.resize(length);
  return bytes;
}

// RFC 1071, a pair of bytes at a time.
inline unsigned checksum(const Bytes& bytes) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) sum += i % 2 == 0 ? unsigned{bytes[i]} << 8 : unsigned{bytes[i]};
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<unsigned>(~sum & 0xffff);
}
inline Bytes pseudo(const net::IpAddress& from, const net::IpAddress& to, unsigned protocol, std::size_t length) {
  return join({of(from), of(to), be32(static_cast<std::uint32_t>(length)), be32(protocol)});
}

inline Bytes ethernet(unsigned type, const Bytes& payload, const net::MacAddress& to = server_mac,
                      const net::MacAddress& from = gateway_mac) {
  return join({of(to), of(from), be16(type), payload});
}
// The header checksum of an IPv4 packet, filled in anew.
inline Bytes resum4(Bytes packet) {
  const std::size_t header = std::size_t{packet[0] & 0x0fu} * 4;
  packet[10] = packet[11] = 0;
  const unsigned sum = checksum(Bytes(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(header)));
  return with(with(std::move(packet), 10, sum >> 8), 11, sum & 0xff);
}
inline Bytes ip(const net::IpAddress& from, const net::IpAddress& to, unsigned protocol, const Bytes& payload,
                unsigned hop_limit = 64) {
  const auto hops = static_cast<std::uint8_t>(hop_limit);
  const auto proto = static_cast<std::uint8_t>(protocol);
  const auto size = static_cast<unsigned>(payload.size());
  if (!to.is_v4()) return join({be32(0x60000000), be16(size), {proto, hops}, of(from), of(to), payload});
  return resum4(join({{0x45, 0}, be16(20 + size), be32(0x4000), {hops, proto}, be16(0), of(from), of(to), payload}));
}
inline Bytes udp(const net::Endpoint& from, const net::Endpoint& to, const Bytes& data) {
  Bytes datagram = join({be16(from.port), be16(to.port), be16(static_cast<unsigned>(8 + data.size())), be16(0), data});
  const unsigned sum = checksum(join({pseudo(from.address, to.address, 17, datagram.size()), datagram}));
  return with(with(std::move(datagram), 6, sum >> 8), 7, sum & 0xff);
}
inline unsigned ethertype(const net::IpAddress& address) { return address.is_v4() ? 0x0800 : 0x86dd; }
inline Bytes udp_frame(const net::Endpoint& from, const net::Endpoint& to, const Bytes& data) {
  return ethernet(ethertype(to.address), ip(from.address, to.address, 17, udp(from, to, data)));
}
inline Bytes arp(unsigned operation, const net::MacAddress& from_mac, const net::IpAddress& from,
                 const net::MacAddress& to_mac, const net::IpAddress& to) {
  return join({be16(1), be16(0x0800), {6, 4}, be16(operation), of(from_mac), of(from), of(to_mac), of(to)});
}
// An ICMP message with its checksum filled in, as a frame.
inline Bytes icmp_frame(const net::IpAddress& from, const net::IpAddress& to, Bytes message, unsigned hop_limit = 64,
                        const net::MacAddress& mac = server_mac) {
  const unsigned protocol = to.is_v4() ? 1 : 58;
  message[2] = message[3] = 0;
  const unsigned sum = checksum(to.is_v4() ? message : join({pseudo(from, to, protocol, message.size()), message}));
  message[2] = static_cast<std::uint8_t>(sum >> 8);
  message[3] = static_cast<std::uint8_t>(sum);
  return ethernet(ethertype(to), ip(from, to, protocol, message, hop_limit), mac);
}

// A KCP segment. `una` and `window` are the sender's.
struct Kcp {
  enum Command : std::uint8_t { push = 81, ack = 82, wask = 83, wins = 84 };
  std::uint32_t conv = 1;
  std::uint8_t command = push;
  std::uint8_t fragment = 0;
  std::uint16_t window = 128;
  std::uint32_t stamp = 0;
  std::uint32_t sn = 0;
  std::uint32_t una = 0;
  Bytes data = {};
  Bytes bytes() const {
    return join({le32(conv),
                 {command, fragment, static_cast<std::uint8_t>(window), static_cast<std::uint8_t>(window >> 8)},
                 le32(stamp),
                 le32(sn),
                 le32(una),
                 le32(static_cast<std::uint32_t>(data.size())),
                 data});
  }
};

// A UDP datagram that the server sent, with the KCP segments in it.
struct Datagram {
  net::Endpoint from;
  net::Endpoint to;
  std::size_t udp_bytes = 0;  // of payload
  std::vector<Kcp> segments;
};

inline std::vector<Kcp> segments_of(std::span<const std::uint8_t> b) {
  std::vector<Kcp> segments;
  while (b.size() >= 24) {
    const std::uint32_t length = get32_le(b, 20);
    if (length > b.size() - 24) break;
    segments.push_back({get32_le(b, 0), b[4], b[5], static_cast<std::uint16_t>(unsigned{b[6]} | unsigned{b[7]} << 8),
                        get32_le(b, 8), get32_le(b, 12), get32_le(b, 16),
                        Bytes(b.begin() + 24, b.begin() + 24 + length)});
    b = b.subspan(24 + length);
  }
  return segments;
}

// Whether an untagged frame is UDP over IPv4, and what it holds.
inline bool read_udp(std::span<const std::uint8_t> frame, Datagram& to) {
  if (frame.size() < 42 || get16(frame, 12) != 0x0800 || frame[23] != 17) return false;
  to.from = {net::IpAddress::v4(frame[26], frame[27], frame[28], frame[29]),
             static_cast<std::uint16_t>(get16(frame, 34))};
  to.to = {net::IpAddress::v4(frame[30], frame[31], frame[32], frame[33]),
           static_cast<std::uint16_t>(get16(frame, 36))};
  to.udp_bytes = get16(frame, 38) - 8;
  to.segments = segments_of(frame.subspan(42, to.udp_bytes));
  return true;
}

}  // namespace penstock::test
