// Our session as the engine drives it: its deadlines are seen to at ticks of the wheel, and not before.
#include "path/our_sender.hpp"

#include <catch2/catch.hpp>

#include "path/trial.hpp"

namespace penstock::path {

namespace {

Instant at(std::int64_t us) { return Instant::at_us(us); }

diff::Memory& memory() {
  static diff::Memory one;
  return one;
}

}  // namespace

TEST_CASE("a deadline is seen to at the tick of the wheel behind it") {
  CHECK(wheel_tick(at(0)) == at(0));
  CHECK(wheel_tick(at(1)) == at(128));
  CHECK(wheel_tick(at(128)) == at(128));
  CHECK(wheel_tick(at(129)) == at(256));
  CHECK(wheel_tick(Instant::never()).is_never());
}

TEST_CASE("our sender sends at once, and resends at a tick") {
  OurSender sender(memory(), turbo(32), 1);
  CHECK(sender.drained());
  CHECK(sender.next_deadline(at(5)).is_never());
  const diff::Bytes message(100, 1);
  REQUIRE(sender.send(message, at(5)));
  CHECK(sender.turn(at(5)).size() == 1);
  CHECK(!sender.drained());
  // The first timeout is 200 ms, of a clock in whole ms.
  const Instant due = sender.next_deadline(at(5));
  CHECK(due == wheel_tick(due));
  CHECK(due > at(199'000));
  CHECK(due < at(202'000));
  // Nothing leaves before, whatever the sender is asked.
  sender.wake(at(199'000));
  CHECK(sender.turn(at(199'000)).empty());
  CHECK(sender.next_deadline(at(199'000)) == due);
  sender.wake(due);
  CHECK(sender.turn(due).size() == 1);
}

TEST_CASE("our sender is drained when its peer acknowledged everything") {
  OurSender sender(memory(), turbo(32), 1);
  REQUIRE(sender.send(diff::Bytes(100, 1), at(0)));
  const auto datagrams = sender.turn(at(0));
  REQUIRE(datagrams.size() == 1);
  kcp::Header ack = diff::take_apart(datagrams[0])[0].header;
  ack.command = kcp::Command::ack;
  ack.window = 128;
  ack.una = Seq32(1);
  diff::Bytes answer;
  diff::put(answer, ack);
  sender.input(answer, at(20'000));
  sender.wake(at(20'000));
  CHECK(sender.turn(at(20'000)).empty());
  CHECK(sender.drained());
}

}  // namespace penstock::path
