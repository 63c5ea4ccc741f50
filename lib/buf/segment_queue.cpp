#include "buf/segment_queue.hpp"

#include <memory>

namespace penstock {

SegmentChunkPool::SegmentChunkPool(Arena& arena, std::uint32_t capacity) : capacity_(capacity) {
  auto* chunks = reinterpret_cast<SegmentChunk*>(arena.allocate(std::size_t{capacity} * sizeof(SegmentChunk)));
  for (std::uint32_t i = capacity; i > 0; --i) give(std::construct_at(chunks + i - 1));
}

SegmentChunk* SegmentChunkPool::take() {
  if (free_ == nullptr) return nullptr;
  SegmentChunk* chunk = std::exchange(free_, free_->next);
  chunk->next = nullptr;
  --available_;
  return chunk;
}

void SegmentChunkPool::give(SegmentChunk* chunk) {
  PENSTOCK_ASSERT(available_ < capacity_);
  chunk->next = free_;
  free_ = chunk;
  ++available_;
}

SegmentQueue::SegmentQueue(SegmentQueue&& other) noexcept
    : pool_(other.pool_),
      head_(std::exchange(other.head_, nullptr)),
      tail_(std::exchange(other.tail_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      count_(std::exchange(other.count_, 0)),
      first_(std::exchange(other.first_, std::uint16_t{0})),
      end_(std::exchange(other.end_, std::uint16_t{0})) {}

SegmentQueue& SegmentQueue::operator=(SegmentQueue&& other) noexcept {
  if (this != &other) {
    clear();
    std::destroy_at(this);
    std::construct_at(this, std::move(other));
  }
  return *this;
}

bool SegmentQueue::push_back(Segment&& segment) {
  if (tail_ == nullptr || end_ == SegmentChunk::places) {
    SegmentChunk* chunk = pool_->take();
    if (chunk == nullptr) return false;
    (tail_ == nullptr ? head_ : tail_->next) = chunk;
    tail_ = chunk;
    end_ = 0;
  }
  bytes_ += segment.length();
  tail_->segments[end_++] = std::move(segment);
  ++count_;
  return true;
}

const Segment& SegmentQueue::front() const {
  PENSTOCK_ASSERT(count_ > 0);
  return head_->segments[first_];
}

Segment SegmentQueue::pop_front() {
  PENSTOCK_ASSERT(count_ > 0);
  Segment segment = std::move(head_->segments[first_]);
  bytes_ -= segment.length();
  --count_;
  if (++first_ == SegmentChunk::places || count_ == 0) {
    SegmentChunk* drained = std::exchange(head_, head_->next);
    pool_->give(drained);
    first_ = 0;
    if (head_ == nullptr) {
      tail_ = nullptr;
      end_ = 0;
    }
  }
  return segment;
}

void SegmentQueue::clear() {
  while (count_ > 0) pop_front();
}

}  // namespace penstock
