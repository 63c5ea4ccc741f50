#include "proto/congestion/loss_window.hpp"

#include <algorithm>
#include <limits>

#include "base/assert.hpp"

namespace penstock::congestion {

LossWindow::LossWindow(const Setup& setup)
    : last_sent_(Instant::never()),
      limited_at_(Instant::at_us(std::numeric_limits<std::int64_t>::min() / 2)),
      window_(initial_window_segments * setup.segment_bytes),
      segment_bytes_(setup.segment_bytes) {
  PENSTOCK_ASSERT(setup.segment_bytes > 0 && setup.segment_bytes <= 65'535);
}

bool LossWindow::on_sent(const Sent& sent) {
  const std::int64_t idle_us = last_sent_.is_never() ? 0 : (sent.now - last_sent_).count_us();
  last_sent_ = sent.now;
  if (sent.in_flight != 0 || idle_us <= std::max(idle_us_min, idle_round_trips * srtt_us_)) return false;
  restart();
  return true;
}

void LossWindow::restart() {
  // Three quarters of what the path took before bound the way back (RFC 2861, 3), unless nothing bounds it yet.
  if (!in_slow_start()) threshold_ = std::max(threshold_, at_least_two(window_ / 4 * 3));
  window_ = std::min(window_, initial_window_segments * segment_bytes_);
}

bool LossWindow::limited(const Acked& acked) {
  // Half a window is enough in slow start: the pacer spreads what doubles every round trip.
  const std::uint64_t flight = in_slow_start() ? acked.flight_before * 2 : acked.flight_before + segment_bytes_;
  if (acked.window_limited || flight > window_) limited_at_ = acked.now;
  return (acked.now - limited_at_).count_us() <= srtt_us_;
}

std::uint64_t LossWindow::on_acked(const Acked& acked) {
  if (acked.srtt_us != 0) srtt_us_ = acked.srtt_us;
  if (acked.bytes == 0) return 0;
  const bool may_grow = limited(acked) && !episode_.covers(acked.now - Duration::us(acked.rtt_us));
  if (!in_slow_start()) return may_grow ? acked.bytes : 0;
  const bool first = threshold_ == volume_unlimited;
  if (first && hystart_.on_acked(acked, segment_bytes_)) {
    threshold_ = window_;
    return may_grow ? acked.bytes : 0;
  }
  if (!may_grow) return 0;
  const std::uint64_t bytes = first ? hystart_.growth(acked.bytes) : acked.bytes;
  const std::uint64_t room = threshold_ - window_;
  window_ = widened(window_, std::min(bytes, room));
  return bytes > room ? bytes - room : 0;
}

bool LossWindow::on_lost(const Lost& lost) {
  if (!episode_.covers(lost.sent_at)) return true;
  episode_.add(lost.sent_at);
  return false;
}

void LossWindow::reduce(const Lost& lost, std::uint32_t threshold) {
  prior_window_ = window_;
  prior_threshold_ = threshold_;
  episode_.begin(lost.now, lost.sent_at);
  threshold_ = at_least_two(threshold);
  window_ = threshold_;
}

bool LossWindow::on_timeout(const Timeout& timeout, std::uint32_t threshold) {
  const bool again = episode_.by_timeout() && window_ == segment_bytes_;
  if (!again) {
    prior_window_ = window_;
    prior_threshold_ = threshold_;
    threshold_ = at_least_two(threshold);
  }
  episode_.begin_by_timeout(timeout.now);
  window_ = segment_bytes_;
  return !again;
}

bool LossWindow::on_spurious(const Spurious& spurious) {
  if (!episode_.disproved_by(spurious)) return false;
  window_ = std::max(window_, prior_window_);
  threshold_ = prior_threshold_;
  return true;
}

void LossWindow::set_window(std::uint64_t bytes) {
  window_ = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(bytes, segment_bytes_, window_max));
}

std::uint64_t LossWindow::pacing_rate() const {
  if (srtt_us_ == 0) return unbounded;
  const std::uint64_t rate = scaled(window_, us_per_second, srtt_us_);
  return std::max<std::uint64_t>(1, in_slow_start() ? 2 * rate : rate / 4 * 5);
}

Essence LossWindow::essence() const {
  Essence essence{.window_segments = window_ / segment_bytes_, .threshold_segments = 0, .rate_kib_s = 0};
  if (threshold_ != volume_unlimited) essence.threshold_segments = threshold_ / segment_bytes_;
  // A window still in slow start tells nothing of the path's rate.
  if (!in_slow_start() && srtt_us_ != 0) {
    const std::uint64_t kib = scaled(window_, us_per_second, srtt_us_) / 1024;
    essence.rate_kib_s = to_volume(kib);
  }
  return essence;
}

void LossWindow::take_over(const Essence& essence, Instant now) {
  if (essence.window_segments == 0) return;
  set_window(std::uint64_t{essence.window_segments} * segment_bytes_);
  if (essence.threshold_segments != 0) {
    const std::uint64_t bytes = std::uint64_t{essence.threshold_segments} * segment_bytes_;
    threshold_ = at_least_two(static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, window_max)));
  }
  limited_at_ = now;
}

void LossWindow::resume(const Essence& essence, Instant now) {
  if (essence.window_segments == 0) return;
  take_over(essence, now);
  restart();
}

}  // namespace penstock::congestion
