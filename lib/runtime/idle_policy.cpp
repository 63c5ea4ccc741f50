#include "runtime/idle_policy.hpp"

#include <algorithm>

namespace penstock::runtime {

namespace {

// The part of a silence that a sleep which only time ends may add to it.
constexpr std::int64_t silence_share = 4;

}  // namespace

IdlePolicy::Step IdlePolicy::after_turn(bool worked, Instant now) {
  const Duration quiet = now - quiet_since_;
  const bool armed = armed_;
  armed_ = false;
  if (worked) {
    if (slept_) {
      linger_ = quiet <= linger_max ? std::min(linger_ * 2, linger_max) : std::max(linger_ / 2, linger_min);
    }
    slept_ = false;
    quiet_since_ = now;
    return Step::poll;
  }
  if (quiet < spin) return Step::poll;
  if (quiet < linger_) return Step::pause;
  if (!armed) {
    armed_ = true;
    return Step::arm;
  }
  slept_ = true;
  return Step::sleep;
}

Duration IdlePolicy::sleep_for(Instant now, Instant deadline, bool frames_wake) const {
  const Duration quiet = now - quiet_since_;
  const Duration longest = frames_wake ? woken_sleep_max : std::clamp(quiet / silence_share, sleep_min, sleep_max);
  const Duration span = std::min(longest, deadline - now);
  return span < sleep_min ? Duration() : span;
}

}  // namespace penstock::runtime
