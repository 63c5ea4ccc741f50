// Shows two whole workers on two threads over a port whose RSS promises one thing and whose wire does another: each flow comes
// to the worker that does not own it, is handed over, and every byte is echoed; that the two share no cache line but the
// hand-off rings, with nothing that they write to missing from their memory maps; and that telemetry tells of a worker that
// carries everything beside one that carries nothing.
// How: TwoWorkers. All heap memory that making a worker took is watched: what is in no map must be, byte for byte, the same
// after the traffic.
#include <catch2/catch.hpp>
#include <cstring>

#include "control/stats_report.hpp"
#include "heap_watch.hpp"
#include "two_workers.hpp"

using namespace penstock;
using namespace penstock::test;

namespace {

// Heap memory of a worker that its map does not have, with what is in it.
struct Unmapped {
  HeapPiece piece;
  Bytes before;
};

std::vector<Unmapped> unmapped(const TwoWorkers& node) {
  std::vector<Unmapped> found;
  for (const HeapPiece& piece : HeapWatch::held()) {
    if (node.maps[piece.owner].covers(piece.first, piece.bytes)) continue;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(piece.first);
    found.push_back({piece, Bytes(bytes, bytes + piece.bytes)});
  }
  return found;
}

}  // namespace

TEST_CASE("cores: two workers serve flows that all come to the wrong one, and share no cache line") {
  const bool adaptive = GENERATE(false, true);
  constexpr std::uint32_t messages = 40;
  TwoWorkers node(adaptive, Steering::wrongly, messages);
  REQUIRE(node.port->info().rss_reta.size() == 128);

  const auto apart = no_common_line(node.maps);
  INFO((apart ? std::string() : apart.error()));
  CHECK(apart);
  const std::vector<Unmapped> read_only = unmapped(node);
  CHECK(HeapWatch::held().size() > read_only.size() + 2 * 4);

  node.run([&, rounds = 0]() mutable { return node.port->all_done() && ++rounds > 2; });  // so that all is published

  std::array<std::uint32_t, workers> owned{};
  for (const Client& client : node.port->all()) {
    INFO("client " << client.number);
    CHECK(client.echoed == messages);
    CHECK(client.wrong == 0);
    ++owned[node.port->owner_of(client)];
  }
  CHECK(owned[0] > 0);
  CHECK(owned[1] > 0);
  const auto snapshots = node.snapshots();
  for (std::uint32_t i = 0; i < workers; ++i) {
    const WorkerStats& stats = snapshots[i].worker;
    CHECK(stats.sessions_opened == owned[i]);
    // All that came in by a port was somebody else's.
    CHECK(stats.steered_wrong >= owned[1 - i] * messages);
    CHECK(stats.handed_out >= owned[1 - i] * messages);
    CHECK(stats.handed_in >= owned[i] * messages);
    CHECK((stats.sleeps > 0) == adaptive);
  }
  for (const Unmapped& part : read_only) {
    INFO(part.piece.bytes << " B of worker " << part.piece.owner << " were written to and are in no map");
    CHECK(std::memcmp(part.before.data(), reinterpret_cast<const void*>(part.piece.first), part.piece.bytes) == 0);
  }
}

TEST_CASE("cores: that one worker carries everything is a figure in telemetry") {
  TwoWorkers node(false, Steering::to_first_owner, 0xffffffff);
  const auto entry = [&](const char* name) { return *control::report_workers(node.snapshots()).find(name); };
  const auto spread = [&] { return std::get<std::uint64_t>(entry("busy_percent_spread")); };
  std::uint64_t seen = 0;
  node.run([&] {
    if (node.snapshots()[0].sequence > 0 && node.snapshots()[1].sequence > 0) seen = spread();
    return seen >= 50;
  });
  CHECK(seen >= 50);
  CHECK(std::get<std::vector<std::uint64_t>>(entry("steered_wrong")) == std::vector<std::uint64_t>{0, 0});
  const auto snapshots = node.snapshots();
  CHECK(snapshots[0].worker.sessions_opened == clients);
  CHECK(snapshots[1].worker.sessions_opened == 0);
  CHECK(snapshots[0].worker.cycles_busy > snapshots[1].worker.cycles_busy);
}
