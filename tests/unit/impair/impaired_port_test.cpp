// Shows that ImpairedPort treats both directions, holds and counts what it should, never shares a block between copies,
// and loses nothing when the port behind it has no room. The port behind is a stub with a bounded ring each way.
#include "impair/impaired_port.hpp"

#include <catch2/catch.hpp>
#include <deque>
#include <vector>

#include "buf/arena_pool.hpp"

using namespace penstock;
using impair::ImpairedPort;
using impair::Impairment;
using net::DropReason;

namespace {

Instant at(std::int64_t us) { return Instant::at_us(us); }

// A port of two queues whose wires are lists.
class StubPort final : public Port {
 public:
  StubPort() {
    info_.name = "stub";
    info_.queues = 2;
    info_.traits = {.tx_ip_checksum = true, .tx_udp_checksum = true, .multi_segment = true};
  }
  const PortInfo& info() const override { return info_; }
  std::uint32_t receive(std::uint16_t queue, std::span<net::RxFrame> frames, net::DropCounters&, Instant) override {
    std::uint32_t count = 0;
    while (count < frames.size() && !arrived[queue].empty()) {
      frames[count++].bytes = std::move(arrived[queue].front());
      arrived[queue].pop_front();
    }
    return count;
  }
  std::uint32_t send(std::uint16_t queue, std::span<net::TxFrame> frames, net::DropCounters&, Instant) override {
    std::uint32_t count = 0;
    while (count < frames.size() && room > 0) {
      sent[queue].push_back(std::move(frames[count++].head));
      --room;
    }
    return count;
  }
  bool link_up() const override { return up; }

  std::deque<Segment> arrived[2];
  std::vector<Segment> sent[2];
  std::uint32_t room = 1'000'000;
  bool up = true;

 private:
  PortInfo info_;
};

struct Bench {
  explicit Bench(const Impairment& impairment)
      : memory(ImpairedPort::cost(impairment, 2)), arena(memory.bytes()), port(arena, stub, impairment, copies) {}

  Segment frame(std::uint8_t mark) {
    Segment made = Segment::adopt(frames.allocate(), 128, 64);
    std::ranges::fill(made.writable(), mark);
    return made;
  }
  std::vector<std::uint8_t> receive(std::uint16_t queue, Instant now) {
    std::vector<std::uint8_t> marks;
    std::array<net::RxFrame, 32> burst;
    for (;;) {
      const std::uint32_t count = port.receive(queue, burst, drops, now);
      for (std::uint32_t i = 0; i < count; ++i) marks.push_back(burst[i].bytes.bytes()[0]);
      if (count < burst.size()) return marks;
    }
  }
  void send(std::uint16_t queue, std::uint8_t mark, Instant now) {
    net::TxFrame out;
    out.head = frame(mark);
    CHECK(port.send(queue, {&out, 1}, drops, now) == 1);
  }

  HeapPool frames{2048, 2048};
  HeapPool copies0{2048, 64};
  HeapPool copies1{2048, 64};
  std::array<BlockPool*, 2> copies{&copies0, &copies1};
  StubPort stub;
  HeapMemory memory;
  Arena arena;
  net::DropCounters drops;
  ImpairedPort port;
};

}  // namespace

TEST_CASE("without faults the port is as it was, but for its checksum offload") {
  Bench b({});
  CHECK(b.port.info().name == "stub");
  CHECK(b.port.info().queues == 2);
  CHECK_FALSE(b.port.info().traits.tx_ip_checksum);
  CHECK_FALSE(b.port.info().traits.tx_udp_checksum);
  CHECK(b.port.info().traits.multi_segment);
  b.stub.arrived[1].push_back(b.frame(5));
  CHECK(b.receive(0, at(0)).empty());
  CHECK(b.receive(1, at(0)) == std::vector<std::uint8_t>{5});
  b.send(0, 6, at(0));
  REQUIRE(b.stub.sent[0].size() == 1);
  CHECK(b.stub.sent[0][0].bytes()[0] == 6);
  CHECK(b.drops.total() == 0);
  CHECK(b.port.next_deadline(0).is_never());
  b.stub.up = false;
  CHECK_FALSE(b.port.link_up());
}

