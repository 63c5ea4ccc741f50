// TscClock: the worker's clock: microseconds from the time stamp counter, without a system call.
//
// The main thread calibrates it at start; one control thread calls discipline() every 100 ms to few seconds; any number of
// workers read it, each through a TscReader of its own, wait-free. It follows CLOCK_MONOTONIC_RAW within 50 ppm, also in
// origin, so Instants of two processes on a machine compare. It slews and never steps.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "base/arena.hpp"
#include "base/tick_clock.hpp"
#include "base/time.hpp"
#include "nic/tsc_fit.hpp"

namespace penstock::nic {

class TscClock {
 public:
  // Blocks for at least `baseline` (50 ms or more is asserted). The error names what keeps the counter from being a clock.
  static std::expected<std::unique_ptr<TscClock>, std::string> calibrate(Duration baseline = Duration::ms(60));
  TscClock(const TscClock&) = delete;
  TscClock& operator=(const TscClock&) = delete;

  // Compares with CLOCK_MONOTONIC_RAW and publishes the bent line. The control thread only; never a worker.
  // False when the reading was disturbed and nothing was learnt.
  bool discipline();
  // The time by the published line. Any thread. A line published a moment too late may make it go back by a few µs, and
  // another core's counter may lag: read through a TscReader, which never goes back.
  Instant now() const;
  // The same in nanoseconds, for those who measure shorter times than a microsecond.
  std::uint64_t now_ns() const;
  // This clock for whoever may not know it; it must outlive the handle.
  TickClock ticks() const {
    return {.read = [](const void* clock) { return static_cast<const TscClock*>(clock)->now_ns(); }, .context = this};
  }

  // For reports, from the control thread.
  double tsc_hz() const { return fit_.tsc_hz(); }
  double offset_us() const { return fit_.offset_us(); }
  // Whether the CPU promises a constant rate in all power states; a virtual machine may hide it.
  static bool tsc_is_invariant();

 private:
  explicit TscClock(const TscFit& fit);
  void publish(const TscLine& line);
  friend class TscReader;
  TscLine line() const;
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }

  // Four places in turn: a reader that finds the version moved by less than three knows that its place was not rewritten,
  // so it never waits for a control thread that lost its CPU in the middle of publishing.
  struct alignas(cache_line_bytes) Place {
    std::atomic<std::uint64_t> tsc0;
    std::atomic<std::uint64_t> us0_q16;
    std::atomic<std::uint64_t> rate_q48;
  };
  static constexpr std::uint64_t places = 4;

  std::array<Place, places> places_{};
  alignas(cache_line_bytes) std::atomic<std::uint64_t> version_{0};  // the place in force is version % places
  TscFit fit_;
};

// One core's view of the clock. It keeps the line in force and looks for a newer one each time.
class TscReader {
 public:
  explicit TscReader(const TscClock& clock) : clock_(&clock), version_(clock.version()), line_(clock.line()) { now(); }
  // Never earlier than what it returned before.
  Instant now() {
    if (const std::uint64_t version = clock_->version(); version != version_) [[unlikely]] {
      version_ = version;
      line_ = clock_->line();
    }
    ticks_ = std::max(ticks_, static_cast<std::uint64_t>(__builtin_ia32_rdtsc()));
    return at_ = later(at_, line_.at(ticks_));
  }
  // The counter as now() read it last; it never goes back either.
  std::uint64_t ticks() const { return ticks_; }

 private:
  const TscClock* clock_;
  std::uint64_t version_;
  TscLine line_;
  std::uint64_t ticks_ = 0;
  Instant at_;
};

}  // namespace penstock::nic
