// Kcp: ikcp's law of the congestion window, fed with bytes and losses in place of ikcp's own moments.
//
// The law itself, segment by segment, is `penstock::Congestion`, which the classic sender drives as ikcp does. Here it hears
// the events that every controller hears: a datagram that proves a receipt grows the window, the first loss of a round trip
// is a fast retransmission, a timeout is a timeout. ikcp neither paces, nor undoes, nor minds that a flow was idle.
#pragma once

#include "proto/congestion.hpp"
#include "proto/congestion/episode.hpp"
#include "proto/congestion/events.hpp"

namespace penstock::congestion {

class Kcp {
 public:
  explicit Kcp(const Setup& setup);

  void on_sent(const Sent& /*sent*/) {}
  void on_acked(const Acked& acked);
  void on_lost(const Lost& lost);
  void on_timeout(const Timeout& timeout);
  void on_spurious(const Spurious& /*spurious*/) {}

  std::uint64_t window() const { return std::uint64_t{law_.window()} * segment_bytes_; }
  std::uint64_t pacing_rate() const { return unbounded; }
  std::uint64_t threshold() const { return std::uint64_t{law_.ssthresh()} * segment_bytes_; }
  Essence essence() const;
  void resume(const Essence& essence, Instant now);
  void take_over(const Essence& essence, Instant now) { resume(essence, now); }

 private:
  // Segments that the window may reach: no peer of KCP announces more, and segments of 9,000 B stay within 32 bits.
  static constexpr std::uint32_t segments_max = 32'768;
  // Later segments that must arrive before one counts as lost; ikcp adds it to the window after a fast retransmission.
  static constexpr std::uint32_t fast_resend = 2;

  Congestion law_;
  std::uint32_t segment_bytes_;
  Instant limited_at_ = Instant::never();  // when the window was last full
  Episode episode_;                        // what the last fast retransmission or timeout answered
};
static_assert(Controller<Kcp>);

}  // namespace penstock::congestion
