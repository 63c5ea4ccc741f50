#include "path/ticked_ikcp.hpp"

namespace penstock::path {

using diff::require;

namespace {

constexpr Duration tick = Duration::ms(1);

}  // namespace

TickedIkcp::TickedIkcp(const kcp::Options& options, Duration phase)
    : window_(options.snd_wnd), room_(options.snd_wnd), next_tick_(Instant() + phase), kcp_(diff::conv, options) {}

bool TickedIkcp::send(std::span<const std::uint8_t> message, Instant) {
  if (room_ == 0) return false;
  --room_;
  return kcp_.send(message) >= 0;
}

void TickedIkcp::input(std::span<const std::uint8_t> datagram, Instant) {
  require(kcp_.input(datagram) == 0, "ikcp refuses a datagram");
}

std::vector<diff::Bytes> TickedIkcp::turn(Instant now) {
  if (now < next_tick_) return {};
  kcp_.update(static_cast<std::uint32_t>(now.count_ms()));
  next_tick_ = next_tick_ + tick;
  const std::uint32_t unsent = kcp_.look().unsent;
  room_ = unsent < window_ ? window_ - unsent : 0;
  return kcp_.take();
}

bool TickedIkcp::drained() {
  const IkcpLook look = kcp_.look();
  return look.unsent == 0 && look.in_flight_kept == 0;
}

}  // namespace penstock::path
