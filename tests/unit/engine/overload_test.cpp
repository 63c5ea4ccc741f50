// Shows when newcomers must stand back: by windows of full bursts and repetitions, in virtual time; then, in a worker, what
// a level drops and what it lets through.
#include "engine/overload.hpp"

#include <catch2/catch.hpp>

#include "rig.hpp"

using namespace penstock;
using namespace penstock::test;
using Level = Overload::Level;
using net::DropReason;

namespace {

// A thing under test that lives through windows.
struct Windows {
  Overload overload;
  Instant now = Instant::at_us(1'000'000);
  std::uint64_t resent = 0;

  Windows() { overload.end_turn(0, now); }
  // A window of 20 turns: so many of them full, so many datagrams of proven sessions, so many segments sent again.
  void pass(std::uint32_t full, std::uint32_t proven, std::uint32_t again) {
    constexpr std::uint32_t turns = 20;
    for (std::uint32_t i = 0; i < proven; ++i) overload.on_proven();
    resent += again;
    for (std::uint32_t i = 0; i < turns; ++i) {
      overload.on_burst(i < full);
      overload.on_burst(false);  // a second port, which is idle
      if (i + 1 == turns) now = now + Overload::window;
      overload.end_turn(resent, now);
    }
  }
  void suffer() { pass(20, 640, 10); }
};

// Makes the worker of a rig believe that sessions suffer, once for each level.
void suffer(Rig& rig, int times) {
  Overload& overload = rig.world().overload;
  for (int i = 0; i < times; ++i) {
    Instant now = rig.now + Duration::seconds(1 + i);
    for (int turn = 0; turn < 20; ++turn) {
      overload.on_burst(true);
      overload.end_turn(rig.world().machine_counters.retransmit_settled, now - Duration::seconds(2));
    }
    rig.world().machine_counters.retransmit_settled += 10;
    overload.on_burst(true);
    overload.end_turn(rig.world().machine_counters.retransmit_settled, now);
  }
}

// Frames to nobody, enough to make a burst full together with `others`.
void crowd(Rig& rig, std::uint32_t others) {
  for (std::uint32_t i = others; i < rig.config.burst; ++i) {
    rig.bring(udp_frame({client_ip(200), 9}, {server_ip, 9}, Bytes(30, 0)));
  }
}

// While existing sessions suffer most, `peer` acknowledges what it was sent, behind a newcomer that takes the place there is.
void prove_beside_a_newcomer(Rig& rig, Peer& peer) {
  const std::vector<Datagram> answers = rig.take();
  REQUIRE_FALSE(answers.empty());
  suffer(rig, 2);
  Peer first(rig, client_ip(3));
  first.send({1});
  for (const Datagram& answer : answers) {
    const Bytes acks = peer.acks(answer);
    if (!acks.empty()) peer.bring(acks);
  }
  crowd(rig, 2);
  rig.turn(Duration::us(10));
  CHECK(rig.drops(DropReason::shed_unproven) == 0);
}

}  // namespace

TEST_CASE("full bursts and repetitions together raise the level, one a window", "[overload]") {
  Windows windows;
  CHECK(windows.overload.level() == Level::calm);
  windows.suffer();
  CHECK(windows.overload.level() == Level::unproven);
  windows.suffer();
  CHECK(windows.overload.level() == Level::newcomers);
  windows.suffer();
  CHECK(windows.overload.level() == Level::newcomers);
  CHECK(windows.overload.crowded_windows() == 3);
}

TEST_CASE("neither a full queue nor a poor path is a reason alone", "[overload]") {
  struct Case {
    std::uint32_t full;
    std::uint32_t proven;
    std::uint32_t again;
    bool suffers;
  };
  constexpr Case cases[] = {
      {20, 640, 10, true},  {20, 640, 9, false},    // one for 64, and just less
      {20, 640, 0, false},                          // full, and nothing sent again
      {11, 640, 640, true}, {10, 640, 640, false},  // most turns, and not quite
      {0, 640, 640, false},                         // a poor path
      {20, 0, 0, false},    {20, 0, 1, true},       // nobody is heard any more
  };
  for (const Case& tried : cases) {
    Windows windows;
    windows.pass(tried.full, tried.proven, tried.again);
    INFO(tried.full << " full, " << tried.proven << " proven, " << tried.again << " again");
    CHECK(windows.overload.level() == (tried.suffers ? Level::unproven : Level::calm));
  }
}

