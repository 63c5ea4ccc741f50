// Shows two whole workers on two threads over a port whose RSS promises one thing and whose wire does another: each flow comes
// to the worker that does not own it, is handed over, and every byte is echoed; that the two share no cache line but the
// hand-off rings, with nothing that they write to missing from their memory maps; and that telemetry tells of a worker that
// carries everything beside one that carries nothing; and that pools which run dry under load are no end of it.
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

// Takes every mbuf of the workers' pools, and those that come free, as who never gives back would.
class Hoarder {
 public:
  explicit Hoarder(std::span<const std::unique_ptr<Seat>> seats) : seats_(seats) {}
  ~Hoarder() { give_back(); }
  Hoarder(const Hoarder&) = delete;
  Hoarder& operator=(const Hoarder&) = delete;

  // How many there were.
  std::size_t take() {
    const std::size_t before = held_.size();
    for (const auto& seat : seats_) {
      while (rte_mbuf* mbuf = rte_pktmbuf_alloc(seat->pool().mempool())) held_.push_back(mbuf);
    }
    return held_.size() - before;
  }
  void give_back() {
    for (rte_mbuf* mbuf : held_) rte_pktmbuf_free(mbuf);
    held_.clear();
    // What stayed in this thread's caches the workers would not get.
    for (const auto& seat : seats_) seat->pool().flush_lcore_cache();
  }
  std::size_t held() const { return held_.size(); }

 private:
  std::span<const std::unique_ptr<Seat>> seats_;
  std::vector<rte_mbuf*> held_;
};

// Whether a drop may come of a pool that is dry.
bool is_of_a_dry_pool(net::DropReason reason) {
  using enum net::DropReason;
  return reason == rx_copy_no_block || reason == kcp_no_memory || reason == no_tx_block || reason == handoff_full;
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

TEST_CASE("cores: pools that run dry under load stop it, and all goes on once the mbufs come back") {
  using Clock = std::chrono::steady_clock;
  TwoWorkers node(false, Steering::wrongly, 0xffffffff);
  Hoarder hoarder(node.seats);
  std::array<std::uint32_t, clients> before{};
  std::array<std::uint32_t, clients> stopped{};
  bool stands_still = false;
  bool goes_on = false;
  int rounds = 0;  // since all was done, so that the rings between the workers are empty and all is published
  const auto grown = [&](const std::array<std::uint32_t, clients>& since) {
    const auto now = node.port->echoed();
    return std::ranges::equal(now, since, std::ranges::greater());
  };
  node.run([&] {
    if (goes_on) return node.port->all_done() && ++rounds > 2;
    if (stands_still) {
      goes_on = grown(stopped);
      if (goes_on) node.port->enough();
      return false;
    }
    if (!grown(before)) return false;
    // Until nothing came free and nothing was echoed for a while.
    const auto limit = Clock::now() + std::chrono::seconds(10);
    auto moved_at = Clock::now();
    while (!stands_still && Clock::now() < limit) {
      const auto echoed = node.port->echoed();
      if (hoarder.take() > 0 || echoed != stopped) moved_at = Clock::now();
      stopped = echoed;
      stands_still = Clock::now() - moved_at > std::chrono::milliseconds(200);
    }
    for (const auto& seat : node.seats) CHECK(seat->pool().available() == 0);
    hoarder.give_back();
    return !stands_still;
  });
  CHECK(stands_still);
  CHECK(hoarder.held() == 0);
  CHECK(goes_on);
  CHECK(rounds > 2);
  for (const Client& client : node.port->all()) {
    INFO("client " << client.number);
    CHECK(client.wrong == 0);
  }
  // That every mbuf is back is the rig's last check.
  for (const StatsSnapshot& snapshot : node.snapshots()) {
    for (std::size_t i = 0; i < net::drop_reason_count; ++i) {
      const auto reason = static_cast<net::DropReason>(i);
      INFO(net::name_of(reason));
      if (!is_of_a_dry_pool(reason)) CHECK(snapshot.drops[i] == 0);
    }
  }
}
