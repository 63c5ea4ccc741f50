// Shows that each shape does what its name says and no more, and that none loses anything over a line that loses a tenth.
// How: the client against penstock's echo over a line in virtual time.
#include <catch2/catch.hpp>

#include "load/names.hpp"
#include "load_pair.hpp"

using namespace penstock;
using namespace penstock::load;
using namespace penstock::load::test;

TEST_CASE("over a line that loses a tenth nothing is lost in the end", "[load]") {
  RunPlan plan = small_plan(GENERATE(ShapeKind::closed, ShapeKind::open, ShapeKind::bulk, ShapeKind::slow,
                                     ShapeKind::burst, ShapeKind::churn, ShapeKind::idle));
  plan.pick = GENERATE(Pick::same, Pick::round_robin, Pick::uniform, Pick::zipf);
  if (plan.pick == Pick::same && plan.shape != ShapeKind::closed) return;
  plan.check_all = true;
  plan.per_session = plan.shape == ShapeKind::churn ? 1 : 8;
  plan.think_us = plan.shape == ShapeKind::slow || plan.shape == ShapeKind::burst ? 30'000 : 0;
  plan.rate = plan.shape == ShapeKind::open ? 2000 : 0;
  plan.size_max = 3000;
  LoadPair pair(plan, 4000);
  pair.server.port.loss_ppm = pair.client.port.loss_ppm = 100'000;
  pair.run();
  INFO(name_of(plan.shape) << " " << name_of(plan.pick));
  CHECK(pair.failure().empty());
  if (plan.shape == ShapeKind::idle) return;
  CHECK(pair.results.requests > 20);
  CHECK(pair.results.traffic.segments_resent > 0);
}

TEST_CASE("requests end a run, and a run that does not reach them has failed", "[load]") {
  RunPlan plan = small_plan();
  plan.requests = 500;
  {
    LoadPair pair(plan);
    pair.run();
    CHECK(pair.results.ok(plan));
    CHECK(pair.results.requests >= 500);
    CHECK(pair.results.requests < 600);
  }
  plan.requests = 1'000'000;
  LoadPair pair(plan);
  pair.run();
  CHECK(pair.failure().find("of 1000000 requests were answered") != std::string::npos);
}

