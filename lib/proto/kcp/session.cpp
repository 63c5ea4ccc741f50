#include "proto/kcp/session.hpp"

#include <utility>

namespace penstock::kcp {

namespace {

// When a send that found no memory is tried again, should nothing else happen before.
constexpr Duration memory_retry = Duration::ms(10);

Congestion::Kind controller(const Options& options) {
  return options.no_congestion_window ? Congestion::Kind::none : Congestion::Kind::kcp;
}

}  // namespace

static_assert(ReliableSession<Session>);

Session::Session(Environment& env, std::uint32_t conv, Instant now, const Start& start)
    : env_(&env),
      sender_(start.send_first),
      proven_(start.opening == Opening::by_us),
      conv_(conv),
      receiver_(start.receive_first),
      rtt_(env.options),
      congestion_(controller(env.options), env.options.mss()) {
  PENSTOCK_ASSERT(now.count_us() >= 0);
  stamp_origin_ = start.stamp_origin ? *start.stamp_origin : Stamp32(env.rng.next32());
}

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
  std::uint32_t left = *behind;
  do {
    const Header header = reader.header();
    receiver_.place_next(payload_of(header, datagram, reader));
    owe_ack(acks_.add_fresh(env_->memory, {header.sn, header.stamp}), now);
  } while (left-- > 0 && reader.next());
  env_->counters.segments_received += *behind + 1;
  return Refusal::none;
}

Refusal Session::take_other(Segment& datagram, Instant now) {
  if (phase_ == Phase::closed) return Refusal::closed;
  const Refusal fault = validate(datagram.bytes());
  if (fault != Refusal::none) return fault;
  const Refusal refused = apply(datagram, moment_at(now));
  update_after_change(now);
  finish_if_drained();
  return refused;
}

void Session::on_timeout(Instant now) {
  if (phase_ == Phase::closed) return;
  if (now >= deadline_) {
    deadline_ = Instant::never();
    if (phase_ == Phase::closing) return finish(reason_ == CloseReason::drained ? CloseReason::stopped : reason_);
    acks_overdue_ = !acks_.empty();
    if (retry_owed_) writable_event_ = true;
    retry_owed_ = false;
  }
  if (!probe_.on_timeout(now, env_->options)) return finish(CloseReason::stalled);
  sender_.refresh(now);
}

SendResult Session::send(SegmentQueue& message, Instant now) {
  if (phase_ != Phase::open) return SendResult::closed;
  return after_send(sender_.send(message, *env_), now);
}

SendResult Session::send(Segment& message, Instant now) {
  if (phase_ != Phase::open) return SendResult::closed;
  return after_send(sender_.send_one(message, *env_), now);
}

inline SendResult Session::after_send(SendResult result, Instant now) {
  if (result == SendResult::accepted) {
    if (retry_owed_) end_retry();
    writable_event_ = false;
  } else if (result == SendResult::full && !sender_.wants_room()) {
    deadline_ = earlier(deadline_, now + memory_retry);
    retry_owed_ = true;
  }
  if (sender_.blocked_by_peer() || probe_.asking()) probe_.on_blocked(sender_.blocked_by_peer(), now, env_->options);
  return result;
}

void Session::close(CloseReason reason, Instant now) {
  if (phase_ == Phase::closed) return;
  const bool graceful = reason == CloseReason::service || reason == CloseReason::drained;
  if (!graceful) return finish(reason);
  if (phase_ == Phase::closing) return;
  phase_ = Phase::closing;
  reason_ = reason;
  deadline_ = now + Duration::ms(env_->options.linger_ms);
  writable_event_ = false;
  receiver_.release(*env_);
  finish_if_drained();
}

std::optional<Received> Session::poll_part() {
  const bool was_shut = receiver_.window(env_->options) == 0;
  auto received = receiver_.poll_receive(*env_);
  if (was_shut && received) probe_.owe_wins();
  return received;
}