TEST_CASE("a window of few turns tells nothing", "[overload]") {
  Windows windows;
  for (std::uint32_t i = 1; i < Overload::full_turns_min; ++i) {
    windows.overload.on_burst(true);
    windows.overload.end_turn(5, windows.now);
  }
  windows.overload.end_turn(5, windows.now + Overload::window);
  CHECK(windows.overload.level() == Level::calm);
}

TEST_CASE("a level goes after a second in which nobody suffered and nobody was refused", "[overload]") {
  Windows windows;
  windows.suffer();
  windows.suffer();
  const auto calm_windows = [&](int count, bool refuse) {
    for (int i = 0; i < count; ++i) {
      windows.overload.on_burst(true);
      static_cast<void>(windows.overload.sheds_newcomer(windows.now));  // the millisecond's place
      if (refuse) CHECK(windows.overload.sheds_newcomer(windows.now));
      windows.pass(20, 640, 0);
    }
  };
  calm_windows(150, true);
  CHECK(windows.overload.level() == Level::newcomers);
  calm_windows(99, false);
  CHECK(windows.overload.level() == Level::newcomers);
  calm_windows(1, false);
  CHECK(windows.overload.level() == Level::unproven);
  calm_windows(100, false);
  CHECK(windows.overload.level() == Level::calm);
}

TEST_CASE("a level drops in full bursts only, and lets one in each millisecond", "[overload]") {
  Windows windows;
  Overload& overload = windows.overload;
  constexpr Duration soon = Duration::ms(99), late = Duration::ms(100);
  overload.on_burst(true);
  CHECK_FALSE(overload.sheds_unproven(soon, windows.now));
  CHECK_FALSE(overload.sheds_newcomer(windows.now));
  windows.suffer();
  overload.on_burst(true);
  CHECK_FALSE(overload.sheds_unproven(soon, windows.now));  // the first of this millisecond
  CHECK(overload.sheds_unproven(soon, windows.now));
  CHECK_FALSE(overload.sheds_unproven(late, windows.now));
  CHECK_FALSE(overload.sheds_newcomer(windows.now));
  windows.suffer();
  overload.on_burst(true);
  CHECK_FALSE(overload.sheds_newcomer(windows.now));
  CHECK(overload.sheds_newcomer(windows.now));
  CHECK(overload.sheds_unproven(late, windows.now + Duration::us(999)));
  CHECK_FALSE(overload.sheds_unproven(late, windows.now + Overload::trickle));
  overload.on_burst(false);
  CHECK_FALSE(overload.sheds_newcomer(windows.now));
  CHECK_FALSE(overload.sheds_unproven(soon, windows.now));
}

TEST_CASE("a worker drops by level: the unproven, then newcomers, never who exists", "[overload]") {
  Rig rig;
  Peer known(rig, client_ip(1));
  const SessionId id = known.open();
  Peer half_open(rig, client_ip(2));
  half_open.send({1});
  rig.turn();
  rig.take();
  REQUIRE(rig.world().sessions.count() == 2);
  const int level = GENERATE(0, 1, 2);
  suffer(rig, level);
  REQUIRE(static_cast<int>(rig.world().overload.level()) == level);

  // The place that each millisecond has goes to the first, who is of no interest.
  Peer first(rig, client_ip(3)), newcomer(rig, client_ip(4));
  const StatsSnapshot before = rig.snapshot();
  Peer repeats(rig, client_ip(2));
  first.send({1});
  newcomer.send({1});
  repeats.send({1});
  repeats.send({2});
  known.send({2});
  const bool full = GENERATE(true, false);
  if (full) crowd(rig, 5);
  rig.turn(Duration::us(10));
  const StatsSnapshot after = rig.snapshot();
  const auto dropped = [&](DropReason reason) {
    return after.drops[static_cast<std::size_t>(reason)] - before.drops[static_cast<std::size_t>(reason)];
  };
  // On the first level newcomers do not ask for the place.
  CHECK(dropped(DropReason::shed_newcomer) == (full && level == 2 ? 1u : 0u));
  CHECK(dropped(DropReason::shed_unproven) == (!full || level == 0 ? 0u : level == 1 ? 1u : 2u));
  CHECK(rig.world().sessions.count() == (full && level == 2 ? 3u : 4u));
  CHECK(take_all(rig.worker().connections().get(id)).back() == Bytes{2});
  CHECK(after.worker.overload_level_now == static_cast<std::uint64_t>(level));
  CHECK(after.worker.overload_windows == static_cast<std::uint64_t>(level));
}

