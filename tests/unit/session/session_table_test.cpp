// Shows that SessionTable opens up to sessions_max sessions, that an id dies with its session, that machines live exactly
// as long as their sessions, and that a walk meets each session that lives through it exactly once.
// How: with a machine that counts its lives, random runs against std::map, and walks under churn.
#include "session/session_table.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "aborts.hpp"
#include "base/rng.hpp"
#include "net/drop_reason.hpp"

using namespace penstock;

namespace {

struct CountingMachine {
  explicit CountingMachine(int tag_given) : tag(tag_given) { ++alive; }
  ~CountingMachine() { --alive; }
  CountingMachine(const CountingMachine&) = delete;
  CountingMachine& operator=(const CountingMachine&) = delete;
  int tag;
  static inline int alive = 0;
};

template <class Machine>
struct Tables {
  explicit Tables(std::uint32_t sessions_max, std::uint8_t worker = 3)
      : memory(SessionTable<Machine>::cost(sessions_max)), arena(memory.bytes()), table(arena, sessions_max, worker) {}
  HeapMemory memory;
  Arena arena;
  SessionTable<Machine> table;
};

}  // namespace

TEST_CASE("an opened session is found, with its machine, until it closes", "[session_table]") {
  Tables<CountingMachine> t(4);
  const SessionId id = t.table.open(7);
  REQUIRE(id.is_valid());
  CHECK(id.worker() == 3);
  Session* session = t.table.find(id);
  REQUIRE(session != nullptr);
  CHECK(session->state == SessionState::unproven);
  CHECK(t.table.machine(id.index()).tag == 7);
  CHECK(t.table.id_of(id.index()) == id);
  CHECK(CountingMachine::alive == 1);

  t.table.close(id);
  CHECK(t.table.find(id) == nullptr);
  CHECK(CountingMachine::alive == 0);
  CHECK(t.table.count() == 0);
}

TEST_CASE("an old id does not find the successor at its place", "[session_table]") {
  Tables<CountingMachine> t(1);
  const SessionId first = t.table.open(1);
  t.table.find(first)->user_data = 99;
  t.table.find(first)->credit_bytes = 5;
  t.table.close(first);
  const SessionId second = t.table.open(2);
  CHECK(second.index() == first.index());
  CHECK_FALSE(second == first);
  CHECK(t.table.find(first) == nullptr);
  REQUIRE(t.table.find(second) != nullptr);
  CHECK(t.table.find(second)->user_data == 0);
  CHECK(t.table.find(second)->credit_bytes == 0);
}

TEST_CASE("ids that a stranger makes up find nothing", "[session_table]") {
  Tables<CountingMachine> t(4);
  const SessionId id = t.table.open(1);
  CHECK(t.table.find(SessionId{}) == nullptr);
  CHECK(t.table.find(SessionId(4, 1, 3)) == nullptr);
  CHECK(t.table.find(SessionId(0xffffffff, 1, 3)) == nullptr);
  CHECK(t.table.find(SessionId(id.index(), id.generation() + 1, 3)) == nullptr);
  CHECK(t.table.find(SessionId(id.index(), id.generation(), 4)) == nullptr);
  CHECK(t.table.find(SessionId(id.index() + 1, 1, 3)) == nullptr);  // free, though the generation is right
  t.table.prefetch(SessionId(0xffffffff, 1, 3), 4);
}

TEST_CASE("one more than sessions_max is refused as session_table_full", "[session_table]") {
  Tables<std::unique_ptr<int>> t(2);
  REQUIRE(t.table.open(std::make_unique<int>(1)).is_valid());
  const SessionId second = t.table.open(std::make_unique<int>(2));
  REQUIRE(second.is_valid());
  auto machine = std::make_unique<int>(3);
  const SessionId third = t.table.open(std::move(machine));
  const auto refusal = third.is_valid() ? std::nullopt : std::optional(net::DropReason::session_table_full);
  CHECK(refusal == net::DropReason::session_table_full);
  CHECK(machine != nullptr);
  CHECK(*machine == 3);
  t.table.close(second);
  CHECK(t.table.open(std::move(machine)).is_valid());
}

TEST_CASE("machines that are open at the end are destroyed with the table", "[session_table]") {
  {
    Tables<CountingMachine> t(8);
    for (int i = 0; i < 5; ++i) t.table.open(i);
    t.table.close(t.table.id_of(2));
    CHECK(CountingMachine::alive == 4);
  }
  CHECK(CountingMachine::alive == 0);
}

