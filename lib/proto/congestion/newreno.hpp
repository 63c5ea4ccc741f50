// NewReno: one segment more a round trip, half the window on loss (RFC 5681, RFC 6582).
//
//   congestion avoidance  a window's worth of acknowledged bytes grows it by a segment (RFC 3465, 2.1)
//   loss                  ssthresh = window / 2, once a round trip; the window falls to it at once (RFC 9002, 7.3.2, which
//                         leaves open how; the proportional way of RFC 6937 needs what a paced sender does not)
//   timeout               ssthresh = flight / 2, one segment, slow start (RFC 5681, equation 4)
// The rest is LossWindow's.
#pragma once

#include "proto/congestion/events.hpp"
#include "proto/congestion/loss_window.hpp"

namespace penstock::congestion {

class NewReno {
 public:
  explicit NewReno(const Setup& setup) : window_(setup) {}

  void on_sent(const Sent& sent) { window_.on_sent(sent); }
  void on_acked(const Acked& acked);
  void on_lost(const Lost& lost);
  void on_timeout(const Timeout& timeout);
  void on_spurious(const Spurious& spurious) { window_.on_spurious(spurious); }

  std::uint64_t window() const { return window_.window(); }
  std::uint64_t pacing_rate() const { return window_.pacing_rate(); }
  std::uint64_t threshold() const { return window_.threshold() == volume_unlimited ? unbounded : window_.threshold(); }
  Essence essence() const { return window_.essence(); }
  void resume(const Essence& essence, Instant now) { window_.resume(essence, now); }
  void take_over(const Essence& essence, Instant now) { window_.take_over(essence, now); }

 private:
  LossWindow window_;
  std::uint64_t credit_ = 0;  // bytes acknowledged in congestion avoidance that have not grown the window yet
};
static_assert(Controller<NewReno>);

}  // namespace penstock::congestion
