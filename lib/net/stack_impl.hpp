// Stack::Impl: the parts of a stack and the way between them. Included by the stack_*.cpp files and nobody else.
//
//   stack.cpp         construction, time, links, news, routes
//   stack_intake.cpp  received frames: Ethernet ─▶ ARP | IPv4 | IPv6 ─▶ UDP | ICMP ─▶ ND
//   stack_egress.cpp  UDP out, answers, questions and announcements
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/ring.hpp"
#include "net/arp.hpp"
#include "net/build.hpp"
#include "net/headers.hpp"
#include "net/local_addresses.hpp"
#include "net/nd.hpp"
#include "net/neighbor_cache.hpp"
#include "net/parse.hpp"
#include "net/plain_frame.hpp"
#include "net/rate_limit.hpp"
#include "net/route.hpp"
#include "net/stack.hpp"

namespace penstock::net {

struct alignas(cache_line_bytes) Stack::Impl {
  // Answers that wait for poll_transmit(), and news that wait for poll_news(): a burst of either. What does not fit is
  // dropped: an answer as no_tx_block; news silently, as the worker that asked asks again.
  static constexpr std::uint32_t answers_max = 512;
  static constexpr std::uint32_t news_max = 256;
  // Questions that poll_transmit() gives up in a row because no own address may ask them.
  static constexpr std::uint32_t questions_per_poll = 16;
  static constexpr std::uint16_t no_interface = 0xffff;

  struct Interface {
    MacAddress mac;
    TagStack tags;
    std::uint16_t port = 0;
    bool plain = false;  // IPv4 leaves in plain frames: no tags, no sums left to the port
    PortTraits traits;
    std::uint32_t payload_max(bool is_v4) const {
      return traits.mtu - (std::uint32_t{udp_bytes} + ip_header_bytes(is_v4));
    }
  };
  // Interfaces sorted by what their frames carry; found by binary search.
  struct Key {
    std::uint64_t value = 0;
    std::uint16_t interface = 0;
  };
  struct PortFrame {
    TxFrame frame;
    std::uint16_t port = 0;
  };
  // A frame on its way in. `rest` begins behind the Ethernet header.
  struct Arrival {
    std::uint16_t port;
    std::uint16_t interface;
    const EthernetHeader& ethernet;
    RxFrame& frame;
    Bytes rest;
    Instant now;
  };

  Impl(Arena& arena, const StackConfig& config, BlockPool& block_pool, DropCounters& drop_counters, SipKey key,
       Rng rng);

  // stack_intake.cpp
  // The long way in, whose refusals it counts.
  [[gnu::noinline]] Intake take_any(std::uint16_t port, RxFrame& frame, Packet& packet, Instant now);
  Parsed<Intake> take_in(std::uint16_t port, RxFrame& frame, Packet& packet, Instant now);
  // Fills `packet` from a plain frame that is for us and good; false for any other, which take_in() then judges.
  bool take_plain(std::uint16_t port, RxFrame& frame, Packet& packet);
  // What of a plain frame need be judged once for a burst: its MAC addresses and its destination.
  bool is_for_us(Bytes bytes, std::uint16_t number) const;
  std::optional<std::uint16_t> find_interface(std::uint16_t port, const TagStack& tags);
  bool hears(std::uint16_t interface, const MacAddress& destination) const;
  Parsed<Intake> take_arp(const Arrival& in);
  bool fits_sender(const Arrival& in, const ArpMessage& arp) const;
  Parsed<Intake> take_ip4(const Arrival& in, Packet& packet);
  Parsed<Intake> take_ip6(const Arrival& in, Packet& packet);
  Parsed<Intake> take_udp(const Arrival& in, const IpHeader& ip, Packet& packet);
  Parsed<Intake> take_icmp4(const Arrival& in, const IpHeader& ip, Packet& packet);
  Parsed<Intake> take_icmp6(const Arrival& in, const IpHeader& ip, bool to_us_alone, Packet& packet);
  Parsed<Intake> take_too_big(const Arrival& in, const IpHeader& ip, Bytes message, Packet& packet);
  Parsed<Intake> take_echo(const Arrival& in, const IpHeader& ip, Bytes message);
  Parsed<Intake> take_solicitation(const Arrival& in, const IpHeader& ip, const NdMessage& nd, bool to_us_alone);
  Parsed<Intake> take_advertisement(const Arrival& in, const IpHeader& ip, const NdMessage& nd);
  // An answer that reached us: settles our question, becomes news, or is dropped as `unasked`.
  Parsed<Intake> take_answer(const Arrival& in, const IpAddress& address, std::optional<MacAddress> mac,
                             DropReason unasked);

