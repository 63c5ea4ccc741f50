#include "path/our_sender.hpp"

namespace penstock::path {

namespace {

// When the engine looks again at what is still due at the end of a turn.
constexpr Duration retry_after = Duration::ms(1);

}  // namespace

OurSender::OurSender(diff::Memory& memory, const kcp::Options& options, std::uint64_t seed)
    : ours_(memory, options, seed, Instant(),
            {.opening = kcp::Opening::by_us, .send_first = {}, .receive_first = {}, .stamp_origin = {}}) {}

void OurSender::wake(Instant now) {
  if (now >= due_) touched_ = true;
}

std::vector<diff::Bytes> OurSender::turn(Instant now) {
  if (!touched_) return {};
  touched_ = false;
  if (now >= ours_.session.next_deadline()) ours_.session.on_timeout(now);
  std::vector<diff::Bytes> datagrams = ours_.transmit(now);
  const Instant deadline = ours_.session.next_deadline();
  due_ = wheel_tick(deadline <= now ? now + retry_after : deadline);
  return datagrams;
}

Instant wheel_tick(Instant deadline) {
  if (deadline.is_never()) return deadline;
  const std::int64_t tick_us = TimerWheel::tick.count_us();
  return Instant::at_us((deadline.count_us() + tick_us - 1) / tick_us * tick_us);
}

}  // namespace penstock::path
