// Shows that a server holds very many sessions at once with every invariant of the simulator on, and that a flood of forged
// frames, ten for each honest one, takes nothing from a thousand that are connected: no session, no answer, no memory.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>

#include "sim/crowd.hpp"
#include "sim/overload_world.hpp"
#include "sim/simulation.hpp"

using namespace penstock;
using namespace penstock::sim;

namespace {

// A sanitizer takes ten times as long.
#ifdef __SANITIZE_ADDRESS__
constexpr std::uint32_t crowd = 1'000;
constexpr std::uint32_t seconds = 1;
#else
constexpr std::uint32_t crowd = 10'000;
constexpr std::uint32_t seconds = 4;
#endif
constexpr std::uint32_t legitimate = 1'000;
constexpr std::uint64_t requests_per_second = 6'000;
constexpr std::uint32_t forged_per_honest = 10;

OverloadPlan thousand() {
  OverloadPlan plan;
  load::RunPlan clients;
  clients.shape = load::ShapeKind::open;
  clients.pick = load::Pick::uniform;
  clients.sessions = clients.active = clients.depth = legitimate;
  clients.per_session = 8;
  clients.connect_depth = 64;
  clients.requests_in_flight_max = 8192;
  clients.rate = requests_per_second;
  clients.warmup_s = 1;
  clients.seconds = seconds;
  clients.check_all = true;
  plan.clients = {clients};
  plan.half_open_max = 2'000;
  plan.half_open_timeout = Duration::ms(400);
  return plan;
}

// The most that the server used of what can run dry.
struct Peak {
  std::uint64_t sessions = 0, flows = 0, window_bytes = 0, blocks = 0, chunks = 0;
  std::array<std::uint64_t, 3> small_blocks{};

  void see(const World& world, const HeapPool& pool) {
    const auto raise = [](std::uint64_t& most, std::uint64_t now) { most = std::max(most, now); };
    raise(sessions, world.sessions.count());
    raise(flows, world.flows.count());
    raise(window_bytes, world.windows.in_use_bytes());
    raise(blocks, pool.capacity() - pool.available());
    raise(chunks, world.chunks.capacity() - world.chunks.available());
    for (std::uint32_t i = 0; i < small_blocks.size(); ++i) {
      const auto& small = world.small_blocks.pool(i);
      raise(small_blocks[i], small.capacity() - small.available());
    }
  }
};

// Not more than before, but for the burst or two by which two peaks of the same traffic differ.
void check_flat(std::uint64_t before, std::uint64_t after, const char* what) {
  INFO(what << ": " << before << " while warm, " << after << " at the end");
  CHECK(after <= before + before / 20 + 64);
}

}  // namespace

TEST_CASE("a crowd of sessions lives through a world with all its invariants", "[scale]") {
  const Plan plan = draw_crowd(1, crowd);
  Simulation world(plan, false);
  const Coverage found = world.run();
  CHECK(found.conversations >= crowd);
  CHECK(world.host(0).sessions_peak() >= crowd * 95 / 100);
  std::uint64_t bytes = 0;
  for (const Conversation& c : plan.conversations) bytes += c.bytes();
  CHECK(found.bytes_verified >= bytes / 2);
}

TEST_CASE("a crowd is the same twice", "[scale]") {
  const auto hash = [] {
    Simulation world(draw_crowd(2, crowd / 10), false);
    world.run();
    return world.trace_hash();
  };
  CHECK(hash() == hash());
}

TEST_CASE("ten forged frames for each honest one take nothing from those who are connected", "[scale]") {
  OverloadPlan plan = thousand();
  OverloadWorld quiet(plan);
  std::uint64_t honest = 0;
  quiet.watch = [&honest](const World& server, Instant) { honest = server.stats.rx_packets; };
  quiet.run(Duration::seconds(60));
  REQUIRE(quiet.failure() == "");
  const double undisturbed = quiet.goodput();
  CHECK(undisturbed > requests_per_second * 0.95);
  CHECK(quiet.whole());

  plan.flood = FloodKind::spoofed;
  plan.flood_per_second = forged_per_honest * std::max(honest / (1 + seconds), requests_per_second);
  OverloadWorld world(plan);
  const Instant measured =
      Instant::at_us(1'000'000) + Duration::ms(1500);  // all are connected, the flood is at its height
  const Instant middle = measured + Duration::ms(250 + 350 * seconds);
  Peak warm, late;
  std::array<std::uint64_t, net::drop_reason_count> drops{};
  world.watch = [&](const World& server, Instant now) {
    if (now >= measured) (now < middle ? warm : late).see(server, world.server_pool());
    for (std::size_t i = 0; i < drops.size(); ++i) drops[i] = server.drops.of(static_cast<net::DropReason>(i));
  };
  world.run(Duration::seconds(60));
  CHECK(world.failure() == "");
  CHECK(world.results().closed_early == 0);
  CHECK(world.results().connected == legitimate);
  INFO("undisturbed " << undisturbed << "/s, flooded " << world.goodput() << "/s");
  CHECK(world.goodput() >= undisturbed * 0.9);
  CHECK(world.flood_frames() >= plan.flood_per_second * (1 + seconds) * 9 / 10);
  check_flat(warm.sessions, late.sessions, "sessions");
  check_flat(warm.flows, late.flows, "flows");
  check_flat(warm.window_bytes / 1024, late.window_bytes / 1024, "KiB of windows");
  check_flat(warm.blocks, late.blocks, "blocks");
  check_flat(warm.chunks, late.chunks, "chunks");
  for (std::size_t i = 0; i < warm.small_blocks.size(); ++i)
    check_flat(warm.small_blocks[i], late.small_blocks[i], "small blocks");
  // Each sort of frame was there, and was found out.
  for (const net::DropReason reason : {net::DropReason::kcp_una_ahead, net::DropReason::kcp_beyond_window,
                                       net::DropReason::kcp_wrong_conv, net::DropReason::session_not_opening}) {
    INFO(net::name_of(reason));
    CHECK(drops[static_cast<std::size_t>(reason)] > 0);
  }
  CHECK(world.whole());
}
