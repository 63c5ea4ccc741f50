// Rng: the only source of chance. Deterministic from its seed, passed by reference, never global.
//
// xoshiro256++ (Blackman and Vigna, 2019) seeded by SplitMix64. It is not a cipher: keys and cookies come from the
// operating system's random source through `runtime`, which seeds one Rng a worker from it. `child(label)` makes an
// independent stream, so that one more draw in one component does not shift the others.
#pragma once

#include <cstdint>
#include <limits>

#include "base/assert.hpp"

namespace penstock {

class Rng {
 public:
  explicit Rng(std::uint64_t seed);

  std::uint64_t next();
  std::uint32_t next32() { return static_cast<std::uint32_t>(next() >> 32); }
  // Uniform in [0, bound), bound > 0.
  std::uint64_t below(std::uint64_t bound);
  // Uniform in [low, high], both ends included.
  std::int64_t between(std::int64_t low, std::int64_t high) {
    PENSTOCK_ASSERT(low <= high);
    // Unsigned, because the way from low to high may be longer than the largest signed number.
    const std::uint64_t way = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
    const std::uint64_t step = way == std::numeric_limits<std::uint64_t>::max() ? next() : below(way + 1);
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + step);
  }
  // True with a probability of `ppm` in a million.
  bool chance_ppm(std::uint32_t ppm) { return below(1'000'000) < ppm; }
  // An independent generator; the same label of an equally seeded parent yields the same child, whatever was drawn.
  Rng child(std::uint64_t label) const;

 private:
  std::uint64_t seed_;
  std::uint64_t state_[4];
};

}  // namespace penstock
