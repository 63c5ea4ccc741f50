// Frames: how the simulator itself reads and writes frames: a second opinion that shares no parser with lib/net.
//
// peek() tells the UDP flow of a frame for the invariants that are checked on the wire. The writers make what strangers
// send, right or wrong in one chosen point.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "net/address.hpp"

namespace penstock::sim {

using Bytes = std::vector<std::uint8_t>;

struct UdpView {
  net::Endpoint source;
  net::Endpoint destination;
  std::span<const std::uint8_t> payload;
};

// The UDP datagram in a frame, if it is one and not cut short. Checksums are not looked at.
std::optional<UdpView> peek(std::span<const std::uint8_t> frame);
// The conversation of the first KCP segment, and whether any segment is an ACK.
struct KcpView {
  std::uint32_t conv = 0;
  bool acknowledges = false;
};
std::optional<KcpView> peek_kcp(std::span<const std::uint8_t> payload);
// A KCP segment as its header tells it.
struct SegmentView {
  std::uint32_t conv;
  std::uint8_t command;
  std::uint16_t window;
  std::uint32_t stamp;
  std::uint32_t sn;
  std::uint32_t una;
  std::uint32_t length;
};
inline constexpr std::uint8_t command_push = 81;
inline constexpr std::uint8_t command_ack = 82;
inline constexpr std::uint8_t command_wins = 84;
// The segments of a datagram, in order, as far as they are whole.
std::vector<SegmentView> segments_of(std::span<const std::uint8_t> payload);
// One line for a human.
std::string describe(std::span<const std::uint8_t> frame);

void put16(Bytes& out, std::uint16_t value);
void put32(Bytes& out, std::uint32_t value);
void put_address(Bytes& out, const net::IpAddress& address);
void append(Bytes& out, std::span<const std::uint8_t> more);
// Overwrites two bytes at `place` with the checksum of the bytes from `place - back` to the end plus `sum`.
void write_checksum(Bytes& packet, std::size_t first, std::size_t place, std::uint32_t sum);
std::uint32_t pseudo_sum(const net::IpAddress& source, const net::IpAddress& destination, std::uint8_t protocol,
                         std::uint32_t length);

Bytes ethernet(const net::MacAddress& destination, const net::MacAddress& source, const net::TagStack& tags,
               std::uint16_t type, std::span<const std::uint8_t> payload);
// An IPv4 or IPv6 packet, by the family of the addresses. `hop_limit` 255 is what neighbour discovery demands.
Bytes ip(const net::IpAddress& source, const net::IpAddress& destination, std::uint8_t protocol,
         std::span<const std::uint8_t> payload, std::uint8_t hop_limit = 64);
Bytes udp(const net::Endpoint& source, const net::Endpoint& destination, std::span<const std::uint8_t> payload);
Bytes arp(std::uint16_t operation, const net::MacAddress& sender_mac, const net::IpAddress& sender,
          const net::MacAddress& target_mac, const net::IpAddress& target);
// One KCP segment: header and payload.
Bytes kcp(std::uint32_t conv, std::uint8_t command, std::uint8_t fragment, std::uint32_t sn, std::uint32_t una,
          std::span<const std::uint8_t> payload, std::uint32_t stamp = 1);

}  // namespace penstock::sim
