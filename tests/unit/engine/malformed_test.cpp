// Shows that each reason to drop what was received can be reached through a whole worker, and that such a frame moves its own
// counter by exactly one, nothing else, costs no buffer and leaves the snapshot equation standing.
// How: a table of frames, each with what must have happened before it; rows of drop_reason.def that no worker without DPDK
// can yield name the test that shows them, and at the end no row may be missing.
#include <catch2/catch.hpp>

#include <fstream>
#include <set>
#include <sstream>

#include "rig.hpp"

using namespace penstock;
using namespace penstock::test;
using net::DropReason;

namespace {

struct Row {
  DropReason reason;
  const char* what;
  std::function<Bytes(Rig&)> frame;
  std::function<void(NodeConfig&)> configure = nullptr;
  std::function<void(Rig&)> prepare = nullptr;  // what must have happened before
};

const net::Endpoint client{client_ip(), 5000};
const net::Endpoint server{server_ip, server_port};
const net::Endpoint client6{client_ip6, 5000};
const net::Endpoint server6{server_ip6, server_port};
const net::IpAddress other_host = net::IpAddress::v4(10, 0, 0, 9);
const net::IpAddress other_host6 = net::IpAddress::v6({0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8});

Bytes kcp_frame(const Bytes& payload, const net::Endpoint& from = client) { return udp_frame(from, server, payload); }
Bytes first_segment() { return Kcp{.data = {1}}.bytes(); }

// --- frames below UDP
Bytes ip4_frame(const Bytes& packet) { return ethernet(0x0800, packet); }
Bytes good4() { return ip(client.address, server.address, 17, udp(client, server, first_segment())); }
Bytes good6() { return ip(client6.address, server6.address, 17, udp(client6, server6, first_segment())); }
// An IPv6 packet whose payload begins with the extension header `type`.
Bytes extended(std::uint8_t type, const Bytes& header) {
  return ethernet(0x86dd,
                  ip(client6.address, server6.address, type, join({header, udp(client6, server6, first_segment())})));
}
Bytes echo4(unsigned type = 8) { return {static_cast<std::uint8_t>(type), 0, 0, 0, 1, 2, 3, 4, 5, 6}; }
Bytes nd(unsigned type, unsigned flags, const net::IpAddress& target, const Bytes& option = {}) {
  return join(
      {{static_cast<std::uint8_t>(type), 0, 0, 0, static_cast<std::uint8_t>(flags), 0, 0, 0}, of(target), option});
}
// A wrong UDP checksum, whatever the right one is.
Bytes missummed(const net::Endpoint& from, const net::Endpoint& to) {
  Bytes datagram = udp(from, to, first_segment());
  datagram[7] ^= 1;
  return ethernet(ethertype(to.address), ip(from.address, to.address, 17, datagram));
}
Bytes udp_with(std::size_t at, unsigned value) {
  return ip4_frame(ip(client.address, server.address, 17, with(udp(client, server, first_segment()), at, value)));
}
Bytes src4(const net::IpAddress& address) { return udp_frame({address, 5000}, server, first_segment()); }

void open_first(Rig& rig) { Peer(rig, client_ip(), 1, 5000).open(); }
// The same once its service has taken everything.
void open_and_read(Rig& rig) {
  open_first(rig);
  take_all(rig.worker().connections().get(rig.world().sessions.id_of(0)));
  rig.turn();
}
// Half-open sessions from two other places.
void two_strangers(Rig& rig) {
  Peer(rig, client_ip(1), 1, 6001).send({1});
  Peer(rig, client_ip(1), 1, 6002).send({1});
  rig.turn();
}
template <class Change>
std::function<void(NodeConfig&)> limit(Change change) {
  return [change](NodeConfig& node) { change(node.listeners[0].admission); };
}
void take_windows(Rig& rig) {
  for (std::size_t bytes = 1 << 20; bytes >= BuddyMemory::smallest_bytes; bytes /= 2) {
    while (rig.world().windows.take(bytes) != nullptr) {}
  }
}
// A port of a flow that belongs to worker 1.
Bytes foreign_frame(Rig& rig) {
  for (std::uint16_t port = 5000; port < 5100; ++port) {
    const net::Endpoint from{client_ip(), port};
    if (rig.world().ownership[0].owner({server, from}, false, 1) == 1) return kcp_frame(first_segment(), from);
  }
  FAIL("no flow of worker 1");
  return {};
}

const std::vector<Row>& rows() {
  using R = Rig&;
  static const std::vector<Row> table = {
      {DropReason::eth_too_short, "nothing at all", [](R) { return Bytes(); }},
      {DropReason::eth_too_short, "13 bytes", [](R) { return cut(ip4_frame(good4()), 13); }},
      {DropReason::eth_too_short, "a tag cut short",
       [](R) {
         return cut(ethernet(0x8100, {0, 0, 8}), 16);
       }},
      {DropReason::eth_vlan_unknown, "a tag that no interface has",
       [](R) {
         return ethernet(0x8100, join({be16(100), be16(0x0800), good4()}));
       }},
      {DropReason::eth_vlan_unknown, "three tags",
       [](R) {
         return ethernet(0x88a8, join({be16(0), be16(0x8100), be16(0), be16(0x8100), be16(0), be16(0x0800), good4()}));
       }},
      {DropReason::eth_not_for_us, "another's unicast address",
       [](R) {
         return ethernet(0x0800, good4(), {{2, 0, 0, 0, 0, 99}});
       }},
      {DropReason::eth_not_for_us, "a foreign multicast group",
       [](R) {
         return ethernet(0x0800, good4(), {{1, 0, 0x5e, 0, 0, 5}});
       }},
      {DropReason::eth_bad_source, "multicast source",
       [](R) {
         return ethernet(0x0800, good4(), server_mac, {{1, 0, 0, 0, 0, 1}});
       }},
      {DropReason::eth_bad_source, "zero source", [](R) { return ethernet(0x0800, good4(), server_mac, {}); }},
      {DropReason::eth_bad_source, "our own address",
       [](R) { return ethernet(0x0800, good4(), server_mac, server_mac); }},
      {DropReason::eth_type_unknown, "LLDP", [](R) { return ethernet(0x88cc, Bytes(46, 0)); }},

      {DropReason::arp_malformed, "27 bytes",
       [](R) { return cut(ethernet(0x0806, arp(1, gateway_mac, gateway_ip, {}, server_ip)), 14 + 27); }},
      {DropReason::arp_malformed, "another hardware",
       [](R) { return with(ethernet(0x0806, arp(1, gateway_mac, gateway_ip, {}, server_ip)), 15, 2); }},
      {DropReason::arp_malformed, "operation 3",
       [](R) { return ethernet(0x0806, arp(3, gateway_mac, gateway_ip, {}, server_ip)); }},
      {DropReason::arp_not_for_us, "about another host",
       [](R) { return ethernet(0x0806, arp(1, gateway_mac, gateway_ip, {}, other_host)); }},
      {DropReason::arp_bad_sender, "from our own address",
       [](R) { return ethernet(0x0806, arp(1, gateway_mac, server_ip, {}, server_ip)); }},
      {DropReason::arp_bad_sender, "from off the link",
       [](R) { return ethernet(0x0806, arp(1, gateway_mac, client_ip(), {}, server_ip)); }},
      {DropReason::arp_unasked, "an answer to no question",
       [](R) { return ethernet(0x0806, arp(2, gateway_mac, other_host, server_mac, server_ip)); }},

      {DropReason::ip4_malformed, "version 5", [](R) { return ip4_frame(with(good4(), 0, 0x55)); }},
      {DropReason::ip4_malformed, "a header of 16 bytes", [](R) { return ip4_frame(with(good4(), 0, 0x44)); }},
      {DropReason::ip4_malformed, "longer than the frame", [](R) { return ip4_frame(with(good4(), 2, 0x20)); }},
      {DropReason::ip4_malformed, "19 bytes", [](R) { return ip4_frame(cut(good4(), 19)); }},
      {DropReason::ip4_bad_checksum, "one bit", [](R) { return ip4_frame(with(good4(), 8, 63)); }},
      {DropReason::ip4_fragment, "more fragments", [](R) { return ip4_frame(resum4(with(good4(), 6, 0x20))); }},
      {DropReason::ip4_fragment, "a later fragment", [](R) { return ip4_frame(resum4(with(good4(), 7, 1))); }},
      {DropReason::ip4_bad_source, "loopback", [](R) { return src4(net::IpAddress::v4(127, 0, 0, 1)); }},
      {DropReason::ip4_bad_source, "broadcast", [](R) { return src4(net::IpAddress::v4(255, 255, 255, 255)); }},
      {DropReason::ip4_bad_source, "the link's broadcast", [](R) { return src4(net::IpAddress::v4(10, 0, 0, 255)); }},
      {DropReason::ip4_bad_source, "unspecified", [](R) { return src4(net::IpAddress::v4(0, 0, 0, 0)); }},
      {DropReason::ip4_bad_source, "our other address", [](R) { return src4(second_ip); }},
      {DropReason::ip4_not_for_us, "another host",
       [](R) {
         return udp_frame(client, {other_host, server_port}, first_segment());
       }},
      {DropReason::ip4_not_for_us, "ours, but to everybody's MAC address",
       [](R) { return ethernet(0x0800, good4(), net::MacAddress::broadcast()); }},

      {DropReason::ip6_malformed, "version 4", [](R) { return ethernet(0x86dd, with(good6(), 0, 0x40)); }},
      {DropReason::ip6_malformed, "longer than the frame", [](R) { return ethernet(0x86dd, with(good6(), 4, 0x10)); }},
      {DropReason::ip6_malformed, "39 bytes", [](R) { return ethernet(0x86dd, cut(good6(), 39)); }},
      {DropReason::ip6_bad_extension, "an encrypted payload",
       [](R) {
         return extended(50, {17, 0, 0, 0, 0, 0, 0, 0});
       }},
      {DropReason::ip6_bad_extension, "cut short",
       [](R) {
         return extended(60, {17, 200, 0, 0, 0, 0, 0, 0});
       }},
      {DropReason::ip6_bad_extension, "hop-by-hop options in second place",
       [](R) {
         return extended(60, {0, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0});
       }},
      {DropReason::ip6_fragment, "a fragment",
       [](R) {
         return extended(44, {17, 0, 0, 1, 0, 0, 0, 1});
       }},
      {DropReason::ip6_bad_source, "multicast",
       [](R) {
         return udp_frame({net::IpAddress::v6({0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), 5000}, server6,
                          first_segment());
       }},
      {DropReason::ip6_bad_source, "loopback",
       [](R) {
         return udp_frame({net::IpAddress::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}), 5000}, server6,
                          first_segment());
       }},
      {DropReason::ip6_not_for_us, "another host",
       [](R) {
         return udp_frame(client6, {other_host6, server_port}, first_segment());
       }},
      {DropReason::ip_protocol_unknown, "TCP",
       [](R) { return ip4_frame(ip(client.address, server.address, 6, Bytes(20, 0))); }},
      {DropReason::ip_protocol_unknown, "ICMPv6 in IPv4",
       [](R) { return ip4_frame(ip(client.address, server.address, 58, echo4(128))); }},
      {DropReason::ip_protocol_unknown, "TCP over IPv6",
       [](R) { return ethernet(0x86dd, ip(client6.address, server6.address, 6, Bytes(20, 0))); }},

      {DropReason::icmp_malformed, "7 bytes",
       [](R) { return ip4_frame(ip(client.address, server.address, 1, Bytes(7, 0))); }},
      {DropReason::icmp_bad_checksum, "an echo request",
       [](R) {
         Bytes frame = icmp_frame(client.address, server.address, echo4());
         frame.back() ^= 1;
         return frame;
       }},
      {DropReason::icmp_bad_checksum, "an echo request over IPv6",
       [](R) {
         Bytes frame = icmp_frame(client6.address, server6.address, echo4(128));
         frame.back() ^= 1;
         return frame;
       }},
      {DropReason::icmp_unhandled, "a timestamp request",
       [](R) { return icmp_frame(client.address, server.address, echo4(13)); }},
      {DropReason::icmp_unhandled, "an echo reply",
       [](R) { return icmp_frame(client.address, server.address, echo4(0)); }},
      {DropReason::icmp_unhandled, "a router advertisement",
       [](R) { return icmp_frame(client6.address, server6.address, echo4(134)); }},
      {DropReason::icmp_rate_limited, "an echo request when none may be answered",
       [](R) { return icmp_frame(client.address, server.address, echo4()); },
       [](NodeConfig& node) { node.stack.icmp_per_second = 0; }},
      {DropReason::nd_malformed, "forwarded by a router",
       [](R) { return icmp_frame(client_ip6, server_ip6, nd(135, 0, server_ip6), 254); }},
      {DropReason::nd_malformed, "an option of length 0",
       [](R) { return icmp_frame(client_ip6, server_ip6, nd(135, 0, server_ip6, Bytes(8, 0)), 255); }},
      {DropReason::nd_malformed, "a multicast target",
       [](R) {
         return icmp_frame(client_ip6, server_ip6,
                           nd(135, 0, net::IpAddress::v6({0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})), 255);
       }},
      {DropReason::nd_not_for_us, "a question about another",
       [](R) { return icmp_frame(client_ip6, server_ip6, nd(135, 0, other_host6), 255); }},
      {DropReason::nd_unasked, "an answer to no question",
       [](R) { return icmp_frame(client_ip6, server_ip6, nd(136, 0x60, other_host6), 255); }},

      {DropReason::udp_malformed, "7 bytes",
       [](R) { return ip4_frame(ip(client.address, server.address, 17, Bytes(7, 1))); }},
      {DropReason::udp_malformed, "a length of 7", [](R) { return udp_with(5, 7); }},
      {DropReason::udp_malformed, "longer than the packet", [](R) { return udp_with(4, 2); }},
      {DropReason::udp_bad_checksum, "over IPv4", [](R) { return missummed(client, server); }},
      {DropReason::udp_bad_checksum, "over IPv6", [](R) { return missummed(client6, server6); }},
      {DropReason::udp_no_checksum6, "none over IPv6",
       [](R) {
         return ethernet(0x86dd, ip(client6.address, server6.address, 17,
                                    with(with(udp(client6, server6, first_segment()), 6, 0), 7, 0)));
       }},
      {DropReason::udp_zero_port, "from port 0",
       [](R) {
         return udp_frame({client_ip(), 0}, server, first_segment());
       }},
      {DropReason::udp_zero_port, "to port 0",
       [](R) {
         return udp_frame(client, {server_ip, 0}, first_segment());
       }},
      {DropReason::udp_no_listener, "another port",
       [](R) {
         return udp_frame(client, {server_ip, 4001}, first_segment());
       }},
      {DropReason::udp_no_listener, "an empty datagram to another port",
       [](R) {
         return udp_frame(client, {server_ip, 4001}, {});
       }},

      {DropReason::listener_full, "a third session of two", [](R) { return kcp_frame(first_segment()); },
       limit([](ListenerConfig& l) { l.sessions_max = 2; }), two_strangers},
      {DropReason::listener_half_open_full, "a third unproven session of two",
       [](R) { return kcp_frame(first_segment()); }, limit([](ListenerConfig& l) { l.half_open_max = 2; }),
       two_strangers},
      {DropReason::listener_prefix_full, "a third session of two from a prefix",
       [](R) { return kcp_frame(first_segment()); }, limit([](ListenerConfig& l) { l.per_prefix_max = 2; }),
       two_strangers},
      {DropReason::session_table_full, "a third session of two that the worker holds",
       [](R) { return kcp_frame(first_segment()); }, [](NodeConfig& node) { node.sessions_max = 2; }, two_strangers},
      {DropReason::session_quarantined, "a late repetition", [](R) { return kcp_frame(first_segment()); }, nullptr,
       [](R rig) {
         open_first(rig);
         rig.worker().connections().get(rig.world().sessions.id_of(0)).close();
         rig.pass(Duration::ms(2));
       }},
      {DropReason::session_not_opening, "a bare ACK", [](R) { return kcp_frame(Kcp{.command = Kcp::ack}.bytes()); }},
      {DropReason::session_not_opening, "the second segment",
       [](R) { return kcp_frame(Kcp{.sn = 1, .data = {1}}.bytes()); }},
      {DropReason::session_not_opening, "24 bytes of zeros", [](R) { return kcp_frame(Bytes(24, 0)); }},
      {DropReason::path_unproven, "a known conv from a new address",
       [](R) {
         return kcp_frame(Kcp{.sn = 1, .data = {1}}.bytes(), {client_ip(9), 5000});
       },
       limit([](ListenerConfig& l) { l.key_mode = SessionKeyMode::conv; }), open_first},
      {DropReason::session_draining, "a first segment while the node drains",
       [](R) { return kcp_frame(first_segment()); }, nullptr, [](R rig) { rig.worker().drain(rig.now); }},

      {DropReason::kcp_too_short, "an empty datagram", [](R) { return kcp_frame({}); }},
      {DropReason::kcp_too_short, "23 bytes", [](R) { return kcp_frame(Bytes(23, 0)); }},
      {DropReason::kcp_too_short, "23 bytes for a session", [](R) { return kcp_frame(cut(first_segment(), 23)); },
       nullptr, open_first},
      {DropReason::kcp_wrong_conv, "a second segment of another conv",
       [](R) {
         return kcp_frame(join({Kcp{.sn = 1}.bytes(), Kcp{.conv = 2, .sn = 1}.bytes()}));
       },
       nullptr, open_first},
      {DropReason::kcp_wrong_conv, "another conv where the address is the key",
       [](R) { return kcp_frame(Kcp{.conv = 2}.bytes()); },
       limit([](ListenerConfig& l) { l.key_mode = SessionKeyMode::address; }), open_first},
      {DropReason::kcp_bad_command, "command 80", [](R) { return kcp_frame(Kcp{.command = 80}.bytes()); }, nullptr,
       open_first},
      {DropReason::kcp_bad_command, "command 85", [](R) { return kcp_frame(Kcp{.command = 85}.bytes()); }, nullptr,
       open_first},
      {DropReason::kcp_bad_command, "in a first datagram",
       [](R) {
         return kcp_frame(join({first_segment(), Kcp{.command = 0}.bytes()}));
       }},
      {DropReason::kcp_bad_length, "longer than the datagram",
       [](R) {
         return kcp_frame(with(Kcp{.sn = 1, .data = {1, 2, 3}}.bytes(), 20, 4));
       },
       nullptr, open_first},
      {DropReason::kcp_bad_length, "4 GiB",
       [](R) {
         Bytes bytes = Kcp{.sn = 1}.bytes();
         for (std::size_t i = 20; i < 24; ++i) bytes[i] = 0xff;
         return kcp_frame(bytes);
       },
       nullptr, open_first},
      {DropReason::kcp_una_ahead, "acknowledges what was not sent",
       [](R) { return kcp_frame(Kcp{.command = Kcp::wins, .una = 1}.bytes()); }, nullptr, open_first},
      {DropReason::kcp_una_ahead, "by half the circle",
       [](R) { return kcp_frame(Kcp{.sn = 1, .una = 0x7fffffff}.bytes()); }, nullptr, open_first},
      {DropReason::kcp_bad_fragment, "more fragments than the window holds",
       [](R) { return kcp_frame(Kcp{.fragment = 128, .sn = 1, .data = {1}}.bytes()); }, nullptr, open_first},
      {DropReason::kcp_bad_fragment, "two that contradict each other",
       [](R) {
         return kcp_frame(join({Kcp{.fragment = 5, .sn = 1}.bytes(), Kcp{.fragment = 3, .sn = 2}.bytes()}));
       },
       nullptr, open_first},
      {DropReason::kcp_beyond_window, "right of the window",
       [](R) { return kcp_frame(Kcp{.sn = 129, .data = {1}}.bytes()); }, nullptr, open_and_read},
      {DropReason::kcp_beyond_window, "half the circle away",
       [](R) { return kcp_frame(Kcp{.sn = 0x80000001, .data = {1}}.bytes()); }, nullptr, open_and_read},
      {DropReason::kcp_no_memory, "no memory for a window",
       [](R) { return kcp_frame(Kcp{.sn = 2, .data = {1}}.bytes()); }, nullptr,
       [](R rig) {
         open_and_read(rig);
         take_windows(rig);
       }},
      {DropReason::kcp_no_memory, "in a first datagram",
       [](R) { return kcp_frame(Kcp{.fragment = 1, .data = {1}}.bytes()); }, nullptr, take_windows},
      {DropReason::kcp_closed, "data for a session that closes",
       [](R) { return kcp_frame(Kcp{.sn = 1, .data = {1}}.bytes()); }, nullptr,
       [](R rig) {
         open_first(rig);
         Connections& connections = rig.worker().connections();
         Connection connection = connections.get(rig.world().sessions.id_of(0));
         REQUIRE(send_bytes(connections, connection, 10) == SendResult::accepted);
         connection.close();
         rig.turn();
       }},
      {DropReason::handoff_full, "another worker's, whose ring is full", foreign_frame,
       [](NodeConfig& node) { node.workers = 2; },
       [](R rig) {
         HandoffRecord news;
         news.kind = HandoffRecord::Kind::neighbor;
         news.news.address = other_host;
         while (rig.handoff->ring(0, 1).push(news)) {}
       }},
  };
  return table;
}

