// SessionId: the name of one session, valid for its life and never mistaken for its successor.
//
// A slab index (32 bits), the generation of that place (24 bits, 1 … 2^24 − 1) and the worker that owns it (8 bits). An
// id kept after its session closed finds nothing, until the same place was used 16,777,215 times more. Telemetry prints
// raw(). A plain value, usable on every core; only the owning worker may look it up. All zero bits are no session, so
// zeroed memory holds invalid ids.
#pragma once

#include <compare>
#include <cstdint>

#include "base/assert.hpp"

namespace penstock {

class SessionId {
 public:
  static constexpr std::uint32_t generation_max = (1u << 24) - 1;

  constexpr SessionId() = default;  // no session
  constexpr SessionId(std::uint32_t index, std::uint32_t generation, std::uint8_t worker)
      : raw_(std::uint64_t{worker} << 56 | std::uint64_t{generation} << 32 | index) {
    PENSTOCK_ASSERT(generation != 0);
    PENSTOCK_ASSERT(generation <= generation_max);
  }
  // From what raw() gave, possibly through an operator's hands: any 64 bits make an id, which then names a session or not.
  static constexpr SessionId from_raw(std::uint64_t raw) {
    SessionId id;
    id.raw_ = raw;
    return id;
  }

  constexpr std::uint64_t raw() const { return raw_; }
  constexpr std::uint32_t index() const { return static_cast<std::uint32_t>(raw_); }
  constexpr std::uint32_t generation() const { return static_cast<std::uint32_t>(raw_ >> 32) & generation_max; }
  constexpr std::uint8_t worker() const { return static_cast<std::uint8_t>(raw_ >> 56); }
  // False when it names no session and never did.
  constexpr bool is_valid() const { return generation() != 0; }
  // The generation that follows `generation` at the same place; 0 is left out.
  static constexpr std::uint32_t next_generation(std::uint32_t generation) {
    return generation == generation_max ? 1 : generation + 1;
  }

  constexpr auto operator<=>(const SessionId&) const = default;

 private:
  std::uint64_t raw_ = 0;
};
static_assert(sizeof(SessionId) == 8);

}  // namespace penstock
