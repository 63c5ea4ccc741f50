// The way in: each function looks at one layer and hands on, or names the reason to drop.
#include <algorithm>

#include "net/icmp.hpp"
#include "net/plain_frame.hpp"
#include "net/stack_impl.hpp"
#include "net/too_big.hpp"

namespace penstock::net {

namespace {

constexpr auto refused(DropReason reason) { return std::unexpected(reason); }

}  // namespace

// By whom and to whom: two hosts that may speak to each other over this interface, the second of which is us.
bool Stack::Impl::is_for_us(Bytes bytes, std::uint16_t number) const {
  const Interface& interface = interfaces[number];
  const MacAddress source = mac_at(bytes, 6);
  if (mac_at(bytes, 0) != interface.mac || source.is_multicast() || source.is_zero() || source == interface.mac) {
    return false;
  }
  return addresses.usable(number, ip4_at(bytes, plain_ip_at + 16));
}

inline bool Stack::Impl::take_plain(std::uint16_t port, RxFrame& frame, Packet& packet) {
  const Bytes bytes = frame.bytes.bytes();
  const std::uint16_t number = untagged[port];
  if (number == no_interface || !looks_plain(bytes)) return false;
  const PlainWay way = plain_way(bytes);
  if (!(way == recent_way && number == recent_way_interface && addresses.all_usable())) {
    if (!is_for_us(bytes, number)) return false;
    recent_way = way;
    recent_way_interface = number;
  }
  const IpAddress source = ip4_at(bytes, plain_ip_at + 12);
  if (!source.is_valid_source() || addresses.forbidden_source(number, source)) return false;
  if (frame.ip_checksum != ChecksumState::good &&
      (frame.ip_checksum == ChecksumState::bad || !plain_ip_sum_holds(bytes))) {
    return false;
  }
  const bool trusted = rx_checksum[port] != RxChecksumPolicy::verify || frame.l4_checksum == ChecksumState::good;
  if (!trusted && (frame.l4_checksum == ChecksumState::bad || !plain_udp_sum_holds(bytes))) return false;
  const IpAddress destination = ip4_at(bytes, plain_ip_at + 16);
  packet.path = Path{{destination, be16_at(bytes, plain_udp_at + 2)}, {source, be16_at(bytes, plain_udp_at)}, number};
  packet.source_mac = mac_at(bytes, 6);
  packet.ip_bytes = ip4_bytes + udp_bytes;
  packet.rss_hash = frame.rss_hash;
  packet.has_rss_hash = frame.has_rss_hash;
  const std::uint32_t payload_bytes = be16_at(bytes, plain_udp_at + 4) - std::uint32_t{udp_bytes};
  packet.payload = std::move(frame.bytes);
  packet.payload.trim_front(plain_payload_at);
  packet.payload.trim_back(packet.payload.length() - payload_bytes);
  return true;
}

Stack::Intake Stack::take_in(std::uint16_t port, RxFrame& frame, Packet& packet, Instant now) {
  if (impl_->take_plain(port, frame, packet)) return Intake::udp;
  return impl_->take_any(port, frame, packet, now);
}

Stack::Intake Stack::Impl::take_any(std::uint16_t port, RxFrame& frame, Packet& packet, Instant now) {
  const Parsed<Intake> outcome = take_in(port, frame, packet, now);
  if (!outcome) drops.count(outcome.error());
  // What was understood but could not be answered is lost on the way out: the frame itself was not dropped.
  const bool answer_lost = !outcome && is_transmit(outcome.error());
  const Intake intake = answer_lost ? Intake::handled : outcome.value_or(Intake::dropped);
  if (intake != Intake::udp) frame.bytes.reset();
  return intake;
}

Parsed<Stack::Intake> Stack::Impl::take_in(std::uint16_t port, RxFrame& frame, Packet& packet, Instant now) {
  PENSTOCK_ASSERT(port < rx_checksum.size());
  const Bytes bytes = frame.bytes.bytes();
  const auto ethernet = parse_ethernet(bytes);
  if (!ethernet) return refused(ethernet.error());
  const auto interface = find_interface(port, ethernet->tags);
  if (!interface) return refused(DropReason::eth_vlan_unknown);
  if (!hears(*interface, ethernet->destination)) return refused(DropReason::eth_not_for_us);
  const MacAddress& source = ethernet->source;
  if (source.is_multicast() || source.is_zero() || source == interfaces[*interface].mac) {
    return refused(DropReason::eth_bad_source);
  }
  const Arrival in{port, *interface, *ethernet, frame, bytes.subspan(ethernet->l2_bytes), now};
  switch (ethernet->type) {
    case ethertype_ip4: return take_ip4(in, packet);
    case ethertype_ip6: return take_ip6(in, packet);
    case ethertype_arp: return take_arp(in);
    default: return refused(DropReason::eth_type_unknown);
  }
}

inline std::optional<std::uint16_t> Stack::Impl::find_interface(std::uint16_t port, const TagStack& tags) {
  const std::uint64_t value = key_of(port, tags);
  if (recent_key.value == value) return recent_key.interface;
  const auto found = std::lower_bound(keys.begin(), keys.end(), value,
                                      [](const Key& key, std::uint64_t wanted) { return key.value < wanted; });
  if (found == keys.end() || found->value != value) return std::nullopt;
  recent_key = *found;
  return found->interface;
}

// Our own MAC address, broadcast, and the IPv6 groups in which neighbour discovery reaches us.
inline bool Stack::Impl::hears(std::uint16_t interface, const MacAddress& destination) const {
  if (destination == interfaces[interface].mac || destination == MacAddress::broadcast()) return true;
  if (!destination.is_multicast()) return false;
  if (destination == multicast_mac(all_nodes())) return true;
  const auto& b = destination.bytes;
  const IpAddress group = solicited_node(IpAddress::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, b[3], b[4], b[5]}));
  return destination == multicast_mac(group) && addresses.find(interface, group) != nullptr;
}

