// Rig: one Stack with its pools in virtual time, fed with frames and read out as plain bytes.
//
// Port 0 carries two interfaces: 0 untagged with 10.0.0.2/24, 10.0.0.3/24 and fd77::2/64, 1 under VLAN 100 with
// 10.1.0.2/24 and fd78::2/64; port 1 carries interface 2 under the tags 100 and 200 with 10.2.0.2/24. Default routes lead to
// 10.0.0.254 and fd77::fe. Every row of the drop counters that moves is looked at by the test that moves it.
#pragma once

#include <catch2/catch.hpp>

#include <optional>

#include "buf/arena_pool.hpp"
#include "net/stack.hpp"
#include "wire.hpp"

namespace penstock::net {

inline StackConfig rig_config() {
  StackConfig config;
  config.ports = {PortTraits{}, PortTraits{}};
  config.rx_checksum = {RxChecksumPolicy::verify, RxChecksumPolicy::verify};
  InterfaceConfig untagged;
  untagged.mac = wire::us;
  untagged.addresses = {*parse_prefix("10.0.0.2/24"), *parse_prefix("10.0.0.3/24"), *parse_prefix("fd77::2/64")};
  untagged.routes = {{*parse_prefix("0.0.0.0/0"), wire::ip("10.0.0.254")},
                     {*parse_prefix("::/0"), wire::ip("fd77::fe")}};
  InterfaceConfig tagged = untagged;
  tagged.tags = {1, {100, 0}};
  tagged.addresses = {*parse_prefix("10.1.0.2/24"), *parse_prefix("fd78::2/64")};
  tagged.routes.clear();
  InterfaceConfig twice = tagged;
  twice.port = 1;
  twice.tags = {2, {100, 200}};
  twice.addresses = {*parse_prefix("10.2.0.2/24")};
  config.interfaces = {untagged, tagged, twice};
  config.neighbors_max = 64;
  config.pending_frames_max = 16;
  config.pending_per_hop_max = 4;
  return config;
}

struct Sent {
  std::uint16_t port = 0;
  wire::Bytes bytes;
  TxFrame frame;  // as it came, for what it says of offloads; its bytes are gone
};

struct Rig {
  explicit Rig(const StackConfig& config = rig_config())
      : memory(Stack::cost(config)),
        arena(memory.bytes()),
        pool(2048, 64),
        rx_pool(2048, 64),
        stack(arena, config, pool, drops, SipKey{1, 2}, Rng(7)) {}

  // Links up and duplicate address detection over; what was sent on the way is thrown away.
  Rig& up() {
    for (std::uint16_t port = 0; port < 2; ++port) stack.on_link(port, true, now);
    for (int i = 0; i < 4; ++i) {
      sent();
      wait(Duration::seconds(1));
    }
    sent();
    return *this;
  }
  // Lets time pass, stopping at each deadline.
  void wait(Duration duration) {
    const Instant end = now + duration;
    while (stack.next_deadline() <= end) {
      now = later(now, stack.next_deadline());
      stack.on_timeout(now);
    }
    now = end;
  }
  RxFrame frame_of(const wire::Bytes& bytes) {
    Block* block = rx_pool.allocate();
    REQUIRE(block != nullptr);
    RxFrame frame;
    frame.bytes = Segment::adopt(block, 64, static_cast<std::uint32_t>(bytes.size()));
    std::copy(bytes.begin(), bytes.end(), frame.bytes.writable().begin());
    return frame;
  }
  Stack::Intake feed(RxFrame frame, std::uint16_t port = 0) {
    packet = Packet{};
    const Stack::Intake intake = stack.take_in(port, frame, packet, now);
    CHECK_FALSE(frame.bytes.holds());
    const bool for_sessions = intake == Stack::Intake::udp || intake == Stack::Intake::too_big;
    CHECK(for_sessions == packet.payload.holds());
    return intake;
  }
  Stack::Intake feed(const wire::Bytes& bytes, std::uint16_t port = 0) { return feed(frame_of(bytes), port); }
  // The frame is dropped for this reason, no other row moves, nothing is answered and every block is back.
  void refuses(RxFrame frame, DropReason reason, std::uint16_t port = 0) {
    counts_once(std::move(frame), reason, Stack::Intake::dropped, port);
  }
  void refuses(const wire::Bytes& bytes, DropReason reason, std::uint16_t port = 0) {
    refuses(frame_of(bytes), reason, port);
  }
  // The frame was understood, but its answer is lost for this reason: the frame counts as handled, the answer as dropped.
  void loses_answer(const wire::Bytes& bytes, DropReason reason) {
    CHECK(is_transmit(reason));
    counts_once(frame_of(bytes), reason, Stack::Intake::handled, 0);
  }
  void counts_once(RxFrame frame, DropReason reason, Stack::Intake expected, std::uint16_t port) {
    const std::uint64_t before = drops.of(reason);
    const std::uint64_t total = drops.total();
    INFO("expected " << name_of(reason));
    CHECK(feed(std::move(frame), port) == expected);
    CHECK(drops.of(reason) == before + 1);
    CHECK(drops.total() == total + 1);
    CHECK(sent().empty());
    CHECK(rx_pool.whole());
  }
  wire::Bytes payload() const { return {packet.payload.bytes().begin(), packet.payload.bytes().end()}; }
  void done() { packet = Packet{}; }

  std::vector<Sent> sent() {
    std::vector<Sent> all;
    Sent one;
    while (all.size() < 1000 && stack.poll_transmit(one.frame, one.port, now)) all.push_back(flatten(std::move(one)));
    return all;
  }
  static Sent flatten(Sent one) {
    const auto head = one.frame.head.bytes();
    const auto link = one.frame.link.bytes();
    one.bytes.assign(head.begin(), head.end());
    one.bytes.insert(one.bytes.end(), link.begin(), link.end());
    one.frame.head.reset();
    one.frame.link.reset();
    return one;
  }
  OutDatagram datagram(const wire::Bytes& bytes, std::uint32_t copy_break = 2048) {
    Block* block = pool.allocate();
    REQUIRE(block != nullptr);
    OutDatagram out(block, headroom_bytes, 2048 - headroom_bytes, copy_break);
    std::copy(bytes.begin(), bytes.end(), out.header(static_cast<std::uint32_t>(bytes.size())));
    return out;
  }
  Stack::SendVerdict send(Path& path, const wire::Bytes& bytes, Sent* one = nullptr) {
    Sent ignored;
    Sent& to = one == nullptr ? ignored : *one;
    const Stack::SendVerdict verdict = stack.send_udp(path, datagram(bytes), to.frame, to.port, now);
    CHECK((verdict == Stack::SendVerdict::ready) == to.frame.head.holds());
    to = flatten(std::move(to));
    return verdict;
  }
  static Path path(std::string_view local, std::string_view remote, std::uint16_t interface = 0) {
    return Path{{wire::ip(local), 4000}, {wire::ip(remote), 5000}, interface};
  }
  // The neighbour 10.0.0.1 answers.
  void answer4() {
    feed(wire::ethernet(0x0806, wire::arp(2, wire::them, wire::ip("10.0.0.1"), wire::us, wire::ip("10.0.0.2"))));
  }

  HeapMemory memory;
  Arena arena;
  HeapPool pool;
  HeapPool rx_pool;
  DropCounters drops;
  Stack stack;
  Packet packet;
  Instant now = Instant::at_us(1'000'000);
};

}  // namespace penstock::net
