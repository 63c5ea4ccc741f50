// None: no congestion control. A flow under it takes from others what it can get; it only keeps to what its path delivers.
//
// No slow start and no answer to losses: nothing bounds it until a round trip has brought hardly more than one before. From then
// on the fastest delivery of the last rounds times the least round trip, with what a receiver that acknowledges in bursts holds
// back, is the window, a quarter wider so that more would show, and that delivery is the pace, but for one round in eight that
// asks for more, and at once for twice as much where that brought something. What the path cannot hold would only wait in its queues, and every loss and every message behind it with it. Now
// and then a round trip with a smaller window shows how long the way is without. While the service has too little to send
// nothing is learnt.
#pragma once

#include <algorithm>
#include <cstdint>

#include "proto/congestion/events.hpp"
#include "proto/congestion/scale.hpp"

namespace penstock::congestion {

class None {
 public:
  explicit None(const Setup& setup) : segment_bytes_(setup.segment_bytes), rtt_slot_ends_(setup.now + rtt_slot) {}

  void on_sent(const Sent& /*sent*/) {}
  void on_acked(const Acked& acked);
  void on_lost(const Lost& /*lost*/) {}
  void on_timeout(const Timeout& timeout);
  void on_spurious(const Spurious& /*spurious*/) {}

  std::uint64_t window() const;
  std::uint64_t pacing_rate() const;
  std::uint64_t threshold() const { return unbounded; }
  // Nothing: a flow that begins anew asks the path anew.
  Essence essence() const { return {}; }
  void resume(const Essence& /*essence*/, Instant /*now*/) {}
  void take_over(const Essence& /*essence*/, Instant /*now*/) {}

  // What is believed of the path; 0 while nothing is.
  std::uint64_t rate() const { return std::max(rates_[0], rates_[1]); }
  std::uint32_t least_rtt_us() const { return std::min(rtts_us_[0], rtts_us_[1]); }

 private:
  static constexpr std::uint8_t slot_rounds = 8;
  // Eighths of what the path holds, down to which is drained: what a round of more has left in the queue, or a bit more, to see
  // how long the way is without one.
  static constexpr std::uint8_t to_path = 8;
  static constexpr std::uint8_t below_path = 6;
  static constexpr std::uint8_t slow_rounds_min = 2;
  static constexpr std::uint8_t losses_max = 0x40;
  // 256ths, by which the pace is above what was delivered where the path loses: there that falls short of what the path has, and
  // what is too much the window takes back. Where nothing is lost it would only stand in a queue.
  static constexpr std::uint8_t above = 4;
  static constexpr Duration rtt_slot = Duration::seconds(10);
  static constexpr std::uint32_t unknown = 0xffff'ffff;

  void note_losses();
  std::uint64_t held() const;
  void begin_round(const Acked& acked);
  void look_for_plateau(const Acked& acked);
  void look_for_decline();
  void look_for_more();
  void note_burst(const Acked& acked);
  bool is_bound() const { return has_plateau_ && rate() != 0 && least_rtt_us() != unknown; }

  std::uint32_t segment_bytes_;
  std::uint8_t rounds_ = 0;       // of this slot
  std::uint8_t drain_ = 0;        // what is drained to; 0: nothing is being drained
  bool has_plateau_ = false;      // a round trip has brought hardly more than one before
  bool starved_ = false;          // the machine had too little to send in this round trip
  bool hurries_ = false;          // … in the one before: what comes at last need not wait behind anything
  bool bold_ = false;             // the last round that asked for more got it
  std::uint8_t slow_rounds_ = 0;  // round trips in a row with less than half of what is believed
  std::uint64_t round_best_ = 0;  // the fastest delivery of this round trip
  std::uint64_t round_rate_ = 0;  // the fastest delivery when it began, or when more was asked for last
  Instant rtt_slot_ends_;
  std::uint64_t rates_[2] = {};  // bytes a second, the fastest delivery of this slot of rounds and of the one before
  std::uint32_t rtts_us_[2] = {unknown, unknown};  // the least round trips of this 10 s and of those before
  std::uint32_t bursts_[2] = {};                   // bytes that were acknowledged beyond what the rate let expect
  std::uint8_t losses_[2] = {0xff, 0xff};          // of what was sent, in 255ths, the least of the same rounds
  std::uint64_t round_bytes_ = 0;                  // acknowledged in this round trip
  std::uint64_t round_lost_ = 0;                   // found lost
  Instant burst_began_;
  std::uint64_t burst_bytes_ = 0;  // acknowledged since then
};
static_assert(Controller<None>);

}  // namespace penstock::congestion
