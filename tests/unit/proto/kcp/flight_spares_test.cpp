// Shows what a thin flow does about a loss: one arrival tells it, spares follow some time apart, the more the more is lost; that none
// of them is taken for a sign of reordering, and that no controller holds such a flow back.
// How: a Sender alone, acknowledged by hand; "x" is all that is queued. Spares of other flows: sender_by_time_test.cpp.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <string>

#include "proto/kcp/by_time_bench.hpp"

using namespace penstock;
using namespace penstock::kcp;
using namespace penstock::kcp::test;

using Bench = SenderBench;

namespace {

// A game: a message each few ms, a way of 10 ms, and of the first copies each `every`-th lost.
class Game {
 public:
  Game(Bench& bench, std::uint32_t every, std::uint32_t period_ms = 3)
      : bench_(bench), every_(every), period_ms_(period_ms) {}

  void play(std::uint32_t messages) {
    for (std::uint32_t i = 0; i < period_ms_ * messages; ++i, us_ += 1000) {
      if (i % period_ms_ == 0) bench_.send_many(1);
      hear();
      for (const std::uint32_t sn : due(bench_, us_)) leave(sn);
    }
  }
  // From now on every copy of the next message is lost; when they leave.
  std::vector<std::int64_t> lose_next() {
    const std::uint32_t lost = bench_.sender.next().raw();
    doomed_ = lost;
    doomed_left_.clear();
    play(15);
    return doomed_left_;
  }
  std::uint32_t doomed() const { return doomed_; }
  // This copy of it arrives after all.
  void hear_late(std::int64_t left_us) {
    acks_.emplace(left_us + 20'000, Bench::Ack{doomed_, static_cast<std::uint32_t>(left_us / 1000)});
  }

 private:
  void leave(std::uint32_t sn) {
    if (sn == doomed_) return doomed_left_.push_back(us_);
    const bool first = sn >= seen_;
    seen_ = std::max(seen_, sn + 1);
    if (first && every_ != 0 && sn % every_ == 0) return;
    acks_.emplace(us_ + 20'000, Bench::Ack{sn, static_cast<std::uint32_t>(us_ / 1000)});
  }
  void hear() {
    std::vector<Bench::Ack> acks;
    for (auto ack = acks_.begin(); ack != acks_.end() && ack->first <= us_; ack = acks_.erase(ack)) {
      acks.push_back(ack->second);
      arrived_.insert(ack->second.sn);
      while (arrived_.contains(una_)) ++una_;
    }
    if (!acks.empty()) bench_.acknowledge(us_, acks, una_);
  }

  Bench& bench_;
  std::uint32_t every_;
  std::uint32_t period_ms_;
  std::int64_t us_ = 100'000;
  std::multimap<std::int64_t, Bench::Ack> acks_;
  std::set<std::uint32_t> arrived_ = {0};
  std::uint32_t una_ = 1;
  std::uint32_t seen_ = 1;
  std::uint32_t doomed_ = 0;
  std::vector<std::int64_t> doomed_left_;
};

// The times at which `sn` leaves, of all that leaves alone until `end`.
std::vector<std::int64_t> departures(Bench& bench, std::uint32_t sn, std::int64_t from, std::int64_t end) {
  std::vector<std::int64_t> times;
  for (std::int64_t us = from; us < end; us = std::max(us + 1, bench.sender.next_resend().count_us())) {
    if (due(bench, us) == Sns{sn}) times.push_back(us);
  }
  return times;
}

// Segment 1 is lost, and 2 shows it at 140'000.
void lose_one(Bench& bench) {
  warm_up(bench);
  bench.send_many(1);
  REQUIRE(bench.write_sns(100'000) == Sns{1});
  bench.send_many(1);
  REQUIRE(bench.write_sns(102'000) == Sns{2});
  bench.acknowledge(122'000, {{2, 102}}, 1);
}

}  // namespace

TEST_CASE("thin: one arrival shows what is lost, and a spare follows a sixth of a round trip later") {
  Bench bench(by_time());
  lose_one(bench);
  CHECK(departures(bench, 1, 122'000, 135'000) == std::vector<std::int64_t>{122'000, 122'000 + 20'000 / 6});
  CHECK(bench.world.counters.retransmit_fast == 2);
  CHECK(bench.world.counters.retransmit_spare == 1);
}

TEST_CASE("thin: spares are not sent once the segment has arrived") {
  Bench bench(by_time());
  lose_one(bench);
  REQUIRE(due(bench, 122'000) == Sns{1});
  bench.acknowledge(123'000, {}, 3);
  CHECK(departures(bench, 1, 123'000, 140'000).empty());
}

TEST_CASE("thin: the more the path loses the more spares follow") {
  const std::uint32_t every = GENERATE(0u, 20u, 6u);  // 0: nothing is lost
  const std::size_t spares = every == 0 ? 1 : every == 20 ? 2 : 3;
  Bench bench(by_time());
  warm_up(bench);
  Game game(bench, every);
  game.play(300);
  CHECK(bench.world.counters.retransmit_spurious == 0);
  CHECK(game.lose_next().size() == 2 + spares);
  CHECK(bench.world.counters.acks_forged == 0);
}

TEST_CASE("thin: whichever copy arrives, it is known, and no sign of reordering") {
  const std::size_t copy = GENERATE(1u, 2u, 3u, 4u);
  Bench bench(by_time());
  warm_up(bench);
  Game game(bench, 6);
  game.play(300);
  const auto left = game.lose_next();
  REQUIRE(left.size() == 5);
  game.hear_late(left[copy]);
  game.play(300);
  CHECK(bench.sender.una().after(Seq32(game.doomed())));
  CHECK(bench.world.counters.acks_forged == 0);
  CHECK(bench.world.counters.retransmit_spurious == 0);
  // So that the first arrival behind a loss still shows it.
  const auto again = game.lose_next();
  REQUIRE(again.size() == 5);
  CHECK(again[1] - again[0] == 23'000);
}

TEST_CASE("thin: a copy that came late after all is known, and from then on one arrival is no proof") {
  Bench bench(by_time());
  lose_one(bench);
  REQUIRE(due(bench, 122'000) == Sns{1});
  bench.acknowledge(123'000, {{1, 100}}, 3);
  CHECK(bench.world.counters.retransmit_spurious == 1);
  bench.send_many(2);
  REQUIRE(bench.write_sns(200'000) == Sns{3, 4});
  bench.acknowledge(220'000, {{4, 200}}, 3);
  CHECK(due(bench, 220'000).empty());
}

TEST_CASE("thin: a probe has spares, one behind a silent one has none") {
  Bench bench(by_time());
  warm_up(bench);
  bench.send_many(1);
  REQUIRE(bench.write_sns(100'000) == Sns{1});
  const std::int64_t first = bench.sender.next_resend().count_us();
  const auto times = departures(bench, 1, first, first + 3 * bench.rtt.rto_us());
  REQUIRE(times.size() >= 3);
  CHECK(times[0] == first);
  CHECK(times[1] == first + 20'000 / 6);
  CHECK(times[2] >= times[1] + bench.rtt.rto_us());
  if (times.size() > 3) CHECK(times[3] >= times[2] + bench.rtt.rto_us());
}

TEST_CASE("thin: a probe asks by another segment while a late copy of the oldest asks already") {
  Bench bench(by_time());
  lose_one(bench);
  bench.send_many(1);
  REQUIRE(bench.write_sns(122'000) == Sns{1, 3});
  REQUIRE(departures(bench, 1, 122'000, 130'000).size() == 1);  // the spare
  // Both are silent. The timer is 3's, and a copy of 1 left less than a round trip before.
  bench.acknowledge(131'000, {}, 1);
  const std::int64_t us = bench.sender.next_resend().count_us();
  REQUIRE(us < 125'333 + 2 * bench.rtt.rto_us());
  CHECK(due(bench, us) == (us < 125'333 + 20'000 ? Sns{3} : Sns{1}));
}

TEST_CASE("thin: what waits to be followed is followed at once when the flow is thin no more") {
  Bench bench(by_time());
  lose_one(bench);
  REQUIRE(due(bench, 122'000) == Sns{1});
  REQUIRE(bench.write_sns(122'500).empty());
  std::string large(1376, 'x');
  for (int i = 0; i < 5; ++i) REQUIRE(bench.send(large) == SendResult::accepted);
  Sns all;
  for (std::size_t more = 1; more > 0;) {
    const Sns sns = bench.write_sns(123'000);
    all.insert(all.end(), sns.begin(), sns.end());
    more = sns.size();
  }
  CHECK(std::ranges::count(all, 1u) == 1);
  CHECK(bench.world.counters.retransmit_spare == 1);
}

TEST_CASE("thin: a segment that never arrives ends the session, though spares make its record short") {
  Options options = by_time();
  options.snd_wnd = 2048;
  Bench bench(options);
  warm_up(bench, 2048);
  Game game(bench, 0, 100);
  game.lose_next();
  std::uint32_t messages = 0;
  for (; messages < 600 && !bench.sender.dead(); ++messages) game.play(1);
  CHECK(bench.sender.dead());
  CHECK(messages > 20);  // 2 s
}
