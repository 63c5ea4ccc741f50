#include "proto/congestion/none.hpp"

#include <utility>

namespace penstock::congestion {

// A round trip with too little to send does not tell what the path could have brought.
void None::look_for_plateau(const Acked& acked) {
  const bool grew = round_rate_ == 0 || rate() >= round_rate_ + round_rate_ / 4;
  const bool queued =
      acked.rtt_us > least_rtt_us() + least_rtt_us() / 4 && acked.rate.flight_at_send > held() + held() / 4;
  if (!starved_ && round_rate_ != 0 && (!grew || queued)) {
    has_plateau_ = true;
    drain_ = below_path;
    rounds_ = slot_rounds - 2;  // soon to be asked again, should this be less than the path has
  }
  round_rate_ = rate();
  starved_ = false;
}

// A path that has become much slower need not wait until what it once did is forgotten. One such round may have been a pause.
void None::look_for_decline() {
  const std::uint64_t best = std::exchange(round_best_, 0);
  if (starved_ || best >= rate() / 2) {
    slow_rounds_ = 0;
    return;
  }
  if (++slow_rounds_ < slow_rounds_min) return;
  slow_rounds_ = 0;
  rates_[0] = rates_[1] = best;
}

// What was asked for in round 0 has come by the end of round 1.
void None::look_for_more() {
  if (rounds_ == 1) {
    bold_ = rate() > round_rate_ + round_rate_ / 8;
    if (bold_) {
      rounds_ = 0;
      round_rate_ = rate();
      return;
    }
  }
  if (rounds_ == 0) drain_ = to_path;
  if (!starved_ || rounds_ < 2) ++rounds_;
  hurries_ = std::exchange(starved_, false);
  if (rounds_ < slot_rounds) return;
  rounds_ = 0;
  round_rate_ = rate();
  rates_[1] = std::exchange(rates_[0], 0);
  bursts_[1] = std::exchange(bursts_[0], 0);
  losses_[1] = std::exchange(losses_[0], 0xff);
}

// The least of some round trips: what the path loses by itself, and not by what waits in its queues.
void None::note_losses() {
  const std::uint64_t sent = round_bytes_ + round_lost_;
  if (sent != 0) losses_[0] = std::min(losses_[0], static_cast<std::uint8_t>(round_lost_ * 0xff / sent));
  round_bytes_ = 0;
  round_lost_ = 0;
}

void None::begin_round(const Acked& acked) {
  note_losses();
  look_for_decline();
  if (has_plateau_) look_for_more();
  else look_for_plateau(acked);
  if (acked.now >= rtt_slot_ends_) {
    rtts_us_[1] = std::exchange(rtts_us_[0], unknown);
    rtt_slot_ends_ = acked.now + rtt_slot;
    drain_ = below_path;
  }
}

// How far ahead of the rate acknowledgements come: what a window has to hold beyond what is on its way.
void None::note_burst(const Acked& acked) {
  const std::uint64_t expected =
      scaled(rate(), static_cast<std::uint64_t>((acked.now - burst_began_).count_us()), us_per_second);
  if (burst_bytes_ <= expected) {
    burst_began_ = acked.now;
    burst_bytes_ = 0;
  }
  burst_bytes_ += acked.bytes;
  const std::uint64_t since = burst_bytes_ > expected ? burst_bytes_ - expected : burst_bytes_;
  bursts_[0] = std::max(bursts_[0], to_volume(std::min<std::uint64_t>(since, window_max)));
}

void None::on_acked(const Acked& acked) {
  starved_ = starved_ || acked.rate.app_limited;
  if (acked.round_began) begin_round(acked);
  round_bytes_ += acked.bytes;
  round_lost_ += acked.lost;
  if (acked.rtt_us != 0) rtts_us_[0] = std::min(rtts_us_[0], acked.rtt_us);
  if (acked.rate.interval_us != 0) {
    const std::uint64_t measured = scaled(acked.rate.delivered, us_per_second, acked.rate.interval_us);
    round_best_ = std::max(round_best_, measured);
    // What was sent for want of more says how much the service had, unless it is more than was known.
    if (!acked.rate.app_limited || (rate() != 0 && measured > rate())) rates_[0] = std::max(rates_[0], measured);
  }
  if (!is_bound()) return;
  note_burst(acked);
  if (drain_ != 0 && acked.in_flight <= held() / 8 * drain_) drain_ = 0;
}

// All that was out is gone, and the path may be another one.
void None::on_timeout(const Timeout& /*timeout*/) {
  rates_[0] = rates_[1] = 0;
  bursts_[0] = bursts_[1] = 0;
  rtts_us_[0] = rtts_us_[1] = unknown;
  has_plateau_ = false;
}

// What is on its way when the queues are empty.
std::uint64_t None::held() const {
  return std::min<std::uint64_t>(scaled(rate(), least_rtt_us(), us_per_second), window_max);
}

std::uint64_t None::window() const {
  if (!is_bound()) return unbounded;
  const std::uint64_t path = held();
  if (drain_ != 0) return path / 8 * drain_ + segment_bytes_;
  const std::uint64_t more = rounds_ == 0 && bold_ ? path : path / 4;
  return widened(0, path + more + std::max(bursts_[0], bursts_[1])) + 3 * segment_bytes_;
}

std::uint64_t None::pacing_rate() const {
  if (!is_bound()) return unbounded;
  if (hurries_ || (rounds_ == 0 && bold_)) return 2 * rate();
  // What was lost on the way was on its way as well.
  const std::uint32_t lost = std::min({losses_[0], losses_[1], losses_max});
  const std::uint64_t share = 0x100 + lost + (lost > 0 ? above : 0);
  return std::max<std::uint64_t>(scaled(rate(), rounds_ == 0 ? share + share / 4 : share, 0x100), 1);
}

}  // namespace penstock::congestion
