// The oracle: what it sends and when, told of fates by a path of one number that is kept here.
#include "sim/oracle.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <vector>

#include "base/rng.hpp"

namespace penstock::sim {

namespace {

constexpr Duration round_trip = Duration::ms(20);
Instant at(std::int64_t us) { return Instant::at_us(us); }

std::vector<std::uint32_t> all_of(Oracle& oracle, Instant now) {
  std::vector<std::uint32_t> numbers;
  while (const auto number = oracle.poll_transmit(now)) numbers.push_back(*number);
  return numbers;
}

void hand_in(Oracle& oracle, std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) oracle.add();
}

}  // namespace

TEST_CASE("an oracle sends its window at once when the link has no rate") {
  Oracle oracle(4, 0);
  CHECK(oracle.drained());
  CHECK(oracle.next_deadline().is_never());
  hand_in(oracle, 6);
  CHECK(oracle.next_deadline() == at(0));
  CHECK(all_of(oracle, at(0)) == std::vector<std::uint32_t>{0, 1, 2, 3});
  CHECK(!oracle.drained());
  // Nothing is known yet, so that there is nothing to wait for.
  CHECK(oracle.next_deadline().is_never());
}

TEST_CASE("an oracle knows of a loss when it is told, not before, and sends that segment first and nothing twice") {
  Oracle oracle(4, 0);
  hand_in(oracle, 6);
  all_of(oracle, at(0));
  for (std::uint32_t number = 0; number < 4; ++number) oracle.on_fate(number, number == 1, at(0) + round_trip);
  CHECK(oracle.next_deadline() == at(20'000));
  CHECK(all_of(oracle, at(19'999)).empty());
  CHECK(oracle.una() == 0);
  // 0 has arrived, so 4 may go; 5 lies beyond the window, which begins at the missing 1.
  CHECK(all_of(oracle, at(20'000)) == std::vector<std::uint32_t>{1, 4});
  CHECK(oracle.una() == 1);
  CHECK(all_of(oracle, at(30'000)).empty());
  oracle.on_fate(1, true, at(40'000));
  oracle.on_fate(4, false, at(40'000));
  CHECK(all_of(oracle, at(40'000)) == std::vector<std::uint32_t>{1});
  oracle.on_fate(1, false, at(60'000));
  CHECK(all_of(oracle, at(60'000)) == std::vector<std::uint32_t>{5});
  CHECK(oracle.una() == 5);
  oracle.on_fate(5, false, at(80'000));
  CHECK(all_of(oracle, at(80'000)).empty());
  CHECK(oracle.drained());
}

TEST_CASE("an oracle keeps to the link's rate, to the nanosecond over many segments") {
  // A segment each 2.5 µs: the clock is finer than that by less than a segment.
  Oracle oracle(1'000'000, 2'500);
  hand_in(oracle, 4000);
  std::int64_t sent = 0;
  for (Instant now = oracle.next_deadline(); now < at(10'000); now = oracle.next_deadline()) {
    const auto number = oracle.poll_transmit(now);
    REQUIRE(number);
    REQUIRE(*number == sent++);
    REQUIRE(sent * 2'500 <= now.count_us() * 1'000 + 2'500 + 999);
  }
  CHECK(sent == 4000);
}

TEST_CASE("an oracle that was idle does not make up for it") {
  Oracle oracle(100, 10'000);
  hand_in(oracle, 1);
  CHECK(all_of(oracle, at(0)).size() == 1);
  hand_in(oracle, 10);
  CHECK(all_of(oracle, at(5)).empty());
  CHECK(oracle.next_deadline() == at(10));
  CHECK(all_of(oracle, at(5'000)).size() == 1);
}

TEST_CASE("with spare copies what was lost so often goes out twice, and only the loss of both is another loss") {
  Oracle oracle(8, 0, 2);
  hand_in(oracle, 2);
  all_of(oracle, at(0));
  oracle.on_fate(0, true, at(20));
  oracle.on_fate(1, false, at(20));
  CHECK(all_of(oracle, at(20)) == std::vector<std::uint32_t>{0});
  oracle.on_fate(0, true, at(40));
  CHECK(all_of(oracle, at(40)) == std::vector<std::uint32_t>{0, 0});
  oracle.on_fate(0, true, at(60));
  oracle.on_fate(0, true, at(61));
  CHECK(all_of(oracle, at(60)).empty());
  CHECK(all_of(oracle, at(61)) == std::vector<std::uint32_t>{0, 0});
  oracle.on_fate(0, false, at(80));
  oracle.on_fate(0, true, at(80));
  CHECK(all_of(oracle, at(80)).empty());
  CHECK(oracle.drained());
}

TEST_CASE("a spare copy that still waits for the link is not sent once it is needless") {
  Oracle oracle(8, 100'000, 1);
  hand_in(oracle, 1);
  CHECK(oracle.poll_transmit(at(0)) == 0);
  oracle.on_fate(0, true, at(200));
  CHECK(oracle.poll_transmit(at(200)) == 0);
  CHECK(oracle.next_deadline() == at(300));
  oracle.on_fate(0, false, at(250));
  CHECK(!oracle.poll_transmit(at(300)));
  CHECK(oracle.next_deadline().is_never());
  CHECK(oracle.drained());
}

TEST_CASE("over a lossy path an oracle never exceeds its window, and sends again exactly what was lost") {
  constexpr std::uint32_t window = 64;
  constexpr std::uint32_t count = 5000;
  Rng rng(7);
  Oracle oracle(window, 40'000);
  hand_in(oracle, count);
  std::map<std::uint32_t, std::uint32_t> sent, lost;
  std::uint64_t losses = 0;
  Instant now;
  for (; !oracle.drained(); now = later(oracle.next_deadline(), now + Duration::us(1))) {
    REQUIRE(now < at(100'000'000));
    while (const auto number = oracle.poll_transmit(now)) {
      REQUIRE(*number < oracle.una() + window);
      // The first copy, or one for each that was lost before.
      REQUIRE(sent[*number]++ == lost[*number]);
      const bool lose = rng.chance_ppm(100'000);
      if (lose) ++lost[*number], ++losses;
      oracle.on_fate(*number, lose, now + round_trip);
    }
  }
  CHECK(losses > 400);
  CHECK(sent.size() == count);
  CHECK(oracle.una() == count);
}

}  // namespace penstock::sim
