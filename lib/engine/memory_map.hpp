// MemoryMap: which memory one worker writes to, region by region, each with the name of its holder.
//
// Two workers share nothing but the hand-off rings, and no cache line either: a line that two cores write travels between
// them, and costs each of them more than a packet. `runtime` makes a map a worker at start from what each part tells of itself,
// and no_common_line() holds them against each other. What workers only read (configurations, listeners' options) is in no map.
// The drivers' queues and the threads' stacks are DPDK's and the kernel's, and not in it either. Main thread, at start.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace penstock {

struct MemoryRegion {
  std::string holder;  // "sessions, tables and pools"
  std::uintptr_t first = 0;
  std::size_t bytes = 0;
  bool exchanged = false;  // a hand-off ring: in the maps of both its workers
};

class MemoryMap {
 public:
  // Empty regions are left out.
  void add(std::string_view holder, std::span<const std::byte> bytes, bool exchanged = false);
  // An object's own bytes, without what its members point to.
  template <class T>
  void add_object(std::string_view holder, const T& object, bool exchanged = false) {
    add(holder, std::as_bytes(std::span(&object, 1)), exchanged);
  }

  std::span<const MemoryRegion> regions() const { return regions_; }
  // True when a region holds all of [first, first + bytes).
  bool covers(std::uintptr_t first, std::size_t bytes) const;

 private:
  std::vector<MemoryRegion> regions_;
};

// Nothing when no cache line is in the maps of two workers, but as part of one and the same exchanged region; else a sentence
// that names both holders.
std::expected<void, std::string> no_common_line(std::span<const MemoryMap> workers);

}  // namespace penstock
