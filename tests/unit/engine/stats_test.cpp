// Shows that Published hands out what was published last, whole, and nothing while a writer is at work; and that the drop
// rows are divided into those of reception, which the snapshot equation sums, and those of transmission.
// How: one thread writes and reads in turn; a write in progress is played by its sequence number. tests/threads has real ones.
#include "engine/stats.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>

using namespace penstock;

namespace {

struct Words {
  std::uint64_t word[100] = {};
};

// The sequence number is the first member; an odd one says that the writer is at work.
std::atomic<std::uint64_t>& sequence_of(Published<Words>& published) {
  return *reinterpret_cast<std::atomic<std::uint64_t>*>(&published);
}

}  // namespace

TEST_CASE("what was published last is read, whole, as often as one likes", "[stats]") {
  Published<Words> published;
  Words value, seen;
  seen.word[7] = 1;
  REQUIRE(published.read(seen));
  CHECK(seen.word[7] == 0);
  for (std::uint64_t round = 1; round <= 5; ++round) {
    for (std::uint64_t i = 0; i < 100; ++i) value.word[i] = round * 1000 + i;
    published.publish(value);
    for (int times = 0; times < 2; ++times) {
      seen = {};
      REQUIRE(published.read(seen));
      for (std::uint64_t i = 0; i < 100; ++i) REQUIRE(seen.word[i] == round * 1000 + i);
    }
    CHECK(sequence_of(published).load() == 2 * round);
  }
}

TEST_CASE("while a write is going on there is nothing to read, and reading ends all the same", "[stats]") {
  Published<Words> published;
  published.publish({});
  Words seen;
  ++sequence_of(published);
  CHECK_FALSE(published.read(seen));
  ++sequence_of(published);
  CHECK(published.read(seen));
}

TEST_CASE("a whole snapshot passes", "[stats]") {
  const auto published = std::make_unique<Published<StatsSnapshot>>();
  const auto snapshot = std::make_unique<StatsSnapshot>();
  snapshot->taken_at_us = -5;
  snapshot->worker.mails = 3;
  snapshot->drops.back() = 4;
  snapshot->listeners.back().closed.back() = 5;
  snapshot->histograms.back().record(6);
  published->publish(*snapshot);
  const auto seen = std::make_unique<StatsSnapshot>();
  REQUIRE(published->read(*seen));
  CHECK(seen->taken_at_us == -5);
  CHECK(seen->worker.mails == 3);
  CHECK(seen->drops.back() == 4);
  CHECK(seen->listeners.back().closed.back() == 5);
  CHECK(std::memcmp(seen.get(), snapshot.get(), sizeof(StatsSnapshot)) == 0);
}

TEST_CASE("every drop row named for transmission is one, and no other", "[stats]") {
  const std::array transmit = {
      "tx_refused",          "neighbor_pending_full", "neighbor_unresolved", "no_route",       "mtu_exceeded",
      "tx_ring_full",        "tx_link_down",          "no_tx_block",         "impair_tx_lost", "impair_tx_burst_lost",
      "impair_tx_partition", "impair_tx_blackhole",   "impair_tx_queue_full"};
  std::size_t count = 0;
  for (std::size_t i = 0; i < net::drop_reason_count; ++i) {
    const bool listed = std::ranges::find(transmit, net::drop_reason_names[i]) != transmit.end();
    INFO(net::drop_reason_names[i]);
    CHECK(net::is_transmit(static_cast<net::DropReason>(i)) == listed);
    count += listed;
  }
  CHECK(count == transmit.size());
}