Parsed<Stack::Intake> Stack::Impl::take_arp(const Arrival& in) {
  const auto arp = parse_arp(in.rest);
  if (!arp) return refused(arp.error());
  const bool sender_fits = fits_sender(in, *arp);
  const bool has_sender = !arp->sender.is_unspecified();
  if (!addresses.answers_for(in.interface, arp->target)) {
    // A neighbour that tells everybody of a new MAC address makes us ask, if we hold another.
    if (sender_fits && has_sender) neighbors.on_mention(in.interface, arp->sender, arp->sender_mac, false, in.now);
    return refused(DropReason::arp_not_for_us);
  }
  if (!sender_fits) return refused(DropReason::arp_bad_sender);
  if (arp->operation == ArpMessage::Operation::request) {
    if (has_sender) neighbors.on_mention(in.interface, arp->sender, arp->sender_mac, true, in.now);
    auto reply = make_arp(in.interface, arp->sender_mac, arp_answer(interfaces[in.interface].mac, *arp));
    if (!answer(in.interface, std::move(reply))) return refused(DropReason::no_tx_block);
    return Intake::handled;
  }
  if (in.ethernet.destination.is_multicast()) {
    neighbors.on_mention(in.interface, arp->sender, arp->sender_mac, false, in.now);
    return refused(DropReason::arp_unasked);
  }
  return take_answer(in, arp->sender, arp->sender_mac, DropReason::arp_unasked);
}

// A host of this interface, or in a request nobody: an address probe (RFC 5227, 2.1.1).
bool Stack::Impl::fits_sender(const Arrival& in, const ArpMessage& arp) const {
  const MacAddress& mac = arp.sender_mac;
  if (mac.is_multicast() || mac.is_zero() || mac == interfaces[in.interface].mac) return false;
  if (arp.sender.is_unspecified()) return arp.operation == ArpMessage::Operation::request;
  return arp.sender.is_valid_source() && !addresses.forbidden_source(in.interface, arp.sender) &&
         routes.on_link(in.interface, arp.sender);
}

inline Parsed<Stack::Intake> Stack::Impl::take_ip4(const Arrival& in, Packet& packet) {
  const auto ip = parse_ip4(in.rest, in.frame.ip_checksum);
  if (!ip) return refused(ip.error());
  if (!ip->source.is_valid_source() || addresses.forbidden_source(in.interface, ip->source)) {
    return refused(DropReason::ip4_bad_source);
  }
  if (in.ethernet.destination.is_multicast() || !addresses.usable(in.interface, ip->destination)) {
    return refused(DropReason::ip4_not_for_us);
  }
  if (ip->protocol == protocol_udp) return take_udp(in, *ip, packet);
  if (ip->protocol == protocol_icmp4) return take_icmp4(in, *ip, packet);
  return refused(DropReason::ip_protocol_unknown);
}