TEST_CASE("the proof of an unproven peer passes whatever the level", "[overload]") {
  Rig rig;
  Peer peer(rig, client_ip(2));
  peer.send({1});
  rig.turn();
  echo(rig.worker().connections(), rig.service().events.back(), rig.now);
  rig.turn();
  prove_beside_a_newcomer(rig, peer);
  CHECK(rig.world().listeners[0].half_open() == 1);  // the first newcomer alone
}

TEST_CASE("strangers are dropped by level: who was just challenged, then newcomers, never who exists", "[overload]") {
  NodeConfig node = small_node();
  node.listeners[0].admission.challenge = true;
  Rig rig(node);
  Peer known(rig, client_ip(1));
  const SessionId id = known.open();
  Peer half_open(rig, client_ip(2));
  half_open.send({1});
  rig.turn();
  rig.take();
  REQUIRE(rig.world().sessions.count() == 1);
  REQUIRE(rig.world().half_open[0]->count() == 1);
  const int level = GENERATE(0, 1, 2);
  suffer(rig, level);
  REQUIRE(static_cast<int>(rig.world().overload.level()) == level);

  // The place that each millisecond has goes to the first, who is of no interest.
  Peer first(rig, client_ip(3)), newcomer(rig, client_ip(4));
  const StatsSnapshot before = rig.snapshot();
  Peer repeats(rig, client_ip(2));
  first.send({1});
  newcomer.send({1});
  repeats.send({1});
  repeats.sn = 0;
  repeats.send({1});
  known.send({2});
  const bool full = GENERATE(true, false);
  if (full) crowd(rig, 5);
  rig.turn(Duration::us(10));
  const StatsSnapshot after = rig.snapshot();
  const auto dropped = [&](DropReason reason) {
    return after.drops[static_cast<std::size_t>(reason)] - before.drops[static_cast<std::size_t>(reason)];
  };
  // On the first level newcomers do not ask for the place.
  CHECK(dropped(DropReason::shed_newcomer) == (full && level == 2 ? 1u : 0u));
  CHECK(dropped(DropReason::shed_unproven) == (!full || level == 0 ? 0u : level == 1 ? 1u : 2u));
  CHECK(rig.world().sessions.count() == 1);
  CHECK(rig.world().half_open[0]->count() == (full && level == 2 ? 2u : 3u));
  CHECK(take_all(rig.worker().connections().get(id)).back() == Bytes{2});
  CHECK(after.worker.overload_level_now == static_cast<std::uint64_t>(level));
  CHECK(after.worker.overload_windows == static_cast<std::uint64_t>(level));
}

TEST_CASE("the proof of a stranger passes whatever the level", "[overload]") {
  NodeConfig node = small_node();
  node.listeners[0].admission.challenge = true;
  Rig rig(node);
  Peer peer(rig, client_ip(2));
  peer.send({1});
  rig.turn();
  rig.turn();
  prove_beside_a_newcomer(rig, peer);
  CHECK(rig.world().half_open[0]->count() == 1);  // the first newcomer alone
  CHECK(rig.world().sessions.count() == 1);
}