TEST_CASE("what is held back on receive is told, and has a deadline") {
  Bench b({.delay = Duration::ms(10)});
  b.stub.arrived[0].push_back(b.frame(1));
  b.stub.arrived[0].push_back(b.frame(2));
  CHECK(b.receive(0, at(100)).empty());
  CHECK(b.port.held_frames(0) == 2);
  CHECK(b.port.held_frames(1) == 0);
  CHECK(b.port.next_deadline(0) == at(10'100));
  CHECK(b.port.next_deadline(1).is_never());
  CHECK(b.receive(0, at(10'100)) == std::vector<std::uint8_t>{1, 2});
  CHECK(b.port.held_frames(0) == 0);
}

TEST_CASE("a frame to send that is delayed leaves during a later receive, when nothing else is sent") {
  Bench b({.delay = Duration::ms(10)});
  b.send(0, 1, at(0));
  CHECK(b.stub.sent[0].empty());
  CHECK(b.port.held_frames(0) == 0);
  CHECK(b.port.next_deadline(0) == at(10'000));
  CHECK(b.receive(0, at(10'000)).empty());
  CHECK(b.stub.sent[0].size() == 1);
}

TEST_CASE("loss counts as impair_lost on receive and as impair_tx_lost on send") {
  Bench b({.loss_ppm = 1'000'000});
  b.stub.arrived[0].push_back(b.frame(1));
  CHECK(b.receive(0, at(0)).empty());
  b.send(0, 2, at(0));
  b.send(1, 3, at(0));
  CHECK(b.drops.of(DropReason::impair_lost) == 1);
  CHECK(b.drops.of(DropReason::impair_tx_lost) == 2);
  CHECK(b.drops.total() == 3);
  CHECK(b.drops.received_total() == 1);
  CHECK(b.port.receive_counters(0).lost == 1);
  CHECK(b.port.send_counters(1).lost == 1);
  CHECK(b.frames.whole());
}

TEST_CASE("a full queue counts as impair_queue_full on receive and as impair_tx_queue_full on send") {
  Bench b({.delay = Duration::ms(1), .queue_frames = 2});
  for (std::uint8_t i = 0; i < 5; ++i) b.stub.arrived[0].push_back(b.frame(i));
  CHECK(b.receive(0, at(0)).empty());
  for (std::uint8_t i = 0; i < 6; ++i) b.send(0, i, at(0));
  CHECK(b.drops.of(DropReason::impair_queue_full) == 3);
  CHECK(b.drops.of(DropReason::impair_tx_queue_full) == 4);
  CHECK(b.drops.total() == 7);
  CHECK(b.receive(0, at(1'000)) == std::vector<std::uint8_t>{0, 1});
  CHECK(b.stub.sent[0].size() == 2);
}

TEST_CASE("a small queue without delay drops nothing of a burst") {
  Bench b({.queue_frames = 2});
  for (std::uint8_t i = 0; i < 20; ++i) b.stub.arrived[0].push_back(b.frame(i));
  CHECK(b.receive(0, at(0)).size() == 20);
  std::vector<net::TxFrame> burst(20);
  for (net::TxFrame& frame : burst) frame.head = b.frame(1);
  CHECK(b.port.send(0, burst, b.drops, at(0)) == 20);
  CHECK(b.stub.sent[0].size() == 20);
  CHECK(b.drops.total() == 0);
}

TEST_CASE("what the caller has no room for stays in the ring of a port whose small queue has no delay") {
  Bench b({.queue_frames = 5});
  for (std::uint8_t i = 0; i < 100; ++i) b.stub.arrived[0].push_back(b.frame(i));
  std::array<net::RxFrame, 3> few;
  std::vector<std::uint8_t> marks;
  while (const std::uint32_t count = b.port.receive(0, few, b.drops, at(0))) {
    for (std::uint32_t i = 0; i < count; ++i) marks.push_back(few[i].bytes.bytes()[0]);
  }
  REQUIRE(marks.size() == 100);
  for (std::uint8_t i = 0; i < 100; ++i) CHECK(marks[i] == i);
  CHECK(b.drops.total() == 0);
}

TEST_CASE("a delayed queue that is full drops, whatever room the caller has") {
  Bench b({.delay = Duration::ms(1), .queue_frames = 5});
  for (std::uint8_t i = 0; i < 100; ++i) b.stub.arrived[0].push_back(b.frame(i));
  CHECK(b.receive(0, at(0)).empty());
  CHECK(b.stub.arrived[0].empty());
  CHECK(b.drops.total() == 95);
  CHECK(b.receive(0, at(1'000)).size() == 5);
}

TEST_CASE("what a port has no room for stays with the caller when a small queue without delay is full") {
  Bench b({.queue_frames = 5});
  b.stub.room = 3;
  std::vector<net::TxFrame> burst(60);
  for (std::uint8_t i = 0; i < 60; ++i) burst[i].head = b.frame(i);
  // Three of the first five left, two wait for room, and five are held.
  CHECK(b.port.send(0, burst, b.drops, at(0)) == 10);
  CHECK(burst[10].head.holds());
  b.stub.room = 1'000;
  CHECK(b.port.send(0, std::span(burst).subspan(10), b.drops, at(0)) == 50);
  REQUIRE(b.stub.sent[0].size() == 60);
  for (std::uint8_t i = 0; i < 60; ++i) CHECK(b.stub.sent[0][i].bytes()[0] == i);
  CHECK(b.drops.total() == 0);
}

TEST_CASE("frames that the port has no room for wait in order and are lost to nobody") {
  Bench b({});
  b.stub.room = 3;
  for (std::uint8_t i = 0; i < 100; ++i) b.send(0, i, at(0));
  CHECK(b.stub.sent[0].size() == 3);
  CHECK(b.port.next_deadline(0) <= at(0));
  b.stub.room = 40;
  b.receive(0, at(1));
  CHECK(b.stub.sent[0].size() == 43);
  b.stub.room = 1'000;
  b.receive(0, at(2));
  REQUIRE(b.stub.sent[0].size() == 100);
  for (std::uint8_t i = 0; i < 100; ++i) CHECK(b.stub.sent[0][i].bytes()[0] == i);
  CHECK(b.port.next_deadline(0).is_never());
  CHECK(b.drops.total() == 0);
}

TEST_CASE("one receive takes many bursts off the port, and a bounded number of them") {
  Bench b({.queue_frames = 1024});
  for (int i = 0; i < 700; ++i) b.stub.arrived[0].push_back(b.frame(1));
  std::array<net::RxFrame, 32> burst;
  CHECK(b.port.receive(0, burst, b.drops, at(0)) == 32);
  CHECK(b.stub.arrived[0].size() == 700 - 16 * 32);
  CHECK(b.port.held_frames(0) == 15 * 32);
}

TEST_CASE("each queue rolls its own chance and copies from its own pool") {
  Bench b({.loss_ppm = 500'000, .duplicate_ppm = 500'000});
  for (std::uint8_t i = 0; i < 200; ++i) {
    b.stub.arrived[0].push_back(b.frame(i));
    b.stub.arrived[1].push_back(b.frame(i));
  }
  b.copies0.keep_back(64);
  CHECK(b.receive(0, at(0)) != b.receive(1, at(0)));
  CHECK(b.port.receive_counters(0).duplicated == 0);
  CHECK(b.port.receive_counters(0).no_copy > 0);
  CHECK(b.port.receive_counters(1).duplicated > 20);
  CHECK(b.port.receive_counters(1).no_copy == 0);
}

TEST_CASE("healing ends the faults; destruction lets go of what is held") {
  Bench b({.loss_ppm = 1'000'000});
  b.port.change({.delay = Duration::ms(5)});
  b.stub.arrived[0].push_back(b.frame(1));
  b.send(0, 2, at(0));
  CHECK(b.receive(0, at(0)).empty());
  CHECK(b.drops.total() == 0);
  CHECK_FALSE(b.frames.whole());
  CHECK(b.receive(0, at(5'000)).size() == 1);
  b.stub.sent[0].clear();
  CHECK(b.frames.whole());
}

TEST_CASE("what is lost on purpose counts by its cause and its direction") {
  const auto lose = [](const Impairment& impairment) {
    const auto b = std::make_unique<Bench>(impairment);
    // An IPv4 packet of 300 bytes, by its own word.
    const auto packet = [&] {
      Segment made = b->frame(0);
      const auto bytes = made.writable();
      bytes[12] = 0x08;
      bytes[14] = 0x45;
      bytes[16] = 1;
      bytes[17] = 44;
      return made;
    };
    b->stub.arrived[0].push_back(packet());
    b->receive(0, at(1));
    net::TxFrame out;
    out.head = packet();
    b->port.send(0, {&out, 1}, b->drops, at(1));
    CHECK(b->drops.total() == b->drops.received_total() * 2);
    std::vector<DropReason> reasons;
    for (std::size_t i = 0; i < net::drop_reason_count; ++i) {
      const auto reason = static_cast<DropReason>(i);
      if (b->drops.of(reason) > 0) reasons.push_back(reason);
    }
    return reasons;
  };
  using Reasons = std::vector<DropReason>;
  CHECK(lose({.loss_ppm = 1'000'000}) == Reasons{DropReason::impair_lost, DropReason::impair_tx_lost});
  CHECK(lose({.burst_begin_ppm = 1'000'000, .burst_end_ppm = 1}) ==
        Reasons{DropReason::impair_burst_lost, DropReason::impair_tx_burst_lost});
  CHECK(lose({.blackhole_bytes = 299}) == Reasons{DropReason::impair_blackhole, DropReason::impair_tx_blackhole});
  CHECK(lose({.blackhole_bytes = 300}).empty());
  CHECK(lose({.partition = impair::Ways::both}) ==
        Reasons{DropReason::impair_partition, DropReason::impair_tx_partition});
}

TEST_CASE("one way may be cut while the other passes") {
  Bench b({.partition = impair::Ways::send});
  b.stub.arrived[0].push_back(b.frame(1));
  CHECK(b.receive(0, at(0)) == std::vector<std::uint8_t>{1});
  b.send(0, 2, at(0));
  CHECK(b.stub.sent[0].empty());
  CHECK(b.drops.of(DropReason::impair_tx_partition) == 1);
  CHECK(b.drops.received_total() == 0);
}

TEST_CASE("faults are changed queue by queue, and each tells what is in force and what came of it") {
  Bench b({.queue_frames = 8});
  CHECK(b.port.impair_report(0).impaired == 1);
  CHECK(b.port.impair_report(0).faults.queue_frames == 8);
  const Impairment cut{.queue_frames = 8, .partition = impair::Ways::receive};
  CHECK(b.port.impair(1, cut));
  for (const std::uint16_t queue : {std::uint16_t{0}, std::uint16_t{1}}) {
    b.stub.arrived[queue].push_back(b.frame(1));
    CHECK(b.receive(queue, at(0)).size() == (queue == 0 ? 1U : 0U));
  }
  CHECK(b.port.impair_report(0).faults == Impairment{.queue_frames = 8});
  CHECK(b.port.impair_report(1).faults == cut);
  CHECK(b.port.impair_report(1).receive.partitioned == 1);
  CHECK(b.port.impair_report(1).send.offered == 0);
  CHECK(b.port.impair(1, {}));
  b.stub.arrived[1].push_back(b.frame(1));
  CHECK(b.receive(1, at(0)).size() == 1);
}
