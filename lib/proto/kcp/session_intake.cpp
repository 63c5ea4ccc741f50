// The way in: a datagram is judged as a whole, then applied; nothing of it is when it is not of KCP.
#include "proto/kcp/session.hpp"

#include <utility>

namespace penstock::kcp {

Refusal Session::on_datagram(Segment&& datagram, Instant now) {
  if (phase_ == Phase::open && proven_ && datagram.holds()) {
    switch (plain_kind(datagram.bytes(), conv_)) {
      case Plain::push: return take_plain<Plain::push>(datagram, now);
      case Plain::ack: return take_plain<Plain::ack>(datagram, now);
      case Plain::ack_and_push: return take_plain<Plain::ack_and_push>(datagram, now);
      case Plain::none: break;
    }
  }
  return take_other(datagram, now);
}

Refusal Session::on_datagram_in_need(Segment&& datagram, Storage storage, Instant now) {
  return take_other(datagram, now, storage);
}

Refusal Session::judge_first(Environment& env, std::uint32_t conv, std::span<const std::uint8_t> datagram,
                             Instant now) {
  Start start;
  start.stamp_origin = Stamp32();  // nothing is sent, so no secret need be drawn
  return Session(env, conv, now, start).validate(datagram);
}

// The datagram that nearly all traffic consists of, judged and applied in one pass, unless it tells more than usual. A
// function for each kind, as one for all would lack registers.
template <Plain kind>
Refusal Session::take_plain(Segment& datagram, Instant now) {
  PlainDatagram plain;
  if (!read_plain<kind>(datagram.bytes(), conv_, plain)) {
    return kind == Plain::push ? take_run(datagram, now) : take_other(datagram, now);
  }
  if constexpr (kind != Plain::ack) {
    if (!receiver_.is_plain_next(plain.sn, 0, env_->options)) return take_other(datagram, now);
  }
  if constexpr (kind == Plain::push) {
    if (!sender_.knows(plain.una, plain.window)) return take_other(datagram, now);
  } else {
    const bool oldest = plain.acked == sender_.una() && plain.una == plain.acked + 1;
    if (!oldest || !sender_.take_oldest(plain.echo, plain.window, now, rtt_, congestion_, *env_)) {
      return take_other(datagram, now);
    }
    update_after_change(now);
  }
  if constexpr (kind == Plain::ack) return Refusal::none;
  datagram.trim_front(payload_offset(kind));
  return store_next(std::move(datagram), plain.sn, plain.stamp, now);
}

// Whole messages in order that share a datagram and tell nothing else: all but the first header is only compared with it.
Refusal Session::take_run(Segment& datagram, Instant now) {
  SegmentReader reader(datagram.bytes());
  if (!reader.next()) return take_other(datagram, now);
  const Header first = reader.header();
  const bool plain = receiver_.is_plain_next(first.sn, first.fragment, env_->options);
  if (!plain || !sender_.knows(first.una, first.window)) return take_other(datagram, now);
  const auto behind = reader.all_alike();
  if (!behind || *behind == 0 || *behind >= receiver_.window(env_->options)) return take_other(datagram, now);
  if (!receiver_.make_room(*behind + 1, *env_)) return take_other(datagram, now);
  const bool only_latest = sender_.by_time();
  std::uint32_t left = *behind;
  AckEntry entry;
  do {
    const Header header = reader.header();
    receiver_.place_next(payload_of(header, datagram, reader));
    entry = {header.sn, header.stamp};
    if (!only_latest) owe_ack(acks_.add_fresh(env_->memory, entry), now);
  } while (left-- > 0 && reader.next());
  if (only_latest) owe_least_acks(entry, entry.sn, now);
  env_->counters.segments_received += *behind + 1;
  return Refusal::none;
}

Refusal Session::take_other(Segment& datagram, Instant now, Storage storage) {
  if (phase_ == Phase::closed) return Refusal::closed;
  const Refusal fault = validate(datagram.bytes());
  if (fault != Refusal::none) return fault;
  const Refusal refused = apply(datagram, moment_at(now), storage);
  update_after_change(now);
  finish_if_drained();
  // Who sends what follows and never what is missing was told that it had arrived, by a session before this one.
  if (receiver_.gap_stays()) finish(CloseReason::stalled);
  return refused;
}

// Looks at every segment before any is applied, so that a bad one leaves nothing behind (ikcp applies those before it).
// Each of its two callers has it inline: one is the path of all datagrams.
[[gnu::always_inline]] inline Refusal Session::validate(std::span<const std::uint8_t> bytes) const {
  if (bytes.size() < header_bytes) return Refusal::too_short;
  std::uint8_t behind = 0;  // frg of the fresh PUSH before, when `sn` is the one behind it
  Seq32 sn;
  std::uint32_t plain = 0;  // whole messages in order so far, and how many there may be
  const std::uint32_t plain_max = receiver_.plain(env_->options) ? receiver_.window(env_->options) : 0;
  const std::uint8_t* at = bytes.data();
  for (std::size_t left = bytes.size(); left >= header_bytes;) {
    const Header header = decode(at);
    if (header.conv != conv_) return Refusal::wrong_conv;
    if (header.length > left - header_bytes) return Refusal::bad_length;
    if (!known(header.command)) return Refusal::bad_command;
    if (!sender_.plausible(header.una)) return Refusal::una_ahead;
    at += header_bytes + header.length;
    left -= header_bytes + header.length;
    if (header.command != Command::push) continue;
    if (plain < plain_max && header.sn == receiver_.una() + plain && header.fragment == 0 && behind == 0) {
      ++plain;
      continue;
    }
    if (receiver_.place_of(header.sn, env_->options) != Receiver::Place::fresh) continue;
    if (!fragment_fits(header, behind, sn)) return Refusal::bad_fragment;
    behind = header.fragment;
    sn = header.sn + 1;
  }
  return Refusal::none;
}

bool Session::may_be_from_peer(std::span<const std::uint8_t> datagram) const {
  if (phase_ == Phase::closed || validate(datagram) != Refusal::none) return false;
  const auto reach = static_cast<std::int32_t>(env_->options.receive_window());
  SegmentReader reader(datagram);
  while (reader.next()) {
    const Header header = reader.header();
    if (header.una.before(sender_.una())) return false;
    const std::int32_t ahead = header.sn.distance_from(receiver_.una());
    if (header.command == Command::push && (ahead > reach || ahead < -reach)) return false;
  }
  return true;
}

// `behind` is the frg of the fresh PUSH before it in the datagram, and `sn` the number that follows that one.
bool Session::fragment_fits(const Header& header, std::uint8_t behind, Seq32 sn) const {
  if (!receiver_.fragment_fits(header.sn, header.fragment, env_->options)) return false;
  const bool follows_one = behind != 0 && header.sn == sn && !env_->options.stream;
  return !follows_one || Receiver::follows(behind, header.fragment);
}

inline Refusal Session::apply(Segment& datagram, const Moment& moment, Storage storage) {
  AckRound round = sender_.begin_round();
  Refusal refused = Refusal::none;
  bool took_data = false;
  SegmentReader reader(datagram.bytes());
  while (reader.next()) {
    const Header header = reader.header();
    sender_.on_window(round, header.una, header.window, *env_);
    if (header.command == Command::push) {
      const Seq32 before = receiver_.una();
      const bool storable = storage == Storage::all || may_store(header.sn, storage);
      const Refusal push = storable ? take_pushes(datagram, reader, moment.now) : refuse_for_memory(header.sn);
      took_data |= push == Refusal::none || receiver_.una() != before;
      if (refused == Refusal::none) refused = push;
    } else if (header.command == Command::ack) {
      on_ack(round, header, moment);
    } else if (header.command == Command::wask) {
      probe_.on_wask();
      ++env_->counters.probes_received;
    } else if (searches()) {
      on_wins(moment.now);
    }
  }
  if (round.acked.segments != 0 || round.una.after(sender_.una()))
    sender_.end_round(round, moment, rtt_, congestion_, *env_);
  return took_data ? Refusal::none : refused;
}

// What would take no place is judged as ever.
bool Session::may_store(Seq32 sn, Storage storage) const {
  if (receiver_.place_of(sn, env_->options) != Receiver::Place::fresh) return true;
  return storage == Storage::next_in_order && sn == receiver_.una();
}

// Takes the current PUSH of `reader`, and with a whole message in order those behind it that differ only in number, as when
// a window of messages shares datagrams: they are in order as well and need no more than to be stored.
inline Refusal Session::take_pushes(Segment& datagram, SegmentReader& reader, Instant now) {
  const Header first = reader.header();
  if (phase_ != Phase::open || !receiver_.is_plain_next(first.sn, first.fragment, env_->options)) {
    return take_other_push(first, datagram, reader, now);
  }
  SegmentReader run = reader;  // a copy, which stays in registers
  std::uint32_t room = receiver_.window(env_->options);
  Refusal refused = Refusal::none;
  do {
    const Header header = run.header();
    refused = store_next(payload_of(header, datagram, run), header.sn, header.stamp, now);
    --room;
  } while (refused == Refusal::none && room > 0 && run.next_alike(receiver_.una()));
  reader = run;
  return refused;
}

// Keeps a whole message that is the next in order, and owes it an ACK.
inline Refusal Session::store_next(Segment&& payload, Seq32 sn, Stamp32 stamp, Instant now) {
  if (!receiver_.store_next(std::move(payload), *env_)) return refuse_for_memory(sn);
  ++env_->counters.segments_received;
  owe_data_ack({sn, stamp}, sn, now);
  return Refusal::none;
}

// For data that was stored; una was `una_before` until then. ikcp names each segment, and so do we by its law.
inline void Session::owe_data_ack(AckEntry entry, Seq32 una_before, Instant now) {
  if (sender_.by_time()) return owe_least_acks(entry, una_before, now);
  owe_ack(acks_.add_fresh(env_->memory, entry), now);
}

void Session::owe_least_acks(AckEntry entry, Seq32 una_before, Instant now) {
  const Seq32 una = receiver_.una();
  if (!proven_ || una == una_before) return owe_ack(acks_.add_fresh(env_->memory, entry), now);
  if (una != una_before + 1 && !acks_.empty()) acks_.forget(una_before, una, env_->memory);
  owe_ack(acks_.add_passed(env_->memory, entry), now);
}

// What follows from one more ACK owed; `added` when the list had room for it.
inline void Session::owe_ack(bool added, Instant now) {
  if (!added) ++env_->counters.acks_left_out;
  if (env_->options.ack_delay_ms != 0) put_off_acks(now);
  probe_.allow_ping();
}

Refusal Session::refuse_for_memory(Seq32 sn) {
  receiver_.excuse_gap(sn);
  ++env_->counters.no_memory;
  return Refusal::no_memory;
}

// Duplicates, fragments, what comes out of order or fills a gap, streams.
Refusal Session::take_other_push(const Header& header, Segment& datagram, const SegmentReader& reader, Instant now) {
  Counters& counters = env_->counters;
  const Receiver::Place place = receiver_.place_of(header.sn, env_->options);
  if (place == Receiver::Place::beyond) {
    ++counters.beyond_window;
    receiver_.watch_gap(now, env_->options);
    return Refusal::beyond_window;
  }
  if (place == Receiver::Place::fresh) return take_fresh_push(header, datagram, reader, now);
  ++counters.duplicates;
  // Nothing before the first segment that we owe an ACK was data: an empty PUSH there is the peer's ping.
  const bool is_ping = header.length == 0 && (acks_.empty() || header.sn.before(acks_.front().sn));
  if (!proven_ && is_ping) {
    probe_.on_ping(header.sn, header.stamp);
    return Refusal::none;
  }
  receiver_.watch_gap(now, env_->options);
  owe_ack(acks_.add(env_->memory, {header.sn, header.stamp}), now);
  return Refusal::none;
}

Refusal Session::take_fresh_push(const Header& header, Segment& datagram, const SegmentReader& reader, Instant now) {
  if (phase_ != Phase::open) return Refusal::closed;
  // Two fragments of one datagram may contradict each other only now that the first is held.
  const bool judged = reader.alone() || receiver_.fragment_fits(header.sn, header.fragment, env_->options);
  if (!judged) return Refusal::bad_fragment;
  const Seq32 una_before = receiver_.una();
  if (!receiver_.store(header.sn, header.fragment, payload_of(header, datagram, reader), *env_)) {
    return refuse_for_memory(header.sn);
  }
  ++env_->counters.segments_received;
  receiver_.watch_gap(now, env_->options);
  owe_data_ack({header.sn, header.stamp}, una_before, now);
  return Refusal::none;
}

// The datagram itself for the last segment, so that a lone segment is the only holder of its block; else a share of it.
inline Segment Session::payload_of(const Header& header, Segment& datagram, const SegmentReader& reader) {
  if (!reader.at_last()) return datagram.share(reader.payload_offset(), header.length);
  Segment payload = std::move(datagram);
  payload.trim_front(reader.payload_offset());
  payload.trim_back(payload.length() - header.length);
  return payload;
}

// True when an ACK answers our ping to a silent peer.
bool Session::take_life_answer(const Header& header, Instant now) {
  const auto rtt_us = probe_.life_answered_us(header.sn, header.stamp, sender_.una(), ping_stamp(), now);
  if (!rtt_us) return false;
  rtt_.sample(*rtt_us, env_->options);
  env_->counters.rtt_us.record(*rtt_us);
  return true;
}

inline void Session::on_ack(AckRound& round, const Header& header, const Moment& moment) {
  if (Probe::answers_ping(header.sn, header.stamp, sender_.una(), ping_stamp())) return prove();
  if (probe_.life_ping_out() && take_life_answer(header, moment.now)) return;
  sender_.on_ack(round, header.sn, header.stamp, moment, rtt_, *env_);
  if (round.acked.proven && !proven_) prove();
}

// The wait is that of the oldest ACK: what comes later leaves with it.
void Session::put_off_acks(Instant now) {
  if (phase_ != Phase::open || acks_.count() != 1 || acks_overdue_) return;
  deadline_ = earlier(deadline_, now + Duration::ms(env_->options.ack_delay_ms));
}

}  // namespace penstock::kcp
