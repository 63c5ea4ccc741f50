#include "proto/kcp/fragmenter.hpp"

#include <algorithm>

namespace penstock::kcp {

namespace {

constexpr std::uint32_t gathered_max = SmallBlocks::class_bytes[2];

std::uint32_t pieces_of(std::uint64_t bytes, std::uint32_t piece_bytes) {
  return static_cast<std::uint32_t>((bytes + piece_bytes - 1) / piece_bytes);
}

// Hands out the frg of each segment in turn.
class Numbering {
 public:
  Numbering(std::uint32_t count, bool numbered) : left_(count), numbered_(numbered) {}
  std::uint8_t next() {
    PENSTOCK_ASSERT(left_ > 0);
    --left_;
    return numbered_ ? static_cast<std::uint8_t>(left_) : std::uint8_t{0};
  }
  bool complete() const { return left_ == 0; }

 private:
  std::uint32_t left_;
  bool numbered_;
};

void cut_at_borders(SegmentQueue& message, std::uint32_t mss, Numbering numbers, SmallBlocks& blocks, SendRing& ring,
                    Seq32 sn) {
  if (message.bytes() == 0) ring.place(sn, Segment(), numbers.next());
  while (!message.empty()) {
    Segment segment = message.pop_front();
    if (segment.empty()) continue;
    for (; segment.length() > mss; ++sn) {
      ring.place(sn, segment.share(0, mss), numbers.next());
      segment.trim_front(mss);
    }
    ring.place(sn, blocks.compact(std::move(segment)), numbers.next());
    ++sn;
  }
  PENSTOCK_ASSERT(numbers.complete());
}

// Takes the blocks first, so that a shortage leaves nothing half done.
bool take_blocks(std::uint64_t bytes, const FragmentPlan& plan, Numbering numbers, SmallBlocks& blocks, SendRing& ring,
                 Seq32 first) {
  for (std::uint32_t i = 0; i < plan.count; ++i) {
    const auto length = static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, plan.piece_bytes));
    Segment block = blocks.allocate(length);
    if (!block.holds()) {
      for (std::uint32_t taken = 0; taken < i; ++taken) ring[first + taken].payload.reset();
      return false;
    }
    ring.place(first + i, std::move(block), numbers.next());
    bytes -= length;
  }
  PENSTOCK_ASSERT(bytes == 0);
  return true;
}

void copy_into(const SegmentQueue& message, SendRing& ring, Seq32 sn) {
  std::uint32_t filled = 0;  // bytes of the segment at `sn`
  message.for_each([&](const Segment& segment) {
    auto rest = segment.bytes();
    while (!rest.empty()) {
      if (filled == ring[sn].payload.length()) {
        ++sn;
        filled = 0;
      }
      const auto target = ring[sn].payload.writable().subspan(filled);
      const auto part = rest.first(std::min(rest.size(), target.size()));
      std::ranges::copy(part, target.begin());
      filled += static_cast<std::uint32_t>(part.size());
      rest = rest.subspan(part.size());
    }
  });
}

}  // namespace

FragmentPlan plan_fragments(const SegmentQueue& message, std::uint32_t mss, std::uint32_t count_max) {
  std::uint32_t count = 0;
  message.for_each([&](const Segment& segment) {
    count += segment.length() <= mss ? !segment.empty() : pieces_of(segment.length(), mss);
  });
  if (count <= count_max) return {.count = std::max(count, 1u), .piece_bytes = mss, .gathered = false};
  const std::uint32_t piece_bytes = std::min(mss, gathered_max);
  return {.count = pieces_of(message.bytes(), piece_bytes), .piece_bytes = piece_bytes, .gathered = true};
}

bool cut_fragments(SegmentQueue& message, const FragmentPlan& plan, bool numbered, SmallBlocks& blocks, SendRing& ring,
                   Seq32 first) {
  const Numbering numbers(plan.count, numbered);
  if (!plan.gathered) {
    cut_at_borders(message, plan.piece_bytes, numbers, blocks, ring, first);
    return true;
  }
  if (!take_blocks(message.bytes(), plan, numbers, blocks, ring, first)) return false;
  copy_into(message, ring, first);
  message.clear();
  return true;
}

}  // namespace penstock::kcp
