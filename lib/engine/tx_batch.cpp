#include "engine/tx_batch.hpp"

#include <algorithm>
#include <span>

namespace penstock {

bool TxBatch::flush(WorkerStats& stats, net::DropCounters& drops, Instant now) {
  if (count_ == 0) return true;
  if (refused_) return false;
  if (!port_->link_up()) {
    drop_all(net::DropReason::tx_link_down, drops);
    return true;
  }
  // Sizes are taken before the port takes the frames with their bytes.
  std::array<std::uint32_t, frames_max> bytes;
  for (std::uint32_t i = 0; i < count_; ++i) bytes[i] = frames_[i].bytes();
  const std::uint32_t taken = port_->send(queue_, std::span{frames_}.first(count_), drops, now);
  PENSTOCK_ASSERT(taken <= count_);
  stats.tx_packets += taken;
  for (std::uint32_t i = 0; i < taken; ++i) stats.tx_bytes += bytes[i];
  if (taken == count_) {
    count_ = 0;
    stuck_since_ = Instant::never();
    return true;
  }
  ++stats.tx_ring_busy;
  refused_ = true;
  std::move(frames_.begin() + taken, frames_.begin() + count_, frames_.begin());
  count_ -= taken;
  if (taken > 0 || stuck_since_.is_never()) stuck_since_ = now;
  if (now - stuck_since_ < stuck_after) return false;
  drop_all(net::DropReason::tx_ring_full, drops);
  return true;
}

void TxBatch::drop_all(net::DropReason reason, net::DropCounters& drops) {
  drops.count(reason, count_);
  for (std::uint32_t i = 0; i < count_; ++i) frames_[i] = {};
  count_ = 0;
  stuck_since_ = Instant::never();
}

}  // namespace penstock
