#include "proto/kcp/sender.hpp"

#include <utility>

#include "proto/kcp/fragmenter.hpp"

namespace penstock::kcp {

namespace {

// A small write joins the last unsent segment of a stream; a larger one is linked as it is rather than copied.
constexpr std::uint32_t append_bytes_max = 512;
// Backed-off timeouts end here, far above every give-up: the sum must fit 32 bits of µs.
constexpr std::uint64_t rto_us_ceiling = 3'600'000'000;

std::uint32_t backed_off(std::uint32_t rto_us, std::uint32_t session_rto_us, std::uint8_t nodelay) {
  std::uint64_t step = std::max(rto_us, session_rto_us);
  if (nodelay == 1) step = rto_us / 2;
  if (nodelay >= 2) step = session_rto_us / 2;
  return static_cast<std::uint32_t>(std::min(rto_us + step, rto_us_ceiling));
}

}  // namespace

SendResult Sender::send(SegmentQueue& message, std::uint32_t mss, Environment& env) {
  const Options& options = env.options;
  const std::uint64_t bytes = message.bytes();
  if (options.stream && (bytes == 0 || append_to_last(message, mss, env))) {
    message.clear();
    accept(0, bytes, env);
    return SendResult::accepted;
  }
  const std::uint32_t count_max = fragments_max(options);
  FragmentPlan plan = plan_fragments(message, mss, count_max);
  if (plan.count > count_max && mss < options.mss()) plan = plan_fragments(message, options.mss(), count_max);
  if (plan.count > count_max) return SendResult::too_large;
  if (unsent() + plan.count > options.send_queue_segments_max) return refuse_full(plan.count, env);
  if (!ring_.reserve(env.memory, in_flight() + unsent() + plan.count, una_, end_) || (by_time_ && !begin_flight(env)) ||
      !cut_fragments(message, plan, !options.stream, env.blocks, ring_, end_)) {
    return refuse_for_memory(env);
  }
  accept(plan.count, bytes, env);
  return SendResult::accepted;
}

SendResult Sender::refuse_full(std::uint32_t segments, Environment& env) {
  wanted_ = static_cast<std::uint16_t>(segments);
  ++env.counters.sends_full;
  return SendResult::full;
}

SendResult Sender::refuse_for_memory(Environment& env) {
  if (drained()) {
    end_flight(env);
    ring_.release(env.memory);
  }
  wanted_ = 0;
  ++env.counters.sends_no_memory;
  return SendResult::full;
}

void Sender::end_round(AckRound& round, const Moment& moment, const Rtt& rtt, Congestion& congestion,
                       Environment& env) {
  if (by_time_) return end_round_by_time(round, moment, rtt, env);
  const Seq32 una_before = una_;
  if (round.una.after(una_)) free_before(round.una, round);
  while (una_ != next_ && ring_[una_].acked()) ++una_;
  if (cursor_.before(una_)) cursor_ = una_;
  if (round.acked.proven && env.options.resend > 0) count_skips(round, env.options);
  if (una_ == next_) way_.earliest = Instant::never();
  if (drained()) ring_.release(env.memory);
  round.acked.left_edge_moved = una_ != una_before;
  round.acked.peer_window = peer_window_;
  congestion.on_acked(round.acked, moment.now);
}

void Sender::write(OutDatagram& out, Heading heading, const Moment& moment, const Rtt& rtt, Congestion& congestion,
                   Environment& env) {
  if (by_time_) return write_by_time(out, heading, moment, rtt, env);
  if (!scanning_ && in_flight() > 0 && (skips_due_ || moment.now >= way_.earliest)) {
    scanning_ = true;
    skips_due_ = false;
    cursor_ = una_;
    way_.earliest = Instant::never();
  }
  if (scanning_ && !resend_due(out, heading, moment, rtt, env)) return;
  const bool all_new = write_new(sendable(congestion, env.options), out, heading, moment, rtt, congestion, env);
  if (!scanning_) return;
  cursor_ = next_;
  if (all_new) end_scan(moment, congestion, env.options);
}

void Sender::refresh(Instant now, const Rtt& rtt, const Options& options) {
  if (by_time_) {
    if (!flying_ || now < way_.flight->wake_at()) return;
    way_.flight->on_timer(in_flight_window(), rtt, now, options);
    return way_.flight->rearm(in_flight_window(), rtt, options);
  }
  if (scanning_ || now < way_.earliest) return;
  Instant earliest = Instant::never();
  for (Seq32 sn = una_; sn != next_ && earliest > now;) {
    if (ring_[sn].acked()) {
      skip_run(sn);
      continue;
    }
    earliest = earlier(earliest, ring_[sn].ikcp.resend_at);
    ++sn;
  }
  way_.earliest = earliest;
}

// The first transmission's wait is left alone: from it the round trip is told.
void Sender::on_path_changed(Instant now, const Rtt& rtt, Environment& env) {
  const Options& options = env.options;
  const std::uint32_t rto_us = rtt.rto_us();
  if (by_time_) {
    if (!flying_ || !way_.flight->begun()) return;
    way_.flight->on_path_changed(in_flight_window(), controller_, controller_setup(now, env));
    return way_.flight->rearm(in_flight_window(), rtt, options);
  }
  const Instant soon = now + SendSlot::first_wait(rto_us, options);
  for (Seq32 sn = una_; sn != next_; ++sn) {
    SendSlot& slot = ring_[sn];
    if (slot.acked() || slot.transmissions < 2) continue;
    slot.ikcp.rto_us = std::min(slot.ikcp.rto_us, rto_us);
    slot.ikcp.resend_at = earlier(slot.ikcp.resend_at, soon);
    way_.earliest = earlier(way_.earliest, slot.ikcp.resend_at);
  }
}

void Sender::release(Environment& env) {
  for (; una_ != end_; ++una_) ring_[una_].payload.reset();
  end_flight(env);
  ring_.release(env.memory);
  next_ = end_;
  cursor_ = end_;
  if (!by_time_) way_.earliest = Instant::never();
  wanted_ = 0;
  scanning_ = by_time_;
  skips_due_ = false;
}

std::uint32_t Sender::queued_bytes() const {
  std::uint32_t bytes = 0;
  for (Seq32 sn = una_; sn != end_; ++sn) bytes += ring_[sn].payload.length();
  return bytes;
}

// Copies a small write behind the last unsent segment, in place where its block has room.
bool Sender::append_to_last(SegmentQueue& message, std::uint32_t mss, Environment& env) {
  if (unsent() == 0 || message.bytes() > append_bytes_max) return false;
  Segment& last = ring_[end_ - 1].payload;
  const auto added = static_cast<std::uint32_t>(message.bytes());
  const std::uint32_t before = last.length();
  if (before + added > mss) return false;
  if (last.unique() && last.tailroom() >= added) {
    last.extend_back(added);
  } else {
    Segment larger = env.blocks.allocate(before + added);
    if (!larger.holds()) return false;
    std::ranges::copy(last.bytes(), larger.writable().begin());
    last = std::move(larger);
  }
  auto target = last.writable().subspan(before);
  message.for_each([&](const Segment& segment) {
    std::ranges::copy(segment.bytes(), target.begin());
    target = target.subspan(segment.length());
  });
  return true;
}

// Segments that one send() may take: the peer must be able to hold all fragments of a message at once.
std::uint32_t Sender::fragments_max(const Options& options) const {
  if (options.stream) return options.send_queue_segments_max;
  const std::uint32_t peer_holds = peer_window_max_ > 0 ? peer_window_max_ : Options::receive_window_min;
  return std::min(Options::fragments_max, peer_holds);
}

void Sender::free_before(Seq32 una, AckRound& round) {
  PENSTOCK_ASSERT(plausible(una));
  Congestion::Acked acked = round.acked;
  for (Seq32 sn = una_; sn != una; ++sn) {
    SendSlot& slot = ring_[sn];
    if (slot.acked()) continue;
    acked.bytes += slot.payload.length();
    ++acked.segments;
    slot.payload.reset();
  }
  round.acked = acked;
  una_ = una;
}

// Each datagram adds one to every unacknowledged segment before the newest one it acknowledged (ikcp_parse_fastack).
void Sender::count_skips(const AckRound& round, const Options& options) {
  for (Seq32 sn = una_; sn.before(round.newest);) {
    SendSlot& slot = ring_[sn];
    if (slot.acked()) {
      skip_run(sn);
      continue;
    }
    ++sn;
    if (options.fastack_conserve && round.newest_stamp.before(slot.ikcp.stamps[slot.latest()])) continue;
    if (slot.ikcp.fastack < options.resend) ++slot.ikcp.fastack;
    if (slot.ikcp.fastack >= options.resend && may_resend_fast(slot, options)) skips_due_ = true;
  }
}

// Jumps behind the run of acknowledged segments that begins at `sn`, and remembers how far that was: with many of them
// between a few lost ones, a walk costs as much as there are lost ones.
void Sender::skip_run(Seq32& sn) {
  Seq32 behind = sn + ring_[sn].acked_run;
  while (behind.before(next_) && ring_[behind].acked()) behind = behind + ring_[behind].acked_run;
  ring_[sn].acked_run = static_cast<std::uint32_t>(behind.distance_from(sn));
  sn = behind;
}

bool Sender::may_resend_fast(const SendSlot& slot, const Options& options) {
  return options.fastack_limit == 0 || slot.transmissions <= options.fastack_limit;
}

Sender::Cause Sender::cause_of(const SendSlot& slot, Instant now, const Options& options) const {
  if (now >= slot.ikcp.resend_at) return Cause::timeout;
  const bool skipped = options.resend > 0 && slot.ikcp.fastack >= options.resend;
  return skipped && may_resend_fast(slot, options) ? Cause::fast : Cause::none;
}

// Goes on with the scan and resends what is due. False when `out` had no room for one: the scan goes on there.
bool Sender::resend_due(OutDatagram& out, Heading heading, const Moment& moment, const Rtt& rtt, Environment& env) {
  while (cursor_.before(next_)) {
    SendSlot& slot = ring_[cursor_];
    if (slot.acked()) {
      skip_run(cursor_);
      continue;
    }
    const Cause cause = cause_of(slot, moment.now, env.options);
    if (cause != Cause::none) {
      if (header_bytes + slot.payload.length() > out.room()) return false;
      resend(out, heading, cursor_, cause, moment, rtt, env);
    }
    way_.earliest = earlier(way_.earliest, slot.ikcp.resend_at);
    ++cursor_;
  }
  return true;
}

void Sender::resend(OutDatagram& out, Heading heading, Seq32 sn, Cause cause, const Moment& moment, const Rtt& rtt,
                    Environment& env) {
  SendSlot& slot = ring_[sn];
  const Options& options = env.options;
  const bool timed_out = cause == Cause::timeout;
  if (timed_out) slot.ikcp.rto_us = backed_off(slot.ikcp.rto_us, rtt.rto_us(), options.nodelay);
  scan_timeout_ |= timed_out;
  scan_fast_ |= !timed_out;
  ++(timed_out ? env.counters.retransmit_timeout : env.counters.retransmit_fast);
  if (timed_out && rtt.measured()) ++env.counters.retransmit_settled;
  env.counters.bytes_retransmitted += slot.payload.length();
  ++env.counters.segments_sent;
  ++retransmissions_;
  slot.ikcp.resend_at = moment.now + Duration::us(slot.ikcp.rto_us);
  slot.ikcp.fastack = 0;
  slot.record(moment);
  dead_ |= slot.transmissions >= options.dead_link;
  write_segment(out, heading, slot, sn, moment);
}

// The scan has passed all in flight, and what was new has been added: now losses take effect, once, as in ikcp_flush.
void Sender::end_scan(const Moment& moment, Congestion& congestion, const Options& options) {
  const std::uint32_t effective = window(congestion, options);
  scanning_ = false;
  if (scan_fast_) congestion.on_fast_retransmit(in_flight(), options.resend, moment.now);
  if (scan_timeout_) congestion.on_timeout(effective, moment.now);
  scan_fast_ = false;
  scan_timeout_ = false;
}

}  // namespace penstock::kcp
