// Shows that a run toward a sink counts what was acknowledged and nothing else, whatever the line loses, and notices a server
// that answers all the same, or that is silent.
// How: the client against penstock's sink, its echo, or nobody, over a line in virtual time.
#include <catch2/catch.hpp>

#include "load/client.hpp"
#include "load_pair.hpp"
#include "penstock/sink.hpp"

using namespace penstock;
using namespace penstock::load;
using namespace penstock::load::test;

namespace {

RunPlan one_way_plan(std::uint32_t sessions, std::uint32_t size) {
  RunPlan plan = small_plan(ShapeKind::bulk, sessions);
  plan.one_way = true;
  plan.size_min = plan.size_max = size;
  plan.per_session = 1 << 20;
  plan.requests_in_flight_max = 0;
  return plan;
}

}  // namespace

TEST_CASE("what a sink acknowledged is what counts", "[one_way]") {
  const auto [sessions, size] =
      GENERATE(table<std::uint32_t, std::uint32_t>({{1, 1376}, {1, 8}, {3, 5000}, {100, 1376}}));
  const RunPlan plan = one_way_plan(sessions, size);
  LoadPair pair(plan);
  pair.client.port.loss_ppm = GENERATE(0u, 20'000u);
  Sink sink;
  pair.service = &sink;
  // Nothing counts before it is there.
  std::uint64_t early = 0;
  pair.each_turn = [&] {
    early += pair.progress.answered > pair.server.worker->world().machine_counters.messages_received;
  };
  pair.run();
  CHECK(early == 0);
  CHECK(pair.failure() == "");
  CHECK(pair.results.connected == sessions);
  CHECK(pair.results.requests > 100);
  CHECK(pair.results.payload_bytes == pair.results.requests * size);
  CHECK(pair.results.rtt_ns.count() == 0);
  CHECK(pair.progress.in_flight == 0);
  // Every message arrived once, was compared, and nothing was sent back.
  const World& world = pair.server.worker->world();
  CHECK(world.machine_counters.messages_received == pair.progress.answered);
  CHECK(world.machine_counters.bytes_received == pair.progress.answered * size);
  CHECK(world.stats.mismatches == 0);
  CHECK(world.machine_counters.messages_sent == 0);
}

TEST_CASE("requests end a run that gets no answers, too", "[one_way]") {
  RunPlan plan = one_way_plan(1, 1376);
  plan.requests = 2'000;
  plan.seconds = 100;
  LoadPair pair(plan);
  Sink sink;
  pair.service = &sink;
  pair.run();
  CHECK(pair.failure() == "");
  CHECK(pair.results.requests >= 2'000);
  CHECK(pair.results.measured_ns < 100'000'000'000);
}

TEST_CASE("whatever a server sends back is a mismatch", "[one_way]") {
  LoadPair pair(one_way_plan(2, 64));
  pair.run();
  CHECK(pair.results.mismatches > 0);
  CHECK(pair.failure().ends_with("answers were not what was sent"));
}

TEST_CASE("a server that acknowledges nothing ends the run", "[one_way]") {
  LoadPair pair(one_way_plan(2, 64));
  pair.client.port.loss_ppm = 1'000'000;
  pair.run();
  CHECK(pair.failure().starts_with("nothing answered"));
  CHECK(pair.results.lost == 2);
}
