// Shows that each session is in the list once, in the order in which it was marked, that being marked wakes it, and that it
// may be taken out of the middle.
// How: by example, and a random run against a plain vector.
#include "engine/dirty_list.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <utility>
#include <vector>

#include "base/rng.hpp"
#include "rig.hpp"

using namespace penstock;
using namespace penstock::test;

namespace {

struct Bench {
  explicit Bench(std::uint32_t sessions_max)
      : memory(DirtyList::cost(sessions_max) + Arena::cost<Session>(sessions_max)),
        arena(memory.bytes()),
        sessions(arena.make<Session>(sessions_max)),
        list(arena, sessions) {}
  std::vector<std::pair<std::uint32_t, bool>> entries() const {
    std::vector<std::pair<std::uint32_t, bool>> all;
    for (std::uint32_t place = 0; place < list.count(); ++place) all.emplace_back(list[place], list.waits(place));
    return all;
  }
  HeapMemory memory;
  Arena arena;
  std::span<Session> sessions;
  DirtyList list;
};

using Entries = std::vector<std::pair<std::uint32_t, bool>>;

}  // namespace

TEST_CASE("a session is in the list once, and leaves it from the front", "[dirty_list]") {
  Bench b(3);
  for (const std::uint32_t index : {2u, 0u, 2u, 1u, 0u}) b.list.mark(index);
  CHECK(b.entries() == Entries{{2, false}, {0, false}, {1, false}});
  CHECK(b.list.pop_front() == 2);
  CHECK_FALSE(b.sessions[2].in_dirty_list);
  b.list.mark(2);
  CHECK(b.entries() == Entries{{0, false}, {1, false}, {2, false}});
}

TEST_CASE("what happens to a session that waits wakes it where it stands", "[dirty_list]") {
  Bench b(3);
  for (const std::uint32_t index : {0u, 1u, 2u}) b.list.mark(index);
  b.list.let_wait(0);
  b.list.let_wait(1);
  CHECK(b.entries() == Entries{{0, true}, {1, true}, {2, false}});
  b.list.mark(1);
  CHECK(b.entries() == Entries{{0, true}, {1, false}, {2, false}});
  CHECK(b.list.pop_front() == 0);
}

TEST_CASE("those at the front who wait are passed by together", "[dirty_list]") {
  Bench b(4);
  for (const std::uint32_t index : {0u, 1u, 2u}) b.list.mark(index);
  CHECK(b.list.settled() == 0);
  b.list.let_wait(0);
  b.list.let_wait(1);
  CHECK(b.list.settled() == 2);
  b.list.pop_front();
  CHECK(b.list.settled() == 1);
  b.list.let_wait(1);
  CHECK(b.list.settled() == 2);
  b.list.mark(3);
  CHECK(b.list.settled() == 2);
  b.list.mark(2);
  CHECK(b.list.settled() == 1);
}

TEST_CASE("a random life agrees with a vector", "[dirty_list]") {
  constexpr std::uint32_t sessions_max = 13;
  Bench b(sessions_max);
  Entries model;
  Rng rng(7);
  for (int step = 0; step < 200'000; ++step) {
    const auto index = static_cast<std::uint32_t>(rng.below(sessions_max));
    const auto place = static_cast<std::uint32_t>(rng.below(sessions_max));
    const auto found = std::ranges::find(model, index, &std::pair<std::uint32_t, bool>::first);
    switch (rng.below(4)) {
      case 0:
      case 1:
        b.list.mark(index);
        if (found == model.end()) model.emplace_back(index, false);
        else found->second = false;
        break;
      case 2:
        if (place >= model.size()) break;
        if (rng.below(2) == 0) {
          b.list.let_wait(place);
          model[place].second = true;
        } else {
          b.list.remove(place);
          model[place] = model.back();
          model.pop_back();
        }
        break;
      default:
        if (model.empty()) break;
        REQUIRE(b.list.pop_front() == model.front().first);
        model.erase(model.begin());
    }
    REQUIRE(b.entries() == model);
    const auto awake = std::ranges::find(model, false, &std::pair<std::uint32_t, bool>::second) - model.begin();
    REQUIRE(b.list.settled() <= awake);
    REQUIRE(b.sessions[index].in_dirty_list ==
            std::ranges::any_of(model, [&](const auto& entry) { return entry.first == index; }));
  }
}
