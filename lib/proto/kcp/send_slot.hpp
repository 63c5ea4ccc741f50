// SendSlot: one segment from send() until it is acknowledged, and the record of its transmissions; one cache line.
//
// The stamps of the first and of the last three transmissions are kept, each with the µs within its millisecond. An ACK
// names a transmission by its stamp; the first one is kept for paths whose round trip is longer than several timeouts.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "buf/segment.hpp"
#include "proto/kcp/options.hpp"
#include "proto/kcp/slot_ring.hpp"
#include "proto/kcp/wire.hpp"

namespace penstock::kcp {

// What ikcp's law of resending keeps of a segment.
struct IkcpRecord {
  static constexpr std::uint32_t stamps_kept = 4;

  Instant resend_at;                                  // when the RTO of the last transmission runs out
  std::array<Stamp32, stamps_kept> stamps{};          // [0]: first transmission, [1 … 3]: the latest others, in turn
  std::array<std::uint16_t, stamps_kept> stamp_us{};  // µs within the millisecond of each, 0 … 999
  std::uint32_t rto_us = 0;                           // timeout of this segment, grown by each one that ran out
  std::uint16_t fastack = 0;  // datagrams that acknowledged a later segment since the last transmission
};

// What recovery by time keeps of it (Flight). Times are the low 32 bits of µs: no copy is as old as that would be short.
struct Flown {
  enum class State : std::uint8_t { unsent, sent, lost, spare_due };
  static constexpr std::uint32_t flight_unit = 4096;
  static constexpr std::uint32_t spares_max = 3, still_out_max = 3;
  // Places of copies. Two older ones are kept between the first and the latest. When a third spare leaves, the oldest takes the place
  // of the first, which left more than a round trip before.
  static constexpr std::uint32_t first = 0, latest = 1, older = 2, oldest = 3;

  std::array<std::uint32_t, 4> copies_us{};  // when each left
  std::uint32_t delivered = 0;     // the flight's counts when the latest copy left, low 32 bits: bytes delivered …
  std::uint32_t lost = 0;          // … and lost,
  std::uint32_t delivered_at = 0;  // when something was delivered last,
  std::uint32_t first_sent = 0;    // and when what was measured then was sent
  std::uint16_t flight_4k = 0;     // bytes in flight with it, in units of flight_unit
  std::uint16_t previous = 0;      // neighbours in the chain that it is in, by the low 16 bits of their numbers
  std::uint16_t next = 0;
  State state : 2 = State::unsent;
  bool app_limited : 1 = false;
  bool was_lost : 1 = false;         // an earlier copy was found lost
  std::uint8_t still_out : 2 = 0;    // copies before the latest not given up when it left; 3 stands for more
  std::uint8_t spares_sent : 2 = 0;  // … of them and the latest, those that are spares
  std::uint8_t spares_due : 2 = 0;   // spares that are to follow the latest; with State::spare_due
  std::uint8_t losses : 2 = 0;       // copies that others overtook; 3 stands for more
};

struct SendSlot {
  static constexpr BuddyMemory::Kind kind = BuddyMemory::Kind::sent;
  static constexpr std::uint8_t transmissions_max = 255;  // … or more

  SendSlot() : ikcp{} {}
  SendSlot(Segment&& bytes, std::uint8_t frg) : payload(std::move(bytes)), ikcp{}, fragment(frg) {}

  Segment payload;
  union {
    IkcpRecord ikcp;  // what a new slot has
    Flown flown;
  };
  std::uint32_t acked_run = 0;     // 0: unacknowledged; else this and the next run − 1 are acknowledged
  std::uint8_t transmissions = 0;  // so far; 0 while unsent
  std::uint8_t fragment = 0;       // frg

