// The way out: UDP frames, and the frames of the stack's own making.
#include <algorithm>

#include "net/checksum.hpp"
#include "net/icmp.hpp"
#include "net/plain_frame.hpp"
#include "net/stack_impl.hpp"

namespace penstock::net {

namespace {

// What build_udp() would make of it, in one go.
inline void make_plain(OutDatagram& datagram, const MacAddress& to, const MacAddress& from, const Path& path,
                       TxFrame& frame) {
  const std::uint32_t bytes = datagram.size();
  const std::uint64_t sum = datagram.sum();
  frame.link = datagram.take_link();
  frame.head = datagram.take_frame(plain_payload_at);
  frame.l2_bytes = ethernet_bytes;
  frame.l3_bytes = ip4_bytes;
  frame.is_v4 = true;
  frame.offload_ip_checksum = false;
  frame.offload_udp_checksum = false;
  write_plain(frame.head.writable().data(), to, from, path.local, path.remote, bytes, sum);
}

}  // namespace

// RFC 791; then its parts need a name of their own (RFC 6864). In IPv6 only its sender may.
void Stack::Impl::let_routers_cut(TxFrame& frame) {
  if (!frame.is_v4) return;
  const std::uint16_t id = fragment_id++;
  const auto ip = frame.head.writable().subspan(frame.l2_bytes, ip4_bytes);
  ip[4] = static_cast<std::uint8_t>(id >> 8);
  ip[5] = static_cast<std::uint8_t>(id);
  ip[6] = ip[7] = 0;
  if (frame.offload_ip_checksum) return;
  field_write(ip.subspan(10), 0);
  field_write(ip.subspan(10), checksum_field(internet_sum(ip)));
}

Stack::SendVerdict Stack::Impl::send_udp(Path& path, OutDatagram&& datagram, TxFrame& frame, std::uint16_t& port,
                                         Instant now) {
  PENSTOCK_ASSERT(path.interface < interfaces.size());
  const Interface& out = interfaces[path.interface];
  const IpAddress& remote = path.remote.address;
  const bool is_v4 = remote.is_v4();
  if (datagram.size() > out.payload_max(is_v4)) return drop(std::move(datagram), DropReason::mtu_exceeded);
  const IpAddress* hop = routes.next_hop(path.interface, remote, is_v4);
  const bool may_send = addresses.all_usable() || addresses.usable(path.interface, path.local.address);
  if (hop == nullptr || !may_send) return drop(std::move(datagram), DropReason::no_route);
  const MacAddress* mac = neighbors.confirmed(path.interface, *hop, path.next_hop_hint, now);
  if (mac == nullptr) return send_slow(path, std::move(datagram), frame, port, *hop, now);
  port = out.port;
  const bool may_fragment = datagram.may_fragment();
  if (out.plain && is_v4) make_plain(datagram, *mac, out.mac, path, frame);
  else build_udp(datagram, {*mac, out.mac, out.tags}, path.local, path.remote, out.traits, frame);
  if (may_fragment) let_routers_cut(frame);
  return SendVerdict::ready;
}

Stack::SendVerdict Stack::Impl::send_slow(Path& path, OutDatagram&& datagram, TxFrame& frame, std::uint16_t& port,
                                          const IpAddress& hop, Instant now) {
  NeighborCache::Index index = neighbors.find(path.interface, hop, path.next_hop_hint);
  if (index == NeighborCache::none) index = neighbors.take(path.interface, hop, now);
  if (index == NeighborCache::none) return drop(std::move(datagram), DropReason::neighbor_pending_full);
  path.next_hop_hint = index;
  const auto mac = neighbors.use(index, now);
  const Interface& out = interfaces[path.interface];
  const bool may_fragment = datagram.may_fragment();
  build_udp(datagram, {mac.value_or(MacAddress{}), out.mac, out.tags}, path.local, path.remote, out.traits, frame);
  if (may_fragment) let_routers_cut(frame);
  port = out.port;
  if (mac) return SendVerdict::ready;
  if (neighbors.wait(index, frame)) return SendVerdict::queued;
  frame = TxFrame{};
  drops.count(DropReason::neighbor_pending_full);
  return SendVerdict::dropped;
}

// Lets the datagram go.
Stack::SendVerdict Stack::Impl::drop(OutDatagram&& datagram, DropReason reason) {
  const OutDatagram taken = std::move(datagram);
  drops.count(reason);
  return SendVerdict::dropped;
}

bool Stack::Impl::poll_transmit(TxFrame& frame, std::uint16_t& port, Instant now) {
  if (!answers.empty()) {
    PortFrame next = answers.pop();
    frame = std::move(next.frame);
    port = next.port;
    return true;
  }
  if (poll_question(frame, port, now) || poll_owed(frame, port, now)) return true;
  std::uint16_t interface = 0;
  if (!neighbors.take_released(frame, interface)) return false;
  port = interfaces[interface].port;
  return true;
}

// A question that cannot be made counts as asked, like one that the wire lost: the next one follows in a second.
bool Stack::Impl::poll_question(TxFrame& frame, std::uint16_t& port, Instant now) {
  for (std::uint32_t i = 0; i < questions_per_poll; ++i) {
    const auto question = neighbors.next_question();
    if (!question) return false;
    const bool can_ask = addresses.source_for(question->interface, question->address).has_value();
    auto made = can_ask ? make_question(*question) : std::nullopt;
    neighbors.asked(now);
    if (made) {
      frame = std::move(*made);
      port = interfaces[question->interface].port;
      return true;
    }
    if (can_ask) {
      drops.count(DropReason::no_tx_block);
      return false;
    }
  }
  return false;
}

bool Stack::Impl::poll_owed(TxFrame& frame, std::uint16_t& port, Instant now) {
  const LocalAddress* owed = addresses.next_owed();
  if (owed == nullptr) return false;
  const Interface& out = interfaces[owed->interface];
  std::optional<TxFrame> made;
  if (owed->address.is_v4()) {
    made = make_arp(owed->interface, MacAddress::broadcast(), arp_announcement(out.mac, owed->address));
  } else {
    const NdPacket packet =
        owed->owed == OwedFrame::probe ? nd_probe(owed->address) : nd_announcement(out.mac, owed->address);
    made = make_nd(owed->interface, multicast_mac(packet.destination), packet);
  }
  if (!made) {
    drops.count(DropReason::no_tx_block);
    addresses.lost(now);
    return false;
  }
  addresses.sent(now);
  frame = std::move(*made);
  port = out.port;
  return true;
}

void Stack::Impl::refuse(const Packet& packet, Instant now) {
  drops.count(DropReason::udp_no_listener);
  const Block* block = packet.payload.block();
  if (packet.ip_bytes == 0 || block == nullptr) return;
  PENSTOCK_ASSERT(packet.payload.offset() >= packet.ip_bytes);
  const std::uint32_t packet_bytes = packet.ip_bytes + packet.payload.length();
  const bool is_v4 = packet.path.local.address.is_v4();
  const std::uint32_t quote_bytes = unreachable_quote_bytes(is_v4, packet_bytes, packet.ip_bytes);
  if (quote_bytes == 0 || !unreachable_limit.take(now)) return;
  const Bytes quote = Bytes(block->data, block->size).subspan(packet.payload.offset() - packet.ip_bytes, quote_bytes);
  const IpAddress& source = packet.path.local.address;
  const IpAddress& destination = packet.path.remote.address;
  // The datagram is counted already; an unreachable that finds no block is simply not sent.
  static_cast<void>(answer(packet.path.interface,
                           make_ip(packet.path.interface, packet.source_mac, source, destination, hop_limit_default,
                                   icmp_bytes + quote_bytes,
                                   [&](ByteWriter& out) { write_port_unreachable(out, quote, source, destination); })));
}

std::optional<TxFrame> Stack::Impl::make_arp(std::uint16_t interface, const MacAddress& to, const ArpMessage& message) {
  return make(interface, to, ethertype_arp, arp_bytes, [&](ByteWriter& out) { write_arp(out, message); });
}

std::optional<TxFrame> Stack::Impl::make_nd(std::uint16_t interface, const MacAddress& to, const NdPacket& packet) {
  return make_ip(interface, to, packet.source, packet.destination, hop_limit_neighbor, nd_bytes(packet.message),
                 [&](ByteWriter& out) { write_nd(out, packet); });
}

std::optional<TxFrame> Stack::Impl::make_question(const NeighborCache::Question& question) {
  const Interface& out = interfaces[question.interface];
  const auto source = addresses.source_for(question.interface, question.address);
  PENSTOCK_ASSERT(source.has_value());
  if (question.address.is_v4()) {
    return make_arp(question.interface, question.mac.value_or(MacAddress::broadcast()),
                    arp_question(out.mac, *source, question.address));
  }
  const auto destination = question.mac ? std::optional(question.address) : std::nullopt;
  const NdPacket packet = nd_question(out.mac, *source, question.address, destination);
  return make_nd(question.interface, question.mac.value_or(multicast_mac(packet.destination)), packet);
}

bool Stack::Impl::answer(std::uint16_t interface, std::optional<TxFrame>&& frame) {
  if (!frame) return false;
  return answers.push({std::move(*frame), interfaces[interface].port});
}

}  // namespace penstock::net
