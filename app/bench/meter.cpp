#include "bench/meter.hpp"

#include <valgrind/callgrind.h>

#include "base/assert.hpp"

namespace penstock::bench {

Meter::Meter(std::uint32_t repeats) : counting_(RUNNING_ON_VALGRIND != 0), repeats_(repeats) {
  PENSTOCK_ASSERT(repeats > 0);
}

void Meter::begin() {
  spent_ = {};
  if (!counting_ || instrumented_) return;
  instrumented_ = true;
  CALLGRIND_START_INSTRUMENTATION;
}

void Meter::start() {
  if (counting_) CALLGRIND_TOGGLE_COLLECT;
  else started_ = Clock::now();
}

void Meter::stop() {
  if (counting_) CALLGRIND_TOGGLE_COLLECT;
  else spent_ += Clock::now() - started_;
}

void Meter::end(std::string_view label, std::uint64_t units) {
  PENSTOCK_ASSERT(units > 0);
  readings_.push_back({std::string(label), units, std::chrono::duration<double, std::nano>(spent_).count()});
  if (counting_) CALLGRIND_DUMP_STATS_AT(readings_.back().label.c_str());
}

void Meter::prepare() {
  if (!instrumented_) return;
  instrumented_ = false;
  CALLGRIND_STOP_INSTRUMENTATION;
}

}  // namespace penstock::bench
