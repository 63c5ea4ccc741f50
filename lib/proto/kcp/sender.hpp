// Sender: what is queued and in flight toward the peer, when it is resent, and what an acknowledgement does to it.
//
// One ring holds the segments [una, end): in flight up to `next`, unsent from there. A sn is fixed when its segment is
// queued, and sn, frg and payload never change afterwards. Resends follow ikcp 1.7 (ikcp_flush). Two things differ on
// purpose, see docs/kcp.md: an ACK counts only when (sn, ts) names a transmission, and the peer's window is taken from the
// newest datagram only. One core, part of a session; Environment is passed in to keep the record small.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "buf/out_datagram.hpp"
#include "buf/segment_queue.hpp"
#include "proto/congestion.hpp"
#include "proto/kcp/environment.hpp"
#include "proto/kcp/flight.hpp"
#include "proto/kcp/rtt.hpp"
#include "proto/kcp/send_slot.hpp"
#include "proto/kcp/wire.hpp"
#include "proto/protocol.hpp"

namespace penstock::kcp {

// What the ACKs and una of one datagram did, gathered segment by segment.
struct AckRound {
  Congestion::Acked acked;
  Seq32 newest;          // the latest sn newly acknowledged by an ACK …
  Stamp32 newest_stamp;  // … and the transmission it named; both valid when acked.proven
  Seq32 una;             // the latest una of the datagram
};

class Sender {
 public:
  // Both windows begin at `first`, and the peer's window at ikcp's 128 until it tells its own.
  Sender(Seq32 first, const Options& options)
      : una_(first),
        next_(first),
        end_(first),
        cursor_(first),
        peer_una_(first),
        scanning_(options.by_time()),
        by_time_(options.by_time()),
        controller_(options.congestion) {
    if (by_time_) way_.essence = {};
  }

  // All or nothing, as SendResult tells. In segments of `mss` bytes, or longer ones where they would be too many.
  SendResult send(SegmentQueue& message, std::uint32_t mss, Environment& env);
  // A message of one segment, at most mss bytes, in message mode; untouched unless it is accepted.
  SendResult send_one(Segment& payload, Environment& env);

  // A una beyond what was sent is a lie: the datagram that carries it must be refused.
  bool plausible(Seq32 una) const { return !una.after(next_); }
  AckRound begin_round() const { return {.acked = {}, .newest = {}, .newest_stamp = {}, .una = una_}; }
  // For each segment of a datagram: its una and wnd …
  void on_window(AckRound& round, Seq32 una, std::uint16_t window, Environment& env) {
    if (una.after(round.una)) round.una = una;
    note_window(una, window, env);
  }
  // … and for an ACK its sn and ts.
  void on_ack(AckRound& round, Seq32 sn, Stamp32 stamp, const Moment& moment, Rtt& rtt, Environment& env);
  // After the last segment, when an ACK counted or una moved: frees what una covers, counts skips, lets the controller grow.
  void end_round(AckRound& round, const Moment& moment, const Rtt& rtt, Congestion& congestion, Environment& env);

  // The short way of what nearly all datagrams tell. Nothing new, by una and wnd:
  bool knows(Seq32 una, std::uint16_t window) const { return una == una_ && knows_window(una, window); }
  // … or by an ACK that the oldest segment out arrived, whose una is the next sn. False, and nothing done, when `echo` does
  // not name its only transmission, or when the next one was acknowledged before.
  bool take_oldest(Stamp32 echo, std::uint16_t window, Instant now, Rtt& rtt, Congestion& congestion, Environment& env);

  // Puts due resends, then new segments, into `out` while they fit; marks as sent only what was put in. `heading` is
  // what our headers carry.
  void write(OutDatagram& out, Heading heading, const Moment& moment, const Rtt& rtt, Congestion& congestion,
             Environment& env);
  // True when write() would find something, were there room.
  bool wants_write(Instant now, const Congestion& congestion, const Options& options) const;
  // No resend is due: then write() writes what write_new() does.
  bool quiet(Instant now) const { return !scanning_ && !skips_due_ && now < way_.earliest; }
  // Segments that the windows would let out now, …
  std::uint32_t sendable(const Congestion& congestion, const Options& options) const;
  // … and the first transmission of `count` ≤ sendable() of them, while `out` has room. False when it had none.
  bool write_new(std::uint32_t count, OutDatagram& out, Heading heading, const Moment& moment, const Rtt& rtt,
                 Congestion& congestion, Environment& env);
  // Drops the resend deadline's slack: after this next_resend() is exact. Call when it has passed.
  void refresh(Instant now, const Rtt& rtt, const Options& options);
  // Not later than the earliest resend; in the past while a scan is unfinished, never() when nothing is in flight.
  Instant next_resend() const { return scanning_ ? next_resend_of_scan() : way_.earliest; }

