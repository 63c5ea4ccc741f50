// Shows that a message of one segment, sent as such, goes out as a queue of one would and is refused alike, and what a session
// makes of a datagram from elsewhere and of a path that changed.
// How: twins that take the two ways to send; a session whose numbers are known, and datagrams around them.
#include <catch2/catch.hpp>

#include "proto/kcp/session_bench.hpp"

using namespace penstock;
using namespace penstock::kcp;
using namespace penstock::kcp::test;

using Bench = SessionBench;

namespace {

SendResult send_one(Bench& bench, std::string_view text, std::int64_t ms = 0) {
  Segment segment = bench.world.datagram({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  const SendResult result = bench.session.send(segment, at_ms(ms));
  if (result != SendResult::accepted) REQUIRE(segment.length() == text.size());
  return result;
}

}  // namespace

TEST_CASE("a message of one segment goes out as a queue of one would") {
  Bench one;
  Bench queue;
  for (const std::size_t bytes : {1u, 63u, 64u, 65u, 500u, 1000u, 1376u}) {
    const std::string text(bytes, static_cast<char>('a' + bytes % 26));
    REQUIRE(send_one(one, text) == SendResult::accepted);
    REQUIRE(queue.send(text) == SendResult::accepted);
    CHECK(transmit_all(one.world, one.session, at_ms(0)) == transmit_all(queue.world, queue.session, at_ms(0)));
  }
  REQUIRE(send_one(one, "") == SendResult::accepted);
  const auto empty = one.sent();
  REQUIRE(empty.size() == 1);
  CHECK(empty[0].header.command == Command::push);
  CHECK(empty[0].payload.empty());
}

TEST_CASE("a message of one segment is kept in its own block when small ones run out") {
  Bench bench(quick(), ours(), {.blocks = {{1, 1, 1}}});
  for (int i = 0; i < 8; ++i) REQUIRE(send_one(bench, "little") == SendResult::accepted);
  for (const Parsed& segment : bench.sent()) CHECK(segment.payload == "little");
}

TEST_CASE("a message of one segment is refused like any other") {
  Bench bench;
  bench.deliver(wire({{.command = Command::wins, .wnd = 1}}));
  for (int i = 0; i < 256; ++i) REQUIRE(send_one(bench, "x") == SendResult::accepted);
  CHECK(send_one(bench, "y") == SendResult::full);
  bench.session.close(CloseReason::service, at_ms(0));
  CHECK(send_one(bench, "y") == SendResult::closed);
}

TEST_CASE("a message of one segment that finds no memory is tried again by a deadline") {
  Bench bench;
  std::vector<void*> taken;
  while (void* block = bench.world.memory.take(256)) taken.push_back(block);
  CHECK(send_one(bench, "y", 5) == SendResult::full);
  CHECK(bench.session.next_deadline() == at_ms(15));
  for (void* block : taken) bench.world.memory.give(block, 256);
  CHECK(send_one(bench, "y", 6) == SendResult::accepted);
}

TEST_CASE("a datagram from elsewhere may be the peer's when both sequences fit") {
  Bench bench;
  REQUIRE(bench.send("a") == SendResult::accepted);
  REQUIRE(bench.sent().size() == 1);
  REQUIRE(bench.deliver(wire({ack(0, 0, 1)})) == Refusal::none);
  const auto may = [&](Wire segment) { return bench.session.may_be_from_peer(wire({std::move(segment)})); };
  const auto at = [](std::uint32_t sn, std::uint32_t una) {
    Wire segment = push(sn, "x");
    segment.una = una;
    return segment;
  };
  CHECK(may(at(0, 1)));
  CHECK(may(at(128, 1)));
  CHECK(may(at(0u - 128, 1)));
  CHECK_FALSE(may(at(129, 1)));
  CHECK_FALSE(may(at(0u - 129, 1)));
  CHECK_FALSE(may(at(0, 0)));  // una behind what was acknowledged
  CHECK_FALSE(may(at(0, 2)));  // … and ahead of what was sent
  // What is no PUSH has no place in the window.
  CHECK(may({.command = Command::wask, .sn = 5'000, .una = 1}));
  Wire other = at(0, 1);
  other.conversation = conv + 1;
  CHECK_FALSE(may(other));
  bench.session.close(CloseReason::stopped, at_ms(0));
  CHECK_FALSE(may(at(0, 1)));
}

TEST_CASE("on a new path what was sent again does not wait as long as the old one taught") {
  Bench bench;
  REQUIRE(bench.send("a") == SendResult::accepted);
  REQUIRE(bench.sent().size() == 1);
  Instant now = at_ms(0);
  for (int i = 0; i < 6; ++i) {
    now = bench.session.next_deadline();
    bench.session.on_timeout(now);
    REQUIRE(transmit_all(bench.world, bench.session, now).size() == 1);
  }
  const Duration waits = bench.session.next_deadline() - now;
  bench.session.on_path_changed(PathMtu::base_v4, now);
  CHECK(bench.session.next_deadline() - now < waits);

  // What was sent once waits on.
  REQUIRE(send(bench.world, bench.session, "b", now) == SendResult::accepted);
  REQUIRE(transmit_all(bench.world, bench.session, now).size() == 1);
  const Instant before = bench.session.next_deadline();
  bench.session.on_path_changed(PathMtu::base_v4, now);
  CHECK(bench.session.next_deadline() == before);
}
