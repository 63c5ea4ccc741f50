// LockedPool: a block pool that any thread may give back to, as a mempool is; the tests' stand-in for one.
#pragma once

#include <cstdint>
#include <mutex>

#include "buf/arena_pool.hpp"

namespace penstock::test {

class LockedPool final : public BlockPool {
 public:
  LockedPool(std::uint32_t block_bytes, std::uint32_t count) : pool_(block_bytes, count) {}

  Block* allocate() noexcept override {
    const std::lock_guard lock(mutex_);
    Block* block = pool_.allocate();
    if (block != nullptr) block->pool = this;
    return block;
  }
  void release(Block* block) noexcept override {
    const std::lock_guard lock(mutex_);
    pool_.release(block);
  }
  std::uint32_t available() const noexcept override {
    const std::lock_guard lock(mutex_);
    return pool_.available();
  }
  std::uint32_t capacity() const noexcept override { return pool_.capacity(); }
  std::uint32_t block_bytes() const noexcept override { return pool_.block_bytes(); }

 private:
  mutable std::mutex mutex_;
  HeapPool pool_;
};

}  // namespace penstock::test
