#include "proto/congestion/bbr.hpp"

#include <algorithm>

namespace penstock::congestion {

namespace {

// "Exiting Startup Based on Packet Loss".
constexpr std::uint8_t startup_lost_runs = 6;
constexpr std::uint8_t drain_rounds_max = 3;
constexpr std::uint8_t recovery_rounds = 2;
constexpr Duration probe_rtt_duration = Duration::ms(200);
}  // namespace

Bbr::Bbr(const Setup& setup)
    : model_(setup),
      // "Pacing Rate": the initial window in a millisecond, until a round trip is known.
      pacing_rate_(
          scaled(std::uint64_t{initial_window_segments} * setup.segment_bytes * 1000, startup_pacing_percent, 100)),
      phase_until_(Instant::never()),
      window_(initial_window_segments * setup.segment_bytes),
      chance_(setup.seed == 0 ? 1 : setup.seed) {}

void Bbr::on_sent(const Sent& sent) {
  // HandleRestartFromIdle.
  if (sent.in_flight != 0 || !sent.app_limited) return;
  idle_restart_ = true;
  model_.restart_aggregation(sent.now);
  if (in_probe_bw()) set_pacing_rate(100);
  if (state_ == State::probe_rtt) check_probe_rtt_done(sent.now, 0);
}

void Bbr::on_acked(const Acked& acked) {
  const BbrSample sample = model_.begin(acked);
  if (model_.round_started()) count_round();
  slowest_now_ = static_cast<std::uint8_t>(std::min<std::uint32_t>(slowest_now_, own_percent()));
  note_window_use(acked);
  // UpdateCongestionSignals.
  if (model_.loss_round_over() && model_.loss_in_round() && !probing()) {
    model_.adapt_lower_bounds(window_, std::min(slowest_now_, slowest_before_));
  }
  model_.note_aggregation(acked, window_);
  if (sample.present) model_.check_full_pipe(sample);
  check_startup_done(sample);
  if (model_.loss_round_over()) {
    model_.end_loss_round();
    lost_runs_ = 0;
  }
  check_drain_done(acked);
  if (sample.present) advance_cycle(acked, sample);
  model_.note_rtt(acked);
  check_probe_rtt(acked, sample);
  model_.finish(sample);
  if (!rtt_seen_ && acked.rtt_us != 0) {
    // InitPacingRate, with the first round trip; a rate taken over is better.
    rtt_seen_ = true;
    if (!model_.full_pipe_reached()) {
      pacing_rate_ = scaled(scaled(window_, us_per_second, acked.rtt_us), startup_pacing_percent, 100);
    }
  }
  set_pacing_rate(pacing_percent());
  set_window(acked);
}

void Bbr::count_round() {
  slowest_before_ = slowest_now_;
  slowest_now_ = 100;
  if (rounds_since_up_ < 255) ++rounds_since_up_;
  if (state_ == State::drain && drain_rounds_ <= drain_rounds_max) ++drain_rounds_;
  limited_before_ = limited_now_;
  limited_now_ = false;
  if (timeout_rounds_ > 0 && --timeout_rounds_ == 0) restore_window();
}

void Bbr::note_window_use(const Acked& acked) {
  if (acked.window_limited || acked.flight_before + model_.segment_bytes() > window_) limited_now_ = true;
}

void Bbr::check_startup_done(const BbrSample& sample) {
  if (state_ != State::startup) return;
  // CheckStartupHighLoss: a whole round since the first loss of it has passed.
  if (model_.loss_round_over() && model_.loss_in_round() && lost_runs_ >= startup_lost_runs &&
      model_.too_high(sample.lost, sample.flight_at_send)) {
    undo_ = Undo::startup;
    model_.set_full_pipe(true);
    model_.set_long_term(std::max(model_.bdp(model_.bw(), 100), model_.inflight_latest()));
  }
  if (!model_.full_pipe_reached()) return;
  state_ = State::drain;
  drain_rounds_ = 0;
}

void Bbr::check_drain_done(const Acked& acked) {
  if (state_ != State::drain) return;
  if (acked.in_flight <= inflight(model_.bw()) || drain_rounds_ > drain_rounds_max)
    start_down(acked.now, acked.delivered);
}

void Bbr::check_probe_rtt(const Acked& acked, const BbrSample& sample) {
  if (state_ != State::probe_rtt && model_.probe_rtt_due() && !idle_restart_) {
    save_window();
    state_ = State::probe_rtt;
    phase_until_ = Instant::never();
    feedback_ = Feedback::stopping;
    model_.start_round(acked.delivered);
  }
  if (state_ == State::probe_rtt) handle_probe_rtt(acked);
  if (sample.delivered > 0) idle_restart_ = false;
}

void Bbr::handle_probe_rtt(const Acked& acked) {
  model_.distrust_until(acked.delivered + acked.in_flight);
  if (phase_until_.is_never()) {
    if (acked.in_flight > probe_rtt_window()) return;
    phase_until_ = acked.now + probe_rtt_duration;
    probe_rtt_round_over_ = false;
    model_.start_round(acked.delivered);
    return;
  }
  if (model_.round_started()) probe_rtt_round_over_ = true;
  if (probe_rtt_round_over_) check_probe_rtt_done(acked.now, acked.delivered);
}

void Bbr::check_probe_rtt_done(Instant now, std::uint64_t delivered) {
  if (now <= phase_until_) return;
  model_.postpone_probe_rtt(now);
  restore_window();
  // ExitProbeRTT.
  model_.reset_short_term();
  if (model_.full_pipe_reached()) {
    start_down(now, delivered);
    state_ = State::cruise;
  } else {
    state_ = State::startup;
  }
}

void Bbr::count_lost_run(const Lost& lost) {
  // Segments that left one after another, with nothing acknowledged between, are one run.
  const bool same = lost.flight_at_send == std::uint64_t{last_lost_flight_} + lost.bytes;
  last_lost_flight_ = to_volume(lost.flight_at_send);
  if (!same && lost_runs_ < startup_lost_runs) ++lost_runs_;
}

void Bbr::on_lost(const Lost& lost) {
  if (episode_.covers(lost.sent_at)) {
    episode_.add(lost.sent_at);
  } else {
    // SaveStateUponLoss.
    episode_.begin(lost.now, lost.sent_at);
    save_window();
    model_.save_for_undo();
    undo_ = Undo::none;
  }
  model_.note_loss(lost.delivered);
  count_lost_run(lost);
  if (probe_sample_ && model_.too_high(lost.lost_since_send, lost.flight_at_send)) handle_inflight_too_high(lost);
}

void Bbr::on_timeout(const Timeout& timeout) {
  // OnEnterRTO: one segment may leave; nothing is in flight any more.
  if (!(episode_.by_timeout() && timeout_rounds_ == recovery_rounds)) {
    save_window();
    model_.save_for_undo();
    undo_ = Undo::none;
  }
  episode_.begin_by_timeout(timeout.now);
  model_.note_timeout();
  timeout_rounds_ = recovery_rounds;
  window_ = model_.segment_bytes();
}

void Bbr::on_spurious(const Spurious& spurious) {
  if (!episode_.disproved_by(spurious)) return;
  // HandleSpuriousLossDetection.
  restore_window();
  timeout_rounds_ = 0;
  model_.undo();
  if (undo_ == Undo::startup && state_ != State::startup) {
    model_.set_full_pipe(false);
    if (state_ != State::probe_rtt) state_ = State::startup;
  } else if (undo_ == Undo::up && state_ != State::up && state_ != State::probe_rtt) {
    start_refill(spurious.delivered);
  }
  undo_ = Undo::none;
}

Essence Bbr::essence() const {
  Essence essence{.window_segments = window_ / model_.segment_bytes(), .threshold_segments = 0, .rate_kib_s = 0};
  if (!model_.full_pipe_reached()) return essence;
  const std::uint32_t bdp = std::max(model_.bdp(model_.max_bw(), 100), model_.pipe_min()) / model_.segment_bytes();
  essence.window_segments = bdp;
  essence.threshold_segments = bdp;
  essence.rate_kib_s = to_volume(model_.max_bw() / 1024);
  return essence;
}

void Bbr::take_over(const Essence& essence, Instant now) {
  if (essence.window_segments == 0) return;
  const std::uint64_t bytes = std::uint64_t{essence.window_segments} * model_.segment_bytes();
  window_ = std::clamp(to_volume(bytes), model_.segment_bytes(), window_max);
  if (essence.rate_kib_s == 0) return;
  // What was learned of the path holds until probes say otherwise; "Restarting From Idle" begins at its rate.
  model_.resume(std::uint64_t{essence.rate_kib_s} * 1024);
  start_down(now, 0);
  state_ = State::cruise;
  set_pacing_rate(100);
}

void Bbr::resume(const Essence& essence, Instant now) {
  take_over(essence, now);
  // Without a rate to pace by, a flow that was idle begins with the initial window.
  if (!model_.full_pipe_reached()) window_ = std::min(window_, model_.initial_window());
}

}  // namespace penstock::congestion
