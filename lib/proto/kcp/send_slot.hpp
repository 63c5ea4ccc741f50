// SendSlot: one segment from send() until it is acknowledged, and the record of its transmissions; one cache line.
//
// The stamps of the first and of the last three transmissions are kept, each with the µs within its millisecond. An ACK
// names a transmission by its stamp; the first one is kept for paths whose round trip is longer than several timeouts.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "buf/segment.hpp"
#include "proto/kcp/options.hpp"
#include "proto/kcp/slot_ring.hpp"
#include "proto/kcp/wire.hpp"

namespace penstock::kcp {

struct SendSlot {
  static constexpr BuddyMemory::Kind kind = BuddyMemory::Kind::sent;
  static constexpr std::uint32_t stamps_kept = 4;

  SendSlot() = default;
  SendSlot(Segment&& bytes, std::uint8_t frg) : payload(std::move(bytes)), fragment(frg) {}

  Segment payload;
  Instant resend_at;                                  // when the RTO of the last transmission runs out
  std::array<Stamp32, stamps_kept> stamps{};          // [0]: first transmission, [1 … 3]: the latest others, in turn
  std::array<std::uint16_t, stamps_kept> stamp_us{};  // µs within the millisecond of each, 0 … 999
  std::uint32_t rto_us = 0;                           // timeout of this segment, grown by each one that ran out
  std::uint32_t acked_run = 0;     // 0: unacknowledged; else this and the next run − 1 are acknowledged
  std::uint16_t fastack = 0;       // datagrams that acknowledged a later segment since the last transmission
  std::uint8_t transmissions = 0;  // so far; 0 while unsent
  std::uint8_t fragment = 0;       // frg

  bool acked() const { return acked_run != 0; }
  // Place of the latest transmission in `stamps`. Requires transmissions > 0.
  std::uint32_t latest() const { return transmissions == 1 ? 0u : 1u + (transmissions - 2u) % (stamps_kept - 1); }
  // How long the first transmission of a segment waits for its ACK.
  static Duration first_wait(std::uint32_t rto_us, const Options& options) {
    return Duration::us(rto_us + (options.nodelay == 0 ? rto_us / 8 : 0));
  }
  void record_first(const Moment& moment) {
    transmissions = 1;
    stamps[0] = moment.stamp;
    stamp_us[0] = moment.us;
  }
  void record(const Moment& moment) {
    ++transmissions;
    stamps[latest()] = moment.stamp;
    stamp_us[latest()] = moment.us;
  }
  // µs since the transmission recorded at `place`.
  std::uint32_t age_us(const Moment& moment, std::uint32_t place) const {
    const std::int64_t us =
        std::int64_t{moment.stamp.distance_from(stamps[place])} * 1000 + moment.us - stamp_us[place];
    return static_cast<std::uint32_t>(us < 0 ? 0 : us > 0xffff'ffff ? 0xffff'ffff : us);
  }
  // µs since the only transmission so far, by when it is to be repeated.
  std::uint32_t first_age_us(Instant now, const Options& options) const {
    const std::int64_t us = (now - resend_at + first_wait(rto_us, options)).count_us();
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(us, 0, 0xffff'ffff));
  }
  // µs since the transmission that `stamp` names, the latest such; nothing when it names none that is remembered.
  std::optional<std::uint32_t> since(Stamp32 stamp, const Moment& moment) const;
};
static_assert(sizeof(SendSlot) == 64);

using SendRing = SlotRing<SendSlot>;

inline std::optional<std::uint32_t> SendSlot::since(Stamp32 stamp, const Moment& moment) const {
  if (transmissions == 1) {
    if (stamps[0] != stamp) return std::nullopt;
    return age_us(moment, 0);
  }
  const std::uint32_t kept = transmissions < stamps_kept ? transmissions : stamps_kept;
  std::optional<std::uint32_t> found;
  for (std::uint32_t i = 0; i < kept; ++i) {
    if (stamps[i] != stamp) continue;
    const std::uint32_t age = age_us(moment, i);
    if (!found || age < *found) found = age;
  }
  return found;
}

}  // namespace penstock::kcp
