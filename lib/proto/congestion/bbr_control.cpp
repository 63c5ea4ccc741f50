// BBR's control parameters: pacing rate and window, from what the model holds and the state allows.
#include <algorithm>

#include "proto/congestion/bbr.hpp"

namespace penstock::congestion {

namespace {

// "Pacing State and Parameters", "cwnd State and Parameters", and the table of the states, in percent.
constexpr std::uint32_t drain_pacing = 50, down_pacing = 90, level_pacing = 100, up_pacing = 125;
constexpr std::uint32_t default_window = 200, up_window = 225, probe_rtt_window_percent = 50;
// "Send Quantum": what one pacing interval of a millisecond holds, within these.
constexpr std::uint32_t quantum_max = 64 * 1024;

}  // namespace

std::uint32_t Bbr::pacing_percent() const {
  switch (state_) {
    case State::startup: return startup_pacing_percent;
    case State::drain: return drain_pacing;
    case State::down: return down_pacing;
    case State::up: return up_pacing;
    default: return level_pacing;
  }
}

std::uint32_t Bbr::window_percent() const {
  return state_ == State::up ? up_window : state_ == State::probe_rtt ? probe_rtt_window_percent : default_window;
}

std::uint32_t Bbr::own_percent() const {
  return state_ == State::probe_rtt ? probe_rtt_window_percent : std::min(pacing_percent(), level_pacing);
}

void Bbr::set_pacing_rate(std::uint32_t percent) {
  const std::uint64_t rate = scaled(model_.bw(), percent * (100 - BbrModel::pacing_margin_percent), 100 * 100);
  if (model_.full_pipe_reached() || rate > pacing_rate_) {
    // However slow the path was, a segment a second goes on asking.
    pacing_rate_ = std::max<std::uint64_t>(rate, model_.segment_bytes());
  }
}

// QuantizationBudget.
std::uint32_t Bbr::quantized(std::uint32_t bytes) const {
  const auto quantum = static_cast<std::uint32_t>(std::min<std::uint64_t>(pacing_rate_ / 1000, quantum_max));
  std::uint32_t cap = std::max({bytes, quantum, 2 * model_.segment_bytes(), model_.pipe_min()});
  if (state_ == State::up) cap = widened(std::min(cap, window_max), 2 * model_.segment_bytes());
  return std::min(cap, window_max);
}

std::uint32_t Bbr::target_inflight() const { return std::min(model_.bdp(model_.bw(), 100), window_); }

std::uint32_t Bbr::probe_rtt_window() const {
  return std::max(model_.bdp(model_.bw(), probe_rtt_window_percent), model_.pipe_min());
}

void Bbr::set_window(const Acked& acked) {
  const std::uint64_t wanted = std::uint64_t{model_.bdp(model_.bw(), window_percent())} + model_.extra_acked();
  const std::uint32_t most = quantized(to_volume(wanted));
  if (model_.full_pipe_reached()) {
    window_ = std::min(widened(window_, acked.bytes), most);
  } else if (window_ < most || acked.delivered < model_.initial_window()) {
    window_ = widened(window_, acked.bytes);
  }
  window_ = std::max(window_, model_.pipe_min());
  if (state_ == State::probe_rtt) window_ = std::min(window_, probe_rtt_window());
  // BoundCwndForModel.
  std::uint32_t cap = volume_unlimited;
  if (state_ == State::cruise || state_ == State::probe_rtt) {
    cap = model_.with_headroom();
  } else if (in_probe_bw()) {
    cap = model_.long_term();
  }
  // The short-term bound is what was delivered in a round trip; what a receiver has but has not acknowledged yet comes on top.
  const std::uint32_t short_term = to_volume(std::uint64_t{model_.short_term()} + model_.extra_acked());
  cap = std::max(std::min(cap, short_term), model_.pipe_min());
  window_ = std::min(window_, cap);
}

void Bbr::save_window() {
  const bool held_down = timeout_rounds_ > 0 || state_ == State::probe_rtt;
  prior_window_ = held_down ? std::max(prior_window_, window_) : window_;
}

}  // namespace penstock::congestion
