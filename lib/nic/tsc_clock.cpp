#include "nic/tsc_clock.hpp"

#include <cpuid.h>
#include <time.h>
#include <x86intrin.h>

#include "base/assert.hpp"

namespace penstock::nic {

namespace {

constexpr int readings_a_sample = 16;
constexpr int calibrations_max = 8;

std::int64_t raw_ns() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

// The fences keep the counter from being read before or after its turn.
std::uint64_t fenced_tsc() {
  _mm_lfence();
  const std::uint64_t tsc = __rdtsc();
  _mm_lfence();
  return tsc;
}

// The narrowest of several readings: an interrupt or a stolen CPU in the middle of one makes it wide.
TscSample read_both() {
  TscSample best;
  best.width_ticks = ~std::uint64_t{0};
  for (int i = 0; i < readings_a_sample; ++i) {
    const std::uint64_t before = fenced_tsc();
    const std::int64_t ns = raw_ns();
    const std::uint64_t width = fenced_tsc() - before;
    if (width < best.width_ticks) best = {.tsc = before + width / 2, .raw_ns = ns, .width_ticks = width};
  }
  return best;
}

void sleep_for(Duration duration) {
  const timespec span = {.tv_sec = duration.count_us() / 1'000'000, .tv_nsec = duration.count_us() % 1'000'000 * 1'000};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &span, nullptr);
}

}  // namespace

std::expected<std::unique_ptr<TscClock>, std::string> TscClock::calibrate(Duration baseline) {
  PENSTOCK_ASSERT(baseline >= Duration::ms(50));
  for (int i = 0; i < calibrations_max; ++i) {
    const TscSample first = read_both();
    sleep_for(baseline);
    const TscSample second = read_both();
    if (second.tsc <= first.tsc || second.raw_ns <= first.raw_ns) {
      return std::unexpected("The time stamp counter does not run forward, so it cannot serve as the workers' clock.");
    }
    if (TscFit::doubt_ppm(first, second) <= TscFit::doubt_ppm_max) {
      return std::unique_ptr<TscClock>(new TscClock(TscFit(first, second)));
    }
  }
  return std::unexpected(
      "The time stamp counter could not be compared with CLOCK_MONOTONIC_RAW closely enough: every "
      "reading was disturbed.");
}

TscClock::TscClock(const TscFit& fit) : fit_(fit) { publish(fit_.line()); }

void TscClock::publish(const TscLine& line) {
  const std::uint64_t version = version_.load(std::memory_order_relaxed) + 1;
  Place& place = places_[version % places];
  // Release, so that a reader who sees one of these also sees the versions published before and notices the overwriting.
  place.tsc0.store(line.tsc0, std::memory_order_release);
  place.us0_q16.store(line.us0_q16, std::memory_order_release);
  place.rate_q48.store(line.rate_q48, std::memory_order_release);
  version_.store(version, std::memory_order_release);
}

bool TscClock::discipline() {
  if (!fit_.add(read_both())) return false;
  publish(fit_.line());
  return true;
}

TscLine TscClock::line() const {
  for (;;) {
    const std::uint64_t version = version_.load(std::memory_order_acquire);
    const Place& place = places_[version % places];
    const TscLine line = {.tsc0 = place.tsc0.load(std::memory_order_acquire),
                          .us0_q16 = place.us0_q16.load(std::memory_order_acquire),
                          .rate_q48 = place.rate_q48.load(std::memory_order_acquire)};
    // This place is written again for version + places, which begins when version + places - 1 is published. A second
    // round needs three disciplines within this function, so the loop ends.
    if (version_.load(std::memory_order_relaxed) - version < places - 1) return line;
  }
}

Instant TscClock::now() const {
  const TscLine in_force = line();
  return in_force.at(__rdtsc());
}

std::uint64_t TscClock::now_ns() const { return line().ns_at(__rdtsc()); }

bool TscClock::tsc_is_invariant() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(0x80000007u, &a, &b, &c, &d) == 0) return false;
  return (d & (1u << 8)) != 0;
}

}  // namespace penstock::nic
