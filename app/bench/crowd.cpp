#include "bench/crowd.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/cursor.hpp"
#include "bench/part.hpp"
#include "buf/out_datagram.hpp"
#include "net/arp.hpp"
#include "net/build.hpp"
#include "net/headers.hpp"
#include "net/stack.hpp"
#include "proto/kcp/wire.hpp"

namespace penstock::bench {

namespace {

constexpr net::MacAddress server_mac{{2, 0, 0, 0, 0, 1}};
constexpr net::MacAddress gateway_mac{{2, 0, 0, 0, 0, 0xfe}};
constexpr std::uint32_t block_bytes = 512;
constexpr std::uint16_t client_window = 128;
// Clients share addresses, a port each, so that there are never more than 2^20 addresses.
constexpr std::uint32_t addresses_max = 1u << 20;
constexpr std::uint16_t first_port = 5000;
constexpr std::uint32_t payload_at = net::ethernet_bytes + net::ip4_bytes + net::udp_bytes;

using Message = std::array<std::uint8_t, message_bytes>;

// Different for each client and each of its requests.
Message message_of(std::uint32_t client, std::uint32_t sn) {
  Message message;
  std::uint64_t word = (std::uint64_t{client} << 32 | sn) * 0x9e3779b97f4a7c15u;
  for (std::uint32_t at = 0; at < message_bytes; at += 8, word = word * 5 + 1) std::memcpy(&message[at], &word, 8);
  return message;
}

}  // namespace

Crowd::Crowd(std::uint32_t clients, MemoryPort& port) : port_(port), blocks_(block_bytes, 1), states_(clients) {}

net::Endpoint Crowd::endpoint_of(std::uint32_t client) const {
  const std::uint32_t host = client % addresses_max;
  const auto byte = [host](int shift) { return static_cast<std::uint8_t>(host >> shift); };
  return {net::IpAddress::v4(10, static_cast<std::uint8_t>(64 + byte(16)), byte(8), byte(0)),
          static_cast<std::uint16_t>(first_port + client / addresses_max)};
}

void Crowd::send(std::uint32_t client, Kind kind, Instant now) {
  State& state = states_[client];
  require(kind == Kind::ack || state.asked == state.answered, "a client got no reply");
  Block* block = blocks_.allocate();
  OutDatagram out(block, net::headroom_bytes, block_bytes - net::headroom_bytes, block_bytes);
  kcp::Header header;
  header.conv = client + 1;
  header.window = client_window;
  header.una = Seq32(state.answered);
  if (kind != Kind::push && state.owes_ack) {
    header.command = kcp::Command::ack;
    header.sn = Seq32(state.answered - 1);
    header.stamp = Stamp32(state.stamp);
    kcp::encode(header, out.header(kcp::header_bytes));
    state.owes_ack = false;
  }
  if (kind != Kind::ack) {
    header.command = kcp::Command::push;
    header.sn = Seq32(state.asked);
    header.stamp = Stamp32(static_cast<std::uint32_t>(now.count_ms()));
    header.length = message_bytes;
    kcp::encode(header, out.header(kcp::header_bytes));
    std::ranges::copy(message_of(client, state.asked), out.header(message_bytes));
    ++state.asked;
  }
  net::TxFrame frame;
  net::build_udp(out, {server_mac, gateway_mac, {}}, endpoint_of(client), {server_address, server_port}, {}, frame);
  std::ranges::copy(frame.head.bytes(), port_.give(frame.head.length()).begin());
}

std::uint32_t Crowd::take_replies() {
  replies_ = 0;
  for (std::uint32_t i = 0; i < port_.sent_count(); ++i) {
    const auto frame = port_.sent(i);
    const std::uint16_t type = net::be16_at(frame, 12);
    if (type == net::ethertype_arp) answer_arp(frame);
    if (type == net::ethertype_ip4) take_datagram(frame);
  }
  port_.forget_sent();
  return replies_;
}

void Crowd::take_datagram(std::span<const std::uint8_t> frame) {
  const std::size_t ip_bytes = net::be16_at(frame, net::ethernet_bytes + 2);
  require(ip_bytes + net::ethernet_bytes <= frame.size() && frame.size() >= payload_at, "a reply is cut short");
  const auto payload = frame.subspan(payload_at, ip_bytes - net::ip4_bytes - net::udp_bytes);
  kcp::SegmentReader reader(payload);
  while (reader.next()) {
    const kcp::Header& header = reader.header();
    const std::uint32_t client = header.conv - 1;
    require(client < states_.size(), "a reply names no client");
    const net::Endpoint to = endpoint_of(client);
    require(net::ip4_at(frame, net::ethernet_bytes + 16) == to.address &&
                net::be16_at(frame, net::ethernet_bytes + net::ip4_bytes + 2) == to.port,
            "a reply went to another client");
    if (header.command != kcp::Command::push) continue;
    State& state = states_[client];
    const Message expected = message_of(client, state.answered);
    const auto bytes = payload.subspan(reader.payload_offset(), header.length);
    require(header.sn == Seq32(state.answered) && std::ranges::equal(bytes, expected), "a reply has other bytes");
    state.stamp = header.stamp.raw();
    ++state.answered;
    state.owes_ack = true;
    ++replies_;
  }
  require(!reader.malformed(), "a reply is no KCP");
}

void Crowd::answer_arp(std::span<const std::uint8_t> frame) {
  const auto question = net::parse_arp(frame.subspan(net::ethernet_bytes));
  require(question.has_value(), "the server sent a broken ARP message");
  if (question->operation != net::ArpMessage::Operation::request || question->target != gateway_address) return;
  ByteWriter out(port_.give(net::ethernet_bytes + net::arp_bytes));
  net::write_ethernet(out, {server_mac, gateway_mac, {}}, net::ethertype_arp);
  net::write_arp(out, net::arp_answer(gateway_mac, *question));
}

}  // namespace penstock::bench
