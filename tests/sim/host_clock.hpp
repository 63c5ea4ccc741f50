// HostClock: the clock of one machine, as it runs against the world's: too fast or too slow, and ahead after a jump.
//
// It never goes back, as the product's own does not (a steady time stamp counter): what can happen to a machine is that it
// stood still while its counter went on. At the start it shows what the world's shows.
#pragma once

#include "base/time.hpp"

namespace penstock::sim {

class HostClock {
 public:
  // Gains `ppm` µs on the world in each second of it; less than 0: it loses them.
  HostClock(Instant start, std::int64_t ppm) : start_(start), ppm_(ppm) {}

  // What it shows at a moment of the world.
  Instant local(Instant world) const {
    if (world.is_never()) return world;
    return world + gained(world) + jumped_;
  }
  // The first moment of the world, but for those before the start, at which it shows `local` or later.
  Instant world(Instant local) const {
    if (local.is_never()) return local;
    const Instant without = local - jumped_;
    if (without <= start_) return start_;
    // Off by 1 µs at the most for each second that it is off: two steps of correction reach the first such moment.
    Instant found = without - gained(without);
    while (this->local(found) < local) found = found + Duration::us(1);
    while (found > start_ && this->local(found - Duration::us(1)) >= local) found = found - Duration::us(1);
    return found;
  }
  void jump(Duration ahead) { jumped_ += ahead; }
  bool drifts() const { return ppm_ != 0; }

 private:
  // Floored, so that it never goes back.
  Duration gained(Instant world) const {
    const std::int64_t product = (world - start_).count_us() * ppm_;
    const std::int64_t cut = product / million;
    return Duration::us(product % million < 0 ? cut - 1 : cut);
  }
  static constexpr std::int64_t million = 1'000'000;

  Instant start_;
  std::int64_t ppm_;
  Duration jumped_;
};

}  // namespace penstock::sim
