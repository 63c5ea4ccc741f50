// Shows that a reader of Published gets a whole snapshot or none, never a mixture of two, and never an older one than
// before.
// How: a writer publishes snapshots whose words all say the same number while two threads read; ThreadSanitizer watches.
#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdint>
#include <thread>

#include "engine/stats.hpp"

using namespace penstock;

namespace {

// As large as a snapshot, and every word of it is the same.
struct Uniform {
  std::array<std::uint64_t, sizeof(StatsSnapshot) / sizeof(std::uint64_t)> words{};
};

struct Tally {
  std::uint64_t read = 0;
  std::uint64_t busy = 0;
  bool whole = true;
  bool forward = true;
};

void read_until(const std::atomic<bool>& done, const Published<Uniform>& published, Tally& tally) {
  Uniform seen;
  std::uint64_t last = 0;
  while (!done.load()) {
    if (!published.read(seen)) {
      ++tally.busy;
      continue;
    }
    ++tally.read;
    for (const std::uint64_t word : seen.words) tally.whole = tally.whole && word == seen.words[0];
    tally.forward = tally.forward && seen.words[0] >= last;
    last = seen.words[0];
  }
}

}  // namespace

TEST_CASE("a snapshot is read whole while it is being written", "[published]") {
  Published<Uniform> published;
  std::atomic<bool> done = false;
  std::array<Tally, 2> tallies;
  std::thread first([&] { read_until(done, published, tallies[0]); });
  std::thread second([&] { read_until(done, published, tallies[1]); });
  Uniform value;
  for (std::uint64_t number = 1; number <= 3'000; ++number) {
    value.words.fill(number);
    published.publish(value);
    // A worker publishes twenty times a second; without a pause readers would find it writing nearly always.
    std::this_thread::yield();
  }
  // Both readers have read at least once before the end.
  while (!published.read(value)) std::this_thread::yield();
  done = true;
  first.join();
  second.join();
  for (const Tally& tally : tallies) {
    CHECK(tally.read + tally.busy > 0);
    CHECK(tally.whole);
    CHECK(tally.forward);
  }
  CHECK(value.words[0] == 3'000);
}

TEST_CASE("before the first snapshot there are zeros", "[published]") {
  const Published<Uniform> published;
  Uniform seen;
  seen.words.fill(7);
  REQUIRE(published.read(seen));
  CHECK(seen.words[0] == 0);
}