TEST_CASE("random opening and closing agrees with a map", "[session_table]") {
  constexpr std::uint32_t sessions_max = 200;
  Tables<CountingMachine> t(sessions_max);
  Rng rng(3);
  std::map<SessionId, int> open;
  std::vector<SessionId> closed;
  for (int i = 0; i < 200'000; ++i) {
    if (rng.below(2) == 0) {
      const SessionId id = t.table.open(i);
      REQUIRE(id.is_valid() == (open.size() < sessions_max));
      if (id.is_valid()) REQUIRE(open.emplace(id, i).second);
    } else if (!open.empty()) {
      const auto at = std::next(open.begin(), static_cast<std::ptrdiff_t>(rng.below(open.size()) % 20));
      t.table.close(at->first);
      closed.push_back(at->first);
      open.erase(at);
    }
    REQUIRE(t.table.count() == open.size());
    if (!closed.empty()) REQUIRE(t.table.find(closed[rng.below(closed.size())]) == nullptr);
  }
  for (const auto& [id, tag] : open) {
    REQUIRE(t.table.find(id) != nullptr);
    REQUIRE(t.table.machine(id.index()).tag == tag);
  }
  CHECK(CountingMachine::alive == static_cast<int>(open.size()));
}

TEST_CASE("generations go around without naming session 0", "[session_table]") {
  Tables<int> t(1);
  SessionId id = t.table.open(0);
  t.table.find(id)->generation = SessionId::generation_max;
  id = t.table.id_of(0);
  t.table.close(id);
  const SessionId next = t.table.open(0);
  CHECK(next.generation() == 1);
  CHECK(t.table.find(id) == nullptr);
}

TEST_CASE("a walk meets what lives through it exactly once, whatever opens and closes meanwhile", "[session_table]") {
  for (std::uint64_t seed = 20; seed < 40; ++seed) {
    INFO("seed " << seed);
    Rng rng(seed);
    Tables<int> t(500);
    std::set<SessionId> open;
    for (int i = 0; i < 400; ++i) open.insert(t.table.open(i));
    std::set<SessionId> lived_through = open;
    std::map<SessionId, int> met;
    std::vector<SessionId> page(1 + rng.below(40));
    SessionRecords::Index cursor = 0;
    int pages = 0;
    while (cursor != SessionRecords::none) {
      const auto result = t.table.walk(cursor, page, 64);
      REQUIRE(result.count <= page.size());
      for (std::uint32_t i = 0; i < result.count; ++i) {
        REQUIRE(t.table.find(page[i]) != nullptr);
        ++met[page[i]];
      }
      cursor = result.cursor;
      REQUIRE(++pages < 2000);
      for (int i = 0; i < 10; ++i) {
        if (rng.below(2) == 0) {
          const SessionId id = t.table.open(i);
          if (id.is_valid()) open.insert(id);
        } else if (!open.empty()) {
          const auto at = open.lower_bound(SessionId(static_cast<std::uint32_t>(rng.below(500)), 1, 3));
          if (at == open.end()) continue;
          t.table.close(*at);
          lived_through.erase(*at);
          open.erase(at);
        }
      }
    }
    for (const SessionId id : lived_through) REQUIRE(met[id] == 1);
    for (const auto& [id, times] : met) REQUIRE(times == 1);
  }
}

TEST_CASE("a walk looks at scan_max places a page and ends for any cursor", "[session_table]") {
  Tables<int> t(1000);
  for (int i = 0; i < 1000; ++i) t.table.open(i);
  for (std::uint32_t i = 0; i < 990; ++i) t.table.close(t.table.id_of(i));
  std::vector<SessionId> ids(5);
  auto page = t.table.walk(0, ids, 100);
  CHECK(page.count == 0);
  CHECK(page.cursor == 100);
  page = t.table.walk(980, ids, 100);
  CHECK(page.count == 5);
  CHECK(page.cursor == 995);
  page = t.table.walk(page.cursor, ids, 100);
  CHECK(page.count == 5);
  CHECK(page.cursor == SessionRecords::none);
  for (const std::uint32_t beyond : {1000u, 1001u, 0xfffffffeu, 0xffffffffu}) {
    page = t.table.walk(beyond, ids, 100);
    CHECK(page.count == 0);
    CHECK(page.cursor == SessionRecords::none);
  }
}

TEST_CASE("a session table takes what was summed", "[session_table]") {
  for (const std::uint32_t sessions_max : {1u, 7u, 1000u}) {
    Tables<CountingMachine> t(sessions_max);
    CHECK(t.arena.used_bytes() <= SessionTable<CountingMachine>::cost(sessions_max));
  }
}

TEST_CASE("what only we can get wrong aborts", "[session_table]") {
  Tables<int> t(2);
  const SessionId id = t.table.open(1);
  CHECK(test::aborts([&] { t.table.close(SessionId(1, 1, 3)); }));
  CHECK(test::aborts([&] { static_cast<void>(t.table.id_of(1)); }));
  CHECK(test::aborts([&] { static_cast<void>(t.table.machine(1)); }));
  // A session whose timer still stands in the wheel may not close.
  CHECK(test::aborts([&] {
    t.table.find(id)->timers.position[1] = 5;
    t.table.close(id);
  }));
}