  // Another path leads to the peer. What is in flight was lost on the old one, or its ACK was: whatever has been waiting for
  // longer than a first transmission waits no longer than that from now on. Walks over what is in flight.
  void on_path_changed(Instant now, const Rtt& rtt, Environment& env);

  // With recovery by time: the flow goes on under another controller. False by ikcp's law, which knows no other.
  bool switch_congestion(congestion::Kind kind, Instant now, Environment& env);
  // What the controller allows: segments, Congestion::unbounded when it bounds nothing or is not known yet; bytes a second, 0
  // when it names no rate. Of recovery by time only.
  struct Allowance {
    congestion::Kind kind;
    std::uint32_t segments;
    std::uint32_t threshold;
    std::uint64_t rate;
  };
  Allowance allowance(const Options& options) const;

  void release(Environment& env);

  void prefetch_oldest() const {
    if (una_ != next_) __builtin_prefetch(&ring_[una_], 1);
  }
  void prefetch_oldest_block() const {
    if (una_ != next_) __builtin_prefetch(ring_[una_].payload.block(), 1);
  }

  void prefetch_next() const {
    if (next_ != end_) __builtin_prefetch(&ring_[next_], 1);
  }
  void prefetch_next_block() const {
    if (next_ != end_) __builtin_prefetch(ring_[next_].payload.block(), 1);
  }
  void prefetch_next_bytes() const {
    if (next_ != end_ && ring_[next_].payload.holds()) __builtin_prefetch(ring_[next_].payload.data());
  }

  bool drained() const { return una_ == end_; }
  bool by_time() const { return by_time_; }
  std::uint32_t in_flight() const { return static_cast<std::uint32_t>(next_.distance_from(una_)); }
  std::uint32_t unsent() const { return static_cast<std::uint32_t>(end_.distance_from(next_)); }
  bool blocked_by_peer() const { return peer_window_ == 0 && unsent() > 0; }
  std::uint32_t peer_window() const { return peer_window_; }
  Seq32 una() const { return una_; }
  // The first sn that was never sent.
  Seq32 next() const { return next_; }
  // A segment was sent dead_link times in vain; by time, and for half a second each.
  bool dead() const { return dead_; }
  // The last send() was refused for want of queue room …
  bool wants_room() const { return wanted_ != 0; }
  // … and its message would fit now: true once.
  bool take_room_again(const Options& options) {
    if (wanted_ == 0 || unsent() + wanted_ > options.send_queue_segments_max) return false;
    wanted_ = 0;
    return true;
  }
  // Payload not yet acknowledged, sent or not. Walks over it: for statistics.
  std::uint32_t queued_bytes() const;
  std::uint32_t retransmissions() const { return retransmissions_; }
  // The oldest segment out was sent so often in vain, and makes a datagram of more than `bytes`.
  bool oldest_is_stuck(std::uint32_t copies, std::uint32_t bytes) const;

 private:
  // By ikcp's law in the midst of a scan, or by time.
  Instant next_resend_of_scan() const {
    if (by_time_) return flying_ ? way_.flight->wake_at() : Instant::never();
    return una_ == next_ ? Instant::never() : Instant::at_us(0);
  }
  enum class Cause : std::uint8_t { none, timeout, fast };  // of a resend

  std::uint32_t window(const Congestion& congestion, const Options& options) const {
    return std::min({options.snd_wnd, std::uint32_t{peer_window_}, congestion.window()});
  }
  bool knows_window(Seq32 una, std::uint16_t window) const {
    return una == peer_una_ && window <= peer_window_ && peer_window_known_;
  }
  void note_window(Seq32 una, std::uint16_t window, Environment& env);
  [[gnu::cold]] SendResult refuse_full(std::uint32_t segments, Environment& env);
  [[gnu::cold]] SendResult refuse_for_memory(Environment& env);
  void accept(std::uint32_t segments, std::uint64_t bytes, Environment& env);
  bool append_to_last(SegmentQueue& message, std::uint32_t mss, Environment& env);
  std::uint32_t fragments_max(const Options& options) const;
  void acknowledge(SendSlot& slot, AckRound& round);
  void free_before(Seq32 una, AckRound& round);
  void count_skips(const AckRound& round, const Options& options);
  void skip_run(Seq32& sn);
  static bool may_resend_fast(const SendSlot& slot, const Options& options);
  Cause cause_of(const SendSlot& slot, Instant now, const Options& options) const;
  bool resend_due(OutDatagram& out, Heading heading, const Moment& moment, const Rtt& rtt, Environment& env);
  void resend(OutDatagram& out, Heading heading, Seq32 sn, Cause cause, const Moment& moment, const Rtt& rtt,
              Environment& env);
  static void write_segment(OutDatagram& out, Heading heading, const SendSlot& slot, Seq32 sn, const Moment& moment);
  void end_scan(const Moment& moment, Congestion& congestion, const Options& options);

