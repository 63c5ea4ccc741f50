// Shows that a timer never comes up before its deadline nor more than a tick after it, whatever is armed, moved, cancelled
// or left over by the budget, that next_due() can drive a simulation, and that the memory's bound holds.
// How: random runs of a million operations against a sorted model over days of virtual time, and examples at the borders.
#include "session/timer_wheel.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "aborts.hpp"
#include "base/rng.hpp"

using namespace penstock;

namespace {

constexpr std::int64_t tick_us = TimerWheel::tick.count_us();
constexpr std::uint32_t no_budget = 0xffffffff;

constexpr std::int64_t tick_after(Instant instant) { return (instant.count_us() + tick_us - 1) / tick_us; }
constexpr std::int64_t tick_before(Instant instant) { return instant.count_us() / tick_us; }

// A wheel over its own sessions, with the deadlines that the sessions wish for.
struct Wheel {
  explicit Wheel(std::uint32_t sessions_max, Instant start = Instant::at_us(0))
      : memory(Arena::cost<Session>(sessions_max) + TimerWheel::cost(sessions_max)),
        arena(memory.bytes()),
        sessions(arena.make<Session>(sessions_max)),
        wheel(arena, sessions, start),
        deadlines(sessions_max, {Instant::never(), Instant::never()}),
        now(start) {}

  Instant& deadline(std::uint32_t index, TimerKind kind) { return deadlines[index][static_cast<std::size_t>(kind)]; }
  void set(std::uint32_t index, TimerKind kind, Instant when) {
    deadline(index, kind) = when;
    wheel.arm(index, kind, when);
  }
  // What fired, as (index, kind).
  std::vector<std::pair<std::uint32_t, TimerKind>> advance(Instant to, std::uint32_t budget = no_budget) {
    now = to;
    std::vector<std::pair<std::uint32_t, TimerKind>> fired;
    looked_at = wheel.advance(
        to, budget, [&](std::uint32_t index, TimerKind kind) { return deadline(index, kind); },
        [&](std::uint32_t index, TimerKind kind) {
          CHECK(deadline(index, kind) <= now);
          deadline(index, kind) = Instant::never();
          fired.emplace_back(index, kind);
        });
    return fired;
  }

  HeapMemory memory;
  Arena arena;
  std::span<Session> sessions;
  TimerWheel wheel;
  std::vector<std::array<Instant, timer_kinds>> deadlines;
  Instant now;
  std::uint32_t looked_at = 0;
};

constexpr Instant at(std::int64_t us) { return Instant::at_us(us); }

// From 0 over a few ticks to days, each magnitude equally likely.
Duration random_delay(Rng& rng) {
  const std::uint64_t bits = rng.below(40);  // up to 2^39 µs: 6.4 days
  return Duration::us(static_cast<std::int64_t>(rng.below(std::uint64_t{1} << bits)));
}

// The wheel and a sorted list of when each timer is due.
class ModelRun {
 public:
  ModelRun(std::uint64_t seed, std::uint32_t sessions_max, bool budgets, Instant start)
      : rng_(seed), w_(sessions_max, start), budgets_(budgets), floor_(tick_before(start)) {}

