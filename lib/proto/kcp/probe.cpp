#include "proto/kcp/probe.hpp"

#include <algorithm>

namespace penstock::kcp {

void Probe::on_blocked(bool blocked, Instant now, const Options& options) {
  if (!blocked) {
    ask_at_ = Instant::never();
    give_up_at_ = Instant::never();
    wask_owed_ = false;
    return;
  }
  if (!give_up_at_.is_never()) return;
  wait_ms_ = options.probe_initial_ms;
  ask_at_ = now + Duration::ms(wait_ms_);
  give_up_at_ = now + Duration::ms(options.stall_timeout_ms);
}

bool Probe::on_timeout(Instant now, const Options& options) {
  if (now >= give_up_at_) return false;
  if (now >= ask_at_) {
    wask_owed_ = true;
    wait_ms_ = std::min(wait_ms_ + wait_ms_ / 2, options.probe_max_ms);
    ask_at_ = now + Duration::ms(wait_ms_);
  }
  return true;
}

Header Probe::make_ping(Header common, Seq32 send_una, Rng& rng) {
  PENSTOCK_ASSERT(ping_allowed_);
  if (!pinged_) {
    ping_sn_ = send_una - 1;
    ping_stamp_ = Stamp32(rng.next32());
    pinged_ = true;
  }
  ping_allowed_ = false;
  common.command = Command::push;
  common.sn = ping_sn_;
  common.stamp = ping_stamp_;
  return common;
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
