#include "proto/kcp/session.hpp"

#include <utility>

namespace penstock::kcp {

namespace {

// When a send that found no memory is tried again, should nothing else happen before.
constexpr Duration memory_retry = Duration::ms(10);

}  // namespace

static_assert(ReliableSession<Session>);

Session::Session(Environment& env, std::uint32_t conv, Instant now, const Start& start)
    : env_(&env),
      sender_(start.send_first, env.options),
      proven_(start.opening == Opening::by_us),
      conv_(conv),
      receiver_(start.receive_first),
      rtt_(env.options) {
  PENSTOCK_ASSERT(now.count_us() >= 0);
  forget_path(start.path_base);
  stamp_origin_ = start.stamp_origin ? *start.stamp_origin : Stamp32(env.rng.next32());
}

void Session::on_timeout(Instant now) {
  if (phase_ == Phase::closed) return;
  if (now >= deadline_) {
    deadline_ = Instant::never();
    if (phase_ == Phase::closing) return finish(reason_ == CloseReason::drained ? CloseReason::stopped : reason_);
    acks_overdue_ = !acks_.empty();
    if (retry_owed_) writable_event_ = true;
    retry_owed_ = false;
  }
  if (!probe_.on_timeout(now, env_->options)) return finish(CloseReason::stalled);
  sender_.refresh(now, rtt_, env_->options);
}

SendResult Session::send(SegmentQueue& message, Instant now) {
  if (phase_ != Phase::open) return SendResult::closed;
  return after_send(sender_.send(message, mss(), *env_), now);
}

SendResult Session::send(Segment& message, Instant now) {
  if (phase_ != Phase::open) return SendResult::closed;
  return after_send(sender_.send_one(message, *env_), now);
}

inline SendResult Session::after_send(SendResult result, Instant now) {
  if (result == SendResult::accepted) {
    if (retry_owed_) end_retry();
    writable_event_ = false;
  } else if (result == SendResult::full && !sender_.wants_room()) {
    deadline_ = earlier(deadline_, now + memory_retry);
    retry_owed_ = true;
  }
  if (sender_.blocked_by_peer() || probe_.asking()) probe_.on_blocked(sender_.blocked_by_peer(), now, env_->options);
  return result;
}

void Session::close(CloseReason reason, Instant now) {
  if (phase_ == Phase::closed) return;
  const bool graceful = reason == CloseReason::service || reason == CloseReason::drained;
  if (!graceful) return finish(reason);
  if (phase_ == Phase::closing) return;
  phase_ = Phase::closing;
  reason_ = reason;
  deadline_ = now + Duration::ms(env_->options.linger_ms);
  writable_event_ = false;
  receiver_.release(*env_);
  finish_if_drained();
}

std::optional<Received> Session::poll_part() {
  const std::uint32_t before = receiver_.window(env_->options);
  auto received = receiver_.poll_receive(*env_);
  if (received && is_worth_telling(before, receiver_.window(env_->options))) probe_.owe_wins();
  return received;
}

std::optional<SessionEvent> Session::take_event() {
  if (proven_event_) {
    proven_event_ = false;
    return SessionEvent{.kind = SessionEvent::Kind::proven};
  }
  if (writable_event_) {
    writable_event_ = false;
    return SessionEvent{.kind = SessionEvent::Kind::writable};
  }
  if (closed_event_) {
    closed_event_ = false;
    return SessionEvent{.kind = SessionEvent::Kind::closed, .reason = reason_};
  }
  return std::nullopt;
}

void Session::ask_for_life(bool first) {
  if (phase_ == Phase::closed || !proven_) return;
  if (first && sender_.in_flight() == 0 && !probe_.asking()) probe_.owe_life_ping();
  else probe_.owe_wask();
  ++env_->counters.life_probes_sent;
}

void Session::on_path_changed(std::uint16_t path_base, Instant now) {
  rtt_ = Rtt(env_->options);
  forget_path(path_base);
  sender_.on_path_changed(now, rtt_, *env_);
}

bool Session::idle() const { return sender_.drained() && acks_.empty() && !receiver_.holds() && !probe_.owes(); }

bool Session::switch_congestion(congestion::Kind kind, Instant now) {
  return sender_.switch_congestion(kind, now, *env_);
}

Sender::Allowance Session::allowance() const {
  if (env_->options.by_time()) return sender_.allowance(env_->options);
  const bool none = congestion_.kind() == Congestion::Kind::none;
  return {.kind = none ? congestion::Kind::none : congestion::Kind::kcp,
          .segments = congestion_.window(),
          .threshold = congestion_.ssthresh(),
          .rate = 0};
}

Stats Session::stats() const {
  const Sender::Allowance allowed = allowance();
  return {.srtt_us = rtt_.srtt_us(),
          .rttvar_us = rtt_.rttvar_us(),
          .rto_us = rtt_.rto_us(),
          .cwnd = allowed.segments,
          .ssthresh = allowed.threshold,
          .pacing_rate = allowed.rate,
          .congestion = allowed.kind,
          .by_time = env_->options.by_time(),
          .snd_wnd = env_->options.snd_wnd,
          .peer_window = sender_.peer_window(),
          .in_flight = sender_.in_flight(),
          .unsent = sender_.unsent(),
          .queued_bytes = sender_.queued_bytes(),
          .undelivered = receiver_.undelivered(),
          .receive_window = receiver_.window(env_->options),
          .retransmissions = sender_.retransmissions(),
          .path_mtu = datagram_max(),
          .segments_sent = sender_.next().raw(),
          .segments_received = receiver_.una().raw()};
}

void Session::release() {
  phase_ = Phase::closed;
  deadline_ = Instant::never();
  sender_.release(*env_);
  receiver_.release(*env_);
  acks_.clear(env_->memory);
}

// A closing session has no data left to wait for, and what fills a datagram has nothing to gain by waiting.
bool Session::acks_waited_enough() const {
  if (acks_overdue_ || phase_ != Phase::open) return true;
  return (acks_.count() + 1) * header_bytes > env_->options.mtu;
}

// A message was taken, so there is no send to try again; ACKs may still wait for data.
void Session::end_retry() {
  retry_owed_ = false;
  if (acks_due() || acks_.empty()) deadline_ = Instant::never();
}

void Session::finish(CloseReason reason) {
  release();
  reason_ = reason;
  writable_event_ = false;
  closed_event_ = true;
}

void Session::prove() {
  if (proven_) return;
  proven_ = true;
  proven_event_ = true;
  probe_.forbid_ping();
}

}  // namespace penstock::kcp
