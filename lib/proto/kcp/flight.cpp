#include "proto/kcp/flight.hpp"

#include <algorithm>

namespace penstock::kcp {

namespace {

// The least round trip is that of the last 10 to 20 s: routes change.
constexpr Duration rtt_epoch = Duration::seconds(10);
// How far the wait for late segments grows where they are seen to come: two round trips (RFC 8985 6.2).
constexpr std::uint8_t reorder_share_max = 8;

}  // namespace

void Flight::begin(congestion::Kind kind, const congestion::Setup& setup, Seq32 una) {
  controller_ = congestion::AnyController(kind, setup);
  if (remembered_.window_segments != 0) controller_.resume(remembered_, setup.now);
  proven_end_ = una;
  segment_bytes_ = setup.segment_bytes;
  first_sent_at_ = setup.now;
  delivered_at_ = setup.now;
  last_seen_ = setup.now;
  begun_ = true;
}

void Flight::on_sent(const Window& window, Seq32 sn, bool as_probe, Instant now) {
  SendSlot& slot = window.ring[sn];
  const std::uint32_t bytes = bytes_of(slot);
  last_seen_ = now;
  controller_.on_sent({.now = now, .bytes = bytes, .in_flight = in_flight_, .app_limited = app_limited_until_ != 0});
  if (in_flight_ == 0) {
    first_sent_at_ = now;
    delivered_at_ = now;
  }
  const Copies copies = slot.transmissions == 0 ? Copies() : copies_with_next(slot);
  if (slot.transmissions > 0) take_out(window, sn);
  slot.record_flown(now, copies.spares_sent);
  Flown& record = slot.flown;
  record.still_out = copies.still_out & 3;
  record.spares_sent = copies.spares_sent & 3;
  record.spares_due = copies.spares_due & 3;
  record.state = copies.spares_due > 0 ? Flown::State::spare_due : Flown::State::sent;
  in_flight_ += bytes;
  record.delivered = low(delivered_);
  record.lost = low(lost_bytes_);
  record.delivered_at = low(delivered_at_);
  record.first_sent = low(first_sent_at_);
  record.flight_4k = static_cast<std::uint16_t>(std::min<std::uint64_t>(in_flight_ / Flown::flight_unit, 0xffff));
  record.app_limited = app_limited_until_ != 0;
  (copies.spares_due > 0 ? spares_ : sent_).push_back(window.ring, sn);
  pacer_.on_sent(bytes, now);
  if (in_flight_ + segment_bytes_ > controller_.window()) window_limited_ = true;
  if (as_probe) probe_owed_ = false;
}

Seq32 Flight::to_repeat(const Window& window, const Rtt& rtt, Instant now) const {
  const bool may_repeat = !lost_.empty() && window_takes(bytes_of(window.ring[lost_.front(window.una)]));
  if (now >= spare_at_ && !may_repeat) return spares_.front(window.una);
  if (!lost_.empty()) return lost_.front(window.una);
  const bool asks = window.ring[window.una].flown_age_us(now, Flown::latest) < rtt.srtt_us();
  return asks && !sent_.empty() ? sent_.front(window.una) : window.una;
}

void Flight::open_round(Instant now) {
  last_seen_ = now;
  heard_at_ = now;
  probe_owed_ = false;  // it would ask for what has just been heard
  if (round_open_) return;
  round_open_ = true;
  flight_before_ = in_flight_;
}

// Of whichever chain it is in.
void Flight::take_out(const Window& window, Seq32 sn) {
  SendSlot& slot = window.ring[sn];
  if (slot.flown.state == Flown::State::lost) return lost_.remove(window.ring, sn);
  (slot.flown.state == Flown::State::sent ? sent_ : spares_).remove(window.ring, sn);
  in_flight_ -= bytes_of(slot);
}

void Flight::on_arrived(const Window& window, Seq32 sn, SendSlot::Copy copy, Instant now, Counters& counters) {
  open_round(now);
  SendSlot& slot = window.ring[sn];
  const std::uint32_t bytes = bytes_of(slot);
  const bool is_lost = slot.flown.state == Flown::State::lost;
  const Instant left = now - Duration::us(copy.age_us);
  take_out(window, sn);
  delivered_ += bytes;
  round_bytes_ += bytes;
  delivered_at_ = now;
  probes_ = 0;
  note_fate(false);
  // A copy arrived that had been given up: its repetition, sent or about to be, is needless.
  const bool earlier_copy = slot.transmissions > 1 && copy.place != Flown::latest;
  const std::uint32_t later_copies = earlier_copy ? slot.copies_since(copy.place) : 0;
  if (later_copies > slot.flown.spares_sent) ++counters.retransmit_spurious;
  const bool given_up = later_copies > slot.flown.still_out && slot.flown.still_out < Flown::still_out_max;
  if (is_lost || (given_up && slot.flown.was_lost)) {
    const bool by_timeout = left <= timed_out_at_;
    if (!by_timeout && reordered_) reorder_share_ = std::min<std::uint8_t>(reorder_share_ + 1, reorder_share_max);
    reordered_ = reordered_ || !by_timeout;
    controller_.on_spurious(
        {.now = now, .sent_at = left, .bytes = bytes, .delivered = delivered_, .by_timeout = by_timeout});
  }
  note_sending(left, sn, copy.age_us);
  note_rtt(copy.age_us, now);
  if (!newest_.valid || left > newest_.sent_at || (left == newest_.sent_at && !newest_.has_record)) {
    newest_ = Newest{left, copy.age_us, slot.flown, !earlier_copy, true};
  }
  if (sn.at_or_after(proven_end_)) proven_end_ = sn + 1;
  if (unproven_ > 0 && unproven_end_.at_or_before(proven_end_)) {
    delivered_ += unproven_;
    round_bytes_ += unproven_;
    unproven_ = 0;
  }
}

// una is a claim that costs a peer nothing: it frees what it covers, and counts as delivery as far as an ACK has named something
// later, which whoever did not receive it cannot.
void Flight::on_covered(const Window& window, Seq32 sn, Instant now) {
  open_round(now);
  SendSlot& slot = window.ring[sn];
  const std::uint32_t bytes = bytes_of(slot);
  const std::uint32_t age_us = slot.flown_age_us(now, Flown::latest);
  take_out(window, sn);
  probes_ = 0;
  if (slot.transmissions == 1) note_sending(now - Duration::us(age_us), sn, age_us);
  if (sn.before(proven_end_)) {
    delivered_ += bytes;
    round_bytes_ += bytes;
    delivered_at_ = now;
  } else {
    unproven_ += bytes;
    unproven_end_ = sn + 1;
  }
}

// Whether a transmission that arrived left later than all that did before.
void Flight::note_sending(Instant left, Seq32 sn, std::uint32_t rtt_us) {
  if (left < arrived_sent_at_ || (left == arrived_sent_at_ && sn.before(arrived_))) return;
  arrived_sent_at_ = left;
  arrived_ = sn;
  arrived_rtt_us_ = rtt_us;
}

void Flight::note_rtt(std::uint32_t rtt_us, Instant now) {
  const std::uint32_t rtt = std::max(rtt_us, 1u);
  if (now >= rtt_epoch_ends_) {
    rtt_least_us_ = rtt_epoch_least_us_ == 0 ? rtt : std::min(rtt_epoch_least_us_, rtt);
    rtt_epoch_least_us_ = rtt;
    rtt_epoch_ends_ = now + rtt_epoch;
  }
  rtt_epoch_least_us_ = std::min(rtt_epoch_least_us_, rtt);
  rtt_least_us_ = rtt_least_us_ == 0 ? rtt : std::min(rtt_least_us_, rtt);
}

congestion::RateSample Flight::rate_sample() const {
  if (!newest_.valid || !newest_.has_record) return {};
  const Flown& record = newest_.record;
  const std::uint32_t sending_us = low(newest_.sent_at) - record.first_sent;
  const std::uint32_t arriving_us = low(delivered_at_) - record.delivered_at;
  const std::uint32_t interval_us = std::max(sending_us, arriving_us);
  const std::uint32_t delivered = low(delivered_) - record.delivered;
  // Less than the least round trip is no time in which anything could have been delivered.
  return {.interval_us = interval_us < rtt_least_us_ ? 0 : interval_us,
          .delivered = delivered,
          .lost = low(lost_bytes_) - record.lost,
          .flight_at_send = std::uint64_t{record.flight_4k} * Flown::flight_unit,
          .delivered_before = delivered_ - delivered,
          .app_limited = record.app_limited};
}

void Flight::end_round(const Window& window, const Rtt& rtt, Instant now) {
  if (!round_open_) return;
  find_lost(window, rtt, now);
  const congestion::RateSample rate = rate_sample();
  if (newest_.valid && newest_.has_record) first_sent_at_ = newest_.sent_at;
  const bool round_began = newest_.has_record && rate.delivered_before >= round_ends_;
  if (round_began) round_ends_ = delivered_;
  if (app_limited_until_ != 0 && delivered_ >= app_limited_until_) app_limited_until_ = 0;
  if (round_bytes_ > 0) {
    controller_.on_acked({.now = now,
                          .bytes = round_bytes_,
                          .lost = round_lost_,
                          .in_flight = in_flight_,
                          .flight_before = flight_before_,
                          .delivered = delivered_,
                          .rtt_us = newest_.rtt_us,
                          .srtt_us = rtt.srtt_us(),
                          .round_began = round_began,
                          .window_limited = window_limited_,
                          .rate = rate});
    window_limited_ = false;
  }
  newest_.valid = false;
  newest_.has_record = false;
  newest_.rtt_us = 0;
  round_bytes_ = 0;
  round_lost_ = 0;
  round_open_ = false;
}

// A controller that names no rate has its window spread over a round trip, with room to grow (RFC 9002, 7.7). None holds back what a
// thin flow sends.
std::uint64_t Flight::pace(const Rtt& rtt) const {
  const std::uint64_t rate = controller_.pacing_rate();
  const std::uint64_t window = controller_.window();
  const bool bounded = rate != congestion::unbounded || window != congestion::unbounded;
  if (!rtt.measured() || !bounded) return rate;
  const std::uint64_t least = thin_bytes() * 1'000'000 / rtt.srtt_us();
  if (rate != congestion::unbounded) return std::max(rate, least);
  const std::uint64_t quarters = window < controller_.threshold() ? 8 : 5;
  return std::max(window * 1'000'000 / rtt.srtt_us() * quarters / 4, least);
}

bool Flight::may_send(std::uint32_t bytes, const Rtt& rtt, Instant now) {
  return window_takes(bytes) && may_send_spare(rtt, now);
}

}  // namespace penstock::kcp
