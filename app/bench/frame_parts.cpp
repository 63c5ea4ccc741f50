// The frame parts: what the stack does with one UDP frame of an echo, in and out, over IPv4 and IPv6, checksums in software.
#include <algorithm>
#include <array>
#include <cstring>

#include "base/cursor.hpp"
#include "bench/crowd.hpp"
#include "bench/part.hpp"
#include "buf/arena_pool.hpp"
#include "net/arp.hpp"
#include "net/build.hpp"
#include "net/headers.hpp"
#include "net/nd.hpp"
#include "net/stack.hpp"

namespace penstock::bench {

namespace {

constexpr std::uint32_t burst = 32;
constexpr std::uint32_t rounds = 512;
constexpr std::uint32_t block_bytes = 2176;
constexpr std::uint32_t datagram_bytes = 112;  // an ACK, a PUSH and 64 B of payload
constexpr net::MacAddress own_mac{{2, 0, 0, 0, 0, 1}};
constexpr net::MacAddress peer_mac{{2, 0, 0, 0, 0, 0xfe}};
constexpr net::IpAddress own6 = net::IpAddress::v6({0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
constexpr net::IpAddress peer6 = net::IpAddress::v6({0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe});

net::StackConfig stack_config() {
  net::StackConfig config;
  config.ports = {{}};
  config.rx_checksum = {net::RxChecksumPolicy::verify};
  net::InterfaceConfig interface;
  interface.mac = own_mac;
  interface.addresses = {{server_address, 24}, {own6, 64}};
  config.interfaces = {interface};
  return config;
}

// A stack with one interface and one neighbour, the peer, which is on the link.
class StackRig {
 public:
  explicit StackRig(bool is_v4)
      : config_(stack_config()),
        memory_(net::Stack::cost(config_) + ArenaPool::cost(block_bytes, 4 * burst)),
        arena_(memory_.bytes()),
        pool_(arena_, block_bytes, 4 * burst),
        stack_(arena_, config_, pool_, drops_, {1, 2}, Rng(1)),
        own_{is_v4 ? server_address : own6, server_port},
        peer_{is_v4 ? gateway_address : peer6, 5000},
        path_{own_, peer_} {
    stack_.on_link(0, true, now_);
    // IPv6 addresses are ours when nobody has objected for a second.
    for (int i = 0; i < 40; ++i) turn(Duration::ms(100));
    for (int i = 0; i < 8 && !is_ready(); ++i) turn(Duration::ms(1));
    require(is_ready(), "the stack does not find its neighbour");
  }

  // Frames of the peer as a port would hand them in.
  void fill(std::span<net::RxFrame> frames) {
    for (net::RxFrame& frame : frames) {
      OutDatagram out = datagram();
      net::TxFrame made;
      net::build_udp(out, {own_mac, peer_mac, {}}, peer_, own_, {}, made);
      frame.bytes = std::move(made.head);
    }
  }
  void take_in(std::span<net::RxFrame> frames, std::span<net::Packet> packets, Meter& meter) {
    std::uint32_t taken = 0;
    meter.start();
    for (std::size_t i = 0; i < frames.size(); ++i) {
      taken += stack_.take_in(0, frames[i], packets[i], now_) == net::Stack::Intake::udp;
    }
    meter.stop();
    require(taken == frames.size(), "a frame was dropped");
    for (net::Packet& packet : packets) packet.payload.reset();
  }
  void send(std::vector<OutDatagram>& datagrams, std::span<net::TxFrame> frames, Meter& meter) {
    std::uint32_t ready = 0;
    std::uint16_t port = 0;
    meter.start();
    for (std::size_t i = 0; i < frames.size(); ++i) {
      ready += stack_.send_udp(path_, std::move(datagrams[i]), frames[i], port, now_) == net::Stack::SendVerdict::ready;
    }
    meter.stop();
    require(ready == frames.size(), "a datagram was not sent");
    for (net::TxFrame& frame : frames) frame.head.reset();
    datagrams.clear();
  }
  OutDatagram datagram() {
    OutDatagram out(pool_.allocate(), net::headroom_bytes, datagram_bytes, block_bytes);
    Segment payload = Segment::adopt(pool_.allocate(), 0, message_bytes);
    std::memset(out.header(datagram_bytes - message_bytes), 0x5a, datagram_bytes - message_bytes);
    std::ranges::fill(payload.writable(), std::uint8_t{0xa5});
    out.append(payload);
    return out;
  }

 private:
  bool is_ready() {
    std::uint16_t port = 0;
    net::TxFrame frame;
    const bool ready = stack_.send_udp(path_, datagram(), frame, port, now_) == net::Stack::SendVerdict::ready;
    return ready;
  }
  // Lets time pass and answers the stack's questions.
  void turn(Duration step) {
    now_ = now_ + step;
    if (now_ >= stack_.next_deadline()) stack_.on_timeout(now_);
    std::uint16_t port = 0;
    for (net::TxFrame frame; stack_.poll_transmit(frame, port, now_);) answer(frame.head.bytes());
  }
  void answer(std::span<const std::uint8_t> question) {
    const std::uint16_t type = net::be16_at(question, 12);
    if (type == net::ethertype_arp) {
      const auto arp = net::parse_arp(question.subspan(net::ethernet_bytes));
      if (arp && arp->target == gateway_address) {
        reply(net::ethertype_arp, net::arp_bytes,
              [&](ByteWriter& out) { net::write_arp(out, net::arp_answer(peer_mac, *arp)); });
      }
      return;
    }
    const auto ip = net::parse_ip6(question.subspan(net::ethernet_bytes));
    if (!ip || ip->protocol != net::protocol_icmp6) return;
    const auto nd = net::parse_nd(question.subspan(net::ethernet_bytes + net::ip6_bytes), *ip);
    if (!nd || nd->kind != net::NdMessage::Kind::solicitation || nd->target != peer6) return;
    const net::NdPacket packet = net::nd_answer(peer_mac, *nd, ip->source, true);
    reply(net::ethertype_ip6, net::ip6_bytes + net::nd_bytes(packet.message), [&](ByteWriter& out) {
      net::write_ip(out, packet.source, packet.destination, net::protocol_icmp6, net::hop_limit_neighbor,
                    net::nd_bytes(packet.message));
      net::write_nd(out, packet);
    });
  }
  template <class Write>
  void reply(std::uint16_t type, std::uint32_t bytes, Write&& write) {
    net::RxFrame frame;
    frame.bytes = Segment::adopt(pool_.allocate(), 0, net::ethernet_bytes + bytes);
    ByteWriter out(frame.bytes.writable());
    net::write_ethernet(out, {own_mac, peer_mac, {}}, type);
    write(out);
    net::Packet packet;
    stack_.take_in(0, frame, packet, now_);
  }

  net::StackConfig config_;
  HeapMemory memory_;
  Arena arena_;
  ArenaPool pool_;
  net::DropCounters drops_;
  net::Stack stack_;
  Instant now_ = Instant::at_us(1'000'000);
  net::Endpoint own_;
  net::Endpoint peer_;
  net::Path path_;
};

void run_parse(Meter& meter, bool is_v4, std::string_view label) {
  StackRig rig(is_v4);
  std::array<net::RxFrame, burst> frames;
  std::array<net::Packet, burst> packets;
  for (std::uint32_t i = 0; i < meter.repeats(); ++i) {
    meter.begin();
    for (std::uint32_t k = 0; k < rounds; ++k) {
      rig.fill(frames);
      rig.take_in(frames, packets, meter);
    }
    meter.end(label, std::uint64_t{burst} * rounds);
  }
}

void run_build(Meter& meter, bool is_v4, std::string_view label) {
  StackRig rig(is_v4);
  std::vector<OutDatagram> datagrams;
  std::array<net::TxFrame, burst> frames;
  for (std::uint32_t i = 0; i < meter.repeats(); ++i) {
    meter.begin();
    for (std::uint32_t k = 0; k < rounds; ++k) {
      for (std::uint32_t n = 0; n < burst; ++n) datagrams.push_back(rig.datagram());
      rig.send(datagrams, frames, meter);
    }
    meter.end(label, std::uint64_t{burst} * rounds);
  }
}

}  // namespace

void run_parse4(Meter& meter, const Scale&) { run_parse(meter, true, "parse-v4"); }
void run_parse6(Meter& meter, const Scale&) { run_parse(meter, false, "parse-v6"); }
void run_build4(Meter& meter, const Scale&) { run_build(meter, true, "build-v4"); }
void run_build6(Meter& meter, const Scale&) { run_build(meter, false, "build-v6"); }

}  // namespace penstock::bench
