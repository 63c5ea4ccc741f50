// TickClock: a clock of nanoseconds that is handed to whoever may measure shorter times than the worker's microseconds.
//
// `runtime` backs it with the time stamp counter, a simulation with its virtual time. It is an argument like `now`: nothing
// below the runtime reads a clock of its own. Its origin is its owner's affair. It may go back by a few microseconds when its
// owner corrects it: who cannot bear that keeps the later of two readings.
#pragma once

#include <cstdint>

namespace penstock {

struct TickClock {
  std::uint64_t (*read)(const void* context) = nullptr;  // nanoseconds
  const void* context = nullptr;

  std::uint64_t now_ns() const { return read(context); }
};

}  // namespace penstock
