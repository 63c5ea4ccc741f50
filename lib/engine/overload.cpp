#include "engine/overload.hpp"

namespace penstock {

bool Overload::trickles(Instant now) {
  if (now < trickle_at_) {
    shed_ = true;
    return false;
  }
  trickle_at_ = now + trickle;
  return true;
}

void Overload::close_window(std::uint64_t resent, Instant now) {
  const bool crowded = full_turns_ >= full_turns_min && full_turns_ > other_turns_;
  const std::uint64_t again = resent - resent_before_;
  if (crowded && again > 0 && again * resent_share >= proven_) {
    ++crowded_windows_;
    level_ = level_ == Level::calm ? Level::unproven : Level::newcomers;
    calm_at_ = now + calm_after;
  } else if (shed_) {
    calm_at_ = now + calm_after;
  } else if (level_ != Level::calm && now >= calm_at_) {
    level_ = level_ == Level::newcomers ? Level::unproven : Level::calm;
    calm_at_ = now + calm_after;
  }
  full_turns_ = other_turns_ = 0;
  proven_ = 0;
  shed_ = false;
  resent_before_ = resent;
  window_end_ = now + window;
}

}  // namespace penstock