TEST_CASE("a closed loop keeps its depth in flight, whoever is picked", "[load]") {
  RunPlan plan = small_plan();
  plan.pick = GENERATE(Pick::same, Pick::round_robin, Pick::uniform);
  plan.depth = plan.active = 12;
  plan.sessions = 24;
  plan.per_session = plan.pick == Pick::same ? 1 : 4;
  LoadPair pair(plan);
  std::uint64_t most = 0;
  pair.each_turn = [&] { most = std::max(most, pair.progress.in_flight.load()); };
  pair.run();
  CHECK(pair.results.ok(plan));
  // 100 us and a turn or two a round trip.
  CHECK(pair.results.requests > 12 * 8'000);
  CHECK(pair.results.requests <= 12 * 10'000);
}

TEST_CASE("thinking time passes between an answer and the next request", "[load]") {
  RunPlan plan = small_plan();
  plan.pick = GENERATE(Pick::same, Pick::round_robin);
  plan.think_us = 9'900;
  LoadPair pair(plan);
  pair.run();
  CHECK(pair.results.ok(plan));
  CHECK(pair.results.requests > 20 * 90);
  CHECK(pair.results.requests < 20 * 101);
  CHECK(pair.results.rtt_ns.percentile(990) < 300'000);
}

TEST_CASE("a ramp lets the load grow", "[load]") {
  RunPlan plan = small_plan(ShapeKind::closed, 100);
  plan.ramp_s = 1;
  LoadPair pair(plan);
  pair.run();
  CHECK(pair.results.ok(plan));
  const std::uint64_t full = 100 * 10'000;
  CHECK(pair.results.requests > full / 4);
  CHECK(pair.results.requests < full * 6 / 10);
}

TEST_CASE("an open loop keeps its rate, and counts from when a request was due", "[load]") {
  RunPlan plan = small_plan(ShapeKind::open);
  plan.pick = Pick::round_robin;
  plan.rate = 5000;
  plan.per_session = 128;
  {
    LoadPair pair(plan);
    pair.run();
    CHECK(pair.results.ok(plan));
    CHECK(pair.results.requests >= 4980);
    CHECK(pair.results.requests <= 5010);
    CHECK(pair.results.rtt_ns.percentile(990) < 300'000);
    CHECK(pair.results.late == 0);
  }
  // Now sessions may not have more than one request in flight, and answers take 100 ms: 200 a second is all there can be,
  // and what was due meanwhile waited, each since its own moment.
  plan.per_session = 1;
  LoadPair pair(plan);
  pair.server.port.delay = Duration::ms(100);
  pair.run();
  CHECK(pair.results.lost == 0);
  CHECK(pair.results.requests < 220);
  CHECK(pair.results.late > 100);
  CHECK(pair.results.rtt_ns.max() > 500'000'000);
}

TEST_CASE("bulk fills the windows, and messages of many segments arrive whole", "[load]") {
  RunPlan plan = small_plan(ShapeKind::bulk, 2);
  plan.pick = Pick::round_robin;
  plan.per_session = 256;
  plan.size_min = plan.size_max = 20'000;
  LoadPair pair(plan);
  pair.run();
  CHECK(pair.results.ok(plan));
  // 32 segments of 1,376 bytes a round trip of 100 us and a few turns, two sessions.
  CHECK(pair.results.payload_bytes > 100'000'000);
}

TEST_CASE("slow readers shut the window, and it opens again", "[load]") {
  RunPlan plan = small_plan(ShapeKind::slow, 2);
  plan.pick = Pick::round_robin;
  plan.per_session = 300;
  plan.think_us = 50'000;
  LoadPair pair(plan);
  pair.run();
  CHECK(pair.results.ok(plan));
  StatsSnapshot snapshot;
  pair.client.worker->snapshot(snapshot, pair.now);
  CHECK(snapshot.machine.window_updates_sent > 10);
  CHECK(pair.results.rtt_ns.percentile(500) >= 50'000'000);
}

TEST_CASE("a burst comes at once, and then nothing until the next", "[load]") {
  RunPlan plan = small_plan(ShapeKind::burst);
  plan.pick = Pick::round_robin;
  plan.depth = 100;
  plan.per_session = 16;
  plan.think_us = 100'000;
  LoadPair pair(plan);
  std::uint64_t most = 0;
  pair.each_turn = [&] {
    if (pair.load->phase() == Phase::measuring) most = std::max(most, pair.progress.in_flight.load());
  };
  pair.run();
  CHECK(pair.results.ok(plan));
  CHECK(most == 100);
  CHECK(pair.results.requests >= 900);
  CHECK(pair.results.requests <= 1100);
}

TEST_CASE("churn begins each conversation anew", "[load]") {
  RunPlan plan = small_plan(ShapeKind::churn);
  plan.pick = Pick::round_robin;
  plan.depth = 10;
  plan.seconds = 1;
  plan.rate = GENERATE(0u, 500u);
  LoadPair pair(plan, 60'000);
  pair.run(Duration::seconds(20));
  CHECK(pair.results.ok(plan));
  CHECK(pair.results.requests > 400);
  if (plan.rate > 0) CHECK(pair.results.requests <= 510);
  CHECK(pair.client.worker->world().stats.sessions_opened >= pair.results.requests);
  CHECK(pair.results.rtt_ns.count() + 10 >= pair.results.requests);
}

TEST_CASE("connecting and disconnecting are measured by themselves", "[load]") {
  RunPlan plan = small_plan(ShapeKind::connect, 300);
  plan.connect_rate = 1000;
  {
    LoadPair pair(plan, 400);
    pair.run();
    CHECK(pair.results.ok(plan));
    CHECK(pair.results.requests == 300);
    CHECK(pair.results.measured_ns > 280'000'000);
    CHECK(pair.results.measured_ns < 330'000'000);
    CHECK(pair.results.traffic.tx_packets >= 300);
  }
  plan.shape = ShapeKind::disconnect;
  LoadPair pair(plan, 400);
  pair.run();
  CHECK(pair.results.ok(plan));
  CHECK(pair.results.requests == 300);
  CHECK(pair.client.worker->world().sessions.count() == 0);
}

TEST_CASE("only the active sessions are asked, and the others stay", "[load]") {
  RunPlan plan = small_plan(ShapeKind::closed, 100);
  plan.active = plan.depth = 10;
  LoadPair pair(plan);
  Instant begun = Instant::never();
  pair.each_turn = [&] {
    if (pair.load->phase() == Phase::measuring) begun = earlier(begun, pair.now);
  };
  pair.run();
  CHECK(pair.results.ok(plan));
  const auto& sessions = pair.client.worker->world().sessions;
  CHECK(sessions.count() == 100);
  std::uint32_t asked = 0;
  for (std::uint32_t i = 0; i < 100; ++i) {
    // The first answers are acknowledged a little later, which is answered once more.
    if (sessions[i].last_heard > begun + Duration::ms(100)) ++asked;
  }
  CHECK(asked == 10);
}
