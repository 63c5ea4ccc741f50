// Shows what a server does that is asked more than its core can do, in virtual time (OverloadWorld): how many answers its
// clients still get, as a share of the peak, whom it lets down first, and that it is itself again afterwards.
#include <array>
#include <catch2/catch.hpp>

#include "sim/overload_world.hpp"

using namespace penstock;
using namespace penstock::sim;
using Level = Overload::Level;
using net::DropReason;

namespace {

constexpr Duration limit = Duration::seconds(120);
// As many requests in flight as the ring holds: the core never waits, and whatever comes besides costs somebody a place.
constexpr std::uint32_t full_depth = 256;

struct Load {
  std::uint32_t times;  // the offered load, as a multiple of the peak
  double share;         // of the peak that must be answered
};
constexpr std::array<Load, 4> loads = {{{1, 0.95}, {2, 0.90}, {5, 0.85}, {10, 0.80}}};

// Sessions with one request in flight each. They connect in peace: what is measured is who has come.
load::RunPlan closed_loop(std::uint32_t in_flight) {
  load::RunPlan plan;
  plan.sessions = plan.active = plan.depth = in_flight;
  plan.connect_depth = 64;
  plan.requests_in_flight_max = 8192;
  plan.warmup_s = 1;
  plan.seconds = 1;
  return plan;
}

// As many requests as the rate says, whatever becomes of the answers; windows of eight a session.
load::RunPlan open_loop(std::uint32_t sessions, double rate) {
  load::RunPlan plan = closed_loop(sessions);
  plan.shape = load::ShapeKind::open;
  plan.pick = load::Pick::uniform;
  plan.per_session = 8;
  plan.rate = static_cast<std::uint64_t>(rate);
  return plan;
}

OverloadPlan flooded(FloodKind kind, std::uint32_t times, std::uint64_t seed) {
  OverloadPlan plan;
  plan.seed = seed;
  plan.clients = {closed_loop(full_depth)};
  plan.clients[0].seed = seed;
  plan.flood = kind;
  plan.flood_per_second = static_cast<std::uint64_t>(plan.prices.peak() * times);
  // So short that a flood of newcomers finds places to be remembered in all the time.
  if (kind == FloodKind::newcomers || kind == FloodKind::mixed) plan.half_open_timeout = Duration::ms(200);
  return plan;
}

// Runs a world to its end and checks what always holds: nothing lost, nothing wrong, no session gone, no buffer leaked.
// The share of the peak that the first client got.
double share_of_peak(OverloadWorld& world, const OverloadPlan& plan) {
  world.run(limit);
  for (std::size_t i = 0; i < plan.clients.size(); ++i) {
    CHECK(world.failure(i) == "");
    CHECK(world.results(i).closed_early == 0);
  }
  const double share = world.goodput() / plan.prices.peak();
  CHECK(world.whole());
  return share;
}

}  // namespace

TEST_CASE("the peak is what the prices allow", "[overload]") {
  OverloadPlan plan;
  plan.clients = {closed_loop(64)};
  OverloadWorld world(plan);
  const double share = share_of_peak(world, plan);
  CHECK(share > 0.97);
  CHECK(share < 1.01);
  CHECK(world.lost_at_the_ring() == 0);
}

TEST_CASE("goodput stays when clients ask for several times the peak", "[overload]") {
  const std::uint64_t seed = GENERATE(1u, 2u);
  const bool open = GENERATE(false, true);
  for (const Load& load : loads) {
    OverloadPlan plan;
    plan.seed = seed;
    plan.clients = {open ? open_loop(full_depth, plan.prices.peak() * load.times)
                         : closed_loop(full_depth * load.times)};
    plan.clients[0].seed = seed;
    OverloadWorld world(plan);
    INFO((open ? "open" : "closed") << " loop, " << load.times << " times the peak, seed " << seed);
    CHECK(share_of_peak(world, plan) >= load.share);
  }
}

TEST_CASE("goodput stays under a flood of several times the peak", "[overload]") {
  const std::uint64_t seed = GENERATE(1u, 2u);
  const FloodKind kind =
      GENERATE(FloodKind::invalid, FloodKind::unknown, FloodKind::unproven, FloodKind::newcomers, FloodKind::mixed);
  for (const Load& load : loads) {
    const OverloadPlan plan = flooded(kind, load.times, seed);
    OverloadWorld world(plan);
    INFO("a flood " << name_of(kind) << " of " << load.times << " times the peak, seed " << seed);
    CHECK(share_of_peak(world, plan) >= load.share);
    CHECK(world.flood_frames() > 2 * plan.flood_per_second);
  }
}

