#include "bench/core_distance.hpp"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "base/arena.hpp"

namespace penstock::bench {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto time_allowed = std::chrono::milliseconds(20);
constexpr std::uint32_t rounds_a_window = 64;
constexpr std::uint32_t looks_a_clock = 1024;

std::vector<unsigned> cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<unsigned> found;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return found;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) found.push_back(cpu);
  }
  return found;
}

void pin(unsigned cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  static_cast<void>(sched_setaffinity(0, sizeof set, &set));
}

// The line that goes to and fro: one side makes it odd, the other even.
struct Ball {
  alignas(cache_line_bytes) std::atomic<std::uint32_t> value{0};
  alignas(cache_line_bytes) std::atomic<bool> over{false};
};

void return_ball(Ball& ball) {
  while (!ball.over.load(std::memory_order_relaxed)) {
    const std::uint32_t value = ball.value.load(std::memory_order_acquire);
    if (value % 2 == 1) ball.value.store(value + 1, std::memory_order_release);
  }
}

// False when the time is up before the ball is back.
bool throw_ball(Ball& ball, std::uint32_t value, Clock::time_point end) {
  ball.value.store(value + 1, std::memory_order_release);
  for (std::uint32_t looks = 1; ball.value.load(std::memory_order_acquire) != value + 2; ++looks) {
    if (looks % looks_a_clock == 0 && Clock::now() > end) return false;
  }
  return true;
}

// The shortest window's round trip: whoever has a CPU taken away makes a window longer, never shorter.
std::uint32_t play(Ball& ball) {
  auto best = Clock::duration::max();
  const auto end = Clock::now() + time_allowed;
  std::uint32_t value = 0;
  bool back = true;
  while (back && Clock::now() < end) {
    const auto begin = Clock::now();
    for (std::uint32_t i = 0; back && i < rounds_a_window; ++i, value += 2) back = throw_ball(ball, value, end);
    if (back) best = std::min(best, Clock::now() - begin);
  }
  ball.over.store(true, std::memory_order_relaxed);
  if (best == Clock::duration::max()) return 0;
  return static_cast<std::uint32_t>(std::chrono::nanoseconds(best).count() / rounds_a_window);
}

}  // namespace

std::uint32_t core_round_trip_ns() {
  const std::vector<unsigned> available = cpus();
  if (available.size() < 2) return 0;
  Ball ball;
  std::uint32_t result = 0;
  std::thread partner([&] {
    pin(available[1]);
    return_ball(ball);
  });
  std::thread player([&] {
    pin(available[0]);
    result = play(ball);
  });
  player.join();
  partner.join();
  return result;
}

}  // namespace penstock::bench
