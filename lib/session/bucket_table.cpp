#include "session/bucket_table.hpp"

#include <algorithm>
#include <bit>

#include "base/assert.hpp"

namespace penstock {

BucketTable::BucketTable(Arena& arena, std::uint32_t capacity)
    : buckets_(arena.make<Bucket>(buckets_for(capacity))),
      bucket_mask_(buckets_for(capacity) - 1),
      capacity_(capacity) {
  PENSTOCK_ASSERT(capacity > 0);
  PENSTOCK_ASSERT(std::has_single_bit(buckets_.size()));
}

std::size_t BucketTable::cost(std::uint32_t capacity) { return Arena::cost<Bucket>(buckets_for(capacity)); }

// Capacity ÷ (4 slots × 0.8) buckets, up to a power of two, and never so few that a probe would come around.
std::uint32_t BucketTable::buckets_for(std::uint32_t capacity) {
  const std::uint64_t needed = (std::uint64_t{capacity} * 5 + 15) / 16;
  return static_cast<std::uint32_t>(std::bit_ceil(std::max<std::uint64_t>(needed, probe_buckets_max)));
}

bool BucketTable::insert(std::uint64_t hash, std::uint64_t value) {
  PENSTOCK_ASSERT(value != 0);
  if (count_ == capacity_) return false;
  const std::uint32_t home = home_of(hash);
  for (std::uint32_t probe = 0; probe < probe_buckets_max; ++probe) {
    for (Slot& slot : buckets_[(home + probe) & bucket_mask_].slots) {
      if (slot.value != 0) continue;
      slot.tag = (slot.tag & ~tag_mask) | (hash & tag_mask);
      slot.value = value;
      count_passing(home, probe, 1);
      ++count_;
      return true;
    }
  }
  return false;
}

bool BucketTable::erase(std::uint64_t hash, std::uint64_t value) {
  PENSTOCK_ASSERT(value != 0);
  const std::uint32_t home = home_of(hash);
  for (std::uint32_t probe = 0; probe < probe_buckets_max; ++probe) {
    Bucket& bucket = buckets_[(home + probe) & bucket_mask_];
    for (Slot& slot : bucket.slots) {
      if (((slot.tag ^ hash) & tag_mask) != 0 || slot.value != value) continue;
      slot.value = 0;
      count_passing(home, probe, -1);
      --count_;
      return true;
    }
    if (bucket.passed() == 0) return false;
  }
  return false;
}

// An entry `steps` buckets from home passed over those before it. At most 15 buckets of four entries pass over one, so
// the count of 60 fits a byte with room to spare.
void BucketTable::count_passing(std::uint32_t home, std::uint32_t steps, int change) {
  for (std::uint32_t step = 0; step < steps; ++step) {
    Slot& first = buckets_[(home + step) & bucket_mask_].slots[0];
    const int passed = static_cast<int>(first.tag & ~tag_mask) + change;
    PENSTOCK_ASSERT(passed >= 0);
    PENSTOCK_ASSERT(passed <= static_cast<int>((probe_buckets_max - 1) * slots_per_bucket));
    first.tag = (first.tag & tag_mask) | static_cast<std::uint64_t>(passed);
  }
}

std::uint32_t BucketTable::longest_probe() const {
  std::uint32_t longest = 0;
  for (std::uint32_t at = 0; at < bucket_count(); ++at) {
    for (const Slot& slot : buckets_[at].slots) {
      if (slot.value != 0) longest = std::max(longest, (at - home_of(slot.tag)) & bucket_mask_);
    }
  }
  return longest;
}

}  // namespace penstock