Parsed<Stack::Intake> Stack::Impl::take_ip6(const Arrival& in, Packet& packet) {
  const auto ip = parse_ip6(in.rest);
  if (!ip) return refused(ip.error());
  const Bytes message = in.rest.first(ip->total_bytes).subspan(ip->header_bytes);
  const bool is_icmp = ip->protocol == protocol_icmp6;
  // Only a probe for a duplicate address has no source.
  const bool is_probe =
      is_icmp && ip->source.is_unspecified() && !message.empty() && message[0] == icmp6_neighbor_solicitation;
  if ((!ip->source.is_valid_source() && !is_probe) || addresses.forbidden_source(in.interface, ip->source)) {
    return refused(DropReason::ip6_bad_source);
  }
  const bool to_us_alone = !in.ethernet.destination.is_multicast() && addresses.usable(in.interface, ip->destination);
  if (!to_us_alone) {
    const LocalAddress* local = addresses.find(in.interface, ip->destination);
    if (!is_icmp || local == nullptr || local->kind != AddressKind::group) return refused(DropReason::ip6_not_for_us);
  }
  if (ip->protocol == protocol_udp) return take_udp(in, *ip, packet);
  if (is_icmp) return take_icmp6(in, *ip, to_us_alone, packet);
  return refused(DropReason::ip_protocol_unknown);
}

inline Parsed<Stack::Intake> Stack::Impl::take_udp(const Arrival& in, const IpHeader& ip, Packet& packet) {
  const Bytes datagram = in.rest.first(ip.total_bytes).subspan(ip.header_bytes);
  const auto udp = parse_udp(datagram, ip, in.frame.l4_checksum, rx_checksum[in.port]);
  if (!udp) return refused(udp.error());
  packet.path = Path{{ip.destination, udp->destination_port}, {ip.source, udp->source_port}, in.interface};
  packet.source_mac = in.ethernet.source;
  packet.ip_bytes = static_cast<std::uint16_t>(ip.header_bytes + udp_bytes);
  packet.rss_hash = in.frame.rss_hash;
  packet.has_rss_hash = in.frame.has_rss_hash;
  packet.payload = std::move(in.frame.bytes);
  packet.payload.trim_front(std::uint32_t{in.ethernet.l2_bytes} + packet.ip_bytes);
  packet.payload.trim_back(packet.payload.length() - (std::uint32_t{udp->length} - udp_bytes));
  return Intake::udp;
}

Parsed<Stack::Intake> Stack::Impl::take_icmp4(const Arrival& in, const IpHeader& ip, Packet& packet) {
  const Bytes message = in.rest.first(ip.total_bytes).subspan(ip.header_bytes);
  const auto icmp = parse_icmp(message, ip);
  if (!icmp) return refused(icmp.error());
  if (is_too_big(*icmp, true)) return take_too_big(in, ip, message, packet);
  if (!is_echo_request(*icmp, true)) return refused(DropReason::icmp_unhandled);
  return take_echo(in, ip, message);
}

Parsed<Stack::Intake> Stack::Impl::take_icmp6(const Arrival& in, const IpHeader& ip, bool to_us_alone, Packet& packet) {
  const Bytes message = in.rest.first(ip.total_bytes).subspan(ip.header_bytes);
  const auto icmp = parse_icmp(message, ip);
  if (!icmp) return refused(icmp.error());
  if (icmp->type == icmp6_neighbor_solicitation || icmp->type == icmp6_neighbor_advertisement) {
    const auto nd = parse_nd(message, ip);
    if (!nd) return refused(nd.error());
    if (nd->kind == NdMessage::Kind::solicitation) return take_solicitation(in, ip, *nd, to_us_alone);
    return take_advertisement(in, ip, *nd);
  }
  if (to_us_alone && is_too_big(*icmp, false)) return take_too_big(in, ip, message, packet);
  if (!is_echo_request(*icmp, false)) return refused(DropReason::icmp_unhandled);
  // An echo to a group would be answered by all of it, toward a source that nobody proved.
  if (!to_us_alone) return refused(DropReason::ip6_not_for_us);
  return take_echo(in, ip, message);
}