  // Recovery by time (sender_by_time.cpp).
  Flight::Window in_flight_window() { return {ring_, una_, next_}; }
  static congestion::Setup controller_setup(Instant now, Environment& env);
  bool begin_flight(Environment& env);
  void end_flight(Environment& env);
  void take_ack(AckRound& round, Seq32 sn, Stamp32 stamp, const Moment& moment, Rtt& rtt, Environment& env);
  void end_round_by_time(AckRound& round, const Moment& moment, const Rtt& rtt, Environment& env);
  static bool fits(OutDatagram& out, std::uint32_t bytes);
  void write_by_time(OutDatagram& out, Heading heading, const Moment& moment, const Rtt& rtt, Environment& env);
  static bool is_in_vain(const SendSlot& slot, Instant now, const Options& options);
  bool write_repeats(OutDatagram& out, Heading heading, const Moment& moment, const Rtt& rtt, Environment& env);
  bool wants_write_by_time(Instant now, const Options& options) const;

  [[no_unique_address]] SendRing ring_;
  Seq32 una_;  // oldest unacknowledged segment
  // By ikcp's law: no unacknowledged segment in flight, that a running scan has passed, is due before `earliest`. By time: the
  // flight while there is one, else what is remembered of the last.
  struct Remembered {
    std::uint32_t rate_kib_s;
    std::uint16_t window_segments;
    std::uint16_t threshold_segments;
  };
  union Way {
    Instant earliest = Instant::never();
    Flight* flight;
    Remembered essence;
  };
  Way way_;
  Seq32 next_;      // first unsent segment
  Seq32 end_;       // the sn of the next segment to be queued
  Seq32 cursor_;    // where the running scan goes on
  Seq32 peer_una_;  // newest una that the peer told
  std::uint32_t retransmissions_ = 0;
  std::uint16_t peer_window_ = 128;      // segments, from the newest datagram
  std::uint16_t peer_window_max_ = 128;  // the largest window told: what its longest message can be
  std::uint16_t wanted_ = 0;             // segments of the message refused last; 0: none
  bool scanning_ : 1;                    // a scan for due resends was begun and not ended; always with recovery by time
  bool skips_due_ : 1 = false;           // some segment's fastack has reached the threshold
  bool by_time_ : 1;                     // Recovery::rack
  bool peer_window_known_ : 1 = false;   // the peer told its window at least once
  bool scan_timeout_ : 1 = false;        // the running scan resent after a timeout
  bool scan_fast_ : 1 = false;           // the running scan resent early
  bool dead_ : 1 = false;
  bool flying_ : 1 = false;          // by time: there is a flight
  bool reordered_ : 1 = false;       // … an earlier one saw segments overtake each other
  congestion::Kind controller_ : 7;  // … what it is under
};

inline bool Sender::wants_write(Instant now, const Congestion& congestion, const Options& options) const {
  if (scanning_ && by_time_) return wants_write_by_time(now, options);
  if (next_ != end_ && in_flight() < window(congestion, options)) return true;
  return in_flight() > 0 && (scanning_ || skips_due_ || now >= way_.earliest);
}

inline SendResult Sender::send_one(Segment& payload, Environment& env) {
  PENSTOCK_ASSERT(!env.options.stream && payload.length() <= env.options.mss());
  if (unsent() >= env.options.send_queue_segments_max) return refuse_full(1, env);
  const auto count = static_cast<std::uint32_t>(end_.distance_from(una_)) + 1;
  if (!ring_.reserve(env.memory, count, una_, end_) || (by_time_ && !begin_flight(env))) return refuse_for_memory(env);
  const std::uint32_t bytes = payload.length();
  constexpr std::uint8_t fragment = 0;
  if (bytes > 0 && env.blocks.compacted(payload)) ring_.place(end_, std::move(payload), fragment);
  else ring_.place(end_, bytes > 0 ? env.blocks.compact(std::move(payload)) : Segment(), fragment);
  accept(1, bytes, env);
  return SendResult::accepted;
}

inline void Sender::accept(std::uint32_t segments, std::uint64_t bytes, Environment& env) {
  end_ = end_ + segments;
  wanted_ = 0;
  ++env.counters.messages_sent;
  env.counters.bytes_sent += bytes;
}

inline std::uint32_t Sender::sendable(const Congestion& congestion, const Options& options) const {
  if (next_ == end_) return 0;
  const std::uint32_t allowed = window(congestion, options);
  return in_flight() < allowed ? std::min(allowed - in_flight(), unsent()) : 0;
}

inline bool Sender::write_new(std::uint32_t count, OutDatagram& out, Heading heading, const Moment& moment,
                              const Rtt& rtt, Congestion& congestion, Environment& env) {
  const std::uint32_t rto_us = rtt.rto_us();
  const Instant resend_at = moment.now + SendSlot::first_wait(rto_us, env.options);
  const Seq32 end = next_ + count;
  Seq32 sn = next_;
  for (; sn != end && out.room() >= header_bytes; ++sn) {
    SendSlot& slot = ring_[sn];
    if (slot.payload.length() > out.room() - header_bytes) break;
    slot.ikcp.rto_us = rto_us;
    slot.ikcp.resend_at = resend_at;
    slot.record_first(moment);
    write_segment(out, heading, slot, sn, moment);
    congestion.on_sent(1, slot.payload.length(), moment.now);
  }
  if (sn == next_) return count == 0;
  env.counters.segments_sent += static_cast<std::uint32_t>(sn.distance_from(next_));
  if (resend_at < way_.earliest) way_.earliest = resend_at;
  next_ = sn;
  return sn == end;
}

inline void Sender::write_segment(OutDatagram& out, Heading heading, const SendSlot& slot, Seq32 sn,
                                  const Moment& moment) {
  out.append_with_header(header_bytes, slot.payload, [&](std::uint8_t* to) {
    encode(heading, Command::push, slot.fragment, moment.stamp, sn, slot.payload.length(), to);
  });
}

inline void Sender::note_window(Seq32 una, std::uint16_t window, Environment& env) {
  // Toward ikcp and kcp-go alike, una and wnd order two datagrams by themselves: una never falls, and while it stands
  // still the peer's queue can only drain, so of two equal una the larger wnd is the later one. ts does not serve: in an
  // ACK it is our echo, in WASK and WINS whatever the peer's last ACK left there. A WINS that reopens a window has the
  // same una and a larger wnd, and is taken.
  if (knows_window(una, window)) return;
  if (!peer_window_known_ || una.after(peer_una_)) {
    peer_window_max_ = peer_window_known_ ? std::max(peer_window_max_, window) : window;
    peer_window_known_ = true;
    peer_window_ = window;
    if (una.after(peer_una_)) peer_una_ = una;
  } else if (una == peer_una_) {
    peer_window_ = window;  // the larger one, or it would be known
    peer_window_max_ = std::max(peer_window_max_, window);
  } else {
    ++env.counters.windows_stale;
  }
}

inline void Sender::acknowledge(SendSlot& slot, AckRound& round) {
  const std::uint32_t bytes = slot.payload.length();
  slot.payload.reset();
  slot.acked_run = 1;
  round.acked.bytes += bytes;
  ++round.acked.segments;
}

inline bool Sender::take_oldest(Stamp32 echo, std::uint16_t window, Instant now, Rtt& rtt, Congestion& congestion,
                                Environment& env) {
  if (una_ == next_ || by_time_) return false;
  SendSlot& slot = ring_[una_];
  const Seq32 behind = una_ + 1;
  if (slot.acked() || slot.transmissions != 1 || slot.ikcp.stamps[0] != echo) return false;
  if (behind != next_ && ring_[behind].acked()) return false;
  const std::uint32_t age_us = slot.first_age_us(now, env.options);
  rtt.sample(age_us, env.options);
  env.counters.rtt_us.record(age_us);
  ++env.counters.acks_received;
  note_window(behind, window, env);
  congestion.on_acked({.segments = 1,
                       .bytes = slot.payload.length(),
                       .left_edge_moved = true,
                       .proven = true,
                       .peer_window = peer_window_},
                      now);
  slot.payload.reset();
  una_ = behind;
  if (cursor_.before(behind)) cursor_ = behind;
  if (behind == next_) way_.earliest = Instant::never();
  if (behind == end_) ring_.release(env.memory);
  return true;
}

inline void Sender::on_ack(AckRound& round, Seq32 sn, Stamp32 stamp, const Moment& moment, Rtt& rtt, Environment& env) {
  if (!sn.before(next_)) {
    ++env.counters.acks_forged;
    return;
  }
  if (sn.before(una_) || ring_[sn].acked()) {
    ++env.counters.acks_stale;
    return;
  }
  if (by_time_) return take_ack(round, sn, stamp, moment, rtt, env);
  SendSlot& slot = ring_[sn];
  const auto age_us = slot.since(stamp, moment);
  if (!age_us) {
    ++env.counters.acks_forged;
    return;
  }
  rtt.sample(*age_us, env.options);
  env.counters.rtt_us.record(*age_us);
  ++env.counters.acks_received;
  const bool later_transmission = !env.options.fastack_conserve || stamp.after(round.newest_stamp);
  if (!round.acked.proven || (sn.after(round.newest) && later_transmission)) {
    round.newest = sn;
    round.newest_stamp = stamp;
  }
  round.acked.proven = true;
  acknowledge(slot, round);
}

}  // namespace penstock::kcp
