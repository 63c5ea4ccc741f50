#include "proto/congestion/bbr_model.hpp"

#include "base/assert.hpp"

namespace penstock::congestion {

// What the path may be able to deliver, where a flow that sent `percent` of what it believed saw so much delivered.
std::uint64_t BbrModel::allowed(std::uint64_t delivered, std::uint32_t percent) const {
  return scaled(delivered, 100 * 100, percent * (100 - pacing_margin_percent - loss_percent_));
}

bool BbrModel::too_high(std::uint64_t lost, std::uint64_t flight) const {
  const std::uint64_t bound = flight * loss_percent_ / 100;
  if (lost <= bound) return false;
  // Chance alone brings n losses where n were to come, give or take √n: in bytes, √(bound × segment).
  const std::uint64_t excess = std::min<std::uint64_t>(lost - bound, volume_unlimited);
  return excess * excess > 4 * bound * segment_bytes_;
}

BbrModel::BbrModel(const Setup& setup)
    : extra_start_(setup.now),
      min_rtt_ms_(stamp(setup.now)),
      probe_rtt_min_ms_(stamp(setup.now)),
      segment_bytes_(setup.segment_bytes),
      loss_percent_(std::clamp<std::uint8_t>(setup.loss_percent, 1, loss_percent_max)) {
  PENSTOCK_ASSERT(setup.segment_bytes > 0 && setup.segment_bytes <= 65'535);
}

BbrSample BbrModel::begin(const Acked& acked) {
  round_started_ = false;
  loss_round_over_ = false;
  BbrSample sample;
  if (acked.rate.interval_us == 0) return sample;
  sample.present = true;
  sample.rate = scaled(acked.rate.delivered, us_per_second, acked.rate.interval_us);
  sample.delivered_before = acked.rate.delivered_before;
  sample.delivered = to_volume(acked.rate.delivered);
  sample.lost = to_volume(acked.rate.lost);
  sample.flight_at_send = to_volume(acked.rate.flight_at_send);
  sample.app_limited = acked.rate.app_limited || acked.rate.delivered_before < quiet_until_;

  bw_latest_ = std::max(bw_latest_, sample.rate);
  inflight_latest_ = std::max(inflight_latest_, sample.delivered);
  if (sample.delivered_before >= loss_round_end_) {
    loss_round_end_ = acked.delivered;
    loss_round_over_ = true;
  }
  if (sample.delivered_before >= round_end_) {
    round_end_ = acked.delivered;
    round_started_ = true;
  }
  if (sample.rate >= max_bw() || !sample.app_limited) max_bw_[1] = std::max(max_bw_[1], sample.rate);
  return sample;
}

void BbrModel::adapt_lower_bounds(std::uint32_t window, std::uint32_t percent) {
  if (bw_short_ == unbounded) bw_short_ = max_bw();
  if (short_term_ == volume_unlimited) short_term_ = window;
  // What was delivered is less than what was believed for reasons of the flow's own: it paced 1 % below that, or by the gain
  // of Drain, Down and ProbeRTT, and it bears the losses of LossThresh. Taking such a round for the path's answer would slow the flow
  // down with any little loss, again and again until the next probe.
  const std::uint64_t rate = std::max(bw_latest_, std::min(bw_short_, allowed(bw_latest_, percent)));
  const std::uint64_t volume = std::max<std::uint64_t>(
      inflight_latest_, std::min<std::uint64_t>(short_term_, allowed(inflight_latest_, percent)));
  bw_short_ = std::max(rate, scaled(bw_short_, beta_tenths, 10));
  short_term_ = to_volume(std::max(volume, scaled(short_term_, beta_tenths, 10)));
}

void BbrModel::end_loss_round() { loss_in_round_ = false; }

void BbrModel::note_aggregation(const Acked& acked, std::uint32_t window) {
  if (round_started_ && ++extra_rounds_ >= (full_reached_ ? extra_slot_rounds : 1)) {
    extra_rounds_ = 0;
    extra_[0] = extra_[1];
    extra_[1] = 0;
  }
  const auto interval_us = static_cast<std::uint64_t>(std::max<std::int64_t>(0, (acked.now - extra_start_).count_us()));
  std::uint64_t expected = scaled(bw(), interval_us, us_per_second);
  if (extra_delivered_ <= expected) {
    extra_delivered_ = 0;
    extra_start_ = acked.now;
    expected = 0;
  }
  extra_delivered_ = to_volume(extra_delivered_ + acked.bytes);
  const std::uint64_t extra = extra_delivered_ - std::min<std::uint64_t>(expected, extra_delivered_);
  extra_[1] = std::max(extra_[1], static_cast<std::uint32_t>(std::min<std::uint64_t>(extra, window)));
}

void BbrModel::reset_full_pipe(std::uint64_t rate) {
  full_bw_ = rate;
  full_count_ = 0;
  full_now_ = false;
}

void BbrModel::check_full_pipe(const BbrSample& sample) {
  if (full_now_ || !round_started_ || sample.app_limited) return;
  if (sample.rate >= scaled(full_bw_, 5, 4)) {
    reset_full_pipe(sample.rate);
    return;
  }
  full_now_ = ++full_count_ >= full_rounds;
  if (full_now_) full_reached_ = true;
}

void BbrModel::note_rtt(const Acked& acked) {
  const std::uint32_t now_ms = stamp(acked.now);
  probe_rtt_expired_ = now_ms - probe_rtt_min_ms_ > probe_rtt_every_ms;
  if (acked.rtt_us != 0 && (acked.rtt_us < probe_rtt_min_us_ || probe_rtt_expired_)) {
    probe_rtt_min_us_ = acked.rtt_us;
    probe_rtt_min_ms_ = now_ms;
  }
  if (probe_rtt_min_us_ < min_rtt_us_ || now_ms - min_rtt_ms_ > min_rtt_filter_ms) {
    min_rtt_us_ = probe_rtt_min_us_;
    min_rtt_ms_ = probe_rtt_min_ms_;
  }
}

void BbrModel::finish(const BbrSample& sample) {
  if (!loss_round_over_) return;
  bw_latest_ = sample.rate;
  inflight_latest_ = sample.delivered;
}

void BbrModel::note_loss(std::uint64_t delivered) {
  if (!loss_in_round_) loss_round_end_ = delivered;
  loss_in_round_ = true;
}

void BbrModel::note_timeout() {
  loss_in_round_ = true;
  reset_full_pipe();
}

std::uint32_t BbrModel::flight_at_loss(const Lost& lost) const {
  const std::uint64_t flight_before = lost.flight_at_send - std::min<std::uint64_t>(lost.bytes, lost.flight_at_send);
  const std::uint64_t lost_before = lost.lost_since_send - std::min<std::uint64_t>(lost.bytes, lost.lost_since_send);
  // lost_prefix = (LossThresh × flight_before − lost_before) / (1 − LossThresh), in hundredths of a byte above and below.
  const std::uint64_t bound = flight_before * loss_percent_;
  const std::uint64_t prefix = bound > lost_before * 100 ? (bound - lost_before * 100) / (100 - loss_percent_) : 0;
  return to_volume(flight_before + prefix);
}

void BbrModel::save_for_undo() {
  undo_bw_short_ = bw_short_;
  undo_short_term_ = short_term_;
  undo_long_term_ = long_term_;
}

void BbrModel::undo() {
  loss_in_round_ = false;
  reset_full_pipe();
  bw_short_ = std::max(bw_short_, undo_bw_short_);
  short_term_ = std::max(short_term_, undo_short_term_);
  long_term_ = std::max(long_term_, undo_long_term_);
}

void BbrModel::advance_max_bw() {
  // A cycle that measured nothing leaves what the one before knew.
  if (max_bw_[1] == 0) return;
  max_bw_[0] = max_bw_[1];
  max_bw_[1] = 0;
}

void BbrModel::reset_congestion_signals() {
  loss_in_round_ = false;
  bw_latest_ = 0;
  inflight_latest_ = 0;
}

void BbrModel::reset_short_term() {
  bw_short_ = unbounded;
  short_term_ = volume_unlimited;
}

void BbrModel::raise_long_term(std::uint64_t bytes) {
  if (long_term_ != volume_unlimited)
    long_term_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, window_max));
}

void BbrModel::resume(std::uint64_t rate) {
  max_bw_[1] = rate;
  full_reached_ = true;
}

std::uint32_t BbrModel::bdp(std::uint64_t rate, std::uint32_t percent) const {
  if (!rtt_known()) return initial_window();
  return to_volume(scaled(scaled(rate, min_rtt_us_, us_per_second), percent, 100));
}

std::uint32_t BbrModel::with_headroom() const {
  if (long_term_ == volume_unlimited) return volume_unlimited;
  const auto headroom = static_cast<std::uint32_t>(scaled(long_term_, headroom_percent, 100));
  const std::uint32_t left = std::max(headroom, segment_bytes_);
  return std::max(long_term_ - std::min(left, long_term_), pipe_min());
}

}  // namespace penstock::congestion
