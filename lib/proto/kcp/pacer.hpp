// Pacer: spreads what a sender puts on the wire over time, so that no queue on the way has to.
//
// A deadline that moves on by what each segment costs at the rate. Who comes late may make up for one tick of the timer
// wheel, so that the wheel's grain costs no rate: what leaves at once is a tick's worth at the most, and one segment. In ns,
// since a segment takes less than a µs from 11 Gbit/s on. One core, part of a session.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.hpp"
#include "proto/congestion/events.hpp"

namespace penstock::kcp {

class Pacer {
 public:
  static constexpr std::int64_t burst_us = 128;

  // Whether something may leave now at `rate` bytes a second; what leaves then is told by on_sent().
  bool allows(std::uint64_t rate, Instant now) {
    rate_ = rate;
    held_ = rate != congestion::unbounded && next_ns_ > now.count_us() * 1000;
    return !held_;
  }
  void on_sent(std::uint32_t bytes, Instant now) {
    if (rate_ == congestion::unbounded) return;
    const std::int64_t earliest_ns = (now.count_us() - burst_us) * 1000;
    const auto cost_ns =
        static_cast<std::int64_t>(std::uint64_t{bytes} * 1'000'000'000 / std::max<std::uint64_t>(rate_, 1));
    next_ns_ = std::max(next_ns_, earliest_ns) + cost_ns;
  }
  // What allows() refused last would be refused still.
  bool holds(Instant now) const { return held_ && next_ns_ > now.count_us() * 1000; }
  // When allows() answers true again after it answered false; never() otherwise.
  Instant held_until() const { return held_ ? Instant::at_us((next_ns_ + 999) / 1000) : Instant::never(); }

 private:
  std::int64_t next_ns_ = 0;
  std::uint64_t rate_ = congestion::unbounded;
  bool held_ = false;
};

}  // namespace penstock::kcp
