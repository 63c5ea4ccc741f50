// Probe: questions and answers about windows, the give-up of a stalled session, and the ping that proves a peer.
//
// While the peer's window is shut and data waits for it, a WASK goes out after probe_initial_ms, then each time 1.5 times
// later up to probe_max_ms (ikcp_flush); after stall_timeout_ms the session is given up. A WASK from the peer makes us owe
// one WINS, however often it asks. The proof ping is a zero-length PUSH with a sn in the past and a random ts: every KCP
// peer acknowledges it and delivers nothing, and only who received it can echo both. The peer's own ping is answered even
// before the peer is proven, or two strangers would challenge each other for ever. One core, part of a session.
#pragma once

#include <cstdint>

#include "base/rng.hpp"
#include "proto/kcp/options.hpp"
#include "proto/kcp/wire.hpp"

namespace penstock::kcp {

class Probe {
 public:
  // Tells whether the peer's shut window holds data back; arms or disarms the schedule.
  void on_blocked(bool blocked, Instant now, const Options& options);
  // Rides over deadlines that have passed. False when the session must be given up as stalled.
  bool on_timeout(Instant now, const Options& options);
  Instant next_deadline() const { return earlier(ask_at_, give_up_at_); }

  void on_wask() { wins_owed_ = true; }
  void owe_wins() { wins_owed_ = true; }
  bool wask_owed() const { return wask_owed_; }
  bool wins_owed() const { return wins_owed_; }
  void wask_written() { wask_owed_ = false; }
  void wins_written() { wins_owed_ = false; }

  // A datagram came that deserves an answer: one more ping may go out, unless it is answered otherwise.
  void allow_ping() { ping_allowed_ = true; }
  void forbid_ping() { ping_allowed_ = false; }
  bool ping_allowed() const { return ping_allowed_; }
  // Makes the header of the ping, the same sn and ts every time, so that the answer to any of them proves the peer.
  Header make_ping(Header common, Seq32 send_una, Rng& rng);
  // The peer pinged us: its latest ping is owed an ACK.
  void on_ping(Seq32 sn, Stamp32 stamp) {
    answer_sn_ = sn;
    answer_stamp_ = stamp;
    answer_owed_ = true;
  }
  bool answer_owed() const { return answer_owed_; }
  Header make_answer(Header common);
  // True when an ACK answers the ping.
  bool answered_by(Seq32 sn, Stamp32 stamp) const { return pinged_ && sn == ping_sn_ && stamp == ping_stamp_; }

 private:
  Instant ask_at_ = Instant::never();      // when the next WASK is due
  Instant give_up_at_ = Instant::never();  // when the stalled session ends
  std::uint32_t wait_ms_ = 0;              // the present wait between two WASKs
  Seq32 ping_sn_;
  Stamp32 ping_stamp_;
  Seq32 answer_sn_;  // sn and ts of the peer's ping; valid while answer_owed_
  Stamp32 answer_stamp_;
  bool wask_owed_ = false;
  bool wins_owed_ = false;
  bool pinged_ = false;  // a ping was made; ping_sn_ and ping_stamp_ are valid
  bool ping_allowed_ = false;
  bool answer_owed_ = false;
};

}  // namespace penstock::kcp
