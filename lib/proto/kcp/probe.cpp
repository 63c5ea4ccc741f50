#include "proto/kcp/probe.hpp"

#include <algorithm>

namespace penstock::kcp {

void Probe::on_blocked(bool blocked, Instant now, const Options& options) {
  if (!blocked) {
    ask_at_ = Instant::never();
    wask_owed_ = false;
    return;
  }
  if (!ask_at_.is_never()) return;
  // Rounded up, so that the session is not given up a moment too early.
  life_owed_ = false;
  life_out_ = false;
  since_ = static_cast<std::uint32_t>((now + Duration::us(999)).count_ms());
  asks_ = 0;
  ask_at_ = now + Duration::ms(std::min(options.probe_initial_ms, options.stall_timeout_ms));
}

bool Probe::on_timeout(Instant now, const Options& options) {
  if (ask_at_.is_never()) return true;
  const std::uint32_t stalled = stalled_ms(now);
  // Right after the window shut, what was rounded up lies ahead.
  const bool rounding = stalled > 0x8000'0000;
  if (!rounding && stalled >= options.stall_timeout_ms) return false;
  if (now >= ask_at_) {
    wask_owed_ = true;
    if (asks_ < 255) ++asks_;
    const std::uint32_t left = options.stall_timeout_ms - (rounding ? 0 : stalled);
    ask_at_ = now + Duration::ms(std::min(wait_ms(options), left));
  }
  return true;
}

// The wait after as many questions as were asked.
std::uint32_t Probe::wait_ms(const Options& options) const {
  std::uint32_t wait = options.probe_initial_ms;
  for (std::uint32_t i = 0; i < asks_ && wait < options.probe_max_ms; ++i) {
    wait = std::min(wait + wait / 2, options.probe_max_ms);
  }
  return wait;
}

// The last number that the peer acknowledged, but never 0: where the conversation is not known, since our address or the peer's
// memory is another by now, a PUSH of 0 begins one, and the service there is told of an empty message that nobody sent.
Seq32 Probe::ping_number(Seq32 send_una) { return send_una.raw() == 1 ? send_una - 2 : send_una - 1; }

Header Probe::make_ping(Header common, Seq32 send_una, Stamp32 secret) {
  PENSTOCK_ASSERT(ping_allowed_);
  ping_allowed_ = false;
  common.command = Command::push;
  common.sn = ping_number(send_una);
  common.stamp = secret;
  return common;
}

Header Probe::make_life_ping(Header common, Seq32 send_una, Stamp32 secret, Instant now) {
  PENSTOCK_ASSERT(life_owed_);
  PENSTOCK_ASSERT(!asking());
  life_owed_ = false;
  life_out_ = true;
  since_ = static_cast<std::uint32_t>(now.count_us());
  common.command = Command::push;
  common.sn = ping_number(send_una);
  common.stamp = secret + since_;
  return common;
}

std::optional<std::uint32_t> Probe::life_answered_us(Seq32 sn, Stamp32 stamp, Seq32 send_una, Stamp32 secret,
                                                     Instant now) {
  if (!life_out_ || stamp != secret + since_ || !sn.before(send_una)) return std::nullopt;
  life_out_ = false;
  return static_cast<std::uint32_t>(now.count_us()) - since_;
}

Header Probe::make_answer(Header common) {
  PENSTOCK_ASSERT(answer_owed_);
  answer_owed_ = false;
  common.command = Command::ack;
  common.sn = answer_sn_;
  common.stamp = answer_stamp_;
  return common;
}

}  // namespace penstock::kcp
