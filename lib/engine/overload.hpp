// Overload: tells when newcomers must stand back, because sessions that exist lose what their peers send.
//
// A full queue alone is no reason: whoever sends as fast as he is answered keeps it full and loses nothing, and a million
// honest clients may come at once. What counts is that in most turns a burst came full while proven peers had to be sent to
// again, since their acknowledgements were lost or late (only sessions that have had a round trip measured count, as a first
// timeout is a guess): for one datagram of 64 that they sent, or more, within a window of
// 10 ms. Each such window raises the level by one; a second without, in which nobody was refused, lowers it by one. A level
// only says what a *full* burst drops: as soon as the worker has caught up newcomers come in, and one each millisecond
// whatever happens. So they live on what is left over.
//
//   level       beyond what is invalid, or belongs to no session and may open none, a full burst drops
//   calm        nothing
//   unproven    what unproven peers send sooner than honest ones repeat, unless it may be their proof    shed_unproven
//   newcomers   … however late, and what would open a session                                            shed_newcomer
//
// What proven sessions send is never dropped here. Evidence comes only from peers to whom we send data. The worker's core
// alone uses it; docs/decisions/0005 tells why it is as it is.
#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace penstock {

class Overload {
 public:
  enum class Level : std::uint8_t { calm, unproven, newcomers };

  static constexpr Duration window = Duration::ms(10);
  static constexpr Duration calm_after = Duration::seconds(1);
  static constexpr Duration trickle = Duration::ms(1);
  // An honest peer waits at least so long before it repeats what was not answered.
  static constexpr Duration repeats_after = Duration::ms(100);
  // Turns with a full burst that a window needs to count as crowded at all, beside being most of its turns.
  static constexpr std::uint32_t full_turns_min = 8;
  // One datagram sent again for so many that proven peers sent is loss beyond what a poor path makes.
  static constexpr std::uint64_t resent_share = 64;

  // A burst came from a queue, `full` when more may wait behind it. What follows until the next one belongs to it.
  void on_burst(bool full) {
    full_ = full;
    turn_is_full_ = turn_is_full_ || full;
  }
  // A datagram of a proven session came.
  void on_proven() { ++proven_; }
  // Whether this burst has no room for a datagram without a proof of an unproven peer who was `silent` so long before it,
  // or for a new session. False takes the place that the present millisecond has for them.
  bool sheds_unproven(Duration silent, Instant now) {
    if (!full_ || level_ == Level::calm) return false;
    return (level_ == Level::newcomers || silent < repeats_after) && !trickles(now);
  }
  bool sheds_newcomer(Instant now) { return full_ && level_ >= Level::newcomers && !trickles(now); }
  // At the end of each turn. `resent`: segments sent again for want of an acknowledgement, by sessions past their first, since
  // start.
  void end_turn(std::uint64_t resent, Instant now) {
    ++(turn_is_full_ ? full_turns_ : other_turns_);
    full_ = turn_is_full_ = false;
    if (now >= window_end_) close_window(resent, now);
  }

  Level level() const { return level_; }
  std::uint64_t crowded_windows() const { return crowded_windows_; }

 private:
  bool trickles(Instant now);
  void close_window(std::uint64_t resent, Instant now);

  bool full_ = false;          // the burst in hand
  bool turn_is_full_ = false;  // a burst of this turn
  Level level_ = Level::calm;
  bool shed_ = false;              // something was refused in this window
  std::uint32_t full_turns_ = 0;   // of the present window …
  std::uint32_t other_turns_ = 0;  // … whether they found frames or none
  std::uint64_t proven_ = 0;       // datagrams of proven sessions in it
  std::uint64_t resent_before_ = 0;
  std::uint64_t crowded_windows_ = 0;  // windows with evidence, since start
  Instant window_end_;
  Instant calm_at_;     // when the level goes down if no evidence comes before
  Instant trickle_at_;  // when the next one may come in whatever the level
};

}  // namespace penstock
