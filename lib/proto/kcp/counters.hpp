// Counters: what the KCP sessions of one worker and listener did, summed. Written on that worker's core only.
#pragma once

#include <cstdint>

#include "base/histogram.hpp"

namespace penstock::kcp {

struct Counters {
  std::uint64_t segments_sent = 0;         // PUSH segments, first transmissions and resends
  std::uint64_t segments_received = 0;     // PUSH segments that were new and stored
  std::uint64_t duplicates = 0;            // PUSH segments that were there already; acknowledged again
  std::uint64_t beyond_window = 0;         // PUSH segments right of the receive window; neither stored nor acknowledged
  std::uint64_t no_memory = 0;             // PUSH segments that could not be stored and were not acknowledged
  std::uint64_t retransmit_timeout = 0;    // resends because the RTO ran out
  std::uint64_t retransmit_settled = 0;    // … of these, those of sessions that had a round trip measured before
  std::uint64_t retransmit_fast = 0;       // resends because later segments were acknowledged
  std::uint64_t retransmit_spare = 0;      // … of these, copies behind a repetition before its fate was known
  std::uint64_t retransmit_spurious = 0;   // resends of what then arrived by an earlier copy, where recovery is by time
  std::uint64_t acks_sent = 0;             // ACK segments
  std::uint64_t acks_received = 0;         // ACK segments that named a transmission still unacknowledged
  std::uint64_t acks_stale = 0;            // ACK segments about what was acknowledged before
  std::uint64_t acks_forged = 0;           // ACK segments whose (sn, ts) names no transmission that we remember
  std::uint64_t acks_left_out = 0;         // ACKs not sent because the list was full
  std::uint64_t windows_stale = 0;         // windows ignored because a newer one was known
  std::uint64_t probes_sent = 0;           // WASK segments
  std::uint64_t probes_received = 0;       // WASK segments from peers
  std::uint64_t window_updates_sent = 0;   // WINS segments
  std::uint64_t proof_pings_sent = 0;      // zero-length PUSH segments that ask an unproven peer for an ACK
  std::uint64_t life_probes_sent = 0;      // questions to peers that had fallen silent, by ping or WASK
  std::uint64_t path_probes_sent = 0;      // WASK segments as long as the path may be
  std::uint64_t path_probes_answered = 0;  // … of these, those that a WINS followed
  std::uint64_t messages_sent = 0;         // accepted by send()
  std::uint64_t messages_received = 0;     // handed out whole; not counted in stream mode
  std::uint64_t bytes_sent = 0;            // payload accepted by send()
  std::uint64_t bytes_received = 0;        // payload handed out
  std::uint64_t bytes_retransmitted = 0;   // payload sent again
  std::uint64_t sends_full = 0;            // send() refused for want of queue room
  std::uint64_t sends_no_memory = 0;       // send() refused for want of ring memory or blocks
  Histogram rtt_us;                        // each round trip that an ACK proved, µs
};

}  // namespace penstock::kcp
