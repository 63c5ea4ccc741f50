// IdlePolicy: what a worker with `poll = "adaptive"` does between two turns: poll on, pause, or sleep.
//
// Pure: time and whether the turn found work are arguments, and what to do is the answer; Seat's loop does it. A worker
// polls while there is work and for a moment after, then pauses between turns, then sleeps. How long it stays awake is
// learnt with hysteresis: work that comes soon after it fell asleep doubles the time, up to `linger_max`, since staying
// awake would have cost less than waking up; work after a long silence halves it. One worker's, on its core.
#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace penstock::runtime {

class IdlePolicy {
 public:
  enum class Step : std::uint8_t {
    poll,   // the next turn at once
    pause,  // a moment of rte_pause, then the next turn
    arm,    // ask the ports for interrupts, then the next turn: what came before them must not be slept over
    sleep,  // sleep for sleep_for(), then the next turn
  };

  // After work a worker polls on for so long, and from then on pauses between turns until it has lingered.
  static constexpr Duration spin = Duration::us(20);
  static constexpr Duration linger_min = Duration::us(50);
  static constexpr Duration linger_max = Duration::us(500);
  // A shorter sleep is not worth its call and its timer.
  static constexpr Duration sleep_min = Duration::us(50);
  // Nothing but time wakes it: the longest that a frame, a question of control or a worker's hand-over waits.
  static constexpr Duration sleep_max = Duration::ms(1);
  // Frames wake it: what is left to wait is control, which asks with more patience.
  static constexpr Duration woken_sleep_max = Duration::ms(20);

  // What to do after a turn that began at `now`. `arm` is followed by `sleep` unless work came.
  Step after_turn(bool worked, Instant now);
  // How long to sleep when after_turn() said so; nothing when that is not worth it, as `deadline` (Worker's) is near.
  // `frames_wake` tells that every frame for this worker ends the sleep. Otherwise it is a part of the time that was quiet
  // already, so that what a frame waits stays small beside the gap that it ended.
  Duration sleep_for(Instant now, Instant deadline, bool frames_wake) const;

  // How long it stays awake after work, at present.
  Duration linger() const { return linger_; }

 private:
  Instant quiet_since_;  // when work was found last; the clock's origin before that
  Duration linger_ = linger_min;
  bool armed_ = false;  // the last answer was `arm`
  bool slept_ = false;  // it slept since it found work
};

}  // namespace penstock::runtime
