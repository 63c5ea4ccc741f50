// BucketTable: the bounded hash table under the flow table and the prefix quota.
//
// It maps a keyed 64-bit hash to a 64-bit value other than 0, in cache-line buckets of four 16-byte slots, at a load of
// at most 0.8 and with all memory taken at construction; nothing is rehashed. A slot keeps the upper 56 bits of the hash as
// its tag, from which both its buckets follow; it does not keep the key: who needs certainty passes a predicate over the
// value. Up to eight entries may share a tag.
//
// The number of buckets need not be a power of two, which would cost up to as much again: the home comes from the hash's upper
// half by a multiplication (Lemire 2019). From there to the other bucket it is an exclusive-or of the lower bits, so that the
// way back is the same; both lie in one block of 16,384 buckets. A block's share of the entries varies by some 0.35 % of its slots.
//
// An entry lies in its home bucket or in its other one (cuckoo hashing, Pagh and Rodler 2001, with buckets of four as by
// Dietzfelbinger and Weidling 2007, where two choices are enough up to load 0.98). Every bucket counts, in the spare byte
// of its first slot, its entries that lie in their other bucket; only while that is not 0 does a look-up go there. So a
// look-up touches two lines at the very most and mostly one, and erasing leaves no tombstone. An insert that finds both
// buckets full moves entries to their other buckets along the shortest path to a free slot. The search looks at 42 buckets
// (a path of three moves) and then refuses: the caller counts it. At load 0.8 no refusal was seen in 10^7 inserts. Plain
// probing over sixteen neighbours refused one in a thousand there: runs of full buckets grow far longer than the backlog.
// One core owns a table.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/arena.hpp"

namespace penstock {

class BucketTable {
 public:
  static constexpr std::uint32_t slots_per_bucket = 4;
  static constexpr std::uint32_t same_tag_max = 2 * slots_per_bucket;

  // Room for `capacity` entries, 1 … 2^29.
  BucketTable(Arena& arena, std::uint32_t capacity);
  BucketTable(const BucketTable&) = delete;
  BucketTable& operator=(const BucketTable&) = delete;
  // What the constructor takes of an arena.
  static std::size_t cost(std::uint32_t capacity);

  // Adds an entry beside any with the same tag. False when `capacity` entries are held or no free slot is in reach.
  bool insert(std::uint64_t hash, std::uint64_t value);
  // The value of the first entry with this tag for which `matches(value)` is true, to be read or overwritten (never with
  // 0); nullptr when there is none. Valid until the next insert() or erase().
  template <class Matches>
  std::uint64_t* find(std::uint64_t hash, Matches&& matches);
  // Removes one entry with this tag and this value; false when there is none.
  bool erase(std::uint64_t hash, std::uint64_t value);
  // Asks for the home bucket's cache line.
  void prefetch(std::uint64_t hash) const { __builtin_prefetch(&buckets_[home_of(hash)]); }

  std::uint32_t count() const { return count_; }
  std::uint32_t capacity() const { return capacity_; }
  std::uint32_t bucket_count() const { return static_cast<std::uint32_t>(buckets_.size()); }
  // Entries that lie in their other bucket. Walks the whole table: for reports and tests, never on the path.
  std::uint32_t displaced() const;

 private:
  struct Slot {
    std::uint64_t tag;    // bits 63 … 8 of the hash; bits 7 … 0 belong to the bucket: see `away()`
    std::uint64_t value;  // 0: the slot is free
  };
  struct alignas(cache_line_bytes) Bucket {
    std::array<Slot, slots_per_bucket> slots;

    // Entries whose home this is and which lie in their other bucket, 0 … 255.
    std::uint8_t away() const { return static_cast<std::uint8_t>(slots[0].tag); }
  };
  static_assert(sizeof(Bucket) == cache_line_bytes);
  // A bucket that the search for a free slot came to: by moving the entry in `slot` of the step `parent`.
  struct Step {
    std::uint32_t bucket;
    std::uint32_t parent;
    std::uint32_t slot;
  };
  static constexpr std::uint64_t tag_mask = ~std::uint64_t{0xff};
  static constexpr int away_max = 255;
  static constexpr std::uint32_t steps_max = 2 + 8 + 32;
  static constexpr std::uint32_t buckets_min = 16;
  static constexpr std::uint32_t buckets_max = 1u << 28;
  static constexpr std::uint32_t block_buckets_max = 1u << 14;

  // From bits that the tag keeps, so that a hash and a slot's tag agree on it; so does the way to the other bucket, from others.
  std::uint32_t home_of(std::uint64_t hash) const {
    return static_cast<std::uint32_t>(((hash >> 32) * bucket_count_) >> 32);
  }
  // From either bucket of an entry to the other. Never the same one.
  std::uint32_t other_of(std::uint64_t hash, std::uint32_t bucket) const {
    return bucket ^ ((static_cast<std::uint32_t>(hash >> 8) & block_mask_) | 1);
  }
  static bool same_tag(std::uint64_t a, std::uint64_t b) { return ((a ^ b) & tag_mask) == 0; }
  static std::uint32_t buckets_for(std::uint32_t capacity);
  static Slot* free_slot(Bucket& bucket);
  static bool is_step(std::span<const Step> steps, std::uint32_t bucket);
  // False for an entry in its home bucket when the count of those away is at its end.
  bool may_leave(std::uint64_t hash, std::uint32_t bucket) const {
    return bucket != home_of(hash) || buckets_[bucket].away() < away_max;
  }
  // Frees a slot in one of the hash's two buckets, if any is in reach; tells the bucket.
  Slot* make_room(std::uint64_t hash, std::uint32_t& bucket);
  Slot* move_along(std::span<const Step> steps, std::uint32_t at, Slot* room, std::uint32_t& bucket);
  void move(Slot& from, std::uint32_t from_bucket, Slot& to, std::uint32_t to_bucket);
  void fill(Slot& slot, std::uint32_t bucket, std::uint64_t hash, std::uint64_t value);
  void vacate(Slot& slot, std::uint32_t bucket);
  void count_away(std::uint32_t home, int change);

  std::span<Bucket> buckets_;
  std::uint64_t bucket_count_;  // a multiple of the block's
  std::uint32_t block_mask_;    // buckets of a block, a power of two, less one
  std::uint32_t capacity_;
  std::uint32_t count_ = 0;
};

template <class Matches>
std::uint64_t* BucketTable::find(std::uint64_t hash, Matches&& matches) {
  const std::uint32_t home = home_of(hash);
  for (Slot& slot : buckets_[home].slots) {
    if (same_tag(slot.tag, hash) && slot.value != 0 && matches(slot.value)) return &slot.value;
  }
  if (buckets_[home].away() == 0) return nullptr;
  for (Slot& slot : buckets_[other_of(hash, home)].slots) {
    if (same_tag(slot.tag, hash) && slot.value != 0 && matches(slot.value)) return &slot.value;
  }
  return nullptr;
}

}  // namespace penstock
