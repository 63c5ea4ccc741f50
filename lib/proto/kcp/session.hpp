// Session: the KCP machine of one conversation. Routes between sender, receiver, ACK list, probe, RTT and congestion.
//
// Satisfies ReliableSession (proto/protocol.hpp), and takes the Environment that the sessions of a worker and listener
// share. Both sides of KCP are equal: an opening client differs only in that it trusts the address it chose itself
// (Opening::by_us), while a peer that came to us has to prove that it receives at its address: by an ACK whose (sn, ts)
// names a transmission, or the proof ping. Until then no timer of ours resends, nothing is acknowledged, and the caller
// bounds `out` by what the peer sent; each datagram with data is answered by data that fits, or else by one ping. An idle session holds no memory but itself and arms no deadline.
//
// Order of calls in a turn: on_datagram() …, on_timeout() when now ≥ next_deadline(), poll_event(), poll_receive(),
// send(), then poll_transmit() with a fresh OutDatagram until it answers false, then keep() if holds_undelivered().
// One core; not movable.
#pragma once

#include <cstdint>
#include <optional>

#include "proto/kcp/ack_list.hpp"
#include "proto/kcp/environment.hpp"
#include "proto/kcp/plain_datagram.hpp"
#include "proto/kcp/probe.hpp"
#include "proto/kcp/receiver.hpp"
#include "proto/kcp/refusal.hpp"
#include "proto/kcp/rtt.hpp"
#include "proto/kcp/sender.hpp"
#include "proto/path_mtu.hpp"
#include "proto/protocol.hpp"

