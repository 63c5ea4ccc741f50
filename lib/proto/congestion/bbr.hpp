// Bbr: sends at the rate that the path was measured to deliver, with about one bandwidth-delay product in flight (BBR version 3).
//
// From draft-ietf-ccwg-bbr (after version 06, summer of 2026). BbrModel holds what is believed of the path; here is the state
// machine that probes it, and the window and pacing rate that follow: `bbr_probe.cpp` is the part of it within ProbeBW,
// `bbr_control.cpp` turns belief and state into a window and a rate.
//
//       ┌─> startup ──> drain ──> down ──> cruise ──> refill ──> up ──┐
//       │                          ^                                  │       each ──> probe_rtt, every 5 s unless
//       └── probe_rtt (pipe        └──────────────────────────────────┘               the flow was idle ──> cruise
//           not full yet)
//
// Other than in the draft, and why:
//   - Losses are too many when they exceed LossThresh by more than twice what chance spreads: 2 % of a flight of 100 segments
//     are two, which chance exceeds on any path with losses, and each such probe would end too low.
//   - A round with losses lowers the short-term bounds only by what it delivered below the flow's own doing: the pacing margin,
//     the gains of Drain, Down and ProbeRTT, and LossThresh. Else any loss costs 1 to 10 % in every round.
//   - The short-term bound of what is in flight has the estimate of aggregation on top: a KCP receiver holds back its
//     acknowledgements for longer than many a round trip takes.
//   - LossThresh may be told (Setup::loss_percent).
//   - Of its lost ranges, in Startup, each is a run of segments that left one after another. Recovery from a timeout ends
//     after two rounds. Samples of ProbeRTT are distrusted by the model, since the sender cannot be told to mark them.
//   - No ECN: KCP does not report marks.
#pragma once

#include <cstdint>

#include "proto/congestion/bbr_model.hpp"
#include "proto/congestion/episode.hpp"
#include "proto/congestion/events.hpp"

namespace penstock::congestion {

class Bbr {
 public:
  enum class State : std::uint8_t { startup, drain, down, cruise, refill, up, probe_rtt };

  explicit Bbr(const Setup& setup);

  void on_sent(const Sent& sent);
  void on_acked(const Acked& acked);
  void on_lost(const Lost& lost);
  void on_timeout(const Timeout& timeout);
  void on_spurious(const Spurious& spurious);

  std::uint64_t window() const { return window_; }
  std::uint64_t pacing_rate() const { return pacing_rate_; }
  std::uint64_t threshold() const { return unbounded; }
  Essence essence() const;
  void resume(const Essence& essence, Instant now);
  void take_over(const Essence& essence, Instant now);

  State state() const { return state_; }
  const BbrModel& model() const { return model_; }

 private:
  // What the acknowledgements tell about a probe for bandwidth: ack_phase.
  enum class Feedback : std::uint8_t { none, refilling, starting, arriving, stopping };
  // The probe that a loss ended, to go back to when there was no loss: undo_state.
  enum class Undo : std::uint8_t { none, startup, up };

  bool in_probe_bw() const { return state_ >= State::down && state_ <= State::up; }
  bool probing() const { return state_ == State::startup || state_ == State::refill || state_ == State::up; }

  void count_round();
  void note_window_use(const Acked& acked);
  void check_startup_done(const BbrSample& sample);
  void check_drain_done(const Acked& acked);
  void check_probe_rtt(const Acked& acked, const BbrSample& sample);
  void handle_probe_rtt(const Acked& acked);
  void check_probe_rtt_done(Instant now, std::uint64_t delivered);
  void count_lost_run(const Lost& lost);

  // bbr_control.cpp
  std::uint32_t pacing_percent() const;
  std::uint32_t window_percent() const;
  std::uint32_t own_percent() const;
  void set_pacing_rate(std::uint32_t percent);
  void set_window(const Acked& acked);
  std::uint32_t quantized(std::uint32_t bytes) const;
  std::uint32_t inflight(std::uint64_t rate) const { return quantized(model_.bdp(rate, 100)); }
  std::uint32_t target_inflight() const;
  std::uint32_t probe_rtt_window() const;
  void save_window();
  void restore_window() { window_ = std::max(window_, prior_window_); }

  // bbr_probe.cpp
  void start_down(Instant now, std::uint64_t delivered);
  void start_refill(std::uint64_t delivered);
  void start_up(std::uint64_t delivered, std::uint64_t rate);
  void advance_cycle(const Acked& acked, const BbrSample& sample);
  bool adapt_long_term(const Acked& acked, const BbrSample& sample);
  void probe_long_term_upward(const Acked& acked);
  void raise_slope();
  bool time_to_probe(const Acked& acked);
  bool time_to_cruise(const Acked& acked) const;
  bool time_to_go_down(const Acked& acked, const BbrSample& sample);
  void handle_inflight_too_high(const Lost& lost);
  std::uint32_t draw(std::uint32_t bound);

  static constexpr std::uint32_t startup_pacing_percent = 277;

  BbrModel model_;
  std::uint64_t pacing_rate_;  // bytes a second
  Instant phase_until_;        // ProbeBW: when to probe again at the latest; ProbeRTT: its end, never() before it
  Episode episode_;
  std::uint32_t window_;                             // cwnd
  std::uint32_t prior_window_ = 0;                   // the last one that neither loss nor ProbeRTT held down
  std::uint32_t up_acked_ = 0;                       // bw_probe_up_acked
  std::uint32_t acked_per_step_ = volume_unlimited;  // probe_up_acked_per_inc
  std::uint32_t chance_;                             // state of a small generator, never 0
  std::uint32_t last_lost_flight_ = 0;               // flight_at_send of the last lost segment
  State state_ = State::startup;
  std::uint8_t rounds_since_up_ = 0;     // rounds_since_probe_up
  std::uint8_t slowest_now_ = 100;       // least percent of the model that it sent by in this round
  std::uint8_t slowest_before_ = 100;    // in the one before, whose answers arrive now
  std::uint8_t up_rounds_ : 5 = 0;       // bw_probe_up_rounds
  std::uint8_t drain_rounds_ : 3 = 0;    // since Drain began
  std::uint8_t lost_runs_ : 4 = 0;       // in this loss round
  std::uint8_t timeout_rounds_ : 2 = 0;  // left of the recovery from a timeout
  Undo undo_ : 2 = Undo::none;
  Feedback feedback_ : 3 = Feedback::none;
  bool probe_sample_ : 1 = false;   // is_bw_probe_sample
  bool too_high_ : 1 = false;       // prev_probe_too_high
  bool precautionary_ : 1 = false;  // prev_probe_precautionary
  bool idle_restart_ : 1 = false;
  bool probe_rtt_round_over_ : 1 = false;
  bool limited_now_ : 1 = false;     // the window held the flow back in this round
  bool limited_before_ : 1 = false;  // in the one before
  bool rtt_seen_ : 1 = false;
};
static_assert(Controller<Bbr>);
static_assert(sizeof(Bbr) <= 216);

}  // namespace penstock::congestion
