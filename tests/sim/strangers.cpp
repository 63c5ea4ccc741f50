#include "sim/strangers.hpp"

#include <algorithm>

namespace penstock::sim {

namespace {

constexpr std::uint32_t stranger_first = 100;  // their numbers among the hosts
constexpr std::uint32_t stranger_count = 8;
constexpr std::uint32_t nobody = 77;  // an address that no host has
constexpr std::uint8_t push = 81;

using Frames = std::vector<Bytes>;

// One act: who speaks to whom.
struct Act {
  const Plan& plan;
  Book& book;
  Rng& rng;
  std::uint32_t server;
  bool ip6;
  net::MacAddress from_mac;
  net::MacAddress to_mac;
  net::IpAddress from;
  net::IpAddress to;

  std::uint16_t type() const { return ip6 ? 0x86dd : 0x0800; }
  void use(bool v6) {
    ip6 = v6;
    const auto stranger = stranger_first + static_cast<std::uint32_t>(rng.below(stranger_count));
    from_mac = mac_of(stranger);
    from = address_of(stranger, v6);
    to = address_of(server, v6);
  }
  Bytes frame(const Bytes& packet) const { return ethernet(to_mac, from_mac, plan.tags, type(), packet); }
  Bytes arp_frame(const Bytes& packet) const { return ethernet(to_mac, from_mac, plan.tags, 0x0806, packet); }
  net::Endpoint client() { return {from, static_cast<std::uint16_t>(rng.between(1024, 65535))}; }
  net::Endpoint listener() { return {to, static_cast<std::uint16_t>(server_port_first + rng.below(target_count))}; }
  Bytes datagram(const Bytes& payload) { return datagram(client(), listener(), payload); }
  Bytes datagram(const net::Endpoint& source, const net::Endpoint& destination, const Bytes& payload) const {
    return frame(ip(source.address, destination.address, 17, udp(source, destination, payload)));
  }
  std::uint32_t conv() const { return 0xe0000000u | static_cast<std::uint32_t>(rng.below(1u << 28)); }
  Bytes opening(std::uint32_t c) const { return kcp(c, push, 0, 0, 0, Bytes{1, 2, 3, 4}); }
  // A datagram that would open a session, with another segment behind its first.
  Frames opening_and(const Bytes& second) {
    Bytes both = opening(conv());
    append(both, second);
    return {datagram(both)};
  }
};

Bytes icmp_message(const Act& a, std::uint8_t type, Bytes body) {
  Bytes message{type, 0, 0, 0};
  append(message, body);
  const std::uint32_t pseudo = a.ip6 ? pseudo_sum(a.from, a.to, 58, static_cast<std::uint32_t>(message.size())) : 0;
  write_checksum(message, 0, 2, pseudo);
  return message;
}

Bytes solicitation(const Act& a, std::uint8_t type, const net::IpAddress& target) {
  Bytes body{0, 0, 0, 0};
  put_address(body, target);
  return icmp_message(a, type, body);
}

Frames eth_too_short(Act& a) {
  Bytes bytes = a.frame({});
  bytes.resize(8);
  return {bytes};
}
Frames eth_not_for_us(Act& a) {
  a.to_mac = mac_of(nobody);
  return {a.datagram(a.opening(a.conv()))};
}
Frames eth_bad_source(Act& a) {
  a.from_mac.bytes[0] |= 1;
  return {a.datagram(a.opening(a.conv()))};
}
Frames eth_vlan_unknown(Act& a) {
  const net::TagStack other{.count = 1, .vlan = {static_cast<std::uint16_t>(a.plan.tags.vlan[0] % 4094 + 1), 0}};
  return {ethernet(a.to_mac, a.from_mac, other, a.type(), ip(a.from, a.to, 17, udp(a.client(), a.listener(), {})))};
}
Frames eth_type_unknown(Act& a) { return {ethernet(a.to_mac, a.from_mac, a.plan.tags, 0x88cc, Bytes(50))}; }

Frames arp_malformed(Act& a) { return {a.arp_frame(arp(9, a.from_mac, a.from, {}, a.to))}; }
Frames arp_not_for_us(Act& a) { return {a.arp_frame(arp(1, a.from_mac, a.from, {}, address_of(nobody, false)))}; }
Frames arp_unasked(Act& a) { return {a.arp_frame(arp(2, a.from_mac, address_of(nobody, false), a.to_mac, a.to))}; }
Frames arp_bad_sender(Act& a) {
  return {a.arp_frame(arp(1, a.from_mac, net::IpAddress::v4(192, 168, 9, 9), {}, a.to))};
}
// An honest question: from then on the server knows the stranger's MAC address and can answer it.
Frames arp_question(Act& a) { return {a.arp_frame(arp(1, a.from_mac, a.from, {}, a.to))}; }

Frames ip_malformed(Act& a) {
  Bytes packet = ip(a.from, a.to, 17, udp(a.client(), a.listener(), {}));
  packet[a.ip6 ? 4 : 2] = 0x40;  // far longer than the frame
  return {a.frame(packet)};
}
Frames ip4_bad_checksum(Act& a) {
  Bytes packet = ip(a.from, a.to, 17, udp(a.client(), a.listener(), {}));
  packet[10] ^= 0x10;
  return {a.frame(packet)};
}
Frames ip4_fragment(Act& a) {
  Bytes packet = ip(a.from, a.to, 17, {});
  packet[6] = 0x20;
  write_checksum(packet, 0, 10, 0);
  return {a.frame(packet)};
}
Frames ip6_fragment(Act& a) { return {a.frame(ip(a.from, a.to, 44, Bytes{17, 0, 0, 1, 0, 0, 0, 1}))}; }
Frames ip6_bad_extension(Act& a) { return {a.frame(ip(a.from, a.to, 0, Bytes{17, 9, 0, 0, 0, 0, 0, 0}))}; }
Frames ip_bad_source(Act& a) {
  a.from =
      a.ip6 ? net::IpAddress::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}) : net::IpAddress::v4(127, 0, 0, 1);
  return {a.datagram(a.opening(a.conv()))};
}
Frames ip_not_for_us(Act& a) {
  a.to = address_of(nobody, a.ip6);
  return {a.datagram(a.opening(a.conv()))};
}
Frames ip_protocol_unknown(Act& a) { return {a.frame(ip(a.from, a.to, 6, Bytes(20)))}; }

