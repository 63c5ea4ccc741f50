// One direction of a virtual path: its delay, rate, queue and losses, and that each fate is told once and in time.
#include "path/lane.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

#include "diff/ledger.hpp"

namespace penstock::path {

namespace {

using Bytes = std::vector<std::uint8_t>;
Instant at(std::int64_t us) { return Instant::at_us(us); }

struct Fates final : FateWatch {
  struct Fate {
    std::uint8_t first;
    bool lost;
    Instant now;
    bool operator==(const Fate&) const = default;
  };
  void on_fate(std::span<const std::uint8_t> datagram, bool lost, Instant now) override {
    all.push_back({datagram[0], lost, now});
  }
  std::vector<Fate> all;
};

LaneOptions plain() {
  LaneOptions options;
  options.delay = Duration::ms(10);
  return options;
}

}  // namespace

TEST_CASE("a lane without a rate delays, and tells at once that nothing was lost") {
  Fates fates;
  Lane lane(plain(), Rng(1), &fates);
  CHECK(lane.next_deadline().is_never());
  lane.offer(Bytes{1, 2, 3}, at(5));
  lane.offer(Bytes{4}, at(5));
  CHECK(fates.all == std::vector<Fates::Fate>{{1, false, at(5)}, {4, false, at(5)}});
  CHECK(lane.next_deadline() == at(10'005));
  CHECK(!lane.poll(at(10'004)));
  const auto first = lane.poll(at(10'005));
  REQUIRE(first);
  CHECK(Bytes(first->bytes().begin(), first->bytes().end()) == Bytes{1, 2, 3});
  CHECK(lane.poll(at(10'005))->bytes()[0] == 4);
  CHECK(!lane.poll(at(10'005)));
}

TEST_CASE("a bottleneck sends one after the other, and a fate is settled when the last bit has left") {
  Fates fates;
  LaneOptions options = plain();
  options.rate_bits_per_second = 8'000'000;  // a byte a µs
  Lane lane(options, Rng(1), &fates);
  lane.offer(Bytes(100, 1), at(0));
  lane.offer(Bytes(50, 2), at(0));
  CHECK(lane.queued_bytes() == 150);
  CHECK(fates.all.empty());
  CHECK(lane.next_deadline() == at(100));
  // Looked at late, each has left when it did.
  CHECK(!lane.poll(at(10'099)));
  CHECK(fates.all == std::vector<Fates::Fate>{{1, false, at(100)}, {2, false, at(150)}});
  CHECK(lane.queued_bytes() == 0);
  CHECK(lane.poll(at(10'100))->bytes()[0] == 1);
  CHECK(!lane.poll(at(10'149)));
  CHECK(lane.poll(at(10'150))->bytes()[0] == 2);
}

TEST_CASE("a queue of bytes takes what fits, and what does not is lost at once") {
  Fates fates;
  LaneOptions options = plain();
  options.rate_bits_per_second = 8'000'000;
  options.queue_bytes = 250;
  Lane lane(options, Rng(1), &fates);
  lane.offer(Bytes(100, 1), at(0));
  lane.offer(Bytes(100, 2), at(0));
  lane.offer(Bytes(100, 3), at(0));
  CHECK(fates.all == std::vector<Fates::Fate>{{3, true, at(0)}});
  // A smaller one still fits.
  lane.offer(Bytes(50, 4), at(0));
  CHECK(lane.queued_bytes() == 250);
  CHECK(lane.refused() == 1);
  // The first has left at 100 µs, so another one fits.
  lane.offer(Bytes(100, 5), at(100));
  CHECK(lane.refused() == 1);
  CHECK(lane.queued_bytes() == 250);
  CHECK(lane.queued_bytes_most() == 250);
  std::size_t arrived = 0;
  while (lane.poll(at(1'000'000))) ++arrived;
  CHECK(arrived == 4);
}

TEST_CASE("what the way loses has used the bottleneck's time") {
  Fates fates;
  LaneOptions options = plain();
  options.rate_bits_per_second = 8'000'000;
  options.loss_ppm = 1'000'000;
  Lane lane(options, Rng(1), &fates);
  lane.offer(Bytes(100, 1), at(0));
  lane.offer(Bytes(100, 2), at(0));
  CHECK(!lane.poll(at(1'000'000)));
  CHECK(fates.all == std::vector<Fates::Fate>{{1, true, at(100)}, {2, true, at(200)}});
  CHECK(lane.lost() == 2);
  CHECK(lane.refused() == 0);
}

TEST_CASE("losses are as many as asked for, whatever the size, and the same for the same seed") {
  LaneOptions options = plain();
  options.loss_ppm = 50'000;
  const auto run = [&](std::uint64_t seed, std::size_t bytes) {
    Fates fates;
    Lane lane(options, Rng(seed), &fates);
    for (std::int64_t i = 0; i < 100'000; ++i) {
      lane.offer(Bytes(bytes, 1), at(i * 20'000));
      while (lane.poll(at(i * 20'000))) {}
    }
    std::vector<bool> lost;
    for (const Fates::Fate& fate : fates.all) lost.push_back(fate.lost);
    return lost;
  };
  const auto small = run(1, 20);
  const auto lost = static_cast<std::size_t>(std::count(small.begin(), small.end(), true));
  CHECK(small.size() == 100'000);
  // 5,000 expected, give or take 5 standard deviations of 69.
  CHECK(lost > 4'655);
  CHECK(lost < 5'345);
  CHECK(run(1, 1400) == small);
  CHECK(run(2, 20) != small);
}

TEST_CASE("what a lane was not made for is an error, not a loss") {
  LaneOptions options = plain();
  options.datagram_bytes_max = 100;
  options.datagrams_max = 2;
  Lane lane(options, Rng(1), nullptr);
  CHECK_THROWS_AS(lane.offer(Bytes(101), at(0)), diff::Broken);
  lane.offer(Bytes(100), at(0));
  lane.offer(Bytes(100), at(0));
  CHECK_THROWS_AS(lane.offer(Bytes(100), at(0)), diff::Broken);
}

}  // namespace penstock::path