namespace penstock::kcp {

enum class Opening : std::uint8_t { by_peer, by_us };

// Where a session begins. Peers in the field know nothing but sn 0; the rest is for tests.
struct Start {
  Opening opening = Opening::by_peer;
  Seq32 send_first;                            // the first sn we use
  Seq32 receive_first;                         // the first sn we expect
  std::optional<Stamp32> stamp_origin = {};    // added to the ms clock on the wire; drawn from the Rng when absent
  std::uint16_t path_base = PathMtu::base_v4;  // bytes of a datagram that any path of this kind carries
};

// A look at one session, for statistics. Cumulative counts of all sessions are in Counters.
struct Stats {
  std::uint32_t srtt_us = 0;  // 0 before the first sample
  std::uint32_t rttvar_us = 0;
  std::uint32_t rto_us = 0;
  std::uint32_t cwnd = 0;                                // segments; Congestion::unbounded without a congestion window
  std::uint32_t ssthresh = 0;                            // segments
  std::uint64_t pacing_rate = 0;                         // bytes a second; 0: the controller names none
  congestion::Kind congestion = congestion::Kind::none;  // its controller
  bool by_time = false;                                  // recovery
  std::uint32_t snd_wnd = 0;                             // segments
  std::uint32_t peer_window = 0;                         // segments the peer can take
  std::uint32_t in_flight = 0;                           // segments sent and not acknowledged by una
  std::uint32_t unsent = 0;                              // segments
  std::uint32_t queued_bytes = 0;                        // payload not acknowledged, sent or not
  std::uint32_t undelivered = 0;                         // segments in order that the service has not taken
  std::uint32_t receive_window = 0;                      // segments, as advertised
  std::uint32_t retransmissions = 0;                     // of this session, for either cause
  std::uint32_t path_mtu = 0;                            // bytes of a datagram that the path is known to carry
  std::uint32_t segments_sent = 0;      // for the first time; both modulo 2^32, as the sequence numbers they are
  std::uint32_t segments_received = 0;  // in order
};

// The part of Stats that many sessions may be asked for in a row: it looks at nothing but the session itself.
struct Traffic {
  std::uint32_t segments_sent = 0;
  std::uint32_t segments_received = 0;
  std::uint32_t retransmissions = 0;
  std::uint32_t srtt_us = 0;
};

class Session {
 public:
  Session(Environment& env, std::uint32_t conv, Instant now, const Start& start = {});
  ~Session() { release(); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // What a session that has neither heard nor sent anything would refuse of `datagram` as a whole.
  static Refusal judge_first(Environment& env, std::uint32_t conv, std::span<const std::uint8_t> datagram, Instant now);

  // Takes one UDP payload, the envelope already removed. Refusal tells what was refused of it. What `datagram` holds
  // afterwards is not needed any more.
  Refusal on_datagram(Segment&& datagram, Instant now);
  // The same while blocks are short: data that may not be stored is refused as no_memory and not acknowledged, so the peer
  // sends it again; everything else of the datagram counts, above all the ACKs that free blocks.
  enum class Storage : std::uint8_t { all, next_in_order, nothing };
  Refusal on_datagram_in_need(Segment&& datagram, Storage storage, Instant now);
  // Call when now ≥ next_deadline(). Resends themselves go out by poll_transmit().
  void on_timeout(Instant now);
  SendResult send(SegmentQueue& message, Instant now);
  // The same for a message that fits_one(); untouched unless it is accepted.
  SendResult send(Segment& message, Instant now);
  // In message mode, a message of so many bytes takes one segment.
  bool fits_one(std::uint32_t bytes) const { return !env_->options.stream && bytes <= mss(); }
  // `service` and `drained` deliver what is queued first, for linger_ms at most; any other reason ends at once.
  void close(CloseReason reason, Instant now);

  std::optional<Received> poll_receive() {
    // A message alone has never shut the window.
    if (receiver_.holds_lone()) return receiver_.take_message(*env_);
    if (sender_.by_time() || !receiver_.whole_next(env_->options)) return poll_part();
    // The peer asks after a shut window seldom, so that it is told of the open one unasked.
    if (receiver_.window(env_->options) == 0) probe_.owe_wins();
    return receiver_.take_whole(*env_);
  }
  // The next message when it came alone, whole and in one segment; holds nothing when there is none such.
  Segment poll_lone() { return receiver_.holds_lone() ? receiver_.take_message(*env_).bytes : Segment(); }
  std::optional<Receivable> receivable() const { return receiver_.receivable(env_->options); }
  std::optional<SessionEvent> poll_event() { return has_event() ? take_event() : std::nullopt; }
  // Fills at most min(mtu, out.room()) bytes; false when nothing was written. What is longer than the path is known to carry, since
  // it was cut before that was known, says so: out.may_fragment().
  bool poll_transmit(OutDatagram& out, Instant now);
  Instant next_deadline() const;

  // Ask for what an ACK will look at, the oldest segment in flight and then its block; each of use once the step before is
  // in the cache.
  void prefetch_sent() const { sender_.prefetch_oldest(); }
  void prefetch_sent_block() const { sender_.prefetch_oldest_block(); }
  // The same for the next segment that poll_transmit() will send for the first time: its slot, block and bytes.
  void prefetch_unsent() const { sender_.prefetch_next(); }
  void prefetch_unsent_block() const { sender_.prefetch_next_block(); }
  void prefetch_unsent_bytes() const { sender_.prefetch_next_bytes(); }

  // A hint that spares a block: false when poll_transmit() would write nothing whatever the room.
  bool wants_transmit(Instant now) const;
  // Call at the end of a turn for a session that holds_undelivered(): lets go of RX buffers where a smaller block does;
  // `foreign_scarce` when RX buffers run low.
  void keep(bool foreign_scarce) { receiver_.keep(foreign_scarce, *env_); }
  bool holds_undelivered() const { return receiver_.holds(); }

  // The peer has been silent: one question that every KCP answers becomes owed, the `first` by a ping that measures the round
  // trip, later ones by a WASK, since kcp-go passes over the ACK of a ping where others stand behind it. Nothing happens
  // before the proof.
  void ask_for_life(bool first);

  // Whether a datagram from elsewhere may be this peer's: it is wholly valid, its una lies in what is in flight, and its data
  // in reach of the receive window. Whoever merely knows the conv has to guess where both sequences stand.
  bool may_be_from_peer(std::span<const std::uint8_t> datagram) const;
  // The header of an empty PUSH that asks for an ACK of `sn` and `stamp`. Its una acknowledges nothing, to nobody.
  Header question(Seq32 sn, Stamp32 stamp) const;
  // Whether the peer's segment of this number is held or was handed to the service: what may be acknowledged.
  bool has_stored(Seq32 sn) const { return sn.before(receiver_.una()) || receiver_.held(sn); }
  // Every number before it was acknowledged by the peer.
  Seq32 send_una() const { return sender_.una(); }
  // The peer is reached by another path now: what was learnt of the old one is forgotten, and what was lost on it is sent
  // again by the timeout of a new session.
  void on_path_changed(std::uint16_t path_base, Instant now);
  // Somebody says that our datagrams are too long for the path. A hint, since anybody can say so: at the most a probe follows.
  void on_too_big() {
    if (searches()) path_mtu_.on_hint();
  }
  // The flow goes on under another controller. False when recovery is ikcp's, which has only its own and none.
  bool switch_congestion(congestion::Kind kind, Instant now);

  // The peer proved that it receives at its address, or we chose the address ourselves.
  bool proven() const { return proven_; }
  bool closed() const { return phase_ == Phase::closed; }
  // poll_event() has something to tell; poll_transmit() brings about events, too.
  bool has_event() const { return proven_event_ || writable_event_ || closed_event_; }
  // Closing or closed: send() takes nothing more.
  bool closing() const { return phase_ != Phase::open; }
  // Nothing queued, in flight, held or owed.
  bool idle() const;
  std::uint32_t conv() const { return conv_; }
  Stats stats() const;
  Traffic traffic() const {
    return {.segments_sent = sender_.next().raw(),
            .segments_received = receiver_.una().raw(),
            .retransmissions = sender_.retransmissions(),
            .srtt_us = rtt_.srtt_us()};
  }
  const Environment& environment() const { return *env_; }

  // Gives all memory back; the session is closed afterwards, without an event.
  void release();

 private:
  Sender::Allowance allowance() const;
  // ikcp tells of a window that was shut once anything is free, be it one segment. With recovery by time we tell when half of it
  // is free, whether it was shut or small: once for a window's worth, and never of crumbs (RFC 1122, 4.2.3.3).
  bool is_worth_telling(std::uint32_t before, std::uint32_t after) const {
    if (!env_->options.by_time()) return before == 0;
    const std::uint32_t half = env_->options.receive_window() / 2;
    return before < half && after >= half;
  }
  enum class Phase : std::uint8_t { open, closing, closed };

  template <Plain kind>
  [[gnu::noinline]] Refusal take_plain(Segment& datagram, Instant now);
  Refusal take_run(Segment& datagram, Instant now);
  Refusal take_other(Segment& datagram, Instant now, Storage storage = Storage::all);
  Refusal validate(std::span<const std::uint8_t> bytes) const;
  bool fragment_fits(const Header& header, std::uint8_t behind, Seq32 sn) const;
  Refusal apply(Segment& datagram, const Moment& moment, Storage storage);
  [[gnu::cold]] bool may_store(Seq32 sn, Storage storage) const;
  Refusal take_pushes(Segment& datagram, SegmentReader& reader, Instant now);
  Refusal store_next(Segment&& payload, Seq32 sn, Stamp32 stamp, Instant now);
  Refusal take_other_push(const Header& header, Segment& datagram, const SegmentReader& reader, Instant now);
  Refusal take_fresh_push(const Header& header, Segment& datagram, const SegmentReader& reader, Instant now);
  Refusal refuse_for_memory(Seq32 sn);
  void owe_data_ack(AckEntry entry, Seq32 una_before, Instant now);
  [[gnu::noinline]] void owe_least_acks(AckEntry entry, Seq32 una_before, Instant now);
  void owe_ack(bool added, Instant now);
  static Segment payload_of(const Header& header, Segment& datagram, const SegmentReader& reader);
  void on_ack(AckRound& round, const Header& header, const Moment& moment);
  [[gnu::cold]] bool take_life_answer(const Header& header, Instant now);
  void put_off_acks(Instant now);
  bool acks_due() const;
  bool acks_waited_enough() const;
  void end_retry();
  std::optional<SessionEvent> take_event();
  // poll_receive() for fragments and for streams.
  std::optional<Received> poll_part();
  SendResult after_send(SendResult result, Instant now);
  Heading heading() const;
  void write_answer(OutDatagram& out, Heading heading);
  void write_acks(OutDatagram& out, Heading heading);
  void write_window_commands(OutDatagram& out, Heading heading);
  void write_life_ping(OutDatagram& out, Heading heading, Instant now);
  [[gnu::noinline]] bool transmit_other(OutDatagram& out, Instant now);
  void write_new(OutDatagram& out, Heading common, Instant now);
  void write_in_order(OutDatagram& out, Instant now);
  bool searches() const { return env_->options.searches(); }
  // Bytes of a datagram, and of a segment's payload, that the path is known to carry.
  std::uint32_t datagram_max() const { return searches() ? path_mtu_.size() : env_->options.mtu; }
  std::uint32_t mss() const { return datagram_max() - header_bytes; }
  void forget_path(std::uint16_t path_base);
  bool write_path_probe(OutDatagram& out, Instant now);
  void on_wins(Instant now);
  void write_unproven(OutDatagram& out, Instant now);
  void update_after_change(Instant now);
  void finish_if_drained() {
    // What is owed to a peer that has proven nothing is never sent, so it is not waited for either.
    if (phase_ == Phase::closing && sender_.drained() && (acks_.empty() || !proven_)) finish(reason_);
  }
  void finish(CloseReason reason);
  void prove();
  Moment moment_at(Instant now) const { return Moment::at(now, stamp_origin_); }
  // As far from the stamps of our transmissions as can be: 24 days of the clock.
  Stamp32 ping_stamp() const { return stamp_origin_ + 0x8000'0000; }

  // The members stand in an order that leaves no padding between them: an idle session is these bytes and nothing else.
  Environment* env_;
  // Closing: when lingering ends. Open: when ACKs that wait for data leave alone, or a send refused for memory may be
  // retried, whichever comes first.
  Instant deadline_ = Instant::never();
  [[no_unique_address]] Sender sender_;
  CloseReason reason_ = CloseReason::service;
  Phase phase_ : 2 = Phase::open;
  bool proven_ : 1;
  bool proven_event_ : 1 = false;
  bool writable_event_ : 1 = false;
  bool closed_event_ : 1 = false;
  bool retry_owed_ : 1 = false;    // a send was refused for memory: `writable` follows at deadline_
  bool acks_overdue_ : 1 = false;  // owed ACKs have waited long enough
  std::uint32_t conv_;
  Stamp32 stamp_origin_;  // secret: makes the echo of a stamp proof of receipt
  [[no_unique_address]] Receiver receiver_;
  [[no_unique_address]] AckList acks_;
  [[no_unique_address]] Probe probe_;
  Rtt rtt_;
  union {
    Congestion congestion_;  // by ikcp's law
    PathMtu path_mtu_;       // by time, where the flight has its own controller; of use when searches()
  };
};
static_assert(sizeof(Session) <= 192);

inline Heading Session::heading() const {
  // A closing session takes no data, and says so before the peer sends it in vain.
  const std::uint32_t window = phase_ == Phase::open ? receiver_.window(env_->options) : 0;
  return {conv_, static_cast<std::uint16_t>(window), receiver_.una()};
}

inline bool Session::acks_due() const {
  if (acks_.empty()) return false;
  return env_->options.ack_delay_ms == 0 || acks_waited_enough();
}

inline bool Session::wants_transmit(Instant now) const {
  if (phase_ == Phase::closed) return false;
  if (sender_.wants_write(now, congestion_, env_->options)) return true;
  if (!proven_) return probe_.ping_allowed() || probe_.answer_owed();
  return acks_due() || probe_.owes();
}

inline Instant Session::next_deadline() const {
  if (phase_ == Phase::closed) return Instant::never();
  // Toward a peer that has proven nothing no timer resends: what it sends us is what may be answered.
  const Instant resend = proven_ ? sender_.next_resend() : Instant::never();
  return earlier(earlier(resend, deadline_), probe_.next_deadline());
}

inline void Session::update_after_change(Instant now) {
  if (sender_.blocked_by_peer() || probe_.asking()) probe_.on_blocked(sender_.blocked_by_peer(), now, env_->options);
  if (sender_.take_room_again(env_->options)) writable_event_ = true;
}

}  // namespace penstock::kcp
