// Congestion: how many segments may be in flight, by one of a closed table of concrete controllers behind one interface.
//
// A machine tells what it sent, what was acknowledged and what was lost; window() is the controller's answer in segments.
// The controllers hold integers only and know no clock; the machine adds its own windows. One core, part of a session.
//   none  no bound of its own
//   kcp   ikcp's law (ikcp.c, end of ikcp_input and of ikcp_flush): slow start up to ssthresh, then mss²/incr + mss/16
#pragma once

#include <cstdint>
#include <limits>

#include "base/time.hpp"

namespace penstock {

class Congestion {
 public:
  enum class Kind : std::uint8_t { none, kcp };
  static constexpr std::uint32_t unbounded = std::numeric_limits<std::uint32_t>::max();

  // What one datagram acknowledged.
  struct Acked {
    std::uint32_t segments = 0;     // newly acknowledged
    std::uint32_t bytes = 0;        // their payload
    bool left_edge_moved = false;   // the oldest unacknowledged segment is a later one now
    bool proven = false;            // the peer named a transmission: it really received something
    std::uint32_t peer_window = 0;  // segments the peer can take
  };

  Congestion(Kind kind, std::uint32_t mss);

  // Neither controller of the table looks at single transmissions.
  void on_sent(std::uint32_t /*segments*/, std::uint32_t /*bytes*/, Instant /*now*/) {}
  void on_acked(const Acked& acked, Instant /*now*/) {
    // ikcp grows on any una that moves; una is a claim that costs a peer nothing, so growth needs a proven receipt.
    if (kind_ == Kind::kcp && acked.left_edge_moved && acked.proven) grow(acked.peer_window);
  }
  // Segments were resent early. `in_flight` is counted after the resend, `resend` is the threshold that was passed.
  void on_fast_retransmit(std::uint32_t in_flight, std::uint32_t resend, Instant now);
  // A timeout ran out while the effective window, the machine's windows included, was `window`.
  void on_timeout(std::uint32_t window, Instant now);

  // Segments that may be in flight.
  std::uint32_t window() const { return kind_ == Kind::none ? unbounded : cwnd_; }
  std::uint32_t ssthresh() const { return ssthresh_; }
  Kind kind() const { return kind_; }

 private:
  void grow(std::uint32_t peer_window);

  static constexpr std::uint32_t ssthresh_min = 2;  // segments, also what it starts with

  Kind kind_;
  std::uint16_t mss_;                      // bytes
  std::uint32_t cwnd_ = 1;                 // segments
  std::uint32_t ssthresh_ = ssthresh_min;  // segments
  std::uint32_t incr_;                     // bytes; cwnd_ follows it in congestion avoidance
};
static_assert(sizeof(Congestion) == 16);

}  // namespace penstock
