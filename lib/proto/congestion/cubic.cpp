#include "proto/congestion/cubic.hpp"

#include <algorithm>

#include "proto/congestion/cube_root.hpp"

namespace penstock::congestion {

namespace {

// C = 0.4 segments/s³ is 4 segments in 10¹⁰ ms³.
constexpr std::uint64_t c_times = 4;
constexpr std::uint64_t c_per = 10'000'000'000;
// Five minutes from the flat part any curve is steeper than the half window that growth is held to.
constexpr std::int64_t distance_ms_max = 300'000;
// α = 3 (1 − β) / (1 + β)
constexpr std::uint64_t alpha_times = 9;
constexpr std::uint64_t alpha_per = 17;

}  // namespace

void Cubic::begin_stage(Instant now) {
  const std::uint32_t window = window_.window();
  // A stage that no loss began is flat where it begins (RFC 9438, 4.8, 4.10).
  if (curve_.w_max < window) curve_.w_max = window;
  // Equation 2: K = ∛((W_max − cwnd) / C)
  const std::uint64_t below = curve_.w_max - window;
  curve_.k_ms = cube_root(scaled(below, c_per, c_times * window_.segment_bytes()));
  curve_.epoch = now;
  curve_.estimate = window;
  curve_.estimate_rest = 0;
  curve_.running = true;
  last_acked_ = now;
  credit_ = 0;
}

void Cubic::end_stage() {
  curve_.running = false;
  credit_ = 0;
}

// Equation 1, in bytes.
std::uint64_t Cubic::curve_at(std::int64_t ms) const {
  const std::int64_t from_flat = std::clamp(ms - curve_.k_ms, -distance_ms_max, distance_ms_max);
  const auto distance = static_cast<std::uint64_t>(from_flat < 0 ? -from_flat : from_flat);
  const std::uint64_t way = scaled(distance * distance * distance, c_times * window_.segment_bytes(), c_per);
  if (from_flat >= 0) return curve_.w_max + way;
  return curve_.w_max - std::min<std::uint64_t>(way, curve_.w_max);
}

// Equation 4, in bytes: W_est += α × segment × acked / cwnd.
void Cubic::grow_estimate(std::uint64_t bytes) {
  const bool caught_up = curve_.estimate >= curve_.window_prior;
  const std::uint64_t per = alpha_per * window_.window();
  const std::uint64_t times = (caught_up ? alpha_per : alpha_times) * window_.segment_bytes();
  curve_.estimate_rest += std::min<std::uint64_t>(bytes, window_max) * times;
  curve_.estimate = widened(curve_.estimate, curve_.estimate_rest / per);
  curve_.estimate_rest %= per;
}

void Cubic::on_sent(const Sent& sent) {
  if (window_.on_sent(sent)) {
    end_stage();
  } else if (sent.in_flight == 0 && curve_.running) {
    // The flow was idle (5.8).
    curve_.epoch = curve_.epoch + (sent.now - last_acked_);
    last_acked_ = sent.now;
  }
}

void Cubic::on_acked(const Acked& acked) {
  if (acked.bytes == 0) {
    window_.on_acked(acked);
    return;
  }
  const std::uint64_t bytes = window_.on_acked(acked);
  if (bytes == 0) {
    if (curve_.running) curve_.epoch = curve_.epoch + (acked.now - last_acked_);
    last_acked_ = acked.now;
    return;
  }
  if (!curve_.running) begin_stage(acked.now);
  last_acked_ = acked.now;

  const std::int64_t t_ms = (acked.now - curve_.epoch).count_ms();
  grow_estimate(bytes);
  if (curve_at(t_ms) < curve_.estimate) {  // 4.3
    window_.set_window(std::max(window_.window(), curve_.estimate));
    return;
  }
  const std::uint64_t window = window_.window();
  const std::uint64_t target = std::clamp(curve_at(t_ms + window_.srtt_us() / 1000), window, window + window / 2);
  credit_ += (target - window) * std::min<std::uint64_t>(bytes, window_max);
  window_.set_window(window + credit_ / window);
  credit_ %= window;
}

void Cubic::on_lost(const Lost& lost) {
  if (!window_.on_lost(lost)) return;
  prior_ = curve_;
  const std::uint32_t window = window_.window();
  // 4.7: a flow that did not get as far as the last time leaves room for others.
  curve_.w_max = window < curve_.w_max ? window / 20 * 17 : window;
  curve_.window_prior = window;
  window_.reduce(lost, window / 10 * beta_tenths);
  end_stage();
}

void Cubic::on_timeout(const Timeout& timeout) {
  const Curve before = curve_;
  const auto flight = std::min<std::uint64_t>(timeout.in_flight, window_.window());
  const std::uint32_t window = window_.window();
  if (!window_.on_timeout(timeout, to_volume(flight / 10 * beta_tenths))) return;
  prior_ = before;
  // 4.8: the next stage is flat where it begins.
  curve_.w_max = 0;
  curve_.window_prior = window;
  end_stage();
}

void Cubic::on_spurious(const Spurious& spurious) {
  if (!window_.on_spurious(spurious)) return;
  curve_ = prior_;
  credit_ = 0;
  // The epoch goes on where it stood; the time between counts, as RFC 9438, 4.9 has it.
  last_acked_ = spurious.now;
}

}  // namespace penstock::congestion
