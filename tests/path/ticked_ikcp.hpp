// TickedIkcp: the original KCP as most programs run it: ikcp_update() each millisecond, input as it comes.
//
// So it acknowledges and sends when its own interval says so, which is what its peers have to live with. `phase` is when
// its ticks begin: of two ends whose phases differ by less than a tick, one always comes first. As a sender it takes
// messages while fewer than its window wait unsent, as programs that look at ikcp_waitsnd() do. One thread.
#pragma once

#include "diff/ikcp.hpp"

namespace penstock::path {

class TickedIkcp final : public diff::Machine {
 public:
  TickedIkcp(const kcp::Options& options, Duration phase);

  bool send(std::span<const std::uint8_t> message, Instant now) override;
  void input(std::span<const std::uint8_t> datagram, Instant now) override;
  std::vector<diff::Bytes> turn(Instant now) override;
  std::optional<diff::Bytes> receive() override { return kcp_.receive(); }
  Instant next_deadline(Instant) override { return next_tick_; }
  bool drained() override;

 private:
  std::uint32_t window_;
  std::uint32_t room_;  // messages that may be handed in before the next tick
  Instant next_tick_;
  diff::Ikcp kcp_;
};

}  // namespace penstock::path
