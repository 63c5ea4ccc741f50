// Shows that frames leave in order however little the ring takes at a time, that none is lost or counted twice, and that a
// ring stuck for 100 ms or a link that is down drops what waits, counted.
// How: a TxBatch over a port in memory; each frame carries its number.
#include "engine/tx_batch.hpp"

#include <catch2/catch.hpp>

#include "aborts.hpp"
#include "rig.hpp"

using namespace penstock;
using namespace penstock::test;
using net::DropReason;

namespace {

struct Bench {
  HeapPool pool{2176, 128};
  FakePort port{pool, 1};
  WorkerStats stats;
  net::DropCounters drops;
  TxBatch batch{port, 0, 8};
  Instant now = Instant::at_us(0);
  std::uint8_t number = 0;

  void put(std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      net::TxFrame& frame = batch.next();
      frame.head = Segment::adopt(pool.allocate(), 0, 60);
      frame.head.writable()[0] = number++;
      batch.commit();
    }
  }
  bool flush(Duration later = {}) {
    now = now + later;
    batch.begin_turn();
    return batch.flush(stats, drops, now);
  }
  Bytes numbers() const {
    Bytes all;
    for (const Bytes& frame : port.sent) all.push_back(frame[0]);
    return all;
  }
};

}  // namespace

TEST_CASE("frames leave at once while the ring has room", "[tx_batch]") {
  Bench b;
  CHECK(b.flush());
  CHECK(b.stats.tx_packets == 0);
  b.put(5);
  CHECK(b.batch.count() == 5);
  CHECK(b.flush());
  CHECK(b.batch.empty());
  CHECK(b.numbers() == Bytes{0, 1, 2, 3, 4});
  CHECK(b.stats.tx_packets == 5);
  CHECK(b.stats.tx_bytes == 300);
  CHECK(b.stats.tx_ring_busy == 0);
  CHECK(b.pool.whole());
}

TEST_CASE("a linked payload counts with its head", "[tx_batch]") {
  Bench b;
  net::TxFrame& frame = b.batch.next();
  frame.head = Segment::adopt(b.pool.allocate(), 0, 60);
  frame.link = Segment::adopt(b.pool.allocate(), 0, 700);
  b.batch.commit();
  CHECK(b.flush());
  CHECK(b.stats.tx_bytes == 760);
  CHECK(b.pool.whole());
}

TEST_CASE("a ring that was full is left alone for the rest of the turn", "[tx_batch]") {
  Bench b;
  b.put(8);
  b.port.room = 3;
  CHECK_FALSE(b.flush());
  CHECK_FALSE(b.batch.blocked());
  b.put(3);
  CHECK(b.batch.blocked());
  b.port.room = ~0u;
  CHECK_FALSE(b.batch.flush(b.stats, b.drops, b.now));
  CHECK(b.port.sent.size() == 3);
  CHECK(b.stats.tx_ring_busy == 1);
  CHECK(b.flush());
  CHECK(b.numbers() == Bytes{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  CHECK(b.pool.whole());
}

TEST_CASE("what a ring does not take leaves later, in order, once", "[tx_batch]") {
  Bench b;
  for (int round = 0; round < 40; ++round) {
    while (!b.batch.full()) b.put(1);
    b.port.room = static_cast<std::uint32_t>(round % 4);
    CHECK_FALSE(b.flush(Duration::ms(1)));
    CHECK(b.batch.count() == 8 - static_cast<std::uint32_t>(round % 4));
  }
  b.port.room = ~0u;
  CHECK(b.flush());
  REQUIRE(b.numbers().size() == b.number);
  for (std::uint8_t i = 0; i < b.number; ++i) CHECK(b.port.sent[i][0] == i);
  CHECK(b.stats.tx_packets == b.number);
  CHECK(b.stats.tx_bytes == 60u * b.number);
  CHECK(b.stats.tx_ring_busy == 40);
  CHECK(b.drops.total() == 0);
  CHECK(b.pool.whole());
}

TEST_CASE("frames are dropped when nothing moved for 100 ms, and not before", "[tx_batch]") {
  Bench b;
  b.put(3);
  b.port.room = 0;
  CHECK_FALSE(b.flush());
  CHECK_FALSE(b.flush(Duration::us(99'999)));
  SECTION("the ring stays stuck") {
    CHECK(b.flush(Duration::us(1)));
    CHECK(b.drops.of(DropReason::tx_ring_full) == 3);
    CHECK(b.drops.total() == 3);
    CHECK(b.batch.empty());
    CHECK(b.stats.tx_packets == 0);
    CHECK(b.pool.whole());
    // The next stuck frame has its own 100 ms.
    b.put(1);
    CHECK_FALSE(b.flush(Duration::ms(50)));
    CHECK_FALSE(b.flush(Duration::ms(99)));
    CHECK(b.flush(Duration::ms(1)));
    CHECK(b.drops.of(DropReason::tx_ring_full) == 4);
  }
  SECTION("one frame that moves begins the time anew") {
    b.port.room = 1;
    CHECK_FALSE(b.flush());
    CHECK_FALSE(b.flush(Duration::us(99'999)));
    CHECK(b.drops.total() == 0);
    CHECK(b.flush(Duration::us(1)));
    CHECK(b.drops.of(DropReason::tx_ring_full) == 2);
  }
  SECTION("an emptied batch forgets how long it was stuck") {
    b.port.room = ~0u;
    CHECK(b.flush());
    b.port.room = 0;
    b.put(1);
    CHECK_FALSE(b.flush(Duration::ms(1)));
    CHECK_FALSE(b.flush(Duration::ms(99)));
    CHECK(b.drops.total() == 0);
  }
}

TEST_CASE("with the link down frames are dropped at once and the port is not asked", "[tx_batch]") {
  Bench b;
  b.put(4);
  b.port.up = false;
  CHECK(b.flush());
  CHECK(b.drops.of(DropReason::tx_link_down) == 4);
  CHECK(b.drops.total() == 4);
  CHECK(b.port.sent.empty());
  CHECK(b.stats.tx_packets == 0);
  CHECK(b.pool.whole());
  b.port.up = true;
  b.put(1);
  CHECK(b.flush());
  CHECK(b.numbers() == Bytes{4});
}

TEST_CASE("a batch holds a burst and no more", "[tx_batch]") {
  Bench b;
  b.put(8);
  CHECK(b.batch.full());
  CHECK(aborts([&] { b.batch.next(); }));
  CHECK(aborts([&] { TxBatch(b.port, 0, 65); }));
  CHECK(aborts([&] { TxBatch(b.port, 0, 0); }));
}
