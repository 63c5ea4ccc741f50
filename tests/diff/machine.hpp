// Machine: one end of a conversation as the levels D3 and D4 drive it, be it ours or ikcp.
//
// Time is µs of a virtual clock. turn() does what is due and hands out the datagrams that leave now.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/time.hpp"
#include "diff/segments.hpp"
#include "proto/kcp/options.hpp"

namespace penstock::diff {

class Machine {
 public:
  virtual ~Machine() = default;
  // What time alone has brought about, before messages are handed in at that moment; for machines that tell the two apart.
  virtual void wake(Instant) {}
  // False when it takes nothing now.
  virtual bool send(std::span<const std::uint8_t> message, Instant now) = 0;
  virtual void input(std::span<const std::uint8_t> datagram, Instant now) = 0;
  virtual std::vector<Bytes> turn(Instant now) = 0;
  // The next whole message, or the next stretch of a stream.
  virtual std::optional<Bytes> receive() = 0;
  virtual Instant next_deadline(Instant now) = 0;
  // Nothing is queued or in flight.
  virtual bool drained() = 0;
};

inline constexpr std::uint32_t conv = 0x11223344;

}  // namespace penstock::diff
