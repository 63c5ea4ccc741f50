#include "sim/strangers.hpp"

#include <algorithm>

#include "sim/conduct.hpp"

namespace penstock::sim {

namespace {

constexpr std::uint32_t stranger_first = 100;  // their numbers among the hosts
constexpr std::uint32_t stranger_count = 8;
constexpr std::uint32_t nobody = 77;  // an address that no host has
constexpr std::uint8_t push = command_push;

using Frames = std::vector<Bytes>;

// One act: who speaks to whom.
struct Act {
  const Plan& plan;
  Book& book;
  Conduct& conduct;
  Rng& rng;
  Instant now;
  std::uint32_t server = 0;
  bool silent = false;  // says nothing that is answered
  bool ip6 = false;
  net::MacAddress from_mac{};
  net::MacAddress to_mac{};
  net::IpAddress from{};
  net::IpAddress to{};

  std::uint16_t type() const { return ip6 ? 0x86dd : 0x0800; }
  void use(bool v6) {
    ip6 = v6;
    const std::uint32_t first = silent ? silent_first : stranger_first;
    const auto stranger = first + static_cast<std::uint32_t>(rng.below(stranger_count));
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
net::IpAddress group(const Act& a) {
  return a.ip6 ? net::IpAddress::v6({0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1})
               : net::IpAddress::v4(10, 7, 0, 255);
}
// A question to everybody, which would have everybody answer one forged source.
Frames echo_to_group(Act& a) {
  a.to = group(a);
  return {a.frame(ip(a.from, a.to, a.ip6 ? 58 : 1, icmp_message(a, a.ip6 ? 128 : 8, Bytes(12))))};
}
Frames udp_to_group(Act& a) { return {a.datagram(a.client(), {group(a), 9}, Bytes(20))}; }
// An error about an error.
Frames icmp_about_icmp(Act& a) {
  Bytes body{0, 0, 0, 0};
  append(body, ip(a.to, a.from, a.ip6 ? 58 : 1, icmp_message(a, a.ip6 ? 1 : 3, Bytes(20))));
  return {a.frame(ip(a.from, a.to, a.ip6 ? 58 : 1, icmp_message(a, a.ip6 ? 1 : 3, body)))};
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
  // Over IPv4 that would be no checksum instead of a wrong one.
  if (segment[6] == 0 && segment[7] == 0) segment[7] = 1;
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

// --- in the name of others

// A client's conversation that is under way on the server, and where its datagrams come from and go to.
struct Victim {
  const Record* record = nullptr;
  net::Endpoint client;
  net::Endpoint server;
};
Victim living(Act& a) {
  Victim found;
  std::uint64_t seen = 0;
  for (const Record& record : a.book.records()) {
    if (!record.opened || record.closed || record.plan.server != a.server) continue;
    if (a.rng.below(++seen) == 0) found.record = &record;
  }
  if (found.record == nullptr) return found;
  const Conversation& c = found.record->plan;
  found.client = {address_of(c.client, c.ip6), found.record->port};
  found.server = {address_of(c.server, c.ip6),
                  static_cast<std::uint16_t>(server_port_first + static_cast<std::uint16_t>(c.target))};
  a.ip6 = c.ip6;
  return found;
}
Frames forged(Act& a, const Victim& victim, const Bytes& payload) {
  a.book.coverage.count(Fault::forged);
  return {a.datagram(victim.client, victim.server, payload)};
}

// One segment that acknowledges all that is to come: the original forgets what it has to send.
Frames forged_una(Act& a) {
  const Victim victim = living(a);
  if (victim.record == nullptr) return {};
  const auto far = static_cast<std::uint32_t>(a.rng.between(5'000, 1'000'000'000));
  return forged(a, victim, kcp(victim.record->plan.conv, push, 0, 0, far, {}));
}
// An ACK of something that is in flight, with a stamp by guess: the original takes the sum of it for a round trip.
Frames forged_stamp(Act& a) {
  const Victim victim = living(a);
  if (victim.record == nullptr) return {};
  const auto sn = static_cast<std::uint32_t>(a.rng.below(64));
  return forged(a, victim, kcp(victim.record->plan.conv, command_ack, 0, sn, 0, {}, a.rng.next32()));
}
// Data by somebody who does not know where the window stands.
Frames forged_data(Act& a) {
  const Victim victim = living(a);
  if (victim.record == nullptr) return {};
  const auto sn = static_cast<std::uint32_t>(a.rng.between(100'000, 2'000'000'000));
  return forged(a, victim, kcp(victim.record->plan.conv, push, 0, sn, 0, Bytes(40, 0xee)));
}
// Another conversation from the client's own address and port: kcp-go closes the old one.
Frames forged_newcomer(Act& a) {
  const Victim victim = living(a);
  if (victim.record == nullptr || victim.record->plan.target == Target::echo_by_address) return {};
  return forged(a, victim, a.opening(a.conv()));
}
// A message from the path that what the client sent found nobody, or was too large.
Frames forged_icmp(Act& a) {
  const Victim victim = living(a);
  if (victim.record == nullptr) return {};
  const Bytes quoted = ip(victim.server.address, victim.client.address, 17,
                          udp(victim.server, victim.client, kcp(victim.record->plan.conv, push, 0, 0, 0, Bytes(30))));
  const bool too_big = a.rng.below(2) == 0;
  Bytes body{0, 0, 0, 68};
  append(body, quoted);
  const std::uint8_t type = a.ip6 ? (too_big ? std::uint8_t{2} : std::uint8_t{1}) : std::uint8_t{3};
  a.use(a.ip6);
  a.book.coverage.count(Fault::forged);
  Bytes message = icmp_message(a, type, body);
  if (!a.ip6 && too_big) {
    message[1] = 4;
    write_checksum(message, 0, 2, 0);
  }
  return {a.frame(ip(a.from, a.to, a.ip6 ? 58 : 1, message))};
}
// Tells a server, in the name of another host's socket, to begin: the two are to talk to each other for ever.
Frames set_on_each_other(Act& a) {
  const auto other = static_cast<std::uint32_t>(a.rng.below(a.plan.hosts.size()));
  const bool served = a.plan.hosts[other].is_server;
  const auto first = served ? server_port_first : client_port_first;
  const auto ports = served ? target_count : 2 * client_ports;
  const net::Endpoint source{address_of(other, a.ip6), static_cast<std::uint16_t>(first + a.rng.below(ports))};
  const std::uint32_t c = a.conv();
  if (other == a.server) return {};
  a.conduct.on_forged(c, a.now);
  a.book.coverage.count(Fault::forged);
  return {a.datagram(source, a.listener(), a.opening(c))};
}

enum class Family : std::uint8_t { any, ip4, ip6 };
enum class Reply : bool { none, some };
struct Row {
  Frames (*make)(Act&);
  Family family;
  Reply reply;  // whether a host may answer the stranger that sends it
};
constexpr Row rows[] = {
    {eth_too_short, Family::any, Reply::none},     {eth_not_for_us, Family::any, Reply::none},
    {eth_bad_source, Family::any, Reply::none},    {eth_vlan_unknown, Family::any, Reply::none},
    {eth_type_unknown, Family::any, Reply::none},  {arp_malformed, Family::ip4, Reply::none},
    {arp_not_for_us, Family::ip4, Reply::none},    {arp_unasked, Family::ip4, Reply::none},
    {arp_bad_sender, Family::ip4, Reply::none},    {arp_question, Family::ip4, Reply::some},
    {ip_malformed, Family::any, Reply::none},      {ip4_bad_checksum, Family::ip4, Reply::none},
    {ip4_fragment, Family::ip4, Reply::none},      {ip6_fragment, Family::ip6, Reply::none},
    {ip6_bad_extension, Family::ip6, Reply::none}, {ip_bad_source, Family::any, Reply::none},
    {ip_not_for_us, Family::any, Reply::none},     {ip_protocol_unknown, Family::any, Reply::none},
    {icmp_malformed, Family::any, Reply::none},    {icmp_bad_checksum, Family::any, Reply::none},
    {icmp_unhandled, Family::any, Reply::none},    {icmp_rate_limited, Family::any, Reply::some},
    {echo_to_group, Family::any, Reply::none},     {udp_to_group, Family::any, Reply::none},
    {icmp_about_icmp, Family::any, Reply::none},   {nd_malformed, Family::ip6, Reply::none},
    {nd_not_for_us, Family::ip6, Reply::none},     {nd_unasked, Family::ip6, Reply::none},
    {udp_malformed, Family::any, Reply::none},     {udp_bad_checksum, Family::any, Reply::none},
    {udp_no_checksum6, Family::ip6, Reply::none},  {udp_zero_port, Family::any, Reply::none},
    {udp_no_listener, Family::any, Reply::some},   {session_not_opening, Family::any, Reply::none},
    {half_open, Family::any, Reply::some},         {path_unproven, Family::any, Reply::some},
    {no_route, Family::ip4, Reply::some},          {kcp_too_short, Family::any, Reply::none},
    {kcp_wrong_conv, Family::any, Reply::none},    {kcp_bad_command, Family::any, Reply::none},
    {kcp_bad_length, Family::any, Reply::none},    {kcp_una_ahead, Family::any, Reply::none},
    {kcp_bad_fragment, Family::any, Reply::some},  {kcp_beyond_window, Family::any, Reply::some},
    {acks_unmatched, Family::any, Reply::some},    {forged_una, Family::any, Reply::none},
    {forged_stamp, Family::any, Reply::none},      {forged_data, Family::any, Reply::none},
    {forged_newcomer, Family::any, Reply::none},   {forged_icmp, Family::any, Reply::none},
    {set_on_each_other, Family::any, Reply::none},
};

}  // namespace

Strangers::Strangers(const Plan& plan, Book& book, Conduct& conduct)
    : plan_(plan),
      book_(book),
      conduct_(conduct),
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
  Act act{.plan = plan_, .book = book_, .conduct = conduct_, .rng = rng_, .now = now};
  act.server = static_cast<std::uint32_t>(rng_.below(servers));
  act.silent = row.reply == Reply::none;
  act.to_mac = mac_of(act.server);
  act.use(row.family == Family::any ? rng_.below(2) == 0 : row.family == Family::ip6);
  Frames frames = row.make(act);
  book_.coverage.count(Fault::stranger, frames.size());
  return frames;
}

std::vector<Bytes> Strangers::flood(std::uint32_t host, std::uint32_t count) {
  Frames frames;
  Act act{.plan = plan_, .book = book_, .conduct = conduct_, .rng = rng_, .now = next_};
  act.server = host;
  act.to_mac = mac_of(host);
  act.use(false);
  for (std::uint32_t i = 0; i < count; ++i) frames.push_back(act.datagram(act.opening(act.conv())));
  book_.coverage.count(Fault::stranger, count);
  return frames;
}

}  // namespace penstock::sim
