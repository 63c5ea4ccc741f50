// Handoff: the bounded rings over which workers give each other datagrams and neighbour news.
//
// One single-producer, single-consumer ring for each ordered pair of workers; what crosses is a trivially copyable record.
// A datagram crosses as a raw Block* with `refs == 1`: the giver detaches it and the taker adopts it, so no Segment is ever
// seen by two cores. A block that others hold too is copied first by the giver. A full ring refuses and the giver counts.
#pragma once

#include <boost/lockfree/spsc_queue.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "base/arena.hpp"
#include "base/assert.hpp"
#include "buf/segment.hpp"
#include "engine/memory_map.hpp"
#include "net/path.hpp"
#include "net/stack.hpp"

namespace penstock {

struct HandoffRecord {
  enum class Kind : std::uint8_t { datagram, neighbor, too_big } kind = Kind::datagram;
  net::Path path;            // of a datagram, or of one that is said to be too long …
  std::uint32_t conv = 0;    // … and its conversation
  Block* block = nullptr;    // … its buffer, one reference travelling along
  std::uint32_t offset = 0;  // … and where its UDP payload lies
  std::uint32_t length = 0;
  net::NeighborNews news;  // of a neighbour
};
static_assert(std::is_trivially_copyable_v<HandoffRecord>);

class HandoffRings {
 public:
  static constexpr std::size_t ring_records = 1024;
  // On cache lines of its own.
  struct alignas(cache_line_bytes) HandoffRing
      : boost::lockfree::spsc_queue<HandoffRecord, boost::lockfree::capacity<ring_records>> {};

  explicit HandoffRings(std::uint32_t workers) : workers_(workers) {
    for (std::uint32_t i = 0; i < workers * workers; ++i) rings_.push_back(std::make_unique<HandoffRing>());
  }
  // Pushed by `from`'s core only, popped by `to`'s core only.
  HandoffRing& ring(std::uint32_t from, std::uint32_t to) {
    PENSTOCK_ASSERT(from < workers_ && to < workers_);
    return *rings_[from * workers_ + to];
  }
  std::uint32_t workers() const { return workers_; }
  // Adds the rings from and to a worker.
  void add_memory(std::uint32_t worker, MemoryMap& map) const;

 private:
  std::uint32_t workers_;
  std::vector<std::unique_ptr<HandoffRing>> rings_;
};

inline void HandoffRings::add_memory(std::uint32_t worker, MemoryMap& map) const {
  for (std::uint32_t other = 0; other < workers_; ++other) {
    if (other == worker) continue;
    map.add_object("hand-off ring to worker " + std::to_string(other), *rings_[worker * workers_ + other], true);
    map.add_object("hand-off ring from worker " + std::to_string(other), *rings_[other * workers_ + worker], true);
  }
}

}  // namespace penstock
