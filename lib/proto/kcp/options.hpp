// Options: how the KCP machine of a listener behaves. The defaults are those of ikcp 1.7 (skywind3000/kcp, ikcp.c).
//
// Plain values, filled by `control` before start and read by every session of the listener. The machine requires that
// validate() found nothing.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

#include "proto/congestion/controller.hpp"

namespace penstock::kcp {

// What validate() found: the first field out of its range, and a sentence for the operator.
struct OptionFault {
  std::string_view field;
  std::string_view sentence;
};

// How what was lost is found and sent again.
enum class Recovery : std::uint8_t {
  ikcp,  // by ikcp's timeouts and skips, exactly
  rack,  // by time, and by which copy arrived (Flight)
};

struct Options {
  static constexpr std::uint32_t header_bytes = 24;
  static constexpr std::uint32_t window_max = 32'768;  // segments, either direction
  static constexpr std::uint32_t receive_window_min =
      128;                                             // ikcp raises smaller ones, so that a message's fragments fit
  static constexpr std::uint32_t fragments_max = 255;  // the field `frg` is one byte and counts down to 0

  std::uint8_t nodelay = 0;  // 0: timeouts double, 1: grow by half, 2: grow by half of the session's RTO
  bool stream = false;       // true: bytes without message borders, small writes share a segment
  Recovery recovery = Recovery::ikcp;
  congestion::Kind congestion = congestion::Kind::cubic;  // with Recovery::rack
  // What bbr bears without yielding, 1 … 50: what the path loses by itself, and some room.
  std::uint8_t loss_percent = 2;
  bool search_mtu = false;            // `mtu` is the most of which each path's own is found out; with Recovery::rack
  bool no_congestion_window = false;  // `nc`: only the two windows bound what is in flight
  bool fastack_conserve = false;      // count a skip only when the ACK answers a transmission no older (ikcp 2.0)
  std::uint8_t resend = 0;            // skips by later ACKs that trigger a fast resend; 0: never
  std::uint8_t fastack_limit = 5;     // transmissions of a segment up to which it may be resent fast; 0: no limit
  std::uint8_t dead_link = 20;        // transmissions of one segment at which the link counts as dead, 2 … 255
  std::uint16_t mtu = 1400;           // bytes of a datagram without UDP, IP and envelope, 50 … 9000
  std::uint32_t interval_ms = 100;    // 10 … 5000; a term of the RTO only, since nothing here ticks
  std::uint32_t ack_delay_ms = 0;  // how long an owed ACK waits for data to ride on, 0 … 1000; 0: it leaves at once
  std::uint32_t snd_wnd = 32;      // segments in flight at most, 1 … 32,768
  std::uint32_t rcv_wnd = 128;     // segments held at most, 1 … 32,768; below 128 it acts as 128, as in ikcp
  std::uint32_t send_queue_segments_max = 256;  // segments that wait unsent, 256 … 32,768
  std::uint32_t rto_initial_ms = 200;           // before the first sample
  std::uint32_t rto_min_ms = 100;               // with nodelay 0
  std::uint32_t rto_min_nodelay_ms = 30;        // with nodelay 1 and 2
  std::uint32_t rto_max_ms = 60'000;
  std::uint32_t probe_initial_ms =
      7'000;  // the first question about a shut window; each further wait is 1.5 times as long
  std::uint32_t probe_max_ms = 120'000;  // up to this
  // A window shut for so long, with data waiting, or a gap in what comes that stays for so long, ends the session.
  std::uint32_t stall_timeout_ms = 120'000;
  std::uint32_t linger_ms = 30'000;  // how long a graceful close may take to deliver what is queued

  // Nothing when every field is in its range.
  std::optional<OptionFault> validate() const;

  bool searches() const { return search_mtu && by_time(); }
  bool by_time() const { return recovery == Recovery::rack; }
  std::uint32_t mss() const { return mtu - header_bytes; }
  // The receive window in force.
  std::uint32_t receive_window() const { return std::max(rcv_wnd, receive_window_min); }
  std::uint32_t rto_floor_ms() const { return nodelay == 0 ? rto_min_ms : rto_min_nodelay_ms; }
};

}  // namespace penstock::kcp
