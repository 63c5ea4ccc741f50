#include "proto/congestion/kcp.hpp"

#include <algorithm>

namespace penstock::congestion {

Kcp::Kcp(const Setup& setup) : law_(Congestion::Kind::kcp, setup.segment_bytes), segment_bytes_(setup.segment_bytes) {}

void Kcp::on_acked(const Acked& acked) {
  // ikcp grows up to the peer's window. Which one that is, is not told here; a window that nothing fills does not grow. Of
  // datagrams that arrive together the first tells that it was full, and each of them grows it.
  if (acked.window_limited) limited_at_ = acked.now;
  if (acked.bytes == 0 || acked.now != limited_at_) return;
  law_.on_acked(
      {.segments = 1, .bytes = segment_bytes_, .left_edge_moved = true, .proven = true, .peer_window = segments_max},
      acked.now);
}

void Kcp::on_lost(const Lost& lost) {
  // ikcp_flush halves once a flush, however many it resends; a flush has no length here, so a round trip takes its place.
  if (episode_.covers(lost.sent_at)) return;
  episode_.begin(lost.now, lost.sent_at);
  const std::uint64_t segments = (lost.in_flight + lost.bytes) / segment_bytes_;
  law_.on_fast_retransmit(static_cast<std::uint32_t>(std::min<std::uint64_t>(segments, segments_max)), fast_resend,
                          lost.now);
}

void Kcp::on_timeout(const Timeout& timeout) {
  episode_.begin_by_timeout(timeout.now);
  law_.on_timeout(law_.window(), timeout.now);
}

Essence Kcp::essence() const {
  return {.window_segments = law_.window(), .threshold_segments = law_.ssthresh(), .rate_kib_s = 0};
}

void Kcp::resume(const Essence& essence, Instant now) {
  if (essence.window_segments == 0) return;
  // A fast retransmission leaves half of what was in flight as the threshold, and a window that much above it.
  const std::uint32_t window = std::min(essence.window_segments, segments_max);
  const std::uint32_t threshold = std::min(std::max(essence.threshold_segments, 2u), window);
  law_.on_fast_retransmit(2 * threshold, window - std::min(window, std::max(threshold, 2u)), now);
}

}  // namespace penstock::congestion
