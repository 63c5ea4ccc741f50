// BbrModel: what BBR believes of the path: how fast it delivers, how short it is, how much it holds and how it answers.
//
// Section names are those of draft-ietf-ccwg-bbr, "Updating Network Path Model Parameters". The long-term model (max_bw,
// min_rtt, inflight_longterm) outlives a probing cycle, the short-term one holds what losses said in this one.
// What the draft says of ECN is left out: KCP does not report marks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "proto/congestion/events.hpp"
#include "proto/congestion/scale.hpp"

namespace penstock::congestion {

// A rate sample as BBR reads it.
struct BbrSample {
  std::uint64_t rate = 0;  // bytes a second; 0: there is none
  std::uint64_t delivered_before = 0;
  std::uint32_t delivered = 0;
  std::uint32_t lost = 0;
  std::uint32_t flight_at_send = 0;
  bool present = false;
  bool app_limited = false;
};

class BbrModel {
 public:
  explicit BbrModel(const Setup& setup);

  // --- an acknowledgement, in this order ---
  // UpdateLatestDeliverySignals, UpdateRound, UpdateMaxBw.
  BbrSample begin(const Acked& acked);
  // AdaptLowerBoundsFromCongestion, at the end of a round with losses in it, in which the flow sent at least `percent` of
  // what the model would have allowed.
  void adapt_lower_bounds(std::uint32_t window, std::uint32_t percent);
  void end_loss_round();
  // UpdateACKAggregation. KCP's receivers make it matter: they acknowledge once a flush, every 10 to 100 ms.
  void note_aggregation(const Acked& acked, std::uint32_t window);
  // CheckFullBWReached.
  void check_full_pipe(const BbrSample& sample);
  // UpdateMinRTT.
  void note_rtt(const Acked& acked);
  // AdvanceLatestDeliverySignals.
  void finish(const BbrSample& sample);

  // --- losses ---
  // NoteLoss; `delivered` is the flow's.
  void note_loss(std::uint64_t delivered);
  void note_timeout();
  // IsInflightTooHigh: more than LossThresh was lost, by more than twice what chance spreads.
  bool too_high(std::uint64_t lost, std::uint64_t flight) const;
  // InflightAtLoss: the volume at which the losses crossed the limit.
  std::uint32_t flight_at_loss(const Lost& lost) const;
  void save_for_undo();
  void undo();

  // --- what the cycle of probing does to it ---
  void start_round(std::uint64_t delivered) { round_end_ = std::max(round_end_, delivered); }
  void reset_full_pipe(std::uint64_t rate = 0);
  void advance_max_bw();
  void reset_congestion_signals();
  void reset_short_term();
  void set_long_term(std::uint32_t bytes) { long_term_ = std::min(bytes, window_max); }
  void raise_long_term(std::uint64_t bytes);
  // Samples of what was sent until so many bytes are delivered understate the path (MarkConnectionAppLimited).
  void distrust_until(std::uint64_t delivered) { quiet_until_ = delivered; }
  void restart_aggregation(Instant now) { extra_start_ = now; }
  void postpone_probe_rtt(Instant now) { probe_rtt_min_ms_ = stamp(now); }
  void set_full_pipe(bool reached) { full_reached_ = reached; }
  // Of a flow that was idle, or under another controller: the path's rate.
  void resume(std::uint64_t rate);

