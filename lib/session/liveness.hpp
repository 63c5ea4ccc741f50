// Liveness: when a peer that has fallen silent is asked for a sign of life, and when it is given up.
//
// A peer that is alive but has nothing to say keeps its session as long as it answers; one that is gone is found within the
// timeout. The questions stand at even distances in the second half of that time, the first at its middle. `place` sets
// the sessions of one moment up to a 32nd of the timeout apart, always earlier, so that a million of them neither ask nor
// end together. Pure functions, any core.
#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace penstock {

// How long after the last sign of life something is to be done: the question after `asked` of `probes` ones, or, when all
// were asked, the end. Without probes the timeout is how long a peer may be silent, so nobody ends earlier.
constexpr Duration silence_allowed(Duration timeout, std::uint32_t probes, std::uint32_t asked, std::uint32_t place) {
  const std::uint32_t spread = place * 2654435761u;
  if (probes == 0) return timeout + Duration::us(spread >> 12);  // up to a second
  const Duration apart = Duration::us(timeout.count_us() / 32 * (spread >> 16) / 65'536);
  if (asked >= probes) return timeout - apart;
  return timeout / 2 + Duration::us(timeout.count_us() / 2 * asked / probes) - apart;
}

// What a question leaves its answer at the least, when our own absence has eaten up the time.
constexpr Duration answer_time_min(Duration timeout, std::uint32_t probes) {
  return timeout / (4 * static_cast<std::int64_t>(probes));
}

}  // namespace penstock
