// TxBatch: frames on their way to one port's queue, in order, a burst at most.
//
// Frames that a full ring did not take stay at the front for the next turn; in the same turn they are not offered again,
// since preparing a burst in vain costs as much as sending it, and thousands of sessions may ask. When nothing moved for `stuck_after`, or the
// link is down, they are dropped and counted, since what they carry is old by then and the machines send again.
#pragma once

#include <array>
#include <cstdint>

#include "base/time.hpp"
#include "engine/port.hpp"
#include "engine/stats.hpp"

namespace penstock {

class alignas(cache_line_bytes) TxBatch {
 public:
  static constexpr std::uint32_t frames_max = 64;
  static constexpr Duration stuck_after = Duration::ms(100);

  TxBatch(Port& port, std::uint16_t queue, std::uint32_t burst) : port_(&port), queue_(queue), burst_(burst) {
    PENSTOCK_ASSERT(burst > 0 && burst <= frames_max);
  }

  bool full() const { return count_ == burst_; }
  bool empty() const { return count_ == 0; }
  std::uint32_t count() const { return count_; }
  // The place of the next frame, to be filled and then kept by commit(). Requires !full().
  net::TxFrame& next() {
    PENSTOCK_ASSERT(!full());
    return frames_[count_];
  }
  void commit() { ++count_; }
  // A turn begins: a ring that was full may have room again.
  void begin_turn() { refused_ = false; }
  // The ring was full in this turn, and so is the batch: nothing goes out here any more before the next one.
  bool blocked() const { return refused_ && full(); }
  // Offers the frames to the port, unless it has refused some in this turn. True when none is left.
  bool flush(WorkerStats& stats, net::DropCounters& drops, Instant now);

 private:
  void drop_all(net::DropReason reason, net::DropCounters& drops);

  Port* port_;
  std::uint16_t queue_;
  std::uint32_t burst_;
  std::uint32_t count_ = 0;
  bool refused_ = false;                    // in this turn
  Instant stuck_since_ = Instant::never();  // when the port began to take nothing
  std::array<net::TxFrame, frames_max> frames_;
};

}  // namespace penstock
