// Link: one direction of a line with faults: frames and time go in, the frames that survive come out when they are due.
//
// A machine without I/O, of one core, deterministic from its Rng. offer() decides a frame's fate at once: partition,
// blackhole, loss, corruption, then a place in the queue, whose departure the rate, the delay and the release set. poll()
// hands out what is due, by time and among equals by age. The queue is bounded and drops its tail; all its memory comes
// from the arena at construction.
//
// Jitter alone keeps the order, as a queue does, and so does a release; only `reorder` lets later frames overtake. A frame
// that is duplicated, corrupted or marked is copied into a block of `copies` first, since others may hold its bytes; a dry
// pool, or a frame larger than its blocks, spares the frame that fault and counts. Exactly one bit is flipped: the Internet sum misses some pairs of
// flips, and then a receiver would be blamed for what it cannot notice.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

#include "base/arena.hpp"
#include "base/rng.hpp"
#include "base/slab.hpp"
#include "base/time.hpp"
#include "buf/block.hpp"
#include "engine/impairment.hpp"
#include "net/frame.hpp"

namespace penstock::impair {

enum class Fate : std::uint8_t { queued, lost, burst_lost, partitioned, blackholed, queue_full };

template <class Frame>
class Link {
 public:
  // There is memory for impairment.queue_frames, which a later change may only lower. The link is of one direction: cut
  // when its partition is anything but none. `copies` must outlive the link.
  Link(Arena& arena, const Impairment& impairment, BlockPool& copies, Rng rng);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Consumes the frame whatever becomes of it.
  Fate offer(Frame&& frame, Instant now);
  // The next frame that is due.
  std::optional<Frame> poll(Instant now);
  // When poll() will have a frame.
  Instant next_deadline() const { return held_ == 0 ? Instant::never() : heap_[0].due; }
  std::uint32_t held() const { return held_; }
  // Frames that may be offered before one is dropped, unless some are polled before.
  std::uint32_t room() const {
    const std::uint32_t places = std::min(impairment_.queue_frames, frames_.capacity());
    return held_ < places ? places - held_ : 0;
  }

  // From now on these faults; what is under way keeps its time, and the chance goes on where it was.
  void change(const Impairment& impairment);
  // While cut, everything offered is lost; what is under way arrives.
  void cut(bool is_cut) { cut_ = is_cut; }
  const LinkCounters& counters() const { return counters_; }
  const Impairment& impairment() const { return impairment_; }
  // What the constructor takes of an arena.
  static std::size_t cost(std::uint32_t queue_frames) {
    return Slab<Frame>::cost(queue_frames) + Arena::cost<Entry>(queue_frames);
  }

 private:
  // One frame under way. Kept apart from the frame, so that sifting the heap moves 24 bytes.
  struct Entry {
    Instant due;
    std::uint64_t order = 0;
    std::uint32_t frame = 0;
    // The heap's order: what leaves later sinks.
    bool operator<(const Entry& other) const { return due != other.due ? due > other.due : order > other.order; }
  };
  // Rolls whether a burst of losses begins or ends with this frame.
  bool in_burst();
  bool too_long(const Frame& frame) const;
  bool enqueue(Frame&& frame, Instant now);
  Instant departure(std::uint32_t bytes, Instant now);
  Instant released(Instant due) const;
  void corrupt(Frame& frame);
  void mark(Frame& frame);

  Impairment impairment_;
  BlockPool& copies_;
  Rng rng_;
  Rng burst_rng_;  // of its own, so that bursts do not shift the others' luck
  Slab<Frame> frames_;
  std::span<Entry> heap_;
  std::uint32_t held_ = 0;
  bool cut_ = false;
  bool burst_ = false;       // a burst of losses lasts
  std::uint64_t order_ = 0;  // counts frames queued
  std::int64_t line_free_ns_ =
      0;              // when the last bit of the last frame has left at the rate; ns keep short frames exact
  Instant last_due_;  // of the last frame that kept its order
  LinkCounters counters_;
};

extern template class Link<net::RxFrame>;
extern template class Link<net::TxFrame>;

}  // namespace penstock::impair
