#include "session/flow_table.hpp"

#include "base/assert.hpp"

namespace penstock {

bool FlowTable::insert(FlowHash hash, SessionId id) {
  PENSTOCK_ASSERT(id.is_valid());
  return table_.insert(hash, id.raw());
}

void FlowTable::erase(FlowHash hash, SessionId id) {
  const bool erased = table_.erase(hash, id.raw());
  PENSTOCK_ASSERT(erased);
}

void FlowTable::find_bulk(std::span<const FlowHash> hashes, std::span<SessionId> candidates) {
  PENSTOCK_ASSERT(candidates.size() >= hashes.size());
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    candidates[i] = find(hashes[i], [](SessionId) { return true; });
  }
}

}  // namespace penstock
