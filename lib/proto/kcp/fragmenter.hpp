// Fragmenter: cuts a message into the payloads of its segments, without copying where that is possible.
//
// A payload is a stretch of one block, at most mss long: segments shorter than the mss are legal on the wire, so a message
// is cut at its block borders. Only where that makes more fragments than the receiver takes are the bytes gathered into
// blocks of their own. Used by the sender of the same core.
#pragma once

#include <cstdint>

#include "buf/segment_queue.hpp"
#include "buf/small_blocks.hpp"
#include "proto/kcp/send_slot.hpp"

namespace penstock::kcp {

struct FragmentPlan {
  std::uint32_t count = 0;        // segments that the message will take
  std::uint32_t piece_bytes = 0;  // the longest of them, bytes
  bool gathered = false;          // copied together, since block borders alone would make too many
};

// How `message` is cut for segments of `mss` bytes when at most `count_max` are allowed. `count` is above `count_max` when
// even gathering does not help. An empty message takes one empty segment.
FragmentPlan plan_fragments(const SegmentQueue& message, std::uint32_t mss, std::uint32_t count_max);

// Queues the segments of the plan in the slots from `first` on and empties `message`; `numbered` makes frg count down to 0,
// else it is 0. False when blocks to gather into are short: then the slots hold nothing and the message is as before.
bool cut_fragments(SegmentQueue& message, const FragmentPlan& plan, bool numbered, SmallBlocks& blocks, SendRing& ring,
                   Seq32 first);

}  // namespace penstock::kcp
