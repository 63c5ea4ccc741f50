// Questions: whatever a stranger may send, of every type and size, and the node that is asked.
//
// For tests of what comes back: the reflection audit and the loops. A question goes to a port and conversation of its own,
// from behind the gateway; what is of the link comes from a neighbour there.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "packets/bench.hpp"

namespace penstock::packets {

// The question of one size: whose payload is so long, or nothing where that size cannot be.
struct Ask {
  bool ip6 = false;
  std::uint16_t listener = 4000;
  std::uint32_t number = 0;  // of the question, for a port and a conversation of its own
  net::MacAddress to_mac = node_mac;
  std::optional<net::IpAddress> to_ip = {};

  net::IpAddress node() const { return to_ip.value_or(ip6 ? node_ip6 : node_ip4); }
  net::Endpoint client() const {
    return {*net::parse_ip(ip6 ? "2001:db8::1" : "192.0.2.1"), static_cast<std::uint16_t>(2000 + number % 60000)};
  }
  Bytes frame(const Bytes& packet, const net::MacAddress& from = gateway_mac) const {
    return sim::ethernet(to_mac, from, {}, ip6 ? 0x86dd : 0x0800, packet);
  }
  Bytes datagram(const Bytes& payload) const {
    return frame(sim::ip(client().address, node(), 17, sim::udp(client(), {node(), listener}, payload)));
  }
  // One segment that fills `size` bytes; shorter ones are cut.
  Bytes segment(std::uint8_t command, std::size_t size, std::uint32_t sn, std::uint8_t fragment = 0) const {
    Bytes made = sim::kcp(1 + number, command, fragment, sn, 0, Bytes(size > 24 ? size - 24 : 0, 'x'), 9);
    made.resize(size);
    return made;
  }
  Bytes icmp(std::uint8_t type, std::uint8_t code, const Bytes& body, const net::IpAddress& from,
             std::uint8_t hops = 64, const net::MacAddress& mac = gateway_mac) const {
    Bytes message{type, code, 0, 0};
    sim::append(message, body);
    const auto length = static_cast<std::uint32_t>(message.size());
    sim::write_checksum(message, 0, 2, ip6 ? sim::pseudo_sum(from, node(), 58, length) : 0);
    return frame(sim::ip(from, node(), ip6 ? 58 : 1, message, hops), mac);
  }
};

using Make = std::function<Bytes(const Ask&, std::size_t size)>;

struct Type {
  std::string name;
  Make make;
  bool ip4 = true;
  bool ip6 = true;
  std::uint16_t listener = 4000;
  // The answer of duplicate address detection names a MAC address, the question need not. RFC 4861 demands it, and hop
  // limit 255 keeps it on the link.
  bool is_link_local = false;
};

std::vector<Type> all_types();
// 4000 an application that says nothing, 4001 echo, 4002 echo in a stream, 4003 by conversation, 4004 by address.
BenchSetup audited_node(bool challenge);

}  // namespace penstock::packets