  bool acked() const { return acked_run != 0; }
  // Place of the latest transmission in `ikcp.stamps`. Requires transmissions > 0.
  std::uint32_t latest() const {
    return transmissions == 1 ? 0u : 1u + (transmissions - 2u) % (IkcpRecord::stamps_kept - 1);
  }
  // How long the first transmission of a segment waits for its ACK.
  static Duration first_wait(std::uint32_t rto_us, const Options& options) {
    return Duration::us(rto_us + (options.nodelay == 0 ? rto_us / 8 : 0));
  }
  void record_first(const Moment& moment) {
    transmissions = 1;
    ikcp.stamps[0] = moment.stamp;
    ikcp.stamp_us[0] = moment.us;
  }
  void record(const Moment& moment) {
    ++transmissions;
    ikcp.stamps[latest()] = moment.stamp;
    ikcp.stamp_us[latest()] = moment.us;
  }
  // µs since the transmission recorded at `place`.
  std::uint32_t age_us(const Moment& moment, std::uint32_t place) const {
    const std::int64_t us =
        std::int64_t{moment.stamp.distance_from(ikcp.stamps[place])} * 1000 + moment.us - ikcp.stamp_us[place];
    return static_cast<std::uint32_t>(us < 0 ? 0 : us > 0xffff'ffff ? 0xffff'ffff : us);
  }
  // µs since the only transmission so far, by when it is to be repeated.
  std::uint32_t first_age_us(Instant now, const Options& options) const {
    const std::int64_t us = (now - ikcp.resend_at + first_wait(ikcp.rto_us, options)).count_us();
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(us, 0, 0xffff'ffff));
  }
  // µs since the transmission that `stamp` names, the latest such; nothing when it names none that is remembered.
  std::optional<std::uint32_t> since(Stamp32 stamp, const Moment& moment) const;
  // Its place in `ikcp.stamps`, stamps_kept for none.
  std::uint32_t place_named(Stamp32 stamp) const;

  // The same of a Flown.
  struct Copy {
    std::uint32_t place = 0;
    std::uint32_t age_us = 0;
  };
  // With this copy so many spares have followed the last that was found needed.
  void record_flown(Instant now, std::uint32_t spares = 0);
  // How many left after the one recorded at `place`.
  std::uint32_t copies_since(std::uint32_t place) const {
    if (place == Flown::first) return flown.spares_sent == Flown::spares_max ? Flown::spares_max : transmissions - 1u;
    return place - Flown::latest;
  }
  std::optional<Copy> copy_named(Stamp32 stamp, const Moment& moment) const;
  std::uint32_t flown_age_us(Instant now, std::uint32_t place) const {
    return static_cast<std::uint32_t>(now.count_us()) - flown.copies_us[place];
  }
};
static_assert(sizeof(SendSlot) == 64);

using SendRing = SlotRing<SendSlot>;

inline std::optional<std::uint32_t> SendSlot::since(Stamp32 stamp, const Moment& moment) const {
  std::uint32_t named = 0;
  if (transmissions != 1) named = place_named(stamp);
  else if (ikcp.stamps[0] != stamp) return std::nullopt;
  if (named == IkcpRecord::stamps_kept) return std::nullopt;
  return age_us(moment, named);
}

// Two of one millisecond have the same stamp: the later one is meant.
inline std::uint32_t SendSlot::place_named(Stamp32 stamp) const {
  const std::uint32_t kept = std::min<std::uint32_t>(transmissions, IkcpRecord::stamps_kept);
  std::uint32_t named = IkcpRecord::stamps_kept;
  for (std::uint32_t i = 0; i < kept; ++i) {
    if (ikcp.stamps[i] != stamp) continue;
    if (named == IkcpRecord::stamps_kept || ikcp.stamp_us[i] > ikcp.stamp_us[named]) named = i;
  }
  return named;
}

inline void SendSlot::record_flown(Instant now, std::uint32_t spares) {
  if (transmissions == 0) std::construct_at(&flown);
  if (spares == Flown::spares_max) flown.copies_us[Flown::first] = flown.copies_us[Flown::oldest];
  if (transmissions >= 2) {
    flown.copies_us[Flown::oldest] = flown.copies_us[Flown::older];
    flown.copies_us[Flown::older] = flown.copies_us[Flown::latest];
  }
  const auto now_us = static_cast<std::uint32_t>(now.count_us());
  if (transmissions == 0) flown.copies_us[Flown::first] = now_us;
  flown.copies_us[Flown::latest] = now_us;
  if (transmissions < transmissions_max) ++transmissions;
}

// Of two copies in one millisecond the later one is meant: nobody can tell, and the earlier one was given up. With a spare it is the
// earlier one, which would come first; the later one would show as overtaken what left between the two.
inline std::optional<SendSlot::Copy> SendSlot::copy_named(Stamp32 stamp, const Moment& moment) const {
  const std::int64_t age_ms = moment.stamp.distance_from(stamp);
  const std::int64_t now_us = moment.now.count_us();
  const bool pair = flown.spares_sent > 0;
  const std::uint32_t newest = pair ? Flown::older : Flown::latest;
  const std::uint32_t next = pair ? Flown::latest : Flown::older;
  for (const std::uint32_t place : {newest, next, std::uint32_t{Flown::oldest}, std::uint32_t{Flown::first}}) {
    if ((place == Flown::older && transmissions < 3) || (place == Flown::oldest && transmissions < 4)) continue;
    const std::uint32_t age = flown_age_us(moment.now, place);
    if (now_us / 1000 - (now_us - age) / 1000 == age_ms) return Copy{place, age};
  }
  return std::nullopt;
}

}  // namespace penstock::kcp
