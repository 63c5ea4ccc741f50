// Nat: the router of a client host, which now and then forgets its flows and gives them other ports.
//
// It translates what goes to the listeners that follow a client who moves, and leaves all else alone. The client notices
// nothing. What comes for ports that were forgotten is dropped, as a router does. Checksums are carried over by the difference,
// so a frame that a link has spoilt stays spoilt.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "sim/frames.hpp"

namespace penstock::sim {

class Nat {
 public:
  // Between what a client calls its port and each that its router gives it.
  static constexpr std::uint16_t ports_apart = 100;
  // All flows get ports that they never had before.
  void rebind() { ++times_; }
  // False before the first time: then nothing need be translated.
  bool translates() const { return times_ > 0; }
  // A frame as it leaves the router for the network …
  Bytes outward(std::span<const std::uint8_t> frame) const;
  // … and one as it reaches the host; nothing when it is for a flow that the router has forgotten.
  std::optional<Bytes> inward(std::span<const std::uint8_t> frame) const;

 private:
  std::uint16_t shift() const;

  std::uint32_t times_ = 0;
};

}  // namespace penstock::sim
