#include "proto/kcp/receiver.hpp"

#include <algorithm>
#include <utility>

namespace penstock::kcp {

bool Receiver::move_lone(Environment& env) {
  const std::uint32_t bytes = in_order_bytes_;
  Segment payload = take_lone();
  if (!ring_.reserve(env.memory, 1, deliver_, deliver_)) {
    park_lone(std::move(payload));
    return false;
  }
  ring_.place(deliver_, std::move(payload), std::uint8_t{0});
  in_order_bytes_ = bytes;
  return true;
}

bool Receiver::make_room(std::uint32_t count, Environment& env) {
  if (holds_lone() && !move_lone(env)) return false;
  return ring_.reserve(env.memory, undelivered() + count, deliver_, end_);
}

void Receiver::watch_gap(Instant now, const Options& options) {
  if (end_ == next_ || gap_stays()) return;
  const std::int64_t eighth = now.count_us() / (options.stall_timeout_ms * std::int64_t{1000} / 8);
  const auto above = static_cast<std::uint16_t>(eighth * gap_eighth);
  const auto heard = static_cast<std::uint16_t>(gap_heard_ % gap_eighth);
  if (heard > 0 && above == gap_heard_ - heard) return;
  gap_heard_ = static_cast<std::uint16_t>(above + heard + 1);
}

std::optional<Receivable> Receiver::receivable_many(const Options& options) const {
  if (options.stream) return Receivable{.segments = undelivered(), .bytes = in_order_bytes_};
  const std::uint32_t count = ring_[deliver_].fragment + 1u;
  if (undelivered() < count) return std::nullopt;
  Receivable whole{.segments = count};
  for (std::uint32_t i = 0; i < count; ++i) whole.bytes += ring_[deliver_ + i].payload.length();
  return whole;
}

void Receiver::keep(bool foreign_scarce, Environment& env) {
  if (holds_lone()) {
    if (foreign_scarce || fresh_ != end_) park_lone(env.blocks.compact(take_lone(), foreign_scarce));
    fresh_ = end_;
    return;
  }
  for (Seq32 sn = foreign_scarce ? deliver_ : fresh_; sn.before(end_); ++sn) {
    Segment& payload = ring_[sn].payload;
    payload = env.blocks.compact(std::move(payload), foreign_scarce);
  }
  fresh_ = end_;
}

void Receiver::release(Environment& env) {
  if (holds_lone()) {
    take_lone().reset();
    deliver_ = end_;
  }
  for (; deliver_ != end_; ++deliver_) ring_[deliver_].payload.reset();
  ring_.release(env.memory);
  deliver_ = next_;
  end_ = next_;
  fresh_ = next_;
  in_order_bytes_ = 0;
}

// An empty segment says nothing in a stream, so it is not handed out and does not fill the window.
void Receiver::skip_empty(Environment& env) {
  while (deliver_ != next_ && ring_[deliver_].payload.empty()) take_first(env);
}

}  // namespace penstock::kcp
