// Shows which turns each shape hands out, when, and that turns are neither lost nor multiplied.
// How: a Shape by itself, in time that the test sets.
#include "load/shape.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "aborts.hpp"

using namespace penstock;
using namespace penstock::load;
using penstock::test::aborts;

namespace {

struct Bench {
  explicit Bench(const RunPlan& plan) : memory(Shape::cost(plan)), arena(memory.bytes()), shape(arena, plan, Rng(1)) {
    shape.begin(0);
  }
  // Takes every turn that is due.
  std::vector<std::uint32_t> take(std::uint64_t now_ns) {
    std::vector<std::uint32_t> sessions;
    while (const auto turn = shape.next(now_ns)) {
      sessions.push_back(turn->session);
      last_due_ns = turn->due_ns;
      shape.sent();
      if (sessions.size() > 10'000) break;
    }
    return sessions;
  }
  HeapMemory memory;
  Arena arena;
  Shape shape;
  std::uint64_t last_due_ns = 0;
};

RunPlan plan_of(ShapeKind shape, std::uint32_t sessions, std::uint32_t depth) {
  RunPlan plan;
  plan.shape = shape;
  plan.sessions = plan.active = sessions;
  plan.depth = depth;
  plan.pick = Pick::round_robin;
  plan.requests_in_flight_max = 64;
  return plan;
}

using Sessions = std::vector<std::uint32_t>;

}  // namespace

TEST_CASE("looping sessions begin once, and go on when they are answered", "[shape]") {
  RunPlan plan = plan_of(ShapeKind::closed, 4, 4);
  plan.pick = Pick::same;
  Bench bench(plan);
  CHECK(bench.shape.loops());
  CHECK(bench.take(0) == Sessions{0, 1, 2, 3});
  CHECK(bench.take(1'000'000).empty());
  CHECK(bench.shape.next_due_ns() == Shape::never_ns);
  CHECK(bench.shape.answered(2, 500));
}

TEST_CASE("a looping session that thinks comes back when it has thought", "[shape]") {
  RunPlan plan = plan_of(ShapeKind::closed, 4, 4);
  plan.pick = Pick::same;
  plan.think_us = 10;
  Bench bench(plan);
  bench.take(0);
  CHECK_FALSE(bench.shape.answered(2, 500));
  CHECK_FALSE(bench.shape.answered(1, 700));
  CHECK(bench.shape.next_due_ns() == 10'500);
  CHECK(bench.take(10'499).empty());
  CHECK(bench.take(10'500) == Sessions{2});
  CHECK(bench.take(20'000) == Sessions{1});
  CHECK(bench.shape.next_due_ns() == Shape::never_ns);
}

TEST_CASE("as many turns go round as the depth says, each to the session whose turn it is", "[shape]") {
  Bench bench(plan_of(ShapeKind::closed, 10, 3));
  CHECK_FALSE(bench.shape.loops());
  CHECK(bench.take(0) == Sessions{0, 1, 2});
  CHECK(bench.take(5).empty());
  for (std::uint32_t i = 0; i < 20; ++i) {
    CHECK_FALSE(bench.shape.answered(i, 10));
    CHECK(bench.take(10) == Sessions{(3 + i) % 10});
    CHECK(bench.last_due_ns == 10);
  }
}

TEST_CASE("a session that cannot send leaves its turn to another, or the turn rests", "[shape]") {
  Bench bench(plan_of(ShapeKind::closed, 10, 2));
  const auto turn = bench.shape.next(0);
  REQUIRE(turn);
  CHECK(turn->session == 0);
  CHECK(bench.shape.next(0)->session == 0);  // the same until it is used
  CHECK(bench.shape.pick_again().session == 1);
  CHECK(bench.shape.pick_again().session == 2);
  bench.shape.refused(0);
  CHECK_FALSE(bench.shape.next(Shape::retry_ns - 1));
  CHECK(bench.shape.next_due_ns() == Shape::retry_ns);
  CHECK(bench.take(Shape::retry_ns) == Sessions{3, 4});
}

TEST_CASE("paced turns are due by the clock, late or not", "[shape]") {
  RunPlan plan = plan_of(GENERATE(ShapeKind::open, ShapeKind::churn), 10, 4);
  plan.rate = 1000;
  Bench bench(plan);
  CHECK(bench.take(0) == Sessions{0});
  CHECK(bench.shape.next_due_ns() == 1'000'000);
  CHECK(bench.take(999'999).empty());
  // After a stall all of them are there, each with the moment it was due.
  CHECK(bench.take(5'500'000) == Sessions{1, 2, 3, 4, 5});
  CHECK(bench.last_due_ns == 5'000'000);
  // What is refused stays due.
  REQUIRE(bench.shape.next(6'000'000));
  bench.shape.refused(6'000'000);
  const auto again = bench.shape.next(6'000'000 + Shape::retry_ns);
  REQUIRE(again);
  CHECK(again->due_ns == 6'000'000);
  CHECK_FALSE(bench.shape.answered(1, 0));
}

TEST_CASE("bursts come whole, one a period", "[shape]") {
  RunPlan plan = plan_of(ShapeKind::burst, 10, 5);
  plan.think_us = 1000;
  Bench bench(plan);
  CHECK(bench.take(0) == Sessions{0, 1, 2, 3, 4});
  CHECK(bench.shape.next_due_ns() == 1'000'000);
  CHECK(bench.take(999'999).empty());
  CHECK(bench.take(1'000'000) == Sessions{5, 6, 7, 8, 9});
  CHECK(bench.last_due_ns == 1'000'000);
}

TEST_CASE("first turns come over the ramp", "[shape]") {
  RunPlan plan = plan_of(ShapeKind::closed, 100, 100);
  plan.pick = GENERATE(Pick::same, Pick::round_robin);
  plan.ramp_s = 10;
  Bench bench(plan);
  CHECK(bench.take(0).size() == 1);
  CHECK(bench.take(1'000'000'000).size() == 10);
  CHECK(bench.take(20'000'000'000).size() == 89);
  CHECK(bench.take(30'000'000'000).empty());
}

TEST_CASE("shapes without turns have none", "[shape]") {
  Bench bench(plan_of(GENERATE(ShapeKind::idle, ShapeKind::connect, ShapeKind::disconnect), 10, 5));
  CHECK(bench.take(1'000'000'000).empty());
  CHECK(bench.shape.next_due_ns() == Shape::never_ns);
  CHECK(aborts([&] { bench.shape.sent(); }));
}