Frames icmp_malformed(Act& a) { return {a.frame(ip(a.from, a.to, a.ip6 ? 58 : 1, Bytes{8, 0}))}; }
Frames icmp_bad_checksum(Act& a) {
  Bytes message = icmp_message(a, a.ip6 ? 128 : 8, Bytes(12));
  message[2] ^= 1;
  return {a.frame(ip(a.from, a.to, a.ip6 ? 58 : 1, message))};
}
Frames icmp_unhandled(Act& a) {
  return {a.frame(ip(a.from, a.to, a.ip6 ? 58 : 1, icmp_message(a, a.ip6 ? 200 : 13, Bytes(12))))};
}
Frames icmp_rate_limited(Act& a) {
  return Frames(60, a.frame(ip(a.from, a.to, a.ip6 ? 58 : 1, icmp_message(a, a.ip6 ? 128 : 8, Bytes(12)))));
}
Frames nd_malformed(Act& a) { return {a.frame(ip(a.from, a.to, 58, solicitation(a, 135, a.to), 64))}; }
Frames nd_not_for_us(Act& a) {
  return {a.frame(ip(a.from, a.to, 58, solicitation(a, 135, address_of(nobody, true)), 255))};
}
Frames nd_unasked(Act& a) {
  return {a.frame(ip(a.from, a.to, 58, solicitation(a, 136, address_of(nobody, true)), 255))};
}

Frames udp_malformed(Act& a) {
  Bytes segment = udp(a.client(), a.listener(), Bytes(30));
  segment[5] = 4;
  return {a.frame(ip(a.from, a.to, 17, segment))};
}
Frames udp_bad_checksum(Act& a) {
  Bytes segment = udp(a.client(), a.listener(), a.opening(a.conv()));
  segment[6] ^= 0x20;
  return {a.frame(ip(a.from, a.to, 17, segment))};
}
Frames udp_no_checksum6(Act& a) {
  Bytes segment = udp(a.client(), a.listener(), a.opening(a.conv()));
  segment[6] = segment[7] = 0;
  return {a.frame(ip(a.from, a.to, 17, segment))};
}
Frames udp_zero_port(Act& a) { return {a.datagram({a.from, 0}, a.listener(), a.opening(a.conv()))}; }
Frames udp_no_listener(Act& a) { return {a.datagram(a.client(), {a.to, 9}, a.opening(a.conv()))}; }

