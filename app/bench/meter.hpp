// Meter: how a part of the bench tells what is measured, whether by the clock or by callgrind.
//
// Between begin() and end() lies one reading; of it counts what lies between start() and stop(), which may alternate, so
// that a driver's own work is left out. Under `valgrind --tool=callgrind` (see counting.hpp) the same calls switch the
// collection of instructions on and off, and end() writes a dump named after the reading. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::bench {

// What one reading came to, by the clock.
struct Reading {
  std::string label;
  std::uint64_t units = 0;  // pieces of work done
  double ns = 0;            // of all of them; means nothing while counting
};

class Meter {
 public:
  // `repeats` readings of a kind are wanted by the clock; of a count, which has no noise, one.
  explicit Meter(std::uint32_t repeats);

  bool counting() const { return counting_; }
  std::uint32_t repeats() const { return counting_ ? 1 : repeats_; }

  void begin();
  void start();
  void stop();
  // `label` names the reading: that of the part, or part and case. `units` is above 0.
  void end(std::string_view label, std::uint64_t units);
  // Work of seconds follows that is not measured: under callgrind it goes at a multiple of the speed.
  void prepare();

  const std::vector<Reading>& readings() const { return readings_; }

 private:
  using Clock = std::chrono::steady_clock;

  bool counting_;
  std::uint32_t repeats_;
  bool instrumented_ = false;
  Clock::time_point started_;
  Clock::duration spent_{};
  std::vector<Reading> readings_;
};

}  // namespace penstock::bench