std::optional<SessionEvent> Session::take_event() {
  if (proven_event_) {
    proven_event_ = false;
    return SessionEvent{.kind = SessionEvent::Kind::proven};
  }
  if (writable_event_) {
    writable_event_ = false;
    return SessionEvent{.kind = SessionEvent::Kind::writable};
  }
  if (closed_event_) {
    closed_event_ = false;
    return SessionEvent{.kind = SessionEvent::Kind::closed, .reason = reason_};
  }
  return std::nullopt;
}

bool Session::poll_transmit(OutDatagram& out, Instant now) {
  const bool ordinary = phase_ == Phase::open && proven_ && !probe_.owes() && sender_.quiet(now);
  if (!ordinary || env_->options.ack_delay_ms != 0) return transmit_other(out, now);
  out.limit_room(env_->options.mtu);
  const std::uint32_t before = out.room();
  const Heading common = heading();
  if (!acks_.empty()) write_acks(out, common);
  write_new(out, common, now);
  return out.room() != before;  // whatever is written begins with a header
}

// What most datagrams consist of besides ACKs: first transmissions.
inline void Session::write_new(OutDatagram& out, Heading common, Instant now) {
  const std::uint32_t count = sender_.sendable(congestion_, env_->options);
  if (count == 0) return;
  sender_.write_new(count, out, common, moment_at(now), rtt_, congestion_, *env_);
  if (sender_.take_room_again(env_->options)) writable_event_ = true;
}

// The same with all questions asked.
bool Session::transmit_other(OutDatagram& out, Instant now) {
  if (phase_ == Phase::closed) return false;
  out.limit_room(env_->options.mtu);
  const std::uint32_t before = out.room();
  if (proven_) write_in_order(out, now);
  else write_unproven(out, now);
  update_after_change(now);
  if (sender_.dead()) finish(CloseReason::dead_link);
  else finish_if_drained();
  return out.room() != before;
}

bool Session::idle() const {
  return sender_.drained() && acks_.empty() && !receiver_.holds() && !probe_.wask_owed() && !probe_.wins_owed();
}

Stats Session::stats() const {
  return {.srtt_us = rtt_.srtt_us(),
          .rttvar_us = rtt_.rttvar_us(),
          .rto_us = rtt_.rto_us(),
          .cwnd = congestion_.window(),
          .ssthresh = congestion_.ssthresh(),
          .snd_wnd = env_->options.snd_wnd,
          .peer_window = sender_.peer_window(),
          .in_flight = sender_.in_flight(),
          .unsent = sender_.unsent(),
          .queued_bytes = sender_.queued_bytes(),
          .undelivered = receiver_.undelivered(),
          .receive_window = receiver_.window(env_->options),
          .retransmissions = sender_.retransmissions()};
}

void Session::release() {
  phase_ = Phase::closed;
  deadline_ = Instant::never();
  sender_.release(*env_);
  receiver_.release(*env_);
  acks_.clear(env_->memory);
}