Frames session_not_opening(Act& a) { return {a.datagram(kcp(a.conv(), push, 0, 7, 0, Bytes(10)))}; }
Frames half_open(Act& a) { return {a.datagram(a.opening(a.conv()))}; }
// A conversation keyed by its number alone, from an address that is not its own.
Frames path_unproven(Act& a) {
  for (const Record& record : a.book.records()) {
    if (record.plan.target != Target::echo_by_conv || !record.opened || record.closed) continue;
    if (record.plan.server != a.server) continue;
    const auto port = static_cast<std::uint16_t>(server_port_first + static_cast<std::uint16_t>(Target::echo_by_conv));
    a.use(record.plan.ip6);
    return {a.datagram(a.client(), {a.to, port}, kcp(record.plan.conv, push, 0, 3, 0, Bytes(10)))};
  }
  return {};
}
Frames no_route(Act& a) {
  a.from = net::IpAddress::v4(172, 16, 5, 5);
  return {a.datagram(a.opening(a.conv()))};
}
Frames kcp_too_short(Act& a) { return {a.datagram(Bytes(11))}; }
Frames kcp_wrong_conv(Act& a) { return a.opening_and(a.opening(a.conv())); }
Frames kcp_bad_command(Act& a) {
  const std::uint32_t c = a.conv();
  Bytes both = a.opening(c);
  append(both, kcp(c, 99, 0, 0, 0, {}));
  return {a.datagram(both)};
}
Frames kcp_bad_length(Act& a) {
  const std::uint32_t c = a.conv();
  Bytes both = a.opening(c);
  append(both, kcp(c, push, 0, 1, 0, Bytes(40)));
  both.resize(both.size() - 20);
  return {a.datagram(both)};
}
Frames kcp_una_ahead(Act& a) { return {a.datagram(kcp(a.conv(), push, 0, 0, 50, Bytes(4)))}; }
Frames kcp_bad_fragment(Act& a) { return {a.datagram(kcp(a.conv(), push, 250, 0, 0, Bytes(4)))}; }
Frames kcp_beyond_window(Act& a) {
  const std::uint32_t c = a.conv();
  const net::Endpoint source = a.client();
  const net::Endpoint destination = a.listener();
  return {a.datagram(source, destination, a.opening(c)),
          a.datagram(source, destination, kcp(c, push, 0, 100'000, 0, Bytes(4)))};
}
// Acknowledges what the server never sent, under the number that it would have used.
Frames acks_unmatched(Act& a) {
  const std::uint32_t c = a.conv();
  const net::Endpoint source = a.client();
  const net::Endpoint destination{a.to, server_port_first};
  return {a.datagram(source, destination, a.opening(c)),
          a.datagram(source, destination, kcp(c, 82, 0, 0, 0, {}, 12345))};
}

enum class Family : std::uint8_t { any, ip4, ip6 };
struct Row {
  Frames (*make)(Act&);
  Family family;
};
constexpr Row rows[] = {
    {eth_too_short, Family::any},       {eth_not_for_us, Family::any},
    {eth_bad_source, Family::any},      {eth_vlan_unknown, Family::any},
    {eth_type_unknown, Family::any},    {arp_malformed, Family::ip4},
    {arp_not_for_us, Family::ip4},      {arp_unasked, Family::ip4},
    {arp_bad_sender, Family::ip4},      {arp_question, Family::ip4},
    {ip_malformed, Family::any},        {ip4_bad_checksum, Family::ip4},
    {ip4_fragment, Family::ip4},        {ip6_fragment, Family::ip6},
    {ip6_bad_extension, Family::ip6},   {ip_bad_source, Family::any},
    {ip_not_for_us, Family::any},       {ip_protocol_unknown, Family::any},
    {icmp_malformed, Family::any},      {icmp_bad_checksum, Family::any},
    {icmp_unhandled, Family::any},      {icmp_rate_limited, Family::any},
    {nd_malformed, Family::ip6},        {nd_not_for_us, Family::ip6},
    {nd_unasked, Family::ip6},          {udp_malformed, Family::any},
    {udp_bad_checksum, Family::any},    {udp_no_checksum6, Family::ip6},
    {udp_zero_port, Family::any},       {udp_no_listener, Family::any},
    {session_not_opening, Family::any}, {half_open, Family::any},
    {path_unproven, Family::any},       {no_route, Family::ip4},
    {kcp_too_short, Family::any},       {kcp_wrong_conv, Family::any},
    {kcp_bad_command, Family::any},     {kcp_bad_length, Family::any},
    {kcp_una_ahead, Family::any},       {kcp_bad_fragment, Family::any},
    {kcp_beyond_window, Family::any},   {acks_unmatched, Family::any},
};

}  // namespace

Strangers::Strangers(const Plan& plan, Book& book)
    : plan_(plan),
      book_(book),
      rng_(Rng(plan.seed).child(900)),
      left_(plan.strangers),
      next_(plan.start + Duration::seconds(2)) {}

std::vector<Bytes> Strangers::act(Instant now) {
  if (now < next_deadline()) return {};
  const std::int64_t span = (plan_.heal - plan_.start).count_us();
  next_ = next_ + Duration::us(rng_.between(0, 2 * span / (plan_.strangers + 1)));
  --left_;
  if (now >= plan_.heal) {
    left_ = 0;
    return {};
  }
  const Row& row = rows[rng_.below(std::size(rows))];
  const auto servers = static_cast<std::uint64_t>(std::ranges::count_if(plan_.hosts, &HostPlan::is_server));
  Act act{plan_, book_, rng_, static_cast<std::uint32_t>(rng_.below(servers)), false, {}, {}, {}, {}};
  act.to_mac = mac_of(act.server);
  act.use(row.family == Family::any ? rng_.below(2) == 0 : row.family == Family::ip6);
  Frames frames = row.make(act);
  book_.coverage.count(Fault::stranger, frames.size());
  return frames;
}

std::vector<Bytes> Strangers::flood(std::uint32_t count) {
  Frames frames;
  Act act{plan_, book_, rng_, 0, false, {}, mac_of(0), {}, {}};
  act.use(false);
  for (std::uint32_t i = 0; i < count; ++i) frames.push_back(act.datagram(act.opening(act.conv())));
  book_.coverage.count(Fault::stranger, count);
  return frames;
}

}  // namespace penstock::sim
