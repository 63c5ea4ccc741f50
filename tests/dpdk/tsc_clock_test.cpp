// Shows on the real counter that several readers, while a control thread disciplines, keep within 50 ppm of
// CLOCK_MONOTONIC_RAW over five seconds and never go back.
#include <time.h>

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <thread>
#include <vector>

#include "nic/tsc_clock.hpp"

using namespace penstock;
using namespace penstock::nic;

namespace {

std::int64_t raw_us() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return now.tv_sec * 1'000'000 + now.tv_nsec / 1'000;
}

// How far `reader` stands before the reference; the narrowest of several tries, so that a stolen CPU does not count.
std::int64_t ahead_us(TscReader& reader) {
  std::int64_t best_width = 1'000'000'000;
  std::int64_t ahead = 0;
  for (int i = 0; i < 50; ++i) {
    const std::int64_t before = raw_us();
    const std::int64_t now = reader.now().count_us();
    const std::int64_t after = raw_us();
    if (after - before >= best_width) continue;
    best_width = after - before;
    ahead = now - (before + after) / 2;
  }
  return ahead;
}

struct ReaderResult {
  std::uint64_t readings = 0;
  std::uint64_t back = 0;
  std::int64_t span_us = 0;   // by our clock …
  std::int64_t error_us = 0;  // … minus by the reference
};

ReaderResult read_for(const TscClock& clock, std::chrono::milliseconds span) {
  TscReader reader(clock);
  ReaderResult result;
  const std::int64_t ahead_first = ahead_us(reader);
  const Instant first = reader.now();
  Instant last = first;
  const std::int64_t end = raw_us() + span.count() * 1000;
  while (raw_us() < end) {
    for (int i = 0; i < 1000; ++i) {
      const Instant now = reader.now();
      result.back += now < last ? 1u : 0u;
      last = now;
      ++result.readings;
    }
  }
  result.error_us = ahead_us(reader) - ahead_first;
  result.span_us = (reader.now() - first).count_us();
  return result;
}

}  // namespace

TEST_CASE("tsc_clock: readers keep within 50 ppm over 5 s and never go back") {
  const auto clock = TscClock::calibrate();
  REQUIRE(clock.has_value());
  constexpr int readers = 3;
  std::array<ReaderResult, readers> results;
  std::atomic<bool> done = false;
  std::uint64_t disciplined = 0;
  std::thread control([&] {
    while (!done) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      disciplined += (*clock)->discipline() ? 1u : 0u;
    }
  });
  std::vector<std::thread> threads;
  for (ReaderResult& result : results) {
    threads.emplace_back([&] { result = read_for(**clock, std::chrono::milliseconds(5000)); });
  }
  for (std::thread& thread : threads) thread.join();
  done = true;
  control.join();

  CHECK(disciplined > 20);
  for (const ReaderResult& result : results) {
    CAPTURE(result.readings, result.span_us, result.error_us, (*clock)->tsc_hz(), (*clock)->offset_us());
    CHECK(result.readings > 100'000);
    CHECK(result.back == 0);
    CHECK(result.span_us >= 4'900'000);
    // 50 ppm of five seconds are 250 µs.
    CHECK(std::abs(result.error_us) * 1'000'000 <= 50 * result.span_us);
  }
}

TEST_CASE("tsc_clock: has the origin of CLOCK_MONOTONIC_RAW") {
  const auto clock = TscClock::calibrate();
  REQUIRE(clock.has_value());
  TscReader reader(**clock);
  CHECK(std::abs(ahead_us(reader)) < 100);
}

TEST_CASE("tsc_clock: a reader tells the counter that its time was made of, and neither goes back") {
  const auto clock = TscClock::calibrate();
  REQUIRE(clock.has_value());
  TscReader reader(**clock);
  for (int i = 0; i < 1000; ++i) {
    const Instant before = reader.now();
    const std::uint64_t ticks = reader.ticks();
    const Instant after = reader.now();
    CHECK(reader.ticks() >= ticks);
    const double us = static_cast<double>(reader.ticks() - ticks) * 1e6 / (*clock)->tsc_hz();
    CHECK(std::abs(us - static_cast<double>((after - before).count_us())) < 2);
  }
}

TEST_CASE("tsc_clock: its ticks are the same time in nanoseconds, and go forward") {
  const auto clock = TscClock::calibrate();
  REQUIRE(clock.has_value());
  const TickClock ticks = (*clock)->ticks();
  std::uint64_t last = ticks.now_ns();
  for (int i = 0; i < 10'000; ++i) {
    const auto before = static_cast<std::uint64_t>((*clock)->now().count_us());
    const std::uint64_t ns = ticks.now_ns();
    REQUIRE(ns >= last);
    REQUIRE(ns / 1000 >= before);
    last = ns;
  }
}