// Rows that a worker without DPDK cannot yield for a received frame, or not by a frame, and the test that shows each.
struct Elsewhere {
  DropReason reason;
  const char* file;
};
constexpr std::array elsewhere = {
    Elsewhere{DropReason::rx_multi_segment, "tests/dpdk/rx_frame_test.cpp"},
    Elsewhere{DropReason::rx_copy_no_block, "tests/dpdk/rx_frame_test.cpp"},
    Elsewhere{DropReason::tx_refused, "tests/dpdk/dpdk_port_send_test.cpp"},
    Elsewhere{DropReason::challenge_unsent, "tests/unit/engine/strangers_test.cpp"},
    Elsewhere{DropReason::shed_unproven, "tests/unit/engine/overload_test.cpp"},
    Elsewhere{DropReason::shed_newcomer, "tests/unit/engine/overload_test.cpp"},
    Elsewhere{DropReason::flow_table_full, "tests/unit/engine/admission_test.cpp"},
    Elsewhere{DropReason::neighbor_pending_full, "tests/unit/net/stack_egress_test.cpp"},
    Elsewhere{DropReason::neighbor_unresolved, "tests/unit/net/stack_egress_test.cpp"},
    Elsewhere{DropReason::no_route, "tests/unit/net/stack_egress_test.cpp"},
    Elsewhere{DropReason::mtu_exceeded, "tests/unit/net/stack_egress_test.cpp"},
    Elsewhere{DropReason::tx_ring_full, "tests/unit/engine/tx_batch_test.cpp"},
    Elsewhere{DropReason::tx_link_down, "tests/unit/engine/tx_batch_test.cpp"},
    Elsewhere{DropReason::no_tx_block, "tests/unit/net/stack_egress_test.cpp"},
    Elsewhere{DropReason::impair_lost, "tests/unit/impair/impaired_port_test.cpp"},
    Elsewhere{DropReason::impair_queue_full, "tests/unit/impair/impaired_port_test.cpp"},
    Elsewhere{DropReason::impair_tx_lost, "tests/unit/impair/impaired_port_test.cpp"},
    Elsewhere{DropReason::impair_burst_lost, "tests/unit/impair/impaired_port_test.cpp"},
    Elsewhere{DropReason::impair_partition, "tests/unit/impair/impaired_port_test.cpp"},
    Elsewhere{DropReason::impair_blackhole, "tests/unit/impair/impaired_port_test.cpp"},
    Elsewhere{DropReason::impair_tx_burst_lost, "tests/unit/impair/impaired_port_test.cpp"},
    Elsewhere{DropReason::impair_tx_partition, "tests/unit/impair/impaired_port_test.cpp"},
    Elsewhere{DropReason::impair_tx_blackhole, "tests/unit/impair/impaired_port_test.cpp"},
    Elsewhere{DropReason::impair_tx_queue_full, "tests/unit/impair/impaired_port_test.cpp"},
};

