// Cubic: a window that follows a cubic curve of the time since the last loss (RFC 9438).
//
//   4.2  W_cubic(t) = C (t − K)³ + W_max, C = 0.4 segments/s³; aimed at a round trip ahead, at most half a window more
//   4.3  never slower than Reno would be: W_est grows by α = 9/17 segments a round trip, by one once it has caught up
//   4.6  β = 0.7; 4.7 fast convergence; 4.8 timeout; 4.9 undo; 5.8 a time without enough to send does not count
//   4.10 slow start with HyStart++ (RFC 9406), in LossWindow
// Time is in ms and volumes are in bytes; both keep what a division leaves over.
#pragma once

#include "proto/congestion/events.hpp"
#include "proto/congestion/loss_window.hpp"

namespace penstock::congestion {

class Cubic {
 public:
  explicit Cubic(const Setup& setup) : window_(setup) {}

  void on_sent(const Sent& sent);
  void on_acked(const Acked& acked);
  void on_lost(const Lost& lost);
  void on_timeout(const Timeout& timeout);
  void on_spurious(const Spurious& spurious);

  std::uint64_t window() const { return window_.window(); }
  std::uint64_t pacing_rate() const { return window_.pacing_rate(); }
  std::uint64_t threshold() const { return window_.threshold() == volume_unlimited ? unbounded : window_.threshold(); }
  Essence essence() const { return window_.essence(); }
  void resume(const Essence& essence, Instant now) { window_.resume(essence, now); }
  void take_over(const Essence& essence, Instant now) { window_.take_over(essence, now); }

 private:
  // The curve of one congestion avoidance stage: what an undo brings back (RFC 9438, 4.9).
  struct Curve {
    Instant epoch;                    // t = 0; moves on while the flow has too little to send
    std::uint64_t estimate_rest = 0;  // of W_est, in 1/(17 × window) of a byte
    std::uint32_t w_max = 0;          // bytes where the curve is flat; 0: unknown
    std::uint32_t estimate = 0;       // bytes, W_est
    std::uint32_t k_ms = 0;           // from t = 0 to where it is flat
    std::uint32_t window_prior = 0;   // cwnd_prior: bytes before the last reduction
    bool running = false;             // the stage has begun
  };

  void begin_stage(Instant now);
  void end_stage();
  std::uint64_t curve_at(std::int64_t ms) const;
  void grow_estimate(std::uint64_t bytes);

  static constexpr std::uint32_t beta_tenths = 7;

  LossWindow window_;
  Curve curve_;
  Curve prior_;               // before the last reduction
  Instant last_acked_;        // until when the epoch has been counted
  std::uint64_t credit_ = 0;  // of the window, in 1/window of a byte
};
static_assert(Controller<Cubic>);

}  // namespace penstock::congestion