TEST_CASE("what is worth less is dropped first, and what exists not at all", "[overload]") {
  const OverloadPlan plan = flooded(FloodKind::mixed, 10, 1);
  OverloadWorld world(plan);
  std::array<Instant, net::drop_reason_count> first;
  first.fill(Instant::never());
  std::uint64_t proven_refused = 0;
  world.watch = [&](const World& server, Instant now) {
    for (std::size_t i = 0; i < first.size(); ++i) {
      if (server.drops.of(static_cast<DropReason>(i)) > 0) first[i] = earlier(first[i], now);
    }
    proven_refused = server.drops.received_total();
    for (const DropReason reason :
         {DropReason::udp_bad_checksum, DropReason::session_not_opening, DropReason::shed_unproven,
          DropReason::shed_newcomer, DropReason::kcp_beyond_window, DropReason::arp_not_for_us,
          DropReason::session_quarantined, DropReason::challenge_unsent}) {
      proven_refused -= server.drops.of(reason);
    }
  };
  world.run(limit);
  const auto when = [&](DropReason reason) { return first[static_cast<std::size_t>(reason)]; };
  CHECK(when(DropReason::udp_bad_checksum) <= when(DropReason::session_not_opening));
  CHECK(when(DropReason::session_not_opening) < when(DropReason::shed_unproven));
  CHECK(when(DropReason::shed_unproven) < when(DropReason::shed_newcomer));
  CHECK_FALSE(when(DropReason::shed_newcomer).is_never());
  CHECK(proven_refused == 0);
}

TEST_CASE("a mass connect alone is nobody's overload and gets through", "[overload]") {
  OverloadPlan plan;
  load::RunPlan crowd = closed_loop(5'000);
  crowd.shape = load::ShapeKind::connect;
  crowd.connect_depth = crowd.sessions;
  crowd.connect_rate = static_cast<std::uint32_t>(5 * plan.prices.peak());
  plan.clients = {crowd};
  OverloadWorld world(plan);
  Level highest = Level::calm;
  world.watch = [&](const World& server, Instant) { highest = std::max(highest, server.overload.level()); };
  share_of_peak(world, plan);
  CHECK(world.lost_at_the_ring() > 5'000);
  CHECK(highest == Level::calm);
  CHECK(world.results().connected == crowd.sessions);
}

TEST_CASE("a mass connect beside a half-busy server gets through and harms nobody", "[overload]") {
  OverloadPlan plan;
  plan.clients = {open_loop(64, plan.prices.peak() / 2), closed_loop(5'000)};
  plan.clients[0].seconds = 4;
  plan.clients[1].shape = load::ShapeKind::connect;
  plan.clients[1].connect_depth = plan.clients[1].sessions;
  plan.clients[1].connect_rate = static_cast<std::uint32_t>(5 * plan.prices.peak());
  plan.begin = {Duration(), Duration::ms(500)};
  OverloadWorld world(plan);
  Level highest = Level::calm;
  std::uint64_t refused = 0;
  world.watch = [&](const World& server, Instant) {
    highest = std::max(highest, server.overload.level());
    refused = server.drops.of(DropReason::shed_newcomer);
  };
  CHECK(share_of_peak(world, plan) > 0.49);
  CHECK(world.results(1).connected == plan.clients[1].sessions);
  // They were let down for a while, so that it is their patience that is shown.
  CHECK(highest == Level::newcomers);
  CHECK(refused > 0);
}

TEST_CASE("a pool that runs dry under load recovers when it is given back, and leaks nothing", "[overload]") {
  OverloadPlan plan;
  plan.clients = {closed_loop(full_depth)};
  plan.clients[0].seconds = 3;
  OverloadWorld world(plan);
  const Instant dry = Instant::at_us(3'000'000), whole_again = dry + Duration::ms(500);
  const std::uint32_t all = world.server_pool().capacity();
  std::uint64_t waits = 0, answered_dry = 0, answered_before = 0, answered_after = 0;
  world.watch = [&](const World& server, Instant now) {
    const std::uint64_t answered = server.machine_counters.messages_sent;
    if (now < dry) {
      answered_before = answered;
    } else if (now < whole_again) {
      world.server_pool().keep_back(all);
      answered_dry = answered;
    } else {
      world.server_pool().keep_back(0);
      answered_after = answered;
    }
    waits = server.stats.tx_no_block;
  };
  // Half a second without a buffer, and then as many answers as ever.
  CHECK(share_of_peak(world, plan) > 0.75);
  CHECK(waits + world.server_pool().refused() > 0);
  CHECK(answered_dry - answered_before <= full_depth);
  CHECK(answered_after > answered_dry + 20'000);
  CHECK(world.server_pool().available() == all);
}

TEST_CASE("the same overload twice is the same to the microsecond", "[overload]") {
  const auto trace = [] {
    const OverloadPlan plan = flooded(FloodKind::mixed, 5, 7);
    OverloadWorld world(plan);
    std::uint64_t hash = 0;
    world.watch = [&hash](const World& server, Instant now) {
      hash = hash * 1'099'511'628'211u + static_cast<std::uint64_t>(now.count_us()) + server.stats.tx_packets;
    };
    world.run(limit);
    return hash;
  };
  CHECK(trace() == trace());
}
