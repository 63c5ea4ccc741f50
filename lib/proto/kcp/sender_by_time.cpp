// The part of Sender that recovers by time: routes between the ring, the flight and the datagram that leaves.
#include <utility>

#include "proto/kcp/sender.hpp"

namespace penstock::kcp {

namespace {

// What a copy counts toward dead_link is at least as long: by ikcp's timeouts, which grow, all of them take longer than this.
constexpr Duration dead_link_copy = Duration::ms(500);

std::uint16_t cut(std::uint32_t segments) { return static_cast<std::uint16_t>(std::min(segments, 0xffffu)); }

}  // namespace

congestion::Setup Sender::controller_setup(Instant now, Environment& env) {
  return {
      .now = now, .segment_bytes = env.options.mtu, .seed = env.rng.next32(), .loss_percent = env.options.loss_percent};
}

// One block, taken with the first segment that is queued and given back with the last that is acknowledged.
bool Sender::begin_flight(Environment& env) {
  if (flying_) return true;
  void* block = env.memory.take(sizeof(Flight));
  if (block == nullptr) return false;
  const Remembered essence = way_.essence;
  way_.flight = std::construct_at(static_cast<Flight*>(block));
  way_.flight->remember({.window_segments = essence.window_segments,
                         .threshold_segments = essence.threshold_segments,
                         .rate_kib_s = essence.rate_kib_s},
                        reordered_);
  flying_ = true;
  return true;
}

void Sender::end_flight(Environment& env) {
  if (!by_time_ || !flying_) return;
  Flight* flight = way_.flight;
  const congestion::Essence essence = flight->essence();
  reordered_ = flight->reordered();
  way_.essence = {essence.rate_kib_s, cut(essence.window_segments), cut(essence.threshold_segments)};
  flying_ = false;
  env.memory.give(flight, sizeof(Flight));
}

bool Sender::switch_congestion(congestion::Kind kind, Instant now, Environment& env) {
  if (!by_time_) return false;
  controller_ = kind;
  if (flying_ && way_.flight->begun()) {
    way_.flight->controller().switch_to(kind, controller_setup(now, env));
  }
  return true;
}

Sender::Allowance Sender::allowance(const Options& options) const {
  Allowance told{.kind = controller_, .segments = Congestion::unbounded, .threshold = Congestion::unbounded, .rate = 0};
  if (!flying_ || !way_.flight->begun()) {
    if (!flying_ && way_.essence.window_segments != 0) told.segments = way_.essence.window_segments;
    return told;
  }
  const congestion::AnyController& controller = way_.flight->controller();
  const auto segments = [&](std::uint64_t bytes) {
    return bytes == congestion::unbounded ? Congestion::unbounded : static_cast<std::uint32_t>(bytes / options.mtu);
  };
  told.segments = segments(controller.window());
  told.threshold = segments(controller.threshold());
  if (controller.pacing_rate() != congestion::unbounded) told.rate = controller.pacing_rate();
  return told;
}

// Of a segment that is out.
void Sender::take_ack(AckRound& round, Seq32 sn, Stamp32 stamp, const Moment& moment, Rtt& rtt, Environment& env) {
  SendSlot& slot = ring_[sn];
  const auto copy = slot.copy_named(stamp, moment);
  if (!copy) {
    ++env.counters.acks_forged;
    return;
  }
  rtt.sample(copy->age_us, env.options);
  env.counters.rtt_us.record(copy->age_us);
  ++env.counters.acks_received;
  round.acked.proven = true;
  way_.flight->on_arrived(in_flight_window(), sn, *copy, moment.now, env.counters);
  acknowledge(slot, round);
}

void Sender::end_round_by_time(AckRound& round, const Moment& moment, const Rtt& rtt, Environment& env) {
  PENSTOCK_ASSERT(plausible(round.una));
  if (!flying_) return;
  for (Seq32 sn = una_; sn.before(round.una); ++sn) {
    SendSlot& slot = ring_[sn];
    if (slot.acked()) continue;
    way_.flight->on_covered(in_flight_window(), sn, moment.now);
    acknowledge(slot, round);
  }
  if (round.una.after(una_)) una_ = round.una;
  while (una_ != next_ && ring_[una_].acked()) ++una_;
  way_.flight->end_round(in_flight_window(), rtt, moment.now);
  if (drained()) {
    end_flight(env);
    ring_.release(env.memory);
    return;
  }
  way_.flight->rearm(in_flight_window(), rtt, env.options);
}

bool Sender::wants_write_by_time(Instant now, const Options& options) const {
  if (!flying_) return false;
  const Flight& flight = *way_.flight;
  if (flight.probe_owed()) return true;
  const std::uint32_t window = std::min(options.snd_wnd, std::uint32_t{peer_window_});
  const bool has_new = next_ != end_ && in_flight() < window && flight.leaves_numbers(window);
  if (!flight.wants_repeat(now) && !has_new) return false;
  return flight.is_open(now);
}

// What was cut for a path that carried more leaves alone.
bool Sender::fits(OutDatagram& out, std::uint32_t bytes) { return bytes <= out.room() || out.widen(bytes); }

bool Sender::oldest_is_stuck(std::uint32_t copies, std::uint32_t bytes) const {
  if (una_ == next_) return false;
  const SendSlot& oldest = ring_[una_];
  return oldest.transmissions >= copies + oldest.flown.still_out && header_bytes + oldest.payload.length() > bytes;
}

// Copies that follow fast, round trip after round trip, show a queue that overflows, not a link that is dead; but for as many as are
// counted, since spares make the record forget when the first one left.
bool Sender::is_in_vain(const SendSlot& slot, Instant now, const Options& options) {
  if (slot.transmissions < options.dead_link) return false;
  if (slot.transmissions == SendSlot::transmissions_max) return true;
  return Duration::us(slot.flown_age_us(now, Flown::first)) >= dead_link_copy * options.dead_link;
}

// False when the datagram is full.
bool Sender::write_repeats(OutDatagram& out, Heading heading, const Moment& moment, const Rtt& rtt, Environment& env) {
  Flight& flight = *way_.flight;
  while (flight.wants_repeat(moment.now)) {
    const Seq32 sn = flight.to_repeat(in_flight_window(), rtt, moment.now);
    SendSlot& slot = ring_[sn];
    const std::uint32_t bytes = header_bytes + slot.payload.length();
    if (!fits(out, bytes)) return false;
    const bool as_probe = flight.probe_owed();
    const bool as_spare = Flight::is_spare(slot);
    if (as_spare && !out.empty() && slot.flown_age_us(moment.now, Flown::latest) == 0) return false;
    const bool may_leave =
        as_probe || (as_spare ? flight.may_send_spare(rtt, moment.now) : flight.may_send(bytes, rtt, moment.now));
    if (!may_leave) return true;
    ++(as_probe ? env.counters.retransmit_timeout : env.counters.retransmit_fast);
    if (as_probe && rtt.measured()) ++env.counters.retransmit_settled;
    if (as_spare) ++env.counters.retransmit_spare;
    env.counters.bytes_retransmitted += slot.payload.length();
    ++env.counters.segments_sent;
    ++retransmissions_;
    flight.on_sent(in_flight_window(), sn, as_probe, moment.now);
    flight.time_spares(in_flight_window(), rtt);
    dead_ |= is_in_vain(slot, moment.now, env.options);
    write_segment(out, heading, slot, sn, moment);
  }
  return true;
}

void Sender::write_by_time(OutDatagram& out, Heading heading, const Moment& moment, const Rtt& rtt, Environment& env) {
  if (!flying_) return;
  Flight& flight = *way_.flight;
  if (!flight.begun()) {
    flight.begin(controller_, controller_setup(moment.now, env), una_);
  }
  if (write_repeats(out, heading, moment, rtt, env) && !flight.wants_repeat(moment.now)) {
    const std::uint32_t window = std::min(env.options.snd_wnd, std::uint32_t{peer_window_});
    while (next_ != end_ && in_flight() < window && flight.leaves_numbers(window)) {
      SendSlot& slot = ring_[next_];
      const std::uint32_t bytes = header_bytes + slot.payload.length();
      if (!fits(out, bytes) || !flight.may_send(bytes, rtt, moment.now)) break;
      const Seq32 sn = next_;
      ++next_;
      flight.on_sent(in_flight_window(), sn, false, moment.now);
      write_segment(out, heading, slot, sn, moment);
      ++env.counters.segments_sent;
    }
    // Where the numbers end, and not what the controller allows, the path does not tell what it could carry either.
    if (next_ == end_ || (in_flight() >= window && flight.is_bounded())) flight.on_starved(next_ == end_);
  }
  flight.rearm(in_flight_window(), rtt, env.options);
}

}  // namespace penstock::kcp