// What must stand still while a frame is dropped.
struct Still {
  explicit Still(Rig& rig)
      : delivered(rig.stats().delivered),
        handed_out(rig.stats().handed_out),
        opened(rig.stats().sessions_opened),
        sessions(rig.world().sessions.count()),
        rx_free(rig.rx_blocks.available()),
        tx_free(rig.seats[0]->blocks.available()),
        windows(rig.world().windows.in_use_bytes()),
        events(rig.service().events.size()) {
    for (std::uint32_t i = 0; i < 3; ++i) small_free[i] = rig.world().small_blocks.pool(i).available();
  }
  bool operator==(const Still&) const = default;
  std::uint64_t delivered, handed_out, opened, sessions, rx_free, tx_free, windows, events;
  std::array<std::uint64_t, 3> small_free{};
};

}  // namespace

TEST_CASE("a malformed or refused frame moves its own counter by one and nothing else", "[malformed]") {
  for (const Row& row : rows()) {
    INFO(net::name_of(row.reason) << ": " << row.what);
    NodeConfig node = small_node();
    // No unreachable is sent, so that a refused datagram has no trace but its counter.
    if (row.reason == DropReason::udp_no_listener) node.stack.icmp_per_second = 0;
    if (row.configure) row.configure(node);
    Rig rig(node);
    if (row.prepare) row.prepare(rig);
    const bool alone = row.reason != DropReason::handoff_full;
    if (alone) rig.turn();
    const Still still(rig);
    const StatsSnapshot before = rig.snapshot();
    const Bytes frame = row.frame(rig);
    rig.bring(frame);
    if (alone) rig.turn();
    else rig.worker().run_once(rig.now);  // the other worker would empty its ring
    CHECK(rig.dropped_since(before) == std::string(net::name_of(row.reason)) + " 1");
    CHECK(rig.stats().rx_packets == before.worker.rx_packets + 1);
    CHECK(rig.stats().rx_bytes == before.worker.rx_bytes + frame.size());
    CHECK(still == Still(rig));
    rig.check();
  }
}

