// Probe: questions and answers about windows, the give-up of a stalled session, and the ping that proves a peer.
//
// While the peer's window is shut and data waits for it, a WASK goes out after probe_initial_ms, then each time 1.5 times
// later up to probe_max_ms (ikcp_flush); after stall_timeout_ms the session is given up. A WASK from the peer makes us owe
// one WINS, however often it asks. The proof ping is a zero-length PUSH with a sn in the past and a secret ts: every KCP
// peer acknowledges it and delivers nothing, and only who received it can echo the ts. The peer's own ping is answered even
// before the peer is proven, or two strangers would challenge each other for ever. To a proven peer that has fallen silent
// the same ping is a question for a sign of life, whose answer measures the round trip as well. One core, part of a session.
#pragma once

#include <cstdint>
#include <optional>

#include "base/seq.hpp"
#include "base/time.hpp"
#include "proto/kcp/options.hpp"
#include "proto/kcp/wire.hpp"

namespace penstock::kcp {

class Probe {
 public:
  // Tells whether the peer's shut window holds data back; arms or disarms the schedule.
  void on_blocked(bool blocked, Instant now, const Options& options);
  // The peer's window was shut when last told.
  bool asking() const { return !ask_at_.is_never(); }
  // Rides over deadlines that have passed. False when the session must be given up as stalled.
  bool on_timeout(Instant now, const Options& options);
  Instant next_deadline() const { return ask_at_; }

  void on_wask() { wins_owed_ = true; }
  void owe_wins() { wins_owed_ = true; }
  void owe_wask() { wask_owed_ = true; }
  bool wask_owed() const { return wask_owed_; }
  bool wins_owed() const { return wins_owed_; }
  // Any of WASK, WINS, the answer to a ping, and a ping of our own to a silent peer.
  bool owes() const { return static_cast<bool>(wask_owed_ | wins_owed_ | answer_owed_ | life_owed_); }
  void wask_written() { wask_owed_ = false; }
  void wins_written() { wins_owed_ = false; }

  // A datagram came that deserves an answer: one more ping may go out, unless it is answered otherwise.
  void allow_ping() { ping_allowed_ = true; }
  void forbid_ping() { ping_allowed_ = false; }
  bool ping_allowed() const { return ping_allowed_; }
  // Makes the header of the ping: the sn before `send_una`, and the session's secret, the same every time, so that the
  // answer to any of them proves the peer.
  Header make_ping(Header common, Seq32 send_una, Stamp32 secret);
  // The peer pinged us: its latest ping is owed an ACK.
  void on_ping(Seq32 sn, Stamp32 stamp) {
    answer_sn_ = sn;
    answer_stamp_ = stamp;
    answer_owed_ = true;
  }
  bool answer_owed() const { return answer_owed_; }
  Header make_answer(Header common);
  // True when an ACK answers a ping: `send_una` only grows, so the sn of every ping lies before it.
  static bool answers_ping(Seq32 sn, Stamp32 stamp, Seq32 send_una, Stamp32 secret) {
    return stamp == secret && sn.before(send_una);
  }

  // A sign of life is wanted: one ping is owed. Not while asking(), whose questions serve as well.
  void owe_life_ping() { life_owed_ = true; }
  bool life_ping_owed() const { return life_owed_; }
  // One was sent, and no ACK has answered it yet.
  bool life_ping_out() const { return life_out_; }
  // Makes its header. The ts counts from `secret` on by our clock in µs, so that no two pings share one.
  Header make_life_ping(Header common, Seq32 send_una, Stamp32 secret, Instant now);
  // How long ago the ping was sent that an ACK answers: once for each ping, nothing when it answers none.
  std::optional<std::uint32_t> life_answered_us(Seq32 sn, Stamp32 stamp, Seq32 send_una, Stamp32 secret, Instant now);

 private:
  static Seq32 ping_number(Seq32 send_una);
  std::uint32_t wait_ms(const Options& options) const;
  std::uint32_t stalled_ms(Instant now) const { return static_cast<std::uint32_t>(now.count_ms()) - since_; }

  Instant ask_at_ =
      Instant::never();  // when the next WASK is due, or the session is given up; never() while not blocked
  // While blocked, when the window shut, in ms of the clock; while life_out_, when the ping left, in µs. The low bits of it.
  std::uint32_t since_ = 0;
  Seq32 answer_sn_;  // sn and ts of the peer's ping; valid while answer_owed_
  Stamp32 answer_stamp_;
  std::uint8_t asks_ = 0;  // questions since the window shut; 255 stands for more
  bool wask_owed_ : 1 = false;
  bool wins_owed_ : 1 = false;
  bool ping_allowed_ : 1 = false;
  bool answer_owed_ : 1 = false;
  bool life_owed_ : 1 = false;  // a ping to a silent peer is to be written
  bool life_out_ : 1 = false;   // … was sent and not answered yet
};

}  // namespace penstock::kcp
