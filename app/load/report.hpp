// Report: the numbers of a load run, as text for people and as one JSON object on one line for programs.
//
// The keys of the JSON object; later versions add keys and keep these. Units stand at the end of a key.
//   shape, pick, one_way             as on the command line
//   sessions, active, depth, per_session, size_bytes_min, size_bytes_max     the run as planned
//   connected                        sessions whose first message was answered
//   connect_s, connects_per_s        from the moment when each target's first session was answered to
//                                    the last one's first answer
//   connect_rtt_p50_ns, connect_rtt_p99_ns, connect_rtt_max_ns   from a session's beginning to its first answer; without
//                                    the first session of each target, which waits for the next hop
//   checked, check_s                 sessions that had their second answer (check_all) and how long that took
//   seconds                          the time that was measured; what follows belongs to it
//   requests, requests_per_s         messages answered. In the shape connect: sessions connected, in churn: cycles of
//                                    connect, echo and close, in disconnect: sessions closed
//   payload_bytes, goodput_bits_per_s   payload of answers that were as they should be; with --one-way of messages acknowledged
//   rtt_p50_ns, rtt_p90_ns, rtt_p99_ns, rtt_p999_ns, rtt_max_ns, rtt_mean_ns   of these answers, within 6.25 %
//   datagrams_out_per_request, datagrams_in_per_request, bytes_out_per_request, bytes_in_per_request
//                                    frames and their bytes from Ethernet header to payload, by the worker's counters
//   retransmitted                    segments that the client sent again
//   late                             requests that could not be begun when they were due (open, burst, churn)
//   mismatches, lost, closed_early   of the whole run: answers that were not what was sent; requests without an answer;
//                                    sessions that ended before their time
//   flood, flood_per_s, flood_missed_per_s   only under --flood: the kind, the frames sent while it was measured, and those
//                                    that were due and not sent, as the ring was full or the core too slow
//   ok                               no mismatch, nothing lost, and what was asked for was reached
//   failure                          why it is not, else ""
#pragma once

#include <cstdint>
#include <string>

#include "base/histogram.hpp"
#include "engine/connection.hpp"
#include "load/run_plan.hpp"

namespace penstock::load {

// Written by the client, read by others once its worker has stopped.
struct Results {
  std::uint32_t connected = 0;
  std::uint64_t connect_ns = 0;
  Histogram connect_rtt_ns;
  std::uint32_t checked = 0;
  std::uint64_t check_ns = 0;
  std::uint64_t measured_ns = 0;
  std::uint64_t requests = 0;
  std::uint64_t payload_bytes = 0;
  Histogram rtt_ns;
  TrafficCounts traffic;
  std::uint64_t late = 0;
  std::uint64_t mismatches = 0;
  std::uint64_t lost = 0;
  std::uint64_t closed_early = 0;
  std::uint64_t flood_sent = 0;    // frames of the flood, while it was measured …
  std::uint64_t flood_missed = 0;  // … and those that were due, for which the port or the core had no room
  bool complete = false;           // every phase came to its end
  const char* stopped_by = "the run was interrupted";  // why not, while `complete` is false

  bool ok(const RunPlan& plan) const { return failure(plan).empty(); }
  // One sentence without a full stop, or nothing.
  std::string failure(const RunPlan& plan) const;
};

std::string text_of(const RunPlan& plan, const Results& results);
std::string json_of(const RunPlan& plan, const Results& results);

}  // namespace penstock::load