  // stack_egress.cpp
  SendVerdict send_udp(Path& path, OutDatagram&& datagram, TxFrame& frame, std::uint16_t& port, Instant now);
  // Routers may cut the finished frame.
  [[gnu::cold]] void let_routers_cut(TxFrame& frame);
  // To a neighbour that is not confirmed, or not where the path's hint says.
  SendVerdict send_slow(Path& path, OutDatagram&& datagram, TxFrame& frame, std::uint16_t& port, const IpAddress& hop,
                        Instant now);
  SendVerdict drop(OutDatagram&& datagram, DropReason reason);
  bool poll_transmit(TxFrame& frame, std::uint16_t& port, Instant now);
  bool poll_question(TxFrame& frame, std::uint16_t& port, Instant now);
  bool poll_owed(TxFrame& frame, std::uint16_t& port, Instant now);
  void refuse(const Packet& packet, Instant now);
  // Frames of our own making; nothing when no block is free or the frame does not fit one.
  std::optional<TxFrame> make_arp(std::uint16_t interface, const MacAddress& to, const ArpMessage& message);
  std::optional<TxFrame> make_nd(std::uint16_t interface, const MacAddress& to, const NdPacket& packet);
  std::optional<TxFrame> make_question(const NeighborCache::Question& question);
  // Puts an answer into the queue; false when there is none, or no place for it.
  bool answer(std::uint16_t interface, std::optional<TxFrame>&& frame);
  // A frame with `payload_bytes` behind the Ethernet header, written by write(ByteWriter&).
  template <class Write>
  std::optional<TxFrame> make(std::uint16_t interface, const MacAddress& to, std::uint16_t type,
                              std::uint32_t payload_bytes, Write&& write);
  // The same with an IP header and `message_bytes` behind it.
  template <class Write>
  std::optional<TxFrame> make_ip(std::uint16_t interface, const MacAddress& to, const IpAddress& source,
                                 const IpAddress& destination, std::uint8_t hop_limit, std::uint32_t message_bytes,
                                 Write&& write);

  static std::uint64_t key_of(std::uint16_t port, const TagStack& tags) {
    return std::uint64_t{port} << 32 | std::uint64_t{tags.vlan[0]} << 16 | tags.vlan[1];
  }
  void tell(NeighborNews::Kind kind, std::uint16_t interface, const IpAddress& address, const MacAddress& mac);

  BlockPool& pool;
  DropCounters& drops;
  std::span<Interface> interfaces;
  std::span<Key> keys;
  Key recent_key;       // of the last frame: a burst mostly stays on one interface
  PlainWay recent_way;  // of the last plain frame that was for us, while all our addresses are in use
  std::uint16_t recent_way_interface = no_interface;
  std::span<RxChecksumPolicy> rx_checksum;  // per port
  std::span<std::uint16_t> untagged;        // per port: its interface without tags, or no_interface
  LocalAddresses addresses;
  RouteTable routes;
  NeighborCache neighbors;
  TokenBucket echo_limit;
  TokenBucket unreachable_limit;
  TokenBucket too_big_limit;
  std::uint16_t fragment_id;  // of the next packet that routers may cut
  Ring<PortFrame> answers;
  Ring<NeighborNews> news;
  bool shares_news;
};

template <class Write>
std::optional<TxFrame> Stack::Impl::make(std::uint16_t interface, const MacAddress& to, std::uint16_t type,
                                         std::uint32_t payload_bytes, Write&& write) {
  const Interface& out = interfaces[interface];
  const std::uint32_t bytes = l2_bytes_of(out.tags) + payload_bytes;
  if (bytes > pool.block_bytes()) return std::nullopt;
  Block* block = pool.allocate();
  if (block == nullptr) return std::nullopt;
  // Some room is left in front where the block has it, for what a port may put there.
  const std::uint32_t offset = std::min(headroom_bytes, block->size - bytes);
  TxFrame frame;
  frame.head = Segment::adopt(block, offset, bytes);
  frame.l2_bytes = l2_bytes_of(out.tags);
  ByteWriter writer(frame.head.writable());
  write_ethernet(writer, {to, out.mac, out.tags}, type);
  write(writer);
  PENSTOCK_ASSERT(writer.remaining() == 0);
  return frame;
}

template <class Write>
std::optional<TxFrame> Stack::Impl::make_ip(std::uint16_t interface, const MacAddress& to, const IpAddress& source,
                                            const IpAddress& destination, std::uint8_t hop_limit,
                                            std::uint32_t message_bytes, Write&& write) {
  const bool is_v4 = destination.is_v4();
  const std::uint16_t l3_bytes = ip_header_bytes(is_v4);
  if (l3_bytes + message_bytes > interfaces[interface].traits.mtu) return std::nullopt;
  auto frame =
      make(interface, to, is_v4 ? ethertype_ip4 : ethertype_ip6, l3_bytes + message_bytes, [&](ByteWriter& out) {
        write_ip(out, source, destination, is_v4 ? protocol_icmp4 : protocol_icmp6, hop_limit, message_bytes);
        write(out);
      });
  if (frame) {
    frame->is_v4 = is_v4;
    frame->l3_bytes = l3_bytes;
  }
  return frame;
}

}  // namespace penstock::net
