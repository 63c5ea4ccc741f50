// LossWindow: what the windows that answer to loss have in common: slow start, one reduction a round trip, undo, idle restart.
//
// NewReno and Cubic each hold one and add how they grow in congestion avoidance and how far they reduce.
//   slow start      RFC 5681, 3.1, by bytes (RFC 3465); the limit L of RFC 3465 and RFC 9406 does not apply: each segment
//                   of a KCP datagram is named for itself, and what it lets go is paced
//   growth          only when the window, and not a lack of data, held the flow back (RFC 9002, 7.8; RFC 9438, 5.8), and
//                   only by what was sent since the last reduction (RFC 9002, 7.3.2)
//   pacing          5/4 of a window a round trip, twice it in slow start (RFC 9002, 7.7)
#pragma once

#include <cstdint>

#include "proto/congestion/episode.hpp"
#include "proto/congestion/events.hpp"
#include "proto/congestion/hystart.hpp"
#include "proto/congestion/scale.hpp"

namespace penstock::congestion {

class LossWindow {
 public:
  explicit LossWindow(const Setup& setup);

  // True: the flow was idle for so long that it begins with the initial window again (RFC 5681, 4.1).
  bool on_sent(const Sent& sent);
  // Grows the window in slow start. Returns the bytes left for congestion avoidance; 0: nothing may grow now.
  std::uint64_t on_acked(const Acked& acked);
  // True: a reduction is due, and the caller calls reduce(). False: the last one answered this loss as well.
  bool on_lost(const Lost& lost);
  void reduce(const Lost& lost, std::uint32_t threshold);
  // The threshold is kept when another timeout follows without any acknowledgement between (RFC 5681, 3.1). True: it is the
  // first of them.
  bool on_timeout(const Timeout& timeout, std::uint32_t threshold);
  // True: the last reduction had no reason, and the window and the threshold are as they were before it.
  bool on_spurious(const Spurious& spurious);

  std::uint32_t window() const { return window_; }
  void set_window(std::uint64_t bytes);
  std::uint32_t threshold() const { return threshold_; }
  bool in_slow_start() const { return window_ < threshold_; }
  std::uint32_t segment_bytes() const { return segment_bytes_; }
  std::uint32_t srtt_us() const { return srtt_us_; }

  std::uint64_t pacing_rate() const;
  Essence essence() const;
  // After idleness: the threshold is known, the window begins anew.
  void resume(const Essence& essence, Instant now);
  // In the middle of a flow: the window stays what it was under another controller.
  void take_over(const Essence& essence, Instant now);

 private:
  bool limited(const Acked& acked);
  void restart();

  // Two segments are the least threshold (RFC 5681, equation 4).
  std::uint32_t at_least_two(std::uint32_t bytes) const { return std::max(bytes, 2 * segment_bytes_); }

  // Idle longer than it, a flow has lost its clock. RFC 5681 says a retransmission timeout, which is not told here.
  static constexpr std::int64_t idle_us_min = 200'000;
  static constexpr std::int64_t idle_round_trips = 3;

  Instant last_sent_;   // never(): nothing was sent yet
  Instant limited_at_;  // when the window last held the flow back; a round trip from then on counts as limited
  Episode episode_;
  HyStart hystart_;
  std::uint32_t window_;
  std::uint32_t threshold_ = volume_unlimited;  // ssthresh; unlimited: no reduction yet
  std::uint32_t prior_window_ = 0;              // before the last reduction
  std::uint32_t prior_threshold_ = 0;
  std::uint32_t segment_bytes_;
  std::uint32_t srtt_us_ = 0;
};

}  // namespace penstock::congestion
