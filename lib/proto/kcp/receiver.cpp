#include "proto/kcp/receiver.hpp"

#include <algorithm>
#include <utility>

namespace penstock::kcp {

bool Receiver::store(Seq32 sn, std::uint8_t fragment, Segment&& payload, Environment& env) {
  const auto count = static_cast<std::uint32_t>(sn.distance_from(deliver_)) + 1;
  PENSTOCK_ASSERT(count <= env.options.receive_window());
  if (!ring_.reserve(env.memory, count, deliver_, end_)) return false;
  ReceiveSlot& slot = ring_[sn];
  PENSTOCK_ASSERT(!slot.present);
  slot.payload = std::move(payload);
  slot.fragment = fragment;
  slot.present = true;
  if (!sn.before(end_)) end_ = sn + 1;
  if (sn.before(fresh_)) fresh_ = sn;
  for (; held(next_); ++next_) in_order_bytes_ += ring_[next_].payload.length();
  skip_empty(env);
  return true;
}

std::optional<Received> Receiver::poll_receive(Environment& env) {
  if (deliver_ == next_) return std::nullopt;
  const std::uint8_t following = env.options.stream ? std::uint8_t{0} : ring_[deliver_].fragment;
  if (undelivered() <= following) return std::nullopt;
  Received received{.bytes = take_first(env), .message_ends = !env.options.stream && following == 0};
  skip_empty(env);
  env.counters.bytes_received += received.bytes.length();
  if (received.message_ends) ++env.counters.messages_received;
  return received;
}

std::optional<Receivable> Receiver::receivable(const Options& options) const {
  if (deliver_ == next_) return std::nullopt;
  if (options.stream) return Receivable{.segments = undelivered(), .bytes = in_order_bytes_};
  const std::uint32_t count = ring_[deliver_].fragment + 1u;
  if (undelivered() < count) return std::nullopt;
  Receivable whole{.segments = count};
  for (std::uint32_t i = 0; i < count; ++i) whole.bytes += ring_[deliver_ + i].payload.length();
  return whole;
}

void Receiver::keep(bool foreign_scarce, Environment& env) {
  for (Seq32 sn = foreign_scarce ? deliver_ : fresh_; sn.before(end_); ++sn) {
    Segment& payload = ring_[sn].payload;
    payload = env.blocks.compact(std::move(payload), foreign_scarce);
  }
  fresh_ = end_;
}

void Receiver::release(Environment& env) {
  for (; deliver_ != end_; ++deliver_) ring_[deliver_] = {};
  ring_.release(env.memory);
  deliver_ = next_;
  end_ = next_;
  fresh_ = next_;
  in_order_bytes_ = 0;
}

Segment Receiver::take_first(Environment& env) {
  ReceiveSlot& slot = ring_[deliver_];
  PENSTOCK_ASSERT(slot.present);
  Segment payload = std::move(slot.payload);
  slot.present = false;
  in_order_bytes_ -= payload.length();
  ++deliver_;
  if (fresh_.before(deliver_)) fresh_ = deliver_;
  if (!holds()) ring_.release(env.memory);
  return payload;
}

// An empty segment says nothing in a stream, so it is not handed out and does not fill the window.
void Receiver::skip_empty(Environment& env) {
  if (!env.options.stream) return;
  while (deliver_ != next_ && ring_[deliver_].payload.empty()) take_first(env);
}

}  // namespace penstock::kcp
