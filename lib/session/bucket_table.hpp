// BucketTable: the bounded hash table under the flow table, the prefix quota and the quarantine.
//
// It maps a keyed 64-bit hash to a 64-bit value other than 0, in cache-line buckets of four 16-byte slots, at a load of
// at most 0.8 and with all memory taken at construction; nothing is rehashed. A slot keeps the upper 56 bits of the hash as
// its tag, and the home bucket follows from the tag; it does not keep the key: who needs certainty passes a predicate over
// the value. Several entries may share a tag.
//
// An entry lies in its home bucket or in one of the 15 that follow. Every bucket counts, in the spare byte of its first
// slot, the entries that passed over it because it was full; a look-up goes on exactly while that count is not 0. Erasing
// takes the count back, so nothing decays under churn, no entry ever moves, and insert, find and erase touch 16 lines at
// the very most and nearly always one. At load 0.8 the backlog of buckets of four falls by e^0.43 a slot, so a newcomer
// finds sixteen full buckets about once in 10^12: insert() then refuses, and the caller counts it.
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
  static constexpr std::uint32_t probe_buckets_max = 16;

  // Room for `capacity` entries, at least one.
  BucketTable(Arena& arena, std::uint32_t capacity);
  BucketTable(const BucketTable&) = delete;
  BucketTable& operator=(const BucketTable&) = delete;
  // What the constructor takes of an arena.
  static std::size_t cost(std::uint32_t capacity);

  // Adds an entry beside any with the same tag. False when `capacity` entries are held or the probe finds no free slot.
  bool insert(std::uint64_t hash, std::uint64_t value);
  // The value of the first entry with this tag for which `matches(value)` is true, to be read or overwritten (never with
  // 0); nullptr when there is none. Valid until that entry is erased.
  template <class Matches>
  std::uint64_t* find(std::uint64_t hash, Matches&& matches);
  // Removes the entry with this tag and exactly this value; false when there is none.
  bool erase(std::uint64_t hash, std::uint64_t value);
  // Asks for the home bucket's cache line.
  void prefetch(std::uint64_t hash) const { __builtin_prefetch(&buckets_[home_of(hash)]); }

  std::uint32_t count() const { return count_; }
  std::uint32_t capacity() const { return capacity_; }
  std::uint32_t bucket_count() const { return static_cast<std::uint32_t>(buckets_.size()); }
  // The longest way from home that any present entry has gone, in buckets: 0 … 15. Walks the whole table: for reports
  // and tests, never on the path.
  std::uint32_t longest_probe() const;

 private:
  struct Slot {
    std::uint64_t tag;    // bits 63 … 8 of the hash; in a bucket's first slot bits 7 … 0 count the entries that passed over
    std::uint64_t value;  // 0: the slot is free
  };
  struct alignas(cache_line_bytes) Bucket {
    std::array<Slot, slots_per_bucket> slots;

    std::uint8_t passed() const { return static_cast<std::uint8_t>(slots[0].tag); }
  };
  static_assert(sizeof(Bucket) == cache_line_bytes);
  static constexpr std::uint64_t tag_mask = ~std::uint64_t{0xff};

  // From bits that the tag keeps, so that a hash and a slot's tag agree on it.
  std::uint32_t home_of(std::uint64_t hash) const { return static_cast<std::uint32_t>(hash >> 8) & bucket_mask_; }
  static std::uint32_t buckets_for(std::uint32_t capacity);
  void count_passing(std::uint32_t home, std::uint32_t steps, int change);

  std::span<Bucket> buckets_;
  std::uint32_t bucket_mask_;
  std::uint32_t capacity_;
  std::uint32_t count_ = 0;
};

template <class Matches>
std::uint64_t* BucketTable::find(std::uint64_t hash, Matches&& matches) {
  std::uint32_t at = home_of(hash);
  for (std::uint32_t probe = 0; probe < probe_buckets_max; ++probe) {
    Bucket& bucket = buckets_[at];
    for (Slot& slot : bucket.slots) {
      if (((slot.tag ^ hash) & tag_mask) == 0 && slot.value != 0 && matches(slot.value)) return &slot.value;
    }
    if (bucket.passed() == 0) return nullptr;
    at = (at + 1) & bucket_mask_;
  }
  return nullptr;
}

}  // namespace penstock
