// BBR's cycle within ProbeBW: down, cruise, refill, up ("ProbeBW Algorithm Details").
#include <algorithm>

#include "proto/congestion/bbr.hpp"

namespace penstock::congestion {

namespace {

// "A Dual-Time-Scale Approach for Coexistence".
constexpr std::uint32_t wait_us_min = 2'000'000, wait_us_spread = 1'000'000;
constexpr std::uint32_t reno_rounds_max = 63;
constexpr std::uint32_t up_rounds_max = 30;

}  // namespace

std::uint32_t Bbr::draw(std::uint32_t bound) {
  // xorshift32 (Marsaglia, 2003): flows must not march in step, and nothing else rests on it.
  chance_ ^= chance_ << 13;
  chance_ ^= chance_ >> 17;
  chance_ ^= chance_ << 5;
  return static_cast<std::uint32_t>((std::uint64_t{chance_} * bound) >> 32);
}

void Bbr::start_down(Instant now, std::uint64_t delivered) {
  model_.reset_congestion_signals();
  acked_per_step_ = volume_unlimited;
  // PickProbeWait.
  rounds_since_up_ = static_cast<std::uint8_t>(draw(2));
  phase_until_ = now + Duration::us(wait_us_min + draw(wait_us_spread));
  feedback_ = Feedback::stopping;
  model_.start_round(delivered);
  state_ = State::down;
}

void Bbr::start_refill(std::uint64_t delivered) {
  model_.reset_short_term();
  up_rounds_ = 0;
  up_acked_ = 0;
  precautionary_ = false;
  feedback_ = Feedback::refilling;
  model_.start_round(delivered);
  state_ = State::refill;
}

void Bbr::start_up(std::uint64_t delivered, std::uint64_t rate) {
  feedback_ = Feedback::starting;
  model_.start_round(delivered);
  model_.reset_full_pipe(rate);
  state_ = State::up;
  raise_slope();
}

// UpdateProbeBWCyclePhase.
void Bbr::advance_cycle(const Acked& acked, const BbrSample& sample) {
  if (!model_.full_pipe_reached()) return;
  if (adapt_long_term(acked, sample)) return;
  switch (state_) {
    case State::down:
      if (time_to_probe(acked)) {
        start_refill(acked.delivered);
      } else if (time_to_cruise(acked)) {
        state_ = State::cruise;
      }
      break;
    case State::cruise:
      if (time_to_probe(acked)) start_refill(acked.delivered);
      break;
    case State::refill:
      if (!model_.round_started()) break;
      probe_sample_ = true;
      start_up(acked.delivered, sample.rate);
      break;
    case State::up:
      if (!time_to_go_down(acked, sample)) break;
      too_high_ = false;
      start_down(acked.now, acked.delivered);
      break;
    default: break;
  }
}

// AdaptLongTermModel. True: the state was changed.
bool Bbr::adapt_long_term(const Acked& acked, const BbrSample& sample) {
  if (feedback_ == Feedback::starting && model_.round_started()) feedback_ = Feedback::arriving;
  if (feedback_ == Feedback::stopping && model_.round_started()) {
    probe_sample_ = false;
    feedback_ = Feedback::none;
    if (in_probe_bw() && !sample.app_limited) model_.advance_max_bw();
    // A careful probe that lost nothing is followed by a whole one.
    if (in_probe_bw() && precautionary_ && !too_high_) {
      start_refill(acked.delivered);
      return true;
    }
  }
  if (model_.too_high(sample.lost, sample.flight_at_send) || model_.long_term() == volume_unlimited) return false;
  if (sample.flight_at_send > model_.long_term()) model_.raise_long_term(sample.flight_at_send);
  if (state_ == State::up) probe_long_term_upward(acked);
  return false;
}

// RaiseInflightLongtermSlope.
void Bbr::raise_slope() {
  const std::uint32_t growth = 1u << up_rounds_;
  up_rounds_ = static_cast<std::uint8_t>(std::min(up_rounds_ + 1u, up_rounds_max)) & 31;
  acked_per_step_ = std::max(window_ / growth, model_.segment_bytes());
}

// ProbeInflightLongtermUpward.
void Bbr::probe_long_term_upward(const Acked& acked) {
  if (!(limited_now_ || limited_before_) || window_ < model_.long_term()) return;
  const std::uint64_t bytes = std::uint64_t{up_acked_} + std::min<std::uint64_t>(acked.bytes, window_max);
  model_.raise_long_term(model_.long_term() + bytes / acked_per_step_ * model_.segment_bytes());
  up_acked_ = static_cast<std::uint32_t>(bytes % acked_per_step_);
  if (model_.round_started()) raise_slope();
}

// IsTimeToProbeBW.
bool Bbr::time_to_probe(const Acked& acked) {
  const std::uint32_t reno_rounds = std::min(target_inflight() / model_.segment_bytes(), reno_rounds_max);
  return acked.now > phase_until_ || rounds_since_up_ >= reno_rounds;
}

// IsTimeToCruise.
bool Bbr::time_to_cruise(const Acked& acked) const {
  return acked.in_flight <= model_.with_headroom() && acked.in_flight <= inflight(model_.max_bw());
}

// IsTimeToGoDown.
bool Bbr::time_to_go_down(const Acked& acked, const BbrSample& sample) {
  if (too_high_ && acked.in_flight >= model_.long_term()) {
    precautionary_ = true;
    return true;
  }
  if ((limited_now_ || limited_before_) && window_ >= model_.long_term()) {
    model_.reset_full_pipe(sample.rate);
    return false;
  }
  return model_.full_pipe_now();
}

void Bbr::handle_inflight_too_high(const Lost& lost) {
  too_high_ = true;
  probe_sample_ = false;
  if (!lost.app_limited) {
    const auto least = static_cast<std::uint32_t>(scaled(target_inflight(), 7, 10));
    model_.set_long_term(std::max(model_.flight_at_loss(lost), least));
  }
  if (state_ != State::up) return;
  undo_ = Undo::up;
  start_down(lost.now, lost.delivered);
}

}  // namespace penstock::congestion
