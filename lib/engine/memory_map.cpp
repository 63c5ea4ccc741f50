#include "engine/memory_map.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/arena.hpp"

namespace penstock {

namespace {

// A region of a worker, in whole cache lines.
struct Lines {
  std::uintptr_t first;
  std::uintptr_t last;
  std::size_t worker;
  const MemoryRegion* region;
};

bool same_exchange(const MemoryRegion& a, const MemoryRegion& b) {
  return a.exchanged && b.exchanged && a.first == b.first && a.bytes == b.bytes;
}

std::string fault(const Lines& a, const Lines& b) {
  return fmt::format("a cache line belongs to \"{}\" of worker {} and to \"{}\" of worker {}", a.region->holder,
                     a.worker, b.region->holder, b.worker);
}

}  // namespace

void MemoryMap::add(std::string_view holder, std::span<const std::byte> bytes, bool exchanged) {
  if (bytes.empty()) return;
  regions_.push_back({.holder = std::string(holder),
                      .first = reinterpret_cast<std::uintptr_t>(bytes.data()),
                      .bytes = bytes.size(),
                      .exchanged = exchanged});
}

bool MemoryMap::covers(std::uintptr_t first, std::size_t bytes) const {
  return std::ranges::any_of(regions_, [&](const MemoryRegion& region) {
    return first >= region.first && first + bytes <= region.first + region.bytes;
  });
}

std::expected<void, std::string> no_common_line(std::span<const MemoryMap> workers) {
  std::vector<Lines> all;
  for (std::size_t worker = 0; worker < workers.size(); ++worker) {
    for (const MemoryRegion& region : workers[worker].regions()) {
      const std::uintptr_t last = region.first + region.bytes - 1;
      all.push_back({region.first / cache_line_bytes, last / cache_line_bytes, worker, &region});
    }
  }
  std::ranges::sort(all, {}, &Lines::first);
  for (auto a = all.begin(); a != all.end(); ++a) {
    for (auto b = a + 1; b != all.end() && b->first <= a->last; ++b) {
      if (a->worker == b->worker || same_exchange(*a->region, *b->region)) continue;
      return std::unexpected(fault(*a, *b));
    }
  }
  return {};
}

}  // namespace penstock