  bool round_started() const { return round_started_; }
  bool loss_round_over() const { return loss_round_over_; }
  bool loss_in_round() const { return loss_in_round_; }
  std::uint64_t max_bw() const { return std::max(max_bw_[0], max_bw_[1]); }
  std::uint64_t bw() const { return std::min(max_bw(), bw_short_); }
  bool rtt_known() const { return min_rtt_us_ != unknown; }
  std::uint32_t min_rtt_us() const { return min_rtt_us_; }
  std::uint32_t extra_acked() const { return std::max(extra_[0], extra_[1]); }
  std::uint32_t inflight_latest() const { return inflight_latest_; }
  std::uint32_t long_term() const { return long_term_; }    // volume_unlimited: no bound is known
  std::uint32_t short_term() const { return short_term_; }  // volume_unlimited: no loss in this cycle
  bool full_pipe_now() const { return full_now_; }
  bool full_pipe_reached() const { return full_reached_; }
  bool probe_rtt_due() const { return probe_rtt_expired_; }
  std::uint32_t segment_bytes() const { return segment_bytes_; }
  std::uint32_t initial_window() const { return initial_window_segments * segment_bytes_; }
  // BDPMultiple: percent of rate × min_rtt.
  std::uint32_t bdp(std::uint64_t rate, std::uint32_t percent) const;
  // InflightWithHeadroom: what leaves 15 % of the long-term bound to others.
  std::uint32_t with_headroom() const;
  static constexpr std::uint32_t pacing_margin_percent = 1;  // PacingMarginPercent
  std::uint32_t pipe_min() const { return pipe_min_segments * segment_bytes_; }

 private:
  std::uint64_t allowed(std::uint64_t delivered, std::uint32_t percent) const;
  static std::uint32_t stamp(Instant now) { return static_cast<std::uint32_t>(now.count_ms()); }

  // Beyond it nothing tells a full path from a bad one.
  static constexpr std::uint8_t loss_percent_max = 40;
  static constexpr std::uint32_t beta_tenths = 7;             // Beta
  static constexpr std::uint32_t headroom_percent = 15;       // Headroom
  static constexpr std::uint32_t pipe_min_segments = 4;       // MinPipeCwnd
  static constexpr std::uint32_t min_rtt_filter_ms = 10'000;  // MinRTTFilterLen
  static constexpr std::uint32_t probe_rtt_every_ms = 5'000;  // ProbeRTTInterval
  static constexpr std::uint8_t full_rounds = 3;
  static constexpr std::uint8_t extra_slot_rounds = 5;  // two slots: the last 5 to 10 rounds, the draft's 10
  static constexpr std::uint32_t unknown = std::numeric_limits<std::uint32_t>::max();

  std::uint64_t max_bw_[2] = {};        // bytes a second, of the cycle before and of this one
  std::uint64_t bw_short_ = unbounded;  // bw_shortterm
  std::uint64_t bw_latest_ = 0;         // of the last round
  std::uint64_t undo_bw_short_ = 0;
  std::uint64_t full_bw_ = 0;          // what the full-pipe estimator measures growth from
  std::uint64_t round_end_ = 0;        // next_round_delivered
  std::uint64_t loss_round_end_ = 0;   // loss_round_delivered
  std::uint64_t quiet_until_ = 0;      // delivered; 0: every sample is trusted
  Instant extra_start_;                // of the interval in which extra_delivered_ came
  std::uint32_t extra_delivered_ = 0;  // bytes
  std::uint32_t extra_[2] = {};        // bytes beyond what the rate lets expect, by slots of rounds
  std::uint32_t min_rtt_us_ = unknown;
  std::uint32_t min_rtt_ms_;                     // when it was measured; ms modulo 2³²
  std::uint32_t probe_rtt_min_us_ = unknown;     // probe_rtt_min_delay
  std::uint32_t probe_rtt_min_ms_;               // when it was measured, or ProbeRTT ended
  std::uint32_t long_term_ = volume_unlimited;   // inflight_longterm
  std::uint32_t short_term_ = volume_unlimited;  // inflight_shortterm
  std::uint32_t inflight_latest_ = 0;            // bytes delivered in the last round
  std::uint32_t undo_short_term_ = 0;
  std::uint32_t undo_long_term_ = 0;
  std::uint32_t segment_bytes_;
  std::uint8_t loss_percent_;      // LossThresh: the share of losses that says nothing against the path
  std::uint8_t full_count_ = 0;    // rounds without growth
  std::uint8_t extra_rounds_ = 0;  // of this slot
  bool full_now_ : 1 = false;
  bool full_reached_ : 1 = false;
  bool round_started_ : 1 = false;
  bool loss_round_over_ : 1 = false;
  bool loss_in_round_ : 1 = false;
  bool probe_rtt_expired_ : 1 = false;
};
static_assert(sizeof(BbrModel) <= 136);

}  // namespace penstock::congestion