// Looks at every segment before any is applied, so that a bad one leaves nothing behind (ikcp applies those before it).
inline Refusal Session::validate(std::span<const std::uint8_t> bytes) const {
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

// `behind` is the frg of the fresh PUSH before it in the datagram, and `sn` the number that follows that one.
bool Session::fragment_fits(const Header& header, std::uint8_t behind, Seq32 sn) const {
  if (!receiver_.fragment_fits(header.sn, header.fragment, env_->options)) return false;
  const bool follows_one = behind != 0 && header.sn == sn && !env_->options.stream;
  return !follows_one || Receiver::follows(behind, header.fragment);
}

inline Refusal Session::apply(Segment& datagram, const Moment& moment) {
  AckRound round = sender_.begin_round();
  Refusal refused = Refusal::none;
  bool took_data = false;
  SegmentReader reader(datagram.bytes());
  while (reader.next()) {
    const Header header = reader.header();
    sender_.on_window(round, header.una, header.window, *env_);
    if (header.command == Command::push) {
      const Seq32 before = receiver_.una();
      const Refusal push = take_pushes(datagram, reader, moment.now);
      took_data |= push == Refusal::none || receiver_.una() != before;
      if (refused == Refusal::none) refused = push;
    } else if (header.command == Command::ack) {
      on_ack(round, header, moment);
    } else if (header.command == Command::wask) {
      probe_.on_wask();
      ++env_->counters.probes_received;
    }
  }
  if (round.acked.segments != 0 || round.una.after(sender_.una())) sender_.end_round(round, moment, congestion_, *env_);
  return took_data ? Refusal::none : refused;
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
  if (!receiver_.store_next(std::move(payload), *env_)) return refuse_for_memory();
  ++env_->counters.segments_received;
  owe_ack(acks_.add_fresh(env_->memory, {sn, stamp}), now);
  return Refusal::none;
}

// What follows from one more ACK owed; `added` when the list had room for it.
inline void Session::owe_ack(bool added, Instant now) {
  if (!added) ++env_->counters.acks_left_out;
  if (env_->options.ack_delay_ms != 0) put_off_acks(now);
  probe_.allow_ping();
}

Refusal Session::refuse_for_memory() {
  ++env_->counters.no_memory;
  return Refusal::no_memory;
}

// Duplicates, fragments, what comes out of order or fills a gap, streams.
Refusal Session::take_other_push(const Header& header, Segment& datagram, const SegmentReader& reader, Instant now) {
  Counters& counters = env_->counters;
  const Receiver::Place place = receiver_.place_of(header.sn, env_->options);
  if (place == Receiver::Place::beyond) {
    ++counters.beyond_window;
    return Refusal::beyond_window;
  }
  if (place == Receiver::Place::fresh) {
    if (phase_ != Phase::open) return Refusal::closed;
    // Two fragments of one datagram may contradict each other only now that the first is held.
    const bool judged = reader.alone() || receiver_.fragment_fits(header.sn, header.fragment, env_->options);
    if (!judged) return Refusal::bad_fragment;
    if (!receiver_.store(header.sn, header.fragment, payload_of(header, datagram, reader), *env_)) {
      return refuse_for_memory();
    }
    ++counters.segments_received;
  } else {
    ++counters.duplicates;
    // Nothing before the first segment that we owe an ACK was data: an empty PUSH there is the peer's ping.
    const bool is_ping = header.length == 0 && (acks_.empty() || header.sn.before(acks_.front().sn));
    if (!proven_ && is_ping) {
      probe_.on_ping(header.sn, header.stamp);
      return Refusal::none;
    }
  }
  owe_ack(acks_.add(env_->memory, {header.sn, header.stamp}), now);
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

inline void Session::on_ack(AckRound& round, const Header& header, const Moment& moment) {
  if (Probe::answers_ping(header.sn, header.stamp, sender_.una(), ping_stamp())) return prove();
  sender_.on_ack(round, header.sn, header.stamp, moment, rtt_, *env_);
  if (round.acked.proven && !proven_) prove();
}

inline Heading Session::heading() const {
  // A closing session takes no data, and says so before the peer sends it in vain.
  const std::uint32_t window = phase_ == Phase::open ? receiver_.window(env_->options) : 0;
  return {conv_, static_cast<std::uint16_t>(window), receiver_.una()};
}

// The wait is that of the oldest ACK: what comes later leaves with it.
void Session::put_off_acks(Instant now) {
  if (phase_ != Phase::open || acks_.count() != 1 || acks_overdue_) return;
  deadline_ = earlier(deadline_, now + Duration::ms(env_->options.ack_delay_ms));
}

// A closing session has no data left to wait for, and what fills a datagram has nothing to gain by waiting.
bool Session::acks_waited_enough() const {
  if (acks_overdue_ || phase_ != Phase::open) return true;
  return (acks_.count() + 1) * header_bytes > env_->options.mtu;
}

// A message was taken, so there is no send to try again; ACKs may still wait for data.
void Session::end_retry() {
  retry_owed_ = false;
  if (acks_due() || acks_.empty()) deadline_ = Instant::never();
}

void Session::write_in_order(OutDatagram& out, Instant now) {
  if (env_->options.ack_delay_ms != 0 && !wants_transmit(now)) return;
  const Heading common = heading();
  if (probe_.answer_owed()) write_answer(out, common);
  if (!acks_.empty()) write_acks(out, common);
  if (probe_.wask_owed() || probe_.wins_owed()) write_window_commands(out, common);
  if (!sender_.wants_write(now, congestion_, env_->options)) return;
  sender_.write(out, common, moment_at(now), rtt_, congestion_, *env_);
}

void Session::write_answer(OutDatagram& out, Heading heading) {
  if (!probe_.answer_owed() || out.room() < header_bytes) return;
  encode(probe_.make_answer(heading.header()), out.header(header_bytes));
  ++env_->counters.acks_sent;
}

inline void Session::write_acks(OutDatagram& out, Heading heading) {
  std::uint32_t count = acks_.count();
  if (count * header_bytes > out.room()) count = out.room() / header_bytes;
  for (const AckEntry& owed : acks_.owed().first(count)) {
    encode(heading, Command::ack, 0, owed.stamp, owed.sn, 0, out.header(header_bytes));
  }
  acks_.drop(count, env_->memory);
  env_->counters.acks_sent += count;
  if (env_->options.ack_delay_ms == 0 || !acks_.empty()) return;
  acks_overdue_ = false;
  if (phase_ == Phase::open && !retry_owed_) deadline_ = Instant::never();
}

void Session::write_window_commands(OutDatagram& out, Heading heading) {
  Header header = heading.header();
  if (probe_.wask_owed() && out.room() >= header_bytes) {
    header.command = Command::wask;
    encode(header, out.header(header_bytes));
    probe_.wask_written();
    ++env_->counters.probes_sent;
  }
  if (probe_.wins_owed() && out.room() >= header_bytes) {
    header.command = Command::wins;
    encode(header, out.header(header_bytes));
    probe_.wins_written();
    ++env_->counters.window_updates_sent;
  }
}

// `out.room()` is what the peer has paid for. Until it is proven nothing is acknowledged: una stays behind, so that the peer
// resends what it sent and thereby pays for, and triggers, another answer should this one or the reply to it be lost. Each
// answer carries a challenge: a data segment is one, since its ACK echoes a secret stamp; where none fits, the ping is.
void Session::write_unproven(OutDatagram& out, Instant now) {
  Heading common = heading();
  if (!acks_.empty() && acks_.front().sn.before(common.una)) common.una = acks_.front().sn;
  write_answer(out, common);
  const std::uint32_t before = out.room();
  sender_.write(out, common, moment_at(now), rtt_, congestion_, *env_);
  if (out.room() != before) {
    probe_.forbid_ping();
  } else if (probe_.ping_allowed() && out.room() >= header_bytes) {
    encode(probe_.make_ping(common.header(), sender_.una(), ping_stamp()), out.header(header_bytes));
    ++env_->counters.proof_pings_sent;
  }
}

inline void Session::update_after_change(Instant now) {
  if (sender_.blocked_by_peer() || probe_.asking()) probe_.on_blocked(sender_.blocked_by_peer(), now, env_->options);
  if (sender_.take_room_again(env_->options)) writable_event_ = true;
}

void Session::finish(CloseReason reason) {
  release();
  reason_ = reason;
  writable_event_ = false;
  closed_event_ = true;
}

void Session::prove() {
  if (proven_) return;
  proven_ = true;
  proven_event_ = true;
  probe_.forbid_ping();
}

}  // namespace penstock::kcp