// Who sent it does not matter: any router may.
Parsed<Stack::Intake> Stack::Impl::take_too_big(const Arrival& in, const IpHeader& ip, Bytes message, Packet& packet) {
  const auto quoted = quoted_datagram(message, ip.is_v4);
  if (!quoted || quoted->path.local.address != ip.destination) return refused(DropReason::icmp_unhandled);
  if (!too_big_limit.take(in.now)) return refused(DropReason::icmp_rate_limited);
  packet.path = quoted->path;
  packet.path.interface = in.interface;
  packet.payload = std::move(in.frame.bytes);
  packet.payload.trim_front(std::uint32_t{in.ethernet.l2_bytes} + ip.header_bytes + quoted->payload_at);
  packet.payload.trim_back(packet.payload.length() - (static_cast<std::uint32_t>(message.size()) - quoted->payload_at));
  return Intake::too_big;
}

// The answer is as long as the question and goes back to the MAC address that it came from.
Parsed<Stack::Intake> Stack::Impl::take_echo(const Arrival& in, const IpHeader& ip, Bytes message) {
  // Ports may take longer packets than they send.
  if (ip_header_bytes(ip.is_v4) + message.size() > interfaces[in.interface].traits.mtu)
    return refused(DropReason::mtu_exceeded);
  if (!echo_limit.take(in.now)) return refused(DropReason::icmp_rate_limited);
  auto reply = make_ip(in.interface, in.ethernet.source, ip.destination, ip.source, hop_limit_default,
                       static_cast<std::uint32_t>(message.size()),
                       [&](ByteWriter& out) { write_echo_reply(out, message, ip.destination, ip.source); });
  if (!answer(in.interface, std::move(reply))) return refused(DropReason::no_tx_block);
  return Intake::handled;
}

Parsed<Stack::Intake> Stack::Impl::take_solicitation(const Arrival& in, const IpHeader& ip, const NdMessage& nd,
                                                     bool to_us_alone) {
  const LocalAddress* local = addresses.find(in.interface, nd.target);
  if (local == nullptr || local->kind != AddressKind::own) return refused(DropReason::nd_not_for_us);
  const bool is_probe = ip.source.is_unspecified();
  if (is_probe && addresses.on_conflict(in.interface, nd.target)) {
    // Two nodes probe for one address at once: neither may have it (RFC 4862, 5.4.3).
    tell(NeighborNews::Kind::duplicate_address, in.interface, nd.target, in.ethernet.source);
    return Intake::handled;
  }
  if (local->state != AddressState::preferred) return refused(DropReason::nd_not_for_us);
  if (nd.mac && routes.on_link(in.interface, ip.source)) {
    neighbors.on_mention(in.interface, ip.source, *nd.mac, true, in.now);
  }
  const MacAddress to = is_probe ? multicast_mac(all_nodes()) : nd.mac.value_or(in.ethernet.source);
  auto reply = make_nd(in.interface, to, nd_answer(interfaces[in.interface].mac, nd, ip.source, to_us_alone));
  if (!answer(in.interface, std::move(reply))) return refused(DropReason::no_tx_block);
  return Intake::handled;
}

Parsed<Stack::Intake> Stack::Impl::take_advertisement(const Arrival& in, const IpHeader& ip, const NdMessage& nd) {
  if (addresses.on_conflict(in.interface, nd.target)) {
    tell(NeighborNews::Kind::duplicate_address, in.interface, nd.target, in.ethernet.source);
    return Intake::handled;
  }
  if (addresses.forbidden_source(in.interface, nd.target)) return refused(DropReason::nd_unasked);
  const bool solicited = nd.solicited && !ip.destination.is_multicast();
  if (solicited) return take_answer(in, nd.target, nd.mac, DropReason::nd_unasked);
  if (nd.mac) neighbors.on_mention(in.interface, nd.target, *nd.mac, false, in.now);
  return refused(DropReason::nd_unasked);
}

Parsed<Stack::Intake> Stack::Impl::take_answer(const Arrival& in, const IpAddress& address,
                                               std::optional<MacAddress> mac, DropReason unasked) {
  const bool asked = neighbors.on_answer(in.interface, address, mac, in.now);
  if (!asked && !shares_news) return refused(unasked);
  // An advertisement may leave its MAC address out when it answers a question sent to it alone; the frame has it.
  tell(NeighborNews::Kind::resolved, in.interface, address, mac.value_or(in.ethernet.source));
  return Intake::handled;
}

}  // namespace penstock::net
