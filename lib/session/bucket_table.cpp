#include "session/bucket_table.hpp"

#include <algorithm>
#include <bit>

#include "base/assert.hpp"

namespace penstock {

BucketTable::BucketTable(Arena& arena, std::uint32_t capacity)
    : buckets_(arena.make<Bucket>(buckets_for(capacity))),
      bucket_count_(buckets_.size()),
      block_mask_(std::min(buckets_for(capacity), block_buckets_max) - 1),
      capacity_(capacity) {
  PENSTOCK_ASSERT(capacity > 0);
  PENSTOCK_ASSERT(buckets_.size() <= buckets_max);
}

std::size_t BucketTable::cost(std::uint32_t capacity) { return Arena::cost<Bucket>(buckets_for(capacity)); }

// Capacity ÷ (4 slots × 0.8) buckets: up to a power of two in a table of one block, else up to whole blocks.
std::uint32_t BucketTable::buckets_for(std::uint32_t capacity) {
  const std::uint64_t needed = std::max<std::uint64_t>((std::uint64_t{capacity} * 5 + 15) / 16, buckets_min);
  if (needed <= block_buckets_max) return static_cast<std::uint32_t>(std::bit_ceil(needed));
  return static_cast<std::uint32_t>((needed + block_buckets_max - 1) / block_buckets_max * block_buckets_max);
}

bool BucketTable::insert(std::uint64_t hash, std::uint64_t value) {
  PENSTOCK_ASSERT(value != 0);
  if (count_ == capacity_) return false;
  std::uint32_t bucket = home_of(hash);
  Slot* slot = free_slot(buckets_[bucket]);
  if (slot == nullptr) slot = make_room(hash, bucket);
  if (slot == nullptr) return false;
  fill(*slot, bucket, hash, value);
  ++count_;
  return true;
}

bool BucketTable::erase(std::uint64_t hash, std::uint64_t value) {
  PENSTOCK_ASSERT(value != 0);
  const std::uint32_t home = home_of(hash);
  for (const std::uint32_t bucket : {home, other_of(hash, home)}) {
    for (Slot& slot : buckets_[bucket].slots) {
      if (!same_tag(slot.tag, hash) || slot.value != value) continue;
      vacate(slot, bucket);
      --count_;
      return true;
    }
  }
  return false;
}

BucketTable::Slot* BucketTable::free_slot(Bucket& bucket) {
  for (Slot& slot : bucket.slots) {
    if (slot.value == 0) return &slot;
  }
  return nullptr;
}

bool BucketTable::is_step(std::span<const Step> steps, std::uint32_t bucket) {
  return std::ranges::any_of(steps, [bucket](const Step& step) { return step.bucket == bucket; });
}

// Breadth first from both buckets, so that the fewest entries move. No bucket is a step twice, so that no path uses a
// slot twice.
BucketTable::Slot* BucketTable::make_room(std::uint64_t hash, std::uint32_t& bucket) {
  const std::uint32_t home = home_of(hash);
  const std::uint32_t other = other_of(hash, home);
  const bool may_go = may_leave(hash, home);
  if (Slot* room = free_slot(buckets_[other]); room != nullptr && may_go) {
    bucket = other;
    return room;
  }
  std::array<Step, steps_max> steps;
  steps[0] = {home, 0, 0};
  steps[1] = {other, 1, 0};
  std::uint32_t step_count = may_go ? 2 : 1;
  for (std::uint32_t at = 0; at < step_count; ++at) {
    const std::uint32_t from = steps[at].bucket;
    for (std::uint32_t i = 0; i < slots_per_bucket; ++i) {
      Slot& slot = buckets_[from].slots[i];
      const std::uint32_t next = other_of(slot.tag, from);
      if (!may_leave(slot.tag, from) || is_step(std::span(steps).first(step_count), next)) continue;
      if (Slot* room = free_slot(buckets_[next]); room != nullptr) {
        move(slot, from, *room, next);
        return move_along(steps, at, &slot, bucket);
      }
      if (step_count < steps_max) steps[step_count++] = {next, at, i};
    }
  }
  return nullptr;
}

// `room` is the slot just freed in the bucket of step `at`. Moves every entry on the way back to the root one step on and
// returns the slot that this frees in the root's bucket.
BucketTable::Slot* BucketTable::move_along(std::span<const Step> steps, std::uint32_t at, Slot* room,
                                           std::uint32_t& bucket) {
  while (steps[at].parent != at) {
    const std::uint32_t parent = steps[at].parent;
    Slot& slot = buckets_[steps[parent].bucket].slots[steps[at].slot];
    move(slot, steps[parent].bucket, *room, steps[at].bucket);
    room = &slot;
    at = parent;
  }
  bucket = steps[at].bucket;
  return room;
}

void BucketTable::move(Slot& from, std::uint32_t from_bucket, Slot& to, std::uint32_t to_bucket) {
  PENSTOCK_ASSERT(other_of(from.tag, from_bucket) == to_bucket);
  const Slot entry = from;
  vacate(from, from_bucket);
  fill(to, to_bucket, entry.tag, entry.value);
}

void BucketTable::fill(Slot& slot, std::uint32_t bucket, std::uint64_t hash, std::uint64_t value) {
  PENSTOCK_ASSERT(slot.value == 0);
  slot.tag = (slot.tag & ~tag_mask) | (hash & tag_mask);
  slot.value = value;
  if (bucket != home_of(hash)) count_away(home_of(hash), 1);
}

void BucketTable::vacate(Slot& slot, std::uint32_t bucket) {
  slot.value = 0;
  if (bucket != home_of(slot.tag)) count_away(home_of(slot.tag), -1);
}

void BucketTable::count_away(std::uint32_t home, int change) {
  Slot& first = buckets_[home].slots[0];
  const int away = static_cast<int>(first.tag & ~tag_mask) + change;
  PENSTOCK_ASSERT(away >= 0);
  PENSTOCK_ASSERT(away <= away_max);
  first.tag = (first.tag & tag_mask) | static_cast<std::uint64_t>(away);
}

std::uint32_t BucketTable::displaced() const {
  std::uint32_t displaced = 0;
  for (const Bucket& bucket : buckets_) displaced += bucket.away();
  return displaced;
}

}  // namespace penstock
