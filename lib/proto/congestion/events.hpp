// Events: what a protocol machine tells its congestion controller, and what every controller offers it.
//
// Bytes are those that travel below UDP's header: payload and the machine's own header. The machine counts what is in flight:
// sent, neither acknowledged nor found lost. Times are the machine's own; nothing here is what a peer claims, except that it
// acknowledged a transmission whose secret stamp it could name. One core, part of a session; integers only.
//
// The table that has to fit without a change of this file: none, kcp, newreno, cubic, bbr; ledbat, westwood, vegas, veno,
// yeah, cdg, dctcp.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>

#include "base/time.hpp"

namespace penstock::congestion {

// Neither a window nor a rate bounds anything.
inline constexpr std::uint64_t unbounded = std::numeric_limits<std::uint64_t>::max();

struct Setup {
  Instant now;
  std::uint32_t segment_bytes = 0;  // of a full segment
  std::uint32_t seed = 0;  // drawn by the machine: what a controller varies, so that flows do not march in step
  std::uint8_t loss_percent =
      2;  // what bbr bears without holding the path for full; more where loss is the path's nature
};

// One segment is about to leave, for the first time or again.
struct Sent {
  Instant now;
  std::uint32_t bytes = 0;
  std::uint64_t in_flight = 0;  // bytes, before it
  bool app_limited = false;     // the machine had nothing more to send when it last looked
};

// How fast the path delivered, measured on the newest transmission that an acknowledgement names (the IETF's draft on
// delivery rate estimation): between its sending and now, or over the time that the sending took, whichever is longer.
struct RateSample {
  std::uint32_t interval_us = 0;       // 0: there is no sample, and the rest means nothing
  std::uint64_t delivered = 0;         // bytes delivered in the interval
  std::uint64_t lost = 0;              // bytes found lost since that transmission was sent
  std::uint64_t flight_at_send = 0;    // bytes in flight just after it was sent
  std::uint64_t delivered_before = 0;  // bytes delivered in the flow's life when it was sent
  bool app_limited = false;            // the machine had had too little to send: what it measures is not the path
};

// What one datagram acknowledged. Losses that it showed were told by on_lost() just before.
struct Acked {
  Instant now;
  std::uint64_t bytes = 0;          // newly acknowledged, receipt proven
  std::uint64_t lost = 0;           // bytes found lost by this datagram
  std::uint64_t in_flight = 0;      // bytes after it
  std::uint64_t flight_before = 0;  // bytes before it, and before the losses
  std::uint64_t delivered = 0;      // bytes in the flow's life, these included
  std::uint32_t rtt_us = 0;         // of the newest transmission it names; 0: it names none
  std::uint32_t srtt_us = 0;        // smoothed, 0 before the first sample
  std::uint32_t marked = 0;         // bytes that the peer reports as marked by ECN; KCP has no such report
  std::uint32_t queueing_us = 0;    // one-way delay above the least, where the protocol measures it (uTP)
  bool round_began = false;         // the first transmission of a new round trip was acknowledged
  bool window_limited = false;      // window() held the machine back since the last one: only then may a window grow
  RateSample rate;
};

// One segment was found lost, by later ones that arrived.
struct Lost {
  Instant now;
  Instant sent_at;  // of the copy that was lost
  std::uint32_t bytes = 0;
  std::uint64_t in_flight = 0;        // bytes, without it
  std::uint64_t flight_at_send = 0;   // bytes just after that copy was sent
  std::uint64_t lost_since_send = 0;  // bytes found lost since it was sent, itself included
  std::uint64_t delivered = 0;        // bytes in the flow's life
  bool app_limited = false;           // that copy was sent while the machine had too little to send
};

// The retransmission timeout ran out: nothing at all was heard, and all that was in flight counts as lost.
struct Timeout {
  Instant now;
  std::uint64_t in_flight = 0;  // bytes, before
};

// A copy that was found lost arrived after all, and its repetition was spurious.
struct Spurious {
  Instant now;
  Instant sent_at;  // of that copy
  std::uint32_t bytes = 0;
  std::uint64_t delivered = 0;  // bytes in the flow's life, these included
  bool by_timeout = false;      // a timeout had said so
};

// What outlives a flow that has nothing in flight, in few bytes: an idle session is many.
struct Essence {
  std::uint32_t window_segments = 0;     // 0: nothing is remembered
  std::uint32_t threshold_segments = 0;  // ssthresh, where there is such a thing
  std::uint32_t rate_kib_s = 0;          // of the path, where it is known
};

template <class C>
concept Controller = requires(C c, const C& k, const Setup& setup, const Sent& sent, const Acked& acked,
                              const Lost& lost, const Timeout& timeout, const Spurious& spurious,
                              const Essence& essence) {
  C(setup);
  c.on_sent(sent);
  c.on_acked(acked);
  c.on_lost(lost);
  c.on_timeout(timeout);
  c.on_spurious(spurious);
  { k.window() } -> std::same_as<std::uint64_t>;       // bytes that may be in flight; a full segment at the least
  { k.pacing_rate() } -> std::same_as<std::uint64_t>;  // bytes a second; `unbounded`: the controller does not mind
  { k.threshold() } -> std::same_as<std::uint64_t>;    // bytes; `unbounded`: none, or not reached yet
  { k.essence() } -> std::same_as<Essence>;
  c.resume(essence, setup.now);  // after construction: a flow that was idle goes on
};

}  // namespace penstock::congestion
