#include "packets/questions.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/rng.hpp"

namespace penstock::packets {

namespace {

constexpr std::uint8_t push = 81;

const net::MacAddress all{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
const net::MacAddress all_nodes_mac{{0x33, 0x33, 0, 0, 0, 1}};
const net::MacAddress solicited_mac{{0x33, 0x33, 0xff, 0, 0, 1}};
const net::MacAddress neighbor_mac{{2, 0, 0, 0, 0, 9}};
const net::IpAddress solicited_ip = *net::parse_ip("ff02::1:ff00:1");
const net::IpAddress all_nodes_ip = *net::parse_ip("ff02::1");
const net::IpAddress neighbor4 = *net::parse_ip("10.0.0.9");
const net::IpAddress neighbor6 = *net::parse_ip("fd77::9");

constexpr std::uint16_t closed_port = 4999;

Bytes several(const Ask& ask, std::size_t size) {
  Bytes payload;
  std::uint32_t sn = 0;
  while (payload.size() + 25 <= size) sim::append(payload, ask.segment(push, 25, sn++));
  payload.resize(size);
  return ask.datagram(payload);
}

// The options of a neighbour's message: its MAC address, and as many unknown ones as `size` asks for.
Bytes with_options(Bytes body, std::uint8_t kind, std::size_t size) {
  sim::append(body, Bytes{kind, 1});
  sim::append(body, neighbor_mac.bytes);
  while (body.size() + 8 <= size) sim::append(body, Bytes{200, 1, 0, 0, 0, 0, 0, 0});
  return body;
}

Bytes target_body(const net::IpAddress& target, std::uint8_t flags = 0) {
  Bytes body{flags, 0, 0, 0};
  sim::put_address(body, target);
  return body;
}

void add_kcp(std::vector<Type>& types) {
  static constexpr std::array<std::pair<const char*, std::uint16_t>, 5> listeners = {
      {{"silent", 4000}, {"echo", 4001}, {"stream echo", 4002}, {"by conv", 4003}, {"by address", 4004}}};
  for (const auto& [name, port] : listeners) {
    types.push_back({fmt::format("PUSH sn 0, {}", name),
                     [](const Ask& a, std::size_t n) { return a.datagram(a.segment(push, n, 0)); }, true, true, port});
    types.push_back({fmt::format("several PUSH from sn 0, {}", name), several, true, true, port});
  }
  types.push_back({"PUSH sn 0 of a longer message",
                   [](const Ask& a, std::size_t n) { return a.datagram(a.segment(push, n, 0, 5)); }, true, true, 4001});
  types.push_back({"PUSH sn 5", [](const Ask& a, std::size_t n) { return a.datagram(a.segment(push, n, 5)); }});
  types.push_back(
      {"PUSH sn 2^32 - 1", [](const Ask& a, std::size_t n) { return a.datagram(a.segment(push, n, ~0u)); }});
  types.push_back({"ACK", [](const Ask& a, std::size_t n) { return a.datagram(a.segment(82, n, 0)); }});
  types.push_back({"WASK", [](const Ask& a, std::size_t n) { return a.datagram(a.segment(83, n, 0)); }});
  types.push_back({"WINS", [](const Ask& a, std::size_t n) { return a.datagram(a.segment(84, n, 0)); }});
  types.push_back({"an unknown command", [](const Ask& a, std::size_t n) { return a.datagram(a.segment(99, n, 0)); }});
  types.push_back({"garbage", [](const Ask& a, std::size_t n) {
                     Bytes payload(n);
                     Rng rng(n);
                     for (std::uint8_t& byte : payload) byte = static_cast<std::uint8_t>(rng.next());
                     return a.datagram(payload);
                   }});
  types.push_back({"PUSH sn 0 and WASK",
                   [](const Ask& a, std::size_t n) {
                     Bytes payload = a.segment(push, 25, 0);
                     sim::append(payload, a.segment(83, n > 25 ? n - 25 : 0, 0));
                     payload.resize(n);
                     return a.datagram(payload);
                   },
                   true, true, 4001});
}

void add_udp(std::vector<Type>& types) {
  types.push_back({"UDP to a closed port", [](const Ask& a, std::size_t n) { return a.datagram(Bytes(n, 'x')); }, true,
                   true, closed_port});
  const auto to_all = [](std::uint16_t port) {
    return [port](const Ask& ask, std::size_t n) {
      Ask a = ask;
      a.to_mac = a.ip6 ? all_nodes_mac : all;
      a.to_ip = a.ip6 ? all_nodes_ip : *net::parse_ip(n % 2 == 0 ? "255.255.255.255" : "10.0.0.255");
      a.listener = port;
      return a.datagram(a.segment(push, n, 0));
    };
  };
  types.push_back({"PUSH sn 0 to everybody", to_all(4001)});
  types.push_back({"UDP to everybody's closed port", to_all(closed_port)});
  types.push_back({"PUSH sn 0 in a frame for everybody",
                   [](const Ask& ask, std::size_t n) {
                     Ask a = ask;
                     a.to_mac = a.ip6 ? all_nodes_mac : all;
                     return a.datagram(a.segment(push, n, 0));
                   },
                   true, true, 4001});
  types.push_back({"a fragment of UDP", [](const Ask& a, std::size_t n) {
                     if (a.ip6) {
                       Bytes body{17, 0, 0, 1, 0, 0, 0, 1};
                       sim::append(body, Bytes(n, 'x'));
                       return a.frame(sim::ip(a.client().address, a.node(), 44, body));
                     }
                     Bytes packet = sim::ip(a.client().address, a.node(), 17, Bytes(n, 'x'));
                     packet[6] = 0x20;
                     Bytes header(packet.begin(), packet.begin() + 20);
                     sim::write_checksum(header, 0, 10, 0);
                     std::ranges::copy(header, packet.begin());
                     return a.frame(packet);
                   }});
  types.push_back({"UDP behind options, closed port", [](const Ask& a, std::size_t n) {
                     const Bytes datagram = sim::udp(a.client(), {a.node(), closed_port}, Bytes(n, 'x'));
                     if (a.ip6) {
                       Bytes body{17, 0, 1, 4, 0, 0, 0, 0};
                       sim::append(body, datagram);
                       return a.frame(sim::ip(a.client().address, a.node(), 60, body));
                     }
                     Bytes packet = sim::ip(a.client().address, a.node(), 17, datagram);
                     packet.insert(packet.begin() + 20, {1, 1, 1, 1});
                     packet[0] = 0x46;
                     packet[2] = static_cast<std::uint8_t>(packet.size() >> 8);
                     packet[3] = static_cast<std::uint8_t>(packet.size());
                     Bytes header(packet.begin(), packet.begin() + 24);
                     sim::write_checksum(header, 0, 10, 0);
                     std::ranges::copy(header, packet.begin());
                     return a.frame(packet);
                   }});
  types.push_back({"TCP", [](const Ask& a, std::size_t n) {
                     return a.frame(sim::ip(a.client().address, a.node(), 6, Bytes(n, 2)));
                   }});
  types.push_back(
      {"an unknown Ethernet type",
       [](const Ask& a, std::size_t n) { return sim::ethernet(a.to_mac, gateway_mac, {}, 0x88b5, Bytes(n, 1)); }, true,
       false});
}

void add_icmp(std::vector<Type>& types) {
  types.push_back({"ICMP echo", [](const Ask& a, std::size_t n) {
                     return a.icmp(a.ip6 ? 128 : 8, 0, Bytes(n, 7), a.client().address);
                   }});
  types.push_back({"ICMP echo to everybody", [](const Ask& ask, std::size_t n) {
                     Ask a = ask;
                     a.to_mac = a.ip6 ? all_nodes_mac : all;
                     a.to_ip = a.ip6 ? all_nodes_ip : *net::parse_ip("10.0.0.255");
                     return a.icmp(a.ip6 ? 128 : 8, 0, Bytes(n, 7), a.client().address);
                   }});
  for (const int type : {0, 3, 4, 5, 9, 10, 11, 12, 13, 15, 17}) {
    types.push_back({fmt::format("ICMPv4 type {}", type),
                     [type](const Ask& a, std::size_t n) {
                       return a.icmp(static_cast<std::uint8_t>(type), 3, Bytes(n, 0x45), a.client().address);
                     },
                     true, false});
  }
  for (const int type : {1, 2, 3, 4, 129, 130, 133, 134, 137, 200}) {
    types.push_back({fmt::format("ICMPv6 type {}", type),
                     [type](const Ask& a, std::size_t n) {
                       return a.icmp(static_cast<std::uint8_t>(type), 0, Bytes(n, 0), neighbor6, 255, neighbor_mac);
                     },
                     false, true});
  }
}

void add_neighbors(std::vector<Type>& types) {
  for (const int operation : {1, 2}) {
    types.push_back({operation == 1 ? "ARP question" : "ARP answer",
                     [operation](const Ask& a, std::size_t n) {
                       Bytes packet =
                           sim::arp(static_cast<std::uint16_t>(operation), neighbor_mac, neighbor4, {}, node_ip4);
                       packet.resize(std::max(packet.size(), n), 0);
                       return sim::ethernet(n % 2 == 0 ? a.to_mac : all, neighbor_mac, {}, 0x0806, packet);
                     },
                     true, false});
  }
  types.push_back({"ARP probe",
                   [](const Ask&, std::size_t n) {
                     Bytes packet = sim::arp(1, neighbor_mac, *net::parse_ip("0.0.0.0"), {}, node_ip4);
                     packet.resize(std::max(packet.size(), n), 0);
                     return sim::ethernet(all, neighbor_mac, {}, 0x0806, packet);
                   },
                   true, false});
  types.push_back({"neighbour solicitation",
                   [](const Ask& ask, std::size_t n) {
                     Ask a = ask;
                     if (n % 2 != 0) {
                       a.to_mac = solicited_mac;
                       a.to_ip = solicited_ip;
                     }
                     return a.icmp(135, 0, with_options(target_body(node_ip6), 1, n), neighbor6, 255, neighbor_mac);
                   },
                   false, true});
  types.push_back(
      {"neighbour solicitation that names no MAC address",
       [](const Ask& a, std::size_t) { return a.icmp(135, 0, target_body(node_ip6), neighbor6, 255, neighbor_mac); },
       false, true, 4000, true});
  types.push_back({"duplicate address probe",
                   [](const Ask& ask, std::size_t) {
                     Ask a = ask;
                     a.to_mac = solicited_mac;
                     a.to_ip = solicited_ip;
                     return a.icmp(135, 0, target_body(node_ip6), *net::parse_ip("::"), 255, neighbor_mac);
                   },
                   false, true, 4000, true});
  types.push_back({"neighbour advertisement",
                   [](const Ask& a, std::size_t n) {
                     return a.icmp(136, 0, with_options(target_body(neighbor6, 0x60), 2, n), neighbor6, 255,
                                   neighbor_mac);
                   },
                   false, true});
}

}  // namespace

std::vector<Type> all_types() {
  std::vector<Type> types;
  add_kcp(types);
  add_udp(types);
  add_icmp(types);
  add_neighbors(types);
  return types;
}

BenchSetup audited_node(bool challenge) {
  BenchSetup setup = BenchSetup::standard();
  setup.node.stack.icmp_per_second = 100'000;  // the rate must not hide a breach
  for (std::uint16_t i = 0; i < 5; ++i) {
    ListenerSetup listener = standard_listener(static_cast<std::uint16_t>(4000 + i));
    listener.admission.challenge = challenge;
    listener.service = i == 0 ? service_app : service_echo;
    listener.kcp.stream = i == 2;
    if (i == 3) listener.admission.key_mode = SessionKeyMode::conv;
    if (i == 4) listener.admission.key_mode = SessionKeyMode::address;
    setup.node.listeners.push_back(listener);
  }
  return setup;
}

}  // namespace penstock::packets
