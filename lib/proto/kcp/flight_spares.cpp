// Copies that follow a repetition before anybody could tell that they are needed.
//
// Where much is out, what is lost once more costs the window a round trip, and a spare for each would cost as much as what was
// lost. A thin flow, of a game or a chat, pays for a loss with the delay of all that is behind it, and a copy of its small
// segments is nothing to the path: spares follow there at once, the more of them the more the path loses.
#include <algorithm>

#include "proto/kcp/flight.hpp"

namespace penstock::kcp {

namespace {

// A copy of what was lost so often is followed by a spare one: a third round trip of waiting would cost more than its bytes.
constexpr std::uint32_t losses_before_spare = 2;
// Spares of a thin flow, by the share that is lost: one, and these from there on.
constexpr std::uint32_t two_spares_from = 65'536 * 3 / 100;
constexpr std::uint32_t three_spares_from = 65'536 * 10 / 100;
// … and how far apart they are: losses come in bursts. What is a millisecond apart has stamps that differ.
constexpr std::uint32_t gaps_a_round_trip = 6;
constexpr std::uint32_t gap_us_min = 1000;
constexpr std::uint32_t fates_remembered = 64;

}  // namespace

Flight::Copies Flight::copies_with_next(const SendSlot& slot) const {
  const Flown& record = slot.flown;
  const std::uint32_t still_out =
      record.state == Flown::State::lost ? 0 : std::min(record.still_out + 1u, Flown::still_out_max);
  if (is_spare(slot)) return {still_out, record.spares_sent + 1u, record.spares_due - 1u};
  return {still_out, 0, spares_after(slot)};
}

// A timer that runs out in silence has none: it shows no loss of one segment, and where a path is down copies count to its end.
std::uint32_t Flight::spares_after(const SendSlot& slot) const {
  const bool is_probe = slot.flown.state == Flown::State::sent;
  if (is_thin() && probes_ <= 1 && (is_probe || slot.flown.losses > 0)) {
    return 1u + (lost_share_ >= two_spares_from) + (lost_share_ >= three_spares_from);
  }
  return !is_probe && slot.flown.losses >= losses_before_spare ? 1 : 0;
}

void Flight::time_spares(const Window& window, const Rtt& rtt) {
  spare_at_ = spares_.empty() ? Instant::never() : Instant();
  if (spares_.empty() || !is_thin()) return;
  const Instant left = sent_at(window.ring[spares_.front(window.una)], last_seen_);
  spare_at_ = left + Duration::us(std::max(rtt.srtt_us() / gaps_a_round_trip, gap_us_min));
}

void Flight::note_fate(bool lost) {
  const std::uint32_t grown = lost_share_ + (lost ? 65'536u / fates_remembered : 0);
  lost_share_ = static_cast<std::uint16_t>(grown - lost_share_ / fates_remembered);
}

}  // namespace penstock::kcp
