// Shows that picks are in turn, even, or by Zipf's law, that they keep to the active sessions, and repeat with their seed.
// How: counts of many draws against what they should be.
#include "load/picker.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <set>
#include <vector>

using namespace penstock;
using namespace penstock::load;

namespace {

RunPlan plan_of(Pick pick, std::uint32_t sessions, std::uint32_t active) {
  RunPlan plan;
  plan.pick = pick;
  plan.sessions = sessions;
  plan.active = active;
  return plan;
}

}  // namespace

TEST_CASE("in turn every active session comes once a round", "[picker]") {
  Picker picker(plan_of(Pick::round_robin, 100, 10), Rng(1));
  for (int round = 0; round < 3; ++round) {
    for (std::uint32_t rank = 0; rank < 10; ++rank) CHECK(picker.next() == rank * 10);
  }
}

TEST_CASE("active sessions are spread over all and never beyond", "[picker]") {
  const auto [sessions, active] =
      GENERATE(table<std::uint32_t, std::uint32_t>({{10'000'000, 100'000}, {1000, 1000}, {10, 3}, {7, 1}}));
  const Picker picker(plan_of(Pick::uniform, sessions, active), Rng(1));
  CHECK(picker.session_of(0) == 0);
  CHECK(picker.session_of(active - 1) < sessions);
  CHECK(picker.session_of(active - 1) >= (active - 1) * (sessions / active));
}

TEST_CASE("by chance each is as likely as the others", "[picker]") {
  Picker picker(plan_of(Pick::uniform, 10, 10), Rng(3));
  std::vector<int> seen(10);
  for (int i = 0; i < 100'000; ++i) ++seen[picker.next()];
  for (const int count : seen) CHECK(std::abs(count - 10'000) < 500);
}

TEST_CASE("Zipf's law holds for any exponent, and for a single session", "[picker]") {
  const double exponent = GENERATE(0.5, 0.99, 1.0, 1.5);
  const Zipf zipf(1000, static_cast<std::uint32_t>(exponent * 1000));
  Rng rng(7);
  constexpr int draws = 200'000;
  std::vector<int> seen(1000);
  for (int i = 0; i < draws; ++i) ++seen[zipf.draw(rng)];
  double sum = 0;
  for (int k = 1; k <= 1000; ++k) sum += std::pow(k, -exponent);
  for (const int rank : {1, 2, 3, 10, 100}) {
    const double expected = draws * std::pow(rank, -exponent) / sum;
    INFO("exponent " << exponent << ", rank " << rank << ": " << seen[static_cast<std::size_t>(rank - 1)]);
    CHECK(std::abs(seen[static_cast<std::size_t>(rank - 1)] - expected) < 6 * std::sqrt(expected) + 1);
  }
  CHECK(Zipf(1, 990).draw(rng) == 0);
}

TEST_CASE("the same seed picks the same", "[picker]") {
  const RunPlan plan = plan_of(GENERATE(Pick::uniform, Pick::zipf), 1000, 500);
  Picker a(plan, Rng(4));
  Picker b(plan, Rng(4));
  Picker c(plan, Rng(5));
  int different = 0;
  for (int i = 0; i < 200; ++i) {
    const std::uint32_t session = a.next();
    CHECK(session == b.next());
    different += session != c.next() ? 1 : 0;
  }
  CHECK(different > 50);
}
