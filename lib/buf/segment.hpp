// Segment: some bytes of a Block, and the right to read them. 16 bytes, move-only.
//
// Holding a Segment holds the Block; share() makes a second hold on the same bytes, destruction lets go, and the last one
// to let go returns the block to its pool. Bytes may be written only while nobody else holds the block. All Segments of a
// block live on one core.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "buf/block.hpp"

namespace penstock {

class Segment {
 public:
  Segment() = default;
  ~Segment() { reset(); }
  Segment(Segment&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)), stretch_(std::exchange(other.stretch_, {})) {}
  Segment& operator=(Segment&& other) noexcept {
    if (this != &other) {
      reset();
      block_ = std::exchange(other.block_, nullptr);
      stretch_ = std::exchange(other.stretch_, {});
    }
    return *this;
  }

  // Takes over one reference that the caller holds (from allocate() or detach()). The stretch must lie in the block.
  static Segment adopt(Block* block, std::uint32_t offset, std::uint32_t length) {
    PENSTOCK_ASSERT(block != nullptr && block->refs > 0);
    PENSTOCK_ASSERT(offset <= block->size && length <= block->size - offset);
    return Segment(block, offset, length);
  }
  // Gives up the reference without releasing it: for hand-off between cores and to the NIC.
  Block* detach() {
    stretch_.length = 0;
    return std::exchange(block_, nullptr);
  }

  // A second hold on the same bytes, or on `length` of them from `from`.
  Segment share() const { return share(0, stretch_.length); }
  Segment share(std::uint32_t from, std::uint32_t length) const {
    PENSTOCK_ASSERT(block_ != nullptr);
    PENSTOCK_ASSERT(from <= stretch_.length && length <= stretch_.length - from);
    ++block_->refs;
    return Segment(block_, stretch_.offset + from, length);
  }
  void reset() {
    if (block_ == nullptr) return;
    Block* block = std::exchange(block_, nullptr);
    stretch_.length = 0;
    PENSTOCK_ASSERT(block->refs > 0);
    if (--block->refs == 0) block->pool->release(block);
  }

  void trim_front(std::uint32_t count) {
    PENSTOCK_ASSERT(count <= stretch_.length);
    stretch_.offset += count;
    stretch_.length -= count;
  }
  void trim_back(std::uint32_t count) {
    PENSTOCK_ASSERT(count <= stretch_.length);
    stretch_.length -= count;
  }
  // Moves the bounds outward over bytes of the same block (headroom in front, tailroom behind). Nobody else may hold it.
  void extend_front(std::uint32_t count) {
    PENSTOCK_ASSERT(unique() && count <= stretch_.offset);
    stretch_.offset -= count;
    stretch_.length += count;
  }
  void extend_back(std::uint32_t count) {
    PENSTOCK_ASSERT(unique() && count <= tailroom());
    stretch_.length += count;
  }

  bool holds() const { return block_ != nullptr; }
  bool unique() const { return block_ != nullptr && block_->refs == 1; }
  bool empty() const { return stretch_.length == 0; }
  std::uint32_t length() const { return stretch_.length; }
  std::uint32_t offset() const { return stretch_.offset; }
  std::uint32_t tailroom() const { return block_ == nullptr ? 0 : block_->size - stretch_.offset - stretch_.length; }
  Block* block() const { return block_; }
  // Where the bytes begin. Requires holds().
  const std::uint8_t* data() const { return block_->data + stretch_.offset; }
  std::span<const std::uint8_t> bytes() const {
    return block_ == nullptr ? std::span<const std::uint8_t>{}
                             : std::span<const std::uint8_t>{block_->data + stretch_.offset, stretch_.length};
  }
  // Asserts that nobody else holds the block.
  std::span<std::uint8_t> writable() {
    PENSTOCK_ASSERT(unique());
    return {block_->data + stretch_.offset, stretch_.length};
  }

 private:
  Segment(Block* block, std::uint32_t offset, std::uint32_t length) : block_(block), stretch_{offset, length} {}

  // Moved as one word.
  struct alignas(8) Stretch {
    std::uint32_t offset = 0;
    std::uint32_t length = 0;
  };

  Block* block_ = nullptr;
  Stretch stretch_;
};
static_assert(sizeof(Segment) == 16);

}  // namespace penstock
