// SegmentQueue: a message or a stretch of a stream as an ordered list of Segments.
//
// Its nodes come from a SegmentChunkPool of the same core, seven Segments a node, so queues of any length share one bound.
// push_back() refuses when the pool is dry and leaves its argument untouched. Move-only; destruction lets go of all.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/arena.hpp"
#include "buf/segment.hpp"

namespace penstock {

struct SegmentChunk {
  static constexpr std::uint32_t places = 7;
  std::array<Segment, places> segments;
  SegmentChunk* next = nullptr;
};

// A fixed number of chunks, taken from the arena at construction. One core.
class SegmentChunkPool {
 public:
  SegmentChunkPool(Arena& arena, std::uint32_t capacity);
  SegmentChunkPool(const SegmentChunkPool&) = delete;
  SegmentChunkPool& operator=(const SegmentChunkPool&) = delete;

  SegmentChunk* take();
  void give(SegmentChunk* chunk);
  std::uint32_t available() const { return available_; }
  std::uint32_t capacity() const { return capacity_; }
  static constexpr std::size_t cost(std::uint32_t capacity) {
    return std::size_t{capacity} * sizeof(SegmentChunk) + cache_line_bytes;
  }

 private:
  SegmentChunk* free_ = nullptr;
  std::uint32_t capacity_;
  std::uint32_t available_ = 0;
};

class SegmentQueue {
 public:
  explicit SegmentQueue(SegmentChunkPool& pool) : pool_(&pool) {}
  ~SegmentQueue() { clear(); }
  SegmentQueue(SegmentQueue&& other) noexcept;
  SegmentQueue& operator=(SegmentQueue&& other) noexcept;

  bool push_back(Segment&& segment);
  // The queue must not be empty.
  Segment pop_front();
  const Segment& front() const;
  void clear();

  bool empty() const { return count_ == 0; }
  std::uint32_t count() const { return count_; }
  std::uint64_t bytes() const { return bytes_; }
  // Calls visit(const Segment&) for each segment in order.
  template <class Visitor>
  void for_each(Visitor&& visit) const {
    std::uint32_t place = first_;
    const SegmentChunk* chunk = head_;
    for (std::uint32_t i = 0; i < count_; ++i) {
      visit(chunk->segments[place]);
      if (++place == SegmentChunk::places) {
        place = 0;
        chunk = chunk->next;
      }
    }
  }

 private:
  SegmentChunkPool* pool_;
  SegmentChunk* head_ = nullptr;
  SegmentChunk* tail_ = nullptr;
  std::uint64_t bytes_ = 0;
  std::uint32_t count_ = 0;
  std::uint16_t first_ = 0;  // place of the front in the head chunk
  std::uint16_t end_ = 0;    // place behind the back in the tail chunk
};

}  // namespace penstock