TEST_CASE("the same frames one after the other leave nothing behind", "[malformed]") {
  // Those that need no preparation, in one worker, many times over.
  Rig rig;
  const Still still(rig);
  const StatsSnapshot before = rig.snapshot();
  std::uint64_t brought = 0;
  for (int round = 0; round < 20; ++round) {
    for (const Row& row : rows()) {
      if (row.configure || row.prepare || row.reason == DropReason::udp_no_listener) continue;
      rig.bring(row.frame(rig));
      ++brought;
    }
    rig.turn(Duration::ms(6));
  }
  while (!rig.port.arriving[0].empty()) rig.turn();
  CHECK(rig.world().drops.received_total() - [&] {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < net::drop_reason_count; ++i) {
      if (!net::is_transmit(static_cast<DropReason>(i))) sum += before.drops[i];
    }
    return sum;
  }() == brought);
  CHECK(still == Still(rig));
}

TEST_CASE("every row of drop_reason.def is in the table, or is shown elsewhere", "[malformed]") {
  std::set<DropReason> tried;
  for (const Row& row : rows()) tried.insert(row.reason);
  std::set<DropReason> listed;
  for (const Elsewhere& entry : elsewhere) {
    INFO(net::name_of(entry.reason) << " in " << entry.file);
    CHECK(listed.insert(entry.reason).second);
    CHECK_FALSE(tried.contains(entry.reason));
    std::ifstream file(std::string(PENSTOCK_SOURCE_DIR) + "/" + entry.file);
    std::stringstream text;
    text << file.rdbuf();
    CHECK(text.str().find(net::name_of(entry.reason)) != std::string::npos);
  }
  for (std::size_t i = 0; i < net::drop_reason_count; ++i) {
    const auto reason = static_cast<DropReason>(i);
    INFO(net::name_of(reason));
    CHECK(tried.contains(reason) != listed.contains(reason));
  }
}
