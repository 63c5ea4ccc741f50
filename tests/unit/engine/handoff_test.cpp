// Shows that each ordered pair of workers has its own bounded ring, in which records keep their order and every field.
// How: one thread plays all workers; tests/threads does the same with real ones.
#include "engine/handoff.hpp"

#include <catch2/catch.hpp>

#include "aborts.hpp"
#include "buf/arena_pool.hpp"

using namespace penstock;

TEST_CASE("a record crosses with all it says", "[handoff]") {
  HandoffRings rings(2);
  HeapPool pool(256, 1);
  HandoffRecord record;
  record.path.local = {net::IpAddress::v4(10, 0, 0, 1), 4000};
  record.path.remote = {net::IpAddress::v4(10, 0, 0, 2), 5000};
  record.path.interface = 3;
  Segment payload = Segment::adopt(pool.allocate(), 17, 99);
  payload.writable()[0] = 42;
  record.offset = payload.offset();
  record.length = payload.length();
  record.block = payload.detach();
  REQUIRE(rings.ring(0, 1).push(record));
  HandoffRecord taken;
  REQUIRE(rings.ring(0, 1).pop(taken));
  CHECK(taken.kind == HandoffRecord::Kind::datagram);
  CHECK(taken.path == record.path);
  const Segment back = Segment::adopt(taken.block, taken.offset, taken.length);
  CHECK(back.unique());
  CHECK(back.length() == 99);
  CHECK(back.bytes()[0] == 42);
}

TEST_CASE("rings are apart, in order and bounded", "[handoff]") {
  HandoffRings rings(3);
  CHECK(rings.workers() == 3);
  for (std::uint32_t i = 0; i < HandoffRings::ring_records; ++i) {
    HandoffRecord record;
    record.offset = i;
    REQUIRE(rings.ring(0, 2).push(record));
  }
  CHECK_FALSE(rings.ring(0, 2).push({}));
  CHECK(rings.ring(0, 2).write_available() == 0);
  for (std::uint32_t from = 0; from < 3; ++from) {
    for (std::uint32_t to = 0; to < 3; ++to) {
      if (from != 0 || to != 2) CHECK(rings.ring(from, to).read_available() == 0);
    }
  }
  HandoffRecord record;
  for (std::uint32_t i = 0; i < HandoffRings::ring_records; ++i) {
    REQUIRE(rings.ring(0, 2).pop(record));
    REQUIRE(record.offset == i);
  }
  CHECK_FALSE(rings.ring(0, 2).pop(record));
}

TEST_CASE("a worker that is not there has no ring", "[handoff]") {
  HandoffRings rings(2);
  CHECK(test::aborts([&] { rings.ring(2, 0); }));
  CHECK(test::aborts([&] { rings.ring(0, 2); }));
}
