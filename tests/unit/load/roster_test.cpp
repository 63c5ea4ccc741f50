// Shows that each session's requests come back in their order with the moments they were due, whatever others do, and
// that requests in flight are bounded and all given back.
#include "load/roster.hpp"

#include <catch2/catch.hpp>
#include <deque>

#include "aborts.hpp"
#include "base/rng.hpp"

using namespace penstock;
using namespace penstock::load;
using namespace penstock::test;

namespace {

struct Bench {
  explicit Bench(std::uint32_t sessions = 8, std::uint32_t requests = 16)
      : memory(Roster::cost(sessions, requests)), arena(memory.bytes()), roster(arena, sessions, requests) {}
  HeapMemory memory;
  Arena arena;
  Roster roster;
};

SessionId id_of(std::uint32_t session) { return SessionId(session, 1, 0); }

}  // namespace

TEST_CASE("a roster agrees with queues, session by session", "[roster]") {
  Bench bench;
  Roster& roster = bench.roster;
  std::vector<std::deque<std::uint64_t>> model(8);
  Rng rng(5);
  for (std::uint32_t s = 0; s < 8; ++s) roster.connect(s, id_of(s));
  std::uint32_t in_flight = 0;
  for (std::uint64_t step = 0; step < 10'000; ++step) {
    const auto session = static_cast<std::uint32_t>(rng.below(8));
    if (rng.below(2) == 0 && roster.room() > 0) {
      roster.send(session, step);
      model[session].push_back(step);
      ++in_flight;
    } else if (!model[session].empty()) {
      REQUIRE(roster.answer(session) == model[session].front());
      model[session].pop_front();
      --in_flight;
    }
    REQUIRE(roster.outstanding(session) == model[session].size());
    REQUIRE(roster.in_flight() == in_flight);
    REQUIRE(roster.in_flight() + roster.room() == 16);
  }
  CHECK(roster.sent(3) - roster.answered(3) == model[3].size());
}

TEST_CASE("a run without answers counts messages, all together and by session", "[roster]") {
  Bench bench(4, 0);
  Roster& roster = bench.roster;
  roster.connect(1, id_of(1));
  roster.connect(2, id_of(2));
  for (int i = 0; i < 5; ++i) roster.post(1);
  roster.post(2);
  roster.acknowledge(1, 3);
  CHECK(roster.sent(1) == 5);
  CHECK(roster.answered(1) == 3);
  CHECK(roster.outstanding(1) == 2);
  CHECK(roster.in_flight() == 3);
  CHECK(roster.disconnect(1) == 2);
  CHECK(roster.in_flight() == 1);
  CHECK(aborts([&] { roster.acknowledge(2, 2); }));
  Bench other;
  other.roster.connect(1, id_of(1));
  CHECK(aborts([&] { other.roster.post(1); }));
}

TEST_CASE("a session that ends gives its requests up, and may begin again", "[roster]") {
  Bench bench;
  Roster& roster = bench.roster;
  CHECK_FALSE(roster.connected(2));
  roster.connect(2, id_of(9));
  CHECK(roster.connected(2));
  CHECK(roster.id(2) == id_of(9));
  CHECK(roster.connections() == 1);
  for (int i = 0; i < 3; ++i) roster.send(2, 7);
  CHECK(roster.disconnect(2) == 3);
  CHECK(roster.in_flight() == 0);
  CHECK(roster.connections() == 0);
  roster.connect(2, id_of(10));
  // Numbers go on, so that the contents of the next connection are new.
  CHECK(roster.sent(2) == 3);
  CHECK(roster.answered(2) == 3);
  CHECK(roster.disconnect(2) == 0);
}

TEST_CASE("a roster is used as it is meant to be", "[roster]") {
  Bench bench(2, 1);
  Roster& roster = bench.roster;
  roster.connect(0, id_of(0));
  CHECK(aborts([&] { roster.connect(0, id_of(1)); }));
  CHECK(aborts([&] { roster.disconnect(1); }));
  CHECK(aborts([&] { roster.answer(0); }));
  roster.send(0, 1);
  CHECK(aborts([&] { roster.send(0, 2); }));
}
