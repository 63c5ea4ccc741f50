#include "session/quarantine.hpp"

#include "base/assert.hpp"

namespace penstock {

Quarantine::Quarantine(Arena& arena, std::uint32_t capacity) : ring_(arena, capacity), numbers_(arena, capacity) {}

std::size_t Quarantine::cost(std::uint32_t capacity) {
  return Ring<Entry>::cost(capacity) + BucketTable::cost(capacity);
}

void Quarantine::add(FlowHash hash, Instant now, Instant until) {
  // Two of the ended leave for each that comes, so the ring empties again without one long turn.
  for (int leaving = 0; leaving < 2 && !ring_.empty() && ring_.front().until <= now; ++leaving) leave_oldest();
  if (ring_.full()) leave_oldest();

  const std::uint64_t number = first_ + ring_.count();
  const bool pushed = ring_.push({hash, until});
  PENSTOCK_ASSERT(pushed);
  std::uint64_t* earlier = numbers_.find(hash, [&](std::uint64_t other) { return entry_at(other).hash == hash; });
  if (earlier != nullptr) *earlier = number;
  else static_cast<void>(numbers_.insert(hash, number));
}

bool Quarantine::contains(FlowHash hash, Instant now) {
  const std::uint64_t* number = numbers_.find(hash, [&](std::uint64_t other) { return entry_at(other).hash == hash; });
  return number != nullptr && now < entry_at(*number).until;
}

// The table may hold a later number for the same hash by now; that one stays.
void Quarantine::leave_oldest() {
  const Entry oldest = ring_.pop();
  static_cast<void>(numbers_.erase(oldest.hash, first_));
  ++first_;
}

}  // namespace penstock
