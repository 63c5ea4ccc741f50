// Episode: the losses that one reduction answers, and whether all of them turn out to be none.
//
// A reduction answers every loss among what had been sent until then, so that a window is reduced once a round trip
// (RFC 9002, 7.3.2). It is taken back when each copy of it that was held for lost arrived after all (RFC 4015), or, after a
// timeout, when any did (RFC 5682): a timeout claims that nothing arrived.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "proto/congestion/events.hpp"

namespace penstock::congestion {

class Episode {
 public:
  // Whether a copy sent then was sent before the last reduction.
  bool covers(Instant sent_at) const { return sent_at <= at_; }
  bool by_timeout() const { return open_ && by_timeout_; }

  // A loss that the last reduction does not cover: now the window is reduced.
  void begin(Instant now, Instant sent_at) { *this = Episode(now, age(now, sent_at), false); }
  // Whatever was sent until now is held for lost.
  void begin_by_timeout(Instant now) { *this = Episode(now, std::numeric_limits<std::uint32_t>::max(), true); }
  // Another loss that it covers.
  void add(Instant sent_at) {
    if (!open_ || by_timeout_) return;
    age_us_ = std::max(age_us_, age(at_, sent_at));
    ++outstanding_;
  }
  // True once, when that receipt shows that the reduction had no reason; then nothing is covered any more.
  bool disproved_by(const Spurious& spurious) {
    const bool ours = open_ && covers(spurious.sent_at) && age(at_, spurious.sent_at) <= age_us_;
    if (!ours || spurious.by_timeout != by_timeout_) return false;
    if (!by_timeout_ && --outstanding_ > 0) return false;
    *this = Episode();
    return true;
  }

  Episode() = default;

 private:
  Episode(Instant at, std::uint32_t age_us, bool by_timeout)
      : at_(at), age_us_(age_us), outstanding_(1), open_(true), by_timeout_(by_timeout) {}

  static std::uint32_t age(Instant now, Instant sent_at) {
    const std::int64_t us = (now - sent_at).count_us();
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(us, 0, std::numeric_limits<std::uint32_t>::max()));
  }

  Instant at_ = Instant::at_us(std::numeric_limits<std::int64_t>::min());  // of the reduction; earlier than all: none
  std::uint32_t age_us_ = 0;            // how long before it its oldest lost copy was sent
  std::uint32_t outstanding_ : 30 = 0;  // copies held for lost that have not arrived
  bool open_ : 1 = false;               // it may still be taken back
  bool by_timeout_ : 1 = false;
};
static_assert(sizeof(Episode) == 16);

}  // namespace penstock::congestion
