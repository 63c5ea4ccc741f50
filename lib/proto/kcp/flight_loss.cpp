// What a flight takes for lost, and when it asks.
#include <algorithm>

#include "proto/kcp/flight.hpp"

namespace penstock::kcp {

namespace {

// Receipts behind a segment that is missing, from which on it does not merely seem late (RFC 5681, RFC 8985 6.2 step 4).
// In a thin flow three come late or never, and a copy for nothing costs little; it shows itself, and is the last such.
constexpr std::uint32_t overtaken_min = 3;
constexpr std::uint32_t overtaken_min_thin = 1;
// Timers that run out in silence: so many ask by one segment, the next gives up all that is out.
constexpr std::uint8_t probes_before_timeout = 2;

}  // namespace

// How much longer than the round trip a segment is waited for that a later one has overtaken (RFC 8985 6.2 step 4).
Duration Flight::patience(const Window& window, const Rtt& rtt) const {
  const std::uint32_t out = sent_.count() + lost_.count() + spares_.count();
  const auto overtaken = static_cast<std::uint32_t>(window.next.distance_from(window.una)) - out;
  const std::uint32_t enough = is_thin() ? overtaken_min_thin : overtaken_min;
  if (!reordered_ && overtaken >= enough) return Duration();
  const std::uint32_t least = rtt_least_us_ != 0 ? rtt_least_us_ : rtt.srtt_us();
  const std::uint32_t wait = least / 4 * reorder_share_;
  return Duration::us(std::min(wait, std::max(rtt.srtt_us(), 1u)));
}

void Flight::find_lost(const Window& window, const Rtt& rtt, Instant now) {
  reorder_until_ = Instant::never();
  if (arrived_rtt_us_ == 0 && arrived_sent_at_ == Instant()) return;
  const Duration wait = Duration::us(arrived_rtt_us_) + patience(window, rtt);
  while (!sent_.empty()) {
    const Seq32 sn = sent_.front(window.una);
    const Instant left = sent_at(window.ring[sn], now);
    if (left > arrived_sent_at_ || (left == arrived_sent_at_ && !sn.before(arrived_))) return;
    if (left + wait > now) {
      reorder_until_ = left + wait;
      return;
    }
    mark_lost(window, sn, now, true);
  }
}

void Flight::mark_lost(const Window& window, Seq32 sn, Instant now, bool tell) {
  SendSlot& slot = window.ring[sn];
  const std::uint32_t bytes = bytes_of(slot);
  Flown& record = slot.flown;
  take_out(window, sn);
  record.state = Flown::State::lost;
  record.was_lost = true;
  if (tell && record.losses < 3) ++record.losses;
  lost_.push_back(window.ring, sn);
  lost_bytes_ += bytes;
  round_lost_ += bytes;
  if (!tell) return;
  note_fate(true);
  controller_.on_lost({.now = now,
                       .sent_at = sent_at(slot, now),
                       .bytes = bytes,
                       .in_flight = in_flight_,
                       .flight_at_send = std::uint64_t{record.flight_4k} * Flown::flight_unit,
                       .lost_since_send = low(lost_bytes_) - record.lost,
                       .delivered = delivered_,
                       .app_limited = record.app_limited});
}

// In order of number, as the peer's service waits for them; a walk over what is out, once a timeout.
void Flight::give_up_all(const Window& window, Instant now) {
  for (Seq32 sn = window.una; sn != window.next; ++sn) {
    const SendSlot& slot = window.ring[sn];
    if (!slot.acked() && slot.flown.state != Flown::State::lost) mark_lost(window, sn, now, false);
  }
  round_lost_ = 0;
}

Instant Flight::probe_at(const Window& window, const Rtt& rtt, const Options& options, Instant now) const {
  if (sent_.empty()) return Instant::never();
  std::uint64_t wait_us = rtt.rto_us();
  const std::uint64_t ceiling_us = std::uint64_t{options.rto_max_ms} * 1000;
  for (std::uint8_t i = 0; i < probes_ && wait_us < ceiling_us; ++i)
    wait_us += options.nodelay == 0 ? wait_us : wait_us / 2;
  wait_us = std::min(wait_us, std::max<std::uint64_t>(ceiling_us, rtt.rto_us()));
  const Instant left = sent_at(window.ring[sent_.front(window.una)], now);
  const Duration wait = Duration::us(static_cast<std::int64_t>(wait_us));
  // While receipts come in the way is only longer, by a queue, and what is lost is found by what arrives.
  const Duration margin = Duration::us(rtt.rto_us() - std::min(rtt.rto_us(), rtt.srtt_us() / 8 * 7));
  return later(left + wait, heard_at_ + margin);
}

void Flight::rearm(const Window& window, const Rtt& rtt, const Options& options) {
  time_spares(window, rtt);
  // One that is due leaves as soon as window and pace let it.
  const Instant spare_at = spare_at_ > last_seen_ ? spare_at_ : Instant::never();
  wake_at_ = earlier(earlier(earlier(reorder_until_, spare_at), probe_at(window, rtt, options, last_seen_)),
                     pacer_.holds(last_seen_) ? pacer_.held_until() : Instant::never());
}

void Flight::on_timer(const Window& window, const Rtt& rtt, Instant now, const Options& options) {
  last_seen_ = now;
  if (now >= reorder_until_) find_lost(window, rtt, now);
  if (now >= probe_at(window, rtt, options, now)) {
    if (probes_ < 0xff) ++probes_;
    if (probes_ <= probes_before_timeout) {
      probe_owed_ = true;
    } else {
      controller_.on_timeout({.now = now, .in_flight = in_flight_});
      timed_out_at_ = now;
      give_up_all(window, now);
      probe_owed_ = true;
    }
  }
}

void Flight::on_path_changed(const Window& window, congestion::Kind kind, const congestion::Setup& setup) {
  give_up_all(window, setup.now);
  controller_ = congestion::AnyController(kind, setup);
  arrived_sent_at_ = setup.now;
  rtt_least_us_ = 0;
  rtt_epoch_least_us_ = 0;
  rtt_epoch_ends_ = Instant();
  reorder_until_ = Instant::never();
  reordered_ = false;
  reorder_share_ = 1;
  probes_ = 0;
  pacer_ = {};
}

}  // namespace penstock::kcp
