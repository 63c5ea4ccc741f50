#include "proto/kcp/receiver.hpp"

#include <algorithm>
#include <utility>

namespace penstock::kcp {

std::optional<Receivable> Receiver::receivable_many(const Options& options) const {
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

// An empty segment says nothing in a stream, so it is not handed out and does not fill the window.
void Receiver::skip_empty(Environment& env) {
  while (deliver_ != next_ && ring_[deliver_].payload.empty()) take_first(env);
}

}  // namespace penstock::kcp