  void run(int operations) {
    for (int i = 0; i < operations; ++i) {
      const auto index = static_cast<std::uint32_t>(rng_.below(w_.deadlines.size()));
      const TimerKind kind = rng_.below(2) == 0 ? TimerKind::idle : TimerKind::machine;
      switch (rng_.below(16)) {
        case 0: cancel(index, kind); break;
        case 1: set(index, kind, Instant::never()); break;
        case 2: set(index, kind, w_.now - Duration::us(static_cast<std::int64_t>(rng_.below(1000)))); break;
        case 3:
        case 4: advance(w_.now + random_step()); break;
        default: set(index, kind, w_.now + random_delay(rng_)); break;
      }
      check_next_due();
    }
    while (!due_.empty()) advance(w_.now + random_delay(rng_));
    // Entries whose wish became never() are still in; they go without a word.
    for (int i = 0; w_.wheel.count() > 0 && i < 1000; ++i) advance(w_.now + Duration::seconds(86'400));
    REQUIRE(w_.wheel.count() == 0);
    REQUIRE(w_.wheel.chunks_used() == 0);
    REQUIRE(w_.wheel.next_due().is_never());
  }
  Instant now() const { return w_.now; }

 private:
  using Timer = std::pair<std::uint32_t, TimerKind>;

  // Short steps mostly; some days.
  Duration random_step() {
    return rng_.below(50) == 0 ? random_delay(rng_) : Duration::us(static_cast<std::int64_t>(rng_.below(20'000)));
  }
  void forget(Timer timer) {
    const auto known = due_tick_.find(timer);
    if (known == due_tick_.end()) return;
    due_.erase({known->second, timer});
    due_tick_.erase(known);
  }
  void set(std::uint32_t index, TimerKind kind, Instant when) {
    forget({index, kind});
    w_.set(index, kind, when);
    if (when.is_never()) return;
    const std::int64_t due = std::max(tick_after(when), floor_ + 1);
    due_.insert({due, {index, kind}});
    due_tick_[{index, kind}] = due;
  }
  void cancel(std::uint32_t index, TimerKind kind) {
    forget({index, kind});
    w_.deadline(index, kind) = Instant::never();
    w_.wheel.cancel(index, kind);
    REQUIRE_FALSE(w_.wheel.is_armed(index, kind));
  }
  void advance(Instant to) {
    const std::uint32_t budget = budgets_ ? static_cast<std::uint32_t>(1 + rng_.below(30)) : no_budget;
    const auto fired = w_.advance(to, budget);
    REQUIRE(w_.looked_at <= budget);
    floor_ = std::max(floor_, tick_before(to));
    for (const Timer& timer : fired) {
      REQUIRE(due_tick_.contains(timer));
      forget(timer);
    }
    if (w_.looked_at < budget && !due_.empty()) REQUIRE(due_.begin()->first > tick_before(to));
  }
  void check_next_due() {
    const Instant next = w_.wheel.next_due();
    if (!due_.empty()) REQUIRE(next <= at(due_.begin()->first * tick_us));
    if (w_.wheel.count() > 0) REQUIRE_FALSE(next.is_never());
  }

  Rng rng_;
  Wheel w_;
  bool budgets_;
  std::int64_t floor_;                            // tick of the last advance
  std::set<std::pair<std::int64_t, Timer>> due_;  // sorted by the tick at which it must have fired
  std::map<Timer, std::int64_t> due_tick_;
};

}  // namespace

TEST_CASE("a million random operations agree with a sorted list", "[timer_wheel]") {
  ModelRun run(1, 1000, false, at(0));
  run.run(1'000'000);
  CHECK(run.now() > at(0) + Duration::seconds(24 * 3600));
}

TEST_CASE("random operations under a small budget lose nothing and fire nothing early", "[timer_wheel]") {
  for (std::uint64_t seed = 10; seed < 20; ++seed) {
    INFO("seed " << seed);
    ModelRun(seed, 300, true, at(static_cast<std::int64_t>(seed) * 1'000'000'007)).run(50'000);
  }
}

TEST_CASE("few timers across the borders of all levels agree with a sorted list", "[timer_wheel]") {
  // Starts a little before a border of each level, where one tick changes several bytes at once.
  for (const int bits : {8, 16, 24, 32, 40}) {
    const std::int64_t border = std::int64_t{1} << (bits + 7);
    ModelRun(static_cast<std::uint64_t>(bits), 20, false, at(border - 1000)).run(20'000);
    ModelRun(static_cast<std::uint64_t>(bits) + 1, 20, true, at(border - 1000)).run(20'000);
  }
}

TEST_CASE("jumping by next_due fires each timer in the very tick after its deadline", "[timer_wheel]") {
  Rng rng(30);
  Wheel w(500);
  std::vector<std::array<Instant, timer_kinds>> wished(500);
  for (std::uint32_t i = 0; i < 500; ++i) {
    for (const TimerKind kind : {TimerKind::idle, TimerKind::machine}) {
      const Instant when = at(1) + random_delay(rng);
      w.set(i, kind, when);
      wished[i][static_cast<std::size_t>(kind)] = when;
    }
  }
  std::size_t fired = 0;
  int jumps = 0;
  while (w.wheel.count() > 0) {
    const Instant next = w.wheel.next_due();
    REQUIRE(next > w.now);
    for (const auto& [index, kind] : w.advance(next)) {
      const Instant when = wished[index][static_cast<std::size_t>(kind)];
      REQUIRE(next.count_us() == tick_after(when) * tick_us);
      ++fired;
    }
    REQUIRE(++jumps < 10'000);
  }
  CHECK(fired == 1000);
}

TEST_CASE("a deadline fires in its tick and not before", "[timer_wheel]") {
  for (const std::int64_t us : {1, 127, 128, 129, 32'767, 32'768, 32'769, 10'000'000}) {
    Wheel w(1);
    w.set(0, TimerKind::machine, at(us));
    const std::int64_t due = (us + tick_us - 1) / tick_us * tick_us;
    CHECK(w.wheel.next_due() <= at(due));
    CHECK(w.advance(at(due - 1)).empty());
    CHECK(w.advance(at(due)).size() == 1);
    CHECK_FALSE(w.wheel.is_armed(0, TimerKind::machine));
  }
}

TEST_CASE("a deadline that has passed fires in the next tick", "[timer_wheel]") {
  Wheel w(2, at(1'000'000));
  w.advance(at(1'000'000));
  w.set(0, TimerKind::machine, at(5));
  w.set(1, TimerKind::idle, at(0));
  CHECK(w.wheel.next_due() <= at(1'000'000 + tick_us));
  CHECK(w.advance(at(1'000'000)).empty());
  CHECK(w.advance(at(1'000'000 + tick_us)).size() == 2);
}

TEST_CASE("a later deadline leaves its entry, an earlier one moves it", "[timer_wheel]") {
  Wheel w(3);
  w.set(0, TimerKind::machine, at(200'000));
  w.set(0, TimerKind::machine, at(900'000));
  CHECK(w.wheel.count() == 1);
  CHECK(w.wheel.next_due() <= at(200'064));
  w.set(0, TimerKind::machine, at(10'000));
  CHECK(w.wheel.count() == 1);
  w.set(0, TimerKind::machine, at(300'000));
  CHECK(w.advance(at(299'000)).empty());
  CHECK(w.wheel.count() == 1);
  CHECK(w.advance(at(300'100)).size() == 1);
}

TEST_CASE("a deadline that became never is dropped when its entry comes up", "[timer_wheel]") {
  Wheel w(1);
  w.set(0, TimerKind::machine, at(10'000));
  w.set(0, TimerKind::machine, Instant::never());
  CHECK(w.wheel.count() == 1);
  CHECK(w.advance(at(20'000)).empty());
  CHECK(w.wheel.count() == 0);
  CHECK(w.wheel.next_due().is_never());
  w.wheel.arm(0, TimerKind::machine, Instant::never());
  CHECK(w.wheel.count() == 0);
}

TEST_CASE("the two kinds of a session do not touch each other", "[timer_wheel]") {
  Wheel w(1);
  w.set(0, TimerKind::idle, at(60'000'000));
  w.set(0, TimerKind::machine, at(10'000));
  CHECK(w.wheel.count() == 2);
  const auto fired = w.advance(at(20'000));
  REQUIRE(fired.size() == 1);
  CHECK(fired[0].second == TimerKind::machine);
  CHECK(w.wheel.is_armed(0, TimerKind::idle));
  w.wheel.cancel_all(0);
  CHECK(w.wheel.count() == 0);
  w.wheel.cancel_all(0);
}

TEST_CASE("an hour of talk with an idle timeout of a minute costs a handful of looks", "[timer_wheel]") {
  Wheel w(1);
  std::uint32_t looks = 0;
  for (std::int64_t second = 0; second < 3600; ++second) {
    w.set(0, TimerKind::idle, at((second + 60) * 1'000'000));
    CHECK(w.advance(at(second * 1'000'000 + 1)).empty());
    looks += w.looked_at;
  }
  CHECK(looks <= 75);
}

TEST_CASE("a session that always wants to be called is called once an advance", "[timer_wheel]") {
  Wheel w(2);
  int calls = 0;
  for (std::int64_t turn = 1; turn <= 100; ++turn) {
    const Instant now = at(turn * 5'000);  // 39 ticks a turn
    w.wheel.arm(0, TimerKind::machine, at(0));
    w.wheel.advance(
        now, no_budget, [](std::uint32_t, TimerKind) { return at(0); },
        [&](std::uint32_t index, TimerKind kind) {
          ++calls;
          w.wheel.arm(index, kind, at(0));
        });
  }
  CHECK(calls == 100);
}

TEST_CASE("what fires may cancel and arm others, in the same slot too", "[timer_wheel]") {
  constexpr std::uint32_t sessions_max = 200;
  Wheel w(sessions_max);
  for (std::uint32_t i = 0; i < sessions_max; ++i) w.set(i, TimerKind::machine, at(50'000));
  std::set<std::uint32_t> fired;
  std::set<std::uint32_t> cancelled;
  w.wheel.advance(
      at(60'000), no_budget, [&](std::uint32_t index, TimerKind kind) { return w.deadline(index, kind); },
      [&](std::uint32_t index, TimerKind kind) {
        CHECK_FALSE(cancelled.contains(index));
        CHECK(fired.insert(index).second);
        const std::uint32_t other = (index * 7 + 3) % sessions_max;
        if (w.wheel.is_armed(other, kind)) {
          w.wheel.cancel(other, kind);
          cancelled.insert(other);
        }
        w.wheel.arm(index, TimerKind::idle, at(70'000));
      });
  CHECK(fired.size() + cancelled.size() == sessions_max);
  CHECK(w.wheel.count() == fired.size());
}

TEST_CASE("a mass expiry keeps to its budget a turn and finishes", "[timer_wheel]") {
  constexpr std::uint32_t sessions_max = 20'000;
  Wheel w(sessions_max);
  for (std::uint32_t i = 0; i < sessions_max; ++i) w.set(i, TimerKind::idle, at(60'000'000));
  std::size_t fired = 0;
  int turns = 0;
  while (w.wheel.count() > 0) {
    fired += w.advance(at(61'000'000), 256).size();
    REQUIRE(w.looked_at <= 256);
    if (w.wheel.count() > 0) REQUIRE(w.wheel.next_due() <= at(61'000'000));
    REQUIRE(++turns < 1000);
  }
  CHECK(fired == sessions_max);
  CHECK(turns <= int{3 * sessions_max / 256 + 3});  // two cascades and the expiry
}

TEST_CASE("the chunks suffice when every slot holds one entry more than full chunks", "[timer_wheel]") {
  // 16 entries a slot: two chunks, one of them nearly empty, in as many slots as the sessions reach.
  constexpr std::uint32_t slots = 256 + 255 + 255;
  constexpr std::uint32_t sessions_max = slots * 8;
  Wheel w(sessions_max);
  std::uint32_t entry = 0;
  const auto fill = [&](std::int64_t tick) {
    for (int i = 0; i < 16; ++i, ++entry) {
      w.set(entry / 2, entry % 2 == 0 ? TimerKind::idle : TimerKind::machine, at(tick * tick_us));
    }
  };
  for (std::int64_t i = 1; i < 256; ++i) fill(i);
  for (std::int64_t i = 1; i < 256; ++i) fill(i << 8);
  for (std::int64_t i = 1; i < 256; ++i) fill(i << 16);
  fill(std::int64_t{1} << 24);
  CHECK(entry == 2 * sessions_max);
  CHECK(w.wheel.count() == 2 * sessions_max);
  CHECK(w.wheel.chunks_used() == 2 * slots);
  CHECK(w.wheel.chunks_used() <= w.wheel.chunk_capacity());
  for (std::uint32_t i = 0; i < sessions_max; ++i) w.wheel.cancel_all(i);
  CHECK(w.wheel.chunks_used() == 0);
}

TEST_CASE("deadlines at the end of time are held and never fire", "[timer_wheel]") {
  Wheel w(2);
  w.set(0, TimerKind::machine, at(std::int64_t{1} << 62));
  w.set(1, TimerKind::machine, at((std::int64_t{1} << 55) - 1));
  CHECK(w.advance(at(std::int64_t{1} << 50)).empty());
  CHECK(w.wheel.count() == 2);
  CHECK(w.wheel.next_due() <= at(std::int64_t{1} << 55));
}

TEST_CASE("a clock before its origin counts as its origin", "[timer_wheel]") {
  Wheel w(1, at(-500));
  w.set(0, TimerKind::machine, at(-100));
  CHECK(w.advance(at(-1)).empty());
  CHECK(w.advance(at(tick_us)).size() == 1);
}

TEST_CASE("a wheel takes what was summed, about 9 bytes a session", "[timer_wheel]") {
  for (const std::uint32_t sessions_max : {1u, 15u, 100'000u}) {
    Wheel w(sessions_max);
    CHECK(w.arena.used_bytes() <= Arena::cost<Session>(sessions_max) + TimerWheel::cost(sessions_max));
  }
  const std::size_t million = TimerWheel::cost(1'000'000);
  CHECK(million < 9 * 1'000'000);
}

TEST_CASE("an entry that fires counts for as much as it costs, one that is looked at for one", "[timer_wheel]") {
  Wheel w(100);
  for (std::uint32_t i = 0; i < 100; ++i) w.set(i, TimerKind::machine, Instant::at_us(1'000));
  // Half of them moved on meanwhile.
  for (std::uint32_t i = 0; i < 100; i += 2) w.deadline(i, TimerKind::machine) = Instant::at_us(1'000'000);
  std::uint32_t fired = 0;
  std::uint32_t turns = 0;
  std::uint32_t spent = 0;
  do {
    spent = w.wheel.advance(
        Instant::at_us(2'000), 40, [&](std::uint32_t index, TimerKind kind) { return w.deadline(index, kind); },
        [&](std::uint32_t, TimerKind) { ++fired; }, 10);
    CHECK(spent < 40 + 10);
    ++turns;
  } while (spent >= 40);
  // 50 looks and 50 that fire make 550 units.
  CHECK(fired == 50);
  CHECK(turns >= 11);
  CHECK(turns <= 15);
}
